"""Benign against malignant: the right test, against scipy, brute force and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from cohort.cohort_tables import MakeCohort
from MicrocalcElastographyLib.cohort.groups import (
    compare_counts,
    compare_groups,
    cramers_v,
    hodges_lehmann,
    holm,
    odds_ratio,
    standardized_difference,
)
from MicrocalcElastographyLib.cohort.lesions import Cohort

OUTCOME = ["benign"] * 40 + ["malignant"] * 40


def _normal(random: np.random.Generator, mean: float, deviation: float) -> np.ndarray:
    """40 values whose quantiles are exactly normal, so that the choice of the test is not left to chance."""
    values = stats.norm.ppf((np.arange(40) + 0.5) / 40, mean, deviation)
    return random.permutation(values).round(6)


def test_normal_groups_with_equal_spread_are_compared_by_student(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    benign, malignant = _normal(random, 50, 10), _normal(random, 58, 10)
    (found,) = compare_groups(make_cohort(outcome=OUTCOME, elasticity_kpa=[*benign, *malignant]))
    assert found.test == "Student's t test"
    reference = stats.ttest_ind(malignant, benign)
    assert found.p_value == pytest.approx(reference.pvalue)
    interval = reference.confidence_interval()
    assert (found.effects[0].estimate.low, found.effects[0].estimate.high) == pytest.approx(
        (interval.low, interval.high)
    )


def test_unequal_spread_takes_welch(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    benign, malignant = _normal(random, 50, 5), _normal(random, 58, 15)
    (found,) = compare_groups(make_cohort(outcome=OUTCOME, elasticity_kpa=[*benign, *malignant]))
    assert found.test.startswith("Welch")
    assert found.p_value == pytest.approx(stats.ttest_ind(malignant, benign, equal_var=False).pvalue)


def test_values_that_are_not_normal_take_ranks(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    benign, malignant = np.exp(_normal(random, 3, 1)), np.exp(_normal(random, 3.5, 1))
    (found,) = compare_groups(make_cohort(outcome=OUTCOME, elasticity_kpa=[*benign.round(6), *malignant.round(6)]))
    assert found.test == "Mann–Whitney (not normally distributed)"
    assert found.p_value == pytest.approx(stats.mannwhitneyu(malignant.round(6), benign.round(6)).pvalue)


def test_scores_take_ranks_because_they_are_steps(make_cohort: MakeCohort) -> None:
    (found,) = compare_groups(make_cohort(outcome=OUTCOME, score=[1, 2, 2, 3] * 10 + [3, 4, 4, 5] * 10))
    assert found.test == "Mann–Whitney (steps, not a scale)"


def test_tiny_and_constant_groups_do_not_break_the_table(make_cohort: MakeCohort) -> None:
    found = compare_groups(
        make_cohort(outcome=["benign", "malignant", "malignant"], elasticity_kpa=[4, 5, 6], strain_ratio=[2, 2, 2])
    )
    assert [comparison.test for comparison in found] == ["", ""]
    assert np.isnan(found[0].p_value)
    assert found[0].malignant.mean == 5.5


def test_groups_without_any_spread_have_no_standardized_difference(make_cohort: MakeCohort) -> None:
    (found,) = compare_groups(make_cohort(outcome=OUTCOME, score=[2] * 40 + [4] * 40))
    assert found.p_value < 0.001
    assert found.effects[0].estimate.value == 2
    assert np.isnan(found.effects[1].estimate.value)


def test_published_cohort_gives_the_p_values_of_its_own_means_and_counts(published_cohort: Cohort) -> None:
    found = {comparison.variable.name: comparison for comparison in compare_groups(published_cohort)}
    assert found["lesion_size_mm"].p_value == pytest.approx(3e-11, rel=0.3)
    assert found["age_years"].p_value == pytest.approx(0.167, abs=0.002)
    assert found["breast_density"].p_value == pytest.approx(0.635, abs=0.001)
    assert found["birads"].p_value == pytest.approx(2.8e-10, rel=0.02)
    assert found["distribution"].p_value == pytest.approx(0.001, abs=0.0001)
    assert np.isnan(found["histology"].p_value)


def test_holm_equals_statsmodels(random: np.random.Generator) -> None:
    p_values = np.array([*random.random(8) ** 3, 0.01, 0.01])
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_only_tested_variables_count_for_holm(published_cohort: Cohort) -> None:
    found = compare_groups(published_cohort)
    smallest = min((comparison for comparison in found if comparison.test), key=lambda comparison: comparison.p_value)
    assert smallest.adjusted_p_value == pytest.approx(smallest.p_value * 9)
    assert [np.isnan(comparison.adjusted_p_value) for comparison in found].count(True) == 1


@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=25),
    st.lists(st.integers(-50, 50), min_size=2, max_size=25),
)
@settings(max_examples=60, deadline=None)
def test_hodges_lehmann_equals_the_median_of_all_differences(first: list[int], second: list[int]) -> None:
    one, other = np.array(first, float), np.array(second, float)
    differences = np.sort(np.subtract.outer(one, other).ravel())
    found = hodges_lehmann(one, other).estimate
    assert found.value == pytest.approx(np.median(differences), abs=1e-9)
    assert np.isclose(differences, found.low, atol=1e-9).any()
    assert np.isclose(differences, found.high, atol=1e-9).any()


def test_hodges_lehmann_interval_covers_the_true_shift(random: np.random.Generator) -> None:
    covered = 0
    for _ in range(400):
        found = hodges_lehmann(random.standard_exponential(25) + 1, random.standard_exponential(30)).estimate
        covered += found.low <= 1 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_hedges_g_is_the_corrected_difference_in_pooled_deviations(random: np.random.Generator) -> None:
    one, other = random.normal(1, 1, 12), random.normal(0, 1, 15)
    pooled = np.sqrt((11 * one.var(ddof=1) + 14 * other.var(ddof=1)) / 25)
    expected = (one.mean() - other.mean()) / pooled * (1 - 3 / (4 * 25 - 1))
    assert standardized_difference(one, other).estimate.value == pytest.approx(expected, rel=1e-3)


# --- categories ----------------------------------------------------------------------------------------------------


def test_counts_large_enough_take_chi_square_without_correction(random: np.random.Generator) -> None:
    table = np.array([[30, 38], [40, 42], [50, 45], [30, 25]])
    name, p_value = compare_counts(table, random)
    assert name == "chi-square test"
    assert p_value == pytest.approx(0.6352, abs=1e-4)


def test_small_counts_in_two_categories_take_fisher(random: np.random.Generator) -> None:
    # Fisher's tea taster, R's fisher.test example: P = 0.4857
    name, p_value = compare_counts(np.array([[3, 1], [1, 3]]), random)
    assert name.startswith("Fisher's exact")
    assert p_value == pytest.approx(0.4857, abs=1e-4)


def test_small_counts_in_more_categories_agree_with_counting_every_table(random: np.random.Generator) -> None:
    table = np.array([[4, 1], [2, 5], [0, 3]])
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    probabilities = []
    for first in itertools.product(*(range(total + 1) for total in rows)):
        if sum(first) == columns[0]:
            candidate = np.column_stack([first, rows - np.array(first)])
            probabilities.append(stats.random_table(rows, columns).pmf(candidate))
    observed = stats.random_table(rows, columns).pmf(table)
    exact = sum(probability for probability in probabilities if probability <= observed * (1 + 1e-7))
    name, p_value = compare_counts(table, random)
    assert name.startswith("Fisher–Freeman–Halton")
    assert p_value == pytest.approx(exact, abs=0.006)


def test_odds_ratio_and_cramers_v_of_a_known_table() -> None:
    table = np.array([[70, 80], [80, 70]])
    found = odds_ratio(table, "yes", "no")
    assert found.name == "odds ratio, yes against no"
    assert found.estimate.value == pytest.approx(80 * 80 / (70 * 70))
    assert cramers_v(table).estimate.value == pytest.approx(
        np.sqrt(stats.chi2_contingency(table, correction=False)[0] / 300)
    )


def test_an_empty_cell_still_has_an_odds_ratio_with_an_interval() -> None:
    found = odds_ratio(np.array([[0, 10], [12, 8]]), "b", "a").estimate
    assert 0 < found.low < found.value < found.high < np.inf


def test_cramers_v_interval_covers_the_true_value(random: np.random.Generator) -> None:
    shares = np.array([[0.15, 0.25], [0.15, 0.15], [0.2, 0.1]])
    expected = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    truth = np.sqrt(((shares - expected) ** 2 / expected).sum())
    covered = 0
    for _ in range(300):
        found = cramers_v(random.multinomial(300, shares.ravel()).reshape(3, 2)).estimate
        covered += found.low <= truth <= found.high
    assert 0.91 <= covered / 300 <= 0.985


@pytest.mark.slow
def test_the_choice_of_a_test_keeps_its_error_rate(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    """Both groups alike, skewed on purpose: about 5 % of P values may fall below 0.05."""
    rejected = 0
    for _ in range(150):
        values = random.gamma(2, 20, 80).round(4) + 1
        (found,) = compare_groups(make_cohort(outcome=OUTCOME, elasticity_kpa=values))
        rejected += found.p_value < 0.05
    assert rejected / 150 < 0.10
