"""The names of Slicer's API that the Slicer-facing files use, looked up in the real Slicer core of the tests.

What only the application has (widgets, its own ``slicer.app``) is listed here with the version since which it is there.
"""

import ast
from pathlib import Path

import pytest

from stand_ins import application

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    path
    for pattern in ("Microcalc*/*.py", "Microcalc*/Microcalc*Slicer*/*.py", "Microcalc*/SegmentEditor*/*.py")
    for path in sorted(ROOT.glob(pattern))
]
# Not in slicer-core; in Slicer 5.10, 5.12 and main.
OF_THE_APPLICATION = {
    "slicer.app",
    "slicer.dicomDatabase",
    "slicer.modules",
    "slicer.mrmlScene",
    "slicer.qMRMLSegmentEditorWidget",
    "slicer.qSlicerSegmentEditorAbstractEffect",
    "slicer.util.childWidgetVariables",
    "slicer.util.loadUI",
    "slicer.util.pip_install",
    "slicer.util.confirmOkCancelDisplay",
    "slicer.util.selectModule",
    "slicer.util.getModuleWidget",
    "slicer.util.loadScene",
}


def names_of(file):
    """Every ``slicer.name`` and ``slicer.util.name`` of a file."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            parts = dotted.split(".")
            if parts[0] == "slicer" and all(part.isidentifier() for part in parts):
                found.add(".".join(parts[: 3 if parts[1] == "util" else 2]))
        elif isinstance(node, ast.ImportFrom) and node.module == "slicer.util" and not node.level:
            found |= {f"slicer.util.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_names_of_slicers_api_exist(file):
    slicer = application.start()
    missing = []
    for name in names_of(file) - OF_THE_APPLICATION:
        parts = name.split(".")[1:]
        owner = slicer.util if parts[0] == "util" and len(parts) > 1 else slicer
        if not hasattr(owner, parts[-1]):
            missing.append(name)
    assert missing == []


def test_names_of_the_application_are_still_used():
    used = set().union(*(names_of(file) for file in FILES))
    assert {name for name in OF_THE_APPLICATION if name not in used} == set()


def test_what_is_not_in_every_version_has_another_way():
    text = (ROOT / "MicrocalcAI" / "MicrocalcSlicerShared" / "dependencies.py").read_text(encoding="utf-8")
    assert "from slicer.packaging import" in text
    assert "except ImportError:  # Slicer 5.10" in text
    others = [file for file in FILES if file.name != "dependencies.py"]
    assert not any("slicer.packaging" in file.read_text(encoding="utf-8") for file in others)
