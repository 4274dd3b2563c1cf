"""From a thickness map to detector pixels: area average, blur, exact extent; and the noise of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from .shapes import ThicknessMap

SUPERSAMPLING = 4  # fine grid cells per detector pixel, in each direction
THICKNESS_FRACTION = 0.3  # a ray belongs to a calcification when it crosses this part of its greatest thickness
COVERED_FRACTION = 0.5  # a pixel belongs to a calcification when this part of its area does
NOISE_TILE = 64  # pixels
STRUCTURE_MM = 0.14  # coarser than this is anatomy, finer is noise


@dataclass(frozen=True)
class Projection:
    """One calcification on the detector grid.

    Parameters
    ----------
    row, column : int
        Where the patch's first pixel lies in the image.
    thickness_mm : float32 array
        Mean thickness in each pixel after blur: what the detector sees, without noise.
    member : bool array
        The exact truth: at least half of the pixel's area lies within the calcification (thickness at least 30 % of
        its greatest); the pixel with the largest share always belongs to it.
    """

    row: int
    column: int
    thickness_mm: NDArray[np.float32]
    member: NDArray[np.bool_]


def project(
    thickness: ThicknessMap, center_row: float, center_column: float, blur_sigma_mm: float, pitch_mm: float
) -> Projection:
    """Place a thickness map at a pixel position (in pixels, fractions allowed) and image it.

    The position is rounded to the fine grid, a quarter of a pixel. The blur is a Gaussian point spread.
    """
    reach = thickness.shape[0] // 2
    margin = int(np.ceil(4 * blur_sigma_mm / pitch_mm))
    first, before, after = [], [], []
    for center in (center_row, center_column):
        # the image's pixel k covers the fine cells [k * SUPERSAMPLING, (k + 1) * SUPERSAMPLING)
        start = round((center + 0.5) * SUPERSAMPLING - 0.5) - reach
        pixel = (start - margin) // SUPERSAMPLING
        end = start + thickness.shape[0]
        last = -((-(end + margin)) // SUPERSAMPLING)
        first.append(pixel)
        before.append(start - pixel * SUPERSAMPLING)
        after.append(last * SUPERSAMPLING - end)
    fine = np.pad(thickness, list(zip(before, after, strict=True)))
    member_fine = fine >= THICKNESS_FRACTION * fine.max()
    coverage = block_mean(member_fine.astype(np.float32), SUPERSAMPLING)
    member = coverage >= COVERED_FRACTION
    member.flat[np.argmax(coverage)] = True
    blurred = gaussian_filter(fine, blur_sigma_mm / pitch_mm, mode="constant", truncate=4)
    return Projection(first[0], first[1], block_mean(blurred, SUPERSAMPLING), member)


def block_mean(array: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Mean over blocks of ``size`` × ``size``; the shape is a multiple of ``size``."""
    rows, columns = (length // size for length in array.shape)
    return array.reshape(rows, size, columns, size).mean(axis=(1, 3), dtype=np.float32)


def noise_map(
    pixels: NDArray[np.float32], breast: NDArray[np.bool_], spacing_mm: float, step: float
) -> NDArray[np.float32]:
    """Standard deviation of the fine noise, one value per tile of 64 × 64 pixels.

    Robust (1.4826 × median absolute value) of the image less its own Gaussian smoothing; tiles that are not wholly
    breast take the nearest tile's value. Rounding to grey levels of width ``step`` is part of the noise, so the result
    is never zero in an 8-bit image.

    Returns
    -------
    float32 array, shape (ceil(rows / 64), ceil(columns / 64))
    """
    shape = [-(-length // NOISE_TILE) for length in pixels.shape]
    padding = [(0, tiles * NOISE_TILE - length) for tiles, length in zip(shape, pixels.shape, strict=True)]
    fine = np.abs(pixels - gaussian_filter(pixels, STRUCTURE_MM / spacing_mm, truncate=3))
    tiles = np.pad(fine, padding, mode="reflect" if min(pixels.shape) > NOISE_TILE else "edge")
    tiles = tiles.reshape(shape[0], NOISE_TILE, shape[1], NOISE_TILE).swapaxes(1, 2)
    inside = np.pad(breast, padding).reshape(shape[0], NOISE_TILE, shape[1], NOISE_TILE).mean(axis=(1, 3)) > 0.9
    noise = np.zeros(shape, np.float32)
    if not inside.any():
        inside[:] = True
    noise[inside] = 1.4826 * np.median(tiles[inside].reshape(int(inside.sum()), -1), axis=1)
    _, nearest = distance_transform_edt(~inside, return_indices=True)
    return np.hypot(noise[tuple(nearest)], step / np.sqrt(12)).astype(np.float32)


def noise_blur_mm(part: NDArray[np.float32], spacing_mm: float) -> float:
    """How far the fine noise is correlated: standard deviation of the Gaussian that would have blurred white noise so.

    Found by the correlation of neighboring pixels of a part of the breast less its own smoothing. A lower limit of
    the unsharpness: processing and re-sampling blur the noise, the focal spot does not.
    """
    structure = STRUCTURE_MM / spacing_mm
    fine = part - gaussian_filter(part, structure, truncate=3)
    fine -= fine.mean()
    variance = float((fine**2).mean())
    if variance == 0:
        return 0.0
    neighbors = float((fine[1:] * fine[:-1]).mean() + (fine[:, 1:] * fine[:, :-1]).mean()) / (2 * variance)
    # the same correlation of white noise after each of these blurs and the same high pass, from the power spectrum
    sigmas = np.linspace(0, 2, 41)
    frequency = np.fft.fftfreq(64)
    squared = frequency[:, None] ** 2 + frequency**2
    power = np.exp(-4 * np.pi**2 * sigmas[:, None, None] ** 2 * squared)
    power *= (1 - np.exp(-2 * np.pi**2 * structure**2 * squared)) ** 2
    expected = (power * np.cos(2 * np.pi * frequency)).sum(axis=(1, 2)) / power.sum(axis=(1, 2))
    return spacing_mm * float(np.interp(neighbors, expected, sigmas))
