"""Pieces of one long calcification become one outline that follows it.

A cast of a duct is thick and thin in turn: its candidates, and so its outlines, are beads and pieces of branches. Two
pieces are one calcification when a bright line runs from one to the other: a path along which the response (the
brightest of the differences of Gaussians, in units of local noise) stays above ``_LEAST_RESPONSE`` and above a part of
the fainter piece's own peak. Between specks that are separate the response falls below zero, because a difference of
Gaussians is negative around what it answers to. What is joined has to be long: two specks that touch stay two.

Pixels are taken in the order of falling response, so that two pieces meet at the highest saddle between them (as in a
watershed; Najman and Couprie, Building the component tree in quasi-linear time, IEEE TIP 2006).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from ..base.kernels import kernel
from .candidates import CandidateFinder
from .noise import Box

_REACH_MM = 1.0  # how far from an outline the line is followed; a gap is twice as long at most
_LEAST_RESPONSE = 3.5  # of the line, in units of local noise
_LEVEL = 0.25  # of the line, part of the fainter piece's peak: casts are thick and thin in turn
_SHORTEST_MM = 1.5  # what is shorter is not joined
_SLENDERNESS = 3.0  # least length² / area of what is joined
_OUTLINE_LEVEL = 0.45  # of the response at the brightest place within …
_HALF_WIDTH_MM = 0.3  # … half the width of a cast
_DIRECTIONS = np.arange(16) * np.pi / 16
_NEIGHBORS = np.ones((3, 3), np.bool_)


def join_pieces(
    labels: NDArray[np.int32],
    pieces: Mapping[str, NDArray[np.int64]],
    finder: CandidateFinder,
    spacing_mm: tuple[float, float],
) -> NDArray[np.intp]:
    """Join, in place, the outlines that are pieces of one long calcification; they get the lowest of their labels.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
        0 where there is no calcification. Joined outlines grow along the line between their pieces, never into others.
    pieces : mapping
        Columns ``id``, in rising order, ``row_min``, ``row_max``, ``column_min`` and ``column_max`` (inclusive) of the
        outlines, as :func:`~.tables.calcification_geometry` gives them.
    finder : CandidateFinder
        Of the same image.
    spacing_mm : (float, float)

    Returns
    -------
    int array, shape (pieces,)
        For each label there was, in rising order, the number of the calcification it belongs to now: 0, 1, … in the
        order of their labels.
    """
    ids = pieces["id"]
    lowest = ids.copy()
    if len(ids) > 1:
        pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
        reach = max(round(_REACH_MM / pixel_mm), 1)
        sides = np.column_stack([pieces[name] for name in ("row_min", "row_max", "column_min", "column_max")])
        boxes = sides + np.array((-reach, reach + 1, -reach, reach + 1))
        for members in _overlapping(boxes):
            top, _, left, _ = boxes[members].min(axis=0)
            _, bottom, _, right = boxes[members].max(axis=0)
            box = max(top, 0), min(bottom, labels.shape[0]), max(left, 0), min(right, labels.shape[1])
            lowest[members] = _join_in(box, ids[members], labels, finder, reach, spacing_mm)
    return np.unique(lowest, return_inverse=True)[1]


def judged_together(
    probabilities: NDArray[np.float64], pieces_of: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The surest piece of each calcification (its index), and the probability that any of its pieces is one.

    Parameters
    ----------
    probabilities : float array, shape (pieces,)
    pieces_of : int array, shape (pieces,)
        As :func:`join_pieces` returns it.
    """
    order = np.lexsort((-probabilities, pieces_of))
    _, first = np.unique(pieces_of[order], return_index=True)
    none = np.ones(len(first))
    np.multiply.at(none, pieces_of, 1 - probabilities)
    return order[first], 1 - none


def _overlapping(boxes: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Indices of two or more boxes that overlap, directly or one after the other."""
    top, bottom, left, right = boxes.T
    overlap = (top[:, None] < bottom) & (top < bottom[:, None]) & (left[:, None] < right) & (left < right[:, None])
    count, group = connected_components(overlap, directed=False)
    return [members for members in (np.flatnonzero(group == number) for number in range(count)) if len(members) > 1]


def _join_in(
    box: Box,
    ids: NDArray[np.int64],
    labels: NDArray[np.int32],
    finder: CandidateFinder,
    reach: int,
    spacing_mm: tuple[float, float],
) -> NDArray[np.int64]:
    """Join some outlines in a box of the label map; return the label that each has now."""
    window = labels[box[0] : box[1], box[2] : box[3]]
    own = np.where(np.isin(window, ids), window, 0)
    response = finder.responses(box)[0].max(axis=0)
    near = (ndimage.distance_transform_edt(own == 0) <= reach) & ((window == 0) | (own > 0))
    rows, columns = np.nonzero(near)
    index = np.full(own.shape, -1, np.int32)
    index[rows, columns] = np.arange(len(rows))
    piece = np.where(own > 0, np.searchsorted(ids, own), -1)[rows, columns]
    peaks = np.asarray(ndimage.maximum(response, own, ids), np.float64)
    order = np.argsort(-response[rows, columns], kind="stable")
    sets = _meet(order, rows, columns, index, response, piece, peaks, _LEVEL, _LEAST_RESPONSE)
    half_width = max(round(_HALF_WIDTH_MM / _REACH_MM * reach), 1)
    now = ids.copy()
    for number in np.unique(sets):
        members = np.flatnonzero(sets == number)
        if len(members) < 2:
            continue
        inside = np.isin(own, ids[members])
        line = near & ((own == 0) | inside) & (response >= max(_LEVEL * peaks[members].min(), _LEAST_RESPONSE))
        body = _along(inside, line, response, half_width)
        if _is_long(body, spacing_mm):
            window[body] = now[members] = ids[members[0]]
            own[body] = ids[members[0]]
    return now


def _along(
    inside: NDArray[np.bool_], line: NDArray[np.bool_], response: NDArray[np.float32], half_width: int
) -> NDArray[np.bool_]:
    """The pieces and what hangs together with them on the line, as wide as it is at half its local height."""
    part = _touching(inside, inside | line)
    brightest = ndimage.maximum_filter(np.where(part, response, 0), size=2 * half_width + 1)
    return _touching(inside, inside | (part & (response >= _OUTLINE_LEVEL * brightest)))


def _touching(inside: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The 8-connected parts of a mask that hold something of ``inside``."""
    parts, count = ndimage.label(mask, _NEIGHBORS)
    is_kept = np.zeros(count + 1, np.bool_)
    is_kept[parts[inside]] = True
    return np.asarray(is_kept[parts], np.bool_)


def _is_long(body: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> bool:
    """Whether an outline is long enough, and slender enough, for one that was cut into pieces."""
    rows, columns = np.nonzero(body)
    y, x = rows * spacing_mm[0], columns * spacing_mm[1]
    length_mm = max(float(np.ptp(y * np.sin(angle) + x * np.cos(angle))) for angle in _DIRECTIONS)
    area_mm2 = len(rows) * spacing_mm[0] * spacing_mm[1]
    return length_mm >= _SHORTEST_MM and length_mm**2 >= _SLENDERNESS * area_mm2


@kernel
def _meet(order, rows, columns, index, response, piece, peaks, level, least):  # type: ignore[no-untyped-def]
    """The set of each piece, as the number of one of its members: pieces that meet at a high enough saddle."""
    height, width = index.shape
    parent, owner = np.arange(len(order)), np.full(len(order), -1)  # of pixels
    above, peak = np.arange(len(peaks)), peaks.copy()  # of pieces
    seen = np.zeros(len(order), np.bool_)
    for pixel in order:
        seen[pixel] = True
        owner[pixel] = piece[pixel]
        height_here = response[rows[pixel], columns[pixel]]
        for r in range(max(rows[pixel] - 1, 0), min(rows[pixel] + 2, height)):
            for c in range(max(columns[pixel] - 1, 0), min(columns[pixel] + 2, width)):
                other = np.int64(index[r, c])
                if other < 0 or not seen[other]:
                    continue
                here, there = _root(parent, pixel), _root(parent, other)
                if here == there:
                    continue
                mine, theirs = owner[here], owner[there]
                if mine >= 0 and theirs >= 0:
                    mine, theirs = _root(above, mine), _root(above, theirs)
                    if mine != theirs:
                        if height_here < max(level * min(peak[mine], peak[theirs]), least):
                            continue
                        above[theirs] = mine
                        peak[mine] = max(peak[mine], peak[theirs])
                parent[there] = here
                owner[here] = max(mine, theirs) if min(mine, theirs) < 0 else mine
    sets = np.empty(len(peaks), np.int64)
    for number in range(len(peaks)):
        sets[number] = _root(above, number)
    return sets


@kernel
def _root(parent, number):  # type: ignore[no-untyped-def]
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
