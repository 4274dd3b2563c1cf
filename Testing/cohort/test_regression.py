"""The study's model: odds ratios, choice of variables, collinearity, unseen lesions, points table."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from statsmodels.stats.outliers_influence import variance_inflation_factor

from cohort.cohort_tables import MakeCohort
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.cohort.design import design_of, terms_of
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.logistic import FIRTH, RegressionError
from MicrocalcElastographyLib.cohort.points import points_table
from MicrocalcElastographyLib.cohort.regression import Regression, regress, variance_inflation
from MicrocalcElastographyLib.cohort.validation import folds
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

PAPER_MODEL = ("age_years", "lesion_size_mm", "Dense breast", "elasticity_kpa", "strain_ratio")


@pytest.fixture
def noisy_cohort(make_cohort: MakeCohort, random: np.random.Generator) -> Cohort:
    """400 lesions whose true model is known: 0.05 per kPa, 1 for the right side, nothing for age."""
    elasticity = random.normal(60, 15, 400).round(2)
    age = random.normal(50, 10, 400).round(1)
    side = random.choice(["left", "right"], 400)
    odds = -3.5 + 0.05 * elasticity + 1.0 * (side == "right")
    outcome = np.where(random.random(400) < expit(odds), "malignant", "benign")
    return make_cohort(outcome=outcome, elasticity_kpa=elasticity, age=age, side=side)


@pytest.fixture
def fitted(noisy_cohort: Cohort) -> Regression:
    return regress(noisy_cohort, ("elasticity_kpa", "side"))


@pytest.fixture(scope="module")
def by_rule(published_cohort: Cohort) -> Regression:
    """The paper's rule on a cohort with the paper's own means, SDs and counts."""
    return regress(published_cohort)


def test_odds_ratios_recover_the_true_ones(fitted: Regression) -> None:
    per_kpa, right = fitted.terms
    assert per_kpa.odds_ratio.low < np.exp(0.05) < per_kpa.odds_ratio.high
    assert right.odds_ratio.low < np.exp(1.0) < right.odds_ratio.high
    assert right.term.title == "side: right against left"
    assert np.isnan(right.odds_ratio_per_sd.value)


def test_odds_ratio_per_sd_is_the_one_per_unit_to_the_power_of_the_sd(noisy_cohort: Cohort, fitted: Regression) -> None:
    deviation = noisy_cohort.values["elasticity_kpa"].std(ddof=1)
    term = fitted.terms[0]
    assert term.odds_ratio_per_sd.value == pytest.approx(term.odds_ratio.value**deviation)
    assert term.odds_ratio_per_sd.high == pytest.approx(term.odds_ratio.high**deviation)


def test_variables_enter_by_the_paper_s_rule(noisy_cohort: Cohort) -> None:
    regression = regress(noisy_cohort)
    below = {single.variable.name for single in regression.univariate if single.p_value < 0.10}
    assert {variable.name for variable in regression.variables} == below
    assert {"elasticity_kpa", "side"} <= below
    assert "selected-by-p" in [warning.code for warning in regression.warnings]


def test_a_fixed_model_is_taken_as_it_is_and_not_called_selected(published_cohort: Cohort) -> None:
    regression = regress(published_cohort, PAPER_MODEL)
    assert [variable.name for variable in regression.variables] == list(PAPER_MODEL)
    assert "selected-by-p" not in [warning.code for warning in regression.warnings]


@pytest.mark.slow
def test_the_published_cohort_has_the_odds_ratios_its_means_imply(by_rule: Regression) -> None:
    """Discriminant analysis of the printed means and SDs: 1.27 per kPa and about 600 per unit of the ratio, alone."""
    alone = {single.variable.name: single.terms[0].odds_ratio for single in by_rule.univariate}
    assert alone["elasticity_kpa"].low < 1.27 < alone["elasticity_kpa"].high
    assert alone["strain_ratio"].low < 628 < alone["strain_ratio"].high


@pytest.mark.slow
def test_the_paper_s_rule_on_the_paper_s_own_tables_separates_the_groups(by_rule: Regression) -> None:
    """With the score among the variables the groups no longer overlap: usual odds ratios would be infinite."""
    assert by_rule.fit.method == FIRTH
    assert "separation" in [warning.code for warning in by_rule.warnings]
    assert all(np.isfinite(result.odds_ratio.value) for result in by_rule.terms)


def test_density_enters_as_dense_against_not_dense_and_histology_never(make_cohort: MakeCohort) -> None:
    columns = ["outcome", "lesion_size_mm", "breast_density", "histology"]
    cohort = make_cohort(**simulate_cohort(40, 40, seed=5)[columns])
    left_out = regress(cohort).left_out
    assert left_out["Histology"] == "describes the outcome itself"
    assert left_out["Breast density"].startswith("used as dense")
    with pytest.raises(RegressionError, match="only renames the outcome"):
        regress(cohort, ("histology",))


def test_inflation_of_single_columns_equals_statsmodels(random: np.random.Generator) -> None:
    design = pd.DataFrame(random.normal(size=(60, 3)), columns=["a", "b", "c"])
    design["c"] += design["a"] + 0.5 * design["b"]
    found = variance_inflation(design, {name: [name] for name in design})
    full = np.column_stack([np.ones(60), design])
    expected = [variance_inflation_factor(full, index) for index in (1, 2, 3)]
    assert list(found.values()) == pytest.approx(expected)


def test_collinear_and_crowded_models_are_flagged(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    first = random.normal(50, 10, 30).round(3)
    outcome = np.where(random.random(30) < expit((first - 50) / 10), "malignant", "benign")
    twin = (first + random.normal(0, 0.5, 30)).round(3)
    regression = regress(make_cohort(outcome=outcome, Emean=first, Emax=twin + 20), ("Emean", "Emax"))
    codes = [warning.code for warning in regression.warnings]
    assert "collinear" in codes
    assert "few-events" in codes


def test_lesions_with_a_gap_are_left_out_and_counted(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    elasticity = random.normal(60, 15, 100).round(2)
    outcome = np.where(random.random(100) < expit((elasticity - 60) / 15), "malignant", "benign")
    cells = [None if number < 7 else value for number, value in enumerate(elasticity)]
    regression = regress(make_cohort(outcome=outcome, elasticity_kpa=cells), ("elasticity_kpa",))
    assert regression.dropped_count == 7
    assert regression.fit.count == 93


def test_a_variable_with_many_gaps_is_not_offered(make_cohort: MakeCohort, random: np.random.Generator) -> None:
    elasticity = random.normal(60, 15, 100).round(2)
    outcome = np.where(random.random(100) < expit((elasticity - 60) / 15), "malignant", "benign")
    age = [None if number % 3 == 0 else 40 + number % 9 for number in range(100)]
    assert regress(make_cohort(outcome=outcome, elasticity_kpa=elasticity, age=age)).left_out["Age (years)"] == (
        "missing in 34 % of the lesions"
    )


@pytest.mark.slow
def test_choosing_variables_among_noise_is_not_rewarded_by_cross_validation(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    """Variables of pure noise: the fit looks fine, unseen lesions show that it is not."""
    found = []
    while len(found) < 4:
        noise = {f"v{number}": random.normal(size=60).round(4) for number in range(40)}
        with contextlib.suppress(RegressionError):  # now and then no variable is chosen
            found.append(regress(make_cohort(outcome=["benign", "malignant"] * 30, **noise)))
    assert np.mean([regression.apparent_auc.value for regression in found]) > 0.7
    unseen = [regression.cross_validation.auc.value for regression in found if regression.cross_validation is not None]
    assert len(unseen) == 4
    assert np.mean(unseen) < 0.6


def test_no_variable_below_the_limit_is_said_plainly(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 20, elasticity_kpa=[50, 50, 51, 51] * 10)
    with pytest.raises(RegressionError, match=r"No variable has a univariate P below 0\.10"):
        regress(cohort)


def test_a_patient_s_lesions_are_never_split_between_fit_and_test() -> None:
    malignant = np.tile([True, True, False, False], 15)
    patients = np.repeat(np.arange(30), 2).astype(str)
    for _, train, test in folds(malignant, patients, repeats=2, seed=0):
        assert not set(patients[train]) & set(patients[test])


def test_the_same_seed_gives_the_same_cross_validation(noisy_cohort: Cohort, fitted: Regression) -> None:
    again = regress(noisy_cohort, ("elasticity_kpa", "side"))
    assert again.cross_validation is not None
    assert fitted.cross_validation is not None
    np.testing.assert_array_equal(again.cross_validation.probability, fitted.cross_validation.probability)


def test_a_category_has_one_column_less_than_values_and_gaps_stay_gaps(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 9, birads=["3", "4", "5"] * 5 + ["3", "4", None],
                         elasticity_kpa=range(1, 19))  # fmt: skip
    terms = terms_of(cohort, cohort.variable("birads"))
    assert [term.title for term in terms] == ["BI-RADS category: 4 against 3", "BI-RADS category: 5 against 3"]
    design = design_of(cohort, terms)
    assert design.iloc[:3].to_numpy().tolist() == [[0, 0], [1, 0], [0, 1]]
    assert design.iloc[-1].isna().all()


# --- points --------------------------------------------------------------------------------------------------------


def test_points_give_the_probability_of_the_model(noisy_cohort: Cohort, fitted: Regression) -> None:
    table = points_table(fitted)
    elasticity, side = table.scales
    for value, points in zip(elasticity.values, elasticity.points, strict=True):
        for name, extra in zip(side.values, side.points, strict=True):
            probability = expit(np.interp(points + extra, table.totals["points"], logit(table.totals["probability"])))
            row = pd.DataFrame({"elasticity_kpa": [float(value)], "side=right": [float(name == "right")]})
            expected = fitted.fit.probability(row)[0]
            if table.totals["probability"].min() < expected < table.totals["probability"].max():
                assert probability == pytest.approx(expected, rel=1e-6)


def test_the_widest_variable_spans_a_hundred_points_and_none_is_negative(fitted: Regression) -> None:
    points = [point for scale in points_table(fitted).scales for point in scale.points]
    assert max(points) == pytest.approx(100)
    assert min(points) == 0


def test_a_stated_prevalence_moves_the_odds_by_its_own_odds(fitted: Regression) -> None:
    mix = fitted.malignant.mean()
    here, there = points_table(fitted), points_table(fitted, 0.1)
    shift = logit(0.1) - logit(mix)
    place = here.totals["points"].iloc[len(here.totals) // 2]
    before = np.interp(place, here.totals["points"], logit(here.totals["probability"]))
    after = np.interp(place, there.totals["points"], logit(there.totals["probability"]))
    assert after - before == pytest.approx(shift)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        points_table(fitted, 1.0)
