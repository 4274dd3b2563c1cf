"""Printed figures of a study: what they imply, what contradicts; the bundled example."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from MicrocalcAILib.base.errors import ResultError
from MicrocalcElastographyLib.cohort.lesions import Cohort
from MicrocalcElastographyLib.cohort.published.finding import AGREES, CONTRADICTS, IMPOSSIBLE, UNUSUAL, Finding
from MicrocalcElastographyLib.cohort.published.implied import (
    Printed,
    PrintedNormal,
    binormal_auc,
    binormal_youden_cutoff,
    counts_that_print_as,
    discriminant_odds_ratios,
    t_test_p_values,
    within_group_correlation,
)
from MicrocalcElastographyLib.cohort.published.report import published_report, write_published_check
from MicrocalcElastographyLib.cohort.published.study import (
    PublishedCheck,
    check_published,
    example_study,
    load_published_study,
)

Findings = dict[str, Finding]


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    return load_published_study(example_study())


@pytest.fixture(scope="module")
def findings(study: dict[str, Any]) -> Findings:
    return {finding.item: finding for finding in check_published(study).findings}


def _again(study: dict[str, Any], **changes: Any) -> Findings:
    return {finding.item: finding for finding in check_published(copy.deepcopy(study) | changes).findings}


@pytest.mark.parametrize(
    ("item", "verdict", "implied"),
    [
        ("Elasticity at 62, accuracy", IMPOSSIBLE, "87.3 %"),
        ("Elasticity at 62, positive predictive value", "implied", "86.8 % in this mix"),
        ("Elasticity at 62, negative predictive value", "implied", "87.8 % in this mix"),
        ("Elasticity at 62, interval of sensitivity", UNUSUAL, "81.7 to 92.7 % (Clopper–Pearson, 132 of 150)"),
        ("Elasticity at 62, interval of specificity", UNUSUAL, "80.2 to 91.7 % (Clopper–Pearson, 130 of 150)"),
        ("Lesion size, P value", CONTRADICTS, "Welch t = 6.92, P = 3e-11"),
        ("Age, P value", CONTRADICTS, "P = 0.167"),
        ("Breast density, P value", CONTRADICTS, "P = 0.635"),
        ("BI-RADS category, P value", CONTRADICTS, "P = 3e-10"),
        ("Distribution pattern, P value", CONTRADICTS, "P = 0.001"),
        ("Elasticity, P value", AGREES, "Welch"),
        ("Elasticity, AUC", CONTRADICTS, "0.988"),
        ("Strain ratio, AUC", "implied", "0.975"),
        ("Elasticity score, AUC", "implied", "0.989"),
        ("Elasticity, sensitivity at 62", CONTRADICTS, "94.8 %"),
        ("Elasticity, specificity at 62", CONTRADICTS, "95.2 %"),
        ("Elasticity, best cut-off", AGREES, "63.6"),
        ("Elasticity, interval of the AUC", AGREES, "0.924 to 0.976"),
        ("Elasticity, odds ratio per kPa", CONTRADICTS, "1.27 alone"),
        ("Strain ratio, odds ratio per unit", CONTRADICTS, "628 alone"),
        ("elasticity value and strain ratio, kappa", IMPOSSIBLE, "not defined"),
        ("Figure 1 (one patient, invasive ductal carcinoma)", UNUSUAL, "equal to the means of the malignant group"),
        ("Figure 2 (one patient, fibrocystic changes)", UNUSUAL, "equal to the means of the benign group"),
        ("groups", UNUSUAL, ""),
        ("AUC 0.85, power 0.90, significance 0.05", UNUSUAL, "12 to exclude an AUC of 0.5; 138 would exclude 0.75"),
        ("choice of variables", CONTRADICTS, "BI-RADS category, Distribution pattern; used all the same: Age"),
        ("Elasticity and Strain ratio", "implied", "0.69 from the distance of the groups alone; 0.20 inside"),
    ],
)
def test_the_example_reproduces_what_was_recomputed_by_hand(
    findings: Findings, item: str, verdict: str, implied: str
) -> None:
    assert findings[item].verdict == verdict
    assert implied in findings[item].implied


def test_a_study_whose_figures_fit_together_is_left_in_peace(study: dict[str, Any]) -> None:
    """The same tables with the figures that follow from them: nothing contradicts."""
    corrected = copy.deepcopy(study)
    for measurement, p_value in zip(corrected["measurements"][:2], ("0.167", "<0.001"), strict=True):
        measurement["p"] = p_value
    for category, p_value in zip(corrected["categories"], ("0.635", "<0.001", "0.001"), strict=True):
        category["p"] = p_value
    corrected["accuracy"] = [
        {"parameter": "Elasticity", "cutoff": "62", "sensitivity": "94.7", "specificity": "95.3", "accuracy": "95.0",
         "sensitivity_interval": ["89.8", "97.7"], "ppv": "95.3", "npv": "94.7", "auc": "0.99",
         "is_youden_optimum": True}
    ]  # fmt: skip
    corrected["sample_size"] = {"auc": "0.85", "null_auc": "0.75", "alpha": "0.05", "power": "0.90", "per_group": 126}
    for section in ("regression", "agreement", "single_patients", "auc_comparisons"):
        del corrected[section]
    verdicts = {finding.item: finding.verdict for finding in check_published(corrected).findings}
    assert {verdict for item, verdict in verdicts.items() if item != "groups"} <= {AGREES, "implied"}


def test_a_percentage_that_no_count_gives_cannot_be(study: dict[str, Any]) -> None:
    row = study["accuracy"][0] | {"sensitivity": "88.4"}
    assert _again(study, accuracy=[row])["Elasticity at 62, sensitivity"].verdict == IMPOSSIBLE


def test_counts_and_percentages_that_do_not_fit_are_named(study: dict[str, Any]) -> None:
    categories = copy.deepcopy(study["categories"])
    categories[0]["counts"]["A"] = [31, 38]
    found = _again(study, categories=categories)
    assert found["Breast density, counts"].verdict == CONTRADICTS
    assert "wrong for A" in found["Breast density, percentages"].implied


def test_an_odds_ratio_off_the_middle_of_its_interval_contradicts(study: dict[str, Any]) -> None:
    terms = [{"name": "Age", "unit": "year", "odds_ratio": "3.0", "interval": ["0.99", "1.03"], "p": "0.25"}]
    found = _again(study, regression={"terms": terms})
    assert found["Age, interval and P value"].verdict == CONTRADICTS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no json", "not a readable JSON"),
        ("[]", "not a description of a published study"),
        ('{"format": "microcalc published study", "version": 9}', "not a description"),
        ('{"format": "microcalc published study", "version": 1, "title": "t", "source": "s"}', "lacks “groups”"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "study.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResultError, match=reason):
        load_published_study(path)


def test_a_group_of_billions_is_refused_and_not_counted_through(study: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps({**study, "groups": {"malignant": 2**31, "benign": 150}}), encoding="utf-8")
    with pytest.raises(ResultError, match="a count above 100,000"):
        load_published_study(path)
    path.write_text("[" * 10_000, encoding="utf-8")
    with pytest.raises(ResultError, match="not a readable JSON"):
        load_published_study(path)


def test_an_unknown_or_misshapen_section_is_named(study: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.write_text(json.dumps(study | {"accurracy": []}), encoding="utf-8")
    with pytest.raises(ResultError, match="unknown section “accurracy”"):
        load_published_study(path)
    with pytest.raises(ResultError, match="figures on measurements are not in the form"):
        check_published(study | {"measurements": [{"name": "Age"}]})


def test_the_report_shows_every_finding_and_is_written_as_a_whole(study: dict[str, Any], tmp_path: Path) -> None:
    check = check_published(study)
    page = published_report(check)
    assert page.count("<tr>") == len(check.findings) + len({finding.topic for finding in check.findings})
    write_published_check(check, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".written.sha256",
        "findings.csv",
        "findings.json",
        "report.html",
    ]
    written = json.loads((tmp_path / "out" / "findings.json").read_text(encoding="utf-8"))
    assert len(written["findings"]) == len(check.findings)


# --- formulas ------------------------------------------------------------------------------------------------------


def test_rounding_is_allowed_for_on_both_sides() -> None:
    printed = Printed("0.95")
    assert printed.overlaps(0.9451, 0.9451)
    assert printed.overlaps(0.955, 0.96)
    assert not printed.overlaps(0.956, 0.96)
    assert Printed("<0.001").overlaps(1e-9, 1e-9)
    assert not Printed("<0.001").overlaps(0.0011, 0.5)


@given(st.integers(1, 400), st.data())
def test_a_count_is_always_among_those_its_percentage_may_mean(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    assert count in counts_that_print_as(Printed(f"{100 * count / total:.1f}"), total)


def test_formulas_from_summaries_equal_the_data_they_summarize(published_cohort: Cohort) -> None:
    values = published_cohort.values["elasticity_kpa"].to_numpy()
    malignant, benign = values[published_cohort.malignant], values[~published_cohort.malignant]
    summaries = [
        PrintedNormal(Printed(f"{group.mean():.9f}"), Printed(f"{group.std(ddof=1):.9f}"), len(group))
        for group in (malignant, benign)
    ]
    for equal in (True, False):
        expected = stats.ttest_ind(malignant, benign, equal_var=equal).pvalue
        assert t_test_p_values(*summaries, equal_spread=equal)[0] == pytest.approx(expected, rel=1e-6)


def test_binormal_auc_and_cutoff_equal_a_large_simulation(random: np.random.Generator) -> None:
    high, low = random.normal(88.3, 16.2, 200_000), np.sort(random.normal(45.7, 9.8, 200_000))
    assert binormal_auc(88.3, 16.2, 45.7, 9.8) == pytest.approx(
        (np.searchsorted(low, high) / len(low)).mean(), abs=5e-4
    )
    cutoff = binormal_youden_cutoff(88.3, 16.2, 45.7, 9.8)
    # at the optimum the two densities cross
    assert stats.norm.pdf(cutoff, 88.3, 16.2) == pytest.approx(stats.norm.pdf(cutoff, 45.7, 9.8), rel=1e-3)


def test_discriminant_odds_ratios_equal_a_logistic_fit(random: np.random.Generator) -> None:
    from pandas import DataFrame

    from MicrocalcElastographyLib.cohort.logistic import fit_logistic

    correlation = np.array([[1, 0.3], [0.3, 1]])
    spread = np.array([10.0, 0.5])
    noise = random.multivariate_normal([0, 0], correlation * np.outer(spread, spread), 20_000)
    malignant = np.arange(20_000) < 10_000
    values = noise + np.where(malignant[:, None], [8.0, 0.3], [0.0, 0.0])
    fit = fit_logistic(DataFrame(values, columns=["a", "b"]), malignant)
    found = discriminant_odds_ratios(np.array([8.0, 0.3]), spread, spread, correlation, (10_000, 10_000))
    assert np.log(found) == pytest.approx(fit.coefficients, rel=0.05)


def test_within_group_correlation_undoes_pooling(random: np.random.Generator) -> None:
    pair = random.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 100_000)
    malignant = np.arange(100_000) < 50_000
    pair[malignant] += [2.0, 1.5]
    groups = [
        tuple(PrintedNormal(Printed(f"{mean:.2f}"), Printed("1.00"), 50_000) for mean in means)
        for means in ((2.0, 0.0), (1.5, 0.0))
    ]
    inside, _ = within_group_correlation(float(np.corrcoef(pair.T)[0, 1]), groups[0], groups[1])  # type: ignore[arg-type]
    assert inside == pytest.approx(0.4, abs=0.01)


def _check(study: dict[str, Any], **sections: Any) -> PublishedCheck:
    head = {key: study[key] for key in ("format", "version", "title", "source", "groups")}
    return check_published(head | sections)


def _finding(check: PublishedCheck, item: str) -> Finding:
    return next(finding for finding in check.findings if item in finding.item)


def test_marathes_f1_is_that_of_the_benign_class_and_cut_off(study: dict[str, Any]) -> None:
    groups = {"malignant": 17, "benign": 43}
    tables = [
        {"name": "amorphous", "tp": 17, "fp": 28, "fn": 0, "tn": 15, "f1": "0.51", "specificity": "0.35", "npv": "1.00"}
    ]
    check = _check(study, groups=groups, confusion_tables=tables)
    finding = _finding(check, "amorphous, F1")
    assert finding.verdict == "unusual"
    assert "0.548 of the malignant class, 0.517 of the benign class" in finding.implied
    assert "benign class, cut off" in finding.explanation
    assert _finding(check, "specificity").verdict == "agrees"
    assert _finding(check, "npv").verdict == "agrees"


def test_figures_that_no_lesion_gives_are_not_defined(study: dict[str, Any]) -> None:
    accuracy = [
        {"parameter": "all suspicious", "cutoff": "0", "sensitivity": "100.0", "specificity": "0.0", "npv": "50.0"}
    ]
    tables = [{"name": "nothing found", "tp": 0, "fp": 0, "fn": 150, "tn": 150, "precision": "0.00", "recall": "0.00"}]
    check = _check(study, accuracy=accuracy, confusion_tables=tables)
    assert _finding(check, "all suspicious at 0, negative predictive value").verdict == "cannot be"
    assert _finding(check, "nothing found, precision").verdict == "cannot be"
    assert _finding(check, "nothing found, recall").verdict == "agrees"


def test_a_confusion_table_that_misses_lesions_is_named(study: dict[str, Any]) -> None:
    tables = [{"name": "test set", "tp": 10, "fp": 1, "fn": 2, "tn": 9}]
    check = _check(study, confusion_tables=tables)
    assert _finding(check, "test set, totals").verdict == "contradicts"
