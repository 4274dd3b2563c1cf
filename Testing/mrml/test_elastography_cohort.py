"""A table of lesions becomes table nodes, ROC curves and box plots."""

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


def column(table_node, name):
    return vtk.util.numpy_support.vtk_to_numpy(table_node.GetTable().GetColumnByName(name))


def series_of(chart):
    return [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]


def area_under(series):
    table = series.GetTableNode()
    return np.trapezoid(column(table, series.GetYColumnName()), column(table, series.GetXColumnName()))


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
        drawn = column(series.GetTableNode(), series.GetYColumnName())
        for expected in np.percentile(values, (25, 50, 75)):
            assert np.isclose(drawn, expected).any()
        assert values.min() <= drawn.min()
        assert drawn.max() <= values.max()


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


def test_analyzing_again_replaces_the_own_nodes_and_no_others(slicer, logic, table_file, tmp_path, lesions):
    other = tmp_path / "other.csv"
    lesions.to_csv(other, index=False)
    kept = logic.analyzeCohort(other, options=QUICK).rocChartNode
    logic.analyzeCohort(table_file, options=QUICK)
    before = node_names(slicer)
    logic.analyzeCohort(table_file, options=QUICK)
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


def test_failure_half_way_leaves_the_earlier_study(slicer, logic, table_file, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    first = logic.analyzeCohort(table_file, options=QUICK)
    before = node_names(slicer)
    monkeypatch.setattr(cohortnodes, "_boxChart", fail)
    with pytest.raises(RuntimeError):
        logic.analyzeCohort(table_file, options=QUICK)
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
