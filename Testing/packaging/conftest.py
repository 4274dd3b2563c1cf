"""The extension as Slicer installs it, and the wheel as pip builds it; made once for all tests of this folder."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


def run(*command, **arguments):
    """Output of a command that has to succeed."""
    finished = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, **arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="session")
def lists():
    """The program that keeps the lists of installed files, as a module."""
    specification = importlib.util.spec_from_file_location("list_installed_files", FOLDER / "list_installed_files.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def project():
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def cmake():
    """Path of CMake."""
    found = shutil.which("cmake", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert found, "CMake is missing; it is one of the test packages"
    return found


@pytest.fixture(scope="session")
def configured(cmake, tmp_path_factory):
    """Build folder of the extension, configured with a package that stands in for Slicer's."""
    folder = tmp_path_factory.mktemp("build")
    options = {
        "Slicer_DIR": (FOLDER / "slicer").as_posix(),
        "CMAKE_TOOLCHAIN_FILE": (FOLDER / "slicer" / "NoCompiler.cmake").as_posix(),
    }
    run(cmake, "-S", str(ROOT), "-B", str(folder), *(f"-D{name}={value}" for name, value in options.items()))
    return folder


@pytest.fixture(scope="session")
def description(configured):
    """The extension's description as CMake sees it."""
    text = (configured / "description.txt").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture(scope="session")
def installed(cmake, configured, tmp_path_factory):
    """Folder with the modules of the extension as CMake installs them."""
    prefix = tmp_path_factory.mktemp("extension")
    run(cmake, "--install", str(configured), "--prefix", str(prefix))
    return prefix / "lib" / "qt-scripted-modules"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Folder with the content of the wheel, built from a copy so that nothing is left in the repository."""
    copy = tmp_path_factory.mktemp("wheel") / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "Testing", ".*", "build", "*.egg-info")
    shutil.copytree(ROOT, copy, ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    run(*pip, "--wheel-dir", str(copy.parent), str(copy))
    (archive,) = copy.parent.glob("*.whl")
    folder = copy.parent / "site-packages"
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


@pytest.fixture
def python_in(tmp_path):
    """Run Python code that sees a folder's packages and not those of the working tree."""

    def execute(folder, code):
        environment = dict(os.environ, PYTHONPATH=str(folder), PYTHONDONTWRITEBYTECODE="1")
        return run(sys.executable, "-c", code, cwd=tmp_path, env=environment).split()

    return execute
