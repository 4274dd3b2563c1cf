"""The statistics against figures that R gave (Testing/references/statistics.R) on the same cases."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from MicrocalcAILib.statistics import (
    auc,
    auc_covariance,
    brier_estimate,
    calibration_line,
    cohen_kappa,
    compare_paired_auc,
    compare_unpaired_auc,
    intraclass_correlation,
    proportion,
)
from MicrocalcElastographyLib.cohort.associations import spearman
from MicrocalcElastographyLib.cohort.columns import ColumnChoices
from MicrocalcElastographyLib.cohort.groups import compare_groups, holm
from MicrocalcElastographyLib.cohort.imputation import pooled
from MicrocalcElastographyLib.cohort.lesions import build_cohort
from MicrocalcElastographyLib.cohort.logistic import FIRTH, MAXIMUM_LIKELIHOOD, fit_logistic

REFERENCES = Path(__file__).parents[1] / "references"
CASES = pd.read_csv(REFERENCES / "statistics_cases.csv")
R = pd.read_csv(REFERENCES / "statistics.csv").set_index("quantity")["value"]
OUTCOME, PATIENT = CASES["outcome"].to_numpy(bool), CASES["patient"].to_numpy().astype(str)


def given(quantity: str, tolerance: float = 1e-6):  # type: ignore[no-untyped-def]
    return pytest.approx(R[quantity], rel=tolerance, abs=1e-9)


def test_the_cases_are_those_of_their_script() -> None:
    spec = importlib.util.spec_from_file_location("statistics_cases", REFERENCES / "statistics_cases.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    pd.testing.assert_frame_equal(script.cases(), CASES, check_dtype=False)


def test_areas_and_their_comparison_equal_pROC() -> None:
    areas, covariance = auc_covariance(OUTCOME, [CASES["first"], CASES["second"]])
    assert areas[0] == given("auc_first")
    assert areas[1] == given("auc_second")
    assert covariance[0, 0] == given("auc_first_variance")
    assert covariance[0, 1] == given("auc_covariance")
    paired = compare_paired_auc(OUTCOME, CASES["first"], CASES["second"])
    assert paired.z == given("paired_z")
    assert paired.p_value == given("paired_p")
    odd = np.arange(len(CASES)) % 2 == 0
    first = CASES["first"].to_numpy()
    unpaired = compare_unpaired_auc(OUTCOME[odd], first[odd], OUTCOME[~odd], first[~odd])
    assert unpaired.difference.value == given("unpaired_difference")


def test_the_variance_by_patient_equals_obuchowskis_formula_in_R() -> None:
    _, ((variance,),) = auc_covariance(OUTCOME, [CASES["first"]], PATIENT)
    assert variance == given("obuchowski_variance")
    estimate = auc(OUTCOME, CASES["first"], patients=PATIENT)
    logit = math.log(estimate.high / (1 - estimate.high)) - math.log(estimate.value / (1 - estimate.value))
    error = math.sqrt(R["obuchowski_variance"]) / (estimate.value * (1 - estimate.value))
    assert logit == pytest.approx(1.959963985 * error, rel=1e-6)


@pytest.mark.parametrize("form", ["ICC(2,1)", "ICC(3,1)"])
def test_intraclass_correlations_equal_psych(form: str) -> None:
    estimate = intraclass_correlation(CASES[["reader1", "reader2", "reader3"]], form=form)  # type: ignore[arg-type]
    name = {"ICC(2,1)": "icc2", "ICC(3,1)": "icc3"}[form]
    assert estimate.value == given(name)
    assert (estimate.low, estimate.high) == (given(f"{name}_low"), given(f"{name}_high"))


@pytest.mark.parametrize(
    ("weights", "name"), [("none", "kappa"), ("linear", "kappa_linear"), ("quadratic", "kappa_quadratic")]
)
def test_kappas_and_their_errors_equal_vcd(weights: str, name: str) -> None:
    first, second = CASES["category1"], CASES["category2"]
    estimate = cohen_kappa(first, second, weights=weights, categories=range(1, 6))  # type: ignore[arg-type]
    assert estimate.value == given(name)
    assert (estimate.value - estimate.low) / 1.959963985 == given(f"{name}_error")


def test_logistic_regression_equals_R_brglm2_and_geepack() -> None:
    design = CASES[["first", "second"]]
    plain = fit_logistic(design, OUTCOME, MAXIMUM_LIKELIHOOD)
    assert plain.coefficients[0] == given("logistic_first")
    assert plain.standard_errors[0] == given("logistic_first_error")
    by_patient = fit_logistic(design, OUTCOME, MAXIMUM_LIKELIHOOD, patients=PATIENT)
    patients, lesions, size = len(set(PATIENT)), len(CASES), 3
    correction = math.sqrt(patients / (patients - 1) * (lesions - 1) / (lesions - size))  # which a GEE leaves out
    assert by_patient.coefficients[0] == given("gee_first")
    assert by_patient.standard_errors[0] / correction == given("gee_first_robust_error")
    firth = fit_logistic(CASES[["separated", "second"]], OUTCOME, FIRTH)
    assert firth.coefficients == pytest.approx([R["firth_separated"], R["firth_second"]], rel=1e-6)
    assert firth.standard_errors[0] == given("firth_separated_error")
    assert expit(firth.intercept) < 1


def test_calibration_equals_R() -> None:
    probability = expit(CASES["first"] / 2)
    line = calibration_line(OUTCOME, probability)
    assert line.slope.value == given("calibration_slope")
    assert (line.slope.high - line.slope.value) / 1.959963985 == given("calibration_slope_error")
    assert line.in_the_large.value == given("calibration_in_the_large")
    assert brier_estimate(OUTCOME, probability).value == given("brier")


def test_imputed_models_are_pooled_as_in_R() -> None:
    fit = fit_logistic(CASES[["first", "second"]], OUTCOME, MAXIMUM_LIKELIHOOD)
    found = pooled(
        [
            replace(fit, coefficients=np.array([value, 0.0]), standard_errors=np.array([error, 1.0]))
            for value, error in zip((0.81, 0.92, 0.75, 0.88, 0.79), (0.28, 0.30, 0.27, 0.29, 0.31), strict=True)
        ]
    )
    assert found.coefficients[0] == given("pooled")
    assert found.low[0] == given("pooled_low")
    assert found.p_values[0] == given("pooled_p")
    assert found.missing_information[0] == given("pooled_missing_information")


def test_tests_of_two_groups_equal_R() -> None:
    columns = ["first", "second", "reader1"]
    cells = CASES[columns].astype(str).assign(outcome=np.where(OUTCOME, "malignant", "benign"))
    cohort = build_cohort(cells.astype(object), ColumnChoices(parameters=tuple(columns)))
    names = {"Student": "student", "Welch": "welch", "Mann": "wilcoxon"}
    for found in compare_groups(cohort):
        test = next(name for start, name in names.items() if found.test.startswith(start))
        assert found.p_value == given(f"{found.variable.name}_{test}_p")


def test_intervals_and_rank_figures_equal_R() -> None:
    assert proportion(17, 60).low == given("wilson_low")
    assert proportion(17, 60, method="clopper-pearson").high == given("clopper_pearson_high")
    assert spearman(CASES[["first", "second"]].to_numpy(float)).value == given("spearman")
    assert holm(np.array([0.01, 0.04, 0.03]))[1] == given("holm_second")
