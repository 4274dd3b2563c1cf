"""From painted segments to calcifications with ids that stay the same from edit to edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..features.regions import ids_and_boxes


@dataclass(frozen=True, eq=False)
class PaintedPixels:
    """The pixels of an image that are painted, few of many, in reading order.

    Parameters
    ----------
    rows, columns : int arrays, shape (pixels,)
    owners : int array, shape (pixels,)
        Number of the segment that painted each, from 1.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    owners: NDArray[np.int64]

    @classmethod
    def of(
        cls, layers: Sequence[tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.integer]]], width: int
    ) -> PaintedPixels:
        """The pixels of layers of segments; what two segments have painted belongs to the one with the lower number.

        Parameters
        ----------
        layers : sequence of (rows, columns, owners)
            Pixels in any order, and the number of the segment of each.
        width : int
            Columns of the image.
        """
        nothing = np.empty(0, np.int64)
        rows, columns, owners = (
            np.concatenate(parts) for parts in zip((nothing, nothing, nothing), *layers, strict=True)
        )
        places = rows * width + columns
        order = np.lexsort((owners, places))
        painted, first = np.unique(places[order], return_index=True)
        return cls(*np.divmod(painted, width), owners[order][first].astype(np.int64))


def divide(pixels: PaintedPixels, known: NDArray[np.integer], first_new_id: int = 1) -> NDArray[np.int64]:
    """Give every connected part of the segments the id of a calcification.

    A part keeps the id it had; calcifications that touch stay apart as they were; of a calcification that was cut in
    two, the larger piece keeps the id; everything else gets a new one. Parts are connected over corners and end where
    another segment begins.

    Parameters
    ----------
    pixels : PaintedPixels
    known : int array, shape (pixels,)
        Id of the calcification that each pixel is or was part of; 0 where nothing is known.
    first_new_id : int
        Ids from here on are free.

    Returns
    -------
    int64 array, shape (pixels,)
        Id of the calcification of each pixel.
    """
    part = _parts(pixels)
    ids = _kept_ids(part, known.astype(np.int64), np.column_stack((pixels.rows, pixels.columns)))
    new = np.unique(part[ids == 0])
    ids[ids == 0] = first_new_id + np.searchsorted(new, part[ids == 0])
    return ids


def known_from_table(pixels: PaintedPixels, calcifications: pd.DataFrame) -> NDArray[np.int64]:
    """What a table of calcifications tells about painted pixels, where the label map itself is gone.

    Parameters
    ----------
    pixels : PaintedPixels
    calcifications : DataFrame
        Columns ``id``, ``row``, ``column``, ``row_min``, ``row_max``, ``column_min``, ``column_max``,
        ``diameter_mm``.

    Returns
    -------
    int64 array, shape (pixels,)
        Each calcification claims the part that fills its bounding box best; a part that several claim is divided
        between their centers.
    """
    known = np.zeros(len(pixels.rows), np.int64)
    part = _parts(pixels)
    claims: dict[int, list[int]] = {}
    boxes = ids_and_boxes(calcifications)[1]
    for position, (top, bottom, left, right) in enumerate(boxes):
        lines = slice(*np.searchsorted(pixels.rows, (top, bottom + 1)))
        inside = part[lines][(pixels.columns[lines] >= left) & (pixels.columns[lines] <= right)]
        if inside.size:
            claims.setdefault(int(np.bincount(inside).argmax()), []).append(position)
    order = np.argsort(part, kind="stable")
    numbers, starts = np.unique(part[order], return_index=True)
    pixels_of = dict(zip(numbers.tolist(), np.split(order, starts)[1:], strict=True))
    for number, positions in claims.items():
        own = pixels_of[number]
        claimants = calcifications.iloc[positions]
        down = pixels.rows[own, None] - claimants["row"].to_numpy()
        across = pixels.columns[own, None] - claimants["column"].to_numpy()
        nearest = (np.hypot(down, across) / claimants["diameter_mm"].to_numpy()).argmin(axis=1)
        known[own] = claimants["id"].to_numpy()[nearest]
    return known


def _parts(pixels: PaintedPixels) -> NDArray[np.int64]:
    """The number of the connected part of each pixel, from 1."""
    if len(pixels.rows) == 0:
        return np.empty(0, np.int64)
    width = int(pixels.columns.max()) + 2  # beside the last column comes an empty one
    places = pixels.rows * width + pixels.columns
    links = []
    for down, across in ((0, 1), (1, -1), (1, 0), (1, 1)):
        wanted = places + down * width + across
        position = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
        first = np.flatnonzero((places[position] == wanted) & (pixels.columns + across >= 0))
        second = position[first]
        same = pixels.owners[first] == pixels.owners[second]
        links.append(np.column_stack((first[same], second[same])))
    pairs = np.concatenate(links)
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64) + 1


def _kept_ids(part: NDArray[np.int64], before: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The id of each pixel, 0 for parts that are new."""
    known, above = before > 0, int(before.max(initial=0)) + 1
    pairs, counts = np.unique(part[known] * above + before[known], return_counts=True)
    keeper: dict[int, int] = {}  # id -> the part with most of its pixels
    for number, identifier in zip(*divmod(pairs[np.argsort(-counts, kind="stable")], above), strict=True):
        keeper.setdefault(int(identifier), int(number))
    only = np.zeros(int(part.max(initial=0)) + 1, np.int64)  # the id that a part keeps
    several: dict[int, list[int]] = {}  # parts that keep more than one
    for identifier, number in keeper.items():
        if only[number]:
            several.setdefault(number, [int(only[number])]).append(identifier)
        else:
            only[number] = identifier
    ids = only[part]
    for number, kept in several.items():
        pixels = np.flatnonzero(part == number)
        own = before[pixels]
        sure = np.isin(own, kept)
        nearest = cKDTree(places[pixels][sure]).query(places[pixels])[1]
        ids[pixels] = own[sure][nearest]
    return ids
