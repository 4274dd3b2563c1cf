"""SMOTE and edited nearest neighbors: balance the classes, then drop what contradicts its neighborhood.

For training folds only. The class sizes of folds that judge a model are never changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMOTE_NEIGHBORS = 5
EDITING_NEIGHBORS = 3
_FEWEST = 6  # a class that editing would leave with fewer cases is not edited


def smote(
    values: NDArray[np.float64], outcome: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Add synthetic cases of the rarer class until both are equally frequent.

    Each lies at a random place on the line from a random case to one of its five nearest neighbors of the same class.

    Parameters
    ----------
    values : float array, shape (cases, features)
        On one scale, without missing values.
    outcome : bool array, shape (cases,)
    seed : int

    Returns
    -------
    values, outcome
        The given cases first, in their order.

    References
    ----------
    Chawla, Bowyer, Hall, Kegelmeyer: SMOTE. J Artif Intell Res 16:321 (2002).
    """
    from sklearn.neighbors import NearestNeighbors

    rarer = bool(outcome.mean() < 0.5)
    members = values[outcome == rarer]
    wanted = len(values) - 2 * len(members)
    neighbors = min(SMOTE_NEIGHBORS, len(members) - 1)
    if wanted <= 0 or neighbors < 1:
        return values, outcome
    near = NearestNeighbors(n_neighbors=neighbors).fit(members).kneighbors(return_distance=False)
    rng = np.random.default_rng(seed)
    start = rng.integers(len(members), size=wanted)
    end = near[start, rng.integers(neighbors, size=wanted)]
    made = members[start] + rng.random((wanted, 1)) * (members[end] - members[start])
    return np.concatenate([values, made]), np.concatenate([outcome, np.full(wanted, rarer)])


def edited(values: NDArray[np.float64], outcome: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cases have only neighbors of their own class among the nearest three.

    Returns
    -------
    bool array, shape (cases,)
        All True for a class that would be left with fewer than six cases.

    References
    ----------
    Wilson: Asymptotic properties of nearest neighbor rules using edited data. IEEE Trans Syst Man Cybern 2:408 (1972);
    in the form of Batista, Prati, Monard: SIGKDD Explorations 6:20 (2004), applied to both classes.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(values) <= EDITING_NEIGHBORS:
        return np.ones(len(values), np.bool_)
    near = NearestNeighbors(n_neighbors=EDITING_NEIGHBORS).fit(values).kneighbors(return_distance=False)
    kept = (outcome[near] == outcome[:, None]).all(axis=1)
    for label in (False, True):
        if kept[outcome == label].sum() < _FEWEST:
            kept[outcome == label] = True
    return kept


def smote_enn(
    values: NDArray[np.float64], outcome: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """:func:`smote`, then :func:`edited`."""
    more, labels = smote(values, outcome, seed)
    kept = edited(more, labels)
    return more[kept], labels[kept]
