"""What the panel does until there are results: images, what to run, progress, cancel, packages, closing scenes."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import qt
import vtk

from MicrocalcAI import PanelState
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer import analyzesection, options
from MicrocalcSlicerShared import dependencies
from mrml.panel_runs import finish, table


def texts(panel):
    return [panel.ui.imageList.item(row).text() for row in range(panel.ui.imageList.count())]


def test_panel_is_built_without_a_main_window_and_says_how_to_begin(slicer, panel):
    assert slicer.util.mainWindow() is None
    assert not panel.ui.applyButton.isEnabled()
    assert "Select the mammogram" in panel.ui.applyButton.toolTip()
    assert "Sample Data" in panel.ui.hintLabel.text()
    assert not panel.ui.fourViewsButton.isEnabled()
    assert not panel.ui.exportButton.isEnabled()


def test_first_image_is_selected_and_can_be_analyzed(panel, make_volume):
    volume = make_volume()
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.applyButton.isEnabled()
    assert panel.ui.spacingSpinBox.isHidden()
    assert panel.ui.hintLabel.isHidden()


def test_image_that_is_loaded_while_the_panel_is_shown_is_noticed(panel, make_volume):
    volume = make_volume()
    assert panel._sceneTimer.isActive()
    panel.onSceneTimer()
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.applyButton.isEnabled()


def test_image_without_spacing_needs_one(slicer, panel):
    slicer.util.addVolumeFromArray(np.zeros((1, 9, 9), np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]))
    panel.enter()
    assert not panel.ui.applyButton.isEnabled()
    assert "pixel spacing" in panel.ui.applyButton.toolTip()
    assert not panel.ui.spacingSpinBox.isHidden()
    panel.ui.spacingSpinBox.setValue(0.07)
    assert panel.ui.applyButton.isEnabled()
    panel.onApplyButton()
    assert panel.logic.arguments["spacingMm"] == pytest.approx(0.07)


def test_spacing_given_for_one_image_is_not_used_for_an_image_that_knows_its_own(panel, make_volume):
    make_volume()
    panel.enter()
    panel.parameters.spacingMm = 0.2
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
    panel.ui.malignancyCheckBox.setChecked(True)
    panel.ui.boxesToFindCheckBox.setChecked(True)
    panel.ui.deviceComboBox.setCurrentIndex(1)
    panel.ui.classifierEdit.setCurrentPath("own model")
    panel.onApplyButton()
    assert panel.logic.arguments == {
        "volumeNode": volume,
        "spacingMm": None,
        "roiNode": region,
        "falseMarksPerCm2": 0.4,
        "outputSegmentationNode": output,
        "waitForCompletion": False,
        "heatmaps": ["malignancy"],
        "detector": "default",
        "device": "cpu",
        "selector": "auto",
        "classifier": Path("own model"),
    }


def test_the_risk_learned_from_simulation_is_asked_for_by_a_check_box(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    assert panel.logic.arguments["classifier"] is None
    panel.onApplyButton()  # ends what runs
    panel.ui.simulatedClassifierCheckBox.setChecked(True)
    panel.onApplyButton()
    assert panel.logic.arguments["classifier"] == "simulated"


def test_all_checked_images_are_analyzed_one_after_the_other(panel, make_volume, analysis):
    volumes = [make_volume(name) for name in ("R CC", "L CC", "R MLO", "L MLO")]
    panel.enter()
    assert panel.ui.imageList.isHidden()
    panel.ui.severalCheckBox.setChecked(True)
    assert not panel.ui.imageList.isHidden()
    assert texts(panel) == ["R CC", "L CC", "R MLO", "L MLO"]
    panel.ui.imageList.item(1).setCheckState(qt.Qt.Unchecked)
    panel.onApplyButton()
    assert panel.ui.statusLabel.text() == "Image 1 of 3: candidates"
    finish(panel, panel.logic.showAnalysis(analysis, volumes[0]))
    assert panel.ui.statusLabel.text() == "Image 2 of 3: candidates"
    assert panel.ui.progressBar.value() == round(100 * (1 + 0.4) / 3)
    assert panel.logic.arguments["volumeNode"] is volumes[2]
    assert panel.state is PanelState.RUNNING
    finish(panel, MicrocalcError("The image is blank."))
    finish(panel, panel.logic.showAnalysis(analysis, volumes[3]))
    assert panel.ui.statusLabel.text() == "Finished: 2 of 3 images.\nR MLO: The image is blank."
    assert panel.state is PanelState.IDLE
    assert texts(panel) == ["R CC   ✓ 2 clusters", "L CC", "R MLO", "L MLO   ✓ 2 clusters"]


def test_list_entry_that_is_clicked_becomes_the_image_that_is_looked_at(panel, make_volume, make_view):
    _first, second = make_volume("R CC"), make_volume("L CC")
    _, composite = make_view()
    panel.enter()
    panel.ui.severalCheckBox.setChecked(True)
    panel.ui.imageList.itemClicked.emit(panel.ui.imageList.item(1))
    assert panel.ui.inputSelector.currentNode() is second
    assert composite.GetBackgroundVolumeID() == second.GetID()


class LayoutManager:
    """Slicer's layout manager with a real layout node; a layout with one view maps that view alone."""

    def __init__(self, slicer, layout):
        self.node = slicer.vtkMRMLLayoutNode()
        self.node.SetViewArrangement(layout)
        self.slicer = slicer

    def layoutLogic(self):
        return SimpleNamespace(GetLayoutNode=lambda: self.node)

    def setLayout(self, layout):
        self.node.SetViewArrangement(layout)
        for sliceNode in self.slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            sliceNode.SetMappedInLayout(sliceNode.GetLayoutName() == "Red")

    def mrmlSliceLogics(self):
        return vtk.vtkCollection()


@pytest.fixture
def layout_of(slicer, monkeypatch):
    """Start with a layout; tells which one there is."""

    def make(layout):
        manager = LayoutManager(slicer, layout)
        monkeypatch.setattr(slicer.app, "layoutManager", lambda: manager)
        return manager.node

    return make


ONE_VIEW, FOUR_UP = 6, 3


@pytest.mark.parametrize(("before", "after"), [(0, ONE_VIEW), (2, ONE_VIEW), (FOUR_UP, ONE_VIEW), (29, 29), (34, 34)])
def test_a_mammogram_gets_one_view_unless_the_reader_chose_a_layout(
    panel, make_volume, make_view, layout_of, before, after
):
    node = layout_of(before)
    _, composite = make_view("Red")
    volume = make_volume()
    panel.onSceneTimer()
    panel.onSceneTimer()
    assert node.GetViewArrangement() == after
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_a_layout_is_chosen_for_the_reader_only_once(panel, make_volume, make_view, layout_of):
    node = layout_of(FOUR_UP)
    make_view("Red")
    make_volume("R CC"), make_volume("L CC")
    panel.onSceneTimer()
    panel.onSceneTimer()
    node.SetViewArrangement(FOUR_UP)  # the reader wants it
    panel.ui.inputSelector.setCurrentNode(panel.images._nodes[1])
    panel.onSceneTimer()
    assert node.GetViewArrangement() == FOUR_UP


def test_the_layout_of_a_scene_is_kept(slicer, panel, make_volume, make_view, layout_of, reopened):
    make_volume()
    node = layout_of(FOUR_UP)
    make_view("Red")
    reopened()
    panel.enter()
    panel.onSceneTimer()
    assert panel.parameters.inputVolume is not None
    assert node.GetViewArrangement() == FOUR_UP


def test_an_image_whose_data_come_late_is_shown_and_windowed_when_they_are_there(slicer, panel, make_view):
    _, composite = make_view("Red")
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "R CC")
    volume.CreateDefaultDisplayNodes()
    volume.SetSpacing(0.07, 0.07, 1.0)
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.onSceneTimer()
    assert composite.GetBackgroundVolumeID() is None
    slicer.util.updateVolumeFromArray(volume, np.linspace(2000, 3000, 4800).reshape(1, 60, 80).astype(np.uint16))
    assert panel._sceneTimer.isActive()
    panel.onSceneTimer()
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    assert 2000 < volume.GetDisplayNode().GetLevel() < 3000
    assert panel.ui.applyButton.isEnabled()


def test_an_image_on_an_unseen_view_is_brought_to_the_one_that_is_seen(panel, make_volume, make_view):
    volume = make_volume()
    (red, composite), (yellow, _) = make_view("Red"), make_view("Yellow", volume)
    red.SetMappedInLayout(1)
    yellow.SetMappedInLayout(0)
    panel.onSceneTimer()
    panel.onSceneTimer()
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_no_checked_image_is_said(panel, make_volume):
    make_volume()
    panel.enter()
    panel.parameters.severalImages = True
    panel.ui.imageList.item(0).setCheckState(qt.Qt.Unchecked)
    assert not panel.ui.applyButton.isEnabled()
    assert "Check at least one" in panel.ui.applyButton.toolTip()


def test_four_views_are_hung_by_their_own_function_and_its_note_is_shown(panel, make_volume, monkeypatch):
    hung = []

    def showFourViews(volumeNodes):
        hung.extend(volumeNodes)
        return ["The left CC view is missing."]

    monkeypatch.setitem(sys.modules, "MicrocalcAISlicer.hanging", SimpleNamespace(showFourViews=showFourViews))
    volume = make_volume()
    panel.enter()
    panel.ui.fourViewsButton.click()
    assert hung == [volume]
    assert panel.ui.statusLabel.text() == "The left CC view is missing."


def test_button_turns_into_cancel_while_the_analysis_runs(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    assert panel.state is PanelState.RUNNING
    assert panel.ui.applyButton.text() == "Cancel"
    assert panel.ui.applyButton.isEnabled()
    assert not panel.ui.progressBar.isHidden()
    for widget in (panel.ui.imagesCollapsibleButton, panel.ui.optionsFrame):
        assert not widget.isEnabled()
    panel.analyze.onTimer()
    assert panel.ui.statusLabel.text() == "Candidates"
    assert panel.ui.progressBar.value() == 40


def test_cancel_ends_the_analysis_and_says_so(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.onApplyButton()
    assert not panel.logic.runs[0].isAlive
    assert panel.state is PanelState.IDLE
    assert panel.ui.applyButton.text() == "Analyze"
    assert panel.ui.applyButton.isEnabled()
    assert "nothing was changed" in panel.ui.statusLabel.text()
    assert panel.ui.progressBar.isHidden()
    assert panel.ui.imagesCollapsibleButton.isEnabled()


def test_cancel_keeps_the_images_that_were_finished(panel, make_volume, analysis):
    first, _ = make_volume("R CC"), make_volume("L CC")
    panel.enter()
    panel.parameters.severalImages = True
    panel.onApplyButton()
    finish(panel, panel.logic.showAnalysis(analysis, first))
    panel.onApplyButton()
    assert not panel.logic.runs[1].isAlive
    assert panel.ui.statusLabel.text() == "Canceled; 1 finished images keep their results."
    assert panel.logic.findResults(first) is not None


def test_failure_is_shown_in_the_panel_and_the_panel_stays_usable(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    finish(panel, MicrocalcError("The image is blank."))
    assert panel.ui.statusLabel.text() == "The analysis failed: The image is blank."
    assert panel.state is PanelState.IDLE
    assert panel.ui.applyButton.isEnabled()


def test_unforeseen_failure_also_leaves_the_panel_usable_and_goes_to_the_log(panel, make_volume, caplog):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    finish(panel, KeyError("surprise"))
    assert panel.state is PanelState.IDLE
    assert "surprise" in caplog.text
    assert panel.ui.applyButton.isEnabled()


def test_neither_a_label_map_nor_a_stack_is_taken_for_a_mammogram(slicer, panel, make_volume):
    slicer.util.addVolumeFromArray(np.zeros((1, 9, 9), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    slicer.util.addVolumeFromArray(np.zeros((5, 9, 9), np.uint8))
    panel.enter()
    assert not panel.ui.applyButton.isEnabled()
    assert "5 slices" in panel.ui.applyButton.toolTip()
    volume = make_volume()
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume


def test_closing_the_scene_cancels_and_the_panel_goes_on(slicer, panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    slicer.mrmlScene.Clear(0)
    assert not panel.logic.runs[0].isAlive
    assert panel.state is PanelState.IDLE
    assert table(panel) == []
    assert panel.ui.statusLabel.text() == ""
    volume = make_volume("Next patient")
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.applyButton.isEnabled()


def test_closing_the_scene_while_another_module_is_shown_cancels(slicer, panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.exit()
    panel.parent.isEntered = False
    slicer.mrmlScene.Clear(0)
    assert not panel.logic.runs[0].isAlive
    assert panel.state is PanelState.IDLE


def test_analysis_goes_on_while_another_module_is_shown(panel, make_volume, analysis):
    volume = make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.exit()
    panel.analyze.onTimer()
    finish(panel, panel.logic.showAnalysis(analysis, volume))
    panel.enter()
    assert len(table(panel)) == 2


def test_leaving_the_module_for_good_cancels(panel, make_volume):
    make_volume()
    panel.enter()
    panel.onApplyButton()
    panel.cleanup()
    assert not panel.logic.runs[0].isAlive


def test_missing_packages_are_named_and_block_the_analysis(panel, make_volume, monkeypatch):
    missing = ["numba>=0.60"]
    monkeypatch.setattr(dependencies, "missingPackages", lambda: missing)
    monkeypatch.setattr(dependencies, "installPackages", missing.clear)
    make_volume()
    panel.enter()
    assert "numba>=0.60" in panel.ui.dependencyLabel.text()
    assert not panel.ui.dependencyFrame.isHidden()
    assert not panel.ui.applyButton.isEnabled()
    panel.ui.installButton.click()
    assert panel.ui.dependencyFrame.isHidden()
    assert panel.ui.applyButton.isEnabled()


def test_without_pytorch_the_analysis_works_and_the_panel_says_what_differs(panel, make_volume, monkeypatch):
    missing = ["torch>=2.4"]
    monkeypatch.setattr(dependencies, "missingNetworkPackages", lambda: missing)
    monkeypatch.setattr(dependencies, "installNetworkPackages", missing.clear)
    make_volume()
    panel.parameters.detectionHeatmap = panel.parameters.lesionBoxes = True  # of a scene from another computer
    panel.enter()
    assert "PyTorch is not installed" in panel.ui.dependencyLabel.text()
    assert "Only heatmaps and lesion boxes" in panel.ui.dependencyLabel.text()
    for box in (panel.ui.detectionCheckBox, panel.ui.malignancyCheckBox, panel.ui.boxesToFindCheckBox):
        assert not box.isEnabled()
        assert "Install" in box.toolTip()
    panel.onApplyButton()
    assert (panel.logic.arguments["heatmaps"], panel.logic.arguments["detector"]) == ([], None)
    panel.onApplyButton()
    panel.ui.installButton.click()
    assert panel.ui.dependencyFrame.isHidden()
    assert panel.ui.detectionCheckBox.isEnabled()


def test_without_torchvision_lesion_boxes_are_not_offered_and_the_rest_is_analyzed(panel, make_volume, monkeypatch):
    monkeypatch.setattr(analyzesection, "hasTorchvision", lambda: False)
    make_volume()
    panel.parameters.detectionHeatmap = panel.parameters.lesionBoxes = True
    panel.enter()
    assert not panel.ui.boxesToFindCheckBox.isEnabled()
    assert "torchvision" in panel.ui.boxesToFindCheckBox.toolTip()
    assert panel.ui.detectionCheckBox.isEnabled()
    panel.onApplyButton()
    assert (panel.logic.arguments["heatmaps"], panel.logic.arguments["detector"]) == (["detection"], None)


def test_torchvision_is_looked_for_without_importing_it(slicer, monkeypatch):
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None if name == "torchvision" else name)
    assert not options.hasTorchvision()


def test_network_that_is_not_bundled_is_not_offered(panel, make_volume, monkeypatch):
    monkeypatch.setattr(analyzesection, "hasNetwork", lambda name: name == "detection")
    make_volume()
    panel.parameters.detectionHeatmap = panel.parameters.malignancyHeatmap = panel.parameters.lesionBoxes = True
    panel.enter()
    assert panel.ui.detectionCheckBox.isEnabled()
    for box in (panel.ui.malignancyCheckBox, panel.ui.boxesToFindCheckBox):
        assert not box.isEnabled()
        assert "no network" in box.toolTip()
    panel.onApplyButton()
    assert (panel.logic.arguments["heatmaps"], panel.logic.arguments["detector"]) == (["detection"], None)


def test_failed_installation_is_said_in_the_panel(panel, monkeypatch):
    def fail():
        raise dependencies.InstallationError("The packages were not installed: no network.")

    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba>=0.60"])
    monkeypatch.setattr(dependencies, "installPackages", fail)
    panel.enter()
    panel.ui.installButton.click()
    assert panel.ui.dependencyLabel.text() == "The packages were not installed: no network."
    assert not panel.ui.dependencyFrame.isHidden()


def test_declined_installation_is_told(slicer, monkeypatch):
    monkeypatch.setattr(dependencies.importlib.metadata, "version", lambda name: "0.0.1")
    with pytest.raises(dependencies.InstallationError, match="not installed"):
        dependencies.installPackages()


def test_missing_pytorch_extension_is_told(slicer, monkeypatch):
    monkeypatch.setattr(dependencies.importlib.metadata, "version", lambda name: "0.0.1")
    with pytest.raises(dependencies.InstallationError, match="Extensions Manager"):
        dependencies.installNetworkPackages()


def test_pytorch_is_installed_by_its_extension_with_the_users_consent(slicer, monkeypatch):
    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation, torchVersionRequirement):
            asked.append((askConfirmation, torchVersionRequirement))

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    monkeypatch.setattr(dependencies.importlib.metadata, "version", lambda name: "0.0.1")
    with pytest.raises(dependencies.InstallationError, match="when you want it"):
        dependencies.installNetworkPackages()
    assert asked == [(True, ">=2.4")]


def test_output_of_another_image_is_refused_in_the_tooltip(panel, make_volume, analysis):
    first, second = make_volume("Left CC"), make_volume("Right CC")
    shown = panel.logic.showAnalysis(analysis, first)
    panel.enter()
    panel.ui.inputSelector.setCurrentNode(second)
    panel.ui.outputSelector.setCurrentNode(shown.segmentationNode)
    assert not panel.ui.applyButton.isEnabled()
    assert "another image" in panel.ui.applyButton.toolTip()
