"""Obuchowski–Rockette analysis against published output, brute force and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics.reader_study import (
    BOTH_RANDOM,
    CASES_RANDOM,
    READERS_RANDOM,
    ReaderVariances,
    analyze_reader_study,
    delong_covariance,
    jackknife_covariance,
    study_as_dict,
)
from MicrocalcAILib.statistics.reader_study_power import reader_study_power, required_cases

# Van Dyke 1993 (dissection of the aorta; spin echo and cine MRI, 5 readers, 45 of 114 cases diseased): areas, and
# error variances and covariances by the jackknife, as the program OR-DBM MRMC 2.51 of the University of Iowa prints.
AREAS = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
ERROR_OF_READER = np.array([0.00069890, 0.00110605, 0.00084234, 0.00015058, 0.00121357])
COV1_OF_READER = np.array([0.00037347, 0.00076016, 0.00035532, 0.00000108, 0.00024304])
ERROR_OF_MODALITY, COV2_OF_MODALITY = (0.00101410, 0.00059047), (0.00048396, 0.00020419)
COV3 = 0.00023903
MODALITIES, READERS = ("spin echo", "cine"), tuple("01234")


def printed_covariance():
    """A covariance with exactly the printed means by reader and by modality."""
    error = ERROR_OF_READER[None] + np.array(ERROR_OF_MODALITY)[:, None] - np.mean(ERROR_OF_MODALITY)
    covariance = np.full((2, 5, 2, 5), COV3)
    for i, j, k, l in itertools.product(range(2), range(5), range(2), range(5)):  # noqa: E741
        if (i, j) == (k, l):
            covariance[i, j, k, l] = error[i, j]
        elif j == l:
            covariance[i, j, k, l] = COV1_OF_READER[j]
        elif i == k:
            covariance[i, j, k, l] = COV2_OF_MODALITY[i]
    return covariance


def van_dyke():
    return analyze_reader_study(MODALITIES, READERS, AREAS, printed_covariance())


def test_variances_are_those_printed_for_van_dykes_study():
    variances = van_dyke().variances
    assert variances.reader == pytest.approx(0.00153500, abs=1e-8)
    assert variances.modality_reader == pytest.approx(0.00020040, abs=1e-8)
    assert variances.error == pytest.approx(0.00080229, abs=1e-8)
    assert variances.same_reader == pytest.approx(0.00034661, abs=1e-8)
    assert variances.same_modality == pytest.approx(0.00034407, abs=1e-8)
    assert variances.different == pytest.approx(COV3, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "statistic", "df", "p_value", "error", "low", "high"),
    [
        (BOTH_RANDOM, 4.46, 15.26, 0.0517, 0.02075, -0.08796, 0.00036),
        (CASES_RANDOM, 5.47595, math.inf, 0.0193, 0.01872, -0.08049, -0.00711),
        (READERS_RANDOM, 8.70, 4, 0.0420, 0.01485, -0.08502, -0.00258),
    ],
)
def test_tests_and_differences_are_those_printed_for_van_dykes_study(name, statistic, df, p_value, error, low, high):
    analysis = van_dyke().analyses[name]
    assert analysis.statistic == pytest.approx(statistic, abs=0.005)
    assert analysis.degrees_of_freedom[0] == 1
    assert analysis.degrees_of_freedom[1] == pytest.approx(df, abs=0.005)
    assert analysis.p_value == pytest.approx(p_value, abs=5e-5)
    (pair,) = analysis.comparisons
    assert (pair.first, pair.second) == MODALITIES
    assert pair.p_value == pytest.approx(p_value, abs=5e-5)
    assert pair.standard_error == pytest.approx(error, abs=5e-6)
    assert pair.difference.value == pytest.approx(-0.04380032, abs=1e-8)
    assert (pair.difference.low, pair.difference.high) == pytest.approx((low, high), abs=6e-6)


@pytest.mark.parametrize(
    ("name", "spin_echo", "cine"),
    [
        (BOTH_RANDOM, (0.82522360, 0.96885048), (0.89413783, 0.98753689)),
        (CASES_RANDOM, (0.84943008, 0.94464399), (0.90795637, 0.97371835)),
        (READERS_RANDOM, (0.82809808, 0.96597599), (0.89598936, 0.98568536)),
    ],
)
def test_intervals_of_single_modalities_are_those_printed_for_van_dykes_study(name, spin_echo, cine):
    found = van_dyke().analyses[name].modalities
    assert [value.value for value in found.values()] == pytest.approx([0.89703704, 0.94083736], abs=1e-8)
    assert (found["spin echo"].low, found["spin echo"].high) == pytest.approx(spin_echo, abs=1e-6)
    assert (found["cine"].low, found["cine"].high) == pytest.approx(cine, abs=1e-6)


def test_single_readers_are_those_printed_for_van_dykes_study():
    pairs = [pair for (pair,) in van_dyke().by_reader.values()]
    assert [pair.standard_error for pair in pairs] == pytest.approx(
        [0.02551, 0.02630, 0.03121, 0.01729, 0.04406], abs=5e-6
    )
    assert [pair.p_value for pair in pairs] == pytest.approx([0.2693, 0.0768, 0.5668, 0.1290, 0.0230], abs=6e-5)


VAN_DYKE = ReaderVariances(0.00153500, 0.000200403, 0.000802288, 0.000346614, 0.000344075, 0.000239028)
OBSERVED = 0.043800322


@pytest.mark.parametrize(
    ("analysis", "readers", "cases", "noncentrality", "power", "tolerance"),
    [  # as printed by RJafroc for Van Dyke's study; its fixed readers are an F test with 132 degrees of freedom
        (BOTH_RANDOM, 6, 112, 4.80, 0.5555789, 1e-5),
        (CASES_RANDOM, 10, 133, 7.9873835, 0.80111671, 0.006),
        (READERS_RANDOM, 10, 53, 10.048716, 0.80496663, 1e-5),
    ],
)
def test_power_is_the_published_one_for_van_dykes_study(analysis, readers, cases, noncentrality, power, tolerance):
    plan = reader_study_power(VAN_DYKE, 114, OBSERVED, readers, cases, analysis=analysis)
    assert plan.noncentrality == pytest.approx(noncentrality, abs=1e-3)
    assert plan.power == pytest.approx(power, abs=tolerance)


def test_the_planned_study_is_the_smallest_that_reaches_the_power():
    assert required_cases(VAN_DYKE, 114, OBSERVED, 10).cases == 163  # as RJafroc prints
    plan = required_cases(VAN_DYKE, 114, OBSERVED, 6)
    assert plan.power >= 0.8
    assert reader_study_power(VAN_DYKE, 114, OBSERVED, 6, plan.cases - 1).power < 0.8


def test_too_few_readers_reach_a_power_with_no_number_of_cases():
    assert required_cases(VAN_DYKE, 114, 0.01, 3) is None


def test_impossible_plans_are_refused():
    for arguments in ((0.0, 5, 100), (0.05, 1, 100), (0.05, 5, 1)):
        with pytest.raises(ParameterError):
            reader_study_power(VAN_DYKE, 114, *arguments)
    with pytest.raises(ParameterError, match="not an analysis"):
        reader_study_power(VAN_DYKE, 114, 0.05, 5, 100, analysis="all")


def roe_metz(rng, modalities=2, readers=5, healthy=50, diseased=50, separation=1.5, gain=0.0):
    """Ratings by Roe and Metz' model, structure HL (high correlation of cases, low variance of readers)."""
    cases = healthy + diseased
    truth = np.arange(cases) >= healthy

    def effect(variance, *shape):
        return rng.normal(0, math.sqrt(variance), shape)

    ratings = np.zeros((modalities, readers, cases))
    ratings += effect(0.3, 1, 1, cases) + effect(0.3, modalities, 1, cases)
    ratings += effect(0.2, 1, readers, cases) + effect(0.2, modalities, readers, cases)
    for state in (truth, ~truth):  # readers' own levels differ by the state of the case
        of_reader = effect(0.0055, 1, readers, 1) + effect(0.0055, modalities, readers, 1)
        ratings += of_reader * state
    ratings += (separation + gain * (np.arange(modalities) == 0)[:, None, None]) * truth
    return truth, ratings


def brute_area(truth, ratings):
    pairs = [(d > h) + 0.5 * (d == h) for d in ratings[truth] for h in ratings[~truth]]
    return sum(pairs) / len(pairs)


def test_jackknife_and_analysis_agree_with_formulas_written_out():
    truth, ratings = roe_metz(np.random.default_rng(3), modalities=3, readers=4, healthy=9, diseased=8)
    ratings = np.round(ratings)
    n, t, r = truth.size, 3, 4
    patients = np.arange(n) // 2  # two cases each, the last alone

    def areas(cases):
        return np.array([[brute_area(truth[cases], ratings[i, j, cases]) for j in range(r)] for i in range(t)])

    figures, covariance = jackknife_covariance(areas, patients)
    names = sorted(set(patients))
    values = [areas(np.array([k for k in range(n) if patients[k] != name])) for name in names]
    mean = sum(values) / len(values)

    def cov(i, j, k, m):
        products = [(value[i, j] - mean[i, j]) * (value[k, m] - mean[k, m]) for value in values]
        return (len(names) - 1) / len(names) * sum(products)

    assert covariance[0, 1, 2, 3] == pytest.approx(cov(0, 1, 2, 3), abs=1e-15)
    study = analyze_reader_study(list("abc"), list("wxyz"), figures, covariance)
    cells = list(itertools.product(range(t), range(r)))
    kinds = {"error": [], "cov1": [], "cov2": [], "cov3": []}
    for (i, j), (k, m) in itertools.product(cells, cells):
        kind = "error" if (i, j) == (k, m) else "cov1" if j == m else "cov2" if i == k else "cov3"
        kinds[kind].append(cov(i, j, k, m))
    means = {kind: sum(found) / len(found) for kind, found in kinds.items()}
    found = study.variances
    assert [found.error, found.same_reader, found.same_modality, found.different] == pytest.approx(
        list(means.values()), abs=1e-14
    )
    grand = figures.mean()
    ms_t = sum(r * (figures[i].mean() - grand) ** 2 for i in range(t)) / (t - 1)
    ms_tr = sum((figures[i, j] - figures[i].mean() - figures[:, j].mean() + grand) ** 2 for i, j in cells) / (
        (t - 1) * (r - 1)
    )
    term = ms_tr + r * max(means["cov2"] - means["cov3"], 0)
    analysis = study.analyses[BOTH_RANDOM]
    assert analysis.statistic == pytest.approx(ms_t / term)
    assert analysis.degrees_of_freedom == pytest.approx((t - 1, term**2 / (ms_tr**2 / ((t - 1) * (r - 1)))))
    assert len(analysis.comparisons) == 3


def test_two_modalities_with_fixed_cases_are_a_paired_t_test_of_the_readers():
    from scipy.stats import ttest_rel

    figures, covariance = delong_covariance(*roe_metz(np.random.default_rng(5)))
    study = analyze_reader_study(list("ab"), list("12345"), figures, covariance)
    expected = ttest_rel(figures[0], figures[1])
    assert study.analyses[READERS_RANDOM].p_value == pytest.approx(expected.pvalue)


def test_a_single_reader_of_the_study_is_delongs_paired_test():
    from MicrocalcAILib.statistics import compare_paired_auc

    truth, ratings = roe_metz(np.random.default_rng(6))
    study = analyze_reader_study(list("ab"), list("12345"), *delong_covariance(truth, ratings))
    (pair,) = study.by_reader["3"]
    expected = compare_paired_auc(truth, ratings[0, 2], ratings[1, 2])
    assert pair.p_value == pytest.approx(expected.p_value)
    assert pair.difference.low == pytest.approx(expected.difference.low)


def test_equal_readings_give_no_test_instead_of_certainty():
    figures = np.full((2, 3), 0.8)
    study = analyze_reader_study(list("ab"), list("123"), figures, np.zeros((2, 3, 2, 3)))
    for analysis in study.analyses.values():
        assert math.isnan(analysis.p_value)
        assert math.isnan(analysis.comparisons[0].difference.low)
    assert study_as_dict(study)["analyses"][BOTH_RANDOM]["p_value"] is None


def test_studies_without_two_modalities_and_two_readers_are_refused():
    with pytest.raises(ParameterError, match="at least two"):
        analyze_reader_study(["a"], ["1", "2"], np.full((1, 2), 0.8), np.zeros((1, 2, 1, 2)))
    with pytest.raises(ParameterError, match="do not fit"):
        analyze_reader_study(["a", "b"], ["1", "2"], np.full((2, 3), 0.8), np.zeros((2, 3, 2, 3)))
    with pytest.raises(ParameterError, match="does not exist"):
        analyze_reader_study(["a", "b"], ["1", "2"], np.full((2, 2), np.nan), np.zeros((2, 2, 2, 2)))


def _share_below(p_values, level=0.05):
    return np.mean(np.array(p_values) < level)


@pytest.mark.slow
def test_without_a_difference_five_percent_of_studies_find_one():
    rng = np.random.default_rng(20)
    found = {BOTH_RANDOM: [], CASES_RANDOM: []}
    covered = []
    for _ in range(2000):
        study = analyze_reader_study(list("ab"), list("12345"), *delong_covariance(*roe_metz(rng)))
        for name, values in found.items():
            values.append(study.analyses[name].p_value)
        difference = study.analyses[BOTH_RANDOM].comparisons[0].difference
        covered.append(difference.low <= 0 <= difference.high)
    both, cases = _share_below(found[BOTH_RANDOM]), _share_below(found[CASES_RANDOM])
    print(f"\n2,000 studies without a difference: {both:.1%} found one with random readers and cases, coverage")
    print(f"{np.mean(covered):.1%}; {cases:.1%} when readers that were drawn are called fixed")
    assert 0.03 <= both <= 0.07
    assert np.mean(covered) == pytest.approx(1 - both, abs=1e-9)


@pytest.mark.slow
def test_planned_power_is_the_share_of_simulated_studies_that_find_the_difference():
    rng = np.random.default_rng(21)
    pilots = [delong_covariance(*roe_metz(rng, gain=0.35)) for _ in range(60)]
    studies = [analyze_reader_study(list("ab"), list("12345"), *pilot) for pilot in pilots]
    mean = ReaderVariances(*np.mean([list(vars(study.variances).values()) for study in studies], axis=0))
    difference = float(np.mean([np.diff(figures.mean(axis=1)) for figures, _ in pilots]))
    planned = reader_study_power(mean, 100, difference, 8, 160)
    p_values = []
    for _ in range(1000):
        ratings = roe_metz(rng, readers=8, healthy=80, diseased=80, gain=0.35)
        study = analyze_reader_study(list("ab"), list("12345678"), *delong_covariance(*ratings))
        p_values.append(study.analyses[BOTH_RANDOM].p_value)
    reached = _share_below(p_values)
    print(f"\nplanned power {planned.power:.3f}, reached in 1,000 simulated studies {reached:.3f}")
    assert reached == pytest.approx(planned.power, abs=0.06)
