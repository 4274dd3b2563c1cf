"""Calibration of the classifier's score and its operating points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.classification.calibration import Calibration, at_prevalence
from MicrocalcAILib.classification.operating_points import choose_thresholds, figures_at, predictive_values


def _drawn(cases, seed, slope=0.5, intercept=-0.5):
    """Scores, and outcomes drawn with logit(probability) = slope · logit(score) + intercept."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.01, 0.99, cases)
    probability = 1 / (1 + np.exp(-(slope * np.log(score / (1 - score)) + intercept)))
    return score, rng.random(cases) < probability, np.arange(cases) // 2


def test_platt_is_chosen_and_recovers_the_line_when_the_truth_is_one():
    score, outcome, patients = _drawn(3000, 0)
    calibration = Calibration.fit(outcome, score, patients)
    assert calibration.method == "platt"
    assert calibration.curve["slope"] == pytest.approx(0.5, abs=0.06)
    assert calibration.curve["intercept"] == pytest.approx(-0.5, abs=0.1)


def test_isotonic_is_chosen_when_the_truth_is_a_step():
    rng = np.random.default_rng(1)
    score = rng.uniform(0, 1, 1500)
    outcome = rng.random(1500) < np.where(score > 0.7, 0.9, 0.3)
    calibration = Calibration.fit(outcome, score, np.arange(1500))
    assert calibration.method == "isotonic"
    np.testing.assert_allclose(calibration.probability([0.3, 0.95]), [0.3, 0.9], atol=0.08)


@pytest.mark.parametrize("seed", [2, 3])
def test_the_probability_rises_with_the_score_and_lies_in_its_interval(seed):
    score, outcome, patients = _drawn(120, seed)
    calibration = Calibration.fit(outcome, score, patients)
    grid = np.linspace(0, 1, 333)
    probability = calibration.probability(grid)
    low, high = calibration.interval(grid)
    assert (np.diff(probability) >= 0).all()
    assert ((low <= probability) & (probability <= high) & (low >= 0) & (high <= 1)).all()
    assert (high - low).max() > 0.05


def test_more_patients_make_the_interval_narrower():
    widths = []
    for cases in (100, 3000):
        score, outcome, patients = _drawn(cases, 4)
        low, high = Calibration.fit(outcome, score, patients).interval([0.5])
        widths.append(float(high[0] - low[0]))
    assert widths[1] < widths[0] / 2


def test_scores_that_separate_the_classes_still_give_a_finite_curve():
    score = np.concatenate([np.full(20, 0.1), np.full(20, 0.9)])
    calibration = Calibration.fit(np.arange(40) >= 20, score, np.arange(40))
    probability = calibration.probability([0.0, 0.1, 0.9, 1.0])
    assert np.isfinite(probability).all()
    assert probability[1] < 0.1
    assert probability[2] > 0.9


def test_a_calibration_survives_its_json_form():
    score, outcome, patients = _drawn(200, 5)
    calibration = Calibration.fit(outcome, score, patients)
    again = Calibration.from_json(calibration.to_json())
    np.testing.assert_allclose(again.probability(score), calibration.probability(score))
    np.testing.assert_allclose(again.interval(score), calibration.interval(score), atol=1e-5)


def test_a_damaged_calibration_is_refused():
    score, outcome, patients = _drawn(60, 6)
    stored = Calibration.fit(outcome, score, patients).to_json()
    for broken in (stored | {"low": [0.1]}, stored | {"method": "guess"}, stored | {"curve": {}}):
        with pytest.raises(ModelError, match="train it again"):
            Calibration.from_json(broken)


@given(st.floats(0.01, 0.99), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_change_of_prevalence_multiplies_the_odds(probability, before, after):
    changed = float(at_prevalence(probability, before, after))
    factor = after / (1 - after) / (before / (1 - before))
    assert changed / (1 - changed) == pytest.approx(probability / (1 - probability) * factor, rel=1e-6)


def test_an_impossible_prevalence_is_refused():
    with pytest.raises(ParameterError, match="between 0 and 1"):
        at_prevalence(0.5, 0.3, 1.0)


def test_operating_points_do_what_their_names_say():
    outcome = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    score = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.3, 0.15, 0.1, 0.05])
    thresholds = choose_thresholds(outcome, score, target_sensitivity=0.75)
    assert thresholds == {"paper": 0.4, "tuned sensitivity": 0.7, "maximal sensitivity": 0.2, "youden": 0.7}


def test_the_figures_of_the_paper_come_out_of_its_confusion_matrix():
    outcome = np.repeat([True, False], [17, 43])
    score = np.concatenate([np.full(17, 0.9), np.full(28, 0.8), np.full(15, 0.1)])
    figures = figures_at(outcome, score, np.arange(60), 0.4, prevalence=17 / 60)
    assert figures["sensitivity"]["value"] == 1.0
    assert figures["specificity"]["value"] == pytest.approx(15 / 43)
    assert figures["positive_predictive_value"]["value"] == pytest.approx(17 / 45)
    # at the prevalence of these very cases nothing changes
    assert figures["at_prevalence"]["positive_predictive_value"]["value"] == pytest.approx(17 / 45)


def test_predictive_values_fall_with_the_prevalence():
    outcome = np.repeat([True, False], [20, 30])
    score = np.concatenate([np.full(18, 0.9), np.full(2, 0.1), np.full(6, 0.8), np.full(24, 0.2)])
    figures = figures_at(outcome, score, np.arange(50), 0.5)
    rare, frequent = predictive_values(figures, 0.02), predictive_values(figures, 0.5)
    # sensitivity 0.9, specificity 0.8
    expected = 0.02 * 0.9 / (0.02 * 0.9 + 0.98 * 0.2)
    assert rare["positive_predictive_value"]["value"] == pytest.approx(expected)
    assert rare["negative_predictive_value"]["value"] > frequent["negative_predictive_value"]["value"]


def test_intervals_by_patient_are_wider_when_patients_repeat_themselves():
    outcome = np.tile(np.repeat([True, False], 30), 1)
    right = np.tile(np.repeat([1, 0, 1], 10), 2).astype(bool)  # ten clusters of a patient are all right or all wrong
    score = np.where(right == outcome, 0.9, 0.1)
    together = figures_at(outcome, score, np.arange(60) // 10, 0.5)["sensitivity_by_patient"]
    alone = figures_at(outcome, score, np.arange(60), 0.5)["sensitivity_by_patient"]
    assert together["high"] - together["low"] > 1.3 * (alone["high"] - alone["low"])


@pytest.mark.parametrize("seed", range(4))
def test_the_line_is_the_one_that_statsmodels_fits_to_the_targets_of_platt(seed):
    import statsmodels.api as sm

    score, outcome, patients = _drawn(150, seed, slope=1.3, intercept=0.8)
    calibration = Calibration.fit(outcome, score, patients)
    if calibration.method != "platt":
        pytest.skip("isotonic was chosen for these cases")
    targets = np.where(outcome, (outcome.sum() + 1) / (outcome.sum() + 2), 1 / ((~outcome).sum() + 2))
    design = np.column_stack([np.log(score / (1 - score)), np.ones(150)])
    expected = sm.GLM(targets, design, family=sm.families.Binomial()).fit().params
    assert calibration.curve["slope"] == pytest.approx(expected[0], rel=1e-4)
    assert calibration.curve["intercept"] == pytest.approx(expected[1], rel=1e-4)


def test_scores_that_point_the_wrong_way_give_the_share_of_malignant_clusters_everywhere():
    score, outcome, patients = _drawn(400, 7, slope=-2.0)
    calibration = Calibration.fit(outcome, score, patients)
    np.testing.assert_allclose(calibration.probability([0.05, 0.95]), outcome.mean(), atol=0.03)
