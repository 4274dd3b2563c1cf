"""The bases of a scripted module, without the parts that need the application."""

import sys
import unittest
from pathlib import Path

import slicer


def _resourcePath(instance, filename):
    return str(Path(sys.modules[type(instance).__module__].__file__).parent / "Resources" / filename)


class ScriptedLoadableModule:
    resourcePath = _resourcePath

    def __init__(self, parent):
        self.parent = parent


class ScriptedLoadableModuleWidget:
    resourcePath = _resourcePath

    def __init__(self, parent=None):
        import qt  # here, so that logics can be tested where Qt cannot run

        self.parent = parent or qt.QWidget()
        self.parent.isEntered = True
        self.layout = qt.QVBoxLayout(self.parent)

    def setup(self):
        pass


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None):
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    pass
