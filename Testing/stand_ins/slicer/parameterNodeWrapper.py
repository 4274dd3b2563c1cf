"""Parameter nodes on the real ``vtkMRMLScriptedModuleNode``; they bind what Slicer binds and refuse the rest."""

import typing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import slicer
import vtk

_NUMBERS = {(float, "QDoubleSpinBox"), (int, "QSpinBox")}


@dataclass
class WithinRange:
    minimum: float
    maximum: float


class _Parameter:
    """A number, text, choice, path or node, kept in the MRML node."""

    def __init__(self, name, annotation, default):
        self.name = name
        self.range = None
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, self.range = typing.get_args(annotation)
        self.type = annotation
        self.isNode = issubclass(annotation, slicer.vtkMRMLNode)
        if not self.isNode and annotation not in (float, int, bool, str, Path) and not issubclass(annotation, Enum):
            raise TypeError(f"Unable to create serializer for {name}")
        self.default = default if default is not None or self.isNode else annotation()

    def __get__(self, wrapper, owner):
        node = wrapper.parameterNode
        if self.isNode:
            return node.GetNodeReference(self.name)
        if self.name not in node.GetParameterNames():
            return self.default
        text = node.GetParameter(self.name)
        if issubclass(self.type, Enum):
            return self.type[text]
        return text == "True" if self.type is bool else self.type(text)

    def __set__(self, wrapper, value):
        node = wrapper.parameterNode
        if self.isNode:
            node.SetNodeReferenceID(self.name, value.GetID() if value else None)
            return
        accepted = (int, float) if self.type is float else self.type
        if not isinstance(value, accepted):
            raise TypeError(f"{self.name} is of type {self.type.__name__}, not {value!r}")
        if self.range and not self.range.minimum <= value <= self.range.maximum:
            raise ValueError(f"{self.name} lies between {self.range.minimum} and {self.range.maximum}")
        node.SetParameter(self.name, value.name if isinstance(value, Enum) else str(self.type(value)))


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
            signal, read, write = widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode
        elif (parameter.type, kind) in _NUMBERS or (
            parameter.type is float and kind == "ctkSliderWidget" and parameter.range
        ):
            signal, read, write = widget.valueChanged, widget.value, widget.setValue
            if parameter.range:
                widget.setRange(parameter.range.minimum, parameter.range.maximum)
        elif parameter.type is bool and kind in ("QCheckBox", "QPushButton"):
            signal, read, write = widget.toggled, widget.isChecked, widget.setChecked
        elif parameter.type is str and kind == "QLineEdit":
            signal, read, write = widget.textChanged, widget.text, widget.setText
        elif parameter.type is Path and kind == "ctkPathLineEdit":
            signal = widget.currentPathChanged

            def read():
                return Path(widget.currentPath())

            def write(path):
                widget.setCurrentPath("" if path == Path() else str(path))

        elif issubclass(parameter.type, Enum) and kind == "QComboBox":
            members = list(parameter.type)
            widget.clear()
            widget.addItems([member.label() for member in members])
            signal = widget.currentIndexChanged

            def read():
                return members[widget.currentIndex()]

            def write(member):
                widget.setCurrentIndex(members.index(member))

        else:
            raise RuntimeError(f"Unable to create GUI connector from {parameter.type} to {kind}")

        def slot(*_):
            setattr(self, parameter.name, read())

        write(getattr(self, parameter.name))
        signal.connect(slot)
        self._connections.append((parameter, write, signal, slot))

    def _updateGui(self):
        for parameter, write, _signal, _slot in self._connections:
            write(getattr(self, parameter.name))


def parameterNodeWrapper(described):
    """Make a parameter node of a class that names parameters, types and defaults."""
    annotations = typing.get_type_hints(described, include_extras=True)
    parameters = {name: _Parameter(name, kind, getattr(described, name, None)) for name, kind in annotations.items()}
    return type(described.__name__, (_Wrapper,), {**parameters, "allParameters": parameters})
