"""The lists of files that are installed, kept equal to the folders.

``python Testing/packaging/list_installed_files.py`` says what is missing; ``--update`` rewrites the lists: scripts and
resources in each module's CMakeLists.txt, packages in pyproject.toml.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = tuple(
    folder for folder in ("MicrocalcAI", "MicrocalcElastography") if (ROOT / folder / "CMakeLists.txt").exists()
)
_NEVER_INSTALLED = {"__pycache__", "Testing"}


def scripts(module: str) -> list[str]:
    """Python files of a module's folder, relative to it; the library and hidden modules included."""
    return _files(module, lambda path: path.suffix == ".py" and path.parts[0] != "Resources")


def resources(module: str) -> list[str]:
    """Files under a module's Resources folder, relative to the module's folder."""
    return _files(module, lambda path: path.parts[0] == "Resources")


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
    text = _with_list(text, r"(set\(MODULE_PYTHON_SCRIPTS\n).*?(  \))", [f"  {name}" for name in scripts(module)])
    return _with_list(text, r"(set\(MODULE_PYTHON_RESOURCES\n).*?(  \))", [f"  {name}" for name in resources(module)])


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


def _files(module: str, is_wanted) -> list[str]:
    folder = ROOT / module
    relative = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in relative
        if is_wanted(path) and not any(part in _NEVER_INSTALLED or part.startswith(".") for part in path.parts)
    )


def _with_list(text: str, pattern: str, lines: list[str]) -> str:
    changed, count = re.subn(
        pattern, lambda match: match[1] + "".join(f"{line}\n" for line in lines) + match[2], text, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"There is no place for the list: {pattern}")
    return changed


if __name__ == "__main__":
    sys.exit(main())
