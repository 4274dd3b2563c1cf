"""The charts of a study: what they hold, and that a study read from its folder says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.base.errors import ResultError
from MicrocalcElastographyLib.cohort.analysis import CohortAnalysis, StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.charts import Chart, study_charts
from MicrocalcElastographyLib.cohort.lesions import build_cohort
from MicrocalcElastographyLib.cohort.outputs import load_study, record_of, write_study
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

COLUMNS = ["lesion", "outcome", "reader", "elasticity_kpa", "strain_ratio"]


@pytest.fixture(scope="module")
def study() -> CohortAnalysis:
    table = simulate_cohort(25, 25, readers=2, seed=0)[COLUMNS].astype(str)
    return analyze_cohort(build_cohort(table), StudyOptions(resamples=100))


@pytest.fixture(scope="module")
def charts(study: CohortAnalysis) -> dict[tuple[str, str], Chart]:
    return {(chart.kind, chart.variable): chart for chart in study_charts(study)}


def test_every_kind_of_chart_is_there_once_for_its_variable(charts: dict[tuple[str, str], Chart]) -> None:
    each = [(kind, name) for kind in ("boxes", "Bland–Altman") for name in ("elasticity_kpa", "strain_ratio")]
    assert set(charts) == {("ROC", ""), ("scatter", ""), ("calibration", ""), ("odds ratios", ""), *each}


def test_points_have_two_coordinates_and_a_label_or_none(charts: dict[tuple[str, str], Chart]) -> None:
    for chart in charts.values():
        for series in chart.series:
            assert len(series.x) == len(series.y) > 0
            assert len(series.labels) in (0, len(series.x))


def test_scatter_shows_every_lesion_in_its_group(charts: dict[tuple[str, str], Chart], study: CohortAnalysis) -> None:
    chart = charts["scatter", ""]
    assert [(series.name, len(series.x), series.style) for series in chart.series] == [
        ("benign", 25, "points"),
        ("malignant", 25, "points"),
    ]
    shown = np.concatenate([series.x for series in chart.series])
    first = study.best
    assert first is not None
    np.testing.assert_allclose(np.sort(shown), np.sort(study.cohort.values[first.variable.name]))


@pytest.mark.slow
def test_study_read_from_its_folder_says_what_was_computed(study: CohortAnalysis, tmp_path: Path) -> None:
    write_study(study, tmp_path / "out")
    read, computed = load_study(tmp_path / "out"), record_of(study)
    assert (read.title, read.malignant, read.benign, read.warnings) == (
        computed.title,
        computed.malignant,
        computed.benign,
        computed.warnings,
    )
    assert list(read.tables) == list(computed.tables)
    for name, table in computed.tables.items():
        pd.testing.assert_frame_equal(read.tables[name], table.reset_index(drop=True), check_dtype=False)
    for one, other in zip(read.charts, computed.charts, strict=True):
        assert (one.kind, one.title, one.x_range, one.y_range) == (
            other.kind,
            other.title,
            other.x_range,
            other.y_range,
        )
        for first, second in zip(one.series, other.series, strict=True):
            np.testing.assert_array_equal(first.x, second.x)
            np.testing.assert_array_equal(first.y, second.y)
            assert (first.name, first.color, first.style, first.labels) == (
                second.name,
                second.color,
                second.style,
                second.labels,
            )


@pytest.mark.parametrize("content", [None, "{", '{"format": "something else"}', '{"format": "microcalc cohort study"}'])
def test_folder_without_a_study_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with pytest.raises(ResultError, match="analyze the table again"):
        load_study(tmp_path)


def run_child(*words: object) -> tuple[int, list[dict[str, object]]]:
    """Exit status and JSON lines of the command as a child process."""
    root = Path(__file__).resolve().parents[2]
    folders = os.pathsep.join(str(root / name) for name in ("MicrocalcAI", "MicrocalcElastography"))
    finished = subprocess.run(
        [sys.executable, "-m", "MicrocalcAILib", "cohort", "analyze", *map(str, words), "--json-progress"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": folders},
    )
    return finished.returncode, [json.loads(line) for line in finished.stdout.splitlines()]


@pytest.mark.slow
def test_command_reports_progress_and_result_as_json_lines(tmp_path: Path) -> None:
    simulate_cohort(25, 25, seed=0).to_csv(tmp_path / "table.csv", index=False)
    status, lines = run_child(tmp_path / "table.csv", "--output", tmp_path / "out", "--resamples", 100)
    assert status == 0
    assert set(lines[0]) == {"pid"}
    stages = [line["stage"] for line in lines if "stage" in line]
    assert {"reading", "groups", "regression", "figures"} <= set(stages)
    assert lines[-1] == {"result": str(tmp_path / "out"), "lesions": 50}
    assert load_study(tmp_path / "out").malignant == 25


def test_command_reports_a_refusal_as_a_json_line(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("lesion,elasticity_kpa\nA,3\n")
    status, lines = run_child(tmp_path / "table.csv", "--output", tmp_path / "out")
    assert status == 2
    assert "outcome" in str(lines[-1]["error"])
