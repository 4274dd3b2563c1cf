"""MicrocalcElastography's self test inside Slicer: a walk through the panel, and the flows of a script."""

import tempfile
from pathlib import Path

import numpy as np
import slicer

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.nodes import fillTable, tableRows
from MicrocalcSlicerShared.panel import valueOf
from MicrocalcSlicerShared.selftests import PanelSelfTest

from . import regions, sampledata
from .cohortrun import StudyRequest
from .cohortsection import CohortState
from .elastogramnodes import calibrationOf, elastogramOf
from .logic import MicrocalcElastographyLogic
from .parameternode import Shape

_RADIUS_PX = 40.0  # of the circle on the stiff part of the simulated screen
_FAT_PX, _FAT_RADIUS_PX = 80.0, 12.0  # to the left of the lesion's middle


class MicrocalcElastographyTest(PanelSelfTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    # The panel

    def test_screen_whose_pixels_come_late_is_converted_in_the_panel(self):
        panel = self._panel()
        sample = sampledata.loadPhantom()
        pixels, spacing = slicer.util.arrayFromVolume(sample).copy(), sample.GetSpacing()
        slicer.mrmlScene.RemoveNode(sample)
        late = self.addLateVolume("vtkMRMLVectorVolumeNode", "Late")
        late.SetSpacing(spacing)
        panel.parameters.inputVolume = late
        assert not panel.ui.convertButton.isEnabled()
        slicer.util.updateVolumeFromArray(late, pixels)
        self.wait(panel.ui.convertButton.isEnabled, "the panel sees the pixels")
        self.press(panel.ui.convertButton)
        assert panel.elastogram() is not None

    def test_tabs_are_walked_through_and_come_back_with_the_scene(self):
        panel, ui = self._measuredPanel()
        self.press(ui.barButton, ui.boxButton, ui.convertAgainButton, ui.resetButton, ui.convertAgainButton)
        self.press(ui.boxPointButton, ui.measureButton)
        panel.parameters.readerLabel = "A"
        panel.parameters.readingLesion = "lesion 1"
        self.press(ui.storeButton, ui.storeButton)
        assert [reading.repeat for reading in panel.logic.readings()] == [1, 2]
        ui.readingsTable.selectRow(0)
        self.press(ui.deleteButton, ui.undoButton)
        with tempfile.TemporaryDirectory() as folder:
            panel.parameters.exportFolder = Path(folder)
            self.press(ui.exportButton, ui.pictureButton)
            assert {"readings.csv", "lesions.csv"} <= {path.name for path in Path(folder).iterdir()}
            self.press(ui.toCohortButton)
            assert panel.parameters.cohortTable is not None
            measured = _boxNumbers(ui)
            panel.parameters.exportFolder = Path()
            self.saveAndReopen(Path(folder))
        if panel.parameters is None:  # there is no window, so no module is shown
            panel.enter()
        self.wait(lambda: panel.measureSection.assessment is not None, "the reopened scene is measured")
        assert panel.parameters.lesionMarkup is not None
        assert _boxNumbers(ui) == measured, f"{_boxNumbers(ui)} instead of {measured}"
        assert len(panel.logic.readings()) == 2

    def test_study_is_canceled_and_analyzed_in_the_panel(self):
        panel = self._panel()
        ui = panel.ui
        panel.parameters.cohortTable = _studyTable()
        self.press(ui.analyzeButton)
        assert panel.cohortSection.state is CohortState.RUNNING
        self.press(ui.analyzeButton)
        assert panel.cohortSection.state is CohortState.IDLE
        assert not ui.chartButton.isEnabled()
        self.press(ui.analyzeButton)
        self.wait(lambda: panel.cohortSection.state is CohortState.IDLE, "the study ends")
        for index in range(valueOf(ui.chartSelector.count)):
            ui.chartSelector.setCurrentIndex(index)
            self.press(ui.chartButton)
        assert valueOf(ui.chartSelector.count) > 2

    # Scripts

    def test_volume_without_colors_and_unit_is_refused(self):
        volumeNode = slicer.util.addVolumeFromArray(np.ones((1, 50, 40), np.float32))
        with self.assertRaises(MicrocalcError):  # noqa: PT027, there is no pytest in Slicer
            MicrocalcElastographyLogic().process(volumeNode)

    def test_sample_screen_is_converted(self):
        self.needPackages()
        shown = MicrocalcElastographyLogic().process(sampledata.loadScreen())
        values = slicer.util.arrayFromVolume(shown.valueNode)
        valid = slicer.util.arrayFromVolume(shown.validNode) == 1
        assert valid.any()
        assert 0.0 <= values[valid].min() < values[valid].max() <= 300.0

    def test_marked_color_box_is_converted(self):
        self.needPackages()
        logic, volumeNode = MicrocalcElastographyLogic(), sampledata.loadPhantom()
        found = calibrationOf(logic.process(volumeNode).valueNode).box
        roiNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        regions.placeRectangle(roiNode, found.grown(-20), volumeNode)
        place = regions.rectangleOf(roiNode, volumeNode)
        again = logic.process(volumeNode, box=(place.left, place.top, place.right, place.bottom))
        assert calibrationOf(again.valueNode).box == found.grown(-20)

    def test_lesion_is_measured_where_its_outline_is_dragged(self):
        self.needPackages()
        logic = MicrocalcElastographyLogic()
        valueNode, lineNode = _phantomWithLesion(logic)
        stiff = logic.assess(valueNode, {"lesion": lineNode}).measurement.lesion_statistics.mean
        for index in range(2):
            right, anterior, superior = lineNode.GetNthControlPointPositionWorld(index)
            lineNode.SetNthControlPointPositionWorld(index, right + 7.0, anterior, superior)
        soft = logic.assess(valueNode, {"lesion": lineNode}).measurement.lesion_statistics.mean
        assert stiff > 60.0
        assert soft < 0.8 * stiff

    def test_readings_of_two_readers_are_stored_and_compared(self):
        self.needPackages()
        from MicrocalcElastographyLib.readings import lesion_summary

        logic = MicrocalcElastographyLogic()
        valueNode, lineNode = _phantomWithLesion(logic)
        assessment = logic.assess(valueNode, {"lesion": lineNode})
        logic.showAssessment(assessment, valueNode)
        for reader in ("A", "A", "B"):
            logic.store(assessment, lesion="lesion 1", reader=reader)
        assert [reading.repeat for reading in logic.readings()] == [1, 2, 1]
        assert any(
            "A and B differ by" in sentence for _status, sentence in lesion_summary(logic.readings(), "lesion 1")
        )
        assert tableRows(logic.findMeasurement(valueNode).measurementTableNode)

    def test_study_is_analyzed_in_a_child_process(self):
        self.needPackages()
        run = MicrocalcElastographyLogic().startCohort(_studyTable(), StudyRequest(resamples=100))
        try:
            self.wait(run.update, "the study ends")
        finally:
            run.cancel()
        assert "ROC" in run.results.chartNodes

    def _panel(self):
        return self.openPanel("MicrocalcElastography")

    def _measuredPanel(self):
        """The panel with a converted screen on which lesion and fat were drawn with its buttons, and its widgets."""
        panel = self._panel()
        ui, volumeNode = panel.ui, sampledata.loadPhantom()
        panel.parameters.inputVolume = volumeNode
        self.wait(ui.convertButton.isEnabled, "the panel sees the pixels")
        self.press(ui.convertButton)
        valueNode = panel.elastogram().valueNode
        panel.parameters.shape = Shape.CIRCLE
        row, column = _stiffPlace(valueNode)
        for button, name, left, radius in (
            (ui.lesionButton, "lesionMarkup", 0.0, _RADIUS_PX),
            (ui.fatButton, "fatMarkup", _FAT_PX, _FAT_RADIUS_PX),
        ):
            self.press(button)
            _endPlacing()
            _drawCircle(getattr(panel.parameters, name), valueNode, row, column - left, radius)
        self.wait(lambda: panel.measureSection.assessment is not None, "the drawn lesion is measured")
        return panel, ui


def _boxNumbers(ui):
    """The first line of the headline: what was measured in the box. Ratios hang on the rounding of saved points."""
    return valueOf(ui.headlineLabel.text).partition("<br>")[0]


def _studyTable():
    from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

    tableNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Study")
    fillTable(tableNode, simulate_cohort(20, 20, seed=0))
    return tableNode


def _phantomWithLesion(logic):
    """A converted phantom and a circle on its stiffest part."""
    valueNode = logic.process(sampledata.loadPhantom()).valueNode
    lineNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Lesion")
    _drawCircle(lineNode, valueNode, *_stiffPlace(valueNode), _RADIUS_PX)
    return valueNode, lineNode


def _stiffPlace(valueNode):
    """Row and column, in the screen, of the middle of what is stiff."""
    elastogram = elastogramOf(valueNode)
    rows, columns = np.nonzero(np.nan_to_num(elastogram.values) > 60.0)
    return elastogram.box.top + np.median(rows), elastogram.box.left + np.median(columns)


def _drawCircle(lineNode, valueNode, row, column, radiusPx):
    """Place the ends of a line that is the diameter of a circle."""
    pointNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for offset in (-radiusPx, radiusPx):
        regions.placePoint(pointNode, valueNode, float(row), float(column + offset))
        lineNode.AddControlPointWorld(*pointNode.GetNthControlPointPositionWorld(0))
    slicer.mrmlScene.RemoveNode(pointNode)


def _endPlacing():
    """Take the mouse away from what a button let the user place."""
    interactionNode = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    if interactionNode is not None:
        interactionNode.SwitchToViewTransformMode()
