"""The rooms of the libraries: data flow down the list, imports only go up it, and there are no circles."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In the order of the data. A room imports rooms that stand before it.
ROOMS = {
    "MicrocalcAI/MicrocalcAILib": (
        *("base", "statistics", "reading", "segmentation", "networks", "features", "lexicon", "classification"),
        *(
            "analysis",
            "pipeline",
            "exam",
            "batch",
            "editing",
            "export",
            "report",
            "dicom",
            "pacs",
            "phantom",
            "evaluation",
            "dataset",
            "study",
        ),
        *("training", "commands", "cli", "__main__"),
    ),
}
PACKAGES = {"MicrocalcAILib": ROOT / "MicrocalcAI", "MicrocalcElastographyLib": ROOT / "MicrocalcElastography"}
# The Slicer-facing packages, and what of this extension each may import beside itself.
FACES = {
    "MicrocalcSlicerShared": (ROOT / "MicrocalcAI", {"MicrocalcAILib"}),
    "MicrocalcAISlicer": (ROOT / "MicrocalcAI", {"MicrocalcAILib", "MicrocalcSlicerShared"}),
    "MicrocalcElastographySlicer": (
        ROOT / "MicrocalcElastography",
        {"MicrocalcAILib", "MicrocalcElastographyLib", "MicrocalcSlicerShared"},
    ),
}
STAND_INS = ROOT / "Testing" / "stand_ins"


def modules(library: Path) -> dict[str, Path]:
    """Dotted name of every module of a library, and its file."""
    names = {}
    for file in sorted(library.rglob("*.py")):
        parts = file.relative_to(library.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports(name: str, file: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the same libraries that a module imports, wherever in its text; those for types alone left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            submodules = {f"{target}.{alias.name}" for alias in node.names} & known.keys()
            found.update(submodules or {target})
    return found & known.keys() - {name}


@pytest.mark.parametrize("library", ROOMS)
def test_rooms_only_import_rooms_that_stand_before_them(library):
    rooms = ROOMS[library]
    known = modules(ROOT / library)
    wrong = []
    for name, file in known.items():
        room = name.split(".")[1] if "." in name else ""
        for target in imports(name, file, known) if room else ():
            other = target.split(".")[1] if "." in target else ""
            if other and rooms.index(other) > rooms.index(room):
                wrong.append(f"{name} imports {target}")
    assert not wrong


@pytest.mark.parametrize("library", ROOMS)
def test_every_room_has_its_place_in_the_list(library):
    found = {name.split(".")[1] for name in modules(ROOT / library) if "." in name}
    assert found <= set(ROOMS[library])


def face_modules() -> dict[str, Path]:
    """The modules of the Slicer-facing packages and of the libraries."""
    folders = {**PACKAGES, **{package: folder for package, (folder, _allowed) in FACES.items()}}
    return {name: file for package, folder in folders.items() for name, file in modules(folder / package).items()}


@pytest.mark.parametrize("package", FACES)
def test_slicer_facing_packages_import_the_shared_one_and_the_libraries_but_not_each_other(package):
    known = face_modules()
    allowed = FACES[package][1] | {package}
    wrong = [
        f"{name} imports {target}"
        for name, file in known.items()
        if name.partition(".")[0] == package
        for target in imports(name, file, known)
        if target.partition(".")[0] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("folder", "foreign"),
    [("MicrocalcAI", "MicrocalcElastographySlicer"), ("MicrocalcElastography", "MicrocalcAISlicer")],
)
def test_module_files_leave_the_other_module_alone(folder, foreign):
    files = [*(ROOT / folder).glob("*.py"), *(ROOT / folder).glob("SegmentEditor*Lib/*.py")]
    known = {**face_modules(), **{file.stem: file for file in files}}
    assert not {
        f"{file.stem} imports {target}"
        for file in files
        for target in imports(file.stem, file, known)
        if target.partition(".")[0] == foreign
    }


def test_libraries_do_not_know_slicer():
    known = face_modules()
    wrong = [
        f"{name} imports {target}"
        for name, file in known.items()
        if name.partition(".")[0] in PACKAGES
        for target in imports(name, file, known)
        if target.partition(".")[0] in FACES
    ]
    assert not wrong


def stand_in_modules() -> dict[str, Path]:
    """The stand-ins by the names they are imported under."""
    return {name.removeprefix(f"{STAND_INS.name}."): file for name, file in modules(STAND_INS).items()}


@pytest.mark.parametrize("known", [face_modules(), stand_in_modules()], ids=["packages", "stand-ins"])
def test_no_module_imports_itself_through_others(known):
    graph = {name: imports(name, file, known) for name, file in known.items()}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError and names the circle
