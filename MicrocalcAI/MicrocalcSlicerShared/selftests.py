"""What the self tests inside Slicer have in common: a panel to walk through, waiting, scenes that are opened again."""

import time
import unittest

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleTest

from . import dependencies
from .panel import valueOf

_MOST_SECONDS = 300.0
_PAUSE_S = 0.02


class PanelSelfTest(ScriptedLoadableModuleTest):
    """Self test inside Slicer: ctest runs each test, Reload and Test runs them all."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        outcome = unittest.defaultTestLoader.loadTestsFromTestCase(type(self)).run(unittest.TestResult())
        for _test, trace in outcome.failures + outcome.errors:
            raise AssertionError(trace)

    def needPackages(self):
        """Skip the test where nothing can be computed yet."""
        if dependencies.missingPackages():
            self.skipTest("packages are not installed")

    def openPanel(self, module):
        """The panel of a module, opened and bound to its parameters."""
        self.needPackages()
        if slicer.util.mainWindow() is not None:
            slicer.util.selectModule(module)
        panel = slicer.util.getModuleWidget(module)
        if panel.parameters is None:
            panel.enter()
        return panel

    def wait(self, isSo, what, seconds=_MOST_SECONDS):
        """Let Slicer work until something is so; the test fails when it does not become so."""
        end = time.monotonic() + seconds
        while not isSo():
            assert time.monotonic() < end, f"{what} does not happen"
            slicer.app.processEvents()
            time.sleep(_PAUSE_S)

    def press(self, *buttons):
        """Press buttons one after the other; each has to be enabled."""
        for button in buttons:
            assert button.isEnabled(), f"{valueOf(button.objectName)} is not enabled: {valueOf(button.toolTip)}"
            button.click()
            slicer.app.processEvents()

    def addLateVolume(self, className, name):
        """A volume node without image data, as many loaders add it."""
        node = slicer.mrmlScene.AddNewNodeByClass(className, name)
        slicer.app.processEvents()
        return node

    def saveAndReopen(self, folder):
        """Save the scene as a bundle into a folder, close it and open it again, whatever panel is shown."""
        bundle = folder / "bundle"
        bundle.mkdir()
        assert slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(str(bundle), None)
        slicer.mrmlScene.Clear()
        (file,) = bundle.rglob("*.mrml")
        slicer.util.loadScene(str(file))
        slicer.app.processEvents()
