"""Benign against malignant, variable by variable: the right test, the size of the difference, its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from MicrocalcAILib.statistics.clustered import is_clustered
from MicrocalcAILib.statistics.estimate import Estimate

from .clustered_groups import mean_difference_test, rank_test, share_test
from .columns import Variable
from .lesions import Cohort

Array = NDArray[np.float64]
SIGNIFICANCE = 0.05
_SMALLEST_NORMALITY_COUNT = 5
_FISHER_TABLES = 100_000
_NORMAL_SAMPLES = 20_000  # Monte Carlo error of P = 0.05: 0.0015


@dataclass(frozen=True)
class Effect:
    """How large a difference is: what is measured, and the estimate with its 95 % interval."""

    name: str
    estimate: Estimate


@dataclass(frozen=True)
class GroupSummary:
    """One variable in one group; ``shares`` (category → count) for categories, the moments for numbers."""

    count: int
    mean: float = np.nan
    standard_deviation: float = np.nan
    median: float = np.nan
    first_quartile: float = np.nan
    third_quartile: float = np.nan
    shares: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One variable compared between the groups.

    Parameters
    ----------
    variable : Variable
    malignant, benign, overall : GroupSummary
    test : str
        Name of the test and why it was taken; empty when nothing was tested.
    p_value : float
        Two-sided; nan when nothing was tested.
    adjusted_p_value : float
        Holm's correction over all tested variables.
    normality_p_values : (float, float)
        Lilliefors' test, malignant and benign; nan for categories and tiny groups.
    effects : tuple of Effect
        Difference in the variable's unit and a standardized size.
    """

    variable: Variable
    malignant: GroupSummary
    benign: GroupSummary
    overall: GroupSummary
    test: str = ""
    p_value: float = np.nan
    adjusted_p_value: float = np.nan
    normality_p_values: tuple[float, float] = (np.nan, np.nan)
    effects: tuple[Effect, ...] = ()


def compare_groups(cohort: Cohort, seed: int = 0) -> tuple[Comparison, ...]:
    """Compare every variable of the cohort.

    Numbers: Student's t test when both groups pass Lilliefors' form of the Kolmogorov–Smirnov test (P > 0.05) and
    Levene's test finds equal spread, Welch's t test when only the spread differs, Mann–Whitney otherwise and for steps.
    Categories: chi-square, or Fisher's exact test when an expected count is below 5 (by ``seed``, 100,000 tables, when
    there are more than two categories). A category that only renames the outcome is described, not tested.

    When patients have several lesions, means are compared by Student's t, ranks by the area under the ROC curve and
    categories by Wald's test, all between patients; see :mod:`.clustered_groups`.

    Source: Yan & Fang 2025, “Statistical analysis”.
    """
    random = np.random.default_rng(seed)
    found = []
    for variable in cohort.variables:
        column = cohort.values[variable.name]
        known = column.notna().to_numpy()
        groups = column[known & cohort.malignant], column[known & ~cohort.malignant]
        if variable.kind == "category":
            comparison = _compare_categories(variable, *groups, random)
        else:
            comparison = _compare_numbers(variable, *(group.to_numpy(dtype=float) for group in groups))
        if comparison.test and is_clustered(cohort.patients[known]):
            comparison = _between_patients(comparison, column[known], cohort.malignant[known], cohort.patients[known])
        found.append(comparison)
    return _with_adjusted_p_values(found)


def _between_patients(
    comparison: Comparison, column: pd.Series, malignant: NDArray[np.bool_], patients: NDArray[np.str_]
) -> Comparison:
    """The comparison with test and intervals between patients; sizes whose interval needs independence keep none."""
    sizes = tuple(
        Effect(effect.name, _estimate(effect.estimate.value, np.nan, np.nan))
        for effect in comparison.effects
        if effect.name in ("Hedges' g", "Cramér's V")
    )
    effects: tuple[Effect, ...] = ()
    if comparison.variable.kind == "category":
        test, p_value = "Wald's test", share_test(column.cat.codes.to_numpy(), malignant, patients)
    elif comparison.test.startswith("Mann"):
        chance, p_value = rank_test(column.to_numpy(dtype=float), malignant, patients)
        test, effects = "rank test (Obuchowski)", (Effect("chance of a higher value", chance),)
    else:
        difference, p_value = mean_difference_test(column.to_numpy(dtype=float), malignant, patients)
        test, effects = "Student's t test", (Effect("difference of means", difference),)
    return replace(comparison, test=f"{test} between patients", p_value=p_value, effects=(*effects, *sizes))


def _with_adjusted_p_values(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    tested = [comparison for comparison in comparisons if np.isfinite(comparison.p_value)]
    adjusted = dict(zip(map(id, tested), holm(np.array([comparison.p_value for comparison in tested])), strict=True))
    return tuple(
        replace(comparison, adjusted_p_value=float(adjusted.get(id(comparison), np.nan))) for comparison in comparisons
    )


def holm(p_values: Array) -> Array:
    """P values adjusted for their number (Holm 1979): the smallest times m, the next times m − 1, …, never falling."""
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1.0)
    return adjusted


# --- numbers -------------------------------------------------------------------------------------------------------


def summarize(values: Array) -> GroupSummary:
    """Moments and quartiles of one group."""
    if len(values) == 0:
        return GroupSummary(count=0)
    first, median, third = np.percentile(values, [25, 50, 75])
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
    return GroupSummary(len(values), float(values.mean()), deviation, float(median), float(first), float(third))


def _compare_numbers(variable: Variable, malignant: Array, benign: Array) -> Comparison:
    everyone = summarize(np.concatenate([malignant, benign]))
    comparison = Comparison(variable, summarize(malignant), summarize(benign), everyone)
    if min(len(malignant), len(benign)) < 2 or np.ptp(np.concatenate([malignant, benign])) == 0:
        return comparison
    normality = (_normality(malignant), _normality(benign))
    comparison = replace(comparison, normality_p_values=normality)
    if variable.kind == "ordinal" or not min(normality) > SIGNIFICANCE:
        reason = "steps, not a scale" if variable.kind == "ordinal" else "not normally distributed"
        if np.isnan(min(normality)) and variable.kind != "ordinal":
            reason = "too few values to judge normality"
        return replace(
            comparison,
            test=f"Mann–Whitney ({reason})",
            p_value=float(stats.mannwhitneyu(malignant, benign, alternative="two-sided").pvalue),
            effects=(hodges_lehmann(malignant, benign), standardized_difference(malignant, benign)),
        )
    equal = stats.levene(malignant, benign, center="median").pvalue > SIGNIFICANCE
    result = stats.ttest_ind(malignant, benign, equal_var=equal)
    interval = result.confidence_interval(0.95)
    difference = Effect("difference of means", _estimate(float(malignant.mean() - benign.mean()), *interval))
    return replace(
        comparison,
        test="Student's t test" if equal else "Welch's t test (unequal spread)",
        p_value=float(result.pvalue),
        effects=(difference, standardized_difference(malignant, benign)),
    )


def _normality(values: Array) -> float:
    """P value of Lilliefors' test: how often normal samples of this size lie farther from their own normal curve.

    By simulation, since tables and their interpolations are off by half of the P value in places.
    """
    if len(values) < _SMALLEST_NORMALITY_COUNT or np.ptp(values) == 0:
        return np.nan
    distance = lilliefors_distances(values[np.newaxis])[0]
    simulated = _normal_distances(len(values))
    return float((np.sum(simulated >= distance - 1e-12) + 1) / (len(simulated) + 1))


@cache
def _normal_distances(count: int) -> Array:
    random = np.random.default_rng(count)
    samples = max(_NORMAL_SAMPLES * min(1, 200 / count), 1000)
    return lilliefors_distances(random.standard_normal((int(samples), count)))


def lilliefors_distances(samples: Array) -> Array:
    """Largest distance of each row's distribution from the normal one with its mean and deviation, shape (rows,)."""
    count = samples.shape[1]
    centered = samples - samples.mean(axis=1, keepdims=True)
    below = special.ndtr(np.sort(centered / samples.std(axis=1, ddof=1, keepdims=True), axis=1))
    steps = np.arange(1, count + 1) / count
    return np.asarray(np.maximum(steps - below, below - (steps - 1 / count)).max(axis=1))


def standardized_difference(malignant: Array, benign: Array) -> Effect:
    """Hedges' g: difference of the means in pooled standard deviations, corrected for small groups."""
    from statsmodels.stats.meta_analysis import effectsize_smd

    if np.ptp(malignant) == 0 and np.ptp(benign) == 0:
        return Effect("Hedges' g", _estimate(np.nan, np.nan, np.nan))  # no spread to measure the difference by
    value, variance = effectsize_smd(
        malignant.mean(), malignant.std(ddof=1), len(malignant), benign.mean(), benign.std(ddof=1), len(benign)
    )
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    return Effect("Hedges' g", _estimate(value, value - half, value + half))


def hodges_lehmann(malignant: Array, benign: Array) -> Effect:
    """Median of all differences between a malignant and a benign value, with the rank interval of Mann–Whitney."""
    pairs = len(malignant) * len(benign)
    spread = np.sqrt(pairs * (len(malignant) + len(benign) + 1) / 12)
    rank = max(int(np.floor(pairs / 2 - stats.norm.ppf(0.975) * spread)), 1)
    benign = np.sort(benign)
    middle = [_ranked_difference(malignant, benign, wanted) for wanted in {(pairs + 1) // 2, pairs // 2 + 1}]
    return Effect(
        "shift (Hodges–Lehmann)",
        _estimate(
            float(np.mean(middle)),
            _ranked_difference(malignant, benign, rank),
            _ranked_difference(malignant, benign, pairs - rank + 1),
        ),
    )


def _ranked_difference(values: Array, sorted_others: Array, rank: int) -> float:
    """The ``rank``-th smallest (from 1) difference value − other, without forming all of them."""
    low = float(values.min() - sorted_others[-1])
    high = float(values.max() - sorted_others[0])
    for _ in range(100):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        at_most = len(sorted_others) * len(values) - np.searchsorted(sorted_others, values - middle, side="left").sum()
        low, high = (low, middle) if at_most >= rank else (middle, high)
    return high


# --- categories ----------------------------------------------------------------------------------------------------


def _compare_categories(
    variable: Variable, malignant: pd.Series, benign: pd.Series, random: np.random.Generator
) -> Comparison:
    counts = pd.DataFrame({"malignant": malignant.value_counts(sort=False), "benign": benign.value_counts(sort=False)})
    counts = counts[counts.sum(axis=1) > 0]
    counts = counts.assign(all=counts.sum(axis=1))
    summaries = [
        GroupSummary(int(counts[group].sum()), shares=tuple((str(name), int(n)) for name, n in counts[group].items()))
        for group in ("malignant", "benign", "all")
    ]
    comparison = Comparison(variable, summaries[0], summaries[1], summaries[2])
    table = counts[["malignant", "benign"]].to_numpy(dtype=int)
    if variable.describes_outcome or len(table) < 2 or min(table.sum(axis=0)) == 0:
        return comparison
    test, p_value = compare_counts(table, random)
    effects: tuple[Effect, ...] = (cramers_v(table),)
    if len(table) == 2:
        effects = (odds_ratio(table, str(counts.index[1]), str(counts.index[0])), *effects)
    return replace(comparison, test=test, p_value=p_value, effects=effects)


def compare_counts(table: NDArray[np.int64], random: np.random.Generator) -> tuple[str, float]:
    """Name and P value of the test for a table of counts, shape (categories, 2).

    Chi-square without continuity correction; Fisher's exact test when an expected count is below 5 (Freeman–Halton by
    Monte Carlo when there are more than two categories).
    """
    expected = stats.contingency.expected_freq(table)
    if expected.min() >= 5:
        return "chi-square test", float(stats.chi2_contingency(table, correction=False).pvalue)
    if len(table) == 2:
        return "Fisher's exact test (small counts)", float(stats.fisher_exact(table).pvalue)
    distribution = stats.random_table(table.sum(axis=1), table.sum(axis=0))
    drawn = distribution.rvs(_FISHER_TABLES, random_state=random)
    log_probabilities = distribution.logpmf(drawn)
    extreme = int((log_probabilities <= distribution.logpmf(table) + 1e-7).sum())
    return "Fisher–Freeman–Halton test (small counts)", (extreme + 1) / (_FISHER_TABLES + 1)


def odds_ratio(table: NDArray[np.int64], category: str, reference: str) -> Effect:
    """Odds ratio of malignancy, second row against first, with Woolf's interval (0.5 added when a count is zero)."""
    counts = table + 0.5 if (table == 0).any() else table.astype(float)
    log_ratio = np.log(counts[1, 0] * counts[0, 1] / (counts[1, 1] * counts[0, 0]))
    half = stats.norm.ppf(0.975) * np.sqrt((1 / counts).sum())
    name = f"odds ratio, {category} against {reference}"
    return Effect(name, _estimate(*np.exp([log_ratio, log_ratio - half, log_ratio + half])))


def cramers_v(table: NDArray[np.int64]) -> Effect:
    """Cramér's V (0 = unrelated, 1 = determined), with the interval of the noncentral chi-square distribution."""
    statistic = float(stats.chi2_contingency(table, correction=False).statistic)
    freedom = len(table) - 1
    total = int(table.sum())

    def noncentrality(probability: float) -> float:
        def error(value: float) -> float:
            return float(stats.ncx2.cdf(statistic, freedom, value)) - probability

        if error(1e-9) <= 0:
            return 0.0
        return float(optimize.brentq(error, 1e-9, 4 * statistic + 100))

    low, high = (min(float(np.sqrt(noncentrality(p) / total)), 1.0) for p in (0.975, 0.025))
    value = float(np.sqrt(statistic / total))
    return Effect("Cramér's V", _estimate(value, low, max(high, value)))


def _estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(float(value), float(low), float(high))
