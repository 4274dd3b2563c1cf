"""The command line: screens in; value map, picture, record and table out."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError, ResultError
from MicrocalcElastographyLib.commands import elastography
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen
from MicrocalcElastographyLib.phantom.output import write_screens
from MicrocalcElastographyLib.reading import read_elastogram
from MicrocalcElastographyLib.readings import read_readings
from real_data import more_data

ROOT = Path(__file__).resolve().parents[2]
LESION, FAT = "20,15,4,3.6 mm", "11,13,1.6,1.6 mm"
Run = Callable[..., int]


def write_map(values: np.ndarray, path: Path) -> None:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.2, 0.2))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def run() -> Run:
    def run_command(*words: object) -> int:
        parser = argparse.ArgumentParser()
        elastography.add_arguments(parser)
        return elastography.run(parser.parse_args([str(word) for word in words]))

    return run_command


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shear-wave screens and a strain screen with known values."""
    folder = tmp_path_factory.mktemp("screens")
    for seed in range(3):
        write_screens([simulate_screen(PhantomParameters(seed=seed))], folder, f"shear_{seed}")
    write_screens([simulate_screen(PhantomParameters(unit=Unit.STRAIN, scale=(0.0, 1.0)))], folder, "strain_0")
    return folder


def test_a_screen_becomes_map_picture_record_and_row(run: Run, screens: Path, tmp_path: Path) -> None:
    wall = ("--chest-wall", "25.5", "--precompression", "2")
    assert run("measure", screens / "shear_0.dcm", "--lesion", LESION, "--fat", FAT, *wall, "--output", tmp_path) == 0
    names = ["acquisition_1.png", "acquisition_1_values.nrrd", "measurement.json", "readings.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names

    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(screens / "shear_0_values.nrrd"))).squeeze()
    back = read_elastogram(tmp_path / "acquisition_1_values.nrrd")
    assert back.unit == Unit.KILOPASCAL
    assert back.spacing_mm == pytest.approx((0.1, 0.1), rel=0.01)
    assert np.nanmean(np.abs(back.values - truth)) < 0.5

    (record,) = json.loads((tmp_path / "measurement.json").read_text())["acquisitions"]
    statistics = record["measurement"]["statistics"]
    rows, columns = np.ogrid[: truth.shape[0], : truth.shape[1]]
    # the box begins 5 mm below the probe and 8 mm from the panel's left edge
    lesion = ((rows * 0.1 + 5 - 15) / 3.6) ** 2 + ((columns * 0.1 + 8 - 20) / 4.0) ** 2 <= 1
    assert statistics["lesion"]["mean"] == pytest.approx(truth[lesion].mean(), abs=0.5)
    assert statistics["stiffest_box"]["mean"] > statistics["lesion"]["mean"]
    assert record["measurement"]["stiffness_ratio"] == pytest.approx(
        statistics["stiffest_box"]["mean"] / statistics["fat"]["mean"]
    )
    assert {check["code"]: check["status"] for check in record["protocol"]}["box-margin"] == "pass"
    assert {entry["cutoff"] for entry in record["references"]} >= {62, 64, 80, 50, 41.9}
    assert Image.open(tmp_path / "acquisition_1.png").width > 1000


def test_three_acquisitions_give_their_mean_and_spread(run: Run, screens: Path, tmp_path: Path) -> None:
    files = [screens / f"shear_{number}.dcm" for number in range(3)]
    table = tmp_path / "study.csv"
    words = ("--lesion", LESION, "--fat", FAT, FAT, "13,14,1,1 mm", "--reader", "A", "--name", "L7", "--table", table)
    assert run("measure", *files, *words, "--output", tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "measurement.json").read_text())
    values = [entry["reading"]["elasticity_mean_kpa"] for entry in record["acquisitions"]]
    spread = record["repeats"]["elasticity_mean_kpa"]
    assert spread["mean"] == pytest.approx(np.mean(values))
    assert [check["status"] for check in record["repeat_checks"]["elasticity_mean_kpa"]] == ["pass", "pass"]
    assert table.read_text().count("L7,A,") == 3
    before = table.read_bytes()
    with pytest.raises(ResultError, match="was read before"):
        run("measure", *files, *words, "--output", tmp_path / "again")
    assert table.read_bytes() == before
    assert not (tmp_path / "again").exists()


@pytest.mark.slow
def test_a_second_reader_far_apart_needs_consensus(
    run: Run, screens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "measure",
        screens / "shear_0.png",
        "--lesion",
        LESION,
        "--table",
        tmp_path / "t.csv",
        "--output",
        tmp_path,
    )
    run(*words, "--reader", "A")
    assert "one reader" in capsys.readouterr().out
    run(*words, "--reader", "B", "--lesion", "12,20,2,2 mm")  # beside the lesion
    assert "needs consensus" in capsys.readouterr().out
    run(*words, "--reader", "consensus")
    assert "settled by consensus" in capsys.readouterr().out
    (line,) = (tmp_path / "lesions.csv").read_text().splitlines()[1:]
    assert line.startswith("lesion,")


def test_a_void_lesion_is_recorded_without_a_value_and_the_exit_status_says_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.full((80, 80), 20.0, np.float32)
    values[30:50, 30:50] = np.nan
    write_map(values, tmp_path / "map.nrrd")
    words = ("--lesion", "39.5,39.5,9,9", "--fat", "10,10,5,5", "--unit", "kPa", "--table", tmp_path / "t.csv")
    assert run("measure", tmp_path / "map.nrrd", *words, "--output", tmp_path / "out") == 1
    out = capsys.readouterr()
    assert "no value: void" in out.out
    assert "nothing was measured" in out.err
    for name in ("t.csv", "out/readings.csv", "out/lesions.csv"):
        (row,) = csv.DictReader((tmp_path / name).open())
        assert row["elasticity_mean_kpa"] == row["stiffness_ratio"] == ""
        assert float(row["void_percent"]) == 100.0
        assert "no-measurement-box" in row["warnings"].split()


def test_a_saturated_lesion_travels_to_the_study_as_a_lower_bound(run: Run, tmp_path: Path) -> None:
    screen = simulate_screen(PhantomParameters(lesion_kpa=300.0))
    Image.fromarray(screen.frame).save(tmp_path / "screen.png")
    run("measure", tmp_path / "screen.png", "--lesion", LESION, "--fat", FAT, "--output", tmp_path / "out")
    (row,) = csv.DictReader((tmp_path / "out" / "readings.csv").open())
    assert row["bound"] == ">="
    assert float(row["saturated_percent"]) > 50.0
    assert float(row["roi_inside_percent"]) >= 25.0
    assert "saturated" in row["warnings"].split()
    assert any("saturat" in code for code in row["protocol_warnings"].split())


def test_values_no_tissue_has_are_refused(run: Run, tmp_path: Path) -> None:
    write_map(np.full((80, 80), 55.0, np.float32), tmp_path / "map.nrrd")
    for unit, value in (("m/s", 55.0), ("kPa", 1200.0)):
        write_map(np.full((80, 80), value, np.float32), tmp_path / "map.nrrd")
        with pytest.raises(ParameterError, match="impossible for tissue"):
            run("measure", tmp_path / "map.nrrd", "--lesion", "40,40,9,9", "--unit", unit, "--output", tmp_path / "out")


@pytest.mark.slow
def test_output_that_nobody_reads_ends_the_command_without_a_complaint(screens: Path, tmp_path: Path) -> None:
    words = ["measure", str(screens / "shear_0.png"), "--lesion", LESION, "--table", str(tmp_path / "t.csv")]
    command = [sys.executable, "-m", "MicrocalcAILib", "elastography", *words, "--output", str(tmp_path / "out")]
    folders = os.pathsep.join(str(ROOT / name) for name in ("MicrocalcAI", "MicrocalcElastography"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, check=False, env={**os.environ, "PYTHONPATH": folders}
        )
    assert (ended.returncode, ended.stderr) == (141, b"")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 2


def test_a_strain_screen_gives_a_strain_ratio_and_no_kilopascal(run: Run, screens: Path, tmp_path: Path) -> None:
    run("measure", screens / "strain_0.png", "--lesion", LESION, "--fat", FAT, "--circle", "--output", tmp_path)
    text = (tmp_path / "measurement.json").read_text()
    (record,) = json.loads(text)["acquisitions"]
    fat, lesion = (record["measurement"]["statistics"][name]["mean"] for name in ("fat", "lesion"))
    assert record["reading"]["strain_ratio"] == pytest.approx(fat / lesion)
    assert record["reading"]["strain_ratio"] > 2
    assert record["reading"]["elasticity_mean_kpa"] is None
    assert record["measurement"]["box"]["shape"] == "circle"


def test_a_map_of_values_is_measured_with_a_label_map(run: Run, tmp_path: Path) -> None:
    values = np.full((100, 120), 2.0, np.float32)
    labels = np.zeros((100, 120), np.uint8)
    values[40:60, 50:70], labels[40:60, 50:70] = 5.0, 1
    labels[45:55, 10:20] = 2
    values[:5] = 0.0  # void
    for array, name in ((values, "speed.nrrd"), (labels, "labels.nrrd")):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.2, 0.2))
        sitk.WriteImage(image, str(tmp_path / name))
    regions = ("--lesion", f"{tmp_path / 'labels.nrrd'}:1", "--fat", f"{tmp_path / 'labels.nrrd'}:2")
    with pytest.raises(ParameterError, match="unit"):
        run("measure", tmp_path / "speed.nrrd", *regions, "--output", tmp_path / "out")
    run("measure", tmp_path / "speed.nrrd", *regions, "--unit", "m/s", "--output", tmp_path / "out")
    (record,) = json.loads((tmp_path / "out" / "measurement.json").read_text())["acquisitions"]
    assert record["reading"]["elasticity_mean_kpa"] == pytest.approx(75.0)
    assert record["measurement"]["statistics"]["box_speed"]["mean"] == pytest.approx(5.0)
    assert record["reading"]["stiffness_ratio"] == pytest.approx(6.25)


def test_a_map_of_strain_needs_its_direction(run: Run, tmp_path: Path) -> None:
    values = np.full((80, 80), 0.5, np.float32)
    values[30:50, 30:50] = 0.2
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.2, 0.2))
    sitk.WriteImage(image, str(tmp_path / "strain.nrrd"))
    words = ("--lesion", "40,40,8,8", "--fat", "12,40,6,6", "--unit", "strain", "--output", tmp_path / "out")
    with pytest.raises(ParameterError, match="softer or stiffer"):
        run("measure", tmp_path / "strain.nrrd", *words)
    run("measure", tmp_path / "strain.nrrd", *words, "--higher-is", "softer")
    (record,) = json.loads((tmp_path / "out" / "measurement.json").read_text())["acquisitions"]
    assert record["reading"]["strain_ratio"] == pytest.approx(2.5)


def test_what_the_screen_does_not_tell_is_asked_for_and_can_be_given(run: Run, screens: Path, tmp_path: Path) -> None:
    frame = np.array(Image.open(screens / "shear_0.png"))
    screen = simulate_screen(PhantomParameters(seed=0))
    frame[:, screen.bar.right :][screen.bar.top - 60 : screen.bar.bottom + 30] = 0  # no labels beside the bar
    frame[screen.bar.top - 60 : screen.bar.top] = np.where(
        np.arange(frame.shape[1])[None, :, None] >= screen.bar.left - 5, 0, frame[screen.bar.top - 60 : screen.bar.top]
    )
    path = tmp_path / "unlabeled.png"
    Image.fromarray(frame).save(path)
    words = ("measure", path, "--lesion", LESION, "--output", tmp_path / "out")
    with pytest.raises(ParameterError, match="does not tell"):
        run(*words)
    run(*words, "--unit", "kPa", "--range", "180", "0", "--opacity", "0.5", "--spacing", "0.1")
    (record,) = json.loads((tmp_path / "out" / "measurement.json").read_text())["acquisitions"]
    lesion = screen.values[screen.lesion]
    assert record["measurement"]["statistics"]["lesion"]["mean"] == pytest.approx(lesion.mean(), abs=6)


def test_a_hand_placed_box_and_parameters_are_used_and_recorded(run: Run, screens: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"measurement": {"ring_mm": 2}, "protocol": {"box_margin_mm": 9}}')
    place = ("--box-at", "20,15 mm", "--box-mm", "3", "--parameters", settings)
    run("measure", screens / "shear_0.png", "--lesion", LESION, *place, "--output", tmp_path / "out")
    (record,) = json.loads((tmp_path / "out" / "measurement.json").read_text())["acquisitions"]
    assert record["measurement"]["box"]["placed"] == "by hand"
    assert record["measurement"]["box"]["size_mm"] == pytest.approx([3.0, 3.0])
    assert record["parameters"]["measurement"]["ring_mm"] == 2
    assert {check["code"]: check["status"] for check in record["protocol"]}["box-margin"] == "warn"
    settings.write_text('{"measurement": {"ring": 2}}')
    with pytest.raises(ParameterError, match="ring"):
        run("measure", screens / "shear_0.png", "--lesion", LESION, *place, "--output", tmp_path / "out2")


def test_a_refusal_leaves_nothing_behind(run: Run, screens: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words in (
        (screens / "shear_0.png", "--lesion", "2,2,1,1 mm"),
        (screens / "shear_0.png", tmp_path / "missing.png", "--lesion", LESION),
        (screens / "shear_0.png", screens / "shear_1.png", screens / "shear_2.png", "--lesion", LESION, LESION),
    ):
        with pytest.raises(MicrocalcError):
            run("measure", *words, "--output", out)
    assert not out.exists()


def test_outputs_hold_no_name_of_the_input(run: Run, screens: Path, tmp_path: Path) -> None:
    path = tmp_path / "Doe_Jane_1970.png"
    path.write_bytes((screens / "shear_0.png").read_bytes())
    run("measure", path, "--lesion", LESION, "--output", tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        assert b"Doe" not in file.read_bytes()


def test_the_real_frame_is_measured(run: Run, tmp_path: Path) -> None:
    frame = more_data("swe/mach30_frame.png")
    run("measure", frame, "--lesion", "690,322,20,15", "--output", tmp_path)
    (record,) = json.loads((tmp_path / "measurement.json").read_text())["acquisitions"]
    measured = record["measurement"]
    assert 15 < measured["statistics"]["stiffest_box"]["mean"] < 45  # blue: the lowest part of 0 to 300 kPa
    assert measured["lesion_depth_mm"] == pytest.approx(16.0, abs=0.5)
    assert measured["lesion_length_mm"] == pytest.approx(41 * 0.0867, abs=0.2)
    assert measured["quality_of_the_elastography_box"]["effective_opacity"] == pytest.approx(1.0, abs=0.02)


def test_the_phantom_command_makes_what_the_measure_command_reads(run: Run, tmp_path: Path) -> None:
    run("phantom", "--output", tmp_path, "--lesion-kpa", "60")
    run("measure", tmp_path / "elastogram_0000.dcm", "--lesion", LESION, "--output", tmp_path / "out")
    assert (tmp_path / "out" / "readings.csv").is_file()


def test_what_the_examiner_confirms_is_recorded(run: Run, screens: Path, tmp_path: Path) -> None:
    run("measure", screens / "shear_0.dcm", "--lesion", LESION, "--confirmed", "breath-hold", "position",
        "--output", tmp_path)  # fmt: skip
    (record,) = json.loads((tmp_path / "measurement.json").read_text())["acquisitions"]
    statuses = {check["code"]: check["status"] for check in record["protocol"]}
    assert (statuses["breath-hold"], statuses["position"], statuses["recovery"]) == ("pass", "pass", "cannot tell")


@pytest.mark.slow
def test_a_table_of_regions_is_measured_row_by_row_and_resumed(run: Run, screens: Path, tmp_path: Path) -> None:
    table = tmp_path / "regions.csv"
    rows = [
        f'{screens / "shear_0.dcm"},"{LESION}","{FAT}",L1,A,1',
        f'{screens / "shear_1.dcm"},"{LESION}",,L1,A,2',
        f'{screens / "strain_0.png"},"{LESION}","{FAT}",L/2,A,',
        f'{screens / "missing.png"},"{LESION}","{FAT}",L3,A,',
    ]
    table.write_text("\n".join(["file,lesion,fat,name,reader,repeat", *rows]) + "\n")
    words = ("measure", "--regions", table, "--workers", "1", "--output", tmp_path / "out")
    assert run(*words) == 1
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8") as file:
        summary = list(csv.DictReader(file))
    assert [row["status"] for row in summary] == ["done", "done", "done", "failed"]
    readings = read_readings(tmp_path / "out" / "readings.csv")
    assert readings["lesion"].tolist() == ["L1", "L1", "L/2"]
    assert (tmp_path / "out" / summary[2]["folder"] / "acquisition_1.png").is_file()
    run("measure", screens / "shear_0.dcm", "--lesion", LESION, "--fat", FAT, "--output", tmp_path / "single")
    single = read_readings(tmp_path / "single" / "readings.csv")
    assert readings["elasticity_mean_kpa"][0] == single["elasticity_mean_kpa"][0]
    table.write_text(table.read_text().replace(f"shear_1.dcm,{LESION}", f"shear_1.dcm,{FAT}").replace("L3", "L4"))
    assert run(*words, "--box-mm", "2") == 1
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done", "done", "done", "failed"]
    assert run(*words, "--box-mm", "2") == 1
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["finished before"] * 3 + ["failed"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,lesion\n", "no rows"),
        ("file\nx.png\n", "needs file and lesion"),
        ("file,lesion,color\nx.png,1,red\n", "unknown column “color”"),
        ("file,lesion,repeat\nx.png,1,first\n", "is not a number"),
        ('file,lesion\nx.png,"1,2,3,4"\ny.png,"1,2,3,4"\n', "stands in the table twice"),
        ("file,lesion\nx.png,1,2,3,4\n", "in the table"),
    ],
)
def test_a_wrong_table_of_regions_is_refused_in_a_sentence(
    run: Run, tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert run("measure", "--regions", tmp_path / "t.csv", "--output", tmp_path / "out") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
