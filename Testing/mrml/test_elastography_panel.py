"""What the elastography panel does, with a stand-in for Qt and a real scene."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from slicer import mrmlwidgets

import MicrocalcElastography
from MicrocalcAILib.errors import MicrocalcError, WarningRecord
from MicrocalcAISlicer import dependencies
from MicrocalcElastography import MicrocalcElastographyWidget
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from mrml.elastography_scene import draw, fat_mask, frame_mask, load_screen, simulated
from stand_ins import application


class Logic(MicrocalcElastographyLogic):
    """Logic that remembers what it was asked for."""

    def process(self, source, **arguments):
        self.asked = arguments
        return super().process(source, **arguments)

    def analyzeCohort(self, source, outcome, reportFolder):
        self.study = (source, outcome, reportFolder)
        if outcome == "nothing":
            raise MicrocalcError("The table has no column “nothing”.")
        return SimpleNamespace(rocChartNode=None, warnings=(WarningRecord("small-group", "Only 5 lesions."),))


@pytest.fixture
def panel(slicer, monkeypatch):
    """The panel as Slicer builds it, in a scene that the test fills."""
    application.startWithWidgets()
    monkeypatch.setattr(MicrocalcElastography, "MicrocalcElastographyLogic", Logic)
    monkeypatch.setattr(dependencies, "missingPackages", list)
    panel = MicrocalcElastographyWidget()
    panel.setup()
    yield panel
    panel.cleanup()
    panel.parent.findChild(mrmlwidgets.qMRMLWidget).setMRMLScene(None)


@pytest.fixture
def converted(slicer, panel, tmp_path):
    """The panel after a conversion; the screen's node."""
    screen = load_screen(tmp_path)
    panel.enter()
    panel.onConvertButton()
    return screen


def texts(widget):
    columns = range(widget.columnCount())
    return [[widget.item(row, column).text() for column in columns] for row in range(widget.rowCount())]


def test_panel_is_built_without_a_main_window_and_says_what_is_missing(slicer, panel):
    assert slicer.util.mainWindow() is None
    for button, reason in (
        (panel.ui.loadButton, "Choose the file"),
        (panel.ui.convertButton, "Select the ultrasound screen"),
        (panel.ui.measureButton, "Convert the screen first"),
        (panel.ui.analyzeButton, "table of the study"),
    ):
        assert not button.isEnabled()
        assert reason in button.toolTip()


def test_file_is_loaded_and_selected(slicer, panel, tmp_path):
    path = tmp_path / "capture.png"
    Image.fromarray(simulated().frame).save(path)
    panel.ui.fileEdit.setCurrentPath(str(path))
    assert panel.ui.loadButton.isEnabled()
    panel.onLoadButton()
    node = panel.ui.inputSelector.currentNode()
    assert node.GetName() == "capture"
    assert panel.ui.convertButton.isEnabled()


def test_convert_takes_everything_from_the_picture_unless_told_otherwise(slicer, panel, converted):
    assert panel.logic.asked == {
        "frame": 0,
        "unit": None,
        "valuesAtEnds": None,
        "opacity": None,
        "spacingMm": None,
    }
    assert panel.ui.statusLabel.text() == "Converted."
    assert "180 / 0" in panel.ui.summaryLabel.text()
    assert (panel.ui.upperEndSpinBox.value(), panel.ui.lowerEndSpinBox.value()) == (180.0, 0.0)
    assert not panel.ui.upperEndSpinBox.isEnabled()


def test_what_the_user_enters_is_handed_over(panel, converted):
    panel.ui.rangeCheckBox.setChecked(False)
    assert panel.ui.upperEndSpinBox.isEnabled()
    panel.ui.upperEndSpinBox.setValue(360.0)
    panel.ui.opacitySpinBox.setValue(50.0)
    panel.ui.unitSelector.setCurrentIndex(1)
    panel.ui.spacingSpinBox.setValue(0.1)
    panel.onConvertButton()
    assert panel.logic.asked == {
        "frame": 0,
        "unit": "kPa",
        "valuesAtEnds": (360.0, 0.0),
        "opacity": 0.5,
        "spacingMm": 0.1,
    }
    assert panel.ui.upperEndSpinBox.value() == 360.0


def test_converted_values_lie_over_the_screen(slicer, panel, tmp_path):
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    screen = load_screen(tmp_path)
    panel.enter()
    panel.onConvertButton()
    shown = panel.logic.findElastogram(screen)
    assert composite.GetBackgroundVolumeID() == screen.GetID()
    assert composite.GetForegroundVolumeID() == shown.valueNode.GetID()


def test_refusal_is_shown_in_the_panel(slicer, panel):
    gray = np.full((1, 60, 80, 3), 90, np.uint8)
    slicer.util.addVolumeFromArray(gray, None, "Gray", "vtkMRMLVectorVolumeNode")
    panel.enter()
    panel.onConvertButton()
    assert "does not tell" in panel.ui.statusLabel.text()
    assert panel.ui.convertButton.isEnabled()


def test_map_of_values_needs_its_unit(slicer, panel):
    volume = slicer.util.addVolumeFromArray(np.ones((1, 9, 9), np.float32))
    panel.enter()
    panel.ui.inputSelector.setCurrentNode(volume)
    assert "choose the unit" in panel.ui.convertButton.toolTip()
    panel.ui.unitSelector.setCurrentIndex(2)
    assert panel.ui.convertButton.isEnabled()


def test_measure_needs_a_lesion_and_lists_numbers_and_protocol(slicer, panel, converted):
    assert "segment “lesion”" in panel.ui.measureButton.toolTip()
    screen = simulated()
    regions = draw(slicer, converted, Lesion=frame_mask(screen, screen.lesion), fat=fat_mask(screen))
    panel.ui.segmentationSelector.setCurrentNode(regions)
    assert panel.ui.measureButton.isEnabled()
    panel.ui.boxSpinBox.setValue(3.0)
    panel.ui.precompressionSpinBox.setValue(2.5)
    panel.onMeasureButton()
    assert panel.ui.statusLabel.text() == "Measured."
    rows = texts(panel.ui.measurementTable)
    shown = panel.logic.findMeasurement(panel.logic.findElastogram(converted).valueNode)
    assert len(rows) == shown.measurementTableNode.GetNumberOfRows()
    (mean,) = [row for row in rows if row[:2] == ["measurement box", "mean"]]
    assert 90.0 < float(mean[2]) < 180.0
    assert mean[3] == "kPa"
    assert any(row[1] == "stiffness ratio" for row in rows)
    assert {row[0] for row in texts(panel.ui.protocolTable)} <= {"pass", "warn", "cannot tell"}
    box = shown.boxSegmentationNode.GetSegmentation().GetNthSegment(0)
    assert box.GetName() == "stiffest 3 mm box"
    assert "score" in panel.ui.warningsLabel.text()


def test_results_belong_to_the_selected_screen(slicer, panel, converted, tmp_path):
    other = load_screen(tmp_path, name="Other")
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.ui.summaryLabel.text() == "This image has not been converted."
    panel.ui.inputSelector.setCurrentNode(converted)
    assert "kPa" in panel.ui.summaryLabel.text()


def test_study_is_analyzed_with_what_the_panel_shows(panel, tmp_path):
    table = tmp_path / "study.csv"
    table.write_text("lesion,outcome\n")
    panel.ui.cohortPathEdit.setCurrentPath(str(table))
    assert panel.ui.analyzeButton.isEnabled()
    panel.onAnalyzeButton()
    assert panel.logic.study == (table, None, None)
    assert "Only 5 lesions." in panel.ui.cohortLabel.text()
    panel.ui.outcomeEdit.setText("nothing")
    panel.ui.reportEdit.setCurrentPath(str(tmp_path))
    panel.onAnalyzeButton()
    assert panel.logic.study == (table, "nothing", tmp_path)
    assert panel.ui.cohortLabel.text() == "The table has no column “nothing”."


def test_missing_packages_are_named_and_block_everything(panel, converted, monkeypatch):
    missing = ["pandas>=2.0"]
    monkeypatch.setattr(dependencies, "missingPackages", lambda: missing)
    monkeypatch.setattr(dependencies, "installPackages", missing.clear)
    panel.enter()
    assert "pandas>=2.0" in panel.ui.dependencyLabel.text()
    assert not panel.ui.convertButton.isEnabled()
    panel.onInstallButton()
    assert panel.ui.dependencyFrame.isHidden()
    assert panel.ui.convertButton.isEnabled()


def test_closing_the_scene_empties_the_panel_and_it_goes_on(slicer, panel, converted, tmp_path):
    slicer.mrmlScene.Clear(0)
    assert texts(panel.ui.measurementTable) == []
    assert panel.ui.statusLabel.text() == ""
    assert panel.ui.summaryLabel.text() == "This image has not been converted."
    screen = load_screen(tmp_path)
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is screen


def test_own_results_are_not_selected_as_input(slicer, panel):
    place = np.diag([-1.0, -1.0, 1.0, 1.0])
    volume = slicer.util.addVolumeFromArray(simulated().frame[np.newaxis], place, "Z", "vtkMRMLVectorVolumeNode")
    panel.logic.process(volume, spacingMm=0.1)
    slicer.mrmlScene.RemoveNode(panel.logic.findElastogram(volume).validNode)
    panel._parameterNode.inputVolume = None
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume
