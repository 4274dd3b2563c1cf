"""Hysteresis of the selection: where a group is sure, fainter specks of it count, too.

A single speck has to be sure by itself. Amorphous and casting calcifications seldom are, one by one; several that are
each probable, close together, are a group all the same, and its outline needs its faint members. Evidence adds up as
the cube of the probability: five specks of 0.9 tell of a group, the fifty of 0.3 that a net of strands gives do not.

Where no group is sure, fewer specks are one when they crowd: a few likely ones within a millimeter are seldom chance.
The surest of them is no evidence there, because a single bright thing (a nodule's rim, a vessel's crossing) often has
faint ones around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..base.parameters import SelectionParameters

_FEWEST_IN_CROWD = 3
_CROWD_SPAN = 1.5  # reaches from its middle to its faintest members


def sure_alone_or_in_group(
    probabilities: NDArray[np.float64],
    positions_mm: NDArray[np.float64],
    threshold: float,
    parameters: SelectionParameters,
) -> NDArray[np.bool_]:
    """Which specks are selected: those above the threshold, and fainter ones of a sure group or crowd.

    Parameters
    ----------
    probabilities : float array, shape (specks,)
        Of specks that share no pixel.
    positions_mm : float array, shape (specks, 2)
    threshold : float
        For single specks.
    parameters : SelectionParameters
        ``group_evidence`` and ``group_reach_mm`` say when a group is sure, ``group_threshold`` what counts in it; the
        same by ``crowd_…``.

    Returns
    -------
    bool array, shape (specks,)
    """
    selected = probabilities >= threshold
    faint = np.flatnonzero(probabilities >= min(parameters.group_threshold, threshold))
    if not faint.size:
        return selected
    tree, weights = cKDTree(positions_mm[faint]), evidence(probabilities[faint])
    grouped = np.zeros(len(faint), np.bool_)
    for members in tree.query_ball_tree(tree, parameters.group_reach_mm):
        if weights[members].sum() >= parameters.group_evidence:
            grouped[members] = True
    selected[faint[grouped]] = True

    fainter = np.flatnonzero(probabilities >= min(parameters.crowd_threshold, threshold))
    fainter_tree, span_mm = cKDTree(positions_mm[fainter]), _CROWD_SPAN * parameters.crowd_reach_mm
    for middle, members in enumerate(tree.query_ball_tree(tree, parameters.crowd_reach_mm)):
        beside_the_surest = weights[members].sum() - weights[members].max()
        is_crowd = len(members) >= _FEWEST_IN_CROWD and beside_the_surest >= parameters.crowd_evidence
        if is_crowd and not grouped[middle]:
            gathered = fainter_tree.query_ball_point(positions_mm[faint[middle]], span_mm)
            selected[fainter[gathered]] = True
    return selected


def evidence(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each speck tells of a group, in [0, 1], from its probability of being a calcification."""
    return probabilities**3
