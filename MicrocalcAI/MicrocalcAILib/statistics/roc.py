"""The ROC curve, its area with DeLong's interval and tests, operating points, precision and recall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .cases import checked_cases
from .clustered import auc_covariance, is_clustered, newcombe_interval, separate_auc_covariance
from .estimate import Estimate, normal_quantile

_NO_VARIANCE = 1e-15  # the same ranking, or complete separation


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


def auc_of(outcome: ArrayLike, score: ArrayLike) -> float:
    """Area under the empirical ROC curve (ties count half) alone, for bootstraps; see :func:`auc`.

    Raises
    ------
    ParameterError
        When the lists do not fit or one class is missing.
    """
    from scipy.stats import rankdata

    diseased, scores = checked_cases(outcome, score, both_classes=True)
    count = int(diseased.sum())
    above = float(rankdata(scores)[diseased].sum()) - count * (count + 1) / 2
    return above / (count * (diseased.size - count))


def auc(
    outcome: ArrayLike, score: ArrayLike, *, patients: ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """Area under the empirical ROC curve (ties count half), with a logit interval.

    logit(AUC) ± z·SE/(AUC·(1 − AUC)), SE from :func:`~.clustered.auc_covariance` (DeLong, or Obuchowski by patient):
    unlike AUC ± z·SE it stays inside 0 to 1 and keeps its coverage near 1. Where that variance is 0 (the classes
    separate completely) the interval is Newcombe's, which comes from the area and the numbers of cases alone.

    Parameters
    ----------
    patients : array_like, shape (cases,), optional
        Which patient each case belongs to, when patients have several.

    Raises
    ------
    ParameterError
        When the lists do not fit, or a class has fewer than two cases (patients).

    References
    ----------
    Pepe: The statistical evaluation of medical tests for classification and prediction (2003), section 5.2.5.
    """
    areas, covariance = auc_covariance(outcome, [score], patients)
    area, variance = float(areas[0]), float(covariance[0, 0])
    name = "DeLong" if patients is None or not is_clustered(patients) else "Obuchowski"
    if variance <= _NO_VARIANCE:
        diseased = np.asarray(outcome).astype(bool)
        owners = np.arange(diseased.size) if patients is None else np.asarray(patients)
        patients_with, patients_without = (len(np.unique(owners[group])) for group in (diseased, ~diseased))
        interval = newcombe_interval(area, patients_with, patients_without, confidence)
        return Estimate(area, *interval, confidence, "Newcombe")
    half_width = normal_quantile(confidence) * math.sqrt(variance) / (area * (1 - area))
    low, high = (1 / (1 + (1 - area) / area * math.exp(-move)) for move in (-half_width, half_width))
    return Estimate(area, low, high, confidence, f"{name}, logit")


def compare_paired_auc(
    outcome: ArrayLike,
    first_score: ArrayLike,
    second_score: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence: float = 0.95,
) -> AucComparison:
    """DeLong's test of two scores of the same cases; Obuchowski's when patients have several cases.

    z = (A₁ − A₂) / sqrt(var A₁ + var A₂ − 2 cov(A₁, A₂)).

    Raises
    ------
    ParameterError
        See :func:`auc_covariance`.
    """
    areas, covariance = auc_covariance(outcome, [first_score, second_score], patients)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _comparison(areas[0], areas[1], variance, confidence)


def compare_unpaired_auc(
    first_outcome: ArrayLike,
    first_score: ArrayLike,
    second_outcome: ArrayLike,
    second_score: ArrayLike,
    *,
    patients: tuple[ArrayLike, ArrayLike] | None = None,
    confidence: float = 0.95,
) -> AucComparison:
    """Test of two areas from different cases: z = (A₁ − A₂) / sqrt(var A₁ + var A₂ − 2 cov(A₁, A₂)).

    The covariance is 0 unless patients have cases on both sides.

    Parameters
    ----------
    patients : pair of array_like, optional
        Patients of the first and of the second cases.

    Raises
    ------
    ParameterError
        See :func:`~.clustered.auc_covariance`.
    """
    of_first, of_second = (None, None) if patients is None else patients
    (first, second), covariance = separate_auc_covariance(
        [(first_outcome, first_score, of_first), (second_outcome, second_score, of_second)]
    )
    return _comparison(first, second, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], confidence)


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
    if variance <= _NO_VARIANCE:
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
