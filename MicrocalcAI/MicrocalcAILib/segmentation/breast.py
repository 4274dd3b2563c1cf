"""Where the breast is in a mammogram: air, labels, markers, wires and film borders are left out.

The work is done on a grid of about 0.4 mm. The level, slope and noise of the air are measured; what stands out of it
is tissue, a label or a film border. The largest solid part is the breast, and grows to its faint skin and nipple.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage

from ..base.errors import WarningRecord
from ..base.parameters import BreastParameters
from ..reading.mammogram import Mammogram
from ..reading.no_value import padding_of
from .background import (
    SMALLEST_AIR,
    Grid,
    Mask,
    Window,
    is_structureless,
    remove_film_borders,
    signal_above_air,
    without_empty_borders,
)
from .pectoral import find_pectoral_muscle


@dataclass(frozen=True)
class BreastRegion:
    """The breast in a mammogram.

    Parameters
    ----------
    mask : bool array, shape (rows, columns)
        Breast tissue with its skin and nipple; no air, labels, markers beside the breast, or film borders.
    box : (slice, slice)
        Bounding box of the mask; empty slices when there is no breast.
    chest_wall_side : {"left", "right"} or None
        Image side that the breast lies against; None when neither the pixels nor the file tell.
    pectoral_muscle : bool array, shape (rows, columns), or None
        The part of the mask that is pectoral muscle; None when none stands out.
    area_cm2 : float
        Area of the mask.
    warnings : tuple of WarningRecord
        ``no-breast-found`` (the mask is empty) or ``no-background-found`` (the whole image is taken as breast).
    with_marks : bool array, shape (rows, columns), or None
        The mask with the pixels in it that have no value (arrows, boxes, holes); its border is the skin. None when
        every pixel has a value.
    """

    mask: Mask
    box: Window
    chest_wall_side: str | None
    pectoral_muscle: Mask | None
    area_cm2: float
    warnings: tuple[WarningRecord, ...] = ()
    with_marks: Mask | None = None


@dataclass(frozen=True)
class EdgeDistance:
    """Distance to the skin line, on a reduced grid.

    Parameters
    ----------
    grid_mm : float32 array
        Distance in mm from the center of a grid pixel to the nearest air; 0 outside the breast. Where the image shows
        no air at all, the length of its diagonal.
    steps : (int, int)
        Image rows and columns per grid pixel.
    """

    grid_mm: Grid
    steps: tuple[int, int]

    def at(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.float32]:
        """Distance in mm at image positions (row, column), interpolated."""
        positions = np.stack(np.broadcast_arrays(np.atleast_1d(rows), columns)).astype(np.float64)
        positions = ((positions.T + 0.5) / self.steps - 0.5).T
        distance_mm = ndimage.map_coordinates(self.grid_mm, positions, order=1, mode="nearest")
        return np.asarray(distance_mm, np.float32).reshape(np.broadcast_shapes(np.shape(rows), np.shape(columns)))


def find_breast(mammogram: Mammogram, parameters: BreastParameters | None = None) -> BreastRegion:
    """Find the breast, the side of the chest wall and, on oblique and lateral views, the pectoral muscle.

    Parameters
    ----------
    mammogram : Mammogram
        Brighter = more attenuating; any gain, offset and bit depth, raw or processed, digital or film.
    parameters : BreastParameters, optional

    Returns
    -------
    BreastRegion
        With an empty mask and the warning ``no-breast-found`` for an image without a breast.
    """
    parameters = parameters or BreastParameters()
    shape = mammogram.pixels.shape
    steps = _grid_steps(shape, mammogram.spacing_mm, parameters.grid_mm)
    pixel_mm = (steps[0] * mammogram.spacing_mm[0], steps[1] * mammogram.spacing_mm[1])
    padding = padding_of(mammogram.valid, mammogram.spacing_mm)
    grid, inside = _reduce(mammogram.pixels, None if padding is None else ~padding, steps)
    small, warnings = _breast_on_grid(grid, inside, pixel_mm, parameters)
    side, muscle = None, None
    if small.any():
        side = _chest_wall_side(small, pixel_mm) or mammogram.chest_wall_side
    if side is not None:
        muscle = find_pectoral_muscle(grid, small, pixel_mm, side, mammogram.view)
    mask, with_marks = _enlarge(small, steps, shape), None
    if mammogram.valid is not None:
        with_marks = mask if padding is None else mask & ~padding
        mask = mask & mammogram.valid
    if muscle is not None:
        muscle = _enlarge(muscle, steps, shape)
        muscle &= mask
    pixel_cm2 = mammogram.spacing_mm[0] * mammogram.spacing_mm[1] / 100.0
    area_cm2 = float(np.count_nonzero(mask)) * pixel_cm2
    return BreastRegion(mask, _box(mask), side, muscle, area_cm2, warnings, with_marks)


def edge_distance(region: BreastRegion, spacing_mm: tuple[float, float], grid_mm: float = 0.4) -> EdgeDistance:
    """Measure how far inside the skin line every place of the breast lies.

    Pixels without a value inside the breast are no skin, and neither is the image border: the distance keeps growing
    towards the chest wall, also when a film frame or a dark strip separates the mask from the border.

    Parameters
    ----------
    region : BreastRegion
    spacing_mm : (float, float)
        Row and column spacing of the mask.
    grid_mm : float
        Pixel size of the reduced grid.
    """
    steps = _grid_steps(region.mask.shape, spacing_mm, grid_mm)
    pixel_mm = (steps[0] * spacing_mm[0], steps[1] * spacing_mm[1])
    whole = region.mask if region.with_marks is None else region.with_marks
    small = whole[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]].copy()
    if small.all():
        diagonal_mm = math.hypot(small.shape[0] * pixel_mm[0], small.shape[1] * pixel_mm[1])
        return EdgeDistance(np.full(small.shape, diagonal_mm, np.float32), steps)
    widest_gap_mm, shortest_cut_mm = 5.0, 25.0
    for axis in (0, 1):
        for lines in (np.moveaxis(small, axis, 0), np.moveaxis(small, axis, 0)[::-1]):
            used = np.flatnonzero(lines.any(axis=1))
            if not used.size or used[0] * pixel_mm[axis] > widest_gap_mm:
                continue
            # a straight cut this long is the end of the image, not the rounded skin
            if np.count_nonzero(lines[used[0]]) * pixel_mm[1 - axis] > shortest_cut_mm:
                lines[: used[0]] = lines[used[0]]
    return EdgeDistance(ndimage.distance_transform_edt(small, sampling=pixel_mm).astype(np.float32), steps)


def _grid_steps(shape: tuple[int, ...], spacing_mm: tuple[float, float], grid_mm: float) -> tuple[int, int]:
    """Image rows and columns per grid pixel; never so many that a small image loses its shape."""
    most = max(1, min(shape) // 200)
    row_step, column_step = (min(most, max(1, int(grid_mm / length + 0.01))) for length in spacing_mm)
    return row_step, column_step


def _reduce(pixels: Grid, valid: Mask | None, steps: tuple[int, int]) -> tuple[Grid, Mask]:
    """Block means, and where all of a block is image; blocks at the lower and right border may be smaller."""
    row_starts = np.arange(0, pixels.shape[0], steps[0])
    column_starts = np.arange(0, pixels.shape[1], steps[1])
    grid = np.empty((row_starts.size, column_starts.size), np.float32)
    inside = np.ones(grid.shape, bool)
    for index, start in enumerate(row_starts):
        band = slice(start, start + steps[0])
        grid[index] = np.add.reduceat(pixels[band].mean(axis=0), column_starts)
        if valid is not None:
            inside[index] = np.logical_and.reduceat(valid[band].all(axis=0), column_starts)
    grid /= np.diff(np.append(column_starts, pixels.shape[1])).astype(np.float32)
    return grid, inside


def _enlarge(small: Mask, steps: tuple[int, int], shape: tuple[int, ...]) -> Mask:
    """Bring a mask on the grid to the size of the image, with a smooth outline."""
    large = np.zeros(shape, bool)
    if not small.any():
        return large
    window = tuple(
        slice(max(0, side.start - 4), min(count, side.stop + 4))
        for side, count in zip(_box(small), small.shape, strict=True)
    )
    soft = ndimage.gaussian_filter(255 * small[window].astype(np.float32), 1.0, mode="nearest")
    rows, columns = (slice(side.start * step, side.stop * step) for side, step in zip(window, steps, strict=True))
    size = (columns.stop - columns.start, rows.stop - rows.start)
    levels = np.asarray(Image.fromarray(soft.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR))
    target = large[rows, columns]
    np.greater(levels[: target.shape[0], : target.shape[1]], 127, out=target)
    return large


def _box(mask: Mask) -> Window:
    """Bounding box; empty slices for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _breast_on_grid(
    grid: Grid, inside: Mask, pixel_mm: tuple[float, float], parameters: BreastParameters
) -> tuple[Mask, tuple[WarningRecord, ...]]:
    """The breast mask on the reduced grid, with the warnings of BreastRegion."""
    nothing = np.zeros(grid.shape, bool)
    not_found = WarningRecord("no-breast-found", "No breast was found in this image; check that it is a mammogram.")
    padded = 1 - float(inside.mean())  # padding is air
    inside = without_empty_borders(grid, inside)
    if not inside.any() or is_structureless(grid, inside):
        return nothing, (not_found,)
    air = signal_above_air(grid, inside, parameters.flatness_ratio)
    if air is None and padded >= SMALLEST_AIR:
        return _largest_solid_part(inside, pixel_mm, parameters), ()
    if air is None:
        message = "No air was found beside the breast, so the whole image was taken as breast."
        return inside.copy(), (WarningRecord("no-background-found", message),)
    signal, noise = np.where(inside, air[0], 0).astype(np.float32), air[1]
    row_strip, column_strip = (round(parameters.border_strip_mm / length) for length in pixel_mm)
    signal, window, contrast = remove_film_borders(signal, (row_strip, column_strip))
    signal = signal[window]
    lowest = parameters.noise_factor * noise
    tissue = _largest_solid_part(signal > max(parameters.tissue_ratio * contrast, lowest), pixel_mm, parameters)
    if np.count_nonzero(tissue) < max(1.0, parameters.smallest_area_ratio * np.count_nonzero(inside)):
        return nothing, (not_found,)
    nothing[window] = _grow_to_skin(signal, tissue, contrast, lowest, pixel_mm, parameters)
    return nothing, ()


def _grow_to_skin(
    signal: Grid,
    tissue: Mask,
    contrast: float,
    lowest: float,
    pixel_mm: tuple[float, float],
    parameters: BreastParameters,
) -> Mask:
    """Add faint skin and nipple with the lowest threshold that does not run into the surroundings."""
    reach_mm = parameters.skin_reach_mm
    margins = (math.ceil(reach_mm / length) + 1 for length in pixel_mm)
    window = tuple(
        slice(max(0, side.start - margin), side.stop + margin)
        for side, margin in zip(_box(tissue), margins, strict=True)
    )
    distance_mm = ndimage.distance_transform_edt(~tissue[window], sampling=pixel_mm)
    is_near = distance_mm <= reach_mm
    is_rim = is_near & (distance_mm > 0.8 * reach_mm)
    ratio = parameters.skin_ratio
    skin = signal[window] > max(ratio * contrast, lowest)
    while ratio < parameters.tissue_ratio and np.count_nonzero(skin & is_rim) > 0.25 * np.count_nonzero(is_rim):
        ratio *= 2
        skin = signal[window] > max(ratio * contrast, lowest)
    breast = np.zeros_like(tissue)
    breast[window] = _largest_solid_part(skin & is_near, pixel_mm, parameters)
    return breast


def _largest_solid_part(candidate: Mask, pixel_mm: tuple[float, float], parameters: BreastParameters) -> Mask:
    """Keep the largest connected part, take off what is thin, fill the holes."""
    result = np.zeros_like(candidate)
    largest = _largest_part(candidate)
    if not largest.any():
        return result
    window = _box(largest)
    radius_mm = parameters.thinnest_part_mm / 2
    margin = math.ceil(radius_mm / min(pixel_mm)) + 1
    # a window side that is no image border is followed by air; mirroring keeps what is cut off by an image border
    at_border = [(side.start == 0, side.stop == count) for side, count in zip(window, candidate.shape, strict=True)]
    padded = np.pad(largest[window], margin, mode="symmetric")
    for axis, (start, stop) in enumerate(at_border):
        lines = np.moveaxis(padded, axis, 0)
        if not start:
            lines[:margin] = False
        if not stop:
            lines[-margin:] = False
    core = ndimage.distance_transform_edt(padded, sampling=pixel_mm) > radius_mm
    core = _largest_part(core)
    opened = ndimage.distance_transform_edt(~core, sampling=pixel_mm) <= radius_mm if core.any() else core
    inner = (slice(margin, -margin), slice(margin, -margin))
    result[window] = ndimage.binary_fill_holes(opened[inner] & largest[window])
    return result


def _largest_part(mask: Mask) -> Mask:
    """The connected part with the most pixels."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _chest_wall_side(mask: Mask, pixel_mm: tuple[float, float]) -> str | None:
    """The image side that the mask touches over the greater length; None when both are touched alike."""
    reach = max(1, round(5.0 / pixel_mm[1]))
    left = np.count_nonzero(mask[:, :reach].any(axis=1))
    right = np.count_nonzero(mask[:, -reach:].any(axis=1))
    if max(left, right) < 1.25 * min(left, right):
        return None
    return "left" if left > right else "right"
