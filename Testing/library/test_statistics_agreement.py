"""Calibration of probabilities and agreement of readers, against published worked examples."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics import (
    bland_altman,
    brier_score,
    calibration_line,
    calibration_summary,
    cohen_kappa,
    expected_calibration_error,
    hosmer_lemeshow,
    intraclass_correlation,
    plot_reliability,
    reliability_bins,
    within_subject,
)

# --- calibration -------------------------------------------------------------------------------------------------


def calibrated(seed=0, count=4000, slope=1.0, shift=0.0):
    """Outcomes whose true logit is (logit of the prediction)·slope + shift."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1.5, count)
    outcome = rng.random(count) < 1 / (1 + np.exp(-(slope * logit + shift)))
    return outcome, 1 / (1 + np.exp(-logit))


def test_true_probabilities_are_found_calibrated():
    outcome, probability = calibrated()
    line = calibration_line(outcome, probability)
    assert line.slope.low < 1 < line.slope.high
    assert line.intercept.low < 0 < line.intercept.high
    assert hosmer_lemeshow(outcome, probability).p_value > 0.05
    assert expected_calibration_error(outcome, probability) < 0.03


@pytest.mark.parametrize(("slope", "shift"), [(0.5, 0.0), (1.0, 1.0), (1.5, -0.5)])
def test_slope_and_intercept_find_what_is_wrong(slope, shift):
    outcome, probability = calibrated(slope=slope, shift=shift)
    line = calibration_line(outcome, probability)
    assert line.slope.low < slope < line.slope.high
    assert line.intercept.low < shift < line.intercept.high
    assert hosmer_lemeshow(outcome, probability).p_value < 1e-6
    if slope == 1:
        assert line.in_the_large.low < shift < line.in_the_large.high


def test_the_brier_score_of_a_constant_guess_is_the_variance_of_the_outcome():
    assert brier_score([1, 0, 0, 0], [0.25] * 4) == pytest.approx(0.25 * 0.75)
    assert brier_score([1, 0], [1, 0]) == 0


def test_reliability_bins_hold_equal_numbers_and_never_split_equal_predictions():
    outcome, probability = calibrated(count=1000)
    assert reliability_bins(outcome, probability)["count"].tolist() == [100] * 10
    tied = reliability_bins([0, 1] * 10, [0.2] * 10 + [0.7] * 10)
    assert tied["count"].tolist() == [10, 10]
    assert tied["predicted"].tolist() == pytest.approx([0.2, 0.7])


def test_uniform_bins_have_equal_width_and_include_one():
    table = reliability_bins([0, 1, 1], [0.05, 0.95, 1.0], strategy="uniform")
    assert table["count"].tolist() == [1, 2]


def test_the_calibration_error_is_the_mean_gap_weighted_by_cases():
    # 3 cases at 0.2 of which one is diseased, 1 case at 0.9 that is not
    assert expected_calibration_error([1, 0, 0, 0], [0.2, 0.2, 0.2, 0.9]) == pytest.approx(
        0.75 * (1 / 3 - 0.2) + 0.25 * 0.9
    )


def test_hosmer_lemeshow_equals_the_sum_over_both_classes():
    outcome, probability = calibrated(count=200)
    groups = np.array_split(np.argsort(probability), 10)
    statistic = sum(
        (outcome[g].sum() - probability[g].sum()) ** 2 / probability[g].sum()
        + ((~outcome[g]).sum() - (1 - probability[g]).sum()) ** 2 / (1 - probability[g]).sum()
        for g in groups
    )
    test = hosmer_lemeshow(outcome, probability)
    assert test.statistic == pytest.approx(statistic)
    assert test.degrees_of_freedom == 10
    assert hosmer_lemeshow(outcome, probability, fitted_on_these_cases=True).degrees_of_freedom == 8


def test_separated_classes_and_equal_predictions_have_no_slope():
    with pytest.raises(ParameterError, match="same"):
        calibration_line([0, 1, 1], [0.5, 0.5, 0.5])
    with pytest.raises(ParameterError, match="separate"):
        calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    with pytest.raises(ParameterError, match="too few"):
        hosmer_lemeshow([0, 1, 1, 0], [0.1, 0.1, 0.9, 0.9])


def test_a_summary_is_json_ready_even_when_measures_do_not_exist():
    summary = calibration_summary([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert summary["slope"] is None
    json.dumps(summary, allow_nan=False)
    assert calibration_summary(*calibrated(count=300))["slope"]["value"] == pytest.approx(1, abs=0.4)


def test_a_score_that_is_no_probability_is_refused():
    with pytest.raises(ParameterError, match="between 0 and 1"):
        brier_score([0, 1], [0.5, 1.2])


def test_the_reliability_diagram_is_a_picture(tmp_path):
    plot_reliability(*calibrated(count=300), tmp_path / "reliability.png")
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["reliability.png"]


# --- kappa -------------------------------------------------------------------------------------------------------

# Agresti, Categorical Data Analysis (1990), p. 362: 91 married couples; values as computed by the R package vcd
COUPLES = np.array([[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]])


def ratings(table):
    rows, columns = np.indices(table.shape)
    return np.repeat(rows.ravel(), table.ravel()), np.repeat(columns.ravel(), table.ravel())


@pytest.mark.parametrize(("weights", "kappa", "error"), [("none", 0.1293, 0.0686), ("linear", 0.2374, 0.0783)])
def test_kappa_and_its_error_equal_the_published_ones(weights, kappa, error):
    estimate = cohen_kappa(*ratings(COUPLES), weights=weights)
    assert estimate.value == pytest.approx(kappa, abs=5e-5)
    assert (estimate.high - estimate.low) / 2 / 1.959964 == pytest.approx(error, abs=5e-5)


@pytest.mark.filterwarnings("error")
def test_reader_who_always_says_the_same_agrees_by_chance_alone_without_a_warning():
    assert cohen_kappa(["a", "b", "a"], ["a", "a", "a"]).value == 0


def test_quadratic_kappa_equals_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    first, second = ratings(COUPLES)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert cohen_kappa(first, second, weights="quadratic").value == pytest.approx(expected)


def test_unused_categories_count_in_the_distance_of_weights():
    first, second = ["soft", "soft", "hard", "hard"], ["soft", "hard", "hard", "hard"]
    order = ["soft", "intermediate", "hard"]
    assert cohen_kappa(first, second, weights="linear", categories=order).value == pytest.approx(0.5)
    with pytest.raises(ParameterError, match="“hard”"):
        cohen_kappa(first, second, categories=["soft"])


def test_kappa_of_one_category_does_not_exist():
    assert math.isnan(cohen_kappa([1, 1], [1, 1]).value)


def test_readings_of_different_length_are_refused():
    with pytest.raises(ParameterError, match="equal length"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ParameterError, match="weights"):
        cohen_kappa([1, 2], [1, 2], weights="cubic")


# --- intraclass correlation --------------------------------------------------------------------------------------

# Shrout & Fleiss 1979, table 2: six targets, four judges
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_intraclass_correlations_equal_shrout_and_fleiss():
    agreement = intraclass_correlation(JUDGES)
    consistency = intraclass_correlation(JUDGES, form="ICC(3,1)")
    assert agreement.value == pytest.approx(0.29, abs=5e-3)
    assert consistency.value == pytest.approx(0.71, abs=5e-3)
    # intervals as given by the R package psych
    assert (agreement.low, agreement.high) == pytest.approx((0.019, 0.761), abs=5e-4)
    assert (consistency.low, consistency.high) == pytest.approx((0.342, 0.946), abs=5e-4)


def test_a_constant_difference_of_readers_lowers_agreement_but_not_consistency():
    table = np.random.default_rng(0).normal(50, 10, (30, 1)) + np.random.default_rng(1).normal(0, 1, (30, 2))
    shifted = table + np.array([0, 20])
    assert intraclass_correlation(shifted, form="ICC(3,1)").value == pytest.approx(
        intraclass_correlation(table, form="ICC(3,1)").value
    )
    assert intraclass_correlation(shifted).value < 0.5 < intraclass_correlation(table).value


def test_the_interval_covers_the_true_correlation_as_often_as_it_says():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        table = rng.normal(0, 2, (20, 1)) + rng.normal(0, 0.5, (1, 3)) + rng.normal(0, 1, (20, 3))
        interval = intraclass_correlation(table)
        covered += interval.low <= 4 / (4 + 0.25 + 1) <= interval.high
    assert 0.91 <= covered / 300 <= 0.99


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 12), st.integers(2, 5), st.integers(0, 10**6), st.floats(0.1, 10), st.floats(-50, 50))
def test_intraclass_correlation_does_not_depend_on_the_unit(subjects, readers, seed, scale, offset):
    table = np.random.default_rng(seed).normal(0, 1, (subjects, readers))
    for form in ("ICC(2,1)", "ICC(3,1)"):
        one, other = (intraclass_correlation(t, form=form) for t in (table, scale * table + offset))
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-6)
        assert one.low <= one.value <= one.high


def test_perfect_agreement_is_one_and_no_variation_is_refused():
    perfect = [[1, 1], [2, 2], [5, 5]]
    assert intraclass_correlation(perfect).value == 1
    assert intraclass_correlation(perfect, form="ICC(3,1)").low == 1
    with pytest.raises(ParameterError, match="same"):
        intraclass_correlation([[3, 3], [3, 3]])


@pytest.mark.parametrize("table", [[[1, 2]], [[1], [2]], [[1, 2], [3, np.nan]], [1, 2, 3]])
def test_incomplete_tables_are_refused(table):
    with pytest.raises(ParameterError):
        intraclass_correlation(table)


# --- Bland–Altman ------------------------------------------------------------------------------------------------

# Bland & Altman 1986, table I: peak expiratory flow rate (l/min) of 17 subjects, two readings with each meter
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
WRIGHT_AGAIN = [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
MINI_AGAIN = [525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443]


def test_limits_of_agreement_equal_bland_and_altmans_peak_flow_example():
    result = bland_altman(WRIGHT, MINI)
    assert result.pairs == 17
    assert result.bias.value == pytest.approx(-2.1, abs=0.05)
    assert result.standard_deviation == pytest.approx(38.8, abs=0.05)
    assert (result.bias.low, result.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    # the paper rounds 1.96 to 2: limits −79.7 and 75.5, their intervals −114.3 to −45.1 and 40.9 to 110.1
    assert (result.lower_limit.value, result.upper_limit.value) == pytest.approx((-79.7, 75.5), abs=1.7)
    assert (result.lower_limit.low, result.lower_limit.high) == pytest.approx((-114.3, -45.1), abs=2)
    assert (result.upper_limit.low, result.upper_limit.high) == pytest.approx((40.9, 110.1), abs=2)


def test_methods_that_do_not_measure_the_same_subjects_are_refused():
    with pytest.raises(ParameterError, match="same subjects"):
        bland_altman([1, 2, 3], [1, 2])


def test_within_subject_deviation_equals_bland_and_altmans_peak_flow_example():
    # Bland & Altman 1999, section 3: within-subject standard deviations 15.3 and 19.9 l/min
    wright = within_subject(np.column_stack([WRIGHT, WRIGHT_AGAIN]))
    mini = within_subject(np.column_stack([MINI, MINI_AGAIN]))
    assert (wright.standard_deviation, mini.standard_deviation) == pytest.approx((15.3, 19.9), abs=0.05)
    assert wright.repeatability == pytest.approx(2.77 * 15.3, abs=0.1)


def test_the_coefficient_of_variation_is_the_relative_spread():
    table = np.array([[90, 110], [900, 1100]])
    assert within_subject(table).coefficient_of_variation == pytest.approx(math.sqrt(2) * 0.1)
    with pytest.raises(ParameterError, match="above zero"):
        within_subject([[1, 2], [-5, 1]])
