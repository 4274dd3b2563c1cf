"""Which cluster a calcification that a reader added belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..analysis import SINGLES
from ..base.parameters import ClusterParameters
from ..segmentation.clusters import group


def place(
    positions_mm: NDArray[np.float64],
    cluster_ids: NDArray[np.integer],
    is_new: NDArray[np.bool_],
    parameters: ClusterParameters | None = None,
    first_new_id: int = 1,
) -> NDArray[np.int64]:
    """Cluster ids after calcifications were added; clusters that exist keep their ids and their members.

    New calcifications, and single ones that they link, join the cluster of the nearest calcification they are linked
    to; without one they form a new cluster when there are enough of them, by the same rule as in an analysis.

    Parameters
    ----------
    positions_mm : float array, shape (calcifications, 2)
    cluster_ids : int array, shape (calcifications,)
        0: single. Ignored where ``is_new``.
    is_new : bool array, shape (calcifications,)
    parameters : ClusterParameters, optional
    first_new_id : int
        Clusters get this id or higher.

    Returns
    -------
    int64 array, shape (calcifications,)
    """
    parameters = parameters or ClusterParameters()
    ids = np.where(is_new, SINGLES, cluster_ids).astype(np.int64)
    if not is_new.any():
        return ids
    linked = _linked_sets(positions_mm, parameters.linking_distance_mm)
    movable = (ids == SINGLES) & np.isin(linked, linked[is_new])
    settled = ids != SINGLES
    groups: NDArray[np.intp] | None = None
    next_id = max(first_new_id, int(ids.max()) + 1)
    for number in np.unique(linked[movable]):
        members = movable & (linked == number)
        neighbors = np.flatnonzero(settled & (linked == number))
        if neighbors.size:
            nearest = cKDTree(positions_mm[neighbors]).query(positions_mm[members])[1]
            ids[members] = ids[neighbors[nearest]]
            continue
        if groups is None:
            groups = group(positions_mm, np.ones(len(ids)), parameters)
        if groups[np.flatnonzero(members)[0]] > 0:
            ids[members] = next_id
            next_id += 1
    return ids


def regroup(
    positions_mm: NDArray[np.float64],
    weights: NDArray[np.float64],
    cluster_ids: NDArray[np.integer],
    parameters: ClusterParameters | None = None,
    first_new_id: int = 1,
) -> NDArray[np.int64]:
    """Cluster ids as an analysis would group now; a group keeps the id that most of its members had.

    Parameters
    ----------
    positions_mm, weights
        As in :func:`~MicrocalcAILib.segmentation.clusters.group`.
    cluster_ids : int array, shape (calcifications,)
        The ids so far.
    parameters : ClusterParameters, optional
    first_new_id : int
        Groups that are new get this id or higher.
    """
    groups = group(positions_mm, weights, parameters or ClusterParameters())
    ids = np.full(len(groups), SINGLES, np.int64)
    shared = (groups > 0) & (np.asarray(cluster_ids) > 0)
    pairs, counts = np.unique(np.column_stack((groups, cluster_ids))[shared], axis=0, return_counts=True)
    kept: dict[int, int] = {}
    for new, old in pairs[np.argsort(-counts, kind="stable")].tolist():
        if new not in kept and old not in kept.values():
            kept[new] = old
    next_id = max(first_new_id, int(np.max(cluster_ids, initial=0)) + 1)
    for number in range(1, int(groups.max(initial=0)) + 1):
        if number not in kept:
            kept[number] = next_id
            next_id += 1
        ids[groups == number] = kept[number]
    return ids


def _linked_sets(positions_mm: NDArray[np.float64], distance_mm: float) -> NDArray[np.intp]:
    pairs = cKDTree(positions_mm).query_pairs(distance_mm, output_type="ndarray")
    count = len(positions_mm)
    links = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1])
