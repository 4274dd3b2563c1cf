"""Bootstrap over patients or images: whole units are drawn, never single findings that belong together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .estimate import Estimate, normal_quantile


def resampled_counts(units: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each unit is drawn in each bootstrap sample, shape (resamples, units); every row sums to ``units``."""
    return np.random.default_rng(seed).multinomial(units, np.full(units, 1.0 / units), size=resamples)


def percentile_interval(samples: NDArray[np.float64], confidence: float) -> tuple[NDArray[np.float64], ...]:
    """Lower and upper percentile along the first axis of samples (resamples, …); samples that are NaN do not count.

    NaN where no sample exists, and where all agree: then the units show no spread to learn from (everything was
    found, or one unit holds all findings), and an interval without width would claim certainty.
    """
    tail = 50 * (1 - confidence)
    defined = ~np.isnan(samples).all(axis=0)
    ends = np.full((2, *samples.shape[1:]), np.nan)
    ends[:, defined] = np.nanpercentile(samples[:, defined], [tail, 100 - tail], axis=0)
    ends[:, ends[0] == ends[1]] = np.nan
    return ends[0], ends[1]


def interval_of_ratio(
    numerators: NDArray, denominators: NDArray, resamples: int, seed: int, confidence: float
) -> tuple[float, float]:
    """Percentile interval of sum(numerators) / sum(denominators) over bootstrap samples of the units.

    A mean over all findings is such a ratio: sums of the values per image over numbers of findings per image.
    ``numerators``, ``denominators`` : shape (units,). NaN with fewer than two units.
    """
    if len(numerators) < 2:
        return math.nan, math.nan
    counts = resampled_counts(len(numerators), resamples, seed)
    drawn = counts @ denominators
    ratios = np.divide(counts @ numerators, drawn, out=np.full(resamples, np.nan), where=drawn > 0)
    low, high = percentile_interval(ratios[:, np.newaxis], confidence)
    return float(low[0]), float(high[0])


def bootstrap_estimate(
    metric: Callable[[NDArray[np.intp]], float],
    groups: ArrayLike,
    *,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    method: Literal["percentile", "bca"] = "bca",
) -> Estimate:
    """Any metric with an interval from the bootstrap over groups (patients).

    Cases of one patient are alike; drawing single cases would make the interval too narrow. Samples in which the metric
    does not exist (only one class was drawn: the metric returns NaN) are left out.

    Parameters
    ----------
    metric : callable
        Takes the indices of the cases to use (with repetitions) and returns a float.
    groups : array_like, shape (cases,)
        Which patient (or image) each case belongs to; all different for independent cases.
    method : {"percentile", "bca"}
        BCa corrects the percentiles for bias and skewness (acceleration from leaving out one group at a time).

    Raises
    ------
    ParameterError
        With fewer than two groups, or when the metric exists in fewer than half of the samples.

    References
    ----------
    Efron: Better bootstrap confidence intervals. JASA 82:171 (1987).
    Field, Welsh: Bootstrapping clustered data. J R Stat Soc B 69:369 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> values = np.arange(20.0)
    >>> bootstrap_estimate(lambda cases: values[cases].mean(), np.arange(20) // 2, seed=1).value
    9.5
    """
    from scipy.stats import norm

    members = _members(groups)
    if len(members) < 2:
        raise ParameterError("A bootstrap needs at least two groups (patients or images).")
    value = float(metric(np.concatenate(members)))
    drawn = np.random.default_rng(seed).integers(len(members), size=(resamples, len(members)))
    samples = np.array([metric(np.concatenate([members[group] for group in row])) for row in drawn])
    samples = samples[~np.isnan(samples)]
    if samples.size < resamples / 2:
        raise ParameterError("The metric does not exist in most bootstrap samples; there are too few cases of a class.")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "bca":
        below = (np.sum(samples < value) + 0.5 * np.sum(samples == value)) / samples.size
        if 0 < below < 1:
            bias = norm.ppf(below)
            shifted = bias + np.array([-1, 1]) * normal_quantile(confidence)
            tails = norm.cdf(bias + shifted / (1 - _acceleration(metric, members) * shifted))
    elif method != "percentile":
        raise ParameterError(f"“{method}” is not a bootstrap interval; choose percentile or bca.")
    low, high = np.quantile(samples, tails)
    return Estimate(value, float(low), float(high), confidence, f"bootstrap over groups, {method}")


def jackknife_errors(
    metrics: Callable[[NDArray[np.intp]], ArrayLike], groups: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of smooth metrics and their standard errors between groups (patients), by leaving out one at a time.

    Parameters
    ----------
    metrics : callable
        Takes the indices of the cases to use and returns one or several floats.
    groups : array_like, shape (cases,)

    Returns
    -------
    values, errors : float arrays, shape (metrics,)
        The errors are √((G − 1)/G · Σ(value without a group − their mean)²) for G groups; NaN with one group or where a
        value is NaN.

    References
    ----------
    Efron, Stein: The jackknife estimate of variance. Ann Stat 9:586 (1981).
    """
    members = _members(groups)
    count = len(members)
    values = np.asarray(metrics(np.concatenate(members)), float)
    if count < 2:
        return values, np.full_like(values, np.nan)
    without = np.array([metrics(np.concatenate(members[:left] + members[left + 1 :])) for left in range(count)], float)
    return values, np.sqrt((count - 1) * without.var(axis=0))


def _members(groups: ArrayLike) -> list[NDArray[np.intp]]:
    _, which = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(which, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(which[order])) + 1) if order.size else []


def _acceleration(metric: Callable[[NDArray[np.intp]], float], members: list[NDArray[np.intp]]) -> float:
    """Skewness of the leave-one-group-out values / 6 (Efron 1987, eq. 6.6)."""
    left_out = np.array([metric(np.concatenate(members[:i] + members[i + 1 :])) for i in range(len(members))])
    deviations = np.nanmean(left_out) - left_out
    spread = np.nansum(deviations**2) ** 1.5
    return float(np.nansum(deviations**3) / (6 * spread)) if spread > 0 and math.isfinite(spread) else 0.0
