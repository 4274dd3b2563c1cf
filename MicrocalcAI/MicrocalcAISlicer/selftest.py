"""MicrocalcAI's self test inside Slicer: the flows of a reader, through the panel and by script."""

import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared import dependencies
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import removeNode

from . import sampledata
from .analyzesection import PanelState
from .logic import MicrocalcAILogic
from .results import clusterRows, findResults

_MOST_SECONDS = 300
_CROP = (slice(700, 1700), slice(1500, 2300))  # of the simulated mammogram: two of its clusters lie in it


class MicrocalcAITest(ScriptedLoadableModuleTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        outcome = unittest.defaultTestLoader.loadTestsFromTestCase(type(self)).run(unittest.TestResult())
        for _test, trace in outcome.failures + outcome.errors:
            raise AssertionError(trace)

    def test_sample_mammogram_lies_upright_with_its_spacing(self):
        self._needPackages()
        volumeNode = sampledata.loadPhantom()
        MicrocalcAILogic().checkInput(volumeNode)
        assert volumeNode.GetImageData().GetDimensions()[2] == 1

    def test_volume_without_spacing_is_refused(self):
        volumeNode = slicer.util.addVolumeFromArray(np.zeros((1, 50, 40), np.uint16))
        with self.assertRaises(MicrocalcError):  # noqa: PT027, there is no pytest in Slicer
            MicrocalcAILogic().checkInput(volumeNode)

    def test_reader_goes_from_image_to_export(self):
        panel = self._panel()
        volumeNode = _croppedSample()
        panel.enter()
        panel.parameters.inputVolume = volumeNode
        panel.ui.applyButton.click()
        assert panel.state is PanelState.RUNNING
        self._wait(panel)
        results = findResults(volumeNode)
        assert results is not None, "the analysis failed"
        assert results.segmentationNode.GetSegmentation().GetNumberOfSegments() > 0
        assert len(clusterRows(results.clustersTableNode)) > 0

        panel.ui.clusterTable.selectRow(0)
        panel.ui.rejectButton.click()
        assert clusterRows(results.clustersTableNode)[0]["reader_decision"] == "rejected"
        panel.ui.undoButton.click()
        assert clusterRows(results.clustersTableNode)[0]["reader_decision"] == "-"
        panel.ui.acceptButton.click()
        panel.parameters.outlineOpacity = 0.5
        panel.parameters.showGraph = True

        with tempfile.TemporaryDirectory() as folder:
            panel.parameters.exportFolder = Path(folder)
            panel.ui.exportButton.click()
            (written,) = Path(folder).iterdir()
            assert "accepted" in (written / "clusters.csv").read_text(encoding="utf-8")
            assert (written / "calcifications.seg.nrrd").is_file()
            _saveAndReopen(Path(folder))
        panel.enter()
        volumeNode = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", volumeNode.GetName())
        assert clusterRows(findResults(volumeNode).clustersTableNode)[0]["reader_decision"] == "accepted"

    def test_cancel_and_closing_the_scene_end_the_analysis(self):
        panel = self._panel()
        volumeNode = _croppedSample()
        for end in (panel.ui.applyButton.click, slicer.mrmlScene.Clear):
            panel.enter()
            panel.parameters.inputVolume = volumeNode
            panel.ui.applyButton.click()
            assert panel.state is PanelState.RUNNING
            end()
            assert panel.state is PanelState.IDLE
            assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []

    def test_several_images_are_analyzed_by_script(self):
        self._needPackages()
        blank = slicer.util.addVolumeFromArray(np.zeros((1, 600, 400), np.uint16), np.diag([-0.07, -0.07, 1.0, 1.0]))
        outcomes = MicrocalcAILogic().processImages([blank, _croppedSample()])
        assert outcomes[1].results.calcificationsTableNode.GetNumberOfRows() > 0, outcomes

    def _needPackages(self):
        if dependencies.missingPackages():
            self.skipTest("packages are not installed")

    def _panel(self):
        self._needPackages()
        return slicer.util.getModuleWidget("MicrocalcAI")

    def _wait(self, panel):
        end = time.monotonic() + _MOST_SECONDS
        while panel.state is PanelState.RUNNING:
            assert time.monotonic() < end, "the analysis takes too long"
            slicer.app.processEvents()
            panel.analyze.onTimer()
            time.sleep(0.02)


def _croppedSample():
    """The part of the simulated mammogram that holds two clusters, without the truth: as much, and quicker."""
    whole = sampledata.loadPhantom()
    pixels = slicer.util.arrayFromVolume(whole)[0][_CROP].copy()
    matrix = ijkToRas(whole)
    for node in (whole, *(slicer.util.getNode(f"{whole.GetName()} {what}") for what in ("truth", "true clusters"))):
        removeNode(node)
    return slicer.util.addVolumeFromArray(pixels[np.newaxis], matrix, "R MLO part")


def _saveAndReopen(folder):
    bundle = folder / "bundle"
    bundle.mkdir()
    assert slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(str(bundle), None)
    slicer.mrmlScene.Clear()
    (file,) = bundle.rglob("*.mrml")
    slicer.util.loadScene(str(file))
