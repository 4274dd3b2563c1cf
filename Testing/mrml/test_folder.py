"""A whole folder of images: resumed, and one failure does not stop the others."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAISlicer.folderrun import imageFiles
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess

CHILD = str(Path(__file__).with_name("child.py"))


class Starter:
    """Starts the stand-in child; images whose name begins with ``bad`` fail. Counts its starts."""

    def __init__(self):
        self.count = 0

    def __call__(self, arguments):
        self.count += 1
        image, output = Path(arguments[3]), Path(arguments[5])
        ending = "error" if image.name.startswith("bad") else "result"
        inside = [*arguments[:5], str(output / image.name.split(".")[0]), *arguments[6:]]
        return AnalysisProcess([CHILD, ending, *inside])


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
    rows = MicrocalcAILogic(Starter()).processFolder(images, tmp_path / "out")
    assert [(row["image"], row["status"]) for row in rows] == [
        ("R_CC.nrrd", "analyzed"),
        ("bad_one.nrrd", "failed"),
        ("patient 2/R_CC.nrrd", "analyzed"),
    ]
    assert rows[1]["message"] == "The image is blank; choose another one."
    assert rows[2]["folder"] == "patient 2/R_CC"
    assert rows[2]["calcifications"] == 1
    assert (tmp_path / "out" / "patient 2" / "R_CC" / "analysis.json").is_file()
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["analyzed", "failed", "analyzed"]


def test_interrupted_run_goes_on_where_it_was(slicer, images, tmp_path):
    first = MicrocalcAILogic(Starter()).processFolder(images, tmp_path / "out", waitForCompletion=False)
    while len(first.rows) < 2:
        first.update()
    first.cancel()
    starter = Starter()
    rows = MicrocalcAILogic(starter).processFolder(images, tmp_path / "out")
    assert [row["status"] for row in rows] == ["finished before", "failed", "analyzed"]
    assert starter.count == 2


def test_images_of_one_name_do_not_overwrite_each_other(slicer, images, tmp_path):
    shutil.copy(images / "R_CC.nrrd", images / "R_CC.x.nrrd")
    rows = MicrocalcAILogic(Starter()).processFolder(images, tmp_path / "out")
    assert {row["folder"] for row in rows if row["image"].startswith("R_CC")} == {"R_CC.nrrd/R_CC", "R_CC.x.nrrd/R_CC"}


def test_progress_says_which_image_it_is(slicer, images, tmp_path):
    run = MicrocalcAILogic(Starter()).processFolder(images, tmp_path / "out", waitForCompletion=False)
    assert (run.position, run.total) == (1, 3)
    while not run.update():
        pass
    assert run.position == 3


def test_results_inside_the_image_folder_are_not_analyzed_themselves(slicer, images):
    logic = MicrocalcAILogic(Starter())
    logic.processFolder(images, images / "out")
    assert len(logic.processFolder(images, images / "out")) == 3


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_folder_without_images_is_refused(slicer, tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError):
        MicrocalcAILogic(Starter()).processFolder(tmp_path / name, tmp_path / "out")


def test_results_among_the_images_are_refused(slicer, images):
    with pytest.raises(ParameterError, match="another output folder"):
        MicrocalcAILogic(Starter()).processFolder(images, images)


def test_only_images_are_found(images):
    assert [path.name for path in imageFiles(images)] == ["R_CC.nrrd", "bad_one.nrrd", "R_CC.nrrd"]
