"""The example script for whole folders, as ``Slicer --no-main-window --python-script`` runs it."""

import functools
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MicrocalcAISlicer import logic
from mrml.test_folder import start

SCRIPT = Path(__file__).parents[2] / "Resources" / "Examples" / "process_folder.py"


@pytest.fixture
def run_script(slicer, monkeypatch):
    """Run the script with arguments; gives its exit status."""
    statuses = []
    monkeypatch.setattr(slicer.util, "exit", statuses.append)
    monkeypatch.setattr(logic, "MicrocalcAILogic", functools.partial(logic.MicrocalcAILogic, start))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return statuses[-1]

    return run


def test_script_analyzes_a_folder_and_says_what_failed(run_script, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    pixels = np.random.default_rng(0).integers(0, 100, (1, 30, 20)).astype(np.uint16)
    for name in ("R_CC.nrrd", "bad.nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(pixels), str(images / name))
    assert run_script(images, tmp_path / "out", "--spacing", "0.07") == 1
    printed = capsys.readouterr().out
    assert "1 of 2: R_CC.nrrd: done" in printed
    assert "2 of 2: bad.nrrd: failed The image is blank; choose another one." in printed
    assert (tmp_path / "out" / "summary.csv").is_file()


def test_script_without_images_says_so(run_script, tmp_path, capsys):
    assert run_script(tmp_path / "nowhere", tmp_path / "out") == 2
    assert "no folder" in capsys.readouterr().err


def test_script_with_wrong_arguments_ends_slicer_too(run_script):
    assert run_script("only one") == 2
