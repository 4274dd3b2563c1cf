"""SMOTE and edited nearest neighbors: balance the classes, then drop what contradicts its neighborhood.

For training folds only. The class sizes of folds that judge a model are never changed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SMOTE_NEIGHBORS = 5
_EDITING_NEIGHBORS = 3
_FEWEST = 6  # a class that editing would leave with fewer cases is not edited


def smote_enn(
    values: NDArray[np.float64], outcome: NDArray[np.bool_], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Add synthetic cases of the rarer class until both are equally frequent, then drop contradicted cases of both.

    A synthetic case lies at a random place on the line from a random case to one of its five nearest neighbors of the
    same class (SMOTE). A case whose three nearest neighbors are not all of its class is dropped (edited nearest
    neighbors), unless that would leave its class with fewer than six cases. A class of one case is left alone.

    Parameters
    ----------
    values : float array, shape (cases, features)
        On one scale, without missing values.
    outcome : bool array, shape (cases,)
    seed : int

    References
    ----------
    Chawla, Bowyer, Hall, Kegelmeyer: SMOTE. J Artif Intell Res 16:321 (2002).
    Batista, Prati, Monard: SIGKDD Explorations 6:20 (2004), as imbalanced-learn implements them.
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import EditedNearestNeighbours

    rarer = int(min(outcome.sum(), (~outcome).sum()))
    if rarer > 1:
        made = SMOTE(random_state=seed, k_neighbors=min(_SMOTE_NEIGHBORS, rarer - 1))
        values, outcome = made.fit_resample(values, outcome)
    if rarer == 0 or len(values) <= _EDITING_NEIGHBORS:
        return values, outcome
    editing = EditedNearestNeighbours(sampling_strategy="all", n_neighbors=_EDITING_NEIGHBORS, kind_sel="all")
    editing.fit_resample(values, outcome)
    kept = np.isin(np.arange(len(values)), editing.sample_indices_)
    for label in (False, True):
        if kept[outcome == label].sum() < _FEWEST:
            kept[outcome == label] = True
    return values[kept], outcome[kept]
