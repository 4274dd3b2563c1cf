"""A table of lesions becomes table nodes and plot charts."""

import numpy as np
import pandas as pd
import pytest
import vtk.util.numpy_support

from MicrocalcAILib.errors import MicrocalcError
from MicrocalcElastographyLib.cohort.analysis import StudyOptions
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort
from MicrocalcElastographySlicer import cohortnodes
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcElastographySlicer.nodes import fillTable, tableRows
from mrml.elastography_scene import node_names

COLUMNS = ["lesion", "outcome", "elasticity_kpa", "strain_ratio"]
QUICK = StudyOptions(title="Study", resamples=100)


@pytest.fixture(scope="module")
def lesions():
    return simulate_cohort(25, 25, seed=0)[COLUMNS]


@pytest.fixture
def logic(slicer):
    return MicrocalcElastographyLogic()


@pytest.fixture
def table_file(tmp_path, lesions):
    path = tmp_path / "readings.csv"
    lesions.to_csv(path, index=False)
    return path


@pytest.fixture
def two_readers_file(tmp_path):
    path = tmp_path / "two_readers.csv"
    simulate_cohort(25, 25, readers=2, seed=0)[["reader", "repeat", *COLUMNS]].to_csv(path, index=False)
    return path


@pytest.fixture
def separated_file(tmp_path, lesions):
    path = tmp_path / "separated.csv"
    malignant = lesions["outcome"] == "malignant"
    lesions.assign(elasticity_kpa=lesions["elasticity_kpa"] / 10 + 500.0 * malignant).to_csv(path, index=False)
    return path


def column(table_node, name):
    return vtk.util.numpy_support.vtk_to_numpy(table_node.GetTable().GetColumnByName(name))


def series_of(chart):
    return [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]


def drawn(series):
    table = series.GetTableNode()
    return column(table, series.GetXColumnName()), column(table, series.GetYColumnName())


def is_points(series):
    return series.GetMarkerStyle() != series.MarkerStyleNone and series.GetLineStyle() == series.LineStyleNone


def is_line(series):
    return series.GetMarkerStyle() == series.MarkerStyleNone and series.GetLineStyle() != series.LineStyleNone


def area_under(series):
    across, up = drawn(series)
    return np.trapezoid(up, across)


def test_roc_chart_has_a_curve_per_parameter_whose_area_is_the_printed_auc(slicer, logic, table_file, lesions):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    *curves, chance = series_of(shown.rocChartNode)
    printed = {row["parameter"]: row["auc"] for row in tableRows(shown.tableNodes["auc"])}
    assert len(curves) == len(printed) == 2
    for series, (name, auc) in zip(curves, printed.items(), strict=True):
        assert series.GetYColumnName() == f"{name} sensitivity"
        assert area_under(series) == pytest.approx(auc)
        assert f"AUC {auc:.3f}" in series.GetName()
    malignant = lesions["outcome"] == "malignant"
    above = lesions["elasticity_kpa"][malignant].to_numpy()[:, None] > lesions["elasticity_kpa"][~malignant].to_numpy()
    assert printed["elasticity_kpa"] == pytest.approx(above.mean(), abs=0.01)
    assert area_under(chance) == pytest.approx(0.5)


def test_boxes_span_the_quartiles_of_each_group(logic, table_file, lesions):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    chart = shown.boxChartNodes["elasticity_kpa"]
    assert [series.GetName() for series in series_of(chart)] == ["benign", "malignant"]
    assert "kPa" in chart.GetYAxisTitle()
    for series in series_of(chart):
        values = lesions["elasticity_kpa"][lesions["outcome"] == series.GetName()]
        _, outline = drawn(series)
        for expected in np.percentile(values, (25, 50, 75)):
            assert np.isclose(outline, expected).any()
        assert values.min() <= outline.min()
        assert outline.max() <= values.max()


def test_calibration_points_keep_the_share_of_malignant_lesions_and_have_a_diagonal(logic, table_file):
    chart = logic.analyzeCohort(table_file, options=QUICK).calibrationChartNode
    fitted, crossed, diagonal = series_of(chart)
    assert [fitted.GetName(), crossed.GetName()] == ["fitted", "cross-validated"]
    assert (chart.GetXAxisTitle(), chart.GetYAxisTitle()) == (
        "predicted probability of malignancy",
        "observed share of malignant lesions",
    )
    for series in (fitted, crossed):
        predicted, observed = drawn(series)
        count = column(series.GetTableNode(), "count")
        assert is_points(series)
        assert count.sum() == 50
        assert np.average(observed, weights=count) == pytest.approx(0.5)
        assert 0 <= predicted.min() <= predicted.max() <= 1
    predicted, _ = drawn(fitted)
    assert np.average(predicted, weights=column(fitted.GetTableNode(), "count")) == pytest.approx(0.5, abs=0.02)
    assert is_line(diagonal)
    assert [list(values) for values in drawn(diagonal)] == [[0, 1], [0, 1]]


def test_odds_ratios_are_those_of_the_table_on_a_log_scale(logic, table_file):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    chart = shown.oddsRatioChartNode
    printed = tableRows(shown.tableNodes["regression"])
    estimate, low, high, no_effect = series_of(chart)
    assert chart.GetXAxisLogScale()
    assert "odds ratio" in chart.GetXAxisTitle()
    for series, end in ((estimate, ""), (low, "_low"), (high, "_high")):
        ratios, places = drawn(series)
        assert is_points(series)
        assert list(ratios) == [row[f"odds_ratio_per_sd{end}"] for row in printed]
        assert list(places) == list(range(len(printed), 0, -1))
        assert series.GetLabelColumnName() == "term"
    for row in tableRows(estimate.GetTableNode()):
        assert f"{row['place']:.0f} {row['term']}" in chart.GetYAxisTitle()
        assert row["low"] < row["estimate"] < row["high"]
    assert is_line(no_effect)
    assert set(drawn(no_effect)[0]) == {1.0}


def test_endless_odds_ratios_are_left_out_of_the_picture(logic, separated_file):
    shown = logic.analyzeCohort(separated_file, options=QUICK)
    printed = [row["odds_ratio_per_sd_high"] for row in tableRows(shown.tableNodes["regression"])]
    _, _, high, _ = series_of(shown.oddsRatioChartNode)
    places = drawn(high)[0]
    assert max(printed) > 1e5
    assert list(np.isnan(places)) == [ratio > 1e5 for ratio in printed]


def test_bland_altman_shows_bias_and_limits_of_two_readers(logic, two_readers_file):
    shown = logic.analyzeCohort(two_readers_file, options=QUICK)
    assert sorted(shown.blandAltmanChartNodes) == ["elasticity_kpa", "strain_ratio"]
    chart = shown.blandAltmanChartNodes["elasticity_kpa"]
    assert "kPa" in chart.GetXAxisTitle()
    assert "kPa" in chart.GetYAxisTitle()
    points, *lines = series_of(chart)
    readings = pd.read_csv(two_readers_file).groupby(["lesion", "reader"])["elasticity_kpa"].mean().unstack()
    means, differences = drawn(points)
    assert is_points(points)
    assert np.sort(differences) == pytest.approx(np.sort(readings[1] - readings[2]))
    assert np.sort(means) == pytest.approx(np.sort(readings.mean(axis=1)))
    bias, spread = differences.mean(), 1.96 * differences.std(ddof=1)
    for line, name, height in zip(
        lines, ("upper limit", "bias", "lower limit"), (bias + spread, bias, bias - spread), strict=True
    ):
        across, up = drawn(line)
        assert is_line(line)
        assert line.GetName().startswith(name)
        assert (line.GetLineStyle() == line.LineStyleDash) == (name != "bias")
        assert list(across) == [means.min(), means.max()]
        assert up == pytest.approx([height, height], rel=1e-3)


def test_charts_that_the_study_does_not_allow_are_none(logic, tmp_path, lesions):
    lesions[["lesion", "outcome"]].assign(elasticity_kpa=10 + np.arange(50) % 5).to_csv(
        tmp_path / "flat.csv", index=False
    )
    shown = logic.analyzeCohort(tmp_path / "flat.csv", options=QUICK)
    assert shown.calibrationChartNode is None
    assert shown.oddsRatioChartNode is None
    assert shown.blandAltmanChartNodes == {}


def test_table_node_gives_what_the_file_gives(slicer, logic, table_file, lesions):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Lesions")
    fillTable(node, lesions)
    of_node = logic.analyzeCohort(node, outcome="outcome", options=QUICK)
    of_file = logic.analyzeCohort(table_file, options=QUICK)
    assert tableRows(of_node.tableNodes["auc"]) == tableRows(of_file.tableNodes["auc"])
    assert of_node.tableNodes["auc"].GetName() == "Lesions auc"
    assert tableRows(node)[0]["elasticity_kpa"] == lesions["elasticity_kpa"][0]


def test_missing_values_of_a_table_node_stay_missing(slicer, lesions):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    fillTable(node, lesions.assign(strain_ratio=np.nan))
    frame = cohortnodes.tableOfNode(node)
    assert frame["strain_ratio"].isna().all()
    assert list(frame.columns) == COLUMNS


def test_warnings_of_the_study_are_handed_over(logic, table_file):
    warnings = logic.analyzeCohort(table_file, options=QUICK).warnings
    assert "small-group" in [warning.code for warning in warnings]


def test_analyzing_again_replaces_the_own_nodes_and_no_others(slicer, logic, two_readers_file, tmp_path, lesions):
    other = tmp_path / "other.csv"
    lesions.to_csv(other, index=False)
    kept = logic.analyzeCohort(other, options=QUICK).rocChartNode
    logic.analyzeCohort(two_readers_file, options=QUICK)
    before = node_names(slicer)
    logic.analyzeCohort(two_readers_file, options=QUICK)
    assert node_names(slicer) == before
    assert kept.GetScene() is slicer.mrmlScene


def test_refused_tables_leave_nothing_behind(slicer, logic, tmp_path, table_file):
    pd.DataFrame({"lesion": ["A"], "elasticity_kpa": [3.0]}).to_csv(tmp_path / "no_outcome.csv", index=False)
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    before = node_names(slicer)
    for source, outcome in ((tmp_path / "no_outcome.csv", None), (table_file, "nothing"), (empty, None)):
        with pytest.raises(MicrocalcError):
            logic.analyzeCohort(source, outcome, QUICK)
    assert node_names(slicer) == before


@pytest.mark.parametrize("chart", ["_boxChart", "_calibrationChart", "_oddsRatioChart", "_blandAltmanChart"])
def test_failure_half_way_leaves_the_earlier_study(slicer, logic, two_readers_file, monkeypatch, chart):
    def fail(*_):
        raise RuntimeError("no memory")

    first = logic.analyzeCohort(two_readers_file, options=QUICK)
    before = node_names(slicer)
    monkeypatch.setattr(cohortnodes, chart, fail)
    with pytest.raises(RuntimeError):
        logic.analyzeCohort(two_readers_file, options=QUICK)
    assert node_names(slicer) == before
    assert first.rocChartNode.GetScene() is slicer.mrmlScene


@pytest.mark.slow
def test_report_is_written_into_a_folder_of_its_own(slicer, logic, table_file, tmp_path):
    other = tmp_path / "reports" / "letter.txt"
    other.parent.mkdir()
    other.write_text("kept")
    logic.analyzeCohort(table_file, options=QUICK, reportFolder=other.parent)
    assert (other.parent / "microcalc_study" / "report.html").is_file()
    assert other.read_text() == "kept"
