"""MicrocalcElastography's self test inside Slicer."""

import unittest

import numpy as np
import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from MicrocalcAILib.errors import MicrocalcError
from MicrocalcAISlicer import dependencies

from . import sampledata
from .logic import MicrocalcElastographyLogic


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
        if dependencies.missingPackages():
            self.skipTest("packages are not installed")
        shown = MicrocalcElastographyLogic().process(sampledata.loadScreen())
        values = slicer.util.arrayFromVolume(shown.valueNode)
        valid = slicer.util.arrayFromVolume(shown.validNode) == 1
        assert valid.any()
        assert 0.0 <= values[valid].min() < values[valid].max() <= 300.0
