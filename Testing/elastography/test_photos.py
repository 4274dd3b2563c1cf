"""Photos of a screen, taken at a slight angle: made upright by the four corners, then read like any screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elastography.screen_photo import CORNERS, photo_of
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen
from MicrocalcElastographyLib.reading import read_elastogram
from MicrocalcElastographyLib.screen.corners import find_corners
from MicrocalcElastographyLib.screen.frame import ScreenFrame, UltrasoundRegion
from MicrocalcElastographyLib.screen.perspective import straightened

UPPER_LEFT, UPPER_RIGHT, LOWER_RIGHT, LOWER_LEFT = CORNERS


def test_a_photo_of_a_screen_is_read_by_its_four_corners(tmp_path: Path) -> None:
    screen = simulate_screen(PhantomParameters(opacity=1.0))
    photo_of(screen.frame).save(tmp_path / "photo.png")
    elastogram = read_elastogram(tmp_path / "photo.png", given=Calibration(corners=CORNERS))
    assert elastogram.value_range == (0.0, 180.0)
    assert "photo-straightened" in [warning.code for warning in elastogram.warnings]
    assert elastogram.source["calibration"]["corners"]["value"] == CORNERS
    truth = float(screen.values[~screen.void].mean())
    assert float(np.nanmean(elastogram.values)) == pytest.approx(truth, rel=0.05)
    assert elastogram.spacing_mm is not None
    rows = screen.frame.shape[0]
    seen = (np.hypot(20, 1040) + np.hypot(20, 1110)) / 2  # rows of the upright picture
    assert elastogram.spacing_mm[0] == pytest.approx(0.1 * rows / seen, rel=0.03)


def test_a_rectangle_on_the_photo_becomes_the_same_rectangle() -> None:
    frame = np.zeros((300, 200, 3), np.uint8)
    frame[100:200, 50:150] = 200
    photo = photo_of(frame)
    upright = straightened(ScreenFrame(np.array(photo)), CORNERS).rgb[..., 0]
    rows, columns = np.flatnonzero((upright > 100).any(axis=1)), np.flatnonzero((upright > 100).any(axis=0))
    height, width = upright.shape
    assert [rows[0] / height, (rows[-1] + 1) / height] == pytest.approx([1 / 3, 2 / 3], abs=0.01)
    assert [columns[0] / width, (columns[-1] + 1) / width] == pytest.approx([1 / 4, 3 / 4], abs=0.01)


@pytest.mark.parametrize(
    ("corners", "sentence"),
    [
        (CORNERS[:3], "four corners"),
        ((UPPER_LEFT, LOWER_RIGHT, UPPER_RIGHT, LOWER_LEFT), "go round"),
        (((0.0, 0.0), (900.0, 0.0), (700.0, 500.0), (200.0, 500.0)), "too steep"),
    ],
)
def test_corners_that_are_none_are_refused(corners: tuple[tuple[float, float], ...], sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        straightened(ScreenFrame(np.zeros((600, 1000, 3), np.uint8)), corners)


def test_corners_that_were_not_given_are_found_and_said(tmp_path: Path) -> None:
    screen = simulate_screen(PhantomParameters(opacity=1.0))
    photo_of(screen.frame).save(tmp_path / "photo.png")
    elastogram = read_elastogram(tmp_path / "photo.png", given=Calibration(corners=()))
    assert elastogram.value_range == (0.0, 180.0)
    found = np.array(elastogram.source["calibration"]["corners"]["value"])
    assert np.hypot(*(found - CORNERS).T).max() < 3.0
    (said,) = [warning.message for warning in elastogram.warnings if warning.code == "corners-found"]
    assert f"{found[0][0]:.0f} {found[0][1]:.0f}" in said


def _desk() -> np.ndarray:
    return np.random.default_rng(1).normal(120, 2, (400, 600, 3)).clip(0, 255).astype(np.uint8)


def _with_round_screen() -> np.ndarray:
    photo, (rows, columns) = _desk(), np.ogrid[:400, :600]
    photo[(rows - 200) ** 2 + (columns - 300) ** 2 < 150**2] = 10
    return photo


def _with_a_hand_before_the_screen() -> np.ndarray:
    photo = _desk()
    photo[60:340, 100:500] = 10
    photo[200:400, 250:420] = 118
    return photo


def _with_the_screen_cut_off() -> np.ndarray:
    photo = _desk()
    photo[60:340, 250:] = 10
    return photo


@pytest.mark.parametrize("photo", [_desk, _with_round_screen, _with_a_hand_before_the_screen, _with_the_screen_cut_off])
def test_corners_are_asked_for_where_four_straight_sides_are_not_seen(photo: Callable[[], np.ndarray]) -> None:
    with pytest.raises(ParameterError, match="give them"):
        find_corners(photo())


def test_corners_of_a_screen_on_a_desk_are_found_through_noise_and_a_small_reflection() -> None:
    photo = _desk()
    photo[60:340, 100:500] = 10
    photo[59:66, 300:312] = 121
    found = np.array(find_corners(photo))
    assert np.abs(found - [(100, 60), (500, 60), (500, 340), (100, 340)]).max() < 1.5


def test_regions_of_the_file_do_not_hold_on_the_upright_picture() -> None:
    region = UltrasoundRegion(Rectangle(0, 0, 100, 100), True, False, (0.1, 0.1))
    frame = ScreenFrame(np.zeros((1300, 1000, 3), np.uint8), (region,), spacing_mm=(0.1, 0.1))
    upright = straightened(frame, CORNERS)
    assert (upright.regions, upright.spacing_mm) == ((), None)
