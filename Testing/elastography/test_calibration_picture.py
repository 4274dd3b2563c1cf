"""The picture in which a person confirms what was found on a screen, and the paired B-mode panel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.conversion import b_mode_panel, elastogram_of_screen
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import BarPlace, PhantomParameters, SimulatedScreen, simulate_screen
from MicrocalcElastographyLib.results.calibration_picture import draw_calibration
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen_calibration import find_calibration

MAGENTA, CYAN = (255, 79, 216), (89, 224, 255)


@cache
def screen(bar: BarPlace = BarPlace.RIGHT) -> SimulatedScreen:
    return simulate_screen(PhantomParameters(bar_place=bar))


@cache
def found(bar: BarPlace = BarPlace.RIGHT) -> Calibration:
    return find_calibration(ScreenFrame(screen(bar).frame), Calibration(spacing_mm=(0.1, 0.1)))


def count(picture: object, color: tuple[int, int, int]) -> int:
    return int((np.abs(np.asarray(picture).astype(int) - color).max(axis=-1) < 12).sum())


@pytest.mark.parametrize("bar", list(BarPlace))
def test_bar_and_box_are_outlined_in_their_colors(bar: BarPlace) -> None:
    picture = draw_calibration(screen(bar).frame, found(bar))
    assert count(picture, MAGENTA) > 300
    assert count(picture, CYAN) > 1000
    assert picture.size[0] <= 880
    assert picture.size[1] <= 760


def test_only_what_was_found_is_shown_and_nothing_of_the_banner() -> None:
    """A name in the corner of the screen is not in the picture."""
    frame = screen().frame.copy()
    top = min(found().box.top, found().panel.top) if found().box and found().panel else 0
    frame[: max(top - 60, 4), :200] = (10, 250, 10)
    picture = draw_calibration(frame, found())
    assert count(picture, (10, 250, 10)) == 0


def test_a_screen_of_which_nothing_is_known_is_shown_whole_and_unmarked() -> None:
    frame = np.full((300, 400, 3), 40, np.uint8)
    picture = draw_calibration(frame, Calibration())
    assert picture.size == (880, 660)
    assert (np.asarray(picture) == 40).all()


def test_numbers_change_the_picture() -> None:
    one = draw_calibration(screen().frame, found())
    other = draw_calibration(screen().frame, replace(found(), values_at_ends=(300.0, 0.0)))
    unknown = draw_calibration(screen().frame, replace(found(), values_at_ends=None))
    assert (np.asarray(one) != np.asarray(other)).any()
    assert (np.asarray(one) != np.asarray(unknown)).any()


def test_b_mode_panel_lies_over_the_panel_with_color() -> None:
    elastogram = elastogram_of_screen(ScreenFrame(screen().frame), found())
    panel = b_mode_panel(elastogram)
    assert panel is not None
    image, place = panel
    box = elastogram.box
    assert box is not None
    assert place.contains(box)
    assert image.shape == (place.height, place.width)
    np.testing.assert_array_equal(image[box.shifted(-place.top, -place.left).slices], elastogram.b_mode)


def test_b_mode_panel_that_leaves_the_frame_is_cut_and_stays_in_place() -> None:
    frame = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
    elastogram = replace(
        elastogram_of_screen(ScreenFrame(screen().frame), found()),
        frame=frame,
        b_mode_offset=(0, 35),
        panel=Rectangle(0, 0, 50, 50),
        box=Rectangle(10, 10, 20, 30),
    )
    panel = b_mode_panel(elastogram)
    assert panel is not None
    image, place = panel
    assert place == Rectangle(0, 0, 50, 45)
    np.testing.assert_array_equal(image, np.rint(frame[:50, 35:80].mean(axis=2)))


def test_without_a_pair_there_is_no_b_mode_panel() -> None:
    elastogram = elastogram_of_screen(ScreenFrame(screen().frame), found())
    assert b_mode_panel(replace(elastogram, b_mode_offset=None)) is None
