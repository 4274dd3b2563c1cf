"""A table of lesions becomes table nodes and plot charts."""

import numpy as np
import pandas as pd
import pytest
import vtk.util.numpy_support

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.cohort import analysis
from MicrocalcElastographyLib.cohort.analysis import StudyOptions
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort
from MicrocalcElastographySlicer import cohortnodes
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcSlicerShared.nodes import fillTable, tableRows
from mrml.elastography_scene import node_names

COLUMNS = ["lesion", "outcome", "elasticity_kpa", "strain_ratio"]
QUICK = StudyOptions(title="Study", resamples=100)


@pytest.fixture(scope="module")
def lesions():
    return simulate_cohort(25, 25, seed=0)[COLUMNS]


@pytest.fixture(scope="module", autouse=True)
def _one_computation_of_each_study():
    """What is shown is tested here, mostly of the same few tables."""
    compute, computed = analysis.analyze_cohort, {}

    def once(cohort, options, inputs):
        key = (repr(options), repr(inputs))
        if not inputs or key not in computed:
            computed[key] = compute(cohort, options, inputs=inputs)
        return computed[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(analysis, "analyze_cohort", once)
        yield


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


def counts(series):
    """Lesions behind each point of the calibration, from the labels."""
    return np.array([int(str(row["label"]).split()[0]) for row in tableRows(series.GetTableNode())])


def is_points(series):
    return series.GetMarkerStyle() != series.MarkerStyleNone and series.GetLineStyle() == series.LineStyleNone


def is_line(series):
    return series.GetMarkerStyle() == series.MarkerStyleNone and series.GetLineStyle() != series.LineStyleNone


def area_under(series):
    across, up = drawn(series)
    return np.trapezoid(up, across)


def test_roc_chart_has_a_curve_per_parameter_whose_area_is_the_printed_auc(slicer, logic, table_file, lesions):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    *curves, chance = series_of(shown.chartNodes["ROC"])
    printed = {row["parameter"]: row["auc"] for row in tableRows(shown.tableNodes["auc"])}
    assert len(curves) == len(printed) == 2
    for series, auc in zip(curves, printed.values(), strict=True):
        assert drawn(series)[0][[0, -1]].tolist() == [0, 1]
        assert area_under(series) == pytest.approx(auc)
        assert f"AUC {auc:.3f}" in series.GetName()
    malignant = lesions["outcome"] == "malignant"
    above = lesions["elasticity_kpa"][malignant].to_numpy()[:, None] > lesions["elasticity_kpa"][~malignant].to_numpy()
    assert printed["elasticity_kpa"] == pytest.approx(above.mean(), abs=0.01)
    assert area_under(chance) == pytest.approx(0.5)


def test_boxes_span_the_quartiles_of_each_group(logic, table_file, lesions):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    chart = shown.chartNodes["boxes elasticity_kpa"]
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
    chart = logic.analyzeCohort(table_file, options=QUICK).chartNodes["calibration"]
    fitted, crossed, diagonal = series_of(chart)
    assert [fitted.GetName(), crossed.GetName()] == ["fitted", "cross-validated"]
    assert (chart.GetXAxisTitle(), chart.GetYAxisTitle()) == (
        "predicted probability of malignancy",
        "observed share of malignant lesions",
    )
    for series in (fitted, crossed):
        predicted, observed = drawn(series)
        count = counts(series)
        assert is_points(series)
        assert count.sum() == 50
        assert np.average(observed, weights=count) == pytest.approx(0.5)
        assert 0 <= predicted.min() <= predicted.max() <= 1
    predicted, _ = drawn(fitted)
    assert np.average(predicted, weights=counts(fitted)) == pytest.approx(0.5, abs=0.02)
    assert is_line(diagonal)
    assert [list(values) for values in drawn(diagonal)] == [[0, 1], [0, 1]]


def test_odds_ratios_are_those_of_the_table_on_a_log_scale(logic, table_file):
    shown = logic.analyzeCohort(table_file, options=QUICK)
    chart = shown.chartNodes["odds ratios"]
    printed = tableRows(shown.tableNodes["regression"])
    estimate, low, high, no_effect = series_of(chart)
    assert chart.GetXAxisLogScale()
    assert "odds ratio" in chart.GetXAxisTitle()
    for series, end in ((estimate, ""), (low, "_low"), (high, "_high")):
        ratios, places = drawn(series)
        assert is_points(series)
        assert list(ratios) == [row[f"odds_ratio_per_sd{end}"] for row in printed]
        assert list(places) == list(range(len(printed), 0, -1))
        assert series.GetLabelColumnName() == "label"
    for row in tableRows(estimate.GetTableNode()):
        assert f"{row['y']:.0f} {row['label']}" in chart.GetYAxisTitle()
    assert (drawn(low)[0] < drawn(estimate)[0]).all()
    assert (drawn(estimate)[0] < drawn(high)[0]).all()
    assert is_line(no_effect)
    assert set(drawn(no_effect)[0]) == {1.0}


@pytest.mark.slow
def test_endless_odds_ratios_are_left_out_of_the_picture(logic, separated_file):
    shown = logic.analyzeCohort(separated_file, options=QUICK)
    printed = [row["odds_ratio_per_sd_high"] for row in tableRows(shown.tableNodes["regression"])]
    _, _, high, _ = series_of(shown.chartNodes["odds ratios"])
    places = drawn(high)[0]
    assert max(printed) > 1e5
    assert list(np.isnan(places)) == [ratio > 1e5 for ratio in printed]


def test_bland_altman_shows_bias_and_limits_of_two_readers(logic, two_readers_file):
    shown = logic.analyzeCohort(two_readers_file, options=QUICK)
    assert {"Bland–Altman elasticity_kpa", "Bland–Altman strain_ratio"} <= set(shown.chartNodes)
    chart = shown.chartNodes["Bland–Altman elasticity_kpa"]
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


def test_charts_that_the_study_does_not_allow_are_missing(logic, tmp_path, lesions):
    lesions[["lesion", "outcome"]].assign(elasticity_kpa=10 + np.arange(50) % 5).to_csv(
        tmp_path / "flat.csv", index=False
    )
    shown = logic.analyzeCohort(tmp_path / "flat.csv", options=QUICK)
    assert list(shown.chartNodes) == ["ROC", "boxes elasticity_kpa"]


@pytest.mark.slow
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


@pytest.mark.slow
def test_analyzing_again_replaces_the_own_nodes_and_no_others(slicer, logic, two_readers_file, tmp_path, lesions):
    other = tmp_path / "other.csv"
    lesions.to_csv(other, index=False)
    kept = logic.analyzeCohort(other, options=QUICK).chartNodes["ROC"]
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


@pytest.mark.slow
def test_failure_half_way_leaves_the_earlier_study(slicer, logic, two_readers_file, monkeypatch):
    add, added = cohortnodes._addChart, []

    def fail_late(*arguments):
        if len(added) == 4:
            raise RuntimeError("no memory")
        added.append(1)
        return add(*arguments)

    first = logic.analyzeCohort(two_readers_file, options=QUICK)
    before = node_names(slicer)
    monkeypatch.setattr(cohortnodes, "_addChart", fail_late)
    with pytest.raises(RuntimeError):
        logic.analyzeCohort(two_readers_file, options=QUICK)
    assert node_names(slicer) == before
    assert first.chartNodes["ROC"].GetScene() is slicer.mrmlScene


def test_study_of_a_reopened_scene_is_found(slicer, logic, two_readers_file):
    shown = logic.analyzeCohort(two_readers_file, options=QUICK)
    assert cohortnodes.findStudy() == shown
    assert cohortnodes.findStudy("another") is None
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    found = cohortnodes.findStudy()
    assert (list(found.chartNodes), list(found.tableNodes)) == (list(shown.chartNodes), list(shown.tableNodes))
    assert (found.malignant, found.benign, found.warnings) == (25, 25, shown.warnings)


def test_every_chart_comes_after_its_series_and_they_after_their_tables_so_that_a_plot_view_finds_all(
    slicer, logic, two_readers_file
):
    """Plot views draw a scene while it is read; a series that comes after its chart is lost there."""
    charts = logic.analyzeCohort(two_readers_file, options=QUICK).chartNodes.values()
    place = {node.GetID(): index for index, node in enumerate(slicer.util.getNodesByClass("vtkMRMLNode"))}
    assert charts
    for chart in charts:
        assert series_of(chart)
        for series in series_of(chart):
            assert place[series.GetTableNode().GetID()] < place[series.GetID()] < place[chart.GetID()]


def test_scatter_shows_the_two_best_parameters(logic, table_file):
    chart = logic.analyzeCohort(table_file, options=QUICK).chartNodes["scatter"]
    groups = series_of(chart)
    assert [series.GetName() for series in groups] == ["benign", "malignant"]
    assert all(is_points(series) and len(drawn(series)[0]) == 25 for series in groups)


@pytest.mark.slow
def test_report_is_written_into_a_folder_of_its_own(slicer, logic, table_file, tmp_path):
    other = tmp_path / "reports" / "letter.txt"
    other.parent.mkdir()
    other.write_text("kept")
    logic.analyzeCohort(table_file, options=QUICK, reportFolder=other.parent)
    assert (other.parent / "microcalc_study" / "report.html").is_file()
    assert other.read_text() == "kept"
