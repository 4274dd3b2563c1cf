"""Agreement of readers, methods and repeats: kappa, intraclass correlation, Bland–Altman, within-subject variation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .estimate import Estimate, normal_quantile


@dataclass(frozen=True)
class BlandAltman:
    """Bias and limits of agreement of two methods (first − second), each with its interval.

    Parameters
    ----------
    bias : Estimate
        Mean difference.
    lower_limit, upper_limit : Estimate
        Bias ∓ 1.96 standard deviations of the differences: where 95 % of differences are expected.
    standard_deviation : float
        Of the differences.
    pairs : int
    """

    bias: Estimate
    lower_limit: Estimate
    upper_limit: Estimate
    standard_deviation: float
    pairs: int


@dataclass(frozen=True)
class WithinSubject:
    """Spread of repeated measurements of one subject.

    Parameters
    ----------
    standard_deviation : float
        Within-subject standard deviation, in the unit of the measurements.
    coefficient_of_variation : float
        Root mean square over the subjects of their standard deviation / mean.
    repeatability : float
        1.96·√2·standard deviation: the difference of two repeats stays below it in 95 % of cases.
    """

    standard_deviation: float
    coefficient_of_variation: float
    repeatability: float


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    weights: Literal["none", "linear", "quadratic"] = "none",
    categories: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two readers, plain or weighted, with its large-sample interval.

    Parameters
    ----------
    first, second : array_like, shape (cases,)
        Category each reader gave to each case.
    weights : {"none", "linear", "quadratic"}
        How much near misses count; only for ordered categories. Quadratic kappa is close to the ICC.
    categories : array_like, optional
        All categories in order; needed for weights when a category was never used or names do not sort by rank.

    Returns
    -------
    Estimate
        NaN when both readers put everything into one category: kappa does not exist then.

    Raises
    ------
    ParameterError
        When the lists do not fit or a category is unknown.

    References
    ----------
    Fleiss, Cohen, Everitt: Large sample standard errors of kappa and weighted kappa. Psychol Bull 72:323 (1969).
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    one, other = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ParameterError(f"The two readings are lists of equal length, not {one.shape} and {other.shape}.")
    names = np.unique(np.concatenate([one, other])) if categories is None else np.asarray(categories)
    index = {name: position for position, name in enumerate(names.tolist())}
    unknown = (set(one.tolist()) | set(other.tolist())) - index.keys()
    if unknown:
        raise ParameterError(f"“{min(map(str, unknown))}” is not among the categories.")
    if weights not in ("none", "linear", "quadratic"):
        raise ParameterError(f"“{weights}” are no weights of kappa; choose none, linear or quadratic.")
    table = np.zeros((len(index), len(index)))
    np.add.at(table, ([index[name] for name in one.tolist()], [index[name] for name in other.tolist()]), 1)
    method = f"kappa, weights {weights}"
    if np.count_nonzero(table.sum(axis=0) + table.sum(axis=1)) < 2:
        return Estimate(math.nan, math.nan, math.nan, confidence, method)
    with np.errstate(divide="ignore", invalid="ignore"):  # of its test against chance, which is not asked for
        result = cohens_kappa(table, wt=None if weights == "none" else weights)
    half_width = normal_quantile(confidence) * float(result.std_kappa)
    kappa = float(result.kappa)
    return Estimate(kappa, max(-1.0, kappa - half_width), min(1.0, kappa + half_width), confidence, method)


def several_reader_kappa(ratings: ArrayLike, *, kind: Literal["Fleiss", "Conger"]) -> float:
    """Agreement of three or more readers on categories beyond chance: (agreement − chance)/(1 − chance).

    Agreement is the share of equal pairs of readers. Chance lets every reader draw from the categories' shares of all
    readers together (Fleiss), or from the reader's own (Conger; Cohen's kappa with two readers). For an interval use
    :func:`~.resampling.bootstrap_estimate` over patients.

    Parameters
    ----------
    ratings : array_like, shape (cases, readers)
        Category that each reader gave to each case; no gaps.

    Returns
    -------
    float
        NaN when everything lies in one category.

    Raises
    ------
    ParameterError
        With fewer than two readers or no case.

    References
    ----------
    Fleiss: Measuring nominal scale agreement among many raters. Psychol Bull 76:378 (1971).
    Conger: Integration and generalization of kappas for multiple raters. Psychol Bull 88:322 (1980).
    """
    table = np.asarray(ratings)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table):
        raise ParameterError(f"Agreement needs cases and at least two readers of each, not {table.shape}.")
    categories, codes = np.unique(table.astype(str), return_inverse=True)
    given = np.eye(len(categories))[codes.reshape(table.shape)]  # cases, readers, categories
    readers = table.shape[1]
    votes = given.sum(axis=1)
    agreement = float((votes * (votes - 1)).sum() / (len(table) * readers * (readers - 1)))
    shares = given.mean(axis=0)
    if kind == "Fleiss":
        chance = float((shares.mean(axis=0) ** 2).sum())
    else:
        together = shares.sum(axis=0)
        chance = float(((together**2).sum() - (shares**2).sum()) / (readers * (readers - 1)))
    return math.nan if chance > 1 - 1e-12 else (agreement - chance) / (1 - chance)


def intraclass_correlation(
    measurements: ArrayLike, *, form: Literal["ICC(2,1)", "ICC(3,1)"] = "ICC(2,1)", confidence: float = 0.95
) -> Estimate:
    """Intraclass correlation of single measurements, with its F-based interval.

    Parameters
    ----------
    measurements : array_like, shape (subjects, readers)
        Every reader (or repeat) measures every subject once; no gaps.
    form : {"ICC(2,1)", "ICC(3,1)"}
        ICC(2,1), absolute agreement, readers stand for all readers (two-way random):
        (BMS − EMS) / (BMS + (k − 1)·EMS + k·(JMS − EMS)/n).
        ICC(3,1), consistency, these readers only (two-way mixed): (BMS − EMS) / (BMS + (k − 1)·EMS).
        BMS, JMS, EMS are the mean squares between subjects, between readers, and of the rest.

    Raises
    ------
    ParameterError
        With fewer than two subjects or readers, gaps, or no variation at all.

    References
    ----------
    Shrout, Fleiss: Intraclass correlations: uses in assessing rater reliability. Psychol Bull 86:420 (1979).
    """
    from scipy.stats import f

    table = _complete_table(measurements)
    n, k = table.shape
    grand = table.mean()
    of_subject, of_reader = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    between = k * ((of_subject - grand) ** 2).sum() / (n - 1)
    readers = n * ((of_reader - grand) ** 2).sum() / (k - 1)
    error = ((table - of_subject - of_reader + grand) ** 2).sum() / ((n - 1) * (k - 1))
    if between == 0 and error == 0:
        raise ParameterError("All subjects measure the same; an intraclass correlation does not exist.")
    alpha = 1 - confidence
    if form == "ICC(3,1)":
        value = (between - error) / (between + (k - 1) * error)
        if error == 0:
            return Estimate(1.0, 1.0, 1.0, confidence, form)
        ratio = between / error
        low_ratio = ratio / f.ppf(1 - alpha / 2, n - 1, (n - 1) * (k - 1))
        high_ratio = ratio * f.ppf(1 - alpha / 2, (n - 1) * (k - 1), n - 1)
        low, high = ((r - 1) / (r + k - 1) for r in (low_ratio, high_ratio))
        return Estimate(float(value), float(low), float(high), confidence, form)
    if form != "ICC(2,1)":
        raise ParameterError(f"“{form}” is not offered; choose ICC(2,1) or ICC(3,1).")
    value = (between - error) / (between + (k - 1) * error + k * (readers - error) / n)
    if error == 0:
        # readers differ by constants, or not at all: the ratio JMS/EMS of the interval does not exist
        end = 1.0 if readers == 0 else math.nan
        return Estimate(float(value), end, end, confidence, form)
    # Satterthwaite degrees of freedom, Shrout & Fleiss 1979, p. 424; a share of variance is not below 0, and with a
    # negative estimate the degrees of freedom would vanish
    true_share = max(value, 0.0)
    share = k * true_share * readers / error
    rest = n * (1 + (k - 1) * true_share) - k * true_share
    degrees = (k - 1) * (n - 1) * (share + rest) ** 2 / ((n - 1) * share**2 + rest**2)
    upper = f.ppf(1 - alpha / 2, n - 1, degrees)
    lower = f.ppf(1 - alpha / 2, degrees, n - 1)
    weight = k * readers + (k * n - k - n) * error
    low = n * (between - upper * error) / (upper * weight + n * between)
    high = n * (lower * between - error) / (weight + n * lower * between)
    return Estimate(float(value), float(low), float(high), confidence, form)


def bland_altman(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> BlandAltman:
    """Limits of agreement of two methods on the same subjects.

    Intervals by Student's t with n − 1 degrees of freedom; standard errors s/√n of the bias and
    s·√(1/n + z²/(2(n − 1))) of a limit bias ∓ z·s, z = 1.96.

    Parameters
    ----------
    first, second : array_like of float, shape (subjects,)

    Raises
    ------
    ParameterError
        When the lists do not fit, hold gaps or fewer than two pairs.

    References
    ----------
    Bland, Altman: Statistical methods for assessing agreement between two methods of clinical measurement. Lancet i:307
    (1986); Measuring agreement in method comparison studies. Stat Methods Med Res 8:135 (1999).
    """
    from scipy.stats import t

    differences = -np.diff(_complete_table(np.column_stack(_equal_lengths(first, second))), axis=1)[:, 0]
    n = differences.size
    bias, spread = float(differences.mean()), float(differences.std(ddof=1))
    z = normal_quantile(0.95)
    quantile = float(t.ppf((1 + confidence) / 2, n - 1))
    limit_error = spread * math.sqrt(1 / n + z**2 / (2 * (n - 1)))

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(value, value - quantile * error, value + quantile * error, confidence, "Student t")

    return BlandAltman(
        bias=estimate(bias, spread / math.sqrt(n)),
        lower_limit=estimate(bias - z * spread, limit_error),
        upper_limit=estimate(bias + z * spread, limit_error),
        standard_deviation=spread,
        pairs=n,
    )


def within_subject(measurements: ArrayLike) -> WithinSubject:
    """Spread of repeated measurements.

    Parameters
    ----------
    measurements : array_like, shape (subjects, repeats)
        For the coefficient of variation all means must be above 0 (kPa, mm, …).

    Raises
    ------
    ParameterError
        With fewer than two subjects or repeats, gaps, or a mean that is not positive.

    References
    ----------
    Bland, Altman: Measurement error. BMJ 312:1654 (1996); Measurement error proportional to the mean. BMJ 313:106
    (1996).
    """
    table = _complete_table(measurements)
    variances, means = table.var(axis=1, ddof=1), table.mean(axis=1)
    if (means <= 0).any():
        raise ParameterError("A coefficient of variation needs measurements above zero.")
    deviation = math.sqrt(variances.mean())
    variation = math.sqrt((variances / means**2).mean())
    return WithinSubject(deviation, variation, normal_quantile(0.95) * math.sqrt(2) * deviation)


def _equal_lengths(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.ndim != 1 or one.shape != other.shape:
        raise ParameterError(f"The two methods measure the same subjects, not {one.shape} and {other.shape}.")
    return one, other


def _complete_table(measurements: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(measurements, float)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ParameterError(f"At least two subjects and two measurements of each are needed, not {table.shape}.")
    if not np.isfinite(table).all():
        raise ParameterError("A measurement is missing; take out subjects that were not measured completely.")
    return table
