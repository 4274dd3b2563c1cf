"""Saturated, void and misplaced measurements: what is known of them, and what the study says without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_tables import MakeCohort, as_cells
from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.censoring import auc_limits
from MicrocalcElastographyLib.cohort.lesions import Cohort, build_cohort
from MicrocalcElastographyLib.cohort.outputs import study_figures
from MicrocalcElastographyLib.cohort.quality import OUTSIDE, SATURATED, VOID, assess_quality
from MicrocalcElastographyLib.cohort.report import study_report
from MicrocalcElastographyLib.cohort.tables import study_tables


def readings(**changes: object) -> pd.DataFrame:
    """Forty lesions as `microcalc elastography measure` writes them: the hardest cancers saturate at 100 kPa."""
    random = np.random.default_rng(4)
    malignant = np.arange(40) < 20
    elasticity = np.where(malignant, random.normal(90, 25, 40), random.normal(45, 15, 40)).round(1)
    saturated = elasticity >= 100
    return pd.DataFrame(
        {
            "lesion": [f"L{number}" for number in range(40)],
            "reader": "1",
            "repeat": 1,
            "outcome": np.where(malignant, "malignant", "benign"),
            "elasticity_mean_kpa": np.minimum(elasticity, 100.0),
            "elasticity_min_kpa": (np.minimum(elasticity, 100.0) * random.uniform(0.3, 0.8, 40)).round(1),
            "void_percent": np.where(np.arange(40) % 10 == 0, 40.0, 0.0),
            "saturated_percent": np.where(saturated, 60.0, 0.0),
            "roi_inside_percent": np.where(np.arange(40) == 7, 70.0, 100.0),
            "bound": np.where(saturated, ">=", None),
            "warnings": np.where(saturated, "lesion-saturation", None),
        }
        | changes
    )


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return build_cohort(as_cells(readings()))


def test_a_bound_makes_mean_and_maximum_a_lower_limit_but_not_the_minimum(cohort: Cohort) -> None:
    assert list(cohort.censored.columns) == ["elasticity_mean_kpa"]
    at_the_end = cohort.values["elasticity_mean_kpa"] == 100
    assert at_the_end.sum() > 2
    assert (cohort.censored["elasticity_mean_kpa"] == 1).equals(at_the_end)
    assert "censored-value" in {warning.code for warning in cohort.warnings}


def test_the_quality_of_a_measurement_neither_predicts_nor_describes_the_lesion(cohort: Cohort) -> None:
    analysis = analyze_cohort(cohort, StudyOptions(resamples=100))
    assert {variable.key for variable in cohort.parameters} == {"elasticity_mean", "elasticity_min"}
    assert "warnings" not in [variable.name for variable in cohort.variables]
    assert analysis.regression is not None
    assert {"void", "saturated", "inside"}.isdisjoint(variable.key for variable in analysis.regression.variables)


def test_doubtful_lesions_are_listed_by_row_and_the_area_is_given_without_them(cohort: Cohort) -> None:
    analysis = analyze_cohort(cohort, StudyOptions(resamples=100))
    quality = assess_quality(cohort, analysis.performances)
    assert quality is not None
    doubts = {doubt.reason: doubt for doubt in quality.doubts}
    assert set(doubts) == {SATURATED, VOID, OUTSIDE}
    assert (doubts[VOID].malignant_count, doubts[VOID].benign_count) == (2, 2)
    rows = study_tables(analysis)["measurements_in_doubt"].set_index("reason")["rows"]
    assert rows[VOID] == "2 12 22 32"
    assert rows[OUTSIDE] == "9"
    mean = {effect.reason: effect for effect in quality.effects if effect.parameter.key == "elasticity_mean"}
    assert mean[VOID].malignant_count == 18
    assert mean[VOID].limits is None
    low, high = mean[SATURATED].limits or (np.nan, np.nan)
    assert low <= analysis.performances[0].auc.value <= high
    assert mean[SATURATED].auc.value < analysis.performances[0].auc.value


def test_the_report_shows_the_result_with_and_without(cohort: Cohort) -> None:
    analysis = analyze_cohort(cohort, StudyOptions(resamples=100))
    page = study_report(analysis, dict.fromkeys(study_figures(analysis), "<svg xmlns='http://www.w3.org/2000/svg'/>"))
    assert "Measurements in doubt" in page
    assert f"without: {VOID}" in page
    assert "rows 2, 12, 22, 32" in page


def test_a_study_without_doubts_has_no_such_section(published_cohort: Cohort) -> None:
    assert published_cohort.censored.empty
    assert assess_quality(published_cohort, ()) is None


def test_the_possible_areas_enclose_every_truth_behind_a_censored_table() -> None:
    random = np.random.default_rng(2)
    malignant = np.arange(60) < 25
    for ceiling, is_high in ((60.0, True), (45.0, True), (60.0, False)):
        truth = np.where(malignant, random.normal(60, 20, 60), random.normal(45, 20, 60))
        values, sides = np.minimum(truth, ceiling), (truth >= ceiling).astype(int)
        low, high = auc_limits(malignant, values, sides, is_high)
        exact = auc_limits(malignant, truth, np.zeros(60, int), is_high)
        assert exact[0] == exact[1]
        assert low <= exact[0] <= high
        assert low < high


def test_nothing_is_unknown_where_only_the_highest_cancers_are_censored() -> None:
    malignant = np.array([False, False, True, True])
    assert auc_limits(malignant, np.array([10.0, 20, 30, 40]), np.array([0, 0, 0, 1]), True) == (1.0, 1.0)


def test_a_limit_that_does_not_reach_the_cutoff_leaves_the_verdict_open(make_cohort: MakeCohort) -> None:
    benign, cancers = [f"{value}" for value in range(20, 40)], [f"{value}" for value in range(50, 70)]
    cohort = make_cohort(
        outcome=["benign"] * 20 + ["malignant"] * 20, elasticity_kpa=[">25", *benign[1:], ">40", *cancers[1:]]
    )
    analysis = analyze_cohort(cohort, StudyOptions(resamples=100))
    assert analysis.quality is not None
    (effect,) = analysis.quality.effects
    assert analysis.performances[0].cutoffs[0].value == 40
    assert effect.undecided == 1
    assert effect.limits == (0.95, 1.0)
