"""Studies in which several readers judge the same cases with several modalities: Obuchowski–Rockette analysis.

A figure of merit (area under the ROC curve, sensitivity, …) of every modality and reader, and the covariance of these
figures over cases, are all that the analysis needs. Readers, cases, or both are a sample of those that the result is
to hold for; the test and its degrees of freedom differ.

References
----------
Obuchowski, Rockette: Hypothesis testing of diagnostic accuracy for multiple readers and multiple tests: an ANOVA
approach with dependent observations. Commun Stat Simul 24:285 (1995).
Hillis: A comparison of denominator degrees of freedom methods for multiple observer ROC analysis. Stat Med 26:596
(2007).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .clustered import auc_covariance
from .estimate import Estimate

_ROUNDING = 1e-20  # mean squares of figures in [0, 1] that differ by rounding errors alone
BOTH_RANDOM, CASES_RANDOM, READERS_RANDOM = "random readers and cases", "fixed readers", "fixed cases"


@dataclass(frozen=True)
class ReaderVariances:
    """What figures of merit vary by; differences of mean squares and covariances, so single ones may be negative.

    Parameters
    ----------
    reader, modality_reader : float
        Variance between readers, and of the modalities' difference between readers, beyond that of the cases.
    error : float
        Variance of one figure over samples of cases.
    same_reader, same_modality, different : float
        Covariance over cases of two figures: one reader with two modalities (Cov1), two readers with one modality
        (Cov2), two readers with two modalities (Cov3).
    """

    reader: float
    modality_reader: float
    error: float
    same_reader: float
    same_modality: float
    different: float


@dataclass(frozen=True)
class Comparison:
    """Two modalities: the difference (first − second) with its interval and the two-sided test of no difference."""

    first: str
    second: str
    difference: Estimate
    standard_error: float
    degrees_of_freedom: float
    p_value: float


@dataclass(frozen=True)
class ReaderAnalysis:
    """One way to generalize.

    Parameters
    ----------
    statistic : float
        F; with fixed readers chi-square.
    degrees_of_freedom : (float, float)
        Of numerator and denominator; the latter is infinite for chi-square, and Hillis' (2007) with random readers and
        cases.
    p_value : float
        Of the test that all modalities are equal; NaN when nothing varies.
    modalities : dict of Estimate
        Mean over readers of each modality, from this modality's data alone.
    comparisons : tuple of Comparison
        Every pair of modalities.
    """

    statistic: float
    degrees_of_freedom: tuple[float, float]
    p_value: float
    modalities: dict[str, Estimate]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class ReaderStudy:
    """Figures of merit of modalities and readers, and what they say.

    Parameters
    ----------
    modalities, readers : tuple of str
    figures : float array, shape (modalities, readers)
    variances : ReaderVariances
    analyses : dict of ReaderAnalysis
        By ``random readers and cases``, ``fixed readers`` and ``fixed cases``.
    by_reader : dict of tuple of Comparison
        Pairs of modalities for each reader alone (cases are random).
    """

    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    figures: NDArray[np.float64]
    variances: ReaderVariances
    analyses: dict[str, ReaderAnalysis]
    by_reader: dict[str, tuple[Comparison, ...]]


def analyze_reader_study(
    modalities: Sequence[str],
    readers: Sequence[str],
    figures: NDArray[np.float64],
    covariance: NDArray[np.float64],
    *,
    confidence: float = 0.95,
) -> ReaderStudy:
    """Obuchowski–Rockette analysis of a fully crossed study.

    Parameters
    ----------
    modalities, readers : sequences of str
        At least two of each.
    figures : float array, shape (modalities, readers)
    covariance : float array, shape (modalities, readers, modalities, readers)
        Of the figures over samples of cases, see :func:`delong_covariance` and :func:`jackknife_covariance`.
    confidence : float

    Raises
    ------
    ParameterError
        With fewer than two modalities or readers, or figures that do not exist.
    """
    t, r = figures.shape
    if (t, r) != (len(modalities), len(readers)) or covariance.shape != (t, r, t, r):
        raise ParameterError("The figures and their covariance do not fit the modalities and readers.")
    if min(t, r) < 2:
        raise ParameterError(
            f"A reader study compares at least two modalities by at least two readers; there are {t} and {r}."
        )
    if not (np.isfinite(figures).all() and np.isfinite(covariance).all()):
        raise ParameterError("A figure of merit does not exist for every reader and modality; there are too few cases.")

    mean = figures.mean()
    of_modality, of_reader = figures.mean(axis=1), figures.mean(axis=0)
    ms_modality = _without_rounding(r * np.sum((of_modality - mean) ** 2) / (t - 1))
    ms_reader = t * np.sum((of_reader - mean) ** 2) / (r - 1)
    rest = figures - of_modality[:, None] - of_reader[None] + mean
    ms_both = _without_rounding(np.sum(rest**2) / ((t - 1) * (r - 1)))
    error, same_reader, same_modality, different = _mean_covariances(covariance)
    between = max(same_modality - different, 0.0)
    variances = ReaderVariances(
        reader=float((ms_reader - ms_both) / t - same_reader + different),
        modality_reader=float(ms_both - error + same_reader + same_modality - different),
        error=error,
        same_reader=same_reader,
        same_modality=same_modality,
        different=different,
    )

    ms_reader_of = [_without_rounding(value) for value in figures.var(axis=1, ddof=1)]
    error_of = np.einsum("ijij->i", covariance) / r
    covariance_of = (np.einsum("ijik->i", covariance) / r - error_of) / (r - 1)
    clipped = covariance_of.clip(min=0)
    fixed_readers = error - same_reader + (r - 1) * between
    ways = {  # error term and its degrees of freedom; the same for each modality alone
        BOTH_RANDOM: (
            ms_both + r * between,
            _hillis(ms_both, r * between, (t - 1) * (r - 1)),
            ms_reader_of + r * clipped,
            [_hillis(ms, r * cov, r - 1) for ms, cov in zip(ms_reader_of, clipped, strict=True)],
        ),
        CASES_RANDOM: (fixed_readers, math.inf, error_of + (r - 1) * clipped, [math.inf] * t),
        READERS_RANDOM: (ms_both, (t - 1) * (r - 1), ms_reader_of, [r - 1] * t),
    }
    analyses = {}
    for name, (term, df, terms_of, dfs_of) in ways.items():
        statistic = _ratio(ms_modality, term) * (t - 1 if math.isinf(df) else 1)
        analyses[name] = ReaderAnalysis(
            statistic=statistic,
            degrees_of_freedom=(t - 1, float(df)),
            p_value=_p_value(statistic, t - 1, df),
            modalities={
                modality: _interval(value, math.sqrt(term_of / r), df_of, confidence)
                for modality, value, term_of, df_of in zip(modalities, of_modality, terms_of, dfs_of, strict=True)
            },
            comparisons=_comparisons(modalities, of_modality, math.sqrt(2 * max(term, 0.0) / r), df, confidence),
        )
    by_reader = {}
    for j, reader in enumerate(readers):
        own = covariance[:, j, :, j]
        error_j = np.trace(own) / t
        same_j = (own.sum() - np.trace(own)) / (t * (t - 1))
        own_error = math.sqrt(max(2 * (error_j - same_j), 0.0))
        by_reader[reader] = _comparisons(modalities, figures[:, j], own_error, math.inf, confidence)
    return ReaderStudy(tuple(modalities), tuple(readers), figures, variances, analyses, by_reader)


def delong_covariance(
    truth: ArrayLike, ratings: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas under the ROC curves and their DeLong covariance; cases count as independent.

    Parameters
    ----------
    truth : array_like of bool or 0/1, shape (cases,)
    ratings : float array, shape (modalities, readers, cases)

    Returns
    -------
    figures : shape (modalities, readers)
    covariance : shape (modalities, readers, modalities, readers)

    Raises
    ------
    ParameterError
        See :func:`~.clustered.auc_covariance`.
    """
    t, r = ratings.shape[:2]
    areas, covariance = auc_covariance(truth, list(ratings.reshape(t * r, -1)))
    return areas.reshape(t, r), covariance.reshape(t, r, t, r)


def jackknife_covariance(
    figure_of_merit: Callable[[NDArray[np.intp]], NDArray[np.float64]], patients: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Any figure of merit and its covariance, leaving out one patient with all cases at a time.

    Parameters
    ----------
    figure_of_merit : callable
        Takes the indices of the cases to use and returns the figures, shape (modalities, readers).
    patients : array_like, shape (cases,)
        Whose each case is. Only patients whose cases can matter: for a sensitivity, those with the disease.

    Returns
    -------
    figures : shape (modalities, readers)
    covariance : shape (modalities, readers, modalities, readers)
        (n − 1)/n times the sum over the n patients of the products of deviations from their mean.

    Raises
    ------
    ParameterError
        With fewer than two patients.
    """
    names = np.asarray(patients)
    units = np.unique(names)
    if len(units) < 2:
        raise ParameterError("The variance of a figure of merit needs at least two patients.")
    figures = figure_of_merit(np.arange(len(names)))
    left_out = np.array([figure_of_merit(np.flatnonzero(names != unit)) for unit in units])
    deviations = left_out - left_out.mean(axis=0)
    covariance = (len(units) - 1) / len(units) * np.einsum("nij,nkl->ijkl", deviations, deviations)
    return figures, covariance


def _mean_covariances(covariance: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean variance, and mean covariances of one reader, of one modality, and of neither in common."""
    t, r = covariance.shape[:2]
    error = float(np.einsum("ijij->", covariance)) / (t * r)
    same_reader = float(np.einsum("ijkj->", covariance)) / (t * r)
    same_modality = float(np.einsum("ijik->", covariance)) / (t * r)
    everything = float(covariance.sum()) / (t * r)
    one_reader = (same_reader - error) / (t - 1)
    one_modality = (same_modality - error) / (r - 1)
    neither = (everything - same_reader - same_modality + error) / ((t - 1) * (r - 1))
    return error, one_reader, one_modality, neither


def _without_rounding(mean_square: float) -> float:
    return float(mean_square) if mean_square > _ROUNDING else 0.0


def _hillis(mean_square: float, covariance: float, degrees_of_freedom: int) -> float:
    """Denominator degrees of freedom: (MS + r·cov)² / (MS² / df); infinite where the mean square is 0."""
    return degrees_of_freedom * _ratio(mean_square + covariance, mean_square) ** 2


def _ratio(numerator: float, denominator: float) -> float:
    if denominator > 0:
        return float(numerator / denominator)
    return math.nan if numerator == 0 else math.inf


def _p_value(statistic: float, numerator: float, denominator: float) -> float:
    from scipy.stats import chi2, f

    if math.isinf(denominator):
        return float(chi2.sf(statistic, numerator))
    return float(f.sf(statistic, numerator, denominator))


def _interval(value: float, standard_error: float, degrees_of_freedom: float, confidence: float) -> Estimate:
    from scipy.stats import t

    method = "Obuchowski–Rockette"
    if not standard_error > 0:
        return Estimate(float(value), math.nan, math.nan, confidence, method)
    half = float(t.ppf((1 + confidence) / 2, degrees_of_freedom)) * standard_error
    return Estimate(float(value), float(value - half), float(value + half), confidence, method)


def _comparisons(
    modalities: Sequence[str], values: NDArray[np.float64], standard_error: float, df: float, confidence: float
) -> tuple[Comparison, ...]:
    from scipy.stats import t

    def compared(i: int, j: int) -> Comparison:
        difference = float(values[i] - values[j])
        p_value = float(2 * t.sf(abs(difference) / standard_error, df)) if standard_error > 0 else math.nan
        interval = _interval(difference, standard_error, df, confidence)
        return Comparison(modalities[i], modalities[j], interval, standard_error, float(df), p_value)

    return tuple(compared(i, j) for i, j in itertools.combinations(range(len(modalities)), 2))


def study_as_dict(study: ReaderStudy) -> dict[str, Any]:
    """JSON-ready: numbers that do not exist become None."""

    def number(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    def comparisons(pairs: tuple[Comparison, ...]) -> list[dict[str, Any]]:
        return [
            {
                "first": pair.first,
                "second": pair.second,
                "difference": pair.difference.as_dict(),
                "standard_error": number(pair.standard_error),
                "degrees_of_freedom": number(pair.degrees_of_freedom),
                "p_value": number(pair.p_value),
            }
            for pair in pairs
        ]

    return {
        "figures": {
            modality: dict(zip(study.readers, map(float, row), strict=True))
            for modality, row in zip(study.modalities, study.figures, strict=True)
        },
        "variances": vars(study.variances),
        "analyses": {
            name: {
                "statistic": number(analysis.statistic),
                "degrees_of_freedom": [number(df) for df in analysis.degrees_of_freedom],
                "p_value": number(analysis.p_value),
                "modalities": {modality: value.as_dict() for modality, value in analysis.modalities.items()},
                "comparisons": comparisons(analysis.comparisons),
            }
            for name, analysis in study.analyses.items()
        },
        "by_reader": {reader: comparisons(pairs) for reader, pairs in study.by_reader.items()},
    }
