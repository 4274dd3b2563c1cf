"""The segment editor around a scripted effect: its real logic, and plain stand-ins for its widgets and views."""

import slicer
import vtk


class AbstractScriptedSegmentEditorEffect:
    def __init__(self, scriptedEffect):
        self.scriptedEffect = scriptedEffect

    def xyToRas(self, xy, viewWidget):
        return viewWidget.mrmlSliceNode().GetXYToRAS().MultiplyPoint((xy[0], xy[1], 0, 1))[:3]


class qSlicerSegmentEditorAbstractEffect:
    ModificationModeAdd = slicer.vtkSlicerSegmentEditorLogic.ModificationModeAdd
    ModificationModeRemove = slicer.vtkSlicerSegmentEditorLogic.ModificationModeRemove
    NotConfirmed, ConfirmedWithoutDialog, ConfirmedWithDialog = range(3)


slicer.qSlicerSegmentEditorAbstractEffect = qSlicerSegmentEditorAbstractEffect


class ScriptedEffect:
    """What Slicer hands to an effect: the selection, its parameters, modification of segments with undo."""

    def __init__(self, segmentationNode, volumeNode):
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self.logic.SetMRMLScene(slicer.mrmlScene)
        self.logic.SetSegmentEditorNode(self.node)
        self.node.SetAndObserveSegmentationNode(segmentationNode)
        self.node.SetAndObserveSourceVolumeNode(volumeNode)
        self.parameters = {}
        self.options = []
        self.actors = {}
        self.isSegmentVisible = True

    def parameterSetNode(self):
        return self.node

    def parameterDefined(self, name):
        return name in self.parameters

    def parameter(self, name):
        return self.parameters.get(name, "")

    def doubleParameter(self, name):
        return float(self.parameters[name])

    def integerParameter(self, name):
        return int(self.parameters[name])

    def setParameter(self, name, value):
        self.parameters[name] = value

    def setParameterDefault(self, name, value):
        self.parameters.setdefault(name, value)

    def addOptionsWidget(self, widget):
        self.options.append(("", widget))

    def addLabeledOptionsWidget(self, label, widget):
        self.options.append((label, widget))

    def addActor2D(self, viewWidget, actor):
        self.actors.setdefault(viewWidget, []).append(actor)

    def removeActor2D(self, viewWidget, actor):
        self.actors[viewWidget].remove(actor)

    def defaultModifierLabelmap(self):
        self.logic.ResetModifierLabelmapToDefault()
        return self.logic.GetModifierLabelmap()

    def saveStateForUndo(self):
        assert self.logic.SaveStateForUndo()

    def modifySegmentByLabelmap(self, segmentationNode, segmentId, image, mode):
        self.logic.UpdateMaskLabelmap()
        self.logic.ModifySegmentByLabelmap(segmentationNode, segmentId, image, mode, False, False)

    def confirmCurrentSegmentVisible(self):
        effect = qSlicerSegmentEditorAbstractEffect
        return effect.ConfirmedWithoutDialog if self.isSegmentVisible else effect.NotConfirmed


class SliceWidget:
    """A slice view of 400 × 300 pixels on a real slice node."""

    def __init__(self, center, millimetersPerPixel=0.1, sliceToRas=None):
        self._node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        self._node.SetDimensions(400, 300, 1)
        self._node.SetFieldOfView(400 * millimetersPerPixel, 300 * millimetersPerPixel, 1)
        if sliceToRas is not None:
            self._node.GetSliceToRAS().DeepCopy(sliceToRas)
        for row, position in enumerate(center):
            self._node.GetSliceToRAS().SetElement(row, 3, position)
        self._node.UpdateMatrices()

    def className(self):
        return "qMRMLSliceWidget"

    def mrmlSliceNode(self):
        return self._node

    def sliceView(self):
        return self

    def scheduleRender(self):
        pass


class Interactor:
    """The mouse and the keyboard in a slice view."""

    def __init__(self, viewWidget):
        self.viewWidget = viewWidget
        self.position = (0, 0)
        self.key = ""
        self.isShift = self.isControl = False

    def pointAt(self, world):
        toView = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.viewWidget.mrmlSliceNode().GetXYToRAS(), toView)
        self.position = tuple(round(value) for value in toView.MultiplyPoint((*world, 1))[:2])

    def GetEventPosition(self):
        return self.position

    def GetShiftKey(self):
        return int(self.isShift)

    def GetControlKey(self):
        return int(self.isControl)

    def GetAltKey(self):
        return 0

    def GetKeySym(self):
        return self.key
