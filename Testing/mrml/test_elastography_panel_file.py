"""The elastography panel's .ui file against its code and its parameter node."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from enum import Enum
from pathlib import Path

import MicrocalcElastography
from MicrocalcElastographySlicer.parameternode import MicrocalcElastographyParameterNode

MODULE_FILE = Path(MicrocalcElastography.__file__)
UI_FILE = MODULE_FILE.with_name("Resources") / "MicrocalcElastography" / "UI" / "MicrocalcElastography.ui"
UI = ElementTree.parse(UI_FILE).getroot()
PARAMETERS = MicrocalcElastographyParameterNode.allParameters
ONLY_LAID_OUT = {"QLabel", "ctkCollapsibleButton", "qMRMLWidget"}  # need no line of code

# What Slicer's parameter node can bind, tried in a real Slicer; one other pair and nothing at all is connected.
BINDABLE = {
    ("QCheckBox", "bool"),
    ("QDoubleSpinBox", "float"),
    ("QSpinBox", "int"),
    ("QLineEdit", "str"),
    ("QComboBox", "enum"),
    ("ctkPathLineEdit", "path"),
    ("qMRMLNodeComboBox", "node"),
}


def widgets():
    """Class by name of every widget in the .ui file."""
    return {element.get("name"): element.get("class") for element in UI.iter("widget")}


def bindings():
    """(widget name, class, parameter) of every bound widget."""
    found = []
    for element in UI.iter("widget"):
        for item in element.findall("property[@name='SlicerParameterName']"):
            found.append((element.get("name"), element.get("class"), item.findtext("string")))
    return found


def names_used_in_code():
    """Every ``self.ui.name`` of the module file."""
    tree = ast.parse(MODULE_FILE.read_text(encoding="utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "ui"
    }


def kind_of(parameter):
    if parameter.isNode:
        return "node"
    if issubclass(parameter.type, Enum):
        return "enum"
    return "path" if issubclass(parameter.type, Path) else parameter.type.__name__


def test_every_widget_used_in_code_exists():
    assert names_used_in_code() <= set(widgets())


def test_every_widget_that_does_something_is_used():
    bound = {name for name, _, _ in bindings()}
    idle = {name for name, kind in widgets().items() if kind not in ONLY_LAID_OUT}
    assert idle - bound - names_used_in_code() == set()


def test_every_binding_names_a_parameter_and_every_parameter_is_bound():
    assert sorted(parameter for _, _, parameter in bindings()) == sorted(PARAMETERS)


def test_every_bound_pair_is_one_that_slicer_binds():
    assert {(kind, kind_of(PARAMETERS[parameter])) for _, kind, parameter in bindings()} <= BINDABLE


def test_numbers_have_a_range_that_holds_their_default():
    for name, parameter in PARAMETERS.items():
        if parameter.type in (int, float):
            assert parameter.range.minimum <= parameter.default <= parameter.range.maximum, name


def test_special_text_stands_for_a_minimum_that_means_not_given():
    for element in UI.iter("widget"):
        if element.find("property[@name='specialValueText']") is not None:
            parameter = element.findtext("property[@name='SlicerParameterName']/string")
            assert PARAMETERS[parameter].range.minimum == PARAMETERS[parameter].default == 0.0


def test_node_types_in_the_file_are_those_of_the_parameters():
    for element in UI.iter("widget"):
        if element.get("class") == "qMRMLNodeComboBox":
            parameter = element.findtext("property[@name='SlicerParameterName']/string")
            nodeType = element.findtext("property[@name='nodeTypes']/stringlist/string")
            assert PARAMETERS[parameter].type.__name__ == nodeType


def test_every_node_selector_gets_the_scene():
    selectors = {name for name, kind in widgets().items() if kind == "qMRMLNodeComboBox"}
    connected = {
        connection.findtext("receiver")
        for connection in UI.iter("connection")
        if connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)"
        and connection.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"
    }
    assert connected == selectors


def test_every_class_that_qt_does_not_know_is_declared():
    foreign = {kind for kind in widgets().values() if not kind.startswith("Q")}
    assert {element.findtext("class") for element in UI.iter("customwidget")} == foreign


def test_widget_names_are_unique():
    names = [element.get("name") for element in UI.iter("widget")]
    assert len(names) == len(set(names))


def test_properties_of_qt_objects_are_only_set_by_methods():
    """PythonQt reads ``label.text`` and PySide6 ``label.text()``; setters are the same in both."""
    text = MODULE_FILE.read_text(encoding="utf-8")
    assert re.findall(r"self\.ui\.\w+\.\w+\s*=[^=]", text) == []
