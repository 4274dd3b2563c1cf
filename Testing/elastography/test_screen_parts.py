"""Panels, boxes, paired B-mode, ruler, bar and labels on simulated screens and on hand-made ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.colorbar import color_scale_from_bar, find_color_bars, read_scale_labels
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import (
    BarPlace,
    Content,
    Layout,
    PhantomParameters,
    SimulatedScreen,
    simulate_screen,
)
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.screen.frame import ScreenFrame, UltrasoundRegion
from MicrocalcElastographyLib.screen.opacity import read_printed_opacity
from MicrocalcElastographyLib.screen.pairing import find_paired_b_mode
from MicrocalcElastographyLib.screen.panels import brightest_channel, find_color_boxes, find_panels
from MicrocalcElastographyLib.screen.ruler import read_depth_ruler
from MicrocalcElastographyLib.screen_calibration import find_calibration
from MicrocalcElastographyLib.text import Word, read_words


def words_of(screen: SimulatedScreen, frame: NDArray[np.uint8] | None = None) -> tuple[Word, ...]:
    """The words of a screen, or of a frame with the same panels."""
    panels = [panel for panel in (screen.color_panel, screen.b_mode_panel) if panel is not None]
    return read_words(screen.frame if frame is None else frame, [*panels, screen.bar])


SCREENS = [
    {},
    {"layout": Layout.SIDE_BY_SIDE, "bar_place": BarPlace.LEFT, "color_table": "jet", "opacity": 0.8, "seed": 3},
    {"layout": Layout.SINGLE, "bar_place": BarPlace.BOTTOM, "color_table": "turbo", "opacity": 1.0, "seed": 4},
    {"bar_place": BarPlace.BOTTOM, "unit": Unit.METERS_PER_SECOND, "scale": (0.5, 8.5), "jpeg_quality": 90},
    {"layout": Layout.SIDE_BY_SIDE, "high_at_top": False, "scale": (0.0, 300.0), "jpeg_quality": 75, "seed": 6},
    {"unit": Unit.STRAIN, "scale": (0.0, 1.0), "color_table": "spectrum", "bar_place": BarPlace.LEFT, "seed": 7},
    {"content": Content.SOFT, "opacity": 0.3, "spacing_mm": 0.08, "void_share": 0.1, "seed": 8},
    {"content": Content.STIFF, "color_table": "rainbow", "spacing_mm": 0.12, "layout": Layout.SINGLE, "seed": 9},
]


@pytest.mark.parametrize("changes", SCREENS, ids=str)
def test_everything_a_screen_tells_is_found(changes: dict[str, Any]) -> None:
    screen = simulate_screen(PhantomParameters(**changes))
    found = find_calibration(ScreenFrame(screen.frame))
    assert found.box is not None
    assert max(abs(a - b) for a, b in zip(found.box, screen.box, strict=True)) <= 1
    assert found.bar is not None
    assert max(abs(a - b) for a, b in zip(found.bar, screen.bar, strict=True)) <= 2
    assert found.values_at_ends == screen.values_at_ends
    assert found.unit == screen.parameters.unit
    assert found.opacity == screen.parameters.opacity
    assert found.spacing_mm == pytest.approx((screen.parameters.spacing_mm,) * 2, rel=0.005)
    assert found.panel is not None
    assert abs(found.panel.top - screen.color_panel.top) <= 1
    assert found.missing == ()
    if screen.b_mode_panel is None:
        assert found.b_mode_offset is None
    else:
        offset = (screen.b_mode_panel.top - screen.color_panel.top, screen.b_mode_panel.left - screen.color_panel.left)
        assert found.b_mode_offset == offset


def test_a_screen_without_color_has_no_box_and_no_bar() -> None:
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE))
    gray = np.repeat(screen.frame.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    assert find_color_boxes(gray, find_panels(gray), []) == []
    assert find_color_bars(gray) == []
    missing = find_calibration(ScreenFrame(gray)).missing
    assert len(missing) == 4


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 2000)])
def test_empty_and_tiny_frames_go_through(shape: tuple[int, int]) -> None:
    found = find_calibration(ScreenFrame(np.zeros((*shape, 3), np.uint8)))
    assert found.box is None
    assert found.bar is None


def test_thin_colored_outlines_are_not_an_elastography_box() -> None:
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[50:250, 50:350] = 90
    for place in (np.s_[100:104, 100:200], np.s_[196:200, 100:200], np.s_[100:200, 100:104], np.s_[100:200, 196:200]):
        frame[place] = (30, 160, 30)
    assert find_color_boxes(frame, find_panels(frame), []) == []


def test_a_gray_bar_beside_the_color_bar_is_not_taken_for_it() -> None:
    screen = simulate_screen(PhantomParameters())
    frame = screen.frame.copy()
    gray = screen.bar.shifted(0, -30)
    frame[gray.slices] = np.linspace(255, 0, gray.height)[:, None, None].astype(np.uint8)
    assert find_color_bars(frame) == [screen.bar]


def test_two_color_bars_are_reported() -> None:
    screen = simulate_screen(PhantomParameters())
    frame = screen.frame.copy()
    second = screen.bar._replace(bottom=screen.bar.top + 120).shifted(-200, 20)
    frame[second.slices] = frame[screen.bar.slices][:120]
    codes = [warning.code for warning in find_calibration(ScreenFrame(frame)).warnings]
    assert "several-color-bars" in codes


def test_a_region_of_the_file_decides_between_two_color_bars() -> None:
    screen = simulate_screen(PhantomParameters())
    frame = screen.frame.copy()
    second = screen.bar._replace(bottom=screen.bar.top + 120).shifted(-200, 20)
    frame[second.slices] = frame[screen.bar.slices][:120]
    region = UltrasoundRegion(second.grown(2), is_image=False, is_color_bar=True, spacing_mm=None)
    found = find_calibration(ScreenFrame(frame, regions=(region,)))
    assert found.bar == second
    assert "several-color-bars" not in [warning.code for warning in found.warnings]


def test_panels_that_show_different_tissue_are_not_paired() -> None:
    screen = simulate_screen(PhantomParameters())
    other = simulate_screen(PhantomParameters(seed=77))
    frame = screen.frame.copy()
    assert screen.b_mode_panel is not None
    frame[screen.b_mode_panel.slices] = other.frame[screen.b_mode_panel.slices]
    assert find_paired_b_mode(brightest_channel(frame), screen.color_panel, screen.box) is None
    assert find_paired_b_mode(brightest_channel(screen.frame), screen.color_panel, screen.box) is not None


def test_a_ruler_of_two_different_scales_is_not_believed() -> None:
    """Numbers that do not grow in proportion to their rows give no spacing."""
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE))
    gray = brightest_channel(screen.frame)
    words = words_of(screen)
    assert read_depth_ruler(gray, screen.color_panel, words) is not None
    moved = gray.copy()
    strip = np.s_[:, screen.color_panel.right : screen.color_panel.right + 60]
    moved[strip] = 0
    for row, target in ((60, 60), (160, 130), (260, 280), (360, 360)):
        moved[target - 8 : target + 8, strip[1]] = gray[row - 8 : row + 8, strip[1]]
    ruler = read_depth_ruler(moved, screen.color_panel, words_of(screen, np.repeat(moved[..., None], 3, axis=2)))
    assert ruler is None or ruler.numbers < 4


def test_without_a_ruler_the_spacing_is_asked_for() -> None:
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE))
    frame = screen.frame.copy()
    frame[:, screen.color_panel.right : screen.bar.left - 20] = 0
    found = find_calibration(ScreenFrame(frame))
    assert found.spacing_mm is None
    assert "spacing-unknown" in [warning.code for warning in found.warnings]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_bar_with_too_few_labels_leaves_the_range_to_be_asked_for(kept: int) -> None:
    screen = simulate_screen(PhantomParameters())
    frame = screen.frame.copy()
    beside = np.s_[screen.bar.top - 10 + 30 * kept : screen.bar.bottom + 12, screen.bar.right + 2 :]
    frame[beside] = 0
    labels = read_scale_labels(words_of(screen, frame), screen.bar, [screen.color_panel])
    assert labels.values_at_ends is None
    assert labels.unit == Unit.KILOPASCAL
    assert "the values at both ends of the color bar" in find_calibration(ScreenFrame(frame)).missing


def test_a_label_that_contradicts_the_others_is_not_believed() -> None:
    """The label 180 replaced by 135: the other four still agree, and they decide."""
    screen = simulate_screen(PhantomParameters())
    frame = screen.frame.copy()
    right = np.s_[screen.bar.right + 2 :]
    label = {fraction: round(screen.bar.top + fraction * (screen.bar.height - 1)) for fraction in (0.0, 0.25)}
    frame[label[0.0] - 8 : label[0.0] + 8, right] = frame[label[0.25] - 8 : label[0.25] + 8, right]
    assert read_scale_labels(words_of(screen, frame), screen.bar, []).values_at_ends == (180.0, 0.0)


def test_the_direction_of_the_bar_comes_from_its_labels() -> None:
    up = simulate_screen(PhantomParameters(high_at_top=True))
    down = simulate_screen(PhantomParameters(high_at_top=False))
    assert read_scale_labels(words_of(up), up.bar, []).values_at_ends == (180.0, 0.0)
    assert read_scale_labels(words_of(down), down.bar, []).values_at_ends == (0.0, 180.0)
    scales = [
        color_scale_from_bar(screen.frame, screen.bar, screen.values_at_ends, Unit.KILOPASCAL) for screen in (up, down)
    ]
    assert scales[0].colors == pytest.approx(scales[1].colors)


def test_blurred_ends_of_a_bar_do_not_become_colors_of_its_scale() -> None:
    screen = simulate_screen(PhantomParameters(color_table="spectrum"))
    sharp = color_scale_from_bar(screen.frame, screen.bar, (180.0, 0.0), Unit.KILOPASCAL)
    frame = screen.frame.copy()
    frame[screen.bar.top, screen.bar.left : screen.bar.right] //= 2
    frame[screen.bar.bottom - 1, screen.bar.left : screen.bar.right] //= 2
    repaired = color_scale_from_bar(frame, screen.bar, (180.0, 0.0), Unit.KILOPASCAL)
    assert np.abs(repaired.colors - sharp.colors).max() < 8.0


@pytest.mark.parametrize("place", [Rectangle(-1, 0, 50, 10), Rectangle(0, 0, 10, 5000), Rectangle(10, 10, 10, 20)])
def test_a_rectangle_outside_the_frame_is_refused(place: Rectangle) -> None:
    frame = ScreenFrame(np.zeros((100, 100, 3), np.uint8))
    for given in (Calibration(bar=place), Calibration(box=place)):
        with pytest.raises(ParameterError, match="outside"):
            find_calibration(frame, given)


def test_the_speed_of_sound_is_no_unit_of_the_bar() -> None:
    screen = simulate_screen(PhantomParameters(bar_place=BarPlace.LEFT))
    image = Image.fromarray(screen.frame)
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), 15)
    top = screen.bar.top - 60
    image.paste((0, 0, 0), (0, screen.bar.top - 40, 200, screen.bar.top - 12))  # the bar's own unit
    ImageDraw.Draw(image).text((screen.bar.left, top), "T 1540 m/s", font=font, fill=(200, 200, 200))
    found = find_calibration(ScreenFrame(np.array(image)))
    assert found.unit is None
    assert "the unit of the color bar (kPa, m/s or strain)" in found.missing


def test_two_units_on_one_bar_are_asked_for() -> None:
    screen = simulate_screen(PhantomParameters())
    image = Image.fromarray(screen.frame)
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), 15)
    ImageDraw.Draw(image).text((screen.bar.left, screen.bar.bottom + 14), "m/s", font=font, fill=(200, 200, 200))
    assert read_scale_labels(words_of(screen, np.array(image)), screen.bar, []).unit is None


@pytest.mark.parametrize(("unit", "highest"), [(Unit.METERS_PER_SECOND, 49.0), (Unit.KILOPASCAL, 1540.0)])
def test_a_scale_no_tissue_reaches_is_refused(unit: Unit, highest: float) -> None:
    with pytest.raises(ParameterError, match="impossible for tissue"):
        Calibration(values_at_ends=(highest, 0.0), unit=unit)


def test_a_panel_is_not_paired_with_itself() -> None:
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE))
    gray = brightest_channel(screen.frame)
    rows, columns = gray.shape
    for panel in (Rectangle(0, 0, rows, columns), Rectangle(0, 0, rows - 3, columns - 2)):
        assert find_paired_b_mode(gray, panel, screen.box) is None
    with pytest.raises(ParameterError, match="its own B-mode"):
        Calibration(b_mode_offset=(0, 0))
    found = replace(find_calibration(ScreenFrame(screen.frame)), b_mode_offset=(3, 5))
    with pytest.raises(ParameterError, match="overlaps"):
        elastogram_of_screen(ScreenFrame(screen.frame), found)


def test_one_region_that_covers_the_whole_screen_says_nothing_of_its_panels() -> None:
    screen = simulate_screen(PhantomParameters())
    whole = UltrasoundRegion(Rectangle(0, 0, *screen.frame.shape[:2]), True, False, (0.1, 0.1))
    panel = UltrasoundRegion(screen.color_panel, True, False, (0.1, 0.1))
    for regions in ((whole,), (whole, panel)):
        found = find_calibration(ScreenFrame(screen.frame, regions=regions))
        assert found.box == screen.box
        assert found.panel is not None
        assert abs(found.panel.top - screen.color_panel.top) <= 1
        assert found.spacing_mm == pytest.approx((0.1, 0.1))
        assert found.sources["spacing_mm"] == "regions of the DICOM file"


def test_only_the_opacity_pattern_is_read_from_the_screen() -> None:
    screen = simulate_screen(PhantomParameters(opacity=0.8))
    assert read_printed_opacity(words_of(screen)) == 0.8
    blank = screen.frame.copy()
    blank[:160, :250] = 0
    assert read_printed_opacity(words_of(screen, blank)) is None


def test_what_the_user_gives_is_kept_and_named_as_given() -> None:
    screen = simulate_screen(PhantomParameters())
    found = find_calibration(ScreenFrame(screen.frame))
    given = replace(found, opacity=0.7, values_at_ends=(300.0, 0.0), spacing_mm=(0.2, 0.2), sources={})
    again = find_calibration(ScreenFrame(screen.frame), given)
    assert (again.opacity, again.values_at_ends, again.spacing_mm) == (0.7, (300.0, 0.0), (0.2, 0.2))
    assert again.sources["opacity"] == again.sources["values_at_ends"] == "given by the user"
    assert "ruler-disagrees" in [warning.code for warning in again.warnings]


def test_rounded_labels_on_one_line_tell_the_range_and_one_misread_among_them_does_not() -> None:
    """Six steps of 80 are printed 13.3, 26.7, 40, 53.3, 66.7."""
    bar = Rectangle(100, 400, 340, 420)
    printed = {1.0: "0", 5 / 6: "13.3", 4 / 6: "26.7", 3 / 6: "40", 2 / 6: "53.3", 1 / 6: "66.7", 0.0: "80 kPa"}

    def labels(texts: dict[float, str]) -> list[Word]:
        rows = {fraction: round(bar.top + fraction * (bar.height - 1)) for fraction in texts}
        return [
            Word(text, 0.99, Rectangle(rows[fraction] - 6, bar.right + 5, rows[fraction] + 6, bar.right + 40))
            for fraction, text in texts.items()
        ]

    assert read_scale_labels(labels(printed), bar, [])[:2] == ((80.0, 0.0), Unit.KILOPASCAL)
    without_ends = {fraction: text for fraction, text in printed.items() if 0.0 < fraction < 1.0}
    assert read_scale_labels(labels(without_ends), bar, []).values_at_ends is None
    assert read_scale_labels(labels({**printed, 0.0: "30 kPa"}), bar, []).values_at_ends is None
