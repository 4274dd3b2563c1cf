"""The lists of files that are installed, kept equal to the folders.

``python Testing/packaging/list_installed_files.py`` says what is missing; ``--update`` rewrites the lists: scripts,
resources and hidden modules in each folder's CMakeLists.txt, packages in pyproject.toml.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = tuple(
    folder for folder in ("MicrocalcAI", "MicrocalcElastography") if (ROOT / folder / "CMakeLists.txt").exists()
)
_NEVER_INSTALLED = {"__pycache__", "Testing", "CMakeLists.txt"}


def scripts(module: str) -> list[str]:
    """Python files of a module's folder, relative to it; the library and hidden modules included."""
    return [file for file in _files(module) if file.endswith(".py") and not _is_resource(file)]


def resources(module: str) -> list[str]:
    """The other files that are installed: those under Resources, and pictures beside a hidden module's scripts."""
    hidden = hidden_modules(module)
    return [
        file for file in _files(module) if _is_resource(file) or (not file.endswith(".py") and _owner(file) in hidden)
    ]


def hidden_modules(module: str) -> list[str]:
    """Names of the modules that lie in a module's folder beside it: Slicer takes each file there for a module."""
    return [path.stem for path in sorted((ROOT / module).glob("*.py")) if path.stem != module]


def packages() -> list[str]:
    """Python packages that ``pip install`` installs: the libraries, and their resources as a package of their own."""
    found = []
    for module in MODULES:
        library = ROOT / module / f"{module}Lib"
        for file in library.rglob("__init__.py"):
            found.append(".".join(file.parent.relative_to(ROOT / module).parts))
        found.append(f"{module}Lib.resources")
    return sorted(found)


def updated(path: Path) -> str:
    """Text of a CMakeLists.txt or pyproject.toml with its lists as they should be."""
    text = path.read_text(encoding="utf-8")
    if path.name == "pyproject.toml":
        return _with_list(text, r"(\npackages = \[\n).*?(\])", [f'  "{name}",' for name in packages()])
    module = path.parent.name
    hidden = hidden_modules(module)
    for variable, files in (("SCRIPTS", scripts(module)), ("RESOURCES", resources(module))):
        own = [f"  {file}" for file in files if _owner(file) not in hidden]
        text = _with_list(text, rf"(set\(MODULE_PYTHON_{variable}\n).*?(  \))", own)
    return _with_list(text, r"(# Hidden modules of this folder:\n).*?(#-)", _hidden_module_calls(module))


def files_with_lists() -> list[Path]:
    """The files that hold lists."""
    return [*(ROOT / module / "CMakeLists.txt" for module in MODULES), ROOT / "pyproject.toml"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the lists of installed files with the folders.")
    parser.add_argument("--update", action="store_true", help="rewrite the lists")
    update = parser.parse_args().update
    outdated = [path for path in files_with_lists() if updated(path) != path.read_text(encoding="utf-8")]
    for path in outdated:
        if update:
            path.write_text(updated(path), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'rewritten' if update else 'differs from the folder; run with --update'}")
    return 0 if update else len(outdated)


def _files(module: str) -> list[str]:
    folder = ROOT / module
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in relative
        if not any(part in _NEVER_INSTALLED or part.startswith(".") for part in path.parts)
    )


def _is_resource(file: str) -> bool:
    return file.startswith("Resources/")


def _owner(file: str) -> str:
    """The module that a file or its folder is named after: ``NameLib`` belongs to ``Name.py``."""
    return file.partition("/")[0].removesuffix(".py").removesuffix("Lib")


def _hidden_module_calls(module: str) -> list[str]:
    """How CMake is told of the hidden modules; Slicer's generic test is left out, because they have no panel."""
    lines = []
    for name in hidden_modules(module):
        lines += ["slicerMacroBuildScriptedModule(", f"  NAME {name}"]
        for keyword, files in (("SCRIPTS", scripts(module)), ("RESOURCES", resources(module))):
            own = [file for file in files if _owner(file) == name]
            lines += [f"  {keyword}", *(f"    {file}" for file in own)] if own else []
        lines += ["  )", ""]
    return lines or [""]


def _with_list(text: str, pattern: str, lines: list[str]) -> str:
    changed, count = re.subn(
        pattern, lambda match: match[1] + "".join(f"{line}\n" for line in lines) + match[2], text, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"There is no place for the list: {pattern}")
    return changed


if __name__ == "__main__":
    sys.exit(main())
