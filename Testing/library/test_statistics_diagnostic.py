"""Proportions, two-by-two tables, ROC curves: against published examples and brute force."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics import (
    DiagnosticTable,
    auc,
    auc_covariance,
    auc_power,
    auc_sample_size,
    bootstrap_estimate,
    compare_paired_auc,
    compare_unpaired_auc,
    diagnostic_table,
    hanley_mcneil_standard_error,
    point_at_sensitivity,
    point_at_specificity,
    precision_recall_curve,
    proportion,
    roc_curve,
    youden_point,
)

MARATHE = DiagnosticTable(true_positive=17, false_positive=28, false_negative=0, true_negative=15)


# --- proportions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    # Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3 (score) and method 5 (exact)
    [(81, 263, (0.2553, 0.2527), (0.3662, 0.3676)), (15, 148, (0.0624, 0.0578), (0.1605, 0.1617))],
)
def test_wilson_and_exact_intervals_equal_newcombes_table(successes, total, low, high):
    wilson = proportion(successes, total)
    exact = proportion(successes, total, method="clopper-pearson")
    assert (wilson.low, wilson.high) == pytest.approx((low[0], high[0]), abs=5e-5)
    assert (exact.low, exact.high) == pytest.approx((low[1], high[1]), abs=5e-5)


@pytest.mark.parametrize(
    ("value", "total", "low", "high"),
    # Pesapane 2023, table 2, with the 3,393 and 2,426 test patches of the two tasks as n
    [
        *((0.95, 3393, 0.94, 0.96), (0.91, 3393, 0.90, 0.92), (0.87, 2426, 0.86, 0.88), (0.80, 2426, 0.78, 0.82)),
        # the sensitivity of 0.85 is printed with the same n (0.84 to 0.86); its own n is the 46 % malignant patches
        *((0.85, 2426, 0.84, 0.86), (0.85, 1116, 0.83, 0.87)),
    ],
)
def test_wald_interval_reproduces_pesapanes_intervals(value, total, low, high):
    interval = proportion(round(value * total), total, method="wald")
    assert (round(interval.low, 2), round(interval.high, 2)) == (low, high)
    half_width = 1.959964 * math.sqrt(interval.value * (1 - interval.value) / total)
    assert interval.high - interval.value == pytest.approx(half_width, rel=1e-6)


def test_wald_interval_is_cut_at_one():
    assert proportion(9, 9, method="wald").high == 1.0


def test_a_proportion_of_nothing_does_not_exist():
    estimate = proportion(0, 0)
    assert estimate.as_dict()["value"] is None
    assert math.isnan(estimate.low)


@pytest.mark.parametrize(("successes", "total"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, total):
    with pytest.raises(ParameterError):
        proportion(successes, total)


def test_an_unknown_interval_is_refused():
    with pytest.raises(ParameterError, match="wilson"):
        proportion(1, 2, method="bayes")
    with pytest.raises(ParameterError, match="confidence"):
        proportion(1, 2, confidence=95)


# --- two-by-two tables -------------------------------------------------------------------------------------------


def test_marathes_amorphous_calcifications_are_reproduced():
    assert MARATHE.sensitivity.value == 1.0
    assert MARATHE.specificity.value == pytest.approx(0.349, abs=5e-4)
    assert MARATHE.positive_predictive_value.value == pytest.approx(0.378, abs=5e-4)
    assert MARATHE.accuracy.value == pytest.approx(0.533, abs=5e-4)
    assert MARATHE.f1.value == pytest.approx(0.548, abs=5e-4)


def test_exact_intervals_of_marathes_table():
    table = DiagnosticTable(17, 28, 0, 15, method="clopper-pearson")
    assert (table.sensitivity.low, table.sensitivity.high) == pytest.approx((0.805, 1.0), abs=5e-4)
    assert (table.specificity.low, table.specificity.high) == pytest.approx((0.21, 0.51), abs=2e-3)


def test_likelihood_ratios_have_the_interval_of_the_log_method():
    table = DiagnosticTable(true_positive=80, false_positive=30, false_negative=20, true_negative=70)
    ratio = table.positive_likelihood_ratio
    error = math.sqrt(1 / 80 - 1 / 100 + 1 / 30 - 1 / 100)
    assert ratio.value == pytest.approx(0.8 / 0.3)
    assert (ratio.low, ratio.high) == pytest.approx(
        (0.8 / 0.3 * math.exp(-1.959964 * error), 0.8 / 0.3 * math.exp(1.959964 * error)), rel=1e-6
    )
    assert table.negative_likelihood_ratio.value == pytest.approx(0.2 / 0.7)
    assert table.diagnostic_odds_ratio.value == pytest.approx(80 * 70 / (30 * 20))


def test_an_empty_cell_keeps_the_ratio_inside_its_interval():
    assert math.isinf(MARATHE.diagnostic_odds_ratio.value)
    assert math.isinf(MARATHE.diagnostic_odds_ratio.high)
    assert MARATHE.negative_likelihood_ratio.value == MARATHE.negative_likelihood_ratio.low == 0
    assert MARATHE.negative_likelihood_ratio.high > 0.5


def test_a_table_is_json_ready_whatever_it_holds():
    for counts in [(17, 28, 0, 15), (0, 0, 0, 0), (0, 0, 3, 4), (3, 0, 0, 4), (0, 5, 0, 5)]:
        json.dumps(DiagnosticTable(*counts).as_dict(), allow_nan=False)


def test_predictive_values_follow_the_prevalence():
    at_own = MARATHE.predictive_values_at(17 / 60)
    assert at_own[0].value == pytest.approx(MARATHE.positive_predictive_value.value)
    table = DiagnosticTable(90, 10, 10, 90)
    positive, negative = table.predictive_values_at(0.01)
    assert positive.value == pytest.approx(0.9 * 0.01 / (0.9 * 0.01 + 0.1 * 0.99))
    assert negative.value == pytest.approx(0.9 * 0.99 / (0.9 * 0.99 + 0.1 * 0.01))
    assert positive.low < positive.value < positive.high
    assert negative.low < negative.value < negative.high


def test_the_interval_of_predictive_values_is_mercaldos_logit_interval():
    positive, negative = DiagnosticTable(90, 10, 10, 80).predictive_values_at(0.2)
    sensitivity, specificity = 0.9, 80 / 90
    logit = math.log(positive.value / (1 - positive.value))
    error = math.sqrt((1 - sensitivity) / sensitivity / 100 + specificity / (1 - specificity) / 90)
    assert math.log(positive.high / (1 - positive.high)) == pytest.approx(logit + 1.959964 * error, rel=1e-6)
    logit = math.log(negative.value / (1 - negative.value))
    error = math.sqrt(sensitivity / (1 - sensitivity) / 100 + (1 - specificity) / specificity / 90)
    assert math.log(negative.low / (1 - negative.low)) == pytest.approx(logit - 1.959964 * error, rel=1e-6)


def test_a_prevalence_is_a_share():
    with pytest.raises(ParameterError, match="prevalence"):
        MARATHE.predictive_values_at(20)


def test_negative_counts_are_refused():
    with pytest.raises(ParameterError):
        DiagnosticTable(1, 2, 3, -1)


def test_cases_at_the_threshold_are_positive():
    table = diagnostic_table([1, 1, 0, 0], [0.4, 0.3, 0.4, 0.1], 0.4)
    assert (table.true_positive, table.false_positive, table.false_negative, table.true_negative) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("outcome", "score"), [([0, 1], [1]), ([0, 2], [1, 2]), ([0, 1], [1, np.nan]), ([], []), ([[0, 1]], [[1, 2]])]
)
def test_cases_that_do_not_fit_are_refused(outcome, score):
    with pytest.raises(ParameterError):
        diagnostic_table(outcome, score, 0.5)


# --- ROC ---------------------------------------------------------------------------------------------------------

# Hanley & McNeil, Radiology 143:29 (1982), table I: 109 CT images rated 1 to 5
RATINGS = np.repeat(np.tile(np.arange(1, 6), 2), [33, 6, 6, 11, 2, 3, 2, 2, 11, 33])
DISEASED = np.repeat([0, 1], [58, 51])


def test_the_area_of_hanley_and_mcneils_ct_ratings_is_0893():
    assert auc(DISEASED, RATINGS).value == pytest.approx(0.893, abs=5e-4)
    assert hanley_mcneil_standard_error(0.893, diseased=51, healthy=58) == pytest.approx(0.032, abs=6e-4)


def brute_force_delong(outcome, scores):
    """Areas and covariance by comparing every diseased with every healthy case."""
    outcome = np.asarray(outcome, bool)
    placements = []
    for score in np.asarray(scores, float):
        positive, negative = score[outcome], score[~outcome]
        wins = np.array([[1.0 if p > n else 0.5 if p == n else 0.0 for n in negative] for p in positive])
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    areas = [v10.mean() for v10, _ in placements]
    covariance = np.zeros((len(placements), len(placements)))
    for i, (a10, a01) in enumerate(placements):
        for j, (b10, b01) in enumerate(placements):
            s10 = ((a10 - areas[i]) * (b10 - areas[j])).sum() / (len(a10) - 1)
            s01 = ((a01 - areas[i]) * (b01 - areas[j])).sum() / (len(a01) - 1)
            covariance[i, j] = s10 / len(a10) + s01 / len(a01)
    return areas, covariance


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=30))
def test_delong_equals_comparing_every_pair_of_cases(cases):
    outcome, first, second = map(list, zip(*cases, strict=True))
    if min(sum(outcome), len(outcome) - sum(outcome)) < 2:
        return
    areas, covariance = auc_covariance(outcome, [first, second])
    expected_areas, expected = brute_force_delong(outcome, [first, second])
    assert areas == pytest.approx(expected_areas)
    assert covariance == pytest.approx(expected, abs=1e-12)


def test_the_paired_test_uses_the_correlation_of_the_scores():
    rng = np.random.default_rng(2)
    outcome = np.repeat([0, 1], 100)
    first = rng.normal(outcome, 1)
    second = first + rng.normal(0, 0.5, 200)
    paired = compare_paired_auc(outcome, first, second)
    areas, covariance = brute_force_delong(outcome, [first, second])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert paired.z == pytest.approx((areas[0] - areas[1]) / math.sqrt(variance))
    assert paired.p_value == pytest.approx(math.erfc(abs(paired.z) / math.sqrt(2)))
    unpaired = compare_unpaired_auc(outcome, first, outcome, second)
    assert abs(unpaired.z) < abs(paired.z)
    assert unpaired.difference.value == paired.difference.value


def test_a_score_does_not_differ_from_itself():
    comparison = compare_paired_auc(DISEASED, RATINGS, RATINGS)
    assert (comparison.z, comparison.p_value) == (0.0, 1.0)


def test_the_area_does_not_change_when_scores_are_stretched():
    assert auc(DISEASED, np.exp(RATINGS)) == auc(DISEASED, RATINGS)


def test_the_interval_of_an_area_is_that_of_its_logit():
    estimate = auc(DISEASED, RATINGS)
    area, error = estimate.value, math.sqrt(brute_force_delong(DISEASED, [RATINGS])[1][0, 0])
    logits = [math.log(end / (1 - end)) for end in (estimate.low, area, estimate.high)]
    half_width = 1.959964 * error / (area * (1 - area))
    assert (logits[1] - logits[0], logits[2] - logits[1]) == pytest.approx((half_width, half_width), rel=1e-6)


@pytest.mark.parametrize("outcome", [[0, 0, 0], [1, 1, 1], [0, 0, 1]])
def test_an_area_needs_two_cases_of_each_class(outcome):
    with pytest.raises(ParameterError):
        auc(outcome, [1, 2, 3])


def test_every_threshold_of_the_curve_gives_its_two_by_two_table():
    curve = roc_curve(DISEASED, RATINGS)
    for threshold, sensitivity, specificity in zip(curve.thresholds, curve.sensitivity, curve.specificity, strict=True):
        table = diagnostic_table(DISEASED, RATINGS, threshold)
        assert (table.sensitivity.value, table.specificity.value) == pytest.approx((sensitivity, specificity))


def test_operating_points_are_found_at_the_asked_sensitivity_and_specificity():
    curve = roc_curve(DISEASED, RATINGS)
    assert youden_point(curve).threshold == 4
    sensitive = point_at_sensitivity(curve, 0.9)
    assert (sensitive.threshold, sensitive.sensitivity) == (3, pytest.approx(46 / 51))
    specific = point_at_specificity(curve, 0.9)
    assert (specific.threshold, specific.specificity) == (5, pytest.approx(56 / 58))
    assert point_at_sensitivity(curve, 1.0).threshold == 1
    assert math.isinf(point_at_specificity(curve, 1.0).threshold)


def test_average_precision_is_the_sum_of_precision_times_gain_in_recall():
    curve = precision_recall_curve([1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.3, 0.2])
    assert curve.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert len(curve.thresholds) == len(curve.precision) == len(curve.recall)


# --- bootstrap ---------------------------------------------------------------------------------------------------


def test_the_bootstrap_of_a_mean_equals_its_standard_error():
    values = np.random.default_rng(0).normal(10, 2, 200)
    for method in ("percentile", "bca"):
        estimate = bootstrap_estimate(lambda cases: values[cases].mean(), np.arange(200), seed=1, method=method)
        half_width = 1.96 * values.std(ddof=1) / math.sqrt(200)
        assert (estimate.low, estimate.high) == pytest.approx(
            (values.mean() - half_width, values.mean() + half_width), abs=0.03
        )


def test_cases_of_one_patient_stay_together():
    values = np.repeat(np.random.default_rng(0).normal(0, 1, 40), 10)  # ten equal images of each patient
    together = bootstrap_estimate(lambda cases: values[cases].mean(), np.arange(400) // 10, seed=1)
    apart = bootstrap_estimate(lambda cases: values[cases].mean(), np.arange(400), seed=1)
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(math.sqrt(10), rel=0.1)


def test_bca_equals_scipys_for_independent_cases():
    from scipy.stats import bootstrap

    values = np.random.default_rng(3).exponential(1, 60)  # skewed: BCa differs clearly from the percentiles
    ours = bootstrap_estimate(lambda cases: values[cases].var(), np.arange(60), resamples=6000, seed=0)
    theirs = bootstrap(
        (values,), np.var, n_resamples=6000, method="BCa", rng=np.random.default_rng(1), vectorized=True
    ).confidence_interval
    percentile = bootstrap_estimate(
        lambda cases: values[cases].var(), np.arange(60), resamples=6000, seed=0, method="percentile"
    )
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.06)
    assert percentile.high < ours.high * 0.9


def test_the_bootstrap_is_seeded():
    values = np.arange(30.0)
    first, again, other = (
        bootstrap_estimate(lambda cases: values[cases].mean(), np.arange(30), resamples=50, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_samples_in_which_the_metric_does_not_exist_are_left_out():
    outcome, score = np.array([0, 0, 0, 1, 1, 0]), np.arange(6.0)

    def area(cases):
        return auc(outcome[cases], score[cases]).value if 2 <= outcome[cases].sum() <= len(cases) - 2 else np.nan

    estimate = bootstrap_estimate(area, np.arange(6), resamples=300, method="percentile")
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_a_bootstrap_without_enough_groups_or_metrics_is_refused():
    with pytest.raises(ParameterError, match="two groups"):
        bootstrap_estimate(lambda cases: 1.0, [7, 7, 7])
    with pytest.raises(ParameterError, match="exist"):
        bootstrap_estimate(lambda cases: np.nan, [1, 2], resamples=20)


# --- sample size -------------------------------------------------------------------------------------------------


def test_power_and_sample_size_equal_those_of_pROC():
    # pROC, power.roc.test: 41 cases, 72 controls, AUC 0.73; and AUC 0.7313686 at a power of 95 %, 1.7 controls per case
    assert auc_power(0.73, diseased=41, healthy=72) == pytest.approx(0.9897453, abs=1e-6)
    size = auc_sample_size(0.7313686, power=0.95, healthy_per_diseased=1.7)
    assert (size.diseased, size.healthy) == (math.ceil(29.29764), math.ceil(49.806))


def test_the_sample_size_has_the_asked_power():
    size = auc_sample_size(0.8, null_auc=0.7, power=0.8)
    assert auc_power(0.8, size.diseased, size.healthy, null_auc=0.7) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(
    "arguments",
    [
        {"expected_auc": 1.0},
        {"expected_auc": 0.8, "null_auc": 0.8},
        {"expected_auc": 0.8, "power": 90},
        {"expected_auc": 0.8, "significance": 5},
        {"expected_auc": 0.8, "healthy_per_diseased": 0},
    ],
)
def test_impossible_studies_are_refused(arguments):
    with pytest.raises(ParameterError):
        auc_sample_size(**arguments)
