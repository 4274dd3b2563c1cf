"""What is uploaded to a package index: complete, well described, installed in an empty environment, and licensed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
OWN = f"3.{sys.version_info.minor}"
ON_WINDOWS = os.name == "nt"


def run(*command, **arguments):
    """Output of a command that has to succeed."""
    finished = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, encoding="utf-8", check=False, **arguments
    )
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return finished.stdout


@pytest.fixture(scope="module")
def bill():
    """The program that lists what an installation consists of, as a module."""
    specification = importlib.util.spec_from_file_location("bill_of_materials", FOLDER / "bill_of_materials.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["bill_of_materials"] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("extras", [(), ("ocr",), ("cluster", "pacs"), ("training",)], ids=str)
def test_every_package_of_an_installation_has_a_permissive_license(bill, extras):
    found, absent = bill.packages(extras)
    assert len(found) > 30
    assert [f"{each.name}: {each.license}" for each in found if not each.is_permissive] == []
    if not extras:
        assert absent == []


def test_a_copyleft_license_would_be_noticed(bill):
    for text in ("GPL-3.0-only", "GNU Lesser General Public License v3 (LGPLv3)", "AGPL-3.0", "unknown", "Proprietary"):
        assert not bill.Package("x", "1", text).is_permissive


def test_the_bill_of_materials_names_every_package_with_version_and_license(bill, tmp_path):
    found, _ = bill.packages()
    bill.write_sbom(found, tmp_path / "sbom.json")
    written = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))
    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    assert written["metadata"]["component"]["name"] == "microcalc"
    listed = {(each["name"], each["version"]) for each in written["components"]}
    assert listed == {(each.name, each.version) for each in found}
    assert [each["name"] for each in written["components"] if not each.get("licenses")] == []


def test_citation_says_what_the_package_says(project):
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith((" ", "-")))
    assert facts["cff-version"] == "1.2.0"
    assert facts["version"].strip('"') == project["project"]["version"]
    assert facts["license"] == project["project"]["license"]
    assert facts["repository-code"].strip('"') == project["project"]["urls"]["Homepage"]
    assert "authors" in text


def test_extras_are_those_that_the_documentation_names(project):
    extras = project["project"]["optional-dependencies"].keys()
    assert extras >= {"cluster", "dicom", "pacs", "networks", "training", "ocr", "notebook", "samples"}


@pytest.fixture(scope="module")
def distribution(tmp_path_factory):
    """Wheel and source distribution, built as for an upload from a copy of the repository."""
    copy = tmp_path_factory.mktemp("distribution") / "copy"
    ignored = shutil.ignore_patterns("__pycache__", ".git", ".venv", "out", "build", "*.egg-info", ".*_cache", "shared")
    shutil.copytree(ROOT, copy, ignore=ignored)
    run(sys.executable, "-m", "build", "--outdir", copy.parent / "dist", copy)
    (wheel,), (source,) = copy.parent.glob("dist/*.whl"), copy.parent.glob("dist/*.tar.gz")
    return wheel, source


def interpreter_of(python):
    """Where pyenv has a version of Python, else its number, by which uv looks for it."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return str(max(versions.glob(f"{python}.*/bin/python"), default=python))


def environment_of(folder, python, *uv_arguments):
    """An empty environment with packages in it; gives its Python. Skips when there is no such Python."""
    uv = [sys.executable, "-m", "uv"]
    command = [*uv, "venv", "-q", "--python", interpreter_of(python), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"there is no Python {python} here: {made.stderr.strip()[:200]}")
    interpreter = folder / ("Scripts/python.exe" if ON_WINDOWS else "bin/python")
    run(*uv, "pip", "install", "-q", "--python", interpreter, *uv_arguments)
    return interpreter


def analyze_a_phantom(interpreter, folder, version):
    """Run the installed command where nothing of the repository is seen."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = interpreter.parent / ("microcalc.exe" if ON_WINDOWS else "microcalc")
    folder.mkdir()
    arguments = {"cwd": folder, "env": environment}
    assert run(command, "--version", **arguments).split()[-1] == version
    run(command, "phantom", "--count", "1", "--seed", "3", "--output", "phantoms", "--format", "nrrd", **arguments)
    (image,) = (folder / "phantoms" / "nrrd").glob("*.nrrd")
    run(command, "analyze", image, "--output", "results", **arguments)
    assert list((folder / "results").rglob("calcifications.csv"))


@pytest.mark.slow
def test_wheel_and_source_can_be_uploaded(distribution):
    assert "PASSED" in run(sys.executable, "-m", "twine", "check", "--strict", *distribution)
    with tarfile.open(distribution[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE.txt", "README.md"} <= names


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_wheel_in_an_empty_environment_analyzes_a_phantom(distribution, project, tmp_path, python):
    interpreter = environment_of(tmp_path / "environment", python, distribution[0])
    analyze_a_phantom(interpreter, tmp_path / "with blanks ünd more", project["project"]["version"])


@pytest.mark.slow
def test_lowest_versions_that_are_stated_analyze_a_phantom(distribution, project, tmp_path):
    arguments = ("--resolution", "lowest-direct", "--only-binary", ":all:", distribution[0])
    interpreter = environment_of(tmp_path / "environment", OWN, *arguments)
    analyze_a_phantom(interpreter, tmp_path / "work", project["project"]["version"])


@pytest.mark.slow
@pytest.mark.parametrize("extras", ["cluster", "pacs", "networks", "training", "ocr", "cluster,pacs,ocr,notebook"])
def test_extras_install_alone_and_together(distribution, tmp_path, extras):
    """Resolved and not downloaded: PyTorch alone is several GB."""
    interpreter = environment_of(tmp_path / "environment", OWN, "packaging")
    uv = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "-q", "--python", interpreter]
    run(*uv, f"{distribution[0]}[{extras}]")
