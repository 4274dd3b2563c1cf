"""Logistic regression: maximum likelihood, separation, Firth's penalty."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.special import expit

from MicrocalcElastographyLib.cohort.firth import RegressionError, constrained_maximum
from MicrocalcElastographyLib.cohort.logistic import (
    FIRTH,
    MAXIMUM_LIKELIHOOD,
    added_value_p,
    fit_logistic,
)
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

# Endometrial cancer: neovasculization, pulsatility index, endometrium height, high grade.
# Heinze & Schemper, Statistics in Medicine 2002;21:2409; data in Agresti 2015.
ENDOMETRIAL = """
0,13,1.64,0 0,16,2.26,0 0,8,3.14,0 0,34,2.68,0 0,20,1.28,0 0,5,2.31,0 0,17,1.8,0 0,10,1.68,0 0,26,1.56,0 0,17,2.31,0
0,8,2.01,0 0,7,1.89,0 0,20,3.15,0 0,10,1.23,0 0,18,1.27,0 0,16,1.76,0 0,18,2,0 0,8,2.64,1 0,29,0.88,1 0,12,1.27,1
0,20,1.37,1 1,38,0.97,1 1,22,1.14,1 1,7,0.88,1 1,25,0.91,1 1,15,0.58,1 0,7,0.97,1 0,28,1.5,0 0,11,1.33,0 0,19,2.37,0
0,10,1.82,0 0,10,3.13,0 0,18,1.31,0 0,14,1.92,0 0,21,1.64,0 0,11,2.01,0 0,17,1.88,0 0,25,1.93,0 0,16,2.11,0
0,19,1.29,0 0,15,1.72,0 0,33,0.75,0 0,24,1.92,0 0,48,1.84,1 0,12,1.11,1 0,19,1.61,1 0,2,1.18,1 1,22,1.44,1
1,40,1.18,1 1,5,0.93,1 1,0,1.17,1 0,21,1.19,1 0,15,1.06,1 0,29,2.02,0 0,15,2.29,0 0,12,2.33,0 0,3,2.9,0 0,20,1.7,0
0,23,1.41,0 0,12,2.25,0 0,22,1.54,0 0,42,1.97,0 0,15,1.75,0 0,13,2.16,0 0,14,2.57,0 0,19,1.37,0 0,12,3.61,0
0,13,2.04,0 0,10,2.17,0 0,12,1.69,1 1,49,0.27,1 0,6,1.84,1 0,5,1.3,1 0,17,0.96,1 1,11,1.01,1 1,21,0.98,1 0,5,0.35,1
1,19,1.02,1 0,33,0.85,1
"""
# R package logistf 1.26 on these data
LOGISTF_COEFFICIENTS = [2.92927330, -0.03475175, -2.60416387]
LOGISTF_INTERCEPT = 3.77455951
LOGISTF_INTERVALS = [[0.6097244, 7.85463171], [-0.1244587, 0.04045547], [-4.3651832, -1.23272106]]


@pytest.fixture(scope="module")
def endometrial() -> tuple[pd.DataFrame, np.ndarray]:
    rows = [[float(cell) for cell in row.split(",")] for row in ENDOMETRIAL.split()]
    table = pd.DataFrame(rows, columns=["NV", "PI", "EH", "HG"])
    assert len(table) == 79
    return table[["NV", "PI", "EH"]], table["HG"].to_numpy() == 1


def _draw(random: np.random.Generator, count: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    design = pd.DataFrame({"a": random.normal(50, 10, count), "b": random.integers(0, 2, count).astype(float)})
    odds = -5 + 0.1 * design["a"] + 0.8 * design["b"]
    return design, random.random(count) < expit(odds.to_numpy())


def test_firth_reproduces_logistf_on_the_endometrial_data(endometrial: tuple[pd.DataFrame, np.ndarray]) -> None:
    fit = fit_logistic(*endometrial)
    assert fit.method == FIRTH
    np.testing.assert_allclose(fit.coefficients, LOGISTF_COEFFICIENTS, rtol=2e-5)
    assert fit.intercept == pytest.approx(LOGISTF_INTERCEPT, rel=2e-5)
    np.testing.assert_allclose(np.column_stack([fit.low, fit.high]), LOGISTF_INTERVALS, rtol=1e-5)


def test_firth_maximizes_the_penalized_likelihood_that_is_written_in_the_paper(random: np.random.Generator) -> None:
    design, malignant = _draw(random, 60)
    full = np.column_stack([np.ones(60), (design - design.mean()) / design.std(ddof=0)])

    def negative(estimate: np.ndarray) -> float:
        odds = full @ estimate
        weights = expit(odds) * (1 - expit(odds))
        information = full.T @ (weights[:, None] * full)
        return -(malignant @ odds - np.log1p(np.exp(odds)).sum() + 0.5 * np.linalg.slogdet(information)[1])

    best = optimize.minimize(
        negative, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 4000}
    )
    fit = fit_logistic(design, malignant, FIRTH)
    np.testing.assert_allclose(fit.coefficients * design.std(ddof=0), best.x[1:], rtol=1e-4)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-7)


def test_maximum_likelihood_maximizes_the_likelihood(random: np.random.Generator) -> None:
    design, malignant = _draw(random)
    fit = fit_logistic(design, malignant)
    assert fit.method == MAXIMUM_LIKELIHOOD
    full = np.column_stack([np.ones(len(design)), design])
    score = full.T @ (malignant - fit.probability(design))
    np.testing.assert_allclose(score, 0, atol=1e-5)
    weights = fit.probability(design) * (1 - fit.probability(design))
    covariance = np.linalg.inv(full.T @ (weights[:, None] * full))
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-4)
    np.testing.assert_allclose(fit.standard_errors, np.sqrt(np.diag(covariance))[1:], rtol=1e-4)


def test_the_unit_of_a_predictor_changes_nothing_but_its_coefficient(random: np.random.Generator) -> None:
    design, malignant = _draw(random)
    for method in (MAXIMUM_LIKELIHOOD, FIRTH):
        one, other = (
            fit_logistic(table, malignant, method) for table in (design, design.assign(a=design["a"] * 1000 + 7))
        )
        assert other.coefficients[0] * 1000 == pytest.approx(one.coefficients[0], rel=1e-5)
        assert other.high[0] * 1000 == pytest.approx(one.high[0], rel=1e-5)
        assert other.p_values == pytest.approx(one.p_values, rel=1e-4)
        np.testing.assert_allclose(
            other.probability(design.assign(a=design["a"] * 1000 + 7)), one.probability(design), rtol=1e-5
        )


def separated(design: pd.DataFrame, malignant: np.ndarray) -> bool:
    """Is there a linear combination of the columns that no lesion contradicts? By linear programming (Konis 2007)."""
    signed = np.where(malignant, 1.0, -1.0)[:, None] * np.column_stack([np.ones(len(design)), design.to_numpy(float)])
    best = optimize.linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    return best.fun < -1e-7


@pytest.mark.parametrize(
    ("values", "malignant", "method"),
    [
        ([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1], FIRTH),
        ([1, 2, 3, 3, 5, 6], [0, 0, 0, 1, 1, 1], FIRTH),
        ([1, 2, 4, 3, 5, 6], [0, 0, 0, 1, 1, 1], MAXIMUM_LIKELIHOOD),
        ([6, 5, 4, 3, 2, 1], [0, 0, 0, 1, 1, 1], FIRTH),
        ([0, 0, 0, 0, 1, 1], [0, 0, 1, 0, 1, 1], FIRTH),
    ],
)
def test_separated_groups_are_fitted_by_firths_method(values: list[float], malignant: list[int], method: str) -> None:
    design, outcome = pd.DataFrame({"x": values}), np.array(malignant, bool)
    assert separated(design, outcome) == (method == FIRTH)
    assert fit_logistic(design, outcome).method == method


def test_separation_by_two_variables_together_is_found(random: np.random.Generator) -> None:
    design = pd.DataFrame(random.normal(size=(80, 2)), columns=["x", "y"])
    malignant = (design["x"] + design["y"] > 0.1).to_numpy()
    assert fit_logistic(design[["x"]], malignant).method == MAXIMUM_LIKELIHOOD
    assert fit_logistic(design, malignant).method == FIRTH


def test_a_single_lesion_that_hinders_separation_does_not_leave_the_odds_almost_infinite() -> None:
    values = np.arange(60.0)
    malignant = values >= 30
    malignant[[29, 30]] = True, False
    design = pd.DataFrame({"x": np.where(malignant == (values >= 30), 1000 * (values - 29.5), values - 29.5)})
    assert not separated(design, malignant)
    fit = fit_logistic(design, malignant)
    assert fit.method == FIRTH
    assert np.isfinite(fit.high).all()


def test_the_null_of_firths_method_is_the_best_intercept_alone(random: np.random.Generator) -> None:
    design, malignant = _draw(random, 30)
    full = np.column_stack([np.ones(30), (design - design.mean()) / design.std(ddof=0)])
    held = np.array([False] + [True] * design.shape[1])
    searched = constrained_maximum(full, malignant.astype(float), held, np.zeros(full.shape[1]))[1]
    assert fit_logistic(design, malignant, FIRTH).null_log_likelihood == pytest.approx(searched, abs=1e-8)


def test_separated_groups_get_finite_odds_ratios() -> None:
    fit = fit_logistic(pd.DataFrame({"x": np.arange(20.0)}), np.arange(20) >= 10)
    assert fit.method == FIRTH
    assert np.isfinite([*fit.coefficients, *fit.low]).all()
    assert fit.p_values[0] < 0.01


def test_maximum_likelihood_refuses_separated_groups() -> None:
    with pytest.raises(RegressionError, match="please use Firth's method"):
        fit_logistic(pd.DataFrame({"x": np.arange(20.0)}), np.arange(20) >= 10, MAXIMUM_LIKELIHOOD)


def test_impossible_regressions_are_refused(random: np.random.Generator) -> None:
    design, malignant = _draw(random, 30)
    with pytest.raises(RegressionError, match="benign and malignant"):
        fit_logistic(design, np.ones(30, bool))
    with pytest.raises(RegressionError, match="determine each other or one is constant"):
        fit_logistic(design.assign(c=2 * design["a"] + 1), malignant)
    with pytest.raises(RegressionError, match="determine each other or one is constant"):
        fit_logistic(design.assign(c=1.0), malignant)
    with pytest.raises(RegressionError, match="too few"):
        fit_logistic(pd.DataFrame(np.eye(4)), np.array([True, False, True, False]))


@pytest.mark.slow
@pytest.mark.parametrize("method", [MAXIMUM_LIKELIHOOD, FIRTH])
def test_intervals_cover_the_true_coefficient(random: np.random.Generator, method: str) -> None:
    covered, fits = 0, 120
    for _ in range(fits):
        design, malignant = _draw(random, 150)
        fit = fit_logistic(design, malignant, method)
        covered += fit.low[1] <= 0.8 <= fit.high[1]
    assert 0.89 <= covered / fits <= 0.99


def test_firth_is_less_biased_than_maximum_likelihood_in_small_cohorts(random: np.random.Generator) -> None:
    estimates: dict[str, list[float]] = {MAXIMUM_LIKELIHOOD: [], FIRTH: []}
    while len(estimates[FIRTH]) < 150:
        design = pd.DataFrame({"x": random.normal(size=25)})
        malignant = random.random(25) < expit(1.5 * design["x"].to_numpy())
        if malignant.all() or not malignant.any() or separated(design, malignant):
            continue
        for method, found in estimates.items():
            found.append(float(fit_logistic(design, malignant, method, with_intervals=False).coefficients[0]))
    assert abs(np.median(estimates[FIRTH]) - 1.5) < abs(np.mean(estimates[MAXIMUM_LIKELIHOOD]) - 1.5)


def test_without_intervals_the_estimate_is_the_same(endometrial: tuple[pd.DataFrame, np.ndarray]) -> None:
    quick = fit_logistic(*endometrial, with_intervals=False)
    np.testing.assert_array_equal(quick.coefficients, fit_logistic(*endometrial).coefficients)
    assert np.isnan(quick.low).all()


@pytest.mark.parametrize("method", [MAXIMUM_LIKELIHOOD, FIRTH])
def test_a_variable_without_information_is_rarely_said_to_add_any(random: np.random.Generator, method: str) -> None:
    found = 0
    for _ in range(150):
        design, malignant = _draw(random, 80)
        found += added_value_p(design.assign(noise=random.normal(size=80)), malignant, ["a", "b"], method) < 0.05
    assert found / 150 < 0.10


def test_added_value_of_one_variable_is_its_own_likelihood_ratio_test(random: np.random.Generator) -> None:
    design, malignant = _draw(random, 80)
    fit = fit_logistic(design, malignant, FIRTH)
    assert added_value_p(design, malignant, ["a"], FIRTH) == pytest.approx(fit.p_values[1], rel=1e-3)


@pytest.mark.slow
def test_firth_survives_small_separated_cohorts_and_its_limits_are_those_of_the_profile() -> None:
    for seed in (0, 4, 7):
        random = np.random.default_rng(seed)
        count = int(random.integers(15, 60))
        malignant = np.repeat([False, True], count)
        design = pd.DataFrame(
            {
                "elasticity": random.normal(np.where(malignant, 88.3, 45.7), np.where(malignant, 16.2, 9.8)),
                "ratio": random.normal(np.where(malignant, 2.35, 1.15), 0.35),
                "score": np.where(malignant, random.integers(4, 6, 2 * count), random.integers(1, 4, 2 * count)),
            }
        )
        fit = fit_logistic(design, malignant, FIRTH)
        assert np.isfinite(fit.coefficients).all()
        assert np.isfinite(fit.p_values).all()
        assert (fit.low < fit.coefficients).all()
        assert (fit.coefficients < fit.high).all()


@pytest.mark.slow
def test_firth_gives_every_limit_of_sixty_simulated_cohorts() -> None:
    lost = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        count = int(random.integers(15, 61))
        table = simulate_cohort(count, count, seed=seed)
        design = table[["elasticity_kpa", "strain_ratio", "elasticity_score"]].astype(float)
        fit = fit_logistic(design, (table["outcome"] == "malignant").to_numpy(), FIRTH)
        inside = (fit.low < fit.coefficients) & (fit.coefficients < fit.high)
        lost += int((~inside).sum()) + int(np.isnan(fit.p_values).sum())
    print(f"Cells lost in 60 cohorts of 15 to 60 lesions per group: {lost} of {60 * 3 * 3}")
    assert lost == 0


def test_errors_by_patient_equal_those_of_statsmodels(random: np.random.Generator) -> None:
    from statsmodels.discrete.discrete_model import Logit

    patients = np.repeat(np.arange(40), 5)
    design, _ = _draw(random, 200)
    odds = -5 + 0.1 * design["a"].to_numpy() + 0.8 * design["b"].to_numpy() + random.normal(0, 1, 40)[patients]
    malignant = random.random(200) < expit(odds)
    fit = fit_logistic(design, malignant, patients=patients.astype(str))
    full = np.column_stack([np.ones(200), design])
    theirs = Logit(malignant.astype(float), full).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": patients}, tol=1e-12
    )
    np.testing.assert_allclose(fit.covariance, theirs.cov_params(), rtol=1e-6)
    assert fit.patient_count == 40
    half = stats.t.ppf(0.975, 39) * fit.standard_errors
    np.testing.assert_allclose(fit.high - fit.coefficients, half)
    alone = fit_logistic(design, malignant)
    assert fit.wald_p(["a"]) == pytest.approx(fit.p_values[0])
    assert fit.coefficients == pytest.approx(alone.coefficients)


def test_more_coefficients_than_patients_are_refused(random: np.random.Generator) -> None:
    design, malignant = _draw(random, 60)
    with pytest.raises(RegressionError, match="patients are too few"):
        fit_logistic(design, malignant, patients=np.repeat(["a", "b", "c"], 20))
