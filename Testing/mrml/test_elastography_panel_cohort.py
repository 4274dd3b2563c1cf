"""The elastography panel's tab “Cohort”: columns, progress, cancel, plots; and the child process behind it."""

import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pandas as pd
import pytest

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcElastographyLib.cohort.analysis import StudyOptions, analyze_cohort
from MicrocalcElastographyLib.cohort.lesions import build_cohort
from MicrocalcElastographyLib.cohort.outputs import write_study
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort
from MicrocalcElastographySlicer.cohortnodes import findStudy
from MicrocalcElastographySlicer.cohortrun import CohortRun, StudyRequest
from MicrocalcElastographySlicer.cohortsection import CohortState
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError
from MicrocalcSlicerShared.nodes import fillTable
from mrml.elastography_panel import discard, make_panel, picture, texts, wait_until
from mrml.elastography_scene import node_names

COLUMNS = ["lesion", "outcome", "reader", "elasticity_kpa", "strain_ratio"]
QUICK = StudyRequest(resamples=100)


@pytest.fixture(scope="module")
def lesions():
    return simulate_cohort(20, 20, readers=2, seed=0)[COLUMNS]


@pytest.fixture(scope="module")
def study(lesions, tmp_path_factory):
    """A study as the child process writes it."""
    analysis = analyze_cohort(build_cohort(lesions.astype(str)), StudyOptions(title="Study", resamples=100))
    folder = tmp_path_factory.mktemp("study") / "written"
    write_study(analysis, folder)
    return folder


@pytest.fixture
def table_file(tmp_path, lesions):
    path = tmp_path / "study.csv"
    lesions.to_csv(path, index=False)
    return path


class Child:
    """A child process whose messages the test writes."""

    started: ClassVar[list] = []

    def __init__(self, arguments):
        self.arguments = list(arguments)
        self.waiting = []
        self.isAlive = True
        Child.started.append(self)

    def messages(self):
        said, self.waiting = self.waiting, []
        for message in said:
            if isinstance(message, Exception):
                raise message
        return said

    def kill(self):
        self.isAlive = False

    def option(self, name):
        return self.arguments[self.arguments.index(name) + 1]


class ChildLogic(MicrocalcElastographyLogic):
    def __init__(self):
        super().__init__(startProcess=Child)


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    Child.started = []
    panel = make_panel(monkeypatch, tmp_path / "settings", ChildLogic)
    panel.cohortSection._timer.setInterval(5)
    yield panel
    discard(panel)


@pytest.fixture
def running(panel, table_file):
    """The panel with an analysis under way; its child."""
    panel.ui.cohortPathEdit.setCurrentPath(str(table_file))
    panel.cohortSection.onAnalyze()
    return Child.started[-1]


def test_columns_are_shown_as_they_are_taken(panel, table_file):
    panel.ui.cohortPathEdit.setCurrentPath(str(table_file))
    taken = dict(texts(panel.ui.columnsTable))
    assert list(taken) == COLUMNS
    assert "malignant" in taken["outcome"]
    assert "elasticity" in taken["elasticity_kpa"]
    assert panel.ui.columnsLabel.isHidden()


def test_mapping_changes_what_columns_are_taken_for(panel, tmp_path, lesions):
    path = tmp_path / "odd.csv"
    lesions.rename(columns={"outcome": "dx"}).replace({"malignant": "M+", "benign": "M-"}).to_csv(path, index=False)
    panel.ui.cohortPathEdit.setCurrentPath(str(path))
    assert "outcome" in panel.ui.columnsLabel.text()
    assert texts(panel.ui.columnsTable) == []
    panel.ui.outcomeEdit.setText("dx")
    panel.ui.malignantEdit.setText("M+")
    panel.ui.ignoredEdit.setText("strain_ratio, reader")
    taken = dict(texts(panel.ui.columnsTable))
    assert "malignant = M+" in taken["dx"]
    assert taken["strain_ratio"] == taken["reader"] == "left out as asked"
    panel.ui.ignoredEdit.setText("nothing")
    assert "no column “nothing”" in panel.ui.columnsLabel.text()


def test_button_turns_into_cancel_and_shows_how_far_it_is(panel, running):
    section = panel.cohortSection
    assert section.state is CohortState.RUNNING
    assert panel.ui.analyzeButton.text() == "Cancel"
    assert not panel.ui.tableCollapsibleButton.isEnabled()
    running.waiting = [{"stage": "regression", "done": 4, "total": 6}]
    wait_until(lambda: panel.ui.cohortLabel.text() == "Regression")
    assert (panel.ui.progressBar.value(), panel.ui.progressBar.maximum()) == (4, 6)
    assert not panel.ui.progressBar.isHidden()


def test_child_is_asked_for_what_the_panel_shows(panel, table_file, tmp_path):
    panel.ui.cohortPathEdit.setCurrentPath(str(table_file))
    panel.ui.outcomeEdit.setText("outcome")
    panel.ui.parametersEdit.setText("elasticity_kpa, strain_ratio")
    panel.ui.reportEdit.setCurrentPath(str(tmp_path / "reports"))
    panel.cohortSection.onAnalyze()
    child = Child.started[-1]
    assert child.option("analyze") == str(table_file)
    assert child.option("--output") == str(tmp_path / "reports" / "microcalc_study")
    assert "--outcome=outcome" in child.arguments
    at = child.arguments.index("--parameter")
    assert child.arguments[at + 1 : at + 3] == ["elasticity_kpa", "strain_ratio"]
    assert "--json-progress" in child.arguments


def test_cancel_ends_the_child_and_leaves_the_scene_alone(slicer, panel, running):
    before = node_names(slicer)
    folder = Path(running.option("--output")).parent
    assert folder.is_dir()
    panel.cohortSection.onAnalyze()
    assert not running.isAlive
    assert not folder.exists()
    assert panel.cohortSection.state is CohortState.IDLE
    assert panel.ui.analyzeButton.text() == "Analyze"
    assert panel.ui.progressBar.isHidden()
    assert "nothing was changed" in panel.ui.cohortLabel.text()
    assert node_names(slicer) == before


def test_results_are_tables_plots_and_numbers(slicer, panel, running, study):
    running.waiting = [{"stage": "figures", "done": 1, "total": 2}, {"result": str(study), "lesions": 40}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert "Finished" in panel.ui.cohortLabel.text()
    assert not running.isAlive
    (elasticity, _) = texts(panel.ui.aucTable)
    assert elasticity[0] == "elasticity_kpa"
    assert elasticity[2].endswith("kPa")
    assert elasticity[3].endswith("%")
    assert "20 malignant and 20 benign" in panel.ui.studyLabel.text()
    charts = [panel.ui.chartSelector.itemText(index) for index in range(panel.ui.chartSelector.count())]
    assert {"ROC", "scatter", "boxes elasticity_kpa", "Bland–Altman strain_ratio"} <= set(charts)
    assert "⚠" in panel.ui.cohortWarningsLabel.text()


def test_chosen_plot_is_shown(slicer, panel, running, study):
    running.waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    index = panel.ui.chartSelector.findText("scatter")
    panel.ui.chartSelector.setCurrentIndex(index)
    panel.cohortSection.onShowChart()
    chart = slicer.mrmlScene.GetNodeByID(slicer.app.applicationLogic().GetSelectionNode().GetActivePlotChartID())
    assert "Elasticity and" in chart.GetTitle() or "and Elasticity" in chart.GetTitle()


def test_legend_lies_where_curves_leave_room_also_when_a_scene_shows_a_chart_already(
    slicer, panel, running, study, monkeypatch
):
    from vtkmodules.vtkChartsCore import vtkChartXY

    chart, view = vtkChartXY(), slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotViewNode")
    plot = SimpleNamespace(mrmlPlotViewNode=lambda: view, plotView=lambda: SimpleNamespace(chart=lambda: chart))
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: SimpleNamespace(plotWidget=lambda index: plot))
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    legend = chart.GetLegend()
    running.waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert legend.GetVerticalAlignment() == legend.TOP  # of another chart
    panel.ui.chartButton.click()
    assert (legend.GetHorizontalAlignment(), legend.GetVerticalAlignment()) == (legend.RIGHT, legend.BOTTOM)

    legend.SetVerticalAlignment(legend.TOP)
    shown = next(iter(findStudy().chartNodes.values()))
    assert shown.GetLegendFontSize() == 11
    view.SetPlotChartNodeID(shown.GetID())
    panel.enter()
    assert legend.GetVerticalAlignment() == legend.BOTTOM


def test_running_again_replaces_the_own_results_only(slicer, panel, running, study, table_file, tmp_path, lesions):
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Mine")
    running.waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    before = node_names(slicer)
    panel.cohortSection.onAnalyze()
    Child.started[-1].waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert node_names(slicer) == before
    assert other.GetScene() is slicer.mrmlScene


def test_refusal_of_the_child_is_told_and_the_panel_usable(panel, running):
    running.waiting = [{"error": "The table has no column “nothing”."}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert "no column “nothing”" in panel.ui.cohortLabel.text()
    assert panel.ui.analyzeButton.isEnabled()


def test_child_that_dies_is_told_and_the_panel_usable(panel, running):
    running.waiting = [AnalysisProcessError("The analysis ended unexpectedly (exit status 1).")]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert "ended unexpectedly" in panel.ui.cohortLabel.text()


def test_table_that_vanished_is_told(panel, table_file):
    panel.ui.cohortPathEdit.setCurrentPath(str(table_file))
    table_file.unlink()
    panel.onParametersChanged()
    assert not panel.ui.analyzeButton.isEnabled()


def test_empty_table_node_is_refused(slicer, panel):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Empty")
    panel.ui.cohortTableSelector.setCurrentNode(node)
    assert "is empty" in panel.ui.columnsLabel.text()
    panel.cohortSection.onAnalyze()
    assert "is empty" in panel.ui.cohortLabel.text()
    assert panel.cohortSection.state is CohortState.IDLE


def test_table_node_wins_over_the_file(slicer, panel, table_file, lesions):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Lesions")
    fillTable(node, lesions)
    panel.ui.cohortPathEdit.setCurrentPath(str(table_file))
    panel.ui.cohortTableSelector.setCurrentNode(node)
    panel.cohortSection.onAnalyze()
    given = pd.read_csv(Child.started[-1].option("analyze"))
    assert list(given["elasticity_kpa"]) == pytest.approx(list(lesions["elasticity_kpa"]))
    assert "--title=Lesions" in Child.started[-1].arguments


def test_closing_the_scene_ends_the_child(slicer, panel, running):
    slicer.mrmlScene.Clear(0)
    assert not running.isAlive
    assert panel.cohortSection.state is CohortState.IDLE
    assert panel.ui.analyzeButton.text() == "Analyze"
    assert texts(panel.ui.aucTable) == []


def test_another_module_may_be_opened_while_it_runs(panel, running, study):
    panel.exit()
    running.waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    panel.enter()
    assert len(texts(panel.ui.aucTable)) == 2


def test_report_can_be_opened_where_it_was_written(panel, table_file, tmp_path, monkeypatch):
    import qt

    assert not panel.ui.reportButton.isEnabled()
    report = tmp_path / "microcalc_study" / "report.html"
    report.parent.mkdir()
    report.write_text("<html></html>")
    panel.ui.reportEdit.setCurrentPath(str(tmp_path))
    assert panel.ui.reportButton.isEnabled()
    opened = []
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: not opened.append(url))
    panel.cohortSection.onOpenReport()
    assert opened[0].toLocalFile() == str(report)
    assert panel.ui.cohortLabel.text() == ""


def test_report_that_no_program_opens_is_named_with_its_place(panel, tmp_path, monkeypatch):
    import qt

    panel.ui.reportEdit.setCurrentPath(str(tmp_path))
    monkeypatch.setattr(qt.QDesktopServices, "openUrl", lambda url: False)
    panel.cohortSection.onOpenReport()
    assert str(tmp_path / "microcalc_study" / "report.html") in panel.ui.cohortLabel.text()


def test_tab_fits_a_narrow_panel(panel, running, study, tmp_path):
    running.waiting = [{"result": str(study)}]
    wait_until(lambda: panel.cohortSection.state is CohortState.IDLE)
    assert picture(panel, 3, tmp_path / "cohort.png").width() <= 480


def test_options_of_the_child_name_columns_unmistakably():
    request = StudyRequest(outcome="-group", malignantValues=("M", "m+"), ignored=("a",), resamples=100)
    assert request.options() == ["--outcome=-group", "--malignant", "M", "m+", "--ignore", "a", "--resamples=100"]


@pytest.mark.slow
def test_real_child_analyzes_a_study_and_can_be_killed(slicer, table_file, tmp_path):
    logic = MicrocalcElastographyLogic()
    run = logic.startCohort(table_file, QUICK, tmp_path / "reports")
    stages = []
    wait_until(lambda: (stages.append(run.stage), run.update())[1], seconds=180)
    assert {"groups", "figures"} & set(stages)
    assert len(run.results.chartNodes) > 5
    assert (tmp_path / "reports" / "microcalc_study" / "report.html").is_file()
    again = logic.startCohort(table_file, QUICK)
    folder, process = again._folder, again.run._process
    again.cancel()
    assert not folder.exists()
    assert process._process.poll() is not None


@pytest.mark.slow
def test_real_child_refuses_in_its_own_words(slicer, tmp_path):
    (tmp_path / "table.csv").write_text("lesion,elasticity_kpa\nA,3\n")
    run = MicrocalcElastographyLogic().startCohort(tmp_path / "table.csv", QUICK)
    with pytest.raises(MicrocalcError, match="outcome"):
        wait_until(run.update, seconds=120)
    assert not run._folder.exists()


def test_child_that_cannot_be_started_leaves_no_folder(slicer, table_file, tmp_path, monkeypatch):
    def refuse(arguments):
        raise FileNotFoundError("python")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        CohortRun(table_file, QUICK, None, None, refuse)
    assert list(tmp_path.glob("Microcalc-*")) == []


def test_child_finds_both_libraries_in_the_source_tree(tmp_path):
    (tmp_path / "table.csv").write_text("lesion,outcome\n")
    run = CohortRun(tmp_path / "table.csv", QUICK, None, None, Child)
    run.cancel()
    finished = subprocess.run(
        [sys.executable, *Child.started[-1].arguments[:3], "cohort", "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2] / "MicrocalcAI",
    )
    assert finished.returncode == 0, finished.stderr
    assert "analyze" in finished.stdout
