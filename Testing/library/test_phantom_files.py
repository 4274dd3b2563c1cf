"""The files of a phantom: valid DICOM that is read back exactly, NRRD that opens upright, complete truth."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk

from library.victre_examples import written_breast
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.volumes import read_label_map
from MicrocalcAILib.commands import phantom as command
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, image_background, power_law_background, simulate
from MicrocalcAILib.phantom.dicom_writer import write_dicom
from MicrocalcAILib.phantom.writer import write_phantom
from MicrocalcAILib.reading import read_mammogram

SMALL = BreastParameters(spacing_mm=0.1, frame_mm=(150.0, 110.0))


@pytest.fixture(scope="module", params=["CC", "MLO"])
def written(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    background = power_law_background([9, 0], replace(SMALL, view=request.param))
    phantom = simulate(background, [9, 0], PhantomParameters(clusters=(2, 2)))
    write_phantom(folder, "phantom_0001", phantom)
    return folder, phantom


def test_the_folder_holds_image_and_truth_and_nothing_else(written):
    folder, _ = written
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "truth/phantom_0001/.written.sha256",
        "dicom/phantom_0001.dcm",
        "nrrd/phantom_0001.nrrd",
        "truth/phantom_0001/labels.nrrd",
        "truth/phantom_0001/calcifications.csv",
        "truth/phantom_0001/clusters.csv",
        "truth/phantom_0001/phantom.json",
    }


def test_the_dicom_file_is_read_back_exactly(written):
    folder, phantom = written
    mammogram = read_mammogram(folder / "dicom" / "phantom_0001.dcm")
    np.testing.assert_array_equal(mammogram.pixels, phantom.mammogram.pixels)
    for name in ("spacing_mm", "laterality", "view", "chest_wall_side", "display_window"):
        assert getattr(mammogram, name) == pytest.approx(getattr(phantom.mammogram, name)), name
    assert mammogram.warnings == ()


def test_the_dicom_file_says_that_nobody_was_imaged(written):
    folder, _ = written
    dataset = pydicom.dcmread(folder / "dicom" / "phantom_0001.dcm")
    assert dataset.PatientName == "PHANTOM^SIMULATED"
    assert dataset.PatientID.startswith("PHANTOM")
    assert "Simulated" in dataset.ImageComments
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert dataset.BitsStored == 12


@pytest.mark.skipif(sys.platform != "linux", reason="dicom3tools comes for Linux only")
def test_the_dicom_file_passes_the_validator(written):
    folder, _ = written
    validator = shutil.which("dciodvfy", path=str(Path(sys.executable).parent)) or shutil.which("dciodvfy")
    assert validator, "dicom3tools is a test dependency"
    report = subprocess.run(
        [validator, str(folder / "dicom" / "phantom_0001.dcm")], capture_output=True, text=True, check=False
    )
    assert "Error" not in report.stdout + report.stderr
    assert report.returncode == 0
    assert "MammographyImageForPresentation" in report.stdout + report.stderr


@pytest.mark.parametrize(
    ("laterality", "side", "view", "orientation"),
    [
        ("L", "left", "CC", ["A", "R"]),
        ("R", "right", "CC", ["P", "L"]),
        ("L", "left", "MLO", ["A", "FR"]),
        ("R", "right", "MLO", ["P", "FL"]),
        ("L", "left", "ML", ["A", "F"]),
    ],
)
def test_patient_orientation_follows_side_and_view(written, tmp_path, laterality, side, view, orientation):
    _, phantom = written
    mammogram = replace(phantom.mammogram, laterality=laterality, chest_wall_side=side, view=view)
    write_dicom(tmp_path / "image.dcm", mammogram, "PHANTOM-1", "Simulated")
    assert list(pydicom.dcmread(tmp_path / "image.dcm").PatientOrientation) == orientation


def test_the_same_phantom_gives_the_same_file(written, tmp_path):
    folder, phantom = written
    write_phantom(tmp_path, "phantom_0001", phantom)
    for name in ("dicom/phantom_0001.dcm", "truth/phantom_0001/phantom.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_pixels_that_do_not_fit_into_dicom_are_refused_and_leave_no_file(written, tmp_path):
    _, phantom = written
    odd = replace(phantom.mammogram, pixels=phantom.mammogram.pixels + np.float32(0.5))
    with pytest.raises(ParameterError, match="whole pixel values"):
        write_dicom(tmp_path / "image.dcm", odd, "PHANTOM-1", "Simulated")
    assert list(tmp_path.iterdir()) == []


def test_the_nrrd_file_opens_upright_and_in_millimeters(written):
    folder, phantom = written
    image = sitk.ReadImage(str(folder / "nrrd" / "phantom_0001.nrrd"))
    rows, columns = phantom.mammogram.pixels.shape
    assert image.GetSize() == (columns, rows, 1)
    assert image.GetSpacing() == pytest.approx((0.1, 0.1, 1.0))
    assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[0], phantom.mammogram.pixels)


def test_the_truth_is_read_back_exactly(written):
    folder, phantom = written
    truth = folder / "truth" / "phantom_0001"
    np.testing.assert_array_equal(read_label_map(truth / "labels.nrrd"), phantom.labels)
    pd.testing.assert_frame_equal(pd.read_csv(truth / "calcifications.csv"), phantom.calcifications, rtol=1e-5)
    pd.testing.assert_frame_equal(pd.read_csv(truth / "clusters.csv"), phantom.clusters, rtol=1e-5)
    record = json.loads((truth / "phantom.json").read_text(encoding="utf-8"))
    assert record["simulated"] is True
    assert record["breast_area_cm2"] > 20
    assert "50 %" in record["label_rule"]
    assert record["versions"]["numpy"] == np.__version__


def test_an_image_of_unknown_position_is_written_with_the_usual_hanging_and_says_so(tmp_path):
    y, x = np.mgrid[:600, :500]
    pixels = np.where((y - 300) ** 2 + (x - 499) ** 2 < 280**2, 100.0 + (x + y) % 7, 0.0).astype(np.float32)
    plain = replace(power_law_background([9, 0], SMALL).mammogram, pixels=pixels, laterality=None, view=None)
    phantom = simulate(image_background(replace(plain, chest_wall_side=None)), 1)
    write_phantom(tmp_path, "phantom_0001", phantom, ["dicom"])
    dataset = pydicom.dcmread(tmp_path / "dicom" / "phantom_0001.dcm")
    assert (dataset.ImageLaterality, dataset.ViewPosition) == ("R", "CC")
    assert "Assumed: laterality and view" in dataset.ImageComments


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(list(words)))


def test_the_command_writes_images_that_do_not_depend_on_their_number(tmp_path, capsys):
    volume = str(written_breast(tmp_path))
    common = ("--seed", "3", "--background", "power-law", "--victre", volume, "--spacing", "0.2", "--format", "nrrd")
    assert run("--output", str(tmp_path / "two"), "--count", "2", *common) == 0
    assert run("--output", str(tmp_path / "three"), "--count", "3", *common, "--json-progress") == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1]) == {"stage": "phantoms", "done": 3, "total": 3}
    assert not (tmp_path / "two" / "dicom").exists()
    kinds = [
        json.loads((tmp_path / "two" / "truth" / name / "phantom.json").read_text())["background"]["kind"]
        for name in ("phantom_0001", "phantom_0002")
    ]
    assert kinds == ["power-law", "victre"]
    for name in ("phantom_0001", "phantom_0002"):
        for part in (f"nrrd/{name}.nrrd", f"truth/{name}/calcifications.csv", f"truth/{name}/labels.nrrd"):
            assert (tmp_path / "two" / part).read_bytes() == (tmp_path / "three" / part).read_bytes()


def test_the_command_takes_an_image_and_the_words_of_the_lexicon(written, tmp_path):
    folder, _ = written
    source = folder / "nrrd" / "phantom_0001.nrrd"
    words = ("--morphology", "fine-linear", "large-rod-like", "--distribution", "segmental", "--clusters", "2")
    assert run("--output", str(tmp_path), "--background", str(source), "--view", "MLO", *words) == 0
    clusters = pd.read_csv(tmp_path / "truth" / "phantom_0001" / "clusters.csv")
    assert len(clusters) == 2
    assert set(clusters["morphology"]) <= {"fine linear", "large rod-like"}
    assert set(clusters["distribution"]) == {"segmental"}
    record = json.loads((tmp_path / "truth" / "phantom_0001" / "phantom.json").read_text(encoding="utf-8"))
    assert record["background"]["kind"] == "image"
    assert len(record["background"]["source"]["sha256"]) == 64
    assert str(folder) not in json.dumps(record)
    assert pydicom.dcmread(tmp_path / "dicom" / "phantom_0001.dcm").ViewPosition == "MLO"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--count", "0"), "count of at least 1"),
        (("--victre", "pc_1_crop.mhd", "--view", "MLO"), "CC view"),
        (("--morphology", "stellate"), "Unknown morphology"),
        (("--spacing", "3"), "spacing"),
    ],
)
def test_the_command_refuses_with_a_reason_and_writes_nothing(tmp_path, words, reason):
    with pytest.raises(ParameterError, match=reason):
        run("--output", str(tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()
