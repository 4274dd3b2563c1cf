"""Specks under a reader's hand: the one at a place, or all in an area, outlined as the analysis outlines them.

A :class:`SpeckFinder` judges the candidates of an image once, as the analysis does. After that the speck at a place is
looked up, so that its outline and probability are those of the analysis. What is fainter than every candidate is looked
for on the spot, with the same formulas and the same noise.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.parameters import CandidateParameters
from ..base.progress import Progress, no_progress
from ..features import estimate_nipple
from ..features.regions import ids_and_boxes
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion, edge_distance
from ..segmentation.candidates import CandidateFinder, Candidates
from ..segmentation.measurements import measure
from ..segmentation.outlines import outline
from ..segmentation.selection import NEIGHBORHOODS_MM, MeasurementSelector, without_overlaps
from .areas import Area
from .borders import border_lines_of_each

SNAP_MM = 0.35  # how far from the cursor a speck may begin
LOWEST_CONTRAST = 1.5  # times the local noise; fainter is noise
_PEAK_WEIGHT = 0.5  # how much the distance from a speck's peak counts beside that from its nearest pixel
_OUTLINE_MARGIN_MM = 1.0  # more than the ring around a speck that its outline depends on


@dataclass(frozen=True, eq=False)
class Speck:
    """One speck, outlined.

    Parameters
    ----------
    rows, columns : int arrays, shape (pixels,)
        The pixels of its outline.
    peak : (int, int)
        Row and column of its strongest response.
    response : float
        DoG / noise at the peak.
    contrast_to_noise : float
        As in the table of calcifications.
    probability : float
        Of being a calcification, by its measurements.
    border : float array, shape (pieces, 2, 2)
        Line pieces around it, as :func:`~MicrocalcAILib.editing.borders.border_lines` draws them; known with the speck,
        because hundreds are shown again after every mark.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    peak: tuple[int, int]
    response: float
    contrast_to_noise: float
    probability: float
    border: NDArray[np.float64]


class SpeckSearch(NamedTuple):
    """A speck, or None and one sentence that says why there is none."""

    speck: Speck | None
    reason: str


class SpeckFinder:
    """The specks of one mammogram, ready to be picked.

    Parameters
    ----------
    mammogram : Mammogram
    breast : BreastRegion
    selector : MeasurementSelector
        Judges by measurements alone; networks are too slow for a click.
    parameters : CandidateParameters, optional
        Those of the analysis.
    progress : callable, optional
    """

    def __init__(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        selector: MeasurementSelector,
        parameters: CandidateParameters | None = None,
        progress: Progress = no_progress,
    ) -> None:
        # One memory layout, whatever came in: kernels are compiled anew for every other.
        pixels = np.require(mammogram.pixels, np.float32, ["C", "W"])
        self.mammogram = replace(mammogram, pixels=pixels)
        self.breast = breast
        self._selector = selector
        self._finder = CandidateFinder(
            pixels, np.require(breast.mask, np.bool_, ["C", "W"]), mammogram.spacing_mm, parameters
        )
        self._depth = edge_distance(breast, mammogram.spacing_mm)
        self._candidates = self._finder.everywhere(progress)
        progress("measurements", 0, 1)
        self._measurements = self._measure(self._candidates)
        self._probabilities = self._judge(self._measurements, self._candidates)
        # Taken in the order of their probability: the analysis finds those above its threshold, and fainter ones in
        # sure groups.
        self._specks = np.sort(without_overlaps(self._candidates, self._probabilities, pixels.shape))
        self._boxes = _boxes(self._candidates)[self._specks]
        self._listed: tuple[tuple[float, float], list[Speck]] | None = None  # the last thresholds, and what passes

    @functools.cached_property
    def nipple(self) -> tuple[float, float] | None:
        """Row and column of the nipple; found once for all edits of the image."""
        return estimate_nipple(self.breast.mask, self.breast.chest_wall_side, self.mammogram.spacing_mm)

    def speck_at(
        self,
        row: float,
        column: float,
        marked: NDArray[np.int32] | None = None,
        lowest_contrast: float = LOWEST_CONTRAST,
        snap_mm: float = SNAP_MM,
    ) -> SpeckSearch:
        """The speck under the cursor.

        Parameters
        ----------
        row, column : float
            Where the cursor is, in pixels.
        marked : int32 array, shape (rows, columns), optional
            Label map of what is a calcification already; a speck gets none of its pixels.
        lowest_contrast : float
            Faintest peak, in units of local noise, from ``LOWEST_CONTRAST``.
        snap_mm : float
            How far from the cursor a speck may begin.
        """
        shape = self.mammogram.pixels.shape
        place = round(row), round(column)
        if not (0 <= place[0] < shape[0] and 0 <= place[1] < shape[1]):
            return SpeckSearch(None, "This place lies outside the image.")
        if marked is not None and marked[place]:
            return SpeckSearch(None, "This speck is marked already.")
        reach = [max(round(snap_mm / length), 1) for length in self.mammogram.spacing_mm]
        box = (place[0] - reach[0], place[0] + reach[0] + 1, place[1] - reach[1], place[1] + reach[1] + 1)
        if not self.breast.mask[max(box[0], 0) : box[1], max(box[2], 0) : box[3]].any():
            return SpeckSearch(None, "This place lies outside the breast.")
        near = self._specks[_meet(self._boxes, box)]
        near = near[self._contrast(near) >= lowest_contrast]
        for index in near[self._order(self._candidates.take(near), place, snap_mm)]:
            for speck in _unmarked(self._described(index[None]), marked):
                if self._distance_mm(speck.rows, speck.columns, place).min() <= snap_mm:
                    return SpeckSearch(speck, "")
        if lowest_contrast < self._finder.parameters.peak_threshold:
            faint = self._finder.near(box, lowest_contrast)
            for index in self._order(faint, place, snap_mm):
                for speck in _unmarked(self._described_faint(faint.take(index[None])), marked):
                    if self._distance_mm(speck.rows, speck.columns, place).min() <= snap_mm:
                        return SpeckSearch(speck, "")
        return SpeckSearch(
            None, f"No unmarked speck of {lowest_contrast:g} times the noise lies within {snap_mm:.2g} mm."
        )

    def specks_in(
        self,
        area: Area | None = None,
        marked: NDArray[np.int32] | None = None,
        lowest_probability: float = 0.0,
        lowest_contrast: float = 0.0,
    ) -> list[Speck]:
        """The specks with their peak in an area (everywhere without one), in reading order.

        Parameters
        ----------
        area : Area, optional
            Outlines do not depend on it: what is drawn around is marked as it was shown.
        marked : int32 array, optional
            As in :meth:`speck_at`; specks that are marked already are left out.
        lowest_probability : float
            By the measurements.
        lowest_contrast : float
            Faintest peak, in units of local noise; what is fainter than a candidate of the analysis is not listed.
        """
        specks = self._above(lowest_probability, lowest_contrast)
        if area is not None:
            peaks = np.array([speck.peak for speck in specks]).reshape(-1, 2)
            specks = list(itertools.compress(specks, area.holds(peaks[:, 0], peaks[:, 1])))
        return _unmarked(specks, marked)

    def _above(self, lowest_probability: float, lowest_contrast: float) -> list[Speck]:
        """All specks that pass two thresholds; kept, because a reader asks with the same ones at every move."""
        thresholds = (lowest_probability, lowest_contrast)
        if self._listed is None or self._listed[0] != thresholds:
            chosen = self._specks[self._probabilities[self._specks] >= lowest_probability]
            chosen = chosen[self._contrast(chosen) >= lowest_contrast]
            self._listed = thresholds, self._described(chosen)
        return self._listed[1]

    def measure_outlines(self, labels: NDArray[np.int32], calcifications: pd.DataFrame) -> pd.DataFrame:
        """Measurements and ``probability`` of calcifications that are outlined already.

        An outline that this finder makes itself has the values of its speck in the analysis; any other (drawn, or
        joined of pieces by the analysis) is measured as it is, among the specks around it.

        Parameters
        ----------
        labels : int32 array, shape (rows, columns)
        calcifications : DataFrame
            Columns ``id``, ``row_min``, ``row_max``, ``column_min``, ``column_max`` (inclusive).

        Returns
        -------
        DataFrame
            One row per calcification: ``segmentation.measurements.MEASUREMENTS`` and ``probability``.
        """
        ids, boxes = ids_and_boxes(calcifications)
        rows = []
        for identifier, (top, bottom, left, right) in zip(ids, boxes, strict=True):
            window = labels[top : bottom + 1, left : right + 1]
            pixels = np.nonzero(window == identifier)
            own = pixels[0] + top, pixels[1] + left
            row = self._of_own_outline(*own, labels)
            rows.append(self._of_foreign_outline(*own) if row is None else row)
        names = [*self._measurements.columns, "probability"]
        return pd.DataFrame(np.array(rows, np.float64).reshape(-1, len(names)), columns=names)

    def _of_own_outline(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], labels: NDArray[np.int32]
    ) -> NDArray[np.float64] | None:
        near = self._specks[_meet(self._boxes, (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1))]
        identifier, own = labels[rows[0], columns[0]], self._places(rows, columns)
        for index in near[np.argsort(-self._probabilities[near], kind="stable")]:
            ((made_rows, made_columns),) = self._outlines(self._candidates.take(np.array([index])))
            owners = labels[made_rows, made_columns]
            free = (owners == 0) | (owners == identifier)  # pixels wanted by two specks went to the other one
            if np.array_equal(self._places(made_rows[free], made_columns[free]), own):
                return np.append(self._measurements.iloc[index].to_numpy(np.float64), self._probabilities[index])
        return None

    def _places(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.int64]:
        """One number per pixel, ascending in reading order."""
        return rows.astype(np.int64) * self.mammogram.pixels.shape[1] + columns

    def _of_foreign_outline(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """An outline as if it were a candidate, in the place of the candidate it covers most."""
        box = int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1
        responses, noise = self._finder.responses(box)
        inside = responses[:, rows - box[0], columns - box[2]]
        plane, pixel = np.unravel_index(int(inside.argmax()), inside.shape)
        peak = int(rows[pixel]), int(columns[pixel])
        drawn = Candidates(
            rows.astype(np.int32),
            columns.astype(np.int32),
            np.array([0, len(rows)], np.int64),
            np.array([peak[0]], np.int32),
            np.array([peak[1]], np.int32),
            np.array([plane], np.int32),
            np.ascontiguousarray(inside[:, pixel][None]),
            np.array([noise[peak[0] - box[0], peak[1] - box[2]]], np.float32),
        )
        return self._among_candidates(drawn)

    def _among_candidates(self, added: Candidates) -> NDArray[np.float64]:
        """Measurements and probability of one more candidate, in the place of the one it shares most pixels with."""
        place = added.positions_mm(self.mammogram.spacing_mm)[0]
        distance = np.hypot(*(self._candidates.positions_mm(self.mammogram.spacing_mm) - place).T)
        around = np.flatnonzero(distance <= max(NEIGHBORHOODS_MM))
        others = self._candidates.take(around)
        shared = np.isin(self._places(others.rows, others.columns), self._places(added.rows, added.columns))
        counts = np.bincount(np.repeat(np.arange(len(others)), others.areas)[shared], minlength=len(others))
        if counts.any():
            keep = np.arange(len(others)) != counts.argmax()
            around, others = around[keep], others.take(keep)
        everyone = _joined(others, added)
        measured = self._measure(everyone).iloc[[-1]]
        table = pd.concat([self._measurements.iloc[around], measured], ignore_index=True)
        return np.append(measured.to_numpy(np.float64)[0], self._judge(table, everyone)[-1])

    def _judge(self, measurements: pd.DataFrame, candidates: Candidates) -> NDArray[np.float64]:
        return self._selector.probabilities(measurements, candidates.positions_mm(self.mammogram.spacing_mm))

    def _measure(self, candidates: Candidates) -> pd.DataFrame:
        depth = self._depth.at(candidates.peak_rows, candidates.peak_columns)
        return measure(candidates, self.mammogram.pixels, self.mammogram.spacing_mm, depth)

    def _contrast(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        return self._candidates.responses[chosen, self._candidates.planes[chosen]]

    def _order(self, specks: Candidates, place: tuple[int, int], snap_mm: float) -> NDArray[np.intp]:
        """The specks that a cursor can mean, first those that begin close to it and have their peak not far away."""
        if len(specks) == 0:
            return np.empty(0, np.intp)
        distance = self._distance_mm(specks.rows, specks.columns, place)
        nearest = np.minimum.reduceat(distance, specks.starts[:-1])
        cost = nearest + _PEAK_WEIGHT * self._distance_mm(specks.peak_rows, specks.peak_columns, place)
        order = np.argsort(cost, kind="stable")
        return order[nearest[order] <= snap_mm]

    def _distance_mm(
        self, rows: NDArray[np.integer], columns: NDArray[np.integer], place: tuple[int, int]
    ) -> NDArray[np.float64]:
        row_mm, column_mm = self.mammogram.spacing_mm
        return np.hypot((rows - place[0]) * row_mm, (columns - place[1]) * column_mm)

    def _described(self, chosen: NDArray[np.intp]) -> list[Speck]:
        """Some of the candidates."""
        own = self._candidates.take(chosen)
        measured = self._measurements["contrast_to_noise"].to_numpy()[chosen]
        return self._outlined(own, zip(self._contrast(chosen), measured, self._probabilities[chosen], strict=True))

    def _described_faint(self, faint: Candidates) -> list[Speck]:
        *measured, probability = self._among_candidates(faint)
        row = dict(zip(self._measurements.columns, measured, strict=True))
        return self._outlined(faint, [(row["response"], row["contrast_to_noise"], probability)])

    def _outlined(self, specks: Candidates, values: Iterable[tuple[float, float, float]]) -> list[Speck]:
        peaks = zip(specks.peak_rows.tolist(), specks.peak_columns.tolist(), strict=True)
        outlines = self._outlines(specks)
        borders = border_lines_of_each(outlines)
        return [
            Speck(*pixels, peak, float(response), float(contrast), float(probability), border)
            for pixels, peak, (response, contrast, probability), border in zip(
                outlines, peaks, values, borders, strict=True
            )
            if len(pixels[0])
        ]

    def _outlines(self, specks: Candidates) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pixels of the outline of each; a pixel wanted by two goes to the first."""
        if len(specks) == 0:
            return []
        margins = [int(np.ceil(_OUTLINE_MARGIN_MM / length)) for length in self.mammogram.spacing_mm]
        top, left = max(int(specks.rows.min()) - margins[0], 0), max(int(specks.columns.min()) - margins[1], 0)
        bottom, right = int(specks.rows.max()) + margins[0] + 1, int(specks.columns.max()) + margins[1] + 1
        window = np.ascontiguousarray(self.mammogram.pixels[top:bottom, left:right])
        shifted = replace(specks, rows=specks.rows - np.int32(top), columns=specks.columns - np.int32(left))
        labels = outline(shifted, np.arange(len(specks)), window, self.mammogram.spacing_mm)
        rows, columns = np.nonzero(labels)
        owners = labels[rows, columns]
        order = np.argsort(owners, kind="stable")
        ends = np.searchsorted(owners[order], np.arange(1, len(specks) + 2))
        return [
            (rows[part] + top, columns[part] + left)
            for part in (order[first:last] for first, last in itertools.pairwise(ends))
        ]


def _unmarked(specks: list[Speck], marked: NDArray[np.int32] | None) -> list[Speck]:
    """What is left of specks where pixels are marked: those that keep more than half, without the marked pixels."""
    if marked is None or not specks:
        return specks
    rows, columns = (
        np.concatenate(parts) for parts in zip(*((each.rows, each.columns) for each in specks), strict=True)
    )
    starts = np.cumsum([0, *(len(speck.rows) for speck in specks)])
    is_marked = marked[rows, columns] != 0
    counts = np.add.reduceat(is_marked, starts[:-1], dtype=np.int64)
    left: list[Speck | None] = [*specks]
    parts = {}
    for index in np.flatnonzero(counts).tolist():
        free = ~is_marked[starts[index] : starts[index + 1]]
        left[index] = None
        if 2 * free.sum() > len(free):
            parts[index] = specks[index].rows[free], specks[index].columns[free]
    for (index, pixels), border in zip(parts.items(), border_lines_of_each(list(parts.values())), strict=True):
        left[index] = replace(specks[index], rows=pixels[0], columns=pixels[1], border=border)
    return [speck for speck in left if speck is not None]


def _boxes(candidates: Candidates) -> NDArray[np.int32]:
    """First row, last row + 1, first column, last column + 1 of each candidate."""
    if len(candidates) == 0:
        return np.empty((0, 4), np.int32)
    starts = candidates.starts[:-1]
    return np.column_stack(
        (
            np.minimum.reduceat(candidates.rows, starts),
            np.maximum.reduceat(candidates.rows, starts) + 1,
            np.minimum.reduceat(candidates.columns, starts),
            np.maximum.reduceat(candidates.columns, starts) + 1,
        )
    )


def _meet(boxes: NDArray[np.int32], box: ArrayLike) -> NDArray[np.bool_]:
    """Which boxes share a pixel with one box."""
    top, bottom, left, right = np.asarray(box)
    return (boxes[:, 0] < bottom) & (boxes[:, 1] > top) & (boxes[:, 2] < right) & (boxes[:, 3] > left)


def _joined(first: Candidates, second: Candidates) -> Candidates:
    values = {
        name: np.concatenate((getattr(first, name), getattr(second, name)))
        for name in ("rows", "columns", "peak_rows", "peak_columns", "planes", "responses", "noise")
    }
    return Candidates(starts=np.concatenate((first.starts, second.starts[1:] + first.starts[-1])), **values)
