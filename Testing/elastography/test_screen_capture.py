"""A screen captured at twice its size, with an examiner's outline in the box: everything on it is found, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from MicrocalcElastographyLib.elastogram import Elastogram
from MicrocalcElastographyLib.phantom import PhantomParameters, SimulatedScreen, simulate_screen
from MicrocalcElastographyLib.reading import read_elastogram, read_screen
from MicrocalcElastographyLib.screen_calibration import find_calibration

TIMES = 2


@pytest.fixture(scope="module")
def truth() -> SimulatedScreen:
    return simulate_screen(PhantomParameters(scale=(0.0, 300.0), opacity=1.0, lesion_kpa=80.0))


@pytest.fixture(scope="module")
def capture(truth: SimulatedScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = Image.fromarray(truth.frame).resize([TIMES * side for side in truth.frame.shape[1::-1]], Image.BILINEAR)
    top, left, bottom, right = (TIMES * edge for edge in outline_of(truth))
    ImageDraw.Draw(picture).ellipse((left, top, right, bottom), outline=(60, 235, 60), width=4)
    path = tmp_path_factory.mktemp("capture") / "capture.png"
    picture.save(path)
    return path


@pytest.fixture(scope="module")
def elastogram(capture: Path) -> Elastogram:
    return read_elastogram(capture)


def outline_of(truth: SimulatedScreen) -> tuple[int, int, int, int]:
    return truth.box.top + 20, truth.box.left + 20, truth.box.bottom - 20, truth.box.right - 20


def test_scale_opacity_panels_spacing_and_box_are_found(truth: SimulatedScreen, capture: Path) -> None:
    found = find_calibration(read_screen(capture))
    assert found.values_at_ends == (300.0, 0.0)
    assert found.opacity == 1.0
    assert found.missing == ()
    assert truth.b_mode_panel is not None
    down = truth.b_mode_panel.top - truth.color_panel.top
    assert found.b_mode_offset == pytest.approx((TIMES * down, 0), abs=1)
    assert found.spacing_mm == pytest.approx((0.1 / TIMES, 0.1 / TIMES), rel=0.01)
    expected = (truth.box.top, truth.box.left, truth.box.bottom, truth.box.right)
    assert found.box == pytest.approx([TIMES * edge for edge in expected], abs=3)


def test_values_are_those_of_the_tissue(truth: SimulatedScreen, elastogram: Elastogram) -> None:
    assert elastogram.box is not None
    rows, columns = (
        (np.arange(start, stop) + 0.5) / TIMES - 0.5 - first
        for start, stop, first in (
            (elastogram.box.top, elastogram.box.bottom, truth.box.top),
            (elastogram.box.left, elastogram.box.right, truth.box.left),
        )
    )
    inside = np.ix_(
        *(np.clip(np.rint(k), 0, n - 1).astype(int) for k, n in zip((rows, columns), truth.values.shape, strict=True))
    )
    error = np.abs(elastogram.values - truth.values[inside])[elastogram.valid & ~truth.void[inside]]
    assert np.median(error) < 1.0
    assert np.mean(error < 5.0) > 0.95


def test_the_outline_in_the_box_carries_no_value(elastogram: Elastogram, capture: Path) -> None:
    assert elastogram.box is not None
    box = read_screen(capture).rgb[elastogram.box.slices].astype(int)
    outline = (np.abs(box - (60, 235, 60)).max(axis=2) < 8) & (box[..., 0] == box[..., 2])
    assert outline.sum() > 500
    assert elastogram.valid[outline].mean() < 0.02


def test_depth_is_measured_from_the_surface_of_the_probe(truth: SimulatedScreen, elastogram: Elastogram) -> None:
    assert elastogram.depth_mm(0) == pytest.approx((truth.box.top - truth.color_panel.top) * 0.1, abs=0.3)
