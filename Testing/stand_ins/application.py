"""A running "Slicer" for tests: the real MRML scene and logics of slicer-core, and plain stand-ins for the rest."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

_FOLDER = Path(__file__).resolve().parent
_LOGIC_CLASSES = {
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
}


class Application:
    """What modules ask of ``slicer.app``. In testing mode message boxes do not open."""

    applicationName = "Slicer stand-in"

    def __init__(self, applicationLogic):
        self._applicationLogic = applicationLogic
        self.connections = []

    def applicationLogic(self):
        return self._applicationLogic

    def connect(self, signal, slot):
        self.connections.append((signal, slot))

    def testingEnabled(self):
        return True

    def layoutManager(self):
        return None

    def topLevelWidgets(self):
        return []

    def setOverrideCursor(self, cursor):
        pass

    def restoreOverrideCursor(self):
        pass

    def processEvents(self):
        import slicer

        if hasattr(slicer, "qtApplication"):
            slicer.qtApplication.processEvents()


def start():
    """Set up ``slicer`` as modules find it inside the application, once per Python process."""
    import slicer
    import vtk

    if hasattr(slicer, "mrmlScene"):
        return slicer
    sys.path.insert(0, str(_FOLDER))
    slicer.__path__.append(str(_FOLDER / "slicer"))

    scene = slicer.vtkMRMLScene()
    applicationLogic = slicer.vtkSlicerApplicationLogic()
    applicationLogic.SetMRMLScene(scene)
    colorLogic = slicer.vtkSlicerColorLogic()
    colorLogic.SetMRMLScene(scene)
    colorLogic.AddDefaultColorNodes()
    applicationLogic.SetSliceLogics(vtk.vtkCollection())
    applicationLogic.SetViewLogics(vtk.vtkCollection())
    logics = {"colors": colorLogic}
    for name, className in _LOGIC_CLASSES.items():
        logic = getattr(slicer, className)()
        logic.SetMRMLApplicationLogic(applicationLogic)
        logic.SetMRMLScene(scene)
        applicationLogic.SetModuleLogic(name, logic)
        logics[name.lower()] = logic
    slicer.mrmlScene = scene
    slicer.app = Application(applicationLogic)
    slicer.modules = SimpleNamespace(
        **{name: SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in logics.items()}
    )
    slicer.util.childWidgetVariables = _childWidgetVariables
    slicer.util.loadScene = _loadScene
    return slicer


def startWithWidgets():
    """:func:`start`, and a Qt application that draws to memory."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    slicer = start()
    import ctk
    import qt
    from slicer import mrmlwidgets

    qt.QUiLoader.widgetClasses = (
        *(ctk.ctkCollapsibleButton, ctk.ctkPathLineEdit, ctk.ctkSliderWidget),
        *(mrmlwidgets.qMRMLNodeComboBox, mrmlwidgets.qMRMLWidget),
    )
    slicer.qtApplication = qt.QApplication.instance() or qt.QApplication([])
    return slicer


def _loadScene(path):
    import slicer

    slicer.mrmlScene.SetURL(path)
    return slicer.mrmlScene.Import()


def _childWidgetVariables(widget):
    import qt

    children = widget.findChildren(qt.QWidget)
    return SimpleNamespace(**{child.objectName(): child for child in children if child.objectName()})
