"""Candidate specks: every bright spot of calcification size, recall first.

The first stage of HDoGReg (Marasinou et al. 2021) restated in millimeters and in units of local noise, so that pixel
size, bit depth and gain do not move it. For each difference-of-Gaussians plane k (scales in mm):

1. *noise* N_k: robust standard deviation (1.4826 · median |DoG_k|) on a grid of tiles, bilinear in between;
2. *shape*: bright, convex pixels: DoG_k > ``outline_threshold`` · N_k, trace H < 0, |det H| < 1.4 · (trace H)²;
3. *peaks*: maxima over 3 × 3 pixels and neighboring planes with DoG_k ≥ ``peak_threshold`` · N_k;
4. every connected part of the shape that holds a peak of the same plane is a candidate. Parts of different planes may
   overlap: which one describes the speck is decided later, by selection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from ..parameters import CandidateParameters
from ..progress import Progress, no_progress
from .scale_space import BAND_ROWS, difference_of_gaussians, gaussian_kernels

_SHAPE_RATIO = 1.4  # |det| / trace² of the Hessian (HDoGReg)
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Candidates:
    """Candidate specks as lists of pixels (no image-sized array), in reading order of their peaks.

    Parameters
    ----------
    rows, columns : int32 arrays, shape (pixels,)
        Pixels of all candidates, candidate after candidate, in image coordinates.
    starts : int64 array, shape (candidates + 1,)
        Candidate i owns ``rows[starts[i]:starts[i + 1]]``.
    peak_rows, peak_columns, planes : int32 arrays, shape (candidates,)
        Strongest peak and the plane (0 = finest) in which the candidate was found.
    responses : float32 array, shape (candidates, scales)
        DoG_k / N_k at the peak.
    noise : float32 array, shape (candidates,)
        N_0 at the peak, in pixel units of the image.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    starts: NDArray[np.int64]
    peak_rows: NDArray[np.int32]
    peak_columns: NDArray[np.int32]
    planes: NDArray[np.int32]
    responses: NDArray[np.float32]
    noise: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.planes)

    @property
    def areas(self) -> NDArray[np.int64]:
        """Number of pixels of each candidate."""
        return np.diff(self.starts)

    def positions_mm(self, spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
        """(y, x) of the peaks from the center of pixel (0, 0), shape (candidates, 2)."""
        return np.column_stack((self.peak_rows * spacing_mm[0], self.peak_columns * spacing_mm[1]))


def find_candidates(
    pixels: NDArray[np.float32],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    parameters: CandidateParameters | None = None,
    progress: Progress = no_progress,
) -> Candidates:
    """All candidate specks whose peak lies in ``mask``.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Brighter = more attenuating; any gain and offset.
    mask : bool array, same shape
        Where to look (the breast).
    spacing_mm : (float, float)
        Row and column spacing; their geometric mean sets the scales.
    parameters : CandidateParameters, optional
    progress : callable, optional

    Notes
    -----
    Time is proportional to the bounding box of the mask; additional memory to one byte per pixel of it.
    """
    parameters = parameters or CandidateParameters()
    occupied_rows, occupied_columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if occupied_rows.size == 0:
        return _no_candidates(parameters.scales)
    top, bottom = int(occupied_rows[0]), int(occupied_rows[-1]) + 1
    left, right = int(occupied_columns[0]), int(occupied_columns[-1]) + 1
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    kernels, radii = gaussian_kernels(_sigmas_mm(parameters) / pixel_mm)
    gain = np.float32(1 / (parameters.scale_ratio - 1))  # σ_k / (σ_{k+1} − σ_k)
    noise, origin, step = _noise_grid(
        pixels, mask, (top, bottom, left, right), kernels, radii, gain, parameters.noise_tile_mm / pixel_mm
    )
    if not noise.any():
        return _no_candidates(parameters.scales)

    noise_columns = _interpolated(noise, (np.arange(left, right) - origin[1]) / step[1])
    shape_bits = np.zeros((bottom - top, right - left), np.uint8)
    planes = np.empty((parameters.scales, BAND_ROWS + 2, right - left), np.float32)
    peaks = []
    for first in range(top, bottom, BAND_ROWS):
        progress("candidates", first - top, bottom - top)
        count = min(BAND_ROWS, bottom - first)
        band = planes[:, : count + 2]
        difference_of_gaussians(
            pixels, np.arange(first - 1, first + count + 1), left, right, kernels, radii, gain, band
        )
        peaks.append(
            _judge_band(
                band,
                noise_columns,
                (np.arange(first, first + count) - origin[0]) / step[0],
                mask[first : first + count, left:right],
                np.float32(parameters.outline_threshold),
                np.float32(parameters.peak_threshold),
                shape_bits[first - top : first - top + count],
                first - top,
            )
        )
    found = np.concatenate([positions for positions, _ in peaks])
    responses = np.concatenate([values for _, values in peaks])
    strongest_first = np.argsort(-responses[np.arange(len(found)), found[:, 0]], kind="stable")
    found, responses = found[strongest_first], responses[strongest_first]
    largest = max(int(parameters.largest_area_mm2 / pixel_mm**2), 1)
    rows, columns, starts, seeds = _grow(shape_bits, found, largest)
    reading_order = np.lexsort((found[seeds, 0], found[seeds, 2], found[seeds, 1]))
    found, responses = found[seeds[reading_order]], responses[seeds[reading_order]]
    areas = np.diff(starts)[reading_order]
    pixel_order = np.repeat(starts[:-1][reading_order] - np.cumsum(areas) + areas, areas) + np.arange(areas.sum())
    progress("candidates", bottom - top, bottom - top)
    return Candidates(
        rows[pixel_order] + np.int32(top),
        columns[pixel_order] + np.int32(left),
        np.concatenate((np.zeros(1, np.int64), np.cumsum(areas))),
        found[:, 1] + np.int32(top),
        found[:, 2] + np.int32(left),
        found[:, 0],
        responses[:, :-1],
        responses[:, -1],
    )


def _sigmas_mm(parameters: CandidateParameters) -> NDArray[np.floating]:
    return parameters.smallest_sigma_mm * parameters.scale_ratio ** np.arange(parameters.scales + 1)


def _no_candidates(scales: int) -> Candidates:
    none = np.empty(0, np.int32)
    return Candidates(
        none, none, np.zeros(1, np.int64), none, none, none, np.empty((0, scales), np.float32), np.empty(0, np.float32)
    )


def _noise_grid(
    pixels: NDArray[np.float32],
    mask: NDArray[np.bool_],
    box: tuple[int, int, int, int],
    kernels: NDArray[np.float32],
    radii: NDArray[np.int64],
    gain: np.float32,
    tile_px: float,
) -> tuple[NDArray[np.float32], tuple[float, float], tuple[float, float]]:
    """Robust SD of each plane at the centers of a grid of tiles, from every fourth row and second column.

    Tiles with too few breast pixels take the value of the nearest tile that has enough; no tile falls below a quarter
    of the median tile, so that flat (saturated, posterized) places do not turn into seas of peaks.
    """
    top, bottom, left, right = box
    tiles_down = max(round((bottom - top) / tile_px), 1)
    tiles_across = max(round((right - left) / tile_px), 1)
    step = ((bottom - top) / tiles_down, (right - left) / tiles_across)
    noise = np.full((len(radii) - 1, tiles_down, tiles_across), np.nan, np.float32)
    edges = np.linspace(0, right - left, tiles_across + 1).astype(int)
    for i in range(tiles_down):
        rows = np.arange(int(top + i * step[0]), max(int(top + (i + 1) * step[0]), int(top + i * step[0]) + 1), 4)
        planes = np.empty((len(radii) - 1, len(rows), right - left), np.float32)
        difference_of_gaussians(pixels, rows, left, right, kernels, radii, gain, planes)
        np.abs(planes, out=planes)
        inside = mask[rows, left:right]
        for j in range(tiles_across):
            tile = slice(edges[j], edges[j + 1], 2)
            chosen = inside[:, tile]
            if chosen.sum() >= max(0.1 * chosen.size, 1):
                noise[:, i, j] = _MAD_TO_SD * np.median(planes[:, :, tile][:, chosen], axis=1)
    unknown = np.isnan(noise[0])
    if unknown.all():  # a mask thinner than the sampling
        noise[:], unknown[:] = 0, False
    if unknown.any():
        nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
        noise = noise[:, nearest[0], nearest[1]]
    floor = 0.25 * np.median(noise, axis=(1, 2), keepdims=True)
    return np.maximum(noise, floor), (top + step[0] / 2, left + step[1] / 2), step


def _interpolated(grid: NDArray[np.float32], positions: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear interpolation along the last axis; constant beyond the first and last cell."""
    clipped = np.clip(positions, 0, grid.shape[-1] - 1)
    low = clipped.astype(np.intp)
    fraction = (clipped - low).astype(np.float32)
    return grid[..., low] * (1 - fraction) + grid[..., np.minimum(low + 1, grid.shape[-1] - 1)] * fraction


@njit(cache=True, fastmath=True, nogil=True)
def _judge_band(band, noise_columns, noise_positions, mask, outline_threshold, peak_threshold, shape_bits, first_row):  # type: ignore[no-untyped-def]
    """Mark the shape of each plane (bit k) and list the peaks of a band.

    ``noise_columns`` is the noise of each plane at every column, for the rows of the noise grid; ``noise_positions``
    are the band's rows on that grid. Returns positions (plane, row, column) and, for each, DoG/N of every plane and N
    of plane 0.
    """
    scales, cells, width = noise_columns.shape
    rows = len(noise_positions)
    positions = np.empty((64, 3), np.int32)
    values = np.empty((64, scales + 1), np.float32)
    level = np.empty((scales, width), np.float32)
    margin = np.empty(width, np.float32)
    count = 0
    for i in range(rows):
        position = min(max(noise_positions[i], 0.0), cells - 1.0)
        low = int(position)
        fraction = np.float32(position - low)
        bits = shape_bits[i]
        for k in range(scales):
            nearer, farther, here = noise_columns[k, low], noise_columns[k, min(low + 1, cells - 1)], level[k]
            for c in range(width):
                here[c] = nearer[c] + fraction * (farther[c] - nearer[c])
        for k in range(scales):
            _shape_margin(band[k, i], band[k, i + 1], band[k, i + 2], level[k], outline_threshold, margin)
            bit = np.uint8(1 << k)
            here = band[k, i + 1]
            noise = level[k]
            for c in range(1, width - 1):
                if margin[c] > 0:
                    bits[c] |= bit
            for c in range(1, width - 1):
                center = here[c]
                if center < peak_threshold * noise[c] or not mask[i, c] or noise[c] <= 0:
                    continue
                highest = True
                for other in range(max(k - 1, 0), min(k + 2, scales)):
                    for row in range(i, i + 3):
                        for column in range(c - 1, c + 2):
                            if band[other, row, column] > center:
                                highest = False
                if not highest:
                    continue
                if count == positions.shape[0]:
                    positions = np.concatenate((positions, np.empty_like(positions)))
                    values = np.concatenate((values, np.empty_like(values)))
                positions[count, 0] = k
                positions[count, 1] = first_row + i
                positions[count, 2] = c
                for other in range(scales):
                    values[count, other] = band[other, i + 1, c] / level[other, c]
                values[count, scales] = level[0, c]
                count += 1
    return positions[:count].copy(), values[:count].copy()


@njit(cache=True, fastmath=True, nogil=True)
def _shape_margin(above, here, below, noise, outline_threshold, margin):  # type: ignore[no-untyped-def]
    """Positive where a row of a plane is bright and convex (branch-free, so that it runs on vector registers)."""
    inner = len(here) - 2
    up_left, up, up_right = above[:inner], above[1 : 1 + inner], above[2:]
    left, center, right = here[:inner], here[1 : 1 + inner], here[2:]
    down_left, down, down_right = below[:inner], below[1 : 1 + inner], below[2:]
    level, result = noise[1 : 1 + inner], margin[1 : 1 + inner]
    for c in range(inner):
        twice = center[c] + center[c]
        along_rows = up[c] + down[c] - twice
        along_columns = left[c] + right[c] - twice
        mixed = np.float32(0.25) * (down_right[c] - down_left[c] - up_right[c] + up_left[c])
        trace = along_rows + along_columns
        determinant = along_rows * along_columns - mixed * mixed
        convex = min(-trace, np.float32(_SHAPE_RATIO) * trace * trace - abs(determinant))
        result[c] = min(convex, center[c] - outline_threshold * level[c])


@njit(cache=True, nogil=True)
def _grow(shape_bits, peaks, largest):  # type: ignore[no-untyped-def]
    """Connected part (8 neighbors) of each peak in the shape of its plane; later peaks of the same part are absorbed.

    Uses bit 4 + k of ``shape_bits`` to remember visited pixels. Parts above ``largest`` pixels are dropped.
    """
    height, width = shape_bits.shape
    rows = np.empty(4096, np.int32)
    columns = np.empty(4096, np.int32)
    starts = np.zeros(len(peaks) + 1, np.int64)
    seeds = np.empty(len(peaks), np.int64)
    kept = 0
    end = 0
    for seed in range(len(peaks)):
        shape = np.uint8(1 << peaks[seed, 0])
        visited = np.uint8(16 << peaks[seed, 0])
        row, column = peaks[seed, 1], peaks[seed, 2]
        if not shape_bits[row, column] & shape or shape_bits[row, column] & visited:
            continue
        start = end
        rows[end], columns[end] = row, column
        shape_bits[row, column] |= visited
        end += 1
        next_pixel = start
        while next_pixel < end:
            row, column = rows[next_pixel], columns[next_pixel]
            next_pixel += 1
            if end + 8 > len(rows):
                rows = np.concatenate((rows, np.empty_like(rows)))
                columns = np.concatenate((columns, np.empty_like(columns)))
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    bits = shape_bits[r, c]
                    if bits & shape and not bits & visited:
                        shape_bits[r, c] = bits | visited
                        rows[end], columns[end] = r, c
                        end += 1
        if end - start > largest:
            end = start
            continue
        seeds[kept] = seed
        kept += 1
        starts[kept] = end
    return rows[:end].copy(), columns[:end].copy(), starts[: kept + 1].copy(), seeds[:kept].copy()
