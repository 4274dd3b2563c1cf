"""From painted segments to calcifications with ids that stay the same from edit to edit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..features.regions import ids_and_boxes


def divide(owners: NDArray[np.integer], known: NDArray[np.int32], first_new_id: int = 1) -> NDArray[np.int32]:
    """Give every connected part of a map of segments the id of a calcification.

    A part keeps the id it had; calcifications that touch stay apart as they were; of a calcification that was cut in
    two, the larger piece keeps the id; everything else gets a new one.

    Parameters
    ----------
    owners : int array, shape (rows, columns)
        0 where there is nothing, else the number of the segment. Parts are connected over corners and end where
        another segment begins.
    known : int32 array, same shape
        Ids of the calcifications as far as they are known, also where there is nothing now; 0 where nothing is known.
    first_new_id : int
        Ids from here on are free, unless ``known`` holds them.

    Returns
    -------
    int32 array, shape (rows, columns)
    """
    labels = np.zeros(owners.shape, np.int32)
    rows, columns, part = _parts(owners)
    ids = _kept_ids(part, known[rows, columns].astype(np.int64), np.column_stack((rows, columns)))
    next_id = max(first_new_id, int(known.max(initial=0)) + 1)
    new = np.unique(part[ids == 0])
    ids[ids == 0] = next_id + np.searchsorted(new, part[ids == 0])
    labels[rows, columns] = ids
    return labels


def known_from_table(
    owners: NDArray[np.integer], calcifications: pd.DataFrame, corner: tuple[int, int] = (0, 0)
) -> NDArray[np.int32]:
    """What a table of calcifications tells about their pixels, where the label map itself is gone.

    Parameters
    ----------
    owners : int array, shape (rows, columns)
        As in :func:`divide`.
    calcifications : DataFrame
        Columns ``id``, ``row``, ``column``, ``row_min``, ``row_max``, ``column_min``, ``column_max``,
        ``diameter_mm``.
    corner : (int, int)
        Image row and column of the first pixel of ``owners``.

    Returns
    -------
    int32 array, shape (rows, columns)
        Each calcification claims the part that fills its bounding box best; a part that several claim is divided
        between their centers.
    """
    known = np.zeros(owners.shape, np.int32)
    if len(calcifications) == 0 or not owners.any():
        return known
    rows, columns, part = _parts(owners)
    parts = np.zeros(owners.shape, np.int32)
    parts[rows, columns] = part
    claims: dict[int, list[int]] = {}
    boxes = ids_and_boxes(calcifications)[1] - np.repeat(corner, 2)
    for position, (top, bottom, left, right) in enumerate(boxes):
        window = parts[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)]
        inside = window[window > 0]
        if inside.size:
            claims.setdefault(int(np.bincount(inside).argmax()), []).append(position)
    order = np.argsort(part, kind="stable")
    numbers, starts = np.unique(part[order], return_index=True)
    pixels_of = dict(zip(numbers.tolist(), np.split(order, starts)[1:], strict=True))
    for number, positions in claims.items():
        pixels = pixels_of[number]
        claimants = calcifications.iloc[positions]
        down = rows[pixels, None] + corner[0] - claimants["row"].to_numpy()
        across = columns[pixels, None] + corner[1] - claimants["column"].to_numpy()
        nearest = (np.hypot(down, across) / claimants["diameter_mm"].to_numpy()).argmin(axis=1)
        known[rows[pixels], columns[pixels]] = claimants["id"].to_numpy()[nearest]
    return known


def _parts(owners: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of all painted pixels, and the number of the connected part of each, from 1.

    Few pixels of a large image are painted: their neighbors are looked up, the rest is not looked at.
    """
    width = owners.shape[1]
    places = np.flatnonzero(owners != 0)
    rows, columns = np.divmod(places, width)
    links = []
    for down, across in ((0, 1), (1, -1), (1, 0), (1, 1)):
        wanted = places + down * width + across
        position = np.minimum(np.searchsorted(places, wanted), len(places) - 1)
        is_neighbor = (places[position] == wanted) & (columns + across >= 0) & (columns + across < width)
        first = np.flatnonzero(is_neighbor)
        second = position[first]
        same = owners.flat[places[first]] == owners.flat[places[second]]
        links.append(np.column_stack((first[same], second[same])))
    pairs = np.concatenate(links)
    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    part = connected_components(graph, directed=False)[1] if len(places) else np.empty(0)
    return rows, columns, part.astype(np.int64) + 1


def _kept_ids(part: NDArray[np.integer], before: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The id of each pixel, 0 for parts that are new."""
    ids = np.zeros(len(part), np.int64)
    pairs, counts = np.unique(np.column_stack((part, before))[before > 0], axis=0, return_counts=True)
    keeper: dict[int, int] = {}  # id -> the part with most of its pixels
    for position in np.argsort(-counts, kind="stable"):
        keeper.setdefault(int(pairs[position, 1]), int(pairs[position, 0]))
    ids_of: dict[int, list[int]] = {}
    for identifier, number in keeper.items():
        ids_of.setdefault(number, []).append(identifier)
    order = np.argsort(part, kind="stable")
    numbers, starts = np.unique(part[order], return_index=True)
    for number, pixels in zip(numbers.tolist(), np.split(order, starts)[1:], strict=True):
        kept = ids_of.get(number, [])
        if len(kept) == 1:
            ids[pixels] = kept[0]
        elif kept:
            own = before[pixels]
            sure = np.isin(own, kept)
            nearest = cKDTree(places[pixels][sure]).query(places[pixels])[1]
            ids[pixels] = own[sure][nearest]
    return ids
