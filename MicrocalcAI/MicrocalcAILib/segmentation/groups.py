"""Hysteresis of the selection: where a group is sure, fainter specks of it count, too.

A single speck has to be sure by itself. Amorphous and casting calcifications seldom are, one by one; several that are
each probable, close together, are a group all the same, and its outline needs its faint members. Evidence adds up as
the cube of the probability: five specks of 0.9 tell of a group, the fifty of 0.3 that a net of strands gives do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..base.parameters import SelectionParameters


def sure_alone_or_in_group(
    probabilities: NDArray[np.float64],
    positions_mm: NDArray[np.float64],
    threshold: float,
    parameters: SelectionParameters,
) -> NDArray[np.bool_]:
    """Which specks are selected: those above the threshold, and fainter ones around the middle of a sure group.

    Parameters
    ----------
    probabilities : float array, shape (specks,)
        Of specks that share no pixel.
    positions_mm : float array, shape (specks, 2)
    threshold : float
        For single specks.
    parameters : SelectionParameters
        ``group_evidence`` and ``group_reach_mm`` say when a group is sure, ``group_threshold`` what counts in it.

    Returns
    -------
    bool array, shape (specks,)
    """
    selected = probabilities >= threshold
    faint = np.flatnonzero(probabilities >= min(parameters.group_threshold, threshold))
    if not faint.size:
        return selected
    tree = cKDTree(positions_mm[faint])
    around = tree.query_ball_tree(tree, parameters.group_reach_mm)
    evidence = np.array([(probabilities[faint[members]] ** 3).sum() for members in around])
    for middle in np.flatnonzero(evidence >= parameters.group_evidence):
        selected[faint[around[middle]]] = True
    return selected
