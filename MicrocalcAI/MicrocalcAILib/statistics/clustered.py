"""Several units (lesions, views, readings) of one patient: variances, intervals and resamples that respect the patient.

Units of one patient are alike, so counting them as independent makes intervals too narrow. Everything here takes
``patients``, which patient each unit belongs to; with one unit per patient every result is that of independent cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .cases import checked_cases
from .estimate import Estimate, normal_quantile, wilson_interval
from .resampling import resampled_counts

Array = NDArray[np.float64]


def patient_index(patients: ArrayLike, units: int) -> NDArray[np.intp]:
    """Number of each unit's patient (0, 1, …), shape (units,).

    Raises
    ------
    ParameterError
        When there is not one patient per unit.
    """
    names = np.asarray(patients)
    if names.shape != (units,):
        raise ParameterError(
            f"Each of the {units} units belongs to one patient; the patients have shape {names.shape}."
        )
    return np.unique(names, return_inverse=True)[1]


def is_clustered(patients: ArrayLike) -> bool:
    """True when a patient has more than one unit."""
    names = np.asarray(patients)
    return len(np.unique(names)) < len(names)


def auc_covariance(
    outcome: ArrayLike, scores: list[ArrayLike], patients: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Areas of several scores of the same units, and their covariance.

    With V10 the share of healthy units that a diseased unit outranks and V01 the share of diseased units that outrank a
    healthy one (ties count half), both are summed within each patient; the covariance of the sums less their
    expectation, between the patients, is Obuchowski's estimate. With one unit per patient it is DeLong's,
    cov(V10)/M + cov(V01)/N.

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (units,)
    scores : list of array_like, each of shape (units,)
        Higher means more suspicious.
    patients : array_like, shape (units,), optional
        Each unit its own patient without it. A patient may have diseased and healthy units.

    Returns
    -------
    areas : shape (scores,)
    covariance : shape (scores, scores)

    Raises
    ------
    ParameterError
        When the lists do not fit, or fewer than two patients have a diseased (or healthy) unit.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson: Comparing the areas under two or more correlated ROC curves. Biometrics 44:837
    (1988).
    Obuchowski: Nonparametric analysis of clustered ROC curve data. Biometrics 53:567 (1997).
    Midranks: Sun, Xu: IEEE Signal Process Lett 21:1389 (2014).
    """
    areas, of_diseased, of_healthy = auc_influences(outcome, scores, patients)
    return areas, influence_covariance(of_diseased, of_healthy)


def auc_influences(
    outcome: ArrayLike, scores: list[ArrayLike], patients: ArrayLike | None = None
) -> tuple[Array, Array, Array]:
    """Areas, and what each patient's diseased and healthy units move each of them by.

    Returns
    -------
    areas : shape (scores,)
    of_diseased, of_healthy : shape (patients, scores)
        (V10(Xᵢ.) − mᵢ·A)/M and (V01(Yᵢ.) − nᵢ·A)/N of Obuchowski 1997; NaN for a patient without such a unit. Patients
        stand in sorted order.

    Raises
    ------
    ParameterError
        See :func:`auc_covariance`.
    """
    from scipy.stats import rankdata

    areas, moves = [], []
    for score in scores:
        diseased, values = checked_cases(outcome, score, both_classes=True)
        owner = np.arange(values.size) if patients is None else patient_index(patients, values.size)
        groups = (diseased, ~diseased)
        if min(len(np.unique(owner[group])) for group in groups) < 2:
            raise ParameterError("The variance of an area needs at least two cases with and two without the disease.")
        ranks, moved = rankdata(values), []
        for group in groups:
            others = int((~group).sum())
            below = (ranks[group] - rankdata(values[group])) / others  # share of the other group that lies below
            outranks = below if group is diseased else 1 - below
            sums = np.bincount(owner[group], outranks - outranks.mean(), owner.max() + 1) / int(group.sum())
            moved.append(np.where(np.bincount(owner[group], minlength=owner.max() + 1) > 0, sums, np.nan))
            area = float(outranks.mean())
        areas.append(area)
        moves.append(moved)
    of_diseased, of_healthy = np.moveaxis(np.array(moves), (0, 1, 2), (2, 0, 1))
    return np.array(areas), of_diseased, of_healthy


def influence_covariance(of_diseased: Array, of_healthy: Array) -> Array:
    """Covariance of areas from :func:`auc_influences`, shape (scores, scores) (Obuchowski 1997, eq. 4 and 6).

    Σ over patients of the products of their influences, each of the sums (diseased with diseased, healthy with healthy,
    diseased with healthy) times I/(I − 1) for the I patients that can contribute to it.
    """

    def spread(one: Array, other: Array, count: int) -> Array:
        return count / (count - 1) * (np.nan_to_num(one).T @ np.nan_to_num(other))

    with_diseased, with_healthy = (int((~np.isnan(moves[:, 0])).sum()) for moves in (of_diseased, of_healthy))
    crossed = spread(of_diseased, of_healthy, len(of_diseased))
    within = spread(of_diseased, of_diseased, with_diseased) + spread(of_healthy, of_healthy, with_healthy)
    return np.asarray(within + crossed + crossed.T)


def separate_auc_covariance(parts: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike | None]]) -> tuple[Array, Array]:
    """Areas of different units, such as strata, and their covariance, which is 0 unless patients have units in several.

    Parameters
    ----------
    parts : sequence of (outcome, score, patients)
        As for :func:`auc_covariance`; the areas are those of one score in different units.

    Returns
    -------
    areas : shape (parts,)
    covariance : shape (parts, parts)

    Raises
    ------
    ParameterError
        See :func:`auc_covariance`.
    """
    areas, covariance = np.empty(len(parts)), np.zeros((len(parts), len(parts)))
    moved: list[tuple[NDArray[Any], Array]] = []
    for index, (outcome, score, patients) in enumerate(parts):
        (areas[index],), of_diseased, of_healthy = auc_influences(outcome, [score], patients)
        covariance[index, index] = influence_covariance(of_diseased, of_healthy)[0, 0]
        names = np.array([]) if patients is None else np.unique(np.asarray(patients))
        moved.append((names, np.nan_to_num(of_diseased[:, 0]) + np.nan_to_num(of_healthy[:, 0])))
        for earlier, (other_names, other_moves) in enumerate(moved[:index]):
            shared, own, others = np.intersect1d(names, other_names, return_indices=True)
            if len(shared):
                everyone = len(np.union1d(names, other_names))
                product = float(moved[index][1][own] @ other_moves[others])
                covariance[index, earlier] = covariance[earlier, index] = everyone / max(everyone - 1, 1) * product
    return areas, covariance


def clustered_means(values: ArrayLike, patients: ArrayLike) -> tuple[Array, Array]:
    """Means over all units of one or several quantities, and their covariance between patients.

    The mean is the ratio Σ(sums of the patients)/Σ(units of the patients); its linearized covariance is
    I/(I − 1)·Σᵢ(sumᵢ − mean·unitsᵢ)(…)ᵀ/units². A proportion is the mean of 0 and 1; the difference of two readers'
    sensitivities on the same units has variance c₁₁ + c₂₂ − 2c₁₂.

    Parameters
    ----------
    values : array_like, shape (units,) or (units, quantities)
    patients : array_like, shape (units,)

    Returns
    -------
    means : shape (quantities,)
    covariance : shape (quantities, quantities)
        NaN with fewer than two patients.

    Raises
    ------
    ParameterError
        When there is no unit, a value is not finite, or there is not one patient per unit.

    References
    ----------
    Rao, Scott: A simple method for the analysis of clustered binary data. Biometrics 48:577 (1992).
    Obuchowski: On the comparison of correlated proportions for clustered data. Stat Med 17:1495 (1998).
    """
    table = np.asarray(values, float)
    table = table[:, np.newaxis] if table.ndim == 1 else table
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ParameterError("A mean over patients needs at least one unit, and a finite number for each.")
    owner = patient_index(patients, len(table))
    count = int(owner.max()) + 1
    means = table.mean(axis=0)
    sums = np.stack([np.bincount(owner, column, count) for column in (table - means).T], axis=1)
    if count < 2:
        return means, np.full((table.shape[1],) * 2, math.nan)
    return means, count / (count - 1) * sums.T @ sums / len(table) ** 2


def clustered_proportion(successes: ArrayLike, patients: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Proportion of units with an interval between patients: Wilson's with :func:`effective_size`.

    With one unit per patient it is Wilson's interval.

    Parameters
    ----------
    successes : array_like of bool or 0/1, shape (units,)
        No units give NaN throughout.
    patients : array_like, shape (units,)

    Raises
    ------
    ParameterError
        When a success is not 0 or 1, or there is not one patient per unit.
    """
    hits = np.asarray(successes)
    size = effective_size(hits, patients, confidence)
    method = "wilson, by patient" if is_clustered(patients) else "wilson"
    if not hits.size:
        return Estimate(math.nan, math.nan, math.nan, confidence, method)
    low, high = wilson_interval(float(hits.mean()), size, confidence)
    return Estimate(float(hits.mean()), low, high, confidence, method)


def effective_size(successes: ArrayLike, patients: ArrayLike, confidence: float = 0.95) -> float:
    """How many independent units would tell as much about the proportion of successes.

    Units/design effect, the variance of :func:`clustered_means` over that of independent units (never below 1: a
    smaller one is chance), corrected for few patients by the squared ratio of the t quantiles. Where all units agree,
    the spread between patients is unknown and the size is that of the patients. NaN with units of one patient only.

    Raises
    ------
    ParameterError
        When a success is not 0 or 1, or there is not one patient per unit.

    References
    ----------
    Rao, Scott: Biometrics 48:577 (1992). Korn, Graubard: Survey Methodology 24:193 (1998).
    """
    from scipy.stats import t

    hits = np.asarray(successes)
    if not np.isin(hits, (0, 1)).all():
        raise ParameterError("Every unit of a proportion is 0 or 1.")
    units, count = hits.size, len(np.unique(patient_index(patients, hits.size)))
    if count == units:
        return float(units)
    if count < 2:
        return math.nan
    (value,), ((variance,),) = clustered_means(hits, patients)
    if not 0 < value < 1:
        return float(count)
    effect = max(float(variance) / (float(value) * (1 - float(value)) / (units - 1)), 1.0)
    tail = (1 + confidence) / 2
    return units / effect * float(t.ppf(tail, units - 1) / t.ppf(tail, count - 1)) ** 2


def resampled_units(patients: ArrayLike, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each unit is drawn when whole patients are drawn, shape (resamples, units).

    The weights of a vectorized bootstrap; :func:`~.resampling.bootstrap_estimate` takes any metric instead.
    """
    owner = patient_index(patients, np.size(patients))
    return resampled_counts(int(owner.max()) + 1, resamples, seed)[:, owner]


def newcombe_interval(area: float, diseased: int, healthy: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of an AUC from its size alone: the areas it does not differ from at this confidence.

    Solves |A − area| = z·√V(A) with V(A) = A(1 − A)·[1 + (N − 1)·(1 − A)/(2 − A) + (N − 1)·A/(1 + A)]/(m·n) and
    N = (m + n)/2. It has width even when the groups separate completely, where the empirical variance is 0.

    References
    ----------
    Newcombe: Confidence intervals for an effect size measure based on the Mann–Whitney statistic, part 2. Stat Med
    25:559 (2006), method 5.
    """
    from scipy.optimize import brentq

    z, larger = normal_quantile(confidence), (diseased + healthy) / 2 - 1

    def excess(true: float) -> float:
        variance = true * (1 - true) * (1 + larger * ((1 - true) / (2 - true) + true / (1 + true)))
        return abs(true - area) - z * math.sqrt(variance / (diseased * healthy))

    nearby = 1e-9  # beside the area itself the excess is below 0, also at an area of 0 or 1, where it is 0
    low = 0.0 if area <= nearby else float(brentq(excess, 0.0, area - nearby))
    high = 1.0 if area >= 1 - nearby else float(brentq(excess, area + nearby, 1.0))
    return low, high
