"""Parameter nodes on the real ``vtkMRMLScriptedModuleNode``; they bind what Slicer binds and refuse the rest."""

import typing
from dataclasses import dataclass

import slicer
import vtk


@dataclass
class WithinRange:
    minimum: float
    maximum: float


class _Parameter:
    """A float or a node, kept in the MRML node."""

    def __init__(self, name, annotation, default):
        self.name = name
        self.default = default
        self.range = None
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, self.range = typing.get_args(annotation)
        self.type = annotation
        self.isNode = issubclass(annotation, slicer.vtkMRMLNode)
        if not self.isNode and annotation is not float:
            raise TypeError(f"Unable to create serializer for {name}")

    def __get__(self, wrapper, owner):
        node = wrapper.parameterNode
        if self.isNode:
            return node.GetNodeReference(self.name)
        return float(node.GetParameter(self.name) or self.default)

    def __set__(self, wrapper, value):
        node = wrapper.parameterNode
        if self.isNode:
            node.SetNodeReferenceID(self.name, value.GetID() if value else None)
            return
        if not isinstance(value, (int, float)):
            raise TypeError(f"{self.name} is a number, not {value!r}")
        if self.range and not self.range.minimum <= value <= self.range.maximum:
            raise ValueError(f"{self.name} lies between {self.range.minimum} and {self.range.maximum}")
        node.SetParameter(self.name, repr(float(value)))


class _Wrapper:
    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._connections = []

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, ui):
        for widget in vars(ui).values():
            name = widget.property("SlicerParameterName")
            if name:
                self._connect(self.allParameters[name], widget)
        self._observerTag = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._updateGui())
        self._updateGui()
        return 0

    def disconnectGui(self, tag):
        for _parameter, _widget, signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections = []
        self.RemoveObserver(self._observerTag)

    def _connect(self, parameter, widget):
        kind = type(widget).__name__
        if parameter.isNode and kind == "qMRMLNodeComboBox":
            signal, read = widget.currentNodeChanged, widget.currentNode
        elif parameter.type is float and (kind == "QDoubleSpinBox" or (kind == "ctkSliderWidget" and parameter.range)):
            signal, read = widget.valueChanged, widget.value
            if parameter.range:
                widget.setRange(parameter.range.minimum, parameter.range.maximum)
        else:
            raise RuntimeError(f"Unable to create GUI connector from {parameter.type} to {kind}")

        def slot(*_):
            setattr(self, parameter.name, read())

        write = widget.setCurrentNode if parameter.isNode else widget.setValue
        write(getattr(self, parameter.name))
        signal.connect(slot)
        self._connections.append((parameter, write, signal, slot))

    def _updateGui(self):
        for parameter, write, _signal, _slot in self._connections:
            write(getattr(self, parameter.name))


def parameterNodeWrapper(described):
    """Make a parameter node of a class that names parameters, types and defaults."""
    annotations = typing.get_type_hints(described, include_extras=True)
    parameters = {name: _Parameter(name, kind, getattr(described, name, 0.0)) for name, kind in annotations.items()}
    return type(described.__name__, (_Wrapper,), {**parameters, "allParameters": parameters})
