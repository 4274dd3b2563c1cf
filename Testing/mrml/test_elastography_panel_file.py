"""The elastography panel's .ui file against its code and its parameter node."""

from pathlib import Path

import MicrocalcElastography
import MicrocalcElastographySlicer
from MicrocalcElastographyLib.color_scale import table_names
from MicrocalcElastographySlicer.parameternode import BoxForm, ColorTable, MicrocalcElastographyParameterNode, Outcome
from mrml.panel_file import PanelFile

MODULE_FILE = Path(MicrocalcElastography.__file__)
SECTIONS = [Path(MicrocalcElastographySlicer.__file__).with_name(name) for name in (
    "imagesection.py", "measuresection.py", "readingssection.py", "cohortsection.py")]  # fmt: skip
SHARED = Path(MicrocalcElastography.ModulePanel.__module__.replace(".", "/") + ".py")


def panel_file():
    folder = MODULE_FILE.parents[1] / "MicrocalcAI"
    ui_file = MODULE_FILE.with_name("Resources") / "MicrocalcElastography" / "UI" / "MicrocalcElastography.ui"
    return PanelFile(ui_file, [MODULE_FILE, *SECTIONS, folder / SHARED], MicrocalcElastographyParameterNode)


def test_file_code_and_parameters_fit_together():
    panel_file().check()


def test_every_bundled_color_table_can_be_chosen():
    assert {table.value for table in ColorTable} == {None, *table_names()}


def test_choices_are_words_that_the_library_knows():
    from MicrocalcElastographyLib.measurement import BoxShape

    assert [form.value for form in BoxForm] == [str(shape) for shape in BoxShape]
    assert [outcome.value for outcome in Outcome] == [None, "benign", "malignant"]


def test_choices_are_shown_in_words():
    for parameter in MicrocalcElastographyParameterNode.allParameters.values():
        if hasattr(parameter.type, "__members__"):
            labels = [member.label() for member in parameter.type]
            assert len(set(labels)) == len(labels)
            assert all(label and label != "None" for label in labels)


def test_module_file_is_short():
    assert len(MODULE_FILE.read_text(encoding="utf-8").splitlines()) < 150
