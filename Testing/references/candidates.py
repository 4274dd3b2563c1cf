"""The candidate stage's formulas written plainly with scikit-image: oracle of its tests, opponent of its benchmark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import hessian_matrix, peak_local_max
from skimage.filters import gaussian
from skimage.measure import label, regionprops

from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.segmentation.candidates import Candidates


def with_scikit_image(
    pixels: NDArray[np.float32],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    parameters: CandidateParameters,
) -> list[NDArray[np.intp]]:
    """The candidate stage's formulas as its documentation states them: pixels (row, column) of each candidate."""
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    reach = int(4 * parameters.smallest_sigma_mm * parameters.scale_ratio**parameters.scales / pixel_mm + 1.5)
    around = (slice(max(top - reach, 0), bottom + reach), slice(max(left - reach, 0), right + reach))
    box = (
        slice(top - around[0].start, bottom - around[0].start),
        slice(left - around[1].start, right - around[1].start),
    )
    sigmas = parameters.smallest_sigma_mm * parameters.scale_ratio ** np.arange(parameters.scales + 1) / pixel_mm
    smooth = [gaussian(pixels[around], sigma, mode="nearest", truncate=4, preserve_range=True) for sigma in sigmas]
    planes = np.stack([(smooth[k] - smooth[k + 1]) / (parameters.scale_ratio - 1) for k in range(parameters.scales)])
    breast = mask[top:bottom, left:right]
    noise = np.stack([_noise(plane[box], breast, parameters.noise_tile_mm / pixel_mm) for plane in planes])
    whole = np.stack([_pad_like(plane, noise_plane, box) for plane, noise_plane in zip(planes, noise, strict=True)])
    found = peak_local_max(planes, min_distance=1, exclude_border=False, threshold_abs=0, p_norm=np.inf)
    inside = np.zeros(planes.shape[1:], bool)
    inside[box] = breast
    values = planes[tuple(found.T)]
    found = found[inside[found[:, 1], found[:, 2]] & (values >= parameters.peak_threshold * whole[tuple(found.T)])]
    largest = parameters.largest_area_mm2 / pixel_mm**2
    candidates = []
    for k, plane in enumerate(planes):
        rr, rc, cc = hessian_matrix(plane, sigma=0, order="rc", mode="nearest", use_gaussian_derivatives=False)
        trace, determinant = rr + cc, rr * cc - rc**2
        shape = (trace < 0) & (np.abs(determinant) < 1.4 * trace**2) & (plane > parameters.outline_threshold * whole[k])
        outside = np.ones(shape.shape, bool)
        outside[box[0], slice(box[1].start + 1, box[1].stop - 1)] = False
        shape[outside] = False
        parts = label(shape, connectivity=2)
        held = set(parts[found[found[:, 0] == k, 1], found[found[:, 0] == k, 2]].tolist()) - {0}
        for region in regionprops(parts):
            if region.label in held and region.area <= largest:
                candidates.append(region.coords + np.array((around[0].start, around[1].start)))
    return candidates


def _pad_like(plane: NDArray[np.float32], noise: NDArray[np.float32], box: tuple[slice, slice]) -> NDArray[np.float32]:
    padded = np.full(plane.shape, np.inf, np.float32)
    padded[box] = noise
    return padded


def _noise(plane: NDArray[np.float32], breast: NDArray[np.bool_], tile_px: float) -> NDArray[np.float32]:
    """Robust SD per tile, bilinear in between."""
    down, across = max(round(plane.shape[0] / tile_px), 1), max(round(plane.shape[1] / tile_px), 1)
    step = (plane.shape[0] / down, plane.shape[1] / across)
    edges = np.linspace(0, plane.shape[1], across + 1).astype(int)
    grid = np.full((down, across), np.nan, np.float32)
    for i in range(down):
        rows = np.arange(int(i * step[0]), int((i + 1) * step[0]), 4)
        for j in range(across):
            tile = (rows[:, None], np.arange(edges[j], edges[j + 1], 2)[None])
            chosen = breast[tile]
            if chosen.sum() >= max(0.1 * chosen.size, 1):
                grid[i, j] = 1.4826 * np.median(np.abs(plane[tile][chosen]))
    unknown = np.isnan(grid)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    grid = grid[tuple(nearest)]
    grid = np.maximum(grid, 0.25 * np.median(grid))
    rows = np.clip((np.arange(plane.shape[0]) - step[0] / 2) / step[0], 0, down - 1)
    columns = np.clip((np.arange(plane.shape[1]) - step[1] / 2) / step[1], 0, across - 1)
    return ndimage.map_coordinates(grid, np.meshgrid(rows, columns, indexing="ij"), order=1, output=np.float32)


def dice(ours: Candidates, theirs: list[NDArray[np.intp]]) -> float:
    """Dice coefficient of all pixels found."""
    first = set(zip(ours.rows.tolist(), ours.columns.tolist(), strict=True))
    second = {tuple(pixel) for part in theirs for pixel in part.tolist()}
    return 2 * len(first & second) / (len(first) + len(second))
