"""Benign against malignant when patients have several lesions: tests and intervals between patients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from MicrocalcAILib.statistics.clustered import patient_index
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.roc import auc

Array = NDArray[np.float64]


def mean_differences(
    values: Array, malignant: NDArray[np.bool_], patients: NDArray[np.str_]
) -> tuple[Array, Array, int]:
    """Means of the malignant less those of the benign lesions.

    Each patient moves a difference by Σ (value − mean of the group)/(lesions of the group), malignant lesions up and
    benign ones down, times √(I/(I − 1)) for the I patients of the group; the covariance is that of these sums over the
    patients. With one lesion per patient it is that of Welch's test.

    Parameters
    ----------
    values : float array, shape (lesions, quantities)

    Returns
    -------
    differences : shape (quantities,)
    covariance : shape (quantities, quantities)
    degrees_of_freedom : int
        Patients − 2.
    """
    groups = malignant, ~malignant
    means = [values[group].mean(axis=0) for group in groups]
    moves = np.zeros_like(values)
    for group, mean, sign in zip(groups, means, (1, -1), strict=True):
        own = len(np.unique(patients[group]))
        moves[group] = sign * np.sqrt(own / max(own - 1, 1)) * (values[group] - mean) / group.sum()
    owner = patient_index(patients, len(values))
    count = int(owner.max()) + 1
    sums = np.stack([np.bincount(owner, column, count) for column in moves.T], axis=1)
    return means[0] - means[1], np.asarray(sums.T @ sums, float), count - 2


def mean_difference_test(
    values: Array, malignant: NDArray[np.bool_], patients: NDArray[np.str_]
) -> tuple[Estimate, float]:
    """Difference of two means and its P value (Student's t with patients − 2); NaN when no value varies."""
    (difference,), ((variance,),), freedom = mean_differences(values[:, np.newaxis], malignant, patients)
    if variance <= 0 or freedom < 1:
        return Estimate(float(difference), np.nan, np.nan), np.nan
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf(0.975, freedom)) * error
    p_value = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return Estimate(float(difference), difference - half, difference + half, method="t between patients"), p_value


def rank_test(values: Array, malignant: NDArray[np.bool_], patients: NDArray[np.str_]) -> tuple[Estimate, float]:
    """Chance that a malignant lesion has the higher value, and the P value of one half (Obuchowski's variance).

    Mann–Whitney's test asks the same of independent lesions.
    """
    area = auc(malignant, values, patients=patients)
    if not 0 < area.value < 1:
        return area, 0.0 if area.low > 0.5 or area.high < 0.5 else np.nan
    error = (_logit(area.high) - _logit(area.low)) / 2 / float(stats.norm.ppf(0.975))
    error *= area.value * (1 - area.value)
    return area, 2 * float(stats.norm.sf(abs(area.value - 0.5) / error))


def share_test(codes: NDArray[Any], malignant: NDArray[np.bool_], patients: NDArray[np.str_]) -> float:
    """P value of equal shares of every category in both groups: Wald's F test between patients.

    Parameters
    ----------
    codes : int array, shape (lesions,)
        Number of the category.
    """
    if np.ptp(codes) == 0:
        return np.nan
    indicators = (codes[:, np.newaxis] == np.unique(codes)[1:]).astype(float)
    differences, covariance, freedom = mean_differences(indicators, malignant, patients)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    left = freedom - rank + 1
    if rank == 0 or left < 1:
        return np.nan
    statistic = float(differences @ np.linalg.pinv(covariance, hermitian=True) @ differences)
    return float(stats.f.sf(statistic * left / (freedom * rank), rank, left))


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
