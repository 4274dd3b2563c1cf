"""Group comparisons, correlations and limits of agreement when patients have several lesions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cohort.cohort_tables import MakeCohort
from MicrocalcAILib.statistics.agreement import bland_altman
from MicrocalcAILib.statistics.resampling import jackknife_errors
from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.associations import correlate
from MicrocalcElastographyLib.cohort.clustered_groups import mean_difference_test, rank_test, share_test
from MicrocalcElastographyLib.cohort.groups import compare_groups
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.readers import assess_agreement


def lesions(seed: int, patients: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three alike lesions of each patient; value and outcome both follow the patient but not each other."""
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), 3)
    malignant = random.normal(random.normal(0, 1.5, patients)[owner]) > 0
    values = random.normal(0, 1.5, patients)[owner] + random.normal(0, 0.6, len(owner))
    return values, malignant, owner.astype(str)


def test_one_lesion_per_patient_gives_welchs_test_within_its_degrees_of_freedom() -> None:
    random = np.random.default_rng(1)
    malignant = np.arange(80) < 35
    values = random.normal(np.where(malignant, 0.4, 0.0), np.where(malignant, 1.4, 1.0))
    estimate, p_value = mean_difference_test(values, malignant, np.arange(80).astype(str))
    welch = stats.ttest_ind(values[malignant], values[~malignant], equal_var=False)
    assert estimate.value == pytest.approx(values[malignant].mean() - values[~malignant].mean())
    assert p_value == pytest.approx(welch.pvalue, rel=0.25)
    assert estimate.high - estimate.low == pytest.approx(np.ptp(welch.confidence_interval()), rel=0.01)
    _, ranks = rank_test(values, malignant, np.arange(80).astype(str))
    assert ranks == pytest.approx(stats.mannwhitneyu(values[malignant], values[~malignant]).pvalue, rel=0.6)
    codes = (values > 0).astype(int)
    counts = [[np.sum(codes[group] == code) for group in (malignant, ~malignant)] for code in (0, 1)]
    shares = share_test(codes, malignant, np.arange(80).astype(str))
    assert shares == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=0.3)


def test_repeating_every_lesion_changes_no_p_value() -> None:
    values, malignant, owner = lesions(3)
    codes = np.digitize(values, [-0.7, 0.7])
    for test, data in ((mean_difference_test, values), (rank_test, values), (share_test, codes)):
        once = test(data, malignant, owner)  # type: ignore[operator]
        twice = test(np.tile(data, 2), np.tile(malignant, 2), np.tile(owner, 2))  # type: ignore[operator]
        p_values = [found if isinstance(found, float) else found[1] for found in (once, twice)]
        assert p_values[0] == pytest.approx(p_values[1])


def test_values_that_do_not_vary_have_no_test() -> None:
    owner = np.repeat(np.arange(5), 2).astype(str)
    malignant = np.arange(10) % 2 == 0
    assert np.isnan(mean_difference_test(np.ones(10), malignant, owner)[1])
    assert np.isnan(share_test(np.ones(10, int), malignant, owner))


@pytest.mark.slow
def test_groups_without_a_difference_are_told_apart_in_5_of_100_studies() -> None:
    names = "means", "ranks", "shares", "means as if lesions were independent"
    found, studies = dict.fromkeys(names, 0), 1000
    for seed in range(studies):
        values, malignant, owner = lesions(seed)
        p_values = (
            mean_difference_test(values, malignant, owner)[1],
            rank_test(values, malignant, owner)[1],
            share_test(np.digitize(values, [-0.7, 0.7]), malignant, owner),
            stats.ttest_ind(values[malignant], values[~malignant]).pvalue,
        )
        for name, p_value in zip(names, p_values, strict=True):
            found[name] += bool(p_value < 0.05)
    rates = {name: count / studies for name, count in found.items()}
    print("False positives, 60 patients with 3 lesions:", rates)
    assert rates.pop("means as if lesions were independent") > 0.1
    assert all(abs(rate - 0.05) <= 0.02 for rate in rates.values())


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=40)
    found, errors = jackknife_errors(lambda rows: [values[rows].mean()], np.arange(40))
    assert found == pytest.approx(values.mean())
    assert errors == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert np.isnan(jackknife_errors(lambda rows: [1.0], ["a", "a"])[1]).all()


@pytest.fixture
def clustered(make_cohort: MakeCohort) -> Cohort:
    """Forty patients with two alike lesions, read by two readers of whom one errs by patient."""
    random = np.random.default_rng(6)
    owner = np.repeat(np.arange(40), 2)
    malignant = owner % 2 == 0
    truth = random.normal(np.where(malignant, 80, 50), 4) + random.normal(0, 12, 40)[owner]
    second = truth + random.normal(0, 6, 40)[owner] + random.normal(0, 0.5, 80)
    table = {"patient": owner, "lesion": np.arange(80), "outcome": np.where(malignant, "malignant", "benign")}
    both = {name: np.tile(column, 2) for name, column in table.items()}
    return make_cohort(
        **both,
        reader=np.repeat(["A", "B"], 80),
        elasticity_kpa=np.concatenate([truth, second]).round(1),
        strain_ratio=np.tile((truth / 30 + random.normal(0, 0.3, 40)[owner]).round(2), 2),
        distribution=np.tile(np.where(random.random(40) < 0.5, "clustered", "linear")[owner], 2),
    )


def test_a_cohort_with_several_lesions_per_patient_is_compared_between_patients(clustered: Cohort) -> None:
    found = {comparison.variable.key: comparison for comparison in compare_groups(clustered)}
    assert all(comparison.test.endswith("between patients") for comparison in found.values())
    elasticity = found["elasticity"].effects[0].estimate
    owner = np.unique(clustered.patients, return_inverse=True)[1]
    values = clustered.values["elasticity_kpa"].to_numpy(float)
    means = np.array([values[owner == patient].mean() for patient in range(40)])
    outcome = np.array([clustered.malignant[owner == patient][0] for patient in range(40)])
    by_patient = stats.ttest_ind(means[outcome], means[~outcome], equal_var=False)
    assert found["elasticity"].p_value == pytest.approx(by_patient.pvalue, rel=0.5)
    assert elasticity.high - elasticity.low == pytest.approx(np.ptp(by_patient.confidence_interval()), rel=0.05)


def test_correlations_and_limits_of_agreement_have_the_width_of_patients_not_of_lesions(clustered: Cohort) -> None:
    (correlation,) = correlate(clustered)
    assert correlation.spearman.method == "jackknife by patient"
    assert correlation.spearman.low < correlation.spearman.value < correlation.spearman.high
    agreement = assess_agreement(clustered, {})
    assert agreement is not None
    pair = agreement.numbers[0].pairs[0]
    naive = bland_altman(pair.differences, np.zeros_like(pair.differences))
    assert pair.absolute.bias.value == pytest.approx(naive.bias.value)
    for found, plain in ((pair.absolute.bias, naive.bias), (pair.absolute.upper_limit, naive.upper_limit)):
        assert found.high - found.low > 1.25 * (plain.high - plain.low)


@pytest.mark.slow
def test_a_study_of_several_lesions_per_patient_runs_as_a_whole(clustered: Cohort) -> None:
    analysis = analyze_cohort(clustered, StudyOptions(resamples=100))
    assert analysis.performances[0].auc.method.startswith("Obuchowski")
    assert len(analysis.comparisons) == 3
