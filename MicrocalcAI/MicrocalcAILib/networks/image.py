"""A mammogram as networks see it: a grid of one spacing, contrast in units of local noise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array, csr_array

from ..segmentation.candidates import bounding_box
from ..segmentation.noise import NoiseMap, median
from ..segmentation.scale_space import difference_of_gaussians, gaussian_kernels

_DETAIL_SIGMA_MM = 1.2  # structures wider than this are background
_FINE_SIGMA_MM = 0.2  # what is finer is noise, for the most part
_NO_SIGMA = 1e-6  # the pixel itself
_TRUNCATE = 3.0  # Gaussians end at 3 σ
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
    if tuple(shape) != part.shape:
        if order:
            down, across = (_resampling(*lengths) for lengths in zip(part.shape, shape, strict=True))
            values = (across @ np.ascontiguousarray((down @ values).T)).T
        else:
            offset = [0.5 * factor - 0.5 for factor in scale]
            values = ndimage.affine_transform(values, scale, offset, tuple(shape), order=order, mode="nearest")
    return Grid(np.ascontiguousarray(values), grid_mm, box, scale)


def _resampling(length: int, count: int) -> csr_array:
    """Matrix of weights, shape (count, length): smooths where grid pixels are coarser, and interpolates linearly.

    Smoothing and interpolating are both linear, and the same on every line: four times as fast at once as one by one.
    """
    scale = length / count
    sigma = 0.5 * np.sqrt(max(scale**2 - 1, 0))
    kernels, radii = gaussian_kernels(np.array((max(sigma, _NO_SIGMA),)), _TRUNCATE)
    reach = int(radii[0])
    kernel = np.concatenate((kernels[0, :0:-1], kernels[0]))
    places = np.clip((np.arange(count) + 0.5) * scale - 0.5, 0, length - 1)
    before = places.astype(np.intp)
    part = (places - before)[:, None]
    weights = np.pad((1 - part) * kernel, ((0, 0), (0, 1))) + np.pad(part * kernel, ((0, 0), (1, 0)))
    columns = np.clip(before[:, None] + np.arange(-reach, reach + 2), 0, length - 1)  # continued with the nearest
    rows = np.broadcast_to(np.arange(count)[:, None], columns.shape)
    entries = weights.astype(np.float32).ravel(), (rows.ravel(), columns.ravel())
    return coo_array(entries, shape=(count, length)).tocsr()


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
    values = np.ascontiguousarray(values, np.float32)
    tile = max(round(_NOISE_TILE_MM / spacing_mm), 4)
    tiles = [max(length // tile, 1) for length in values.shape]
    edges = [np.linspace(0, length, count + 1).astype(int) for length, count in zip(values.shape, tiles, strict=True)]
    bands = list(itertools.pairwise(edges[0]))
    contrast = np.empty_like(values)
    noise = np.full(tiles, np.nan, np.float32)
    for i, (first, last) in enumerate(bands):
        fine, contrast[first:last] = _fine_and_detail(values, first, last, spacing_mm)
        np.abs(fine, out=fine)
        for j, (left, right) in enumerate(itertools.pairwise(edges[1])):
            chosen = fine[:, left:right][inside[first:last, left:right]]
            if chosen.size > 0.1 * (last - first) * (right - left):
                noise[i, j] = _MAD_TO_SD * median(chosen)
    known = np.isfinite(noise) & (noise > 0)
    if known.any():  # tiles with little breast take the nearest other's
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        noise = np.maximum(noise[tuple(nearest)], 0.25 * np.median(noise[known]))
    else:
        noise[:] = max(float(np.abs(_fine_and_detail(values, 0, len(values), spacing_mm)[0]).std()), 1e-6)
    step = (values.shape[0] / tiles[0], values.shape[1] / tiles[1])
    interpolated = NoiseMap(noise[None], ((step[0] - 1) / 2, (step[1] - 1) / 2), step)
    for first, last in bands:
        contrast[first:last] = _compressed(contrast[first:last] / interpolated.at((first, last, 0, values.shape[1]))[0])
    return contrast


def _compressed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """asinh, from NumPy's fast root and logarithm (its own asinh takes four times as long)."""
    size = np.abs(values)
    return np.copysign(np.log(size + np.sqrt(size * size + 1)), values)


def _fine_and_detail(
    values: NDArray[np.float32], first: int, last: int, spacing_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What rows hold beyond a narrow and beyond a wide Gaussian."""
    sigmas_px = np.array((_NO_SIGMA, _FINE_SIGMA_MM, _DETAIL_SIGMA_MM)) / spacing_mm
    kernels, radii = gaussian_kernels(sigmas_px, _TRUNCATE)
    planes = np.empty((2, last - first, values.shape[1]), np.float32)
    rows = np.arange(first, last)
    difference_of_gaussians(values, rows, 0, values.shape[1], kernels, radii, np.float32(1), planes)
    planes[1] += planes[0]
    return planes[0], planes[1]
