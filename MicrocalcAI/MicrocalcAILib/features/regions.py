"""Many small regions of one image at once: each calcification, and the tissue around each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.kernels import kernel


@dataclass(frozen=True)
class Regions:
    """Masks of many regions; each lies in its own window with a frame of one empty pixel.

    Parameters
    ----------
    mask : uint8 array
        The windows one after the other, row by row; 1 inside the region.
    starts : int64 array, shape (regions + 1,)
        Where each window starts in ``mask``.
    heights, widths : int64 arrays, shape (regions,)
        Size of each window, frame included.
    tops, lefts : int64 arrays, shape (regions,)
        Image row and column of the window's first pixel (which belongs to the frame and may be −1).
    """

    mask: NDArray[np.uint8]
    starts: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.heights)

    def window(self, index: int) -> NDArray[np.uint8]:
        """Mask of one region, with its frame."""
        window = self.mask[self.starts[index] : self.starts[index + 1]]
        return window.reshape(self.heights[index], self.widths[index])

    def pixel_counts(self) -> NDArray[np.int64]:
        """Number of pixels of each region."""
        return np.add.reduceat(self.mask, self.starts[:-1], dtype=np.int64) if len(self) else np.zeros(0, np.int64)


def ids_and_boxes(calcifications: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids, and boxes as in :func:`calcification_regions`, of a table of calcifications."""
    boxes = calcifications[["row_min", "row_max", "column_min", "column_max"]]
    return np.array(calcifications["id"], np.int64), np.array(boxes, np.int64, order="C")


def calcification_regions(labels: NDArray[np.int32], ids: NDArray[np.int64], boxes: NDArray[np.int64]) -> Regions:
    """The pixels of each calcification.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
    ids : int64 array, shape (calcifications,)
    boxes : int64 array, shape (calcifications, 4)
        First row, last row, first column, last column of each calcification (inclusive).

    Raises
    ------
    ParameterError
        When a box reaches over the image or holds no pixel of its calcification.
    """
    if len(boxes) and (
        boxes.min() < 0
        or boxes[:, 1].max() >= labels.shape[0]
        or boxes[:, 3].max() >= labels.shape[1]
        or np.any(boxes[:, 0] > boxes[:, 1])
        or np.any(boxes[:, 2] > boxes[:, 3])
    ):
        raise ParameterError("The table of calcifications does not fit the label map: a box lies outside the image.")
    regions = _empty_regions(boxes)
    ids, boxes = _plain(ids), _plain(boxes)
    _fill_calcifications(labels, ids, boxes, regions.starts, regions.widths, regions.mask)
    empty = ids[regions.pixel_counts() == 0]
    if len(empty):
        raise ParameterError(
            f"The table of calcifications does not fit the label map: number {empty[0]} has no pixel in its box."
        )
    return regions


def surrounding_regions(
    labels: NDArray[np.int32],
    ids: NDArray[np.int64],
    boxes: NDArray[np.int64],
    spacing_mm: tuple[float, float],
    distance_mm: float,
    tissue: NDArray[np.bool_] | None = None,
) -> Regions:
    """The pixels within a distance of each calcification that belong to no calcification at all.

    Parameters
    ----------
    labels, ids, boxes
        As in :func:`calcification_regions`.
    spacing_mm : (float, float)
    distance_mm : float
        Between pixel centers.
    tissue : bool array, shape (rows, columns), optional
        Only pixels that are True here count, for example those of the breast.

    Returns
    -------
    Regions
        A region is empty where nothing but calcifications (or no tissue) lies around.
    """
    reach = int(np.floor(distance_mm / spacing_mm[0] + 1e-9))
    heights_mm = np.arange(reach + 1) * spacing_mm[0]
    half_widths = np.floor(np.sqrt(np.maximum(distance_mm**2 - heights_mm**2, 0)) / spacing_mm[1] + 1e-9)
    ids, boxes = _plain(ids), _plain(boxes)
    around = np.empty_like(boxes)
    around[:, 0] = np.maximum(boxes[:, 0] - reach, 0)
    around[:, 1] = np.minimum(boxes[:, 1] + reach, labels.shape[0] - 1)
    around[:, 2] = np.maximum(boxes[:, 2] - int(half_widths[0]), 0)
    around[:, 3] = np.minimum(boxes[:, 3] + int(half_widths[0]), labels.shape[1] - 1)
    regions = _empty_regions(around)
    _fill_surroundings(
        labels,
        ids,
        boxes,
        around,
        half_widths.astype(np.int64),
        np.ones((1, 1), np.bool_) if tissue is None else tissue,
        regions.starts,
        regions.widths,
        regions.mask,
    )
    return regions


def _plain(column: NDArray[np.int64]) -> NDArray[np.int64]:
    """A copy that lies in rows and may be written to, whatever a table gives: kernels are compiled for that alone."""
    return np.array(column, np.int64, order="C")


def _empty_regions(boxes: NDArray[np.int64]) -> Regions:
    heights = boxes[:, 1] - boxes[:, 0] + 3
    widths = boxes[:, 3] - boxes[:, 2] + 3
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(heights * widths)))
    return Regions(np.zeros(starts[-1], np.uint8), starts, heights, widths, boxes[:, 0] - 1, boxes[:, 2] - 1)


@kernel
def _fill_calcifications(labels, ids, boxes, starts, widths, mask):  # type: ignore[no-untyped-def]
    for index in range(len(ids)):
        top, bottom, left, right = boxes[index]
        for row in range(top, bottom + 1):
            position = starts[index] + (row - top + 1) * widths[index] + 1
            for column in range(left, right + 1):
                mask[position] = labels[row, column] == ids[index]
                position += 1


@kernel
def _fill_surroundings(labels, ids, boxes, around, half_widths, tissue, starts, widths, mask):  # type: ignore[no-untyped-def]
    """Each run of a calcification's row covers an interval in every row within reach; intervals are summed per row."""
    reach = len(half_widths) - 1
    everywhere = tissue.size == 1
    for index in range(len(ids)):
        label = ids[index]
        top, bottom, left, right = around[index]
        cover = np.zeros((bottom - top + 1, right - left + 2), np.int32)
        for row in range(boxes[index, 0], boxes[index, 1] + 1):
            column = boxes[index, 2]
            while column <= boxes[index, 3]:
                if labels[row, column] != label:
                    column += 1
                    continue
                first = column
                while column <= boxes[index, 3] and labels[row, column] == label:
                    column += 1
                for other in range(max(row - reach, top), min(row + reach, bottom) + 1):
                    half_width = half_widths[abs(other - row)]
                    cover[other - top, max(first - half_width, left) - left] += 1
                    cover[other - top, min(column - 1 + half_width, right) - left + 1] -= 1
        for row in range(top, bottom + 1):
            position = starts[index] + (row - top + 1) * widths[index] + 1
            depth = 0
            for column in range(left, right + 1):
                depth += cover[row - top, column - left]
                mask[position] = depth > 0 and labels[row, column] == 0 and (everywhere or tissue[row, column])
                position += 1


@dataclass(frozen=True)
class Outlines:
    """The pixels of regions that touch, with a side, a pixel outside.

    Parameters
    ----------
    rows, columns : int64 arrays
        Image positions, region after region.
    starts : int64 array, shape (regions + 1,)
    boxes : int64 array, shape (regions, 4)
        First row, last row, first column, last column of each region (inclusive).
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    starts: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)


def outlines(regions: Regions) -> Outlines:
    """Outline pixels of every region; each region has at least one pixel."""
    rows, columns = np.empty(len(regions.mask), np.int64), np.empty(len(regions.mask), np.int64)
    starts = np.zeros(len(regions) + 1, np.int64)
    _trace(regions.mask, regions.starts, regions.widths, regions.tops, regions.lefts, rows, columns, starts)
    rows, columns = rows[: starts[-1]].copy(), columns[: starts[-1]].copy()
    ends = [(np.minimum, rows), (np.maximum, rows), (np.minimum, columns), (np.maximum, columns)]
    boxes = np.zeros((len(regions), 4), np.int64)
    if len(regions):
        for position, (extreme, values) in enumerate(ends):
            boxes[:, position] = extreme.reduceat(values, starts[:-1])
    return Outlines(rows, columns, starts, boxes)


@kernel
def _trace(mask, starts, widths, tops, lefts, rows, columns, outline_starts):  # type: ignore[no-untyped-def]
    count = 0
    for index in range(len(widths)):
        width = widths[index]
        for position in range(starts[index] + width, starts[index + 1] - width):
            if mask[position] and not (
                mask[position - 1] and mask[position + 1] and mask[position - width] and mask[position + width]
            ):
                row, column = divmod(position - starts[index], width)
                rows[count] = tops[index] + row
                columns[count] = lefts[index] + column
                count += 1
        outline_starts[index + 1] = count
