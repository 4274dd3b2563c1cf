"""Groups of calcifications: single link in millimeters with the BI-RADS idea of a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform

from ..base.parameters import ClusterParameters


def group(
    positions_mm: NDArray[np.float64],
    weights: NDArray[np.float64],
    parameters: ClusterParameters,
    pieces_of: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Cluster number of each calcification.

    Calcifications are linked when their centers lie within ``linking_distance_mm``; a linked set is a cluster when one
    of its members has at least ``minimum_count`` − 1 others within ``group_diameter_mm`` (BI-RADS: five or more
    calcifications within 1 cm).

    Parameters
    ----------
    positions_mm : float array, shape (calcifications, 2)
    weights : float array, shape (calcifications,)
        Probabilities; clusters are numbered 1, 2, … by falling sum of them.
    parameters : ClusterParameters
    pieces_of : int array, shape (calcifications,), optional
        Where the calcifications are pieces: the number of the long calcification each belongs to. Pieces of one are
        linked whatever their distance, and each counts, so that two casts of three pieces can be a group.

    Returns
    -------
    int array, shape (calcifications,)
        0 for singles.
    """
    count = len(positions_mm)
    numbers = np.zeros(count, np.intp)
    if count == 0:
        return numbers
    tree = cKDTree(positions_mm)
    pairs = tree.query_pairs(parameters.linking_distance_mm, output_type="ndarray")
    if pieces_of is not None:
        order = np.argsort(pieces_of, kind="stable")
        follows = np.diff(pieces_of[order]) == 0
        pairs = np.concatenate((pairs, np.column_stack((order[:-1], order[1:]))[follows]))
    links = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    sets, membership = connected_components(links, directed=False)

    close = tree.query_pairs(parameters.group_diameter_mm, output_type="ndarray")
    close = close[membership[close[:, 0]] == membership[close[:, 1]]]
    others = np.bincount(close.ravel(), minlength=count)
    is_cluster = np.zeros(sets, np.bool_)
    is_cluster[membership[others + 1 >= parameters.minimum_count]] = True

    total = np.bincount(membership, weights, minlength=sets)
    first = np.full(sets, count)
    np.minimum.at(first, membership, np.arange(count))
    ranked = [number for number in np.lexsort((first, -total)) if is_cluster[number]]
    for number, linked_set in enumerate(ranked, start=1):
        numbers[membership == linked_set] = number
    return numbers


def spanning_links(positions_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """The shortest links that hold a cluster together: the minimum spanning tree, which is what single link follows.

    Parameters
    ----------
    positions_mm : float array, shape (calcifications, dimensions)

    Returns
    -------
    int array, shape (calcifications − 1, 2)
        Pairs of indices, shortest link first; empty for fewer than two calcifications.
    """
    count = len(positions_mm)
    if count < 2:
        return np.zeros((0, 2), np.intp)
    lengths = squareform(pdist(positions_mm) + 1e-6)  # a length of zero would count as no link
    tree = minimum_spanning_tree(lengths).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return np.column_stack((tree.row, tree.col))[order].astype(np.intp)
