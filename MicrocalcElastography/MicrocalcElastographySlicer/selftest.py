"""MicrocalcElastography's self test inside Slicer."""

import time
import unittest

import numpy as np
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcSlicerShared import dependencies
from MicrocalcSlicerShared.nodes import fillTable, tableRows

from . import regions, sampledata
from .cohortrun import StudyRequest
from .elastogramnodes import calibrationOf, elastogramOf
from .logic import MicrocalcElastographyLogic

_LONGEST_STUDY_S = 300.0


class MicrocalcElastographyTest(ScriptedLoadableModuleTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        outcome = unittest.defaultTestLoader.loadTestsFromTestCase(type(self)).run(unittest.TestResult())
        for _test, trace in outcome.failures + outcome.errors:
            raise AssertionError(trace)

    def test_volume_without_colors_and_unit_is_refused(self):
        volumeNode = slicer.util.addVolumeFromArray(np.ones((1, 50, 40), np.float32))
        with self.assertRaises(MicrocalcError):  # noqa: PT027, there is no pytest in Slicer
            MicrocalcElastographyLogic().process(volumeNode)

    def test_sample_screen_is_converted(self):
        self._needPackages()
        shown = MicrocalcElastographyLogic().process(sampledata.loadScreen())
        values = slicer.util.arrayFromVolume(shown.valueNode)
        valid = slicer.util.arrayFromVolume(shown.validNode) == 1
        assert valid.any()
        assert 0.0 <= values[valid].min() < values[valid].max() <= 300.0

    def test_marked_color_box_is_converted(self):
        self._needPackages()
        logic, volumeNode = MicrocalcElastographyLogic(), sampledata.loadPhantom()
        found = calibrationOf(logic.process(volumeNode).valueNode).box
        roiNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        regions.placeRectangle(roiNode, found.grown(-20), volumeNode)
        place = regions.rectangleOf(roiNode, volumeNode)
        again = logic.process(volumeNode, box=(place.left, place.top, place.right, place.bottom))
        assert calibrationOf(again.valueNode).box == found.grown(-20)

    def test_lesion_is_measured_where_its_outline_is_dragged(self):
        self._needPackages()
        logic = MicrocalcElastographyLogic()
        valueNode, lineNode = self._phantomWithLesion(logic)
        stiff = logic.assess(valueNode, {"lesion": lineNode}).measurement.lesion_statistics.mean
        for index in range(2):
            right, anterior, superior = lineNode.GetNthControlPointPositionWorld(index)
            lineNode.SetNthControlPointPositionWorld(index, right + 7.0, anterior, superior)
        soft = logic.assess(valueNode, {"lesion": lineNode}).measurement.lesion_statistics.mean
        assert stiff > 60.0
        assert soft < 0.8 * stiff

    def test_readings_of_two_readers_are_stored_and_compared(self):
        self._needPackages()
        from MicrocalcElastographyLib.readings import lesion_summary

        logic = MicrocalcElastographyLogic()
        valueNode, lineNode = self._phantomWithLesion(logic)
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
        self._needPackages()
        from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

        tableNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Study")
        fillTable(tableNode, simulate_cohort(20, 20, seed=0))
        run = MicrocalcElastographyLogic().startCohort(tableNode, StudyRequest(resamples=100))
        end = time.monotonic() + _LONGEST_STUDY_S
        try:
            while not run.update() and time.monotonic() < end:
                time.sleep(0.1)
                slicer.app.processEvents()
        finally:
            run.cancel()
        assert "ROC" in run.results.chartNodes

    def _needPackages(self):
        if dependencies.missingPackages():
            self.skipTest("packages are not installed")

    def _phantomWithLesion(self, logic):
        """A converted phantom and a circle on its stiffest part."""
        valueNode = logic.process(sampledata.loadPhantom()).valueNode
        elastogram = elastogramOf(valueNode)
        rows, columns = np.nonzero(np.nan_to_num(elastogram.values) > 60.0)
        row, column = elastogram.box.top + np.median(rows), elastogram.box.left + np.median(columns)
        lineNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Lesion")
        pointNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
        for offset in (-40.0, 40.0):
            regions.placePoint(pointNode, valueNode, float(row), float(column + offset))
            lineNode.AddControlPointWorld(*pointNode.GetNthControlPointPositionWorld(0))
        slicer.mrmlScene.RemoveNode(pointNode)
        return valueNode, lineNode
