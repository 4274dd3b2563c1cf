"""Several units per patient: variances, intervals and resamples, against formulas written out and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics import (
    auc,
    auc_covariance,
    bootstrap_estimate,
    clustered_means,
    clustered_proportion,
    compare_paired_auc,
    compare_unpaired_auc,
    proportion,
    resampled_units,
)
from MicrocalcAILib.statistics.clustered import newcombe_interval


def lesions_of_patients(patients, seed, *, shift=1.0, likeness=0.7):
    """Outcome, two scores and patient of each lesion; lesions of a patient share outcome tendency and score level."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), rng.integers(1, 6, patients))
    tendency, level = rng.normal(0, 1.5, patients), rng.normal(0, math.sqrt(likeness), patients)
    outcome = rng.random(owner.size) < norm.cdf(tendency[owner])
    noise = rng.normal(0, math.sqrt(1 - likeness), (2, owner.size))
    return outcome, shift * outcome + level[owner] + noise[0], shift * outcome + level[owner] + noise[1], owner


def obuchowski_written_out(outcome, scores, owner):
    """Obuchowski 1997, equations 1 to 6, patient by patient and pair by pair."""
    outcome = np.asarray(outcome, bool)
    total, healthy_total = int(outcome.sum()), int((~outcome).sum())
    names = np.unique(owner)
    parts, areas = [], []
    for score in scores:
        positive, negative = score[outcome], score[~outcome]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        area = wins.mean()
        of_diseased = [
            wins.mean(axis=1)[owner[outcome] == name].sum() - (owner[outcome] == name).sum() * area for name in names
        ]
        of_healthy = [
            wins.mean(axis=0)[owner[~outcome] == name].sum() - (owner[~outcome] == name).sum() * area for name in names
        ]
        areas.append(area)
        parts.append((np.array(of_diseased), np.array(of_healthy)))
    with_diseased, with_healthy = len(np.unique(owner[outcome])), len(np.unique(owner[~outcome]))
    covariance = np.empty((len(scores), len(scores)))
    for r, (a10, a01) in enumerate(parts):
        for s, (b10, b01) in enumerate(parts):
            s10 = with_diseased / ((with_diseased - 1) * total) * (a10 @ b10)
            s01 = with_healthy / ((with_healthy - 1) * healthy_total) * (a01 @ b01)
            s11, s11_turned = (len(names) / (len(names) - 1) * product for product in (a10 @ b01, a01 @ b10))
            covariance[r, s] = s10 / total + s01 / healthy_total + (s11 + s11_turned) / (total * healthy_total)
    return areas, covariance


@pytest.mark.parametrize("seed", range(5))
def test_the_covariance_of_areas_equals_obuchowskis_formula_written_out(seed):
    outcome, first, second, owner = lesions_of_patients(25, seed)
    areas, covariance = auc_covariance(outcome, [first, np.round(second)], owner)
    expected_areas, expected = obuchowski_written_out(outcome, [first, np.round(second)], owner)
    assert areas == pytest.approx(expected_areas, abs=1e-12)
    assert covariance == pytest.approx(expected, abs=1e-12)


def test_one_lesion_per_patient_gives_the_results_of_independent_cases():
    outcome, first, second, _ = lesions_of_patients(40, 3)
    own = np.arange(outcome.size)[::-1]
    assert auc_covariance(outcome, [first, second], own)[1] == pytest.approx(
        auc_covariance(outcome, [first, second])[1], abs=1e-15
    )
    assert auc(outcome, first, patients=own) == auc(outcome, first)
    assert clustered_proportion(outcome, own) == proportion(int(outcome.sum()), outcome.size)


def test_repeating_every_lesion_does_not_make_an_area_surer():
    outcome, first, second, _ = lesions_of_patients(40, 4)
    own = np.arange(outcome.size)
    once = auc_covariance(outcome, [first, second])[1]
    four_times = auc_covariance(np.tile(outcome, 4), [np.tile(first, 4), np.tile(second, 4)], np.tile(own, 4))[1]
    assert four_times == pytest.approx(once, abs=1e-12)
    single, repeated = clustered_proportion(outcome, own), clustered_proportion(np.tile(outcome, 4), np.tile(own, 4))
    assert repeated.high - repeated.low == pytest.approx(single.high - single.low, rel=0.03)


def test_areas_of_the_same_patients_lesions_are_compared_with_their_covariance():
    outcome, first, _, owner = lesions_of_patients(60, 5)
    left = np.arange(outcome.size) % 2 == 0
    apart = compare_unpaired_auc(outcome[left], first[left], outcome[~left], first[~left])
    patients = (owner[left], owner[~left])
    known = compare_unpaired_auc(outcome[left], first[left], outcome[~left], first[~left], patients=patients)
    same = compare_unpaired_auc(outcome, first, outcome, first, patients=(owner, owner))
    assert known.difference.value == apart.difference.value
    assert known.z != apart.z
    assert same.p_value == 1.0


def test_a_mean_over_patients_is_a_ratio_of_sums():
    patients = np.array(["a", "a", "a", "b", "c", "c"])
    values = np.array([1.0, 2.0, 3.0, 10.0, 4.0, 4.0])
    (mean,), ((variance,),) = clustered_means(values, patients)
    residuals = np.array([6 - 3 * mean, 10 - mean, 8 - 2 * mean])
    assert mean == pytest.approx(4.0)
    assert variance == pytest.approx(3 / 2 * (residuals**2).sum() / 36)


def test_the_same_outcome_in_every_lesion_counts_each_patient_once():
    everything_found = clustered_proportion(np.ones(30), np.arange(30) // 3)
    assert (everything_found.value, everything_found.high) == (1.0, 1.0)
    assert everything_found.low == pytest.approx(proportion(10, 10).low)


def test_areas_that_separate_completely_still_have_an_interval():
    estimate = auc([0] * 10 + [1] * 10, np.arange(20))
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert 0.8 < estimate.low < 0.95
    few_patients = auc([0] * 10 + [1] * 10, np.arange(20), patients=np.arange(20) // 5)
    assert few_patients.low < estimate.low


def test_newcombes_interval_holds_the_areas_that_are_not_rejected():
    low, high = newcombe_interval(0.9, 20, 30)
    for end in (low, high):
        variance = end * (1 - end) * (1 + 24 * ((1 - end) / (2 - end) + end / (1 + end))) / 600
        assert abs(end - 0.9) == pytest.approx(norm.ppf(0.975) * math.sqrt(variance), rel=1e-6)
    assert newcombe_interval(0.0, 20, 30) == pytest.approx(
        tuple(1 - end for end in newcombe_interval(1.0, 20, 30))[::-1]
    )


def test_whole_patients_are_drawn():
    drawn = resampled_units(["x", "y", "x", "z"], 50, seed=1)
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_patients_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="one patient"):
        auc([0, 0, 1, 1], [1, 2, 3, 4], patients=[1, 2, 3])
    with pytest.raises(ParameterError, match="two cases"):
        auc([0, 0, 1, 1], [1, 2, 3, 4], patients=[1, 1, 2, 3])
    with pytest.raises(ParameterError, match="0 or 1"):
        clustered_proportion([0.5], ["a"])


def test_a_bootstrap_over_patients_agrees_with_obuchowskis_error():
    outcome, first, _, owner = lesions_of_patients(120, 8)
    error = math.sqrt(auc_covariance(outcome, [first], owner)[1][0, 0])

    def area(cases):
        return auc_covariance(outcome[cases], [first[cases]])[0][0]

    interval = bootstrap_estimate(area, owner, resamples=600, method="percentile")
    assert (interval.high - interval.low) / 3.92 == pytest.approx(error, rel=0.12)


# --- by simulation -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_intervals_of_areas_and_proportions_cover_the_truth_in_95_of_100_studies():
    studies = 1500
    shift, likeness = 1.0, 0.7
    truth = norm.cdf(shift / math.sqrt(2))  # lesions of different patients decide the area in the long run
    covered = {"auc by patient": 0, "auc as if independent": 0, "proportion by patient": 0, "proportion as if": 0}
    for seed in range(studies):
        outcome, first, _, owner = lesions_of_patients(60, seed, shift=shift, likeness=likeness)
        for name, patients in (("auc by patient", owner), ("auc as if independent", None)):
            estimate = auc(outcome, first, patients=patients)
            covered[name] += estimate.low <= truth <= estimate.high
        by_patient, independent = clustered_proportion(outcome, owner), proportion(int(outcome.sum()), outcome.size)
        covered["proportion by patient"] += by_patient.low <= 0.5 <= by_patient.high
        covered["proportion as if"] += independent.low <= 0.5 <= independent.high
    shares = {name: float(count / studies) for name, count in covered.items()}
    print("Coverage of 95 % intervals, 60 patients with 1 to 5 lesions:", shares)
    assert shares["auc by patient"] == pytest.approx(0.95, abs=0.02)
    assert shares["proportion by patient"] == pytest.approx(0.95, abs=0.02)
    assert shares["auc as if independent"] < 0.9
    assert shares["proportion as if"] < 0.9


@pytest.mark.slow
def test_equal_scores_are_told_apart_in_5_of_100_studies():
    studies, wrong, wrong_if_independent = 1500, 0, 0
    for seed in range(studies):
        outcome, first, second, owner = lesions_of_patients(60, seed)
        rng = np.random.default_rng(seed)
        first, second = (score + rng.normal(0, 0.7, 60)[owner] for score in (first, second))  # differ by patient
        wrong += compare_paired_auc(outcome, first, second, patients=owner).p_value < 0.05
        wrong_if_independent += compare_paired_auc(outcome, first, second).p_value < 0.05
    print(f"False positives of the paired test: {wrong / studies:.3f} by patient,", end=" ")
    print(f"{wrong_if_independent / studies:.3f} as if independent")
    assert wrong / studies == pytest.approx(0.05, abs=0.02)
    assert wrong_if_independent > wrong


@pytest.mark.slow
@pytest.mark.parametrize("area", [0.8, 0.9, 0.95, 0.98])
def test_the_interval_of_an_area_keeps_its_coverage_near_one(area):
    rng, studies, shift = np.random.default_rng(0), 1500, math.sqrt(2) * norm.ppf(area)
    outcome = np.repeat([0, 1], [40, 25])
    logit = wald = 0
    for _ in range(studies):
        score = rng.normal(shift * outcome, 1)
        estimate = auc(outcome, score)
        logit += estimate.low <= area <= estimate.high
        half = 1.96 * math.sqrt(auc_covariance(outcome, [score])[1][0, 0])
        wald += abs(estimate.value - area) <= half
    print(f"AUC {area}: coverage {logit / studies:.3f} (logit), {wald / studies:.3f} (area ± 1.96 errors)")
    assert 0.93 <= logit / studies <= 0.985
