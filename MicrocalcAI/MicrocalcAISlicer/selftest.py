"""MicrocalcAI's self test inside Slicer: the flows of a reader, through the panel and by script."""

import tempfile
from pathlib import Path

import numpy as np
import slicer

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import removeNode
from MicrocalcSlicerShared.panel import valueOf
from MicrocalcSlicerShared.selftests import PanelSelfTest

from . import sampledata
from .analyzesection import PanelState
from .examimages import examsOf
from .exammarkups import markupsWithImage
from .examrecord import findExam
from .inputvolume import mammogramNodes
from .logic import MicrocalcAILogic
from .parameternode import Heatmap
from .results import clusterRows, findResults

_CROP = (slice(700, 1700), slice(1500, 2300))  # of the simulated mammogram: two of its clusters lie in it


class MicrocalcAITest(PanelSelfTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    def test_sample_mammogram_lies_upright_with_its_spacing(self):
        self.needPackages()
        volumeNode = sampledata.loadPhantom()
        MicrocalcAILogic().checkInput(volumeNode)
        assert volumeNode.GetImageData().GetDimensions()[2] == 1

    def test_volume_without_spacing_is_refused(self):
        volumeNode = slicer.util.addVolumeFromArray(np.zeros((1, 50, 40), np.uint16))
        with self.assertRaises(MicrocalcError):  # noqa: PT027, there is no pytest in Slicer
            MicrocalcAILogic().checkInput(volumeNode)

    def test_image_whose_pixels_come_late_can_be_analyzed_in_the_panel(self):
        panel = self._panel()
        late = self.addLateVolume("vtkMRMLScalarVolumeNode", "L CC")
        late.SetSpacing(0.07, 0.07, 1.0)
        panel.parameters.inputVolume = late
        assert not panel.ui.applyButton.isEnabled()
        slicer.util.updateVolumeFromArray(late, np.zeros((1, 600, 400), np.uint16))
        self.wait(panel.ui.applyButton.isEnabled, "the panel sees the pixels")

    def test_reader_goes_from_image_to_export(self):
        panel = self._panel()
        ui, volumeNode = panel.ui, _croppedSample()
        panel.parameters.inputVolume = volumeNode
        self.wait(ui.applyButton.isEnabled, "the panel sees the pixels")
        self.press(ui.fourViewsButton, ui.applyButton)
        assert panel.state is PanelState.RUNNING
        self.wait(lambda: self._isFinished(panel), "the analysis ends")
        results = findResults(volumeNode)
        assert results is not None, "the analysis failed"
        assert results.segmentationNode.GetSegmentation().GetNumberOfSegments() > 0
        assert len(clusterRows(results.clustersTableNode)) > 0

        ui.clusterTable.selectRow(0)
        self.press(ui.rejectButton)
        assert clusterRows(results.clustersTableNode)[0]["reader_decision"] == "rejected"
        self.press(ui.undoButton)
        assert clusterRows(results.clustersTableNode)[0]["reader_decision"] == "-"
        self.press(ui.acceptButton, ui.wholeImageButton)
        panel.parameters.outlineOpacity = 0.5
        panel.parameters.showGraph = True
        panel.parameters.heatmap = Heatmap.NONE
        if slicer.util.mainWindow() is not None:  # the Segment Editor needs one
            self.press(ui.editButton)
            panel = self._panel()

        with tempfile.TemporaryDirectory() as folder:
            panel.parameters.exportFolder = Path(folder)
            self.press(ui.exportButton)
            (written,) = Path(folder).iterdir()
            assert "accepted" in (written / "clusters.csv").read_text(encoding="utf-8")
            assert (written / "calcifications.seg.nrrd").is_file()
            self.saveAndReopen(Path(folder))
        panel = self._panel()
        volumeNode = panel.parameters.inputVolume
        assert volumeNode is not None
        assert clusterRows(findResults(volumeNode).clustersTableNode)[0]["reader_decision"] == "accepted"
        self.wait(ui.exportButton.isEnabled, "the reopened results can be exported")

    def test_exam_of_two_views_is_put_together_and_follows_the_nipple(self):
        panel = self._panel()
        exam = panel.exam.ui
        second = _sample("R MLO", (slice(None), slice(None)))
        part = slicer.util.arrayFromVolume(second)[0][_CROP].copy()
        first = slicer.util.addVolumeFromArray(part[np.newaxis], ijkToRas(second), "R CC")
        panel.parameters.inputVolume = second
        self.wait(exam.analyzeExamButton.isEnabled, "the panel sees the exam")
        self.press(exam.analyzeExamButton)
        self.wait(lambda: self._isFinished(panel) and _onlyExam() is not None, "the exam ends")
        record = _onlyExam()
        assert set(record.nodes.values()) == {first, second}
        assert valueOf(exam.findingsTable.rowCount) == len(record.exam.findings) > 0
        exam.findingsTable.selectRow(0)
        self.press(exam.hangExamButton)
        view = next(view for view in record.exam.views if view.frame is not None)
        markups = next(node for node, volume in markupsWithImage() if volume is record.nodes[view.identity.name])
        position = np.array(markups.GetNthControlPointPositionWorld(0))
        markups.SetNthControlPointPositionWorld(0, *np.add(position, (0, 3, 0)))
        self.wait(lambda: findExam(record.exam.key).moves != record.moves, "the exam follows the point")
        with tempfile.TemporaryDirectory() as folder:
            panel.parameters.exportFolder = Path(folder)
            self.press(exam.examPageButton)
            assert len(list(Path(folder).glob("*.html"))) == 1

    def test_cancel_and_closing_the_scene_end_the_analysis(self):
        panel = self._panel()
        volumeNode = _croppedSample()
        for end in (panel.ui.applyButton.click, slicer.mrmlScene.Clear):
            panel.enter()
            panel.parameters.inputVolume = volumeNode
            self.press(panel.ui.applyButton)
            assert panel.state is PanelState.RUNNING
            end()
            assert panel.state is PanelState.IDLE
            assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []

    def test_several_images_are_analyzed_by_script(self):
        self.needPackages()
        blank = slicer.util.addVolumeFromArray(np.zeros((1, 600, 400), np.uint16), np.diag([-0.07, -0.07, 1.0, 1.0]))
        outcomes = MicrocalcAILogic().processImages([blank, _croppedSample()])
        assert outcomes[1].results.calcificationsTableNode.GetNumberOfRows() > 0, outcomes

    def _panel(self):
        return self.openPanel("MicrocalcAI")

    def _isFinished(self, panel):
        panel.analyze.onTimer()
        panel.exam.onWorkTimer()
        return panel.state is PanelState.IDLE


def _onlyExam():
    """The exam of the scene, once it is there."""
    (exam,) = examsOf(mammogramNodes())
    return findExam(exam.group.key)


def _croppedSample():
    """The part of the simulated mammogram that holds two clusters: as much, and quicker."""
    return _sample("R MLO part", _CROP)


def _sample(name, crop):
    """A part of the simulated mammogram, without the truth."""
    whole = sampledata.loadPhantom()
    pixels = slicer.util.arrayFromVolume(whole)[0][crop].copy()
    matrix = ijkToRas(whole)
    for node in (whole, *(slicer.util.getNode(f"{whole.GetName()} {what}") for what in ("truth", "true clusters"))):
        removeNode(node)
    return slicer.util.addVolumeFromArray(pixels[np.newaxis], matrix, name)
