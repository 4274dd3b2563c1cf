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
from numpy.typing import NDArray

from ..base.parameters import CandidateParameters
from ..base.progress import Progress, no_progress
from .candidate_kernels import grow, judge_band
from .noise import Box, measure_noise
from .scale_space import BAND_ROWS, difference_of_gaussians, gaussian_kernels

_MARGIN_MM = 3.0  # around a place in which candidates are looked for


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

    def take(self, chosen: NDArray[np.integer | np.bool_]) -> Candidates:
        """Some of the candidates, by their indices in the wanted order, or by a mask of bools."""
        indices = np.arange(len(self))[chosen]
        areas = self.areas[indices]
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(areas)))
        pixels = np.repeat(self.starts[:-1][indices] - starts[:-1], areas) + np.arange(starts[-1])
        return Candidates(
            self.rows[pixels],
            self.columns[pixels],
            starts,
            self.peak_rows[indices],
            self.peak_columns[indices],
            self.planes[indices],
            self.responses[indices],
            self.noise[indices],
        )

    def have_pixel_in(self, box: Box, outside: bool = False) -> NDArray[np.bool_]:
        """Which candidates have a pixel in a box (first and last row + 1, first and last column + 1), or outside."""
        inside = (self.rows >= box[0]) & (self.rows < box[1]) & (self.columns >= box[2]) & (self.columns < box[3])
        owners = np.repeat(np.arange(len(self)), self.areas)
        return np.bincount(owners[inside != outside], minlength=len(self)) > 0


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
    return CandidateFinder(pixels, mask, spacing_mm, parameters).everywhere(progress)


class CandidateFinder:
    """The candidate stage of one image: the noise is measured once, candidates are found everywhere or near a place.

    Parameters
    ----------
    pixels, mask, spacing_mm, parameters
        As in :func:`find_candidates`.
    """

    def __init__(
        self,
        pixels: NDArray[np.float32],
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, float],
        parameters: CandidateParameters | None = None,
    ) -> None:
        self.parameters = parameters or CandidateParameters()
        self._pixels, self._mask = pixels, mask
        self._pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
        self._kernels, self._radii = gaussian_kernels(_sigmas_mm(self.parameters) / self._pixel_mm)
        self._gain = np.float32(1 / (self.parameters.scale_ratio - 1))  # σ_k / (σ_{k+1} − σ_k)
        self._box: Box | None = bounding_box(mask)
        if self._box is not None:
            tile_px = self.parameters.noise_tile_mm / self._pixel_mm
            self._noise = measure_noise(pixels, mask, self._box, self._kernels, self._radii, self._gain, tile_px)
            if not self._noise.grid.any():
                self._box = None

    def everywhere(self, progress: Progress = no_progress) -> Candidates:
        """All candidates of the mask."""
        if self._box is None:
            return _no_candidates(self.parameters.scales)
        return self._within(self._box, self.parameters.peak_threshold, progress)

    def near(self, box: Box, peak_threshold: float | None = None) -> Candidates:
        """The candidates with a pixel in a box: complete, and the same that :meth:`everywhere` finds there.

        Parameters
        ----------
        box : (int, int, int, int)
            First row, last row + 1, first column, last column + 1.
        peak_threshold : float, optional
            Another one than the parameters', in units of local noise, but not below ``outline_threshold``.
        """
        threshold = self.parameters.peak_threshold if peak_threshold is None else peak_threshold
        threshold = max(threshold, self.parameters.outline_threshold)
        margin = max(round(_MARGIN_MM / self._pixel_mm), 4)
        while self._box is not None:
            window = _overlap(_grown(box, margin), self._box)
            if window[0] >= window[1] or window[2] >= window[3]:
                break
            found = self._within(window, threshold, no_progress)
            inside = found.take(found.have_pixel_in(box))
            if window == self._box or not inside.have_pixel_in(_rim(window, self._box), outside=True).any():
                return inside
            margin *= 2
        return _no_candidates(self.parameters.scales)

    def responses(self, box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """DoG_k / N_k of every plane, shape (scales, rows, columns), and N_0, shape (rows, columns), in a box.

        Zero where the image has no measurable noise.
        """
        first, last, left, right = box
        planes = np.zeros((self.parameters.scales, last - first, right - left), np.float32)
        if self._box is None:
            return planes, planes[0].copy()
        rows = np.arange(first, last)
        difference_of_gaussians(self._pixels, rows, left, right, self._kernels, self._radii, self._gain, planes)
        noise = self._noise.at(box)
        return np.divide(planes, noise, out=np.zeros_like(planes), where=noise > 0), noise[0]

    def _within(self, window: Box, peak_threshold: float, progress: Progress) -> Candidates:
        """Candidates from the pixels of a window alone; parts that reach over its border are cut."""
        top, bottom, left, right = window
        # All arrays are contiguous: kernels are compiled for one layout, and loaded once.
        noise_columns = np.ascontiguousarray(self._noise.at_columns(left, right))
        shape_bits = np.zeros((bottom - top, right - left), np.uint8)
        scales, width = self.parameters.scales, right - left
        room = np.empty(scales * (BAND_ROWS + 2) * width, np.float32)
        peaks = []
        for first in range(top, bottom, BAND_ROWS):
            progress("candidates", first - top, bottom - top)
            count = min(BAND_ROWS, bottom - first)
            band = room[: scales * (count + 2) * width].reshape(scales, count + 2, width)
            rows = np.arange(first - 1, first + count + 1)
            difference_of_gaussians(self._pixels, rows, left, right, self._kernels, self._radii, self._gain, band)
            peaks.append(
                judge_band(
                    band,
                    noise_columns,
                    self._noise.row_positions(first, first + count),
                    np.ascontiguousarray(self._mask[first : first + count, left:right]),
                    np.float32(self.parameters.outline_threshold),
                    np.float32(peak_threshold),
                    shape_bits[first - top : first - top + count],
                    first - top,
                )
            )
        found = np.concatenate([positions for positions, _ in peaks])
        responses = np.concatenate([values for _, values in peaks])
        strongest_first = np.argsort(-responses[np.arange(len(found)), found[:, 0]], kind="stable")
        found, responses = found[strongest_first], responses[strongest_first]
        largest = max(int(self.parameters.largest_area_mm2 / self._pixel_mm**2), 1)
        rows, columns, starts, seeds = grow(shape_bits, found, largest)
        found, responses = found[seeds], responses[seeds]
        progress("candidates", bottom - top, bottom - top)
        in_order_of_growth = Candidates(
            rows + np.int32(top),
            columns + np.int32(left),
            starts,
            found[:, 1] + np.int32(top),
            found[:, 2] + np.int32(left),
            found[:, 0],
            responses[:, :-1],
            responses[:, -1],
        )
        return in_order_of_growth.take(np.lexsort((found[:, 0], found[:, 2], found[:, 1])))


def bounding_box(mask: NDArray[np.bool_]) -> Box | None:
    """First row, last row + 1, first column, last column + 1 of what is True; None when nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _grown(box: Box, margin: int) -> Box:
    return box[0] - margin, box[1] + margin, box[2] - margin, box[3] + margin


def _overlap(box: Box, other: Box) -> Box:
    return max(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), min(box[3], other[3])


def _rim(window: Box, everything: Box) -> Box:
    """The part of a window whose pixels were judged and have judged neighbors; its sides on the outer border count."""
    return (
        window[0] + (1 if window[0] > everything[0] else 0),
        window[1] - (1 if window[1] < everything[1] else 0),
        window[2] + (2 if window[2] > everything[2] else 0),  # the outermost columns of a window are not judged
        window[3] - (2 if window[3] < everything[3] else 0),
    )


def _sigmas_mm(parameters: CandidateParameters) -> NDArray[np.floating]:
    return parameters.smallest_sigma_mm * parameters.scale_ratio ** np.arange(parameters.scales + 1)


def _no_candidates(scales: int) -> Candidates:
    none = np.empty(0, np.int32)
    return Candidates(
        none, none, np.zeros(1, np.int64), none, none, none, np.empty((0, scales), np.float32), np.empty(0, np.float32)
    )
