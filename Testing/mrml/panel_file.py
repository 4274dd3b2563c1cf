"""A panel's ``.ui`` file against its code and its parameter node: what fails in Slicer without a word is found here."""

import ast
import re
import typing
import xml.etree.ElementTree as ElementTree
from enum import Enum
from pathlib import Path

_ONLY_LAID_OUT = {"QLabel", "QFrame", "QWidget", "QTabWidget", "ctkCollapsibleButton", "qMRMLWidget"}

# What Slicer's parameter node can bind, tried in a real Slicer; one other pair and nothing at all is connected.
_BINDABLE = {
    ("QCheckBox", "bool"),
    ("QPushButton", "bool"),  # a checkable one
    ("QDoubleSpinBox", "float"),
    ("ctkSliderWidget", "float"),
    ("QSpinBox", "int"),
    ("QLineEdit", "str"),
    ("QTextEdit", "str"),
    ("QComboBox", "enum"),
    ("ctkPathLineEdit", "path"),
    ("qMRMLNodeComboBox", "node"),
}
_NEEDS_A_RANGE = {"ctkSliderWidget"}


class PanelFile:
    """A ``.ui`` file, the files of code that use it, and the class of the parameter node.

    Parameters
    ----------
    ui_file : Path
    code_files : list of Path
        All that say ``self.ui.…``.
    parameter_node : class
        As ``parameterNodeWrapper`` of the stand-ins gives it.
    """

    def __init__(self, ui_file, code_files, parameter_node):
        self.root = ElementTree.parse(ui_file).getroot()
        self.code_files = [Path(file) for file in code_files]
        self.parameters = parameter_node.allParameters

    def check(self):
        """Raise AssertionError, which says what is wrong, unless everything fits together."""
        self._check_widgets()
        self._check_bindings()
        self._check_node_selectors()
        self._check_code()

    @property
    def widgets(self):
        """Class by name of every widget."""
        return {element.get("name"): element.get("class") for element in self.root.iter("widget")}

    @property
    def bindings(self):
        """(widget name, class, parameter) of every bound widget."""
        found = []
        for element in self.root.iter("widget"):
            for item in element.findall("property[@name='SlicerParameterName']"):
                found.append((element.get("name"), element.get("class"), item.findtext("string")))
        return found

    @property
    def names_in_code(self):
        """Every ``self.ui.name`` and ``ui.name``."""
        return {
            node.attr
            for file in self.code_files
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and _is_ui(node.value)
        }

    def _check_widgets(self):
        names = [element.get("name") for element in self.root.iter("widget")]
        assert len(names) == len(set(names)), "widget names are not unique"
        unknown = self.names_in_code - set(names)
        assert not unknown, f"used in code, but not in the file: {sorted(unknown)}"
        bound = {name for name, _, _ in self.bindings}
        idle = {name for name, kind in self.widgets.items() if kind not in _ONLY_LAID_OUT}
        unused = idle - bound - self.names_in_code
        assert not unused, f"in the file, but neither bound nor used: {sorted(unused)}"
        foreign = {kind for kind in self.widgets.values() if not kind.startswith("Q")}
        declared = {element.findtext("class") for element in self.root.iter("customwidget")}
        assert declared == foreign, "classes that Qt does not know have to be declared, others not"

    def _check_bindings(self):
        bound = sorted(parameter for _, _, parameter in self.bindings)
        assert set(bound) <= set(self.parameters), f"no such parameter: {sorted(set(bound) - set(self.parameters))}"
        unbound = set(self.parameters) - set(bound)
        assert not unbound, f"parameters without a widget: {sorted(unbound)}"
        for name, kind, parameter in self.bindings:
            described = self.parameters[parameter]
            assert (kind, kind_of(described)) in _BINDABLE, f"{name} cannot be bound to {parameter}"
            if kind in _NEEDS_A_RANGE:
                assert described.range is not None, f"{parameter} needs a range"
        for name, described in self.parameters.items():
            if described.type in (int, float) and described.range is not None:
                assert described.range.minimum <= described.default <= described.range.maximum, name
        for element in self.root.iter("widget"):
            if element.find("property[@name='specialValueText']") is not None:
                parameter = element.findtext("property[@name='SlicerParameterName']/string")
                described = self.parameters[parameter]
                assert described.range.minimum == described.default, f"the special text of {parameter} has no value"

    def _check_node_selectors(self):
        selectors = {name for name, kind in self.widgets.items() if kind == "qMRMLNodeComboBox"}
        connected = {
            connection.findtext("receiver")
            for connection in self.root.iter("connection")
            if connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
            and connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
        }
        assert connected == selectors, "every node selector gets the scene, and nothing else does"
        for element in self.root.iter("widget"):
            if element.get("class") == "qMRMLNodeComboBox":
                parameter = element.findtext("property[@name='SlicerParameterName']/string")
                node_types = [item.text for item in element.findall("property[@name='nodeTypes']/stringlist/string")]
                classes = [node_class.__name__ for node_class in self.parameters[parameter].nodeClasses]
                assert classes == node_types, element.get("name")

    def _check_code(self):
        for file in self.code_files:
            text = file.read_text(encoding="utf-8")
            # PythonQt reads "label.text" and PySide6 "label.text()"; setters are the same in both.
            assert re.findall(r"ui\.\w+\.\w+\s*=[^=]", text) == [], f"{file.name}: use the setter"
            for resource in re.findall(r"resourcePath\(\s*f?[\"']([^\"'{}]+)[\"']", text):
                assert (self._module_folder / "Resources" / resource).is_file(), f"{file.name}: {resource} is missing"

    @property
    def _module_folder(self):
        return next(parent for file in self.code_files for parent in file.parents if (parent / "Resources").is_dir())


def kind_of(parameter):
    """What a parameter is, as the list of bindable pairs calls it."""
    if parameter.isNode:
        return "node"
    if issubclass(parameter.type, Enum):
        return "enum"
    return "path" if issubclass(parameter.type, Path) else parameter.type.__name__


def _is_ui(node: ast.AST) -> typing.TypeGuard[ast.expr]:
    """Whether an expression is ``self.ui``, ``ui`` or ``….ui``."""
    return (isinstance(node, ast.Attribute) and node.attr == "ui") or (isinstance(node, ast.Name) and node.id == "ui")
