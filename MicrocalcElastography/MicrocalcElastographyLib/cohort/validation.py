"""Predictions for lesions that were not used to make them: repeated cross-validation by patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
LARGEST_FOLD_COUNT = 10
SMALLEST_GROUP = 5


def folds(
    malignant: NDArray[np.bool_], patients: NDArray[np.str_], *, repeats: int, seed: int
) -> Iterator[tuple[int, Rows, Rows]]:
    """Repeat number, training rows and test rows; all lesions of a patient stay together, the mix is kept."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    count = int(min(LARGEST_FOLD_COUNT, malignant.sum(), (~malignant).sum()))
    is_grouped = len(np.unique(patients)) < len(patients)
    for repeat in range(repeats):
        splitter = (StratifiedGroupKFold if is_grouped else StratifiedKFold)(
            count, shuffle=True, random_state=seed + repeat
        )
        for train, test in splitter.split(malignant, malignant, patients if is_grouped else None):
            yield repeat, train, test


def cross_validated(
    predict: Callable[[Rows, Rows], Array],
    malignant: NDArray[np.bool_],
    patients: NDArray[np.str_],
    *,
    repeats: int = 5,
    seed: int = 0,
) -> Array | None:
    """Mean log odds of each lesion from models that never saw its patient; None with fewer than five in a group.

    Parameters
    ----------
    predict : callable
        Takes training rows and test rows, returns the log odds of the test rows.
    repeats, seed : int
        Different partitions into (at most) ten parts.
    """
    if min(malignant.sum(), (~malignant).sum()) < SMALLEST_GROUP:
        return None
    total, times = np.zeros(len(malignant)), np.zeros(len(malignant))
    for _, train, test in folds(malignant, patients, repeats=repeats, seed=seed):
        if malignant[train].all() or not malignant[train].any():
            continue
        total[test] += predict(train, test)
        times[test] += 1
    return total / times if (times > 0).all() else None
