"""Agreement of readers and repeats, and correlations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import fleiss_kappa

from cohort.cohort_tables import as_cells
from MicrocalcAILib.statistics.agreement import (
    bland_altman,
    cohen_kappa,
    intraclass_correlation,
    several_reader_kappa,
    within_subject,
)
from MicrocalcElastographyLib.cohort.associations import correlate, spearman
from MicrocalcElastographyLib.cohort.lesions import Cohort, build_cohort
from MicrocalcElastographyLib.cohort.readers import assess_agreement, needs_consensus

# Shrout & Fleiss 1979, Table 2: six subjects, four judges
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def _cohort(table: np.ndarray, name: str = "elasticity_kpa") -> Cohort:
    """Lesions × readers as one row per reading."""
    rows = [
        {"lesion": f"l{lesion}", "reader": f"r{reader}", "outcome": ["benign", "malignant"][lesion % 2], name: value}
        for lesion, readings in enumerate(table)
        for reader, value in enumerate(readings)
    ]
    return build_cohort(as_cells(pd.DataFrame(rows)))


def test_shrout_and_fleiss_worked_example_comes_out_of_a_table_of_readings() -> None:
    agreement = assess_agreement(_cohort(SHROUT_FLEISS), {})
    assert agreement is not None
    (found,) = agreement.numbers
    assert found.absolute_icc is not None
    assert found.consistency_icc is not None
    assert found.absolute_icc.value == pytest.approx(0.29, abs=0.005)
    assert found.consistency_icc.value == pytest.approx(0.71, abs=0.005)


def test_readers_are_compared_by_the_mean_of_their_repeats(reader_cohort: Cohort) -> None:
    agreement = assess_agreement(reader_cohort, {"elasticity_kpa": (62.0,)})
    assert agreement is not None
    assert reader_cohort.readings is not None
    found = next(number for number in agreement.numbers if number.variable.name == "elasticity_kpa")
    means = reader_cohort.readings.groupby(["lesion", "reader"])["elasticity_kpa"].mean().unstack()
    assert found.lesion_count == 60
    assert found.absolute_icc is not None
    assert found.between_readers is not None
    expected = intraclass_correlation(means.to_numpy(), form="ICC(2,1)")
    assert (found.absolute_icc.value, found.absolute_icc.low) == pytest.approx((expected.value, expected.low))
    assert found.between_readers.repeatability == pytest.approx(within_subject(means.to_numpy()).repeatability)
    pair = found.pairs[0]
    assert pair.absolute.bias.value == pytest.approx(bland_altman(means["1"], means["2"]).bias.value)
    assert found.dichotomous_kappa[62.0] == cohen_kappa(means["1"] >= 62, means["2"] >= 62)


def test_repeats_are_judged_within_each_reader(reader_cohort: Cohort) -> None:
    agreement = assess_agreement(reader_cohort, {})
    assert agreement is not None
    assert reader_cohort.readings is not None
    found = next(number for number in agreement.numbers if number.variable.name == "strain_ratio")
    first = reader_cohort.readings.query("reader == '1'").pivot(index="lesion", columns="repeat", values="strain_ratio")
    assert found.repeats["1"].coefficient_of_variation == pytest.approx(
        within_subject(first.to_numpy()).coefficient_of_variation
    )
    assert found.repeats["1"].coefficient_of_variation == pytest.approx(0.05, abs=0.012)
    assert set(found.repeat_icc) == {"1", "2"}


def test_relative_limits_are_percent_of_the_mean_of_both_readers() -> None:
    table = np.array([[80.0, 100.0], [40.0, 44.0], [60.0, 54.0], [70.0, 72.0]])
    agreement = assess_agreement(_cohort(table), {})
    assert agreement is not None
    pair = agreement.numbers[0].pairs[0]
    assert pair.relative is not None
    expected = 100 * (table[:, 0] - table[:, 1]) / table.mean(axis=1)
    assert pair.relative.bias.value == pytest.approx(expected.mean())
    assert pair.relative.standard_deviation == pytest.approx(expected.std(ddof=1))


def test_a_difference_that_grows_with_the_value_is_noticed(random: np.random.Generator) -> None:
    first = random.uniform(20, 120, 60)
    growing = np.column_stack([first, first * 1.2 + random.normal(0, 1, 60)]).round(3)
    steady = np.column_stack([first, first + 3 + random.normal(0, 1, 60)]).round(3)
    for table, expectation in ((growing, True), (steady, False)):
        agreement = assess_agreement(_cohort(table), {})
        assert agreement is not None
        assert (agreement.numbers[0].pairs[0].proportional_p < 0.001) == expectation


def test_lesions_whose_readers_differ_by_more_than_a_fifth_need_a_joint_review() -> None:
    table = pd.DataFrame({"1": [100.0, 100.0, 50.0], "2": [81.0, 82.0, 100.0]}, index=["a", "b", "c"])
    found = needs_consensus(table, pd.Series(["a", "b", "c", "a", "b", "c"], index=range(2, 8)))
    assert found["rows"].tolist() == ["rows 4, 7", "rows 2, 5"]
    assert found["discrepancy_percent"].tolist() == pytest.approx([100 * 50 / 75, 100 * 19 / 90.5])
    assert found["reader 1"].tolist() == [50, 100]


def test_scores_get_kappa_and_weighted_kappa(random: np.random.Generator) -> None:
    first = random.integers(1, 6, 80)
    second = np.clip(first + random.choice([-1, 0, 0, 0, 1], 80), 1, 5)
    agreement = assess_agreement(_cohort(np.column_stack([first, second]), "elasticity_score"), {})
    assert agreement is not None
    (found,) = agreement.categories
    assert found.kappa.value == pytest.approx(cohen_kappa(first, second).value)
    assert found.quadratic_kappa is not None
    expected = cohen_kappa(first, second, weights="quadratic", categories=[1, 2, 3, 4, 5])
    assert found.quadratic_kappa.value == pytest.approx(expected.value)
    assert found.percent_equal == pytest.approx(100 * (first == second).mean())


def test_categories_without_an_order_get_no_weights() -> None:
    table = np.array(
        [["clustered", "clustered"], ["linear", "clustered"], ["linear", "linear"], ["clustered", "linear"]] * 3
    )
    agreement = assess_agreement(_cohort(table, "distribution"), {})
    assert agreement is not None
    assert agreement.categories[0].linear_kappa is None
    assert agreement.categories[0].kappa.value == pytest.approx(cohen_kappa(table[:, 0], table[:, 1]).value)


def test_what_only_describes_the_lesion_is_no_matter_of_agreement(reader_cohort: Cohort) -> None:
    agreement = assess_agreement(reader_cohort, {})
    assert agreement is not None
    assert {found.variable.name for found in agreement.numbers} == {"elasticity_kpa", "strain_ratio"}
    assert {found.variable.name for found in agreement.categories} == {"elasticity_score"}


def test_single_readings_have_no_agreement(published_cohort: Cohort) -> None:
    assert assess_agreement(published_cohort, {}) is None


# --- correlations --------------------------------------------------------------------------------------------------


def test_correlations_equal_scipy(published_cohort: Cohort) -> None:
    found = {(pair.first.name, pair.second.name): pair for pair in correlate(published_cohort)}
    pair = found[("elasticity_kpa", "strain_ratio")]
    first, second = published_cohort.values["elasticity_kpa"], published_cohort.values["strain_ratio"]
    assert pair.spearman.value == pytest.approx(stats.spearmanr(first, second).statistic)
    interval = stats.pearsonr(first, second).confidence_interval()
    assert (pair.pearson.low, pair.pearson.high) == pytest.approx((interval.low, interval.high))
    assert ("age_years", "lesion_size_mm") not in found


def test_a_strong_pooled_correlation_is_mostly_the_distance_of_the_groups(published_cohort: Cohort) -> None:
    pair = next(
        p for p in correlate(published_cohort) if {p.first.name, p.second.name} == {"elasticity_kpa", "strain_ratio"}
    )
    assert pair.spearman.value > 0.7
    assert pair.spearman_malignant.value < 0.35
    assert pair.spearman_benign.value < 0.35


def test_spearman_interval_covers_the_true_correlation(random: np.random.Generator) -> None:
    truth = 6 / np.pi * np.arcsin(0.7 / 2)
    covered = 0
    for _ in range(600):
        pair = random.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 40)
        estimate = spearman(pair)
        covered += estimate.low <= truth <= estimate.high
    assert 0.93 <= covered / 600 <= 0.975


def test_constant_and_tiny_columns_have_no_correlation() -> None:
    assert np.isnan(spearman(np.array([[1.0, 2.0]] * 10)).value)
    assert np.isnan(spearman(np.array([[1.0, 2.0], [2.0, 1.0]])).value)
    perfect = spearman(np.column_stack([np.arange(8.0), np.arange(8.0) ** 3]))
    assert (perfect.value, perfect.low) == (1.0, 1.0)


def _three_readers(random: np.random.Generator, adjudicated: bool) -> pd.DataFrame:
    """Two readers of 40 lesions and a third of what they disagree on, or of any ten."""
    truth = random.normal(60, 20, 40).clip(10)
    first, second = truth.copy(), truth + random.normal(0, 1, 40)
    disputed = np.arange(0, 40, 5)
    second[disputed] = 1.5 * first[disputed]
    third = disputed if adjudicated else np.arange(1, 11)
    rows = [
        {"lesion": f"l{lesion}", "reader": reader, "elasticity_kpa": round(float(values[lesion]), 2),
         "outcome": ["benign", "malignant"][lesion % 2]}
        for reader, values, lesions in (("A", first, range(40)), ("B", second, range(40)), ("C", first + 0.5, third))
        for lesion in lesions
    ]  # fmt: skip
    return as_cells(pd.DataFrame(rows))


def test_a_third_reader_of_the_disputed_lesions_decides_and_leaves_the_agreement_of_the_others(
    random: np.random.Generator,
) -> None:
    table = _three_readers(random, adjudicated=True)
    cohort = build_cohort(table)
    assert [warning.code for warning in cohort.warnings] == ["adjudicating-reader"]
    agreement = assess_agreement(cohort, {})
    assert agreement is not None
    (found,) = agreement.numbers
    assert (found.readers, found.lesion_count) == (("A", "B"), 40)
    without = assess_agreement(build_cohort(table[table["reader"] != "C"]), {})
    assert without is not None
    assert found.absolute_icc == without.numbers[0].absolute_icc
    assert [(pair.first, pair.second, len(pair.means), pair.is_partial) for pair in found.pairs] == [
        ("A", "B", 40, False), ("A", "C", 8, True), ("B", "C", 8, True)
    ]  # fmt: skip
    third = table[(table["reader"] == "C") & (table["lesion"] == "l5")]["elasticity_kpa"].iloc[0]
    assert cohort.values.loc["l5", "elasticity_kpa"] == float(third)
    assert len(found.consensus) == 8


def test_a_third_reader_of_any_lesions_is_named_but_decides_nothing(random: np.random.Generator) -> None:
    cohort = build_cohort(_three_readers(random, adjudicated=False))
    assert [warning.code for warning in cohort.warnings] == ["partial-reader"]
    agreement = assess_agreement(cohort, {})
    assert agreement is not None
    assert agreement.numbers[0].readers == ("A", "B")


def test_three_readers_have_fleiss_and_congers_kappa(random: np.random.Generator) -> None:
    truth = random.integers(1, 6, 50)
    scores = np.column_stack([np.clip(truth + random.integers(-1, 2, 50), 1, 5) for _ in range(3)])
    agreement = assess_agreement(_cohort(scores, "score"), {})
    assert agreement is not None
    (found,) = agreement.several
    assert len(found.readers) == 3
    counts = np.stack([(scores == level).sum(axis=1) for level in range(1, 6)], axis=1)
    assert found.fleiss.value == pytest.approx(fleiss_kappa(counts))
    assert found.fleiss.low < found.fleiss.value < found.fleiss.high
    pairs = [(0, 1), (0, 2), (1, 2)]
    observed = np.mean([(scores[:, one] == scores[:, other]).mean() for one, other in pairs])
    shares = [[(scores[:, reader] == level).mean() for level in range(1, 6)] for reader in range(3)]
    chance = np.mean([np.dot(shares[one], shares[other]) for one, other in pairs])
    assert found.conger.value == pytest.approx((observed - chance) / (1 - chance))


def test_congers_kappa_of_two_readers_is_cohens() -> None:
    first, second = [1, 2, 2, 3, 3, 1], [1, 2, 3, 3, 2, 1]
    kappa = several_reader_kappa(np.column_stack([first, second]), kind="Conger")
    assert kappa == pytest.approx(cohen_kappa(first, second).value)
