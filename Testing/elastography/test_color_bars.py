"""Color bars whose colors are pale, dark or like the empty screen in places, and what only looks like a bar."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from MicrocalcElastographyLib.colorbar import find_color_bars
from MicrocalcElastographyLib.geometry import Rectangle

BAR = Rectangle(60, 200, 240, 216)
LIGHT, BLACK, BLUE = (232, 233, 235), (0, 0, 0), (14, 18, 30)
Stops = list[tuple[int, int, int]]
DIVERGING: Stops = [(165, 0, 38), (244, 109, 67), (255, 255, 191), (116, 173, 209), (49, 54, 149)]
TO_BLACK: Stops = [(255, 255, 0), (255, 120, 60), (200, 0, 200), (0, 0, 120), (0, 0, 0)]
RAINBOW: Stops = [(200, 0, 0), (255, 255, 0), (0, 255, 255), (0, 0, 200)]


def screen(stops: Stops, ground: tuple[int, int, int], bar: Rectangle = BAR) -> NDArray[np.uint8]:
    frame = np.empty((320, 400, 3), np.uint8)
    frame[:] = ground
    length = max(bar.height, bar.width)
    along = np.linspace(0, len(stops) - 1, length)
    line = np.stack([np.interp(along, np.arange(len(stops)), channel) for channel in zip(*stops, strict=True)], axis=1)
    frame[bar.slices] = line[:, None] if bar.height > bar.width else line[None]
    return frame


@pytest.mark.parametrize("bar", [BAR, Rectangle(280, 60, 292, 300)])
@pytest.mark.parametrize(
    ("stops", "ground"), [(DIVERGING, BLACK), (DIVERGING, LIGHT), (TO_BLACK, LIGHT), (RAINBOW, BLACK), (RAINBOW, BLUE)]
)
def test_a_bar_is_found_whole_where_its_colors_are_pale_or_dark(
    stops: Stops, ground: tuple[int, int, int], bar: Rectangle
) -> None:
    found = find_color_bars(screen(stops, ground, bar))
    assert len(found) == 1
    assert found[0] == pytest.approx(bar, abs=1)


@pytest.mark.parametrize("ground", [BLACK, BLUE, LIGHT])
def test_compression_that_tints_the_screen_around_a_narrow_bar_does_not_hide_it(ground: tuple[int, int, int]) -> None:
    bar = Rectangle(60, 201, 180, 210)
    stream = io.BytesIO()
    Image.fromarray(screen(RAINBOW, ground, bar)).save(stream, "JPEG", quality=75, subsampling="4:2:0")
    found = find_color_bars(np.array(Image.open(stream)))
    assert len(found) == 1
    assert found[0] == pytest.approx(bar, abs=2)


def test_a_label_above_a_bar_is_no_part_of_it() -> None:
    frame = screen(RAINBOW, BLACK)
    frame[BAR.top - 20 : BAR.top - 8, BAR.left - 10 : BAR.right + 10] = 90
    frame[BAR.top - 8 : BAR.top] = np.linspace(90, 0, 8)[:, None, None]
    assert find_color_bars(frame)[0].top >= BAR.top - 2


def test_a_strip_of_an_elastogram_is_no_bar() -> None:
    frame = np.zeros((320, 400, 3), np.uint8)
    along = np.linspace(0, len(RAINBOW) - 1, 150)
    channels = zip(*RAINBOW, strict=True)
    line = np.stack([np.interp(along, np.arange(len(RAINBOW)), channel) for channel in channels], axis=1)
    frame[100:250, 100:110] = line[:, None]
    frame[100:250, 110:260] = np.clip(line[:, None] + 10, 0, 255)
    frame[100:250, 110:260, :] = frame[100:250, 110:260].max(axis=2, keepdims=True)  # pale: no color
    frame[100:250, 100:110] = np.clip(frame[100:250, 110:120].astype(int) - (0, 4, 24), 0, 255)
    assert find_color_bars(frame) == []
