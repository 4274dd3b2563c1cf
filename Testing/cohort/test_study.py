"""The whole way: a table in, a folder with report, tables, figures and JSON out; by library and command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_tables import MakeCohort
from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.base.progress import Cancelled
from MicrocalcElastographyLib.cohort.analysis import CohortAnalysis, StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.cautions import study_cautions
from MicrocalcElastographyLib.cohort.diagnostics import GivenCutoff
from MicrocalcElastographyLib.cohort.lesions import Cohort, read_cohort
from MicrocalcElastographyLib.cohort.outputs import study_figures, write_study
from MicrocalcElastographyLib.cohort.table import TableError
from MicrocalcElastographyLib.cohort.tables import study_tables
from MicrocalcElastographyLib.commands import cohort as command
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

QUICK = StudyOptions(resamples=100)


def _run(*arguments: object) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


def _codes(analysis: CohortAnalysis) -> list[str]:
    return [caution.code for caution in study_cautions(analysis)]


@pytest.fixture(scope="module")
def reader_study(reader_cohort: Cohort) -> CohortAnalysis:
    options = StudyOptions(
        model=("elasticity_kpa", "age_years"),
        resamples=100,
        prevalence=0.2,
        cutoffs={"strain_ratio": (GivenCutoff(2.0),)},
    )
    return analyze_cohort(reader_cohort, options)


@pytest.fixture(scope="module")
def written(reader_study: CohortAnalysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "out"
    write_study(reader_study, folder)
    return folder


def test_the_folder_holds_report_tables_json_and_every_figure_twice(written: Path) -> None:
    shown = sorted(path.name for path in written.iterdir() if not path.name.startswith("."))
    assert shown == ["figures", "report.html", "study.json", "tables"]
    names = {path.stem for path in (written / "figures").iterdir()}
    for name in names:
        assert (written / "figures" / f"{name}.png").stat().st_size > 5000
        assert (written / "figures" / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert {"roc", "forest", "calibration", "nomogram", "scatter", "bland_altman_elasticity_kpa",
            "distribution_elasticity_kpa", "cutoff_strain_ratio", "strata_elasticity_score"} <= names  # fmt: skip


def test_the_report_needs_nothing_from_outside(written: Path) -> None:
    html = (written / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "<script" not in html
    assert "url(" not in html
    assert html.count("data:image/svg+xml;base64,") == html.count("<figure>") > 10


def test_the_report_says_the_main_numbers_in_words(written: Path, reader_study: CohortAnalysis) -> None:
    html = (written / "report.html").read_text(encoding="utf-8")
    for words in ("In short", "Keep in mind", "not for diagnosis", "Where 20 % of such lesions are malignant",
                  "Do readers and repeats agree?", "Mammogram and stiffness as one risk", "Points table"):  # fmt: skip
        assert words in html
    best = reader_study.best
    assert best is not None
    assert f"Best single parameter: {best.variable.label}." in html


def test_json_and_csv_hold_the_same_numbers_as_the_analysis(written: Path, reader_study: CohortAnalysis) -> None:
    content = json.loads((written / "study.json").read_text(encoding="utf-8"))
    assert content["malignant"] == 30
    assert content["provenance"]["versions"]["microcalc"]
    assert content["provenance"]["seed"] == 0
    by_name = {row["parameter"]: row for row in content["tables"]["auc"]}
    for performance in reader_study.performances:
        assert by_name[performance.variable.name]["auc"] == pytest.approx(performance.auc.value)
    table = pd.read_csv(written / "tables" / "cutoffs.csv")
    given = table[(table["parameter"] == "strain_ratio") & (table["rule"] == "given")].iloc[0]
    assert given["cutoff"] == 2.0
    assert not given["chosen_on_these_lesions"]
    assert {"ppv_at_0.2", "npv_at_0.2_low"} <= set(table.columns)
    assert set(content["tables"]) == {path.stem for path in (written / "tables").iterdir()}


def test_counts_in_the_cutoff_table_add_up(written: Path) -> None:
    table = pd.read_csv(written / "tables" / "cutoffs.csv")
    assert (table["true_positive"] + table["false_negative"] == 30).all()
    assert (table["false_positive"] + table["true_negative"] == 30).all()


def test_nothing_written_names_a_folder_of_this_machine(written: Path) -> None:
    for path in written.rglob("*"):
        if path.suffix in {".html", ".json", ".csv", ".svg"}:
            assert str(written.parent) not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_same_study_twice_is_the_same_but_for_its_date(reader_cohort: Cohort, reader_study: CohortAnalysis) -> None:
    again = study_tables(analyze_cohort(reader_cohort, reader_study.options))
    for name, table in study_tables(reader_study).items():
        pd.testing.assert_frame_equal(table, again[name])


def test_a_cancelled_study_leaves_the_old_folder_untouched(reader_study: CohortAnalysis, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "study.json").write_text("kept", encoding="utf-8")

    def cancel(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_study(reader_study, tmp_path / "out", cancel)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "study.json").read_text(encoding="utf-8") == "kept"


@pytest.mark.slow
def test_progress_names_the_stages_and_ends(published_cohort: Cohort) -> None:
    stages: list[tuple[str, int, int]] = []
    analyze_cohort(published_cohort, StudyOptions(model=("elasticity_kpa",), resamples=100),
                   progress=lambda *step: stages.append(step))  # fmt: skip
    assert [stage for stage, _, _ in stages] == [
        "groups",
        "cut-offs",
        "combinations",
        "strata",
        "regression",
        "agreement",
        "done",
    ]
    assert stages[-1][1] == stages[-1][2]


# --- cautions ------------------------------------------------------------------------------------------------------


def test_what_flatters_a_study_is_said(reader_study: CohortAnalysis) -> None:
    codes = _codes(reader_study)
    assert "case-control-mix" in codes
    assert "other-mix" in codes
    assert "optimistic-cutoff" in codes
    assert "prevalence-not-stated" not in codes


def test_small_and_clustered_and_gappy_cohorts_are_flagged(
    make_cohort: MakeCohort, random: np.random.Generator
) -> None:
    malignant = np.arange(26) < 11
    cohort = make_cohort(
        outcome=np.where(malignant, "malignant", "benign"),
        patient=[f"p{number // 2}" for number in range(26)],
        lesion=[f"l{number}" for number in range(26)],
        elasticity_kpa=np.where(malignant, 80, 50) + random.normal(0, 15, 26).round(2),
        strain_ratio=[None if number % 8 == 0 else 1.5 + number % 5 / 10 for number in range(26)],
    )
    codes = _codes(analyze_cohort(cohort, QUICK))
    assert "small-group" in codes
    assert "several-lesions-per-patient" in codes
    assert "missing-values" in codes
    assert "prevalence-not-stated" in codes
    assert "case-control-mix" not in codes


@pytest.mark.slow
def test_a_published_cutoff_of_another_scale_is_flagged(published_cohort: Cohort) -> None:
    analysis = analyze_cohort(published_cohort, StudyOptions(model=("elasticity_kpa",), resamples=100))
    messages = [caution.message for caution in study_cautions(analysis) if caution.code == "reference-does-not-fit"]
    assert len(messages) == 1
    assert "“Strain ratio above 4.6” calls 0 % of these lesions suspicious" in messages[0]


def test_complete_separation_is_called_too_good(make_cohort: MakeCohort) -> None:
    cohort = make_cohort(outcome=["benign"] * 10 + ["malignant"] * 10, elasticity_kpa=range(30, 50))
    analysis = analyze_cohort(cohort, QUICK)
    assert "complete-separation" in _codes(analysis)
    assert analysis.regression is not None
    study_figures(analysis)


# --- tables that are hard on the software --------------------------------------------------------------------------


def test_six_lesions_still_give_a_report(make_cohort: MakeCohort, tmp_path: Path) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 3, elasticity_kpa=[40, 80, 50, 70, 45, 90])
    analysis = analyze_cohort(cohort, QUICK)
    assert analysis.performances == ()
    write_study(analysis, tmp_path / "out")
    assert "Each group needs at least five lesions" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_table_without_any_number_gives_a_group_table_only(make_cohort: MakeCohort, tmp_path: Path) -> None:
    cohort = make_cohort(outcome=["benign", "malignant"] * 10, side=["left", "right", "right", "left"] * 5)
    write_study(analyze_cohort(cohort, QUICK), tmp_path / "out")
    assert (tmp_path / "out" / "tables" / "groups.csv").exists()


@pytest.mark.slow
def test_hostile_headings_and_values_stay_text(
    make_cohort: MakeCohort, tmp_path: Path, random: np.random.Generator
) -> None:
    columns: dict[str, object] = {
        "outcome": ["benign", "malignant"] * 10,
        "<script>alert(1)</script>": random.normal(5, 1, 20).round(3),
        "../../x $\\foo{$ {0}": random.normal(5, 1, 20).round(3),
        "side": ["<b>left</b>", "right&", "right&", "<b>left</b>"] * 5,
    }
    write_study(analyze_cohort(make_cohort(**columns), QUICK), tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<b>left" not in html
    assert all(path.parent == tmp_path / "out" / "figures" for path in (tmp_path / "out").rglob("*.png"))


def test_options_out_of_range_or_naming_no_column_are_refused(published_cohort: Cohort) -> None:
    with pytest.raises(ParameterError, match="prevalence"):
        StudyOptions(prevalence=20)
    with pytest.raises(ParameterError, match="bootstrap"):
        StudyOptions(resamples=1)
    with pytest.raises(TableError, match="no variable “emax”"):
        analyze_cohort(published_cohort, StudyOptions(model=("emax",)))


# --- command line --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_from_simulated_table_to_report_by_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "cohort.csv"
    assert _run("simulate", "--output", table, "--malignant-count", 25, "--benign-count", 40, "--seed", 2) == 0
    assert _run("analyze", table, "--output", tmp_path / "out", "--outcome", "outcome", "--model", "elasticity_kpa",
                "--cutoff", "elasticity_kpa=62", "strain_ratio=2", "--prevalence", 0.15,
                "--resamples", 100) == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert "65 lesions, 25 malignant." in printed
    assert "Elasticity (kPa): AUC" in printed
    content = json.loads((tmp_path / "out" / "study.json").read_text(encoding="utf-8"))
    assert list(content["provenance"]["inputs"]) == ["SHA-256 of table 1"]
    values = {name: [cutoff["value"] for cutoff in given] for name, given in content["options"]["cutoffs"].items()}
    assert values == {"elasticity_kpa": [62.0], "strain_ratio": [2.0]}


def test_a_cutoff_that_is_none_is_refused(tmp_path: Path) -> None:
    simulate_cohort(10, 10).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ParameterError, match="write COLUMN=VALUE"):
        _run("analyze", tmp_path / "t.csv", "--output", tmp_path / "out", "--cutoff", "62")
    assert not (tmp_path / "out").exists()


def test_the_published_example_is_checked_without_any_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("check-published", "--output", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "CANNOT BE    Elasticity at 62, accuracy: printed 89.0 %; implied 87.3 %" in printed
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--auc", 0.85, "--exclude", 0.75), "126 malignant and 126 benign lesions"),
        (("--auc", 0.85), "12 malignant and 12 benign lesions"),
        (("--auc", 0.85, "--exclude", 0.75, "--lesions", 138, 138), "power of 92.7%"),
    ],
)
def test_planning_answers_with_lesions_or_power(
    capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], words: str
) -> None:
    assert _run("plan", *arguments) == 0
    assert words in capsys.readouterr().out


def test_risk_from_a_reference_or_a_cohort_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate_cohort(40, 40, mammographic_auc=0.8).to_csv(tmp_path / "t.csv", index=False)
    start = ("risk", "--probability", 0.3, "--probability-interval", 0.2, 0.4, "--stiffness", 70)
    assert _run(*start, "--reference", "Yan & Fang 2025", "--output", tmp_path / "risk.json") == 0
    assert _run(*start, "--table", tmp_path / "t.csv", "--prevalence", 0.2) == 0
    printed = capsys.readouterr().out
    assert printed.count("Risk of malignancy:") == 2
    assert printed.count("95 % interval") == 4
    assert json.loads((tmp_path / "risk.json").read_text(encoding="utf-8"))["risk"]["low"] > 0
    with pytest.raises(MicrocalcError, match="A prevalence needs a cohort"):
        _run(*start, "--reference", "Yan & Fang 2025", "--prevalence", 0.2)


def test_a_workbook_a_semicolon_table_and_a_comma_table_give_the_same_cohort(
    tmp_path: Path, write_csv: Callable[..., Path]
) -> None:
    table = simulate_cohort(12, 12, seed=9)
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "b.csv", index=False, sep=";", decimal=",")
    table.to_excel(tmp_path / "c.xlsx", index=False)
    cohorts = [read_cohort([tmp_path / name]) for name in ("a.csv", "b.csv", "c.xlsx")]
    for other in cohorts[1:]:
        pd.testing.assert_frame_equal(cohorts[0].values, other.values)


def test_importing_the_command_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; import MicrocalcElastographyLib.commands.cohort; "
        "print([name for name in ('pandas', 'matplotlib', 'scipy', 'statsmodels', 'sklearn') if name in sys.modules])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
