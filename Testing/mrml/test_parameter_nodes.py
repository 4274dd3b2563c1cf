"""The parameters of both panels and how they are bound: nodes of classes that exist, paths that can be taken back."""

import inspect
from pathlib import Path

import pytest
import vtk

import MicrocalcAISlicer
import MicrocalcElastographySlicer
from stand_ins import application

application.start()

FILES = [
    file
    for package in (MicrocalcAISlicer, MicrocalcElastographySlicer)
    for file in sorted(Path(package.__file__).parent.glob("*.py"))
    if "@parameterNodeWrapper" in file.read_text(encoding="utf-8")
]


def wrappers():
    """Every class of parameters of both modules."""
    from slicer import parameterNodeWrapper

    for file in FILES:
        module = __import__(f"{file.parent.name}.{file.stem}", fromlist=[""])
        for found in vars(module).values():
            if inspect.isclass(found) and issubclass(found, parameterNodeWrapper._Wrapper):
                yield found


@pytest.mark.parametrize("wrapper", wrappers(), ids=lambda wrapper: wrapper.__name__)
def test_every_node_class_that_a_parameter_names_can_be_created(wrapper):
    named = {kind for parameter in wrapper.allParameters.values() for kind in parameter.nodeClasses}
    assert named
    assert {kind.__name__ for kind in named} == {kind().GetClassName() for kind in named}


def test_both_modules_have_parameters():
    assert {file.parent.name for file in FILES} == {"MicrocalcAISlicer", "MicrocalcElastographySlicer"}


def test_abstract_class_is_refused_when_the_panel_connects_as_in_slicer(slicer):
    application.startWithWidgets()
    from slicer import mrmlwidgets
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        outline: slicer.vtkMRMLMarkupsNode

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    with pytest.raises(TypeError, match="abstract class"):
        Parameters(node).connectParametersToGui({"outline": mrmlwidgets.qMRMLNodeComboBox()})


@pytest.fixture
def elastography_panel(slicer, monkeypatch, tmp_path):
    from mrml.elastography_panel import discard, make_panel

    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


@pytest.fixture(params=["panel", "elastography_panel"])
def any_panel(request):
    """The panel of one module, then of the other."""
    return request.getfixturevalue(request.param)


def path_fields(panel):
    """(field, parameter) of every path."""
    found = []
    for widget in vars(panel.ui).values():
        name = widget.property("SlicerParameterName")
        if name and panel.parameters.dataType(name) is Path:
            found.append((widget, name))
    return found


def test_field_without_a_path_is_empty(any_panel):
    any_panel.parameters.parameterNode.Modified()
    assert path_fields(any_panel)
    assert {field.currentPath() for field, _name in path_fields(any_panel)} == {""}


def test_path_is_taken_back_by_emptying_its_field(any_panel, tmp_path):
    for field, name in path_fields(any_panel):
        field.setCurrentPath(str(tmp_path))
        assert getattr(any_panel.parameters, name) == tmp_path
        field.setCurrentPath("")
        assert getattr(any_panel.parameters, name) == Path()
        any_panel.parameters.parameterNode.Modified()
        assert field.currentPath() == ""


def test_parameters_that_could_not_be_bound_are_not_taken_away_again(any_panel, capfd):
    class Refusing:
        def dataType(self, name):
            return str

        def connectParametersToGui(self, mapping):
            raise TypeError("this is an abstract class and cannot be instantiated")

    good = any_panel.parameters
    with pytest.raises(TypeError):
        any_panel.setParameterNode(Refusing())
    assert any_panel.parameters is None
    any_panel.setParameterNode(good)
    assert any_panel.parameters is good
    assert any_panel.hasObserver(good, vtk.vtkCommand.ModifiedEvent, any_panel.onModified)
    assert "observer" not in capfd.readouterr().err
