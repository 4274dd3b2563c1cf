"""The wheel that ``pip install .`` makes: all subpackages, all resources, and a command that starts."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_packages_are_listed(lists):
    path = ROOT / "pyproject.toml"
    assert lists.updated(path) == path.read_text(encoding="utf-8"), (
        "run: python Testing/packaging/list_installed_files.py --update"
    )


def test_wheel_holds_every_python_file_of_the_libraries(lists, wheel):
    for module in lists.MODULES:
        library = ROOT / module / f"{module}Lib"
        files = {path.relative_to(library.parent).as_posix() for path in library.rglob("*.py")}
        inside = {path.relative_to(wheel).as_posix() for path in (wheel / library.name).rglob("*.py")}
        assert inside == files


def test_wheel_holds_every_resource(lists, wheel):
    for module in lists.MODULES:
        prefix = f"Resources/{module}/"
        files = {file.removeprefix(prefix) for file in lists.resources(module) if file.startswith(prefix)}
        folder = wheel / f"{module}Lib" / "resources"
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == files


def test_wheel_holds_nothing_else(lists, wheel, project):
    metadata = f"microcalc-{project['project']['version']}.dist-info"
    assert {path.name for path in wheel.iterdir()} == {metadata, *(f"{module}Lib" for module in lists.MODULES)}


def test_installed_library_finds_its_resources(wheel, python_in):
    code = "from MicrocalcAILib.base.resources import resource_path; print(resource_path('requirements.txt'))"
    assert python_in(wheel, code) == [str(wheel / "MicrocalcAILib" / "resources" / "requirements.txt")]


def test_installed_command_starts(wheel, python_in, project):
    code = "import sys; sys.argv = ['microcalc', '--version']; from MicrocalcAILib.cli import main; main()"
    assert python_in(wheel, code)[-1] == project["project"]["version"]
