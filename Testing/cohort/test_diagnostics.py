"""ROC curves, cut-offs and their optimism."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cohort.cohort_tables import MakeCohort
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics.roc import auc, compare_paired_auc, roc_curve, youden_point
from MicrocalcElastographyLib.cohort.combinations import combine_parameters, compare_parameters, corrected_gain
from MicrocalcElastographyLib.cohort.diagnostics import (
    RULE_OUT,
    YOUDEN,
    GivenCutoff,
    chosen_cutoffs,
    given_cutoffs,
    parameter_performance,
)
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.logistic import MAXIMUM_LIKELIHOOD, added_value_p
from MicrocalcElastographyLib.cohort.reference_cutoffs import (
    find_reference_cutoff,
    load_reference_cutoffs,
    reference_cutoffs_for,
)
from MicrocalcElastographyLib.cohort.strata import default_strata, stratify


def _lesions(random: np.random.Generator, count: int = 60, shift: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    malignant = np.arange(count) % 2 == 0
    return malignant, random.normal(np.where(malignant, shift, 0.0), 1.0).round(2)


def test_chosen_cutoffs_equal_choosing_again_in_every_bootstrap_sample(random: np.random.Generator) -> None:
    """The fast form against the plain one: the same draws of patients, a loop, and the curve's own optimum."""
    malignant, score = _lesions(random)
    patients = np.array([f"p{number // 2}" for number in range(60)])
    found = chosen_cutoffs(malignant, score, patients, resamples=200, seed=4)
    names, inverse = np.unique(patients, return_inverse=True)
    draws = np.random.default_rng(4).multinomial(len(names), np.full(len(names), 1 / len(names)), size=200)
    gains, cutoffs = [], []
    for counts in draws:
        rows = np.repeat(np.arange(60), counts[inverse])
        point = youden_point(roc_curve(malignant[rows], score[rows]))
        at_home = (score[malignant] >= point.threshold).mean(), (score[~malignant] < point.threshold).mean()
        gains.append((point.sensitivity - at_home[0], point.specificity - at_home[1]))
        cutoffs.append(point.threshold)
    threshold, interval, corrected = found[YOUDEN]
    apparent = youden_point(roc_curve(malignant, score))
    assert threshold == apparent.threshold
    assert interval == pytest.approx(tuple(np.percentile(cutoffs, [2.5, 97.5])))
    assert corrected["sensitivity"] == pytest.approx(apparent.sensitivity - np.mean(gains, axis=0)[0])
    assert corrected["specificity"] == pytest.approx(apparent.specificity - np.mean(gains, axis=0)[1])


def test_the_rule_out_cutoff_misses_at_most_one_cancer_in_twenty(published_cohort: Cohort) -> None:
    performance = parameter_performance(published_cohort, published_cohort.variable("elasticity_kpa"), resamples=100)
    assert performance is not None
    cutoff = performance.cutoff(RULE_OUT)
    assert cutoff.table.sensitivity.value >= 0.95
    values = published_cohort.values["elasticity_kpa"].to_numpy()
    next_higher = values[values > cutoff.value].min()
    assert (values[published_cohort.malignant] >= next_higher).mean() < 0.95


def test_corrected_performance_is_nearer_to_the_truth_than_what_was_seen(random: np.random.Generator) -> None:
    seen, corrected, truth = [], [], []
    for _ in range(60):
        malignant, score = _lesions(random, 40, 1.0)
        patients = np.arange(40).astype(str)
        threshold, _, figures = chosen_cutoffs(malignant, score, patients, resamples=150, seed=1)[YOUDEN]
        seen.append((score[malignant] >= threshold).mean() + (score[~malignant] < threshold).mean())
        corrected.append(figures["sensitivity"] + figures["specificity"])
        truth.append(stats.norm.sf(threshold, 1.0) + stats.norm.cdf(threshold))
    assert np.mean(seen) - np.mean(truth) > 0.05
    assert abs(np.mean(corrected) - np.mean(truth)) < 0.5 * (np.mean(seen) - np.mean(truth))


def test_published_cutoffs_are_applied_unchanged_and_never_called_optimistic(published_cohort: Cohort) -> None:
    variable = published_cohort.variable("elasticity_kpa")
    performance = parameter_performance(published_cohort, variable, cutoffs_given=(GivenCutoff(70.0),), resamples=100)
    assert performance is not None
    values, malignant = published_cohort.values["elasticity_kpa"].to_numpy(), published_cohort.malignant
    for rule, value in (("Yan & Fang 2025", 62.0), ("given", 70.0)):
        cutoff = performance.cutoff(rule)
        assert cutoff.value == value
        assert cutoff.table.true_positive == (values[malignant] >= value).sum()
        assert cutoff.table.true_negative == (values[~malignant] < value).sum()
        assert not cutoff.is_chosen_here
    assert performance.cutoff(YOUDEN).is_chosen_here


def test_low_values_that_go_with_malignancy_are_turned_around(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant, score = _lesions(random)
    outcome = np.where(malignant, "malignant", "benign")
    cohorts = [make_cohort(outcome=outcome, marker=(sign * score).round(2)) for sign in (1, -1)]
    upward, downward = (parameter_performance(cohort, cohort.variable("marker"), resamples=100) for cohort in cohorts)
    assert upward is not None
    assert downward is not None
    assert upward.is_high_suspicious
    assert not downward.is_high_suspicious
    assert downward.auc.value == upward.auc.value
    assert downward.cutoff(YOUDEN).value == -upward.cutoff(YOUDEN).value
    assert downward.cutoff(YOUDEN).table == upward.cutoff(YOUDEN).table
    assert downward.cutoff(YOUDEN).interval == tuple(-end for end in reversed(upward.cutoff(YOUDEN).interval))


def test_too_few_lesions_have_no_performance(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 4, elasticity_kpa=range(1, 9))
    assert parameter_performance(cohort, cohort.variable("elasticity_kpa")) is None


def test_a_parameter_that_is_the_same_everywhere_has_no_performance(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 8, elasticity_kpa=[50] * 16)
    assert parameter_performance(cohort, cohort.variable("elasticity_kpa")) is None


def test_lesions_of_one_patient_widen_the_interval(random: np.random.Generator) -> None:
    malignant = np.repeat(np.arange(40) % 2 == 0, 4)
    score = np.repeat(random.normal(np.where(np.arange(40) % 2 == 0, 1.0, 0.0)), 4) + random.normal(0, 0.1, 160)
    alone = auc(malignant, score, patients=np.arange(160))
    together = auc(malignant, score, patients=np.repeat(np.arange(40), 4))
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


@pytest.mark.slow
def test_delong_keeps_its_error_rate_and_its_coverage(random: np.random.Generator) -> None:
    malignant = np.arange(100) % 2 == 0
    rejected = covered = 0
    truth = stats.norm.cdf(1.0 / np.sqrt(2))
    for _ in range(1000):
        shared = random.normal(np.where(malignant, 1.0, 0.0))
        first, second = (0.8 * shared + random.normal(0, 0.6, 100) for _ in range(2))
        rejected += compare_paired_auc(malignant, first, second).p_value < 0.05
        estimate = auc(malignant, shared)
        covered += estimate.low <= truth <= estimate.high
    assert 0.035 <= rejected / 1000 <= 0.068
    assert 0.93 <= covered / 1000 <= 0.97


def test_two_parameters_are_compared_on_the_lesions_that_have_both(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant, score = _lesions(random)
    second = (score + random.normal(0, 2, 60)).round(2)
    cells = [None if number < 6 else value for number, value in enumerate(second)]
    cohort = make_cohort(outcome=np.where(malignant, "malignant", "benign"), first=score, second=cells)
    performances = [parameter_performance(cohort, variable, resamples=100) for variable in cohort.parameters]
    (found,) = compare_parameters(cohort, [performance for performance in performances if performance is not None])
    assert found.count == 54
    assert found.comparison.p_value == compare_paired_auc(malignant[6:], score[6:], second[6:]).p_value


def test_a_useless_parameter_adds_nothing_on_unseen_lesions_although_the_fit_improves(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant, score = _lesions(random, 80, 1.0)
    cohort = make_cohort(
        outcome=np.where(malignant, "malignant", "benign"), good=score, noise=random.normal(size=80).round(3)
    )
    performances = [parameter_performance(cohort, variable, resamples=100) for variable in cohort.parameters]
    (found,) = combine_parameters(cohort, [performance for performance in performances if performance is not None])
    assert found.title == "good + noise"
    assert found.apparent_auc.value >= found.cross_validated_auc.value
    assert found.gain.value <= 0.01
    assert found.gain.low < 0 < found.gain.high
    assert found.added_value_p > 0.01


@pytest.mark.slow
def test_a_useless_parameter_is_found_useful_in_5_of_100_studies() -> None:
    studies, of_them_with_intervals = 3000, 150
    tests = intervals = 0
    for seed in range(studies):
        random = np.random.default_rng(seed)
        malignant, score = _lesions(random, 120, 1.2)
        design = pd.DataFrame({"good": score, "noise": random.normal(size=120)})
        tests += added_value_p(design, malignant, ["good"], MAXIMUM_LIKELIHOOD) < 0.05
        if seed < of_them_with_intervals:
            patients = np.arange(120).astype(str)
            intervals += corrected_gain(design, malignant, patients, score, resamples=60, seed=seed).low > 0
    print(
        f"A useless parameter was found useful by {tests / studies:.4f} of {studies} tests and by "
        f"{intervals / of_them_with_intervals:.3f} of {of_them_with_intervals} intervals of the gain."
    )
    assert 0.04 <= tests / studies <= 0.06
    assert intervals / of_them_with_intervals <= 0.05


@pytest.mark.slow
def test_a_useless_parameter_of_several_lesions_per_patient_is_found_useful_in_5_of_100_studies() -> None:
    found = as_if_independent = 0
    count = 400
    for seed in range(count):
        random = np.random.default_rng(seed)
        patients = np.repeat(np.arange(60), 3)
        tendency, level = random.normal(0, 1.5, 60)[patients], random.normal(0, 1.5, 60)[patients]
        malignant = random.normal(tendency) > 0
        design = pd.DataFrame({"good": random.normal(1.2 * malignant), "noise": level + random.normal(0, 0.5, 180)})
        names = patients.astype(str)
        found += added_value_p(design, malignant, ["good"], MAXIMUM_LIKELIHOOD, names) < 0.05
        as_if_independent += added_value_p(design, malignant, ["good"], MAXIMUM_LIKELIHOOD) < 0.05
    print(f"By patient {found / count:.3f}, as if lesions were independent {as_if_independent / count:.3f}")
    assert 0.03 <= found / count <= 0.07
    assert as_if_independent / count > 0.08


def test_a_known_quantity_keeps_its_direction_even_against_the_data(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant, score = _lesions(random)
    outcome = np.where(malignant, "malignant", "benign")
    cohort = make_cohort(outcome=outcome, elasticity_kpa=(80 - 10 * score).round(1))
    performance = parameter_performance(cohort, cohort.variable("elasticity_kpa"), resamples=100)
    assert performance is not None
    assert (performance.is_high_suspicious, performance.is_direction_fixed) == (True, True)
    assert performance.auc.value < 0.5
    stated = parameter_performance(cohort, cohort.variable("elasticity_kpa"), is_high_suspicious=False, resamples=100)
    assert stated is not None
    assert stated.auc.value == pytest.approx(1 - performance.auc.value)


def test_above_three_does_not_mean_three(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign"] * 10 + ["malignant"] * 10, score=[1, 2, 3, 3, 3] * 2 + [3, 4, 4, 5, 5] * 2)
    given = given_cutoffs(["score>3", "score=3"])
    performance = parameter_performance(cohort, cohort.variable("score"), cutoffs_given=given["score"], resamples=100)
    assert performance is not None
    above, from_three = (cutoff for cutoff in performance.cutoffs if cutoff.is_prespecified)
    assert (above.table.true_positive, above.table.false_positive) == (8, 0)
    assert (from_three.table.true_positive, from_three.table.false_positive) == (10, 6)
    published = performance.cutoff("Elasticity score above 3")
    assert (published.table.true_positive, published.words(True, "")) == (8, "above 3")
    with pytest.raises(ParameterError, match="COLUMN=VALUE"):
        given_cutoffs(["score"])


def test_shares_of_patients_with_several_lesions_are_judged_between_patients(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    stiff = np.repeat(random.random(30) < 0.7, 4)
    outcome = np.repeat(np.where(np.arange(30) % 2 == 0, "malignant", "benign"), 4)
    values = np.where(stiff, 80.0, 40.0) + random.normal(0, 1, 120)
    patients = np.repeat(np.arange(30), 4)
    given = given_cutoffs(["elasticity_kpa=62"])["elasticity_kpa"]
    columns = {"outcome": outcome, "elasticity_kpa": values.round(2)}
    by_patient = make_cohort(patient=patients, lesion=np.arange(120), **columns)
    alone = make_cohort(lesion=np.arange(120), **columns)
    widths = []
    for cohort in (by_patient, alone):
        performance = parameter_performance(
            cohort, cohort.variable("elasticity_kpa"), cutoffs_given=given, resamples=100
        )
        assert performance is not None
        table = performance.cutoff("given").table
        widths.append((table.sensitivity.high - table.sensitivity.low, table.positive_likelihood_ratio.high))
    assert widths[0][0] > 1.5 * widths[1][0]
    assert widths[0][1] > widths[1][1]


# --- strata --------------------------------------------------------------------------------------------------------


def test_strata_add_up_to_the_cohort(published_cohort: Cohort) -> None:
    performance = parameter_performance(published_cohort, published_cohort.variable("elasticity_kpa"), resamples=100)
    assert performance is not None
    for by in default_strata(published_cohort):
        found = stratify(published_cohort, performance, by)
        assert sum(stratum.malignant_count for stratum in found.strata) == 150
        assert (
            sum(stratum.table.true_positive for stratum in found.strata) == performance.cutoffs[0].table.true_positive
        )
    assert [variable.name for variable in default_strata(published_cohort)] == [
        "Dense breast",
        "birads",
        "distribution",
    ]


def test_a_number_is_split_at_its_median(published_cohort: Cohort) -> None:
    performance = parameter_performance(published_cohort, published_cohort.variable("elasticity_kpa"), resamples=100)
    assert performance is not None
    found = stratify(published_cohort, performance, published_cohort.variable("age_years"))
    assert [stratum.malignant_count + stratum.benign_count for stratum in found.strata] == [150, 150]


def test_strata_that_differ_are_found_and_equal_ones_are_not(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant = np.arange(400) % 2 == 0
    left = np.arange(400) < 200
    for shift, expectation in ((2.0, True), (1.0, False)):
        score = random.normal(np.where(malignant, np.where(left, 1.0, shift), 0.0)).round(3)
        cohort = make_cohort(
            outcome=np.where(malignant, "malignant", "benign"), marker=score, side=np.where(left, "l", "r")
        )
        performance = parameter_performance(cohort, cohort.variable("marker"), resamples=100)
        assert performance is not None
        found = stratify(cohort, performance, cohort.variable("side"))
        assert (found.heterogeneity_p < 0.01) == expectation


def test_a_stratum_with_few_lesions_has_counts_but_no_area(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 12, marker=range(24), side=["l"] * 20 + ["r"] * 4)
    performance = parameter_performance(cohort, cohort.variable("marker"), resamples=100)
    assert performance is not None
    small = stratify(cohort, performance, cohort.variable("side")).strata[1]
    assert (small.malignant_count, small.benign_count) == (2, 2)
    assert np.isnan(small.auc.value)


# --- references ----------------------------------------------------------------------------------------------------


def test_every_reference_names_its_statistic_and_its_source() -> None:
    for cutoff in load_reference_cutoffs():
        assert cutoff.statistic
        assert len(cutoff.source) > 8
        assert cutoff.quantities
        assert cutoff.value > 0


def test_maximum_and_mean_elasticity_have_their_own_references() -> None:
    assert "Berg 2012 (BE1)" in [cutoff.name for cutoff in reference_cutoffs_for("elasticity_max")]
    assert "Berg 2012 (BE1)" not in [cutoff.name for cutoff in reference_cutoffs_for("elasticity_mean")]
    assert find_reference_cutoff("yan & fang 2025").value == 62
    performance = find_reference_cutoff("Yan & Fang 2025").performance
    assert performance is not None
    assert performance.sensitivity.value == 0.88
