"""The extension as Slicer installs it: complete, without collisions, importable before any package is installed."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODULE_FOLDERS = [path.parent for path in sorted(ROOT.glob("Microcalc*/CMakeLists.txt"))]
# Every Python file in such a folder is a module of its own for Slicer.
MODULES = sorted(path.stem for folder in MODULE_FOLDERS for path in folder.glob("*.py"))
ALLOWED_AT_FILE_SCOPE = {
    "slicer",
    "DICOMLib",
    "SegmentEditorEffects",
    "qt",
    "ctk",
    "vtk",
    "numpy",
    "SimpleITK",
    *sys.stdlib_module_names,
}
# What 3D Slicer 5.12 brings along.
BUNDLED_WITH_SLICER = {"numpy", "scipy", "simpleitk", "pydicom", "pyjpegls", "pillow", "packaging"}
NOT_IN_SLICER = ("pandas", "skimage", "numba", "lightgbm", "sklearn", "matplotlib", "torch")
HEAVY = (*NOT_IN_SLICER, "scipy", "pydicom")


def relative_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def slicer_facing_files():
    """Python files that Slicer imports: everything of a module but its library."""
    for folder in MODULE_FOLDERS:
        for path in folder.rglob("*.py"):
            if f"{folder.name}Lib" not in path.parts and "Testing" not in path.parts:
                yield path


@pytest.mark.parametrize("name", [f"{folder.name}/CMakeLists.txt" for folder in MODULE_FOLDERS])
def test_lists_of_installed_files_equal_the_folders(lists, name):
    path = ROOT / name
    assert lists.updated(path) == path.read_text(encoding="utf-8"), (
        "run: python Testing/packaging/list_installed_files.py --update"
    )


def test_installed_files_are_those_of_the_folders(lists, installed):
    expected = sorted(file for module in lists.MODULES for file in lists.scripts(module) + lists.resources(module))
    assert relative_files(installed) == expected


def test_no_two_files_collide_where_letter_case_does_not_count(installed):
    counts = Counter(file.lower() for file in relative_files(installed))
    assert [file for file, count in counts.items() if count > 1] == []


def test_names_cannot_collide_with_other_extensions(installed):
    """All extensions' modules may be on one path: packages and files carry this extension's names."""
    own = re.compile(r"Microcalc|Mammography|Elastography")
    assert [path.name for path in installed.iterdir() if path.name != "Resources" and not own.search(path.name)] == []
    assert {path.name for path in (installed / "Resources").iterdir()} == {folder.name for folder in MODULE_FOLDERS}


def test_file_names_suit_every_system_and_cmake(installed):
    assert [file for file in relative_files(installed) if not re.fullmatch(r"[A-Za-z0-9_./+-]+", file)] == []


@pytest.mark.slow
def test_library_is_imported_from_the_installed_folder(installed, python_in):
    code = "import pkgutil, importlib, MicrocalcAILib as library; print(library.__file__)\n" + (
        "for found in pkgutil.walk_packages(library.__path__, 'MicrocalcAILib.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name); print(found.name)\n"
    )
    file, *modules = python_in(installed, code)
    assert Path(file).parent.parent == installed
    assert len(modules) == len(list((installed / "MicrocalcAILib").rglob("*.py"))) - 2  # the package and __main__


def test_installed_library_finds_its_resources(installed, python_in):
    code = "from MicrocalcAILib.base.resources import resource_path; print(resource_path('requirements.txt'))"
    assert python_in(installed, code) == [str(installed / "Resources" / "MicrocalcAI" / "requirements.txt")]


@pytest.mark.parametrize("module", MODULES)
def test_module_is_imported_before_any_package_is_installed(installed, python_in, module):
    """Slicer imports modules at start-up: nothing heavy may be needed, nor be imported where it is there."""
    code = f"""
import sys
sys.path.append({str(ROOT / "Testing")!r})
from stand_ins import application
application.start()
for name in {HEAVY!r}:
    sys.modules[name] = None
import {module}
assert hasattr({module}, {module!r}), "Slicer looks for a class of this name"
print({module}.__file__)
"""
    assert python_in(installed, code)[-1] == str(installed / f"{module}.py")


def test_every_module_is_known_to_cmake(lists, configured):
    """The panels by Slicer's generic test; the hidden modules, which have none, by their installation."""
    assert {*MODULES} == {*lists.MODULES, *(name for module in lists.MODULES for name in lists.hidden_modules(module))}
    tests = (configured / "CTestTestfile.cmake").read_text(encoding="utf-8")
    for module in lists.MODULES:
        assert module in tests
        own = (configured / module / "CTestTestfile.cmake").read_text(encoding="utf-8")
        assert f"py_nomainwindow_qSlicer{module}ModuleGenericTest" in own
        assert f"py_{module}" in own


def test_mammograms_are_loaded_with_what_slicer_brings(installed, python_in, tmp_path):
    """The DICOM plugin works before the packages of the analysis are installed."""
    code = f"""
import sys
sys.path += [{str(ROOT / "Testing")!r}, {str(ROOT / "Testing" / "library")!r}]
from pathlib import Path
from dicom_samples import breast_picture, mammogram_dataset, saved
from stand_ins import application
slicer = application.start()
for name in {NOT_IN_SLICER!r}:
    sys.modules[name] = None
from types import SimpleNamespace
slicer.dicomDatabase = SimpleNamespace(fileValue=lambda file, tag: "MG" if tag == "0008,0060" else "1.2")
from DICOMMammographyPlugin import DICOMMammographyPluginClass
plugin = DICOMMammographyPluginClass()
file = saved(mammogram_dataset(breast_picture(), 12), Path({str(tmp_path)!r}))
(loadable,) = plugin.examineForImport([[str(file)]])
print(plugin.load(loadable).GetName())
"""
    assert python_in(installed, code)[-2:] == ["L", "CC"]


@pytest.mark.parametrize("path", slicer_facing_files(), ids=lambda path: path.name)
def test_file_scope_of_slicer_facing_files_imports_only_what_slicer_brings(path):
    own = {f"{folder.name}Slicer" for folder in MODULE_FOLDERS} | {f"{module}Lib" for module in MODULES}
    own.add("MicrocalcSlicerShared")
    imported = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module.split(".")[0])
    assert imported <= ALLOWED_AT_FILE_SCOPE | own


@pytest.mark.parametrize("folder", MODULE_FOLDERS, ids=lambda folder: folder.name)
def test_module_has_an_icon(folder):
    with Image.open(folder / "Resources" / folder.name / "Icons" / f"{folder.name}.png") as image:
        assert image.size == (128, 128)
        assert image.mode == "RGBA"


def test_description_is_what_the_extensions_index_asks_for(description):
    assert description["NAME"] == "Microcalc"
    assert description["HOMEPAGE"] == "https://github.com/microcalc/Microcalc"
    assert description["DESCRIPTION"].count(". ") == 0
    assert description["DESCRIPTION"].endswith(".")
    assert description["DEPENDS"] in ("", "NA")  # nothing that the default analysis could do without


def test_pictures_of_the_description_are_in_the_repository(description):
    prefix = "https://raw.githubusercontent.com/microcalc/Microcalc/main/"
    for url in (description["ICONURL"], *description["SCREENSHOTURLS"].split()):
        assert url.startswith(prefix)
        assert (ROOT / url.removeprefix(prefix)).is_file()
    with Image.open(ROOT / description["ICONURL"].removeprefix(prefix)) as icon:
        assert icon.size == (128, 128)


def test_urls_stand_on_one_line_each():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    for name in ("ICONURL", "SCREENSHOTURLS"):
        assert len(re.findall(rf'^set\(EXTENSION_{name} "[^"\n]+"\)$', text, re.MULTILINE)) == 1


def test_requirements_are_the_dependencies_that_slicer_does_not_bring(project):
    path = ROOT / "MicrocalcAI" / "Resources" / "MicrocalcAI" / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    listed = {str(Requirement(line)) for line in lines if line and not line.startswith("#")}
    needed = map(Requirement, project["project"]["dependencies"])
    assert listed == {str(item) for item in needed if item.name.lower() not in BUNDLED_WITH_SLICER}


def test_requirements_only_set_lower_limits_and_leave_torch_to_its_extension(project):
    for requirement in map(Requirement, project["project"]["dependencies"]):
        assert [part.operator for part in requirement.specifier] == [">="], requirement.name
        assert requirement.name not in ("torch", "torchvision")
