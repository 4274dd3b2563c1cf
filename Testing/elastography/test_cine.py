"""Cines: which frames hold a new elastogram, where they are steady, and which frame is measured."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib import cine as cine_module
from MicrocalcElastographyLib.cine import follow_cine, steadiest_stretch
from MicrocalcElastographyLib.commands import elastography
from MicrocalcElastographyLib.phantom import PhantomParameters, SimulatedScreen, simulate_cine, write_dicom
from MicrocalcElastographyLib.reading import read_elastogram


@pytest.fixture(scope="module")
def screens() -> list[SimulatedScreen]:
    return simulate_cine(PhantomParameters(seed=4), frames=8, refreshed_every=2)


@pytest.fixture(scope="module")
def path(screens: list[SimulatedScreen], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cine") / "cine.dcm"
    write_dicom(screens, path)
    return path


def test_every_new_elastogram_has_its_values_and_the_screen_is_calibrated_once(
    path: Path, screens: list[SimulatedScreen], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrated = []
    find = cine_module.find_calibration
    monkeypatch.setattr(cine_module, "find_calibration", lambda *given: calibrated.append(1) or find(*given))
    summary = follow_cine(path, stretch=3)
    assert len(calibrated) == 1
    assert summary.frames == 8
    assert [frame.frame for frame in summary.shown] == [0, 2, 4, 6]
    for frame in summary.shown:
        truth = screens[frame.frame]
        # The border of the box and of voids, which is left out, is softer than the rest.
        assert frame.mean == pytest.approx(truth.values[~truth.void].mean(), rel=0.04)
    assert len(summary.stretch) == 3
    assert summary.chosen in summary.stretch
    means = [frame.mean for frame in summary.shown if frame.frame in summary.stretch]
    assert summary.spread is not None
    assert summary.spread.mean == pytest.approx(np.mean(means))  # type: ignore[arg-type]


def test_pages_of_a_tiff_are_a_cine_too(screens: list[SimulatedScreen], tmp_path: Path) -> None:
    pages = [Image.fromarray(screen.frame) for screen in screens[:4]]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    summary = follow_cine(tmp_path / "pages.tif", stretch=2)
    assert summary.frames == 4
    assert [frame.frame for frame in summary.shown] == [0, 2]


def test_the_steadiest_stretch_is_the_one_whose_pixels_change_least() -> None:
    random = np.random.default_rng(0)
    noise = [30.0, 20.0, 10.0, 1.0, 1.0, 1.0, 15.0]
    maps = [50.0 + sigma * random.normal(size=400) for sigma in noise]
    assert steadiest_stretch(maps, 3) == (3, 3)
    assert steadiest_stretch(maps, 50) == (0, 7)


def test_a_void_is_not_the_steadiest_place() -> None:
    random = np.random.default_rng(1)
    maps = [50.0 + random.normal(size=300) for _ in range(6)]
    for index in (0, 1, 2):
        maps[index][:200] = np.nan
    assert steadiest_stretch(maps, 3) == (3, 3)
    assert steadiest_stretch([maps[0], maps[4]], 1) == (1, 1)


def test_the_command_lists_frames_and_writes_them(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    elastography.add_arguments(parser)
    words = ["cine", str(path), "--region", "20,15,4,3 mm", "--stretch", "2", "--output", str(tmp_path)]
    assert elastography.run(parser.parse_args(words)) == 0
    out = capsys.readouterr().out
    assert "8 frames, 4 of them with a new elastogram" in out
    rows = list(csv.DictReader((tmp_path / "cine.csv").open()))
    assert [row["frame"] for row in rows] == ["0", "2", "4", "6"]
    assert sum(row["chosen"] == "True" for row in rows) == 1
    record = json.loads((tmp_path / "cine.json").read_text())
    assert f"--frame {record['chosen']}" in out
    assert record["reason"] in out


def test_a_frame_without_a_number_lists_what_there_is_and_measures_nothing(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = tmp_path / "stack.npy"
    np.save(stack, np.stack([np.full((20, 20), 10.0), np.full((20, 20), 30.0)]))
    parser = argparse.ArgumentParser()
    elastography.add_arguments(parser)

    def listed(*words: str) -> str:
        assert elastography.run(parser.parse_args(["measure", *words, "--frame"])) == 0
        return capsys.readouterr().out

    assert "8 frames, 4 of them with a new elastogram" in listed(str(path))
    out = listed(str(stack), "--unit", "kPa", "--spacing", "0.2")
    assert "2 slices" in out
    assert "slice 1: mean 30 kPa, 100% with a value" in out
    assert list(tmp_path.iterdir()) == [stack]
    for words in (["measure", "--frame"], ["measure", str(stack), "--lesion", "10,10,4,4"]):
        with pytest.raises(ParameterError):
            elastography.run(parser.parse_args(words))


def test_a_frame_that_nobody_chose_is_told(path: Path) -> None:
    codes = {frame: [w.code for w in read_elastogram(path, frame=frame).warnings] for frame in (None, 0)}
    assert "frame-not-chosen" in codes[None]
    assert "frame-not-chosen" not in codes[0]
    assert read_elastogram(path, frame=2).place_in_file == "frame 2 of 8, counted from 0"
