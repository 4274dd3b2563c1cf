"""MicrocalcAI's self test inside Slicer."""

import unittest

import numpy as np
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from MicrocalcAILib.errors import MicrocalcError

from . import dependencies, sampledata
from .logic import MicrocalcAILogic


class MicrocalcAITest(ScriptedLoadableModuleTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        outcome = unittest.defaultTestLoader.loadTestsFromTestCase(type(self)).run(unittest.TestResult())
        for _test, trace in outcome.failures + outcome.errors:
            raise AssertionError(trace)

    def test_sample_mammogram_lies_upright_with_its_spacing(self):
        volumeNode = sampledata.loadSample()
        MicrocalcAILogic().checkInput(volumeNode)
        assert volumeNode.GetImageData().GetDimensions()[2] == 1

    def test_volume_without_spacing_is_refused(self):
        volumeNode = slicer.util.addVolumeFromArray(np.zeros((1, 50, 40), np.uint16))
        with self.assertRaises(MicrocalcError):  # noqa: PT027, there is no pytest in Slicer
            MicrocalcAILogic().checkInput(volumeNode)

    def test_sample_mammogram_is_analyzed(self):
        if dependencies.missingPackages():
            self.skipTest("packages are not installed")
        results = MicrocalcAILogic().process(sampledata.loadSample())
        assert results.calcificationsTableNode.GetNumberOfRows() > 0
        assert results.segmentationNode.GetSegmentation().GetNumberOfSegments() > 0
