"""What the panel does, with a stand-in for Qt and a real scene."""

import numpy as np
import pytest
from slicer import mrmlwidgets

import MicrocalcAI
from MicrocalcAI import MicrocalcAILogic, MicrocalcAIWidget, PanelState
from MicrocalcAILib.errors import MicrocalcError
from MicrocalcAISlicer import dependencies
from stand_ins import application


class Run:
    """An analysis under way, as the panel sees it."""

    stage, done, total = "Candidates", 3, 8

    def __init__(self):
        self.isAlive = True
        self.outcome = False

    def update(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def cancel(self):
        self.isAlive = False


class Logic(MicrocalcAILogic):
    """Logic whose analyses wait for the test to finish them."""

    def process(self, volumeNode, **arguments):
        self.arguments = dict(arguments, volumeNode=volumeNode)
        self.run = Run()
        return self.run


@pytest.fixture
def panel(slicer, monkeypatch):
    """The panel as Slicer builds it, in a scene that the test fills."""
    application.startWithWidgets()
    monkeypatch.setattr(MicrocalcAI, "MicrocalcAILogic", Logic)
    monkeypatch.setattr(dependencies, "missingPackages", list)
    panel = MicrocalcAIWidget()
    panel.setup()
    yield panel
    panel.cleanup()
    panel.parent.findChild(mrmlwidgets.qMRMLWidget).setMRMLScene(None)


def table(panel):
    """Texts of the cluster table, row by row."""
    widget = panel.ui.clusterTable
    columns = range(widget.columnCount())
    return [[widget.item(row, column).text() for column in columns] for row in range(widget.rowCount())]


def test_panel_is_built_without_a_main_window(slicer, panel):
    assert slicer.util.mainWindow() is None
    assert not panel.ui.applyButton.isEnabled()
    assert "Select the mammogram" in panel.ui.applyButton.toolTip()


def test_first_image_is_selected_and_can_be_analyzed(panel, make_volume):
    volume = make_volume()
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.applyButton.isEnabled()
    assert not panel.ui.spacingSpinBox.isEnabled()


def test_image_without_spacing_needs_one(slicer, panel):
    slicer.util.addVolumeFromArray(np.zeros((1, 9, 9), np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]))
    panel.enter()
    assert not panel.ui.applyButton.isEnabled()
    assert "pixel spacing" in panel.ui.applyButton.toolTip()
    panel.ui.spacingSpinBox.setValue(0.07)
    assert panel.ui.applyButton.isEnabled()
    panel.onApplyButton()
    assert panel.logic.arguments["spacingMm"] == pytest.approx(0.07)


def test_spacing_given_for_one_image_is_not_used_for_an_image_that_knows_its_own(panel, make_volume):
    make_volume()
    panel.enter()
    panel._parameterNode.spacingMm = 0.2
    panel.onApplyButton()
    assert panel.logic.arguments["spacingMm"] is None


def test_analyze_hands_over_what_the_panel_shows(slicer, panel, make_volume):
    volume = make_volume()
    region = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    panel.enter()
    panel.ui.roiSelector.setCurrentNode(region)
    panel.ui.outputSelector.setCurrentNode(output)
    panel.ui.falseMarksSlider.setValue(0.4)
    panel.onApplyButton()
    assert panel.logic.arguments == {
        "volumeNode": volume,
        "spacingMm": None,
        "roiNode": region,
        "falseMarksPerCm2": 0.4,
        "outputSegmentationNode": output,
        "waitForCompletion": False,
    }


def test_button_turns_into_cancel_while_the_analysis_runs(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    assert panel.state is PanelState.RUNNING
    assert panel.ui.applyButton.text() == "Cancel"
    assert panel.ui.applyButton.isEnabled()
    assert not panel.ui.progressBar.isHidden()
    assert not panel.ui.inputCollapsibleButton.isEnabled()
    panel.onTimer()
    assert panel.ui.statusLabel.text() == "Candidates"
    assert (panel.ui.progressBar.value(), panel.ui.progressBar.maximum()) == (3, 8)


def test_cancel_ends_the_analysis_and_says_so(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    run = panel.logic.run
    panel.onApplyButton()
    assert not run.isAlive
    assert panel.state is PanelState.IDLE
    assert panel.ui.applyButton.text() == "Analyze"
    assert "nothing was changed" in panel.ui.statusLabel.text()
    assert panel.ui.progressBar.isHidden()
    assert panel.ui.inputCollapsibleButton.isEnabled()


def test_failure_is_shown_in_the_panel_and_the_panel_stays_usable(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.logic.run.outcome = MicrocalcError("The image is blank.")
    panel.onTimer()
    assert panel.ui.statusLabel.text() == "The analysis failed: The image is blank."
    assert panel.state is PanelState.IDLE
    assert panel.ui.applyButton.isEnabled()


def test_unforeseen_failure_also_leaves_the_panel_usable(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.logic.run.outcome = KeyError("x")
    with pytest.raises(KeyError):
        panel.onTimer()
    assert panel.state is PanelState.IDLE


def test_results_of_the_selected_image_are_listed(panel, make_volume, analysis):
    first, second = make_volume("Left CC"), make_volume("Right CC")
    panel.logic.showAnalysis(analysis, first)
    panel.enter()
    panel.ui.inputSelector.setCurrentNode(first)
    assert table(panel) == [["Cluster 1", "2", "0.5", "0.85"], ["Cluster 2", "3", "0.6", "0.60"]]
    assert panel.ui.summaryLabel.text() == "6 calcifications, 2 clusters."
    assert "is assumed" in panel.ui.warningsLabel.text()
    panel.ui.inputSelector.setCurrentNode(second)
    assert table(panel) == []
    assert "not been analyzed" in panel.ui.summaryLabel.text()
    assert panel.ui.warningsLabel.text() == ""


def test_results_appear_when_the_analysis_ends(panel, make_volume, analysis):
    volume = make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.logic.showAnalysis(analysis, volume)
    panel.logic.run.outcome = True
    panel.onTimer()
    assert len(table(panel)) == 2
    assert panel.ui.statusLabel.text() == "Finished."


def test_click_on_a_cluster_centers_the_views_on_it(slicer, panel, make_volume, analysis):
    volume = make_volume()
    panel.logic.showAnalysis(analysis, volume)
    sliceNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    panel.enter()
    panel.ui.clusterTable.cellClicked.emit(1, 0)
    center = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:2, 3]
    np.testing.assert_allclose(center, (-0.07 * 61.5, -0.07 * 44.0))
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_click_after_the_results_were_deleted_empties_the_table(slicer, panel, make_volume, analysis):
    shown = panel.logic.showAnalysis(analysis, make_volume())
    panel.enter()
    slicer.mrmlScene.RemoveNode(shown.segmentationNode)
    panel.ui.clusterTable.cellClicked.emit(1, 0)
    assert table(panel) == []


def test_label_map_is_not_taken_for_a_mammogram(slicer, panel, make_volume):
    slicer.util.addVolumeFromArray(np.zeros((1, 9, 9), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is None
    volume = make_volume()
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume


def test_closing_the_scene_cancels_and_the_panel_goes_on(slicer, panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    run = panel.logic.run
    slicer.mrmlScene.Clear(0)
    assert not run.isAlive
    assert panel.state is PanelState.IDLE
    assert table(panel) == []
    volume = make_volume("Next patient")
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.applyButton.isEnabled()


def test_closing_the_scene_while_another_module_is_shown_cancels(slicer, panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    run = panel.logic.run
    panel.exit()
    panel.parent.isEntered = False
    slicer.mrmlScene.Clear(0)
    assert not run.isAlive
    assert panel.state is PanelState.IDLE


def test_analysis_goes_on_while_another_module_is_shown(panel, make_volume, analysis):
    volume = make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.exit()
    panel.onTimer()
    panel.logic.showAnalysis(analysis, volume)
    panel.logic.run.outcome = True
    panel.onTimer()
    panel.enter()
    assert len(table(panel)) == 2


def test_leaving_the_module_for_good_cancels(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    run = panel.logic.run
    panel.cleanup()
    assert not run.isAlive


def test_missing_packages_are_named_and_block_the_analysis(panel, make_volume, monkeypatch):
    missing = ["numba>=0.60"]
    monkeypatch.setattr(dependencies, "missingPackages", lambda: missing)
    monkeypatch.setattr(dependencies, "installPackages", missing.clear)
    make_volume()
    panel.enter()
    assert "numba>=0.60" in panel.ui.dependencyLabel.text()
    assert not panel.ui.dependencyFrame.isHidden()
    assert not panel.ui.applyButton.isEnabled()
    panel.onInstallButton()
    assert panel.ui.dependencyFrame.isHidden()
    assert panel.ui.applyButton.isEnabled()


def test_declined_installation_is_told(slicer, monkeypatch):
    monkeypatch.setattr(dependencies.importlib.metadata, "version", lambda name: "0.0.1")
    with pytest.raises(dependencies.InstallationError, match="not installed"):
        dependencies.installPackages()


def test_output_of_another_image_is_refused_in_the_tooltip(panel, make_volume, analysis):
    first, second = make_volume("Left CC"), make_volume("Right CC")
    shown = panel.logic.showAnalysis(analysis, first)
    panel.enter()
    panel.ui.inputSelector.setCurrentNode(second)
    panel.ui.outputSelector.setCurrentNode(shown.segmentationNode)
    assert not panel.ui.applyButton.isEnabled()
    assert "another image" in panel.ui.applyButton.toolTip()
