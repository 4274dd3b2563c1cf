"""Parameter nodes on the real ``vtkMRMLScriptedModuleNode``; they keep what Slicer keeps and refuse the rest.

As in Slicer a wrapper remembers values, nodes too, until the parameter node is modified: one that looked while a scene
was read keeps None for nodes that came later.
"""

import types
import typing
import weakref
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import slicer
import vtk

from .guiConnectors import GuiConnector, createGuiConnector


@dataclass
class WithinRange:
    minimum: float
    maximum: float


class _Parameter:
    """A number, text, choice, path, node, or node of several classes, kept in the MRML node."""

    def __init__(self, name, annotation, default):
        self.name = name
        self.range = None
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, self.range = typing.get_args(annotation)
        self.type = annotation
        isUnion = typing.get_origin(annotation) in (typing.Union, types.UnionType)
        kinds = typing.get_args(annotation) if isUnion else (annotation,)
        self.isNode = issubclass(kinds[0], slicer.vtkMRMLNode)
        self.nodeClasses = tuple(kind for kind in kinds if issubclass(kind, slicer.vtkMRMLNode))
        if isUnion and (*self.nodeClasses, type(None)) != kinds:
            raise TypeError(f"Unable to create serializer for {name}: a union has node classes, and None at its end")
        if not self.isNode and annotation not in (float, int, bool, str, Path) and not issubclass(annotation, Enum):
            raise TypeError(f"Unable to create serializer for {name}")
        self.default = default if default is not None or self.isNode else annotation()
        # A union keeps each class under a name of its own.
        self._keys = [f"{name}_{index}" for index in range(len(kinds))] if isUnion else [name]

    def __get__(self, wrapper, owner):
        return wrapper.values[self.name]

    def __set__(self, wrapper, value):
        self._check(value)
        with slicer.util.NodeModify(wrapper.parameterNode):
            self.write(wrapper.parameterNode, value)
            wrapper.values[self.name] = self.read(wrapper.parameterNode)

    def isIn(self, node):
        return any(key in node.GetParameterNames() for key in self._keys)

    def read(self, node):
        if not self.isIn(node):  # as when a scene is read
            self.write(node, self.default)
        if self.isNode:
            return next(filter(None, map(node.GetNodeReference, self._keys)), None)
        text = node.GetParameter(self.name)
        if issubclass(self.type, Enum):
            return self.type[text]
        return text == "True" if self.type is bool else self.type(text)

    def write(self, node, value):
        if not self.isNode:
            node.SetParameter(self.name, value.name if isinstance(value, Enum) else str(self.type(value)))
            return
        chosen = self._keys[-1] if value is None else self._keyOf(value)
        for key in self._keys:
            if key != chosen:
                node.UnsetParameter(key)
                node.RemoveNodeReferenceIDs(key)
        node.SetParameter(chosen, "")
        node.SetNodeReferenceID(chosen, None if value is None else value.GetID())

    def _keyOf(self, value):
        classes = zip(self._keys, self.nodeClasses, strict=False)
        return next((key for key, kind in classes if isinstance(value, kind)), None)

    def _check(self, value):
        if self.isNode:
            isAccepted = value is None or self._keyOf(value) is not None
        else:
            isAccepted = isinstance(value, (int, float) if self.type is float else self.type)
        if not isAccepted:
            raise TypeError(f"{self.name} is of type {self.type}, not {value!r}")
        if self.range and not self.range.minimum <= value <= self.range.maximum:
            raise ValueError(f"{self.name} lies between {self.range.minimum} and {self.range.maximum}")


class _Wrapper:
    def __init__(self, parameterNode):
        self.parameterNode = parameterNode
        self._connected = {}
        self._isUpdatingGui = False
        self._readAll()
        own = weakref.ref(self)
        self._tag = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: own()._readAll())

    def __del__(self):
        self.RemoveObserver(self._tag)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def dataType(self, name):
        return self.allParameters[name].type

    def connectParametersToGui(self, mapping):
        connectors = {
            name: value if isinstance(value, GuiConnector) else createGuiConnector(value, self.allParameters[name])
            for name, value in mapping.items()
        }
        for name, connector in connectors.items():
            connector.write(self.values[name])
            connector.onChanged(lambda name=name, connector=connector: self._readGui(name, connector))
        tag = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._updateGui())
        self._connected[tag] = connectors
        return tag

    def disconnectGui(self, tag):
        self.RemoveObserver(tag)
        for connector in self._connected.pop(tag).values():
            connector.onChanged(None)

    def _readAll(self):
        self.values = {name: parameter.read(self.parameterNode) for name, parameter in self.allParameters.items()}

    def _readGui(self, name, connector):
        with slicer.util.NodeModify(self.parameterNode):
            if not self._isUpdatingGui:
                setattr(self, name, connector.read())

    def _updateGui(self):
        if self._isUpdatingGui:
            return
        self._isUpdatingGui = True
        try:
            with slicer.util.NodeModify(self.parameterNode):
                for connectors in list(self._connected.values()):
                    for name, connector in connectors.items():
                        connector.write(self.values[name])
        finally:
            self._isUpdatingGui = False


def parameterNodeWrapper(described):
    """Make a parameter node of a class that names parameters, types and defaults."""
    annotations = typing.get_type_hints(described, include_extras=True)
    parameters = {name: _Parameter(name, kind, getattr(described, name, None)) for name, kind in annotations.items()}
    return type(described.__name__, (_Wrapper,), {**parameters, "allParameters": parameters})
