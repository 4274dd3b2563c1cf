"""A mammogram as networks see it: a grid of one spacing, contrast in units of local noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..segmentation.candidates import bounding_box

_DETAIL_SIGMA_MM = 1.2  # structures wider than this are background
_FINE_SIGMA_MM = 0.2  # what is finer is noise, for the most part
_NOISE_TILE_MM = 6.0
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Grid:
    """A part of an image resampled to one spacing.

    Parameters
    ----------
    values : float32 array, shape (grid rows, grid columns)
    spacing_mm : float
    box : (int, int, int, int)
        First row, last row + 1, first column, last column + 1 of the part, in the image.
    scale : (float, float)
        Image rows per grid row, image columns per grid column. The center of grid pixel (i, j) lies at image row
        ``box[0] + (i + 0.5) · scale[0] − 0.5`` and likewise for columns.
    """

    values: NDArray[np.float32]
    spacing_mm: float
    box: tuple[int, int, int, int]
    scale: tuple[float, float]

    def at(self, rows: NDArray[np.generic], columns: NDArray[np.generic]) -> tuple[NDArray, NDArray]:
        """Nearest grid indices of image positions (pixels), kept inside the grid."""
        indices = []
        for positions, first, scale, length in zip(
            (rows, columns), (self.box[0], self.box[2]), self.scale, self.values.shape, strict=True
        ):
            found = np.floor((np.asarray(positions, np.float64) + 0.5 - first) / scale).astype(np.intp)
            indices.append(np.clip(found, 0, length - 1))
        return indices[0], indices[1]


def resampled(
    pixels: NDArray[np.generic],
    spacing_mm: tuple[float, float],
    grid_mm: float,
    box: tuple[int, int, int, int] | None = None,
    order: int = 1,
) -> Grid:
    """An image, or a box of it, on a grid of ``grid_mm``.

    Coarser grids are smoothed before (standard deviation half a grid pixel) so that nothing aliases.

    Parameters
    ----------
    pixels : array, shape (rows, columns)
    spacing_mm : (float, float)
    grid_mm : float
    box : (int, int, int, int), optional
        First row, last row + 1, first column, last column + 1; the whole image by default.
    order : {0, 1}
        0 takes the nearest pixel (masks, labels; not smoothed), 1 interpolates linearly.
    """
    box = box or (0, pixels.shape[0], 0, pixels.shape[1])
    part = pixels[box[0] : box[1], box[2] : box[3]]
    shape = [max(round(part.shape[axis] * spacing_mm[axis] / grid_mm), 1) for axis in (0, 1)]
    scale = (part.shape[0] / shape[0], part.shape[1] / shape[1])
    values = np.asarray(part, np.float32)
    if order and max(scale) > 1.05:
        sigma = [0.5 * np.sqrt(max(factor**2 - 1, 0)) for factor in scale]
        values = ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3)
    if tuple(shape) != part.shape:
        offset = [0.5 * factor - 0.5 for factor in scale]
        values = ndimage.affine_transform(values, scale, offset, tuple(shape), order=order, mode="nearest")
    return Grid(np.ascontiguousarray(values), grid_mm, box, scale)


def breast_in_contrast(
    pixels: NDArray[np.float32], breast: NDArray[np.bool_], spacing_mm: tuple[float, float], grid_mm: float
) -> tuple[Grid, NDArray[np.bool_]]:
    """The bounding box of the breast on a grid, in local contrast, and which grid pixels are breast.

    Parameters
    ----------
    pixels, breast : arrays, shape (rows, columns)
        The breast holds at least one pixel.
    spacing_mm : (float, float)
    grid_mm : float
    """
    box = bounding_box(breast)
    grid = resampled(pixels, spacing_mm, grid_mm, box)
    inside = resampled(breast, spacing_mm, grid_mm, box, order=0).values > 0
    return Grid(local_contrast(grid.values, inside, grid_mm), grid_mm, grid.box, grid.scale), inside


def local_contrast(values: NDArray[np.float32], inside: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.float32]:
    """Detail in units of local noise, compressed: ``asinh(detail / noise)``; independent of gain, offset and bit depth.

    Parameters
    ----------
    values : float32 array, shape (rows, columns)
    inside : bool array, same shape
        The breast; the noise is measured there.
    spacing_mm : float

    Returns
    -------
    float32 array
        0 for smooth tissue, about ±0.9 for one standard deviation of the noise, 3.7 for twenty.
    """
    detail = values - ndimage.gaussian_filter(values, _DETAIL_SIGMA_MM / spacing_mm, mode="nearest", truncate=3)
    fine = values - ndimage.gaussian_filter(values, _FINE_SIGMA_MM / spacing_mm, mode="nearest", truncate=3)
    return np.arcsinh(detail / _noise(np.abs(fine), inside, _NOISE_TILE_MM / spacing_mm)).astype(np.float32)


def _noise(fine: NDArray[np.float32], inside: NDArray[np.bool_], tile_px: float) -> NDArray[np.float32]:
    """Robust standard deviation in tiles, interpolated; tiles with little breast take the nearest other's."""
    tile = max(round(tile_px), 4)
    tiles = [max(length // tile, 1) for length in fine.shape]
    edges = [np.linspace(0, length, count + 1).astype(int) for length, count in zip(fine.shape, tiles, strict=True)]
    noise = np.full(tiles, np.nan, np.float32)
    for i in range(tiles[0]):
        for j in range(tiles[1]):
            window = np.s_[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]]
            chosen = fine[window][inside[window]]
            if chosen.size > 0.1 * fine[window].size:
                noise[i, j] = _MAD_TO_SD * np.median(chosen)
    known = np.isfinite(noise) & (noise > 0)
    if not known.any():
        return np.full(fine.shape, max(float(fine.std()), 1e-6), np.float32)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    noise = np.maximum(noise[tuple(nearest)], 0.25 * np.median(noise[known]))
    scale = [count / length for count, length in zip(tiles, fine.shape, strict=True)]
    offset = [0.5 * factor - 0.5 for factor in scale]
    return ndimage.affine_transform(noise, scale, offset, fine.shape, order=1, mode="nearest")
