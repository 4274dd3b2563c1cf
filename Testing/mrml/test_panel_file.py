"""The panel's .ui file against its code and its parameter node."""

from pathlib import Path

import pytest

import MicrocalcAI
from MicrocalcAISlicer.parameternode import MicrocalcAIParameterNode
from mrml.panel_file import PanelFile

MODULE_FILE = Path(MicrocalcAI.__file__)
UI_FILE = MODULE_FILE.with_name("Resources") / MicrocalcAI.MicrocalcAIWidget.uiFile
CODE_FILES = [
    MODULE_FILE,
    MODULE_FILE.with_name("MicrocalcSlicerShared") / "panel.py",
    *MODULE_FILE.with_name("MicrocalcAISlicer").glob("*section.py"),
]


def test_panel_file_fits_its_code_and_parameter_node():
    PanelFile(UI_FILE, CODE_FILES, MicrocalcAIParameterNode).check()


@pytest.mark.parametrize(
    ("text", "spoiled", "complaint"),
    [
        ('name="undoButton"', 'name="redoButton"', "used in code, but not in the file"),
        ('name="roiLabel"', 'name="inputLabel"', "not unique"),
        ("<string>showGraph</string>", "<string>showGraphs</string>", "no such parameter"),
        (
            '<widget class="QCheckBox" name="graphCheckBox">',
            '<widget class="QRadioButton" name="graphCheckBox">',
            "bound",
        ),
        ("<receiver>roiSelector</receiver>", "<receiver>inputSelector</receiver>", "gets the scene"),
        ("<class>ctkSliderWidget</class>", "<class>ctkSlider</class>", "declared"),
        ("<string>vtkMRMLMarkupsROINode</string>", "<string>vtkMRMLModelNode</string>", "roiSelector"),
    ],
)
def test_mistake_in_the_file_is_found(tmp_path, text, spoiled, complaint):
    content = UI_FILE.read_text(encoding="utf-8")
    assert text in content
    file = tmp_path / "spoiled.ui"
    file.write_text(content.replace(text, spoiled), encoding="utf-8")
    with pytest.raises(AssertionError, match=complaint):
        PanelFile(file, CODE_FILES, MicrocalcAIParameterNode).check()
