"""Mammogram and stiffness as one risk: odds, intervals, what may not be used, what is assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

from cohort.cohort_tables import as_cells
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics.diagnostic import DiagnosticTable
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcElastographyLib.cohort.fusion_model import (
    assess_independence,
    cohort_likelihood_ratio,
    fit_fusion,
    risk_from_cohort,
)
from MicrocalcElastographyLib.cohort.lesions import Cohort, build_cohort
from MicrocalcElastographyLib.cohort.reference_cutoffs import find_reference_cutoff
from MicrocalcElastographyLib.fusion import (
    JOINT,
    PRODUCT,
    LikelihoodRatio,
    MammographicProbability,
    MapQuality,
    combine,
    published_likelihood_ratio,
    ratio_of_shares,
)
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

CLEAN = MapQuality()
PRIOR = MammographicProbability(0.3, 0.2, 0.42, "cluster classifier")


def _simulated(count: int = 150, *, seed: int = 3, correlation: float = 0.0, mammographic_auc: float = 0.8) -> Cohort:
    table = simulate_cohort(
        count, count, seed=seed, mammographic_auc=mammographic_auc, mammographic_correlation=correlation
    )
    return build_cohort(as_cells(table))


def _published(value: float, name: str = "Yan & Fang 2025") -> LikelihoodRatio:
    return published_likelihood_ratio(find_reference_cutoff(name), value)


def test_odds_are_multiplied_by_the_likelihood_ratio() -> None:
    risk = combine(PRIOR, _published(75), CLEAN).risk
    odds = 0.3 / 0.7 * (132 / 150) / (20 / 150)
    assert risk.value == pytest.approx(odds / (1 + odds))


def test_likelihood_ratio_intervals_equal_those_of_the_diagnostic_table() -> None:
    table = DiagnosticTable(132, 20, 18, 130)
    above, below = _published(62).estimate, _published(61.9).estimate
    for found, expected in ((above, table.positive_likelihood_ratio), (below, table.negative_likelihood_ratio)):
        assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_the_interval_equals_a_monte_carlo_of_log_normal_inputs(random: np.random.Generator) -> None:
    low, center, high = logit(0.3) - 0.6, logit(0.3), logit(0.3) + 0.6
    prior = MammographicProbability(0.3, float(expit(low)), float(expit(high)))
    ratio = _published(75)
    risk = combine(prior, ratio, CLEAN).risk
    z = stats.norm.ppf(0.975)
    log_ratio = np.log([ratio.estimate.low, ratio.estimate.value, ratio.estimate.high])
    draws = random.normal(center, 0.6 / z, 400_000) + random.normal(
        log_ratio[1], (log_ratio[2] - log_ratio[0]) / 2 / z, 400_000
    )
    assert (risk.low, risk.high) == pytest.approx(tuple(expit(np.quantile(draws, [0.025, 0.975]))), abs=0.003)


def test_an_empty_cell_still_gives_a_finite_ratio_with_a_wide_interval() -> None:
    ratio = _published(75, "Chamming's 2019").estimate
    assert ratio.value == pytest.approx((9.5 / 14) / (0.5 / 17))
    assert ratio.low < 2 < 300 < ratio.high
    risk = combine(PRIOR, _published(75, "Chamming's 2019"), CLEAN).risk
    assert 0 < risk.low < risk.value < risk.high < 1


def test_ratio_intervals_cover_the_truth(random: np.random.Generator) -> None:
    covered = 0
    for _ in range(800):
        found = ratio_of_shares(random.binomial(60, 0.8), 60, random.binomial(60, 0.2), 60)
        covered += found.low <= 4.0 <= found.high
    assert 0.93 <= covered / 800 <= 0.98


def test_without_an_interval_of_the_mammogram_the_result_says_so() -> None:
    result = combine(MammographicProbability(0.3), _published(75), CLEAN)
    assert "prior-without-interval" in [warning.code for warning in result.warnings]
    assert result.risk.low < result.risk.value < result.risk.high


def test_every_result_carries_its_inputs_its_interval_and_its_assumption() -> None:
    result = combine(PRIOR, _published(75), CLEAN)
    content = result.as_dict()
    assert content["mammographic"]["source"] == "cluster classifier"
    assert content["stiffness"]["likelihood_ratio"]["low"] > 1
    assert content["risk"]["low"] < content["risk"]["value"] < content["risk"]["high"]
    assert "independent" in content["assumption"]
    text = " ".join(result.sentences())
    assert "30.0% (95 % interval 20.0% to 42.0%)" in text
    assert "not a diagnosis" in text
    assert "case-control" in text


@pytest.mark.parametrize(
    "quality", [MapQuality(void_percent=60), MapQuality(is_low_quality=True), MapQuality(100, True, True)]
)
def test_a_void_or_unreliable_map_never_speaks_against_malignancy(quality: MapQuality) -> None:
    result = combine(PRIOR, _published(30), quality)
    assert not result.is_stiffness_used
    assert (result.risk.low, result.risk.value, result.risk.high) == pytest.approx((0.2, 0.3, 0.42))
    assert "stiffness-not-used" in [warning.code for warning in result.warnings]


def test_a_stiff_reading_beside_a_void_is_used_with_a_warning() -> None:
    result = combine(PRIOR, _published(90), MapQuality(void_percent=60))
    assert result.is_stiffness_used
    assert "void" in [warning.code for warning in result.warnings]


def test_without_any_interval_an_unused_stiffness_leaves_a_risk_without_interval() -> None:
    result = combine(MammographicProbability(0.3), _published(30), MapQuality(void_percent=80))
    assert np.isnan(result.risk.low)
    assert "its interval is not known" in result.sentences()[2]


def test_stiffness_over_dense_calcification_is_called_possibly_false() -> None:
    messages = {
        w.code: w.message for w in combine(PRIOR, _published(90), MapQuality(over_dense_calcification=True)).warnings
    }
    assert "may be false" in messages["false-stiffness"]


def test_moving_to_another_prevalence_multiplies_the_odds() -> None:
    moved = PRIOR.moved_to(0.1, 0.5)
    assert moved.value / (1 - moved.value) == pytest.approx(0.3 / 0.7 / 9)
    assert moved.low is not None
    assert moved.low < moved.value
    assert "moved from 50% to 10%" in moved.source


@pytest.mark.parametrize(
    "call",
    [
        lambda: MammographicProbability(0.0),
        lambda: MammographicProbability(1.0),
        lambda: MammographicProbability(0.5, 0.4),
        lambda: MammographicProbability(0.5, 0.6, 0.7),
        lambda: MapQuality(void_percent=101),
        lambda: LikelihoodRatio(Estimate(np.inf, 1.0, np.inf), "", ""),
        lambda: PRIOR.moved_to(0.0, 0.5),
        lambda: _published(60, "Evans 2010"),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ParameterError):
        call()  # type: ignore[operator]


# --- cohorts -------------------------------------------------------------------------------------------------------


def test_likelihood_ratio_of_a_value_approaches_the_ratio_of_the_two_densities() -> None:
    """Equal spread makes the logistic curve exact: log LR = slope · (x − middle)."""
    random = np.random.default_rng(2)
    values = np.concatenate([random.normal(80, 12, 4000), random.normal(50, 12, 2000)]).round(3)
    cohort = build_cohort(
        as_cells(pd.DataFrame({"outcome": ["malignant"] * 4000 + ["benign"] * 2000, "elasticity_kpa": values}))
    )
    for value in (55.0, 65.0, 75.0):
        found = cohort_likelihood_ratio(cohort, cohort.variable("elasticity_kpa"), value).estimate
        truth = stats.norm.pdf(value, 80, 12) / stats.norm.pdf(value, 50, 12)
        assert found.low < truth < found.high
        assert found.value == pytest.approx(truth, rel=0.2)


@pytest.mark.slow
def test_likelihood_ratio_intervals_from_a_cohort_cover_the_truth(random: np.random.Generator) -> None:
    """The variance is the predictor's less 1/malignant + 1/benign; without that the intervals would be too wide."""
    covered = 0
    truth = stats.norm.pdf(65, 75, 12) / stats.norm.pdf(65, 55, 12)
    for _ in range(250):
        values = np.concatenate([random.normal(75, 12, 40), random.normal(55, 12, 60)]).round(4)
        table = pd.DataFrame({"outcome": ["malignant"] * 40 + ["benign"] * 60, "elasticity_kpa": values})
        cohort = build_cohort(as_cells(table))
        found = cohort_likelihood_ratio(cohort, cohort.variable("elasticity_kpa"), 65).estimate
        covered += found.low <= truth <= found.high
    assert 0.91 <= covered / 250 <= 0.98


def test_a_value_outside_the_cohort_is_called_an_extrapolation() -> None:
    cohort = _simulated(40)
    ratio = cohort_likelihood_ratio(cohort, cohort.variable("elasticity_kpa"), 250)
    assert [warning.code for warning in ratio.warnings] == ["extrapolated"]


def test_dependence_inside_the_groups_is_found_and_independence_is_not_denied(random: np.random.Generator) -> None:
    rejected = {0.0: 0, 0.5: 0}
    for correlation in rejected:
        for _ in range(200):
            pair = random.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 80)
            malignant = np.arange(80) < 40
            pair[malignant] += 2
            found = assess_independence(pd.DataFrame(pair), malignant)
            rejected[correlation] += found.p_value < 0.05
    assert rejected[0.0] / 200 < 0.10
    assert rejected[0.5] / 200 > 0.9


def test_a_large_cohort_uses_the_joint_model_and_a_small_one_the_product() -> None:
    for count, method in ((60, JOINT), (15, PRODUCT)):
        cohort = _simulated(count, seed=8)
        model = fit_fusion(cohort, cohort.variable("elasticity_kpa"), cohort.variable("mammographic_probability"))
        result = model.risk(PRIOR, 62, CLEAN, prevalence=0.25)
        assert result.method == method
        assert model.independence.statement in result.assumption
        assert result.risk.low < result.risk.value < result.risk.high
    with pytest.raises(ParameterError, match="at least 10 benign and 10 malignant"):
        fit_fusion(_simulated(8), cohort.variable("elasticity_kpa"), cohort.variable("mammographic_probability"))


def test_joint_model_and_product_agree_when_both_are_independent() -> None:
    random = np.random.default_rng(1)
    malignant = np.arange(6000) < 3000
    log_odds = random.normal(np.where(malignant, 0.5, -0.5), 1.0)
    stiffness = random.normal(np.where(malignant, 105, 85), 15)
    table = pd.DataFrame({"outcome": np.where(malignant, "malignant", "benign"), "elasticity_kpa": stiffness.round(3),
                          "probability": expit(log_odds).round(5)})  # fmt: skip
    cohort = build_cohort(as_cells(table))
    model = fit_fusion(cohort, cohort.variable("elasticity_kpa"), cohort.variable("probability"))
    joint = model.risk(PRIOR, 100, CLEAN)
    product = combine(PRIOR, cohort_likelihood_ratio(cohort, cohort.variable("elasticity_kpa"), 100), CLEAN)
    assert joint.method == JOINT
    assert joint.risk.value == pytest.approx(product.risk.value, abs=0.02)


def test_shared_information_is_counted_twice_by_the_product_but_not_by_the_joint_model() -> None:
    random = np.random.default_rng(4)
    malignant = np.arange(6000) < 3000
    shared = random.normal(np.where(malignant, 1.0, -1.0), 1.0)
    log_odds = 2 * shared
    table = pd.DataFrame({"outcome": np.where(malignant, "malignant", "benign"),
                          "elasticity_kpa": (60 + 10 * (shared + random.normal(0, 0.3, 6000))).round(3),
                          "probability": expit(log_odds).round(6)})  # fmt: skip
    cohort = build_cohort(as_cells(table))
    model = fit_fusion(cohort, cohort.variable("elasticity_kpa"), cohort.variable("probability"))
    prior = MammographicProbability(0.8, 0.78, 0.82)
    joint, product = (
        model.risk(prior, 67, CLEAN).risk.value,
        combine(prior, cohort_likelihood_ratio(cohort, cohort.variable("elasticity_kpa"), 67), CLEAN).risk.value,
    )
    assert joint == pytest.approx(0.8, abs=0.04)
    assert product > 0.9
    assert "counts the shared part twice" in model.independence.statement


def test_a_cohort_without_mammographic_probability_gives_the_product() -> None:
    cohort = build_cohort(as_cells(simulate_cohort(30, 30, seed=1)))
    result = risk_from_cohort(cohort, PRIOR, 60, CLEAN)
    assert result.method == PRODUCT
    with pytest.raises(ParameterError, match="A prevalence needs"):
        risk_from_cohort(cohort, PRIOR, 60, CLEAN, prevalence=0.2)
