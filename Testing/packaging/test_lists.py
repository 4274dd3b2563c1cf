"""The lists of installed files and the package that stands in for Slicer's: what they know, and what they refuse."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
LISTS = """set(MODULE_PYTHON_SCRIPTS
  )
set(MODULE_PYTHON_RESOURCES
  )
# Hidden modules of this folder:
#-----
"""
EXTENSION = """cmake_minimum_required(VERSION 3.20.6...3.28.0)
project(Example)
set(EXTENSION_HOMEPAGE "x")
set(EXTENSION_CATEGORY "x")
set(EXTENSION_CONTRIBUTORS "x")
set(EXTENSION_DESCRIPTION "x")
set(EXTENSION_ICONURL "x")
set(EXTENSION_SCREENSHOTURLS "x")
set(EXTENSION_DEPENDS "NA")
set(EXTENSION_RECOMMENDS "x")
set(EXTENSION_BUILD_SUBDIRECTORY ".")
set(EXTENSION_ENABLED 1)
set(EXTENSION_STATUS "x")
set(EXTENSION_TIER 1)
set(EXTENSION_DICOM_SUPPORT_RULE "x")
set(EXTENSION_KEYWORDS "x")
find_package(Slicer REQUIRED)
include(${{Slicer_USE_FILE}})
{calls}
include(${{Slicer_EXTENSION_GENERATE_CONFIG}})
include(${{Slicer_EXTENSION_CPACK}})
"""


def make(folder, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


@pytest.fixture
def configure(cmake, tmp_path):
    """Configure an extension of one folder that makes some calls; the output, and whether it worked."""

    def run(calls):
        source = tmp_path / "source"
        make(source, "Example.py", "Other.py", "Resources/Example/a.txt")
        make(tmp_path, "outside.txt")
        (source / "CMakeLists.txt").write_text(EXTENSION.format(calls=calls), encoding="utf-8")
        slicer = FOLDER / "slicer"
        options = (
            f"-DSlicer_DIR={slicer.as_posix()}",
            f"-DCMAKE_TOOLCHAIN_FILE={(slicer / 'NoCompiler.cmake').as_posix()}",
        )
        command = [cmake, "-S", str(source), "-B", str(tmp_path / "build"), *options]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        return finished.returncode == 0, " ".join((finished.stdout + finished.stderr).split())

    return run


def test_segment_editor_effect_is_a_module_of_its_own_with_its_folder(lists, tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "ROOT", tmp_path)
    folder = tmp_path / "MicrocalcAI"
    effect = ("SegmentEditorMicrocalcLib/SegmentEditorEffect.png", "SegmentEditorMicrocalcLib/SegmentEditorEffect.py")
    make(folder, "MicrocalcAI.py", "MicrocalcAILib/a.py", "MicrocalcAISlicer/b.py", "Resources/MicrocalcAI/c.py")
    make(folder, "SegmentEditorMicrocalc.py", "SegmentEditorMicrocalcLib/__init__.py", *effect, "MicrocalcAILib/x.tmp")
    (folder / "CMakeLists.txt").write_text(LISTS, encoding="utf-8")
    text = lists.updated(folder / "CMakeLists.txt")
    assert (
        text
        == """set(MODULE_PYTHON_SCRIPTS
  MicrocalcAI.py
  MicrocalcAILib/a.py
  MicrocalcAISlicer/b.py
  )
set(MODULE_PYTHON_RESOURCES
  Resources/MicrocalcAI/c.py
  )
# Hidden modules of this folder:
slicerMacroBuildScriptedModule(
  NAME SegmentEditorMicrocalc
  SCRIPTS
    SegmentEditorMicrocalc.py
    SegmentEditorMicrocalcLib/SegmentEditorEffect.py
    SegmentEditorMicrocalcLib/__init__.py
  RESOURCES
    SegmentEditorMicrocalcLib/SegmentEditorEffect.png
  )

#-----
"""
    )
    (folder / "CMakeLists.txt").write_text(text, encoding="utf-8")
    assert lists.updated(folder / "CMakeLists.txt") == text


def test_sound_extension_is_configured(configure):
    worked, output = configure(
        "slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py RESOURCES Resources/Example/a.txt"
        " WITH_GENERIC_TESTS)\nslicer_add_python_unittest(SCRIPT Example.py)"
    )
    assert worked, output


@pytest.mark.parametrize(
    ("calls", "complaint"),
    [
        ("", "installs nothing"),
        ("slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py Missing.py)", "no file Missing.py"),
        ("slicerMacroBuildScriptedModule(NAME Example SCRIPTS Other.py)", "Example.py is none of its scripts"),
        ("slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py RESOURCES ../outside.txt)", "not packaged"),
        ("slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py ICON a.png)", "no file ICON"),
        ("slicerMacroBuildScriptedModule(Example SCRIPTS Example.py)", "Unknown arguments: Example"),
        (
            "slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py)\n"
            "slicerMacroBuildScriptedModule(NAME Other SCRIPTS Other.py Example.py)",
            "Two modules install Example.py",
        ),
        (
            "slicerMacroBuildScriptedModule(NAME Example SCRIPTS Example.py)\n"
            "slicer_add_python_unittest(SCRIPT Missing.py)",
            "no test Missing.py",
        ),
    ],
)
def test_fault_that_would_break_the_installed_extension_is_refused(configure, calls, complaint):
    worked, output = configure(calls)
    assert not worked
    assert complaint in output
