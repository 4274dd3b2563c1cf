"""The view of the networks written plainly, with SciPy alone: what the band-by-band one is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def local_contrast(values: NDArray[np.float32], inside: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """As :func:`MicrocalcAILib.networks.image.local_contrast`, for images whose breast shows noise."""

    def beyond(sigma_mm: float) -> NDArray[np.float32]:
        return values - ndimage.gaussian_filter(values, sigma_mm / spacing_mm, mode="nearest", truncate=3)

    fine = np.abs(beyond(0.2))
    tile = max(round(6.0 / spacing_mm), 4)
    tiles = [max(length // tile, 1) for length in fine.shape]
    edges = [np.linspace(0, length, count + 1).astype(int) for length, count in zip(fine.shape, tiles, strict=True)]
    noise = np.full(tiles, np.nan, np.float32)
    for i, j in np.ndindex(*tiles):
        window = np.s_[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]]
        chosen = fine[window][inside[window]]
        if chosen.size > 0.1 * fine[window].size:
            noise[i, j] = 1.4826 * np.median(chosen)
    known = np.isfinite(noise) & (noise > 0)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    noise = np.maximum(noise[tuple(nearest)], 0.25 * np.median(noise[known]))
    scale = [count / length for count, length in zip(tiles, fine.shape, strict=True)]
    level = ndimage.affine_transform(
        noise, scale, [0.5 * factor - 0.5 for factor in scale], fine.shape, order=1, mode="nearest"
    )
    return np.arcsinh(beyond(1.2) / level).astype(np.float32)
