"""A whole folder of images: the rows that the batch engine tells of."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess

CHILD = str(Path(__file__).with_name("child.py"))


def start(arguments):
    """Start the stand-in child, which fails with images whose name begins with ``bad``."""
    return AnalysisProcess([CHILD, "folder", *arguments])


@pytest.fixture
def images(tmp_path):
    """Three images in two folders, and files that are none."""
    folder = tmp_path / "images"
    (folder / "patient 2").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 100, (1, 30, 20)).astype(np.uint16)
    for name in ("R_CC.nrrd", "bad_one.nrrd", "patient 2/R_CC.nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(pixels), str(folder / name))
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    (folder / ".hidden.nrrd").write_text("NRRD", encoding="utf-8")
    return folder


def test_every_image_has_its_row_and_its_folder(slicer, images, tmp_path):
    rows = MicrocalcAILogic(start).processFolder(images, tmp_path / "out")
    assert [(row["image"], row["status"]) for row in rows] == [
        ("R_CC.nrrd", "done"),
        ("bad_one.nrrd", "failed"),
        ("patient 2/R_CC.nrrd", "done"),
    ]
    assert rows[1]["reason"] == "The image is blank; choose another one."
    assert rows[2]["folder"] == "patient 2/R_CC"
    assert rows[2]["calcifications"] == 1


def test_progress_says_which_image_it_is(slicer, images, tmp_path):
    run = MicrocalcAILogic(start).processFolder(images, tmp_path / "out", waitForCompletion=False)
    assert (run.position, run.total) == (0, 0)
    while not run.update():
        pass
    assert (run.position, run.total) == (3, 3)
    assert run.update()


def test_what_stops_the_run_is_raised(slicer, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MicrocalcError, match="choose the folder that holds the images"):
        MicrocalcAILogic(start).processFolder(tmp_path / "empty", tmp_path / "out")


def test_a_folder_that_is_not_there_is_refused(slicer, tmp_path):
    with pytest.raises(ParameterError, match="no folder"):
        MicrocalcAILogic(start).processFolder(tmp_path / "nowhere", tmp_path / "out")


@pytest.mark.slow
def test_a_folder_is_analyzed_by_the_engine_and_goes_on_where_it_was(slicer, images, tmp_path):
    (images / "bad_one.nrrd").write_text("NRRD0004 and no more", encoding="utf-8")
    logic = MicrocalcAILogic()
    rows = logic.processFolder(images, tmp_path / "out", spacingMm=0.07, selector="measurements")
    statuses = {row["image"]: row["status"] for row in rows}
    assert statuses == {
        "R_CC.nrrd": "done",
        "bad_one.nrrd": "failed",
        "notes.txt": "skipped",
        "patient 2/R_CC.nrrd": "done",
    }
    assert (tmp_path / "out" / "patient 2" / "R_CC" / "analysis.json").is_file()
    assert (tmp_path / "out" / "summary.csv").is_file()
    rows = logic.processFolder(images, tmp_path / "out", spacingMm=0.07, selector="measurements")
    assert [row["status"] for row in rows].count("finished before") == 2
