"""The ROC curve, its area with DeLong's interval and tests, operating points, precision and recall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .diagnostic import checked_cases
from .estimate import Estimate, normal_quantile


@dataclass(frozen=True)
class RocCurve:
    """ROC curve; each array has the shape (points,), ordered by falling threshold.

    Parameters
    ----------
    thresholds : positive from this score on; the first is infinite (nothing is positive)
    sensitivity, specificity : at that threshold
    """

    thresholds: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision against recall; arrays of shape (points,), ordered by rising threshold, and the average precision.

    ``average_precision`` is the sum of precision × gain in recall over the thresholds, without interpolation.
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it gives on the cases it was chosen on (optimistic for new cases)."""

    threshold: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True)
class AucComparison:
    """Two areas, their difference (first − second) with interval, and the two-sided test of no difference."""

    first: float
    second: float
    difference: Estimate
    z: float
    p_value: float


def roc_curve(outcome: ArrayLike, score: ArrayLike) -> RocCurve:
    """Empirical ROC curve with every threshold that occurs.

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (cases,)
    score : array_like of float, shape (cases,)
        Higher means more suspicious.

    Raises
    ------
    ParameterError
        When the lists do not fit or one class is missing.
    """
    from sklearn.metrics import roc_curve as sklearn_roc_curve

    diseased, scores = checked_cases(outcome, score, both_classes=True)
    false_positive_rate, sensitivity, thresholds = sklearn_roc_curve(diseased, scores, drop_intermediate=False)
    return RocCurve(thresholds, sensitivity, 1 - false_positive_rate)


def auc(outcome: ArrayLike, score: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Area under the empirical ROC curve (ties count half) with DeLong's interval.

    AUC ± z·SE, cut to [0, 1]; SE is the root of the variance from :func:`auc_covariance`. When the classes separate
    completely that variance is 0 and says nothing: the interval is NaN. Cases count as independent; for several cases
    per patient use :func:`~.resampling.bootstrap_estimate`.

    Raises
    ------
    ParameterError
        When the lists do not fit, or a class has fewer than two cases.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson: Comparing the areas under two or more correlated ROC curves. Biometrics 44:837
    (1988).
    """
    areas, covariance = auc_covariance(outcome, [score])
    if covariance[0, 0] == 0:
        return Estimate(float(areas[0]), math.nan, math.nan, confidence, "DeLong")
    half_width = normal_quantile(confidence) * math.sqrt(covariance[0, 0])
    low, high = max(0.0, areas[0] - half_width), min(1.0, areas[0] + half_width)
    return Estimate(float(areas[0]), float(low), float(high), confidence, "DeLong")


def auc_covariance(outcome: ArrayLike, scores: list[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas of several scores of the same cases, and their DeLong covariance.

    With V10(i) the share of healthy cases that diseased case i outranks, and V01(j) the share of diseased cases that
    outrank healthy case j (ties count half), the covariance is cov(V10)/m + cov(V01)/n for m diseased and n healthy
    cases. The shares come from midranks, in O(cases log cases) (Sun, Xu: IEEE Signal Process Lett 21:1389, 2014).

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (cases,)
    scores : list of array_like, each of shape (cases,)

    Returns
    -------
    areas : shape (scores,)
    covariance : shape (scores, scores)

    Raises
    ------
    ParameterError
        When the lists do not fit, or a class has fewer than two cases.
    """
    from scipy.stats import rankdata

    above_healthy, below_diseased = [], []
    for score in scores:
        diseased, values = checked_cases(outcome, score, both_classes=True)
        m, n = int(diseased.sum()), int((~diseased).sum())
        if min(m, n) < 2:
            raise ParameterError("The variance of an area needs at least two cases with and two without the disease.")
        ranks = rankdata(values)
        above_healthy.append((ranks[diseased] - rankdata(values[diseased])) / n)
        below_diseased.append(1 - (ranks[~diseased] - rankdata(values[~diseased])) / m)
    v10, v01 = np.array(above_healthy), np.array(below_diseased)
    return v10.mean(axis=1), np.atleast_2d(np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1])


def compare_paired_auc(
    outcome: ArrayLike, first_score: ArrayLike, second_score: ArrayLike, *, confidence: float = 0.95
) -> AucComparison:
    """DeLong's test of two scores of the same cases.

    z = (A₁ − A₂) / sqrt(var A₁ + var A₂ − 2 cov(A₁, A₂)).

    Raises
    ------
    ParameterError
        See :func:`auc_covariance`.
    """
    areas, covariance = auc_covariance(outcome, [first_score, second_score])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _comparison(areas[0], areas[1], variance, confidence)


def compare_unpaired_auc(
    first_outcome: ArrayLike,
    first_score: ArrayLike,
    second_outcome: ArrayLike,
    second_score: ArrayLike,
    *,
    confidence: float = 0.95,
) -> AucComparison:
    """Test of two areas from different patients: z = (A₁ − A₂) / sqrt(var A₁ + var A₂), DeLong variances.

    Raises
    ------
    ParameterError
        See :func:`auc_covariance`.
    """
    (first,), first_variance = auc_covariance(first_outcome, [first_score])
    (second,), second_variance = auc_covariance(second_outcome, [second_score])
    return _comparison(first, second, first_variance[0, 0] + second_variance[0, 0], confidence)


def precision_recall_curve(outcome: ArrayLike, score: ArrayLike) -> PrecisionRecallCurve:
    """Precision–recall curve and average precision.

    Raises
    ------
    ParameterError
        When the lists do not fit or one class is missing.
    """
    from sklearn.metrics import average_precision_score
    from sklearn.metrics import precision_recall_curve as sklearn_precision_recall_curve

    diseased, scores = checked_cases(outcome, score, both_classes=True)
    precision, recall, thresholds = sklearn_precision_recall_curve(diseased, scores)
    average = float(average_precision_score(diseased, scores))
    return PrecisionRecallCurve(np.append(thresholds, np.inf), precision, recall, average)


def youden_point(curve: RocCurve) -> OperatingPoint:
    """Threshold with the largest sensitivity + specificity − 1 (Youden 1950); the highest such threshold."""
    return _point(curve, int(np.argmax(np.round(curve.sensitivity + curve.specificity, 12))))


def point_at_sensitivity(curve: RocCurve, sensitivity: float) -> OperatingPoint:
    """Highest threshold with at least this sensitivity (so with the best specificity).

    Raises
    ------
    ParameterError
        When the sensitivity is not between 0 and 1.
    """
    _check_share(sensitivity)
    return _point(curve, int(np.argmax(curve.sensitivity >= sensitivity - 1e-12)))


def point_at_specificity(curve: RocCurve, specificity: float) -> OperatingPoint:
    """Lowest threshold with at least this specificity (so with the best sensitivity).

    Raises
    ------
    ParameterError
        When the specificity is not between 0 and 1.
    """
    _check_share(specificity)
    return _point(curve, int(np.flatnonzero(curve.specificity >= specificity - 1e-12)[-1]))


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise ParameterError(f"A sensitivity or specificity lies between 0 and 1, not at {share:g}.")


def _point(curve: RocCurve, index: int) -> OperatingPoint:
    return OperatingPoint(*(float(array[index]) for array in (curve.thresholds, curve.sensitivity, curve.specificity)))


def _comparison(first: float, second: float, variance: float, confidence: float) -> AucComparison:
    from scipy.stats import norm

    difference = float(first - second)
    if variance <= 1e-15:  # the same ranking, or complete separation: no variance to test with
        z = 0.0 if difference == 0 else math.nan
        p_value = 1.0 if difference == 0 else math.nan
        return AucComparison(
            float(first), float(second), Estimate(difference, math.nan, math.nan, confidence, "DeLong"), z, p_value
        )
    error = math.sqrt(variance)
    half_width = normal_quantile(confidence) * error
    interval = Estimate(difference, difference - half_width, difference + half_width, confidence, "DeLong")
    z = difference / error
    return AucComparison(float(first), float(second), interval, z, float(2 * norm.sf(abs(z))))
