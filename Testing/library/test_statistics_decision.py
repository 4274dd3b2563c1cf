"""Net benefit of acting on a probability, and errors of calibration between patients."""

from __future__ import annotations

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics import brier_estimate, calibration_line
from MicrocalcAILib.statistics.decision import decision_curve

OUTCOME = np.array([1, 1, 1, 0, 0, 0, 0, 0])
PROBABILITY = np.array([0.9, 0.6, 0.2, 0.7, 0.3, 0.15, 0.1, 0.05])


def test_net_benefit_counts_cancers_less_benign_biopsies_at_the_price_of_the_threshold():
    curve = decision_curve(OUTCOME, PROBABILITY, [0.25, 0.5], resamples=50).set_index("threshold")
    assert curve.loc[0.25, "net_benefit"] == pytest.approx((2 - 2 / 3) / 8)
    assert curve.loc[0.5, "net_benefit"] == pytest.approx((2 - 1) / 8)
    assert curve.loc[0.25, "act_on_all"] == pytest.approx((3 - 5 / 3) / 8)
    assert curve.loc[0.5, "gain"] == pytest.approx(1 / 8)  # acting on all would lose


def test_at_another_prevalence_the_probabilities_and_the_shares_move():
    (row,) = decision_curve(OUTCOME, PROBABILITY, [0.2], prevalence=0.1, resamples=50).to_dict("records")
    odds = (0.1 / 0.9) / (3 / 5)
    moved = odds * PROBABILITY / (odds * PROBABILITY + 1 - PROBABILITY)
    sensitivity, false_share = (np.mean(moved[group == OUTCOME] >= 0.2) for group in (1, 0))
    assert row["net_benefit"] == pytest.approx(sensitivity * 0.1 - false_share * 0.9 * 0.25)
    assert row["act_on_all"] == pytest.approx(0.1 - 0.9 * 0.25)
    assert row["low"] <= row["net_benefit"] <= row["high"]


def test_a_decision_needs_shares_between_0_and_1():
    for thresholds, prevalence in (([0.0], None), ([0.5], 1.0)):
        with pytest.raises(ParameterError, match="between 0 and 1"):
            decision_curve(OUTCOME, PROBABILITY, thresholds, prevalence=prevalence)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        decision_curve(OUTCOME, PROBABILITY * 2, [0.5])


def test_repeating_every_lesion_of_a_patient_makes_nothing_surer():
    rng = np.random.default_rng(3)
    outcome = rng.integers(0, 2, 60)
    probability = np.clip(0.5 + 0.2 * (outcome - 0.5) + rng.normal(0, 0.15, 60), 0.02, 0.98)
    again, owner = np.repeat([outcome, probability], 3, axis=1), np.repeat(np.arange(60), 3)
    once = brier_estimate(outcome, probability)
    thrice = brier_estimate(again[0], again[1], patients=owner)
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    slopes = [calibration_line(outcome, probability, patients=np.arange(60)).slope]
    slopes += [calibration_line(again[0], again[1], patients=patients).slope for patients in (owner, None)]
    widths = [slope.high - slope.low for slope in slopes]
    assert widths[1] > 1.4 * widths[2]
    curves = [
        decision_curve(*cases, [0.4], patients=patients, resamples=400).iloc[0]
        for cases, patients in (((outcome, probability), None), ((again[0], again[1]), owner))
    ]
    assert curves[1]["high"] - curves[1]["low"] == pytest.approx(curves[0]["high"] - curves[0]["low"], rel=0.15)
