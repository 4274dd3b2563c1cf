"""The calcifications of an image as its segments have them, each with an id that stays the same from edit to edit."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np

from MicrocalcSlicerShared.nodes import tableFrame

from . import results
from .segmentimages import clusterSegments, segmentPixels

if TYPE_CHECKING:  # what these need may not be installed yet
    from MicrocalcAILib.editing.areas import Area

Pixels = tuple[np.ndarray, np.ndarray]  # rows, columns
_NOWHERE: Pixels = (np.empty(0, np.int64), np.empty(0, np.int64))


@dataclasses.dataclass(frozen=True, eq=False)
class Marks:
    """What is marked at one moment.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
        0, or the id of a calcification. The reader's own array, which its next reading changes: another one of a
        large image takes longer than everything else that a mark takes.
    segments : dict
        Id of a calcification to the ID of its segment.
    clusters : dict
        Id of a calcification to the number of its cluster; 0: single.
    pixels : dict
        Id of a calcification to the rows and columns of its pixels.
    places : (rows, columns)
        Of all marked pixels, in reading order.
    """

    labels: np.ndarray
    segments: dict[int, str]
    clusters: dict[int, int]
    pixels: dict[int, Pixels]
    places: Pixels

    def at(self, row: float, column: float, snapMm: float, spacingMm: tuple[float, float]) -> int | None:
        """The calcification under or next to the cursor."""
        reach = [max(round(snapMm / length), 1) for length in spacingMm]
        top, left = max(round(row) - reach[0], 0), max(round(column) - reach[1], 0)
        window = self.labels[top : max(round(row) + reach[0] + 1, 0), left : max(round(column) + reach[1] + 1, 0)]
        rows, columns = np.nonzero(window)
        if not rows.size:
            return None
        distance = np.hypot((rows + top - row) * spacingMm[0], (columns + left - column) * spacingMm[1])
        nearest = distance.argmin()
        return int(window[rows[nearest], columns[nearest]]) if distance[nearest] <= snapMm + 1e-9 else None

    def within(self, area: Area) -> list[int]:
        """The calcifications with their center in an area."""
        return list(itertools.compress(self.pixels, area.holds(self._centers[:, 0], self._centers[:, 1])))

    @functools.cached_property
    def _centers(self) -> np.ndarray:
        return centersOf(self.pixels)


class MarkReader:
    """Reads the marks from the segments, and remembers which pixels had which id.

    Undo, painting and erasing keep the ids of what they do not change; calcifications that touch stay apart.
    """

    def __init__(self, volumeNode, segmentationNode):
        self._volumeNode = volumeNode
        self._segmentationNode = segmentationNode
        self._known: np.ndarray | None = None  # id of every pixel that ever was a calcification
        self._labels: np.ndarray | None = None
        self._places: Pixels = _NOWHERE  # where the labels are not 0
        self._firstNewId = 1
        self._marks: Marks | None = None

    def segmentsChanged(self) -> None:
        """Tell that the segments may have been modified."""
        self._marks = None

    @property
    def marks(self) -> Marks:
        """What is marked now."""
        if self._marks is None:
            self._marks = self._read()
        return self._marks

    def reserve(self, outlines: list[Pixels]) -> dict[int, Pixels]:
        """New ids for outlines that are about to be marked."""
        _ = self.marks  # what is there has its ids then
        reserved = dict(enumerate(outlines, start=self._firstNewId))
        for identifier, pixels in reserved.items():
            self._known[pixels] = identifier
        self._firstNewId += len(outlines)
        return reserved

    def _read(self) -> Marks:
        from MicrocalcAILib.editing.label_map import PaintedPixels, divide, known_from_table

        segments = clusterSegments(self._segmentationNode)
        columns, rows, _ = self._volumeNode.GetImageData().GetDimensions()
        painted = PaintedPixels.of(segmentPixels(self._segmentationNode, list(segments), self._volumeNode), columns)
        places = painted.rows, painted.columns
        if self._known is None:
            self._known, self._labels = (np.zeros((rows, columns), np.int32) for _ in range(2))
            shown = results.resultsOf(self._segmentationNode)
            table = None if shown is None else tableFrame(shown.calcificationsTableNode)
            if table is not None and len(table):
                self._known[places] = known_from_table(painted, table)
                self._firstNewId = 1 + int(table["id"].max())
        ids = divide(painted, self._known[places], self._firstNewId)
        self._labels[self._places] = 0
        self._labels[places] = self._known[places] = ids
        self._places = places
        self._firstNewId = max(self._firstNewId, 1 + int(ids.max(initial=0)))
        order = np.argsort(ids, kind="stable")
        identifiers, starts = np.unique(ids[order], return_index=True)
        names = list(segments)
        pixels, segmentOf = {}, {}
        for identifier, part in zip(identifiers.tolist(), np.split(order, starts)[1:], strict=True):
            segmentOf[identifier] = names[painted.owners[part[0]] - 1]
            pixels[identifier] = (painted.rows[part], painted.columns[part])
        clusters = {identifier: segments[segment] for identifier, segment in segmentOf.items()}
        return Marks(self._labels, segmentOf, clusters, pixels, places)


def centersOf(pixels: dict[int, Pixels]) -> np.ndarray:
    """Centers (row, column), shape (calcifications, 2)."""
    if not pixels:
        return np.empty((0, 2))
    counts = np.array([len(rows) for rows, _ in pixels.values()])
    starts = np.cumsum(counts) - counts
    sums = [np.add.reduceat(np.concatenate(part), starts) for part in zip(*pixels.values(), strict=True)]
    return np.column_stack(sums) / counts[:, None]
