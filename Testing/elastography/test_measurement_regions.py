"""Regions as people draw and write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from elastography.elastogram_examples import elastogram_of, screen_with_box
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.measurement import ellipse_region, label_region, parse_region, polygon_region
from MicrocalcElastographyLib.measurement.regions import parse_point, rows_region

BOX, PANEL = Rectangle(20, 30, 80, 100), Rectangle(10, 20, 95, 115)
SCREEN = screen_with_box((100, 120), BOX, PANEL)
MAP = elastogram_of(np.ones((60, 80)))


def test_an_ellipse_in_millimeters_lies_where_its_pixels_say() -> None:
    # 0.25 mm pixels, counted from the panel's corner (row 10, column 20)
    in_mm = parse_region(SCREEN, "10,8,4,2 mm")
    in_px = parse_region(SCREEN, "60, 42, 16, 8 px")
    assert np.array_equal(in_mm.mask, in_px.mask)
    assert in_px.mask.sum() == pytest.approx(np.pi * 16 * 8, rel=0.03)
    assert np.argwhere(in_px.mask).mean(axis=0).tolist() == [42.0, 60.0]


def test_a_turned_ellipse_points_clockwise_down() -> None:
    region = parse_region(MAP, "40,30,20,5,30")
    rows, columns = np.nonzero(region.mask)
    axis = np.linalg.eigh(np.cov(columns, rows))[1][:, -1]
    assert np.rad2deg(np.arctan2(axis[1], axis[0])) % 180 == pytest.approx(30, abs=1)


def test_a_polygon_holds_the_pixels_between_its_corners() -> None:
    region = parse_region(MAP, "10,10 30,10 30,20 10,20")
    rows, columns = np.nonzero(region.mask)
    assert (rows.min(), columns.min()) == (10, 10)
    assert region.mask.sum() == 21 * 11  # pixel centers on the edge belong to it
    assert np.array_equal(polygon_region(MAP, [(10, 10), (10, 30), (20, 30), (20, 10)]).mask, region.mask)


_places = st.one_of(st.integers(-8, 90).map(float), st.floats(-8, 90))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_places, _places), min_size=3, max_size=12))
def test_a_polygon_holds_what_asking_every_pixel_about_every_corner_finds(corners: list[tuple[float, float]]) -> None:
    expected = polygon2mask(MAP.values.shape, corners)
    try:
        found = polygon_region(MAP, corners).mask
    except ParameterError:  # it holds no pixel, or at most some on its outline
        found = np.zeros_like(expected)
    for row, column in np.argwhere(found != expected):  # rounding may put a pixel center on either side of a line
        assert _distance_to_outline(np.array(corners), row, column) < 1e-9


def _distance_to_outline(corners: NDArray[np.float64], row: int, column: int) -> float:
    starts, ways = corners, np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum((ways**2).sum(axis=1), 1e-300)
    along = np.clip((((row, column) - starts) * ways).sum(axis=1) / lengths, 0, 1)
    return float(np.linalg.norm(starts + along[:, None] * ways - (row, column), axis=1).min())


def test_a_region_drawn_on_the_b_mode_panel_is_moved_to_the_panel_with_color() -> None:
    panel = Rectangle(0, 0, 100, 120)
    screen = screen_with_box((210, 120), BOX, panel, b_mode_offset=(105, 0))
    above, below = ellipse_region(screen, (50, 60), (8, 10)), ellipse_region(screen, (155, 60), (8, 10))
    assert np.array_equal(above.mask, below.mask)
    assert "B-mode panel" in below.description
    assert "B-mode panel" not in above.description


def test_label_maps_fit_the_screen_or_the_value_map(tmp_path: Path) -> None:
    on_box = np.zeros((BOX.height, BOX.width), np.uint8)
    on_box[10:20, 5:15], on_box[30:40, 30:40] = 1, 2
    on_screen = np.zeros((100, 120), np.uint8)
    on_screen[BOX.slices] = on_box
    expected = label_region(SCREEN, on_screen, 2).mask
    assert expected[50:60, 60:70].all()
    assert expected.sum() == 100
    assert np.array_equal(label_region(SCREEN, on_box, 2).mask, expected)
    path = tmp_path / "labels.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(on_box[None]), str(path))
    assert np.array_equal(parse_region(SCREEN, f"{path}:2").mask, expected)
    with pytest.raises(ParameterError, match="holds 2 labels"):
        parse_region(SCREEN, str(path))
    with pytest.raises(ParameterError, match="no label 7"):
        parse_region(SCREEN, f"{path}:7")
    with pytest.raises(ParameterError, match="draw it on the image"):
        label_region(SCREEN, np.ones((7, 7), np.uint8))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,2,3", "3 numbers"),
        ("1,2,3,4,5,6,7", "7 numbers"),
        ("40,30,0,5", "above zero"),
        ("4000,30,2,2", "no pixel"),
        ("1.2.3,4,5,6", "decimal"),
        ("missing.nrrd", "file that exists"),
    ],
)
def test_unclear_regions_are_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        parse_region(MAP, text)


def test_a_file_that_is_no_label_map_is_refused(tmp_path: Path) -> None:
    text, colors = tmp_path / "notes.txt", tmp_path / "float.nrrd"
    text.write_text("not an image")
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((60, 80), np.float32)), str(colors))
    for path in (text, colors):
        with pytest.raises(ParameterError, match="label map"):
            parse_region(MAP, str(path))


def test_points_and_depths_count_from_the_probe() -> None:
    assert parse_point(SCREEN, "10,8 mm") == (42.0, 60.0)
    assert parse_point(SCREEN, "60,42") == (42.0, 60.0)
    wall = rows_region(SCREEN, 15.0, below=True)
    assert not wall.mask[69].any()
    assert wall.mask[70].all()
    skin = rows_region(SCREEN, 1.0, below=False)
    assert skin.mask[13].all()
    assert not skin.mask[14].any()
