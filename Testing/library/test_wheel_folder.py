"""A folder of packages for a computer without a network: complete for its system, with hashes, and it installs."""

import base64
import hashlib
import itertools
import subprocess
import sys
import zipfile

import pytest
from packaging.requirements import Requirement

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.wheel_folder import (
    LOCK_FILE,
    PYTHONS,
    SYSTEMS,
    Target,
    WheelError,
    extra_requirements,
    fill,
    own_requirements,
    slicer_requirements,
)
from MicrocalcAILib.cli import main


def make_wheel(folder, name, version="1.0", requires=()):
    """A tiny wheel for every system."""
    info = f"{name}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},\n"
        for path, text in files.items()
    )
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(inner, text)
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for the package index: an application, what it needs, and what it needs on Windows."""
    folder = tmp_path / "index"
    make_wheel(
        folder, "reader", requires=("colors; sys_platform == 'win32'", "numbers>=2", "old; python_version < '3.12'")
    )
    make_wheel(folder, "numbers", "2.1")
    make_wheel(folder, "numbers", "1.0")
    make_wheel(folder, "colors", requires=("paint[bright]",))
    make_wheel(folder, "paint", requires=("lamp; extra == 'bright'",))
    make_wheel(folder, "lamp")
    make_wheel(folder, "old")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def names(wheels):
    return [wheel.name.split("-")[0] for wheel in wheels]


def test_a_folder_holds_what_the_other_system_needs(index, tmp_path):
    windows = names(fill(tmp_path / "windows", ["reader"], Target("3.12", "windows")))
    assert {"colors", "lamp", "numbers", "paint", "reader"} <= set(windows)
    assert "colors" not in names(fill(tmp_path / "macos", ["reader"], Target("3.12", "macos")))


def test_a_folder_holds_what_the_other_python_needs(index, tmp_path):
    assert "old" in names(fill(tmp_path / "folder", ["reader"], Target("3.11", "macos")))


def test_a_folder_with_blanks_and_other_letters_installs_without_a_network_and_every_hash_is_checked(index, tmp_path):
    folder = tmp_path / "für die Klinik 医院"
    fill(folder, ["reader"], Target(f"3.{sys.version_info.minor}", "linux"))
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--find-links", str(folder), "--target"]
    subprocess.run([*install, str(target), "--require-hashes", "-r", str(folder / LOCK_FILE)], check=True)
    assert (target / "numbers.py").read_text() == "__version__ = '2.1'\n"
    wheel = folder / "numbers-2.1-py3-none-any.whl"
    make_wheel(folder, "numbers", "2.1", requires=("reader",))  # altered on the way
    assert wheel.is_file()
    again = subprocess.run(
        [*install, str(tmp_path / "other"), "--require-hashes", "-r", str(folder / LOCK_FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode != 0
    assert "hash" in again.stderr.lower()


def test_what_cannot_be_fetched_is_one_sentence(index, tmp_path):
    with pytest.raises(WheelError, match="package index"):
        fill(tmp_path / "folder", ["not-there-at-all"], Target("3.12", "linux"))


@pytest.mark.parametrize(("python", "system"), [("2.7", "linux"), ("3.12", "amiga")])
def test_other_pythons_and_systems_are_refused(python, system):
    with pytest.raises(ParameterError, match="is one of"):
        Target(python, system)


def test_extras_are_those_of_the_package():
    assert {Requirement(line).name for line in extra_requirements(["pacs"])} >= {"highdicom", "pynetdicom"}
    assert "torch" not in {Requirement(line).name for line in own_requirements()}
    with pytest.raises(ParameterError, match="There is no extra"):
        extra_requirements(["magic"])


def test_the_command_fills_a_folder_for_slicer_and_says_how_to_use_it(index, tmp_path, capsys, monkeypatch):
    from MicrocalcAILib.base import wheel_folder

    monkeypatch.setattr(wheel_folder, "slicer_requirements", lambda: ["reader"])
    folder = tmp_path / "wheels"
    assert main(["wheels", str(folder), "--python", "3.12", "--platform", "windows", "--slicer"]) == 0
    said = capsys.readouterr().out
    count = len(list(folder.glob("*.whl")))
    assert f"{count} packages" in said
    assert "From a folder…" in said
    assert (folder / LOCK_FILE).read_text().count("--hash=sha256:") == count >= 5


NO_WHEELS = ("3.14", "macos-intel")  # Numba ended its wheels for Intel Macs before Python 3.14


@pytest.mark.slow
@pytest.mark.parametrize(
    ("python", "system"), [each for each in itertools.product(PYTHONS[1:], SYSTEMS) if each != NO_WHEELS]
)
def test_every_package_has_a_wheel_for_each_python_and_system(python, system, tmp_path):
    """What pip would install there; needs the package index."""
    options = ["--dry-run", "--ignore-installed", "--only-binary=:all:", "--target", str(tmp_path), "--quiet"]
    finished = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, *Target(python, system).pip_options, *slicer_requirements()],
        capture_output=True,
        text=True,
        check=False,
    )
    if "connection" in finished.stderr.lower():
        pytest.skip("the package index is not reached")
    assert finished.returncode == 0, finished.stderr
