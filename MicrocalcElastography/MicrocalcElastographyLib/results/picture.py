"""The annotated picture: the panel as the scanner showed it, the value map, what was measured and checked.

Only the panel is taken from a screen, never its banner, which can hold names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from MicrocalcAILib.base.picture_font import picture_font

from ..assessment import Assessment
from ..color_scale import bundled_color_scale
from ..elastogram import Direction, Elastogram, Unit
from ..geometry import Rectangle
from ..measurement import Region
from ..measurement.regions import box_of, image_shape, origin_px, spacing_of
from .lines import lines_of
from .sheet import QUIET, Sheet

_LESION, _BOX, _FAT, _MARK = "#ffffff", "#ff4fd8", "#ffe14d", "#59e0ff"
_WIDTH, _LEAST_HEIGHT, _MARGIN = 2060, 1060, 24
_IMAGE = Rectangle(104, 82, 764, 782)
_VALUES = Rectangle(104, 872, 764, 1432)
_WORDS_LEFT, _WORDS_WIDTH = 1474, 562
_LARGE_PX, _TEXT_PX, _SMALL_PX, _LINE_PX = 26, 17, 15, 23
_VOID_GRAY = 107
_FOOTER = (
    "Research software, not for diagnosis. Published cut-offs belong to their device, statistic and lesions; "
    "they are no verdict."
)


def draw_assessment(assessment: Assessment, title: str, references: Sequence[Mapping[str, Any]] = ()) -> Image.Image:
    """A picture with the image, the value map and the numbers.

    Parameters
    ----------
    assessment : Assessment
    title : str
        Lesion, reader, acquisition; no patient data.
    references : sequence of mapping
        Published cut-offs as from `references_beside`; shown with their names, never compared.
    """
    elastogram = assessment.measurement.elastogram
    lines = lines_of(assessment, references, picture_font(_TEXT_PX), _WORDS_WIDTH)
    height = max(_LEAST_HEIGHT, _IMAGE.top + len(lines) * _LINE_PX + 3 * _MARGIN)
    sheet = Sheet(_WIDTH, height)
    sheet.text((_MARGIN, _MARGIN), title, _LARGE_PX)
    sheet.text((_MARGIN, height - _MARGIN), _FOOTER, _SMALL_PX, QUIET, anchor="ls")
    shown, background = _background(elastogram)
    image, values = _View.fitted(elastogram, shown, _IMAGE), _View.fitted(elastogram, box_of(elastogram), _VALUES)
    sheet.rectangle(image.frame, fill="black")
    if background is not None:
        sheet.show(background, image.frame, smooth=True)
    sheet.show(_in_colors(elastogram), values.frame, smooth=False)
    _draw_axes(sheet, image, "As recorded" if elastogram.frame is not None else "B-mode", _depth_words(elastogram))
    _draw_axes(sheet, values, "Values in the elastography box", "mm")
    marked = _marked(assessment)
    for view in (image, values):
        for _, mask, color, style in marked:
            sheet.outline(mask[view.shown.slices], view.frame, color, style)
    _draw_legend(sheet, image, marked)
    _draw_bar(sheet, values.frame, assessment)
    for number, (text, color, bold) in enumerate(lines):
        sheet.text((_WORDS_LEFT, _IMAGE.top + number * _LINE_PX), text, _TEXT_PX, color, bold=bold)
    return sheet.image


class _View(NamedTuple):
    """A part of the image, where it lies on the sheet, and the mm of its left, right, bottom and upper edges."""

    shown: Rectangle
    frame: Rectangle
    extent: tuple[float, float, float, float]

    @classmethod
    def fitted(cls, elastogram: Elastogram, shown: Rectangle, room: Rectangle) -> _View:
        """As large as the room allows, upper left in it."""
        left, right, bottom, top = extent = _extent(elastogram, shown)
        scale = min(room.width / (right - left), room.height / (bottom - top))
        width, height = max(round(scale * (right - left)), 1), max(round(scale * (bottom - top)), 1)
        frame = Rectangle(room.top, room.left, room.top + height, room.left + width)
        return cls(shown, frame, extent)


def _background(elastogram: Elastogram) -> tuple[Rectangle, NDArray[np.uint8] | None]:
    """The part of the image shown on the left, and its pixels; None when there is neither screen nor B-mode."""
    whole = Rectangle(0, 0, *image_shape(elastogram))
    if elastogram.frame is not None:
        shown = (elastogram.panel or box_of(elastogram)).intersection(whole)
        return shown, elastogram.frame[shown.slices]
    return whole, elastogram.b_mode


def _extent(elastogram: Elastogram, place: Rectangle) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in mm from the panel's corner, pixel edges."""
    (top, left), (row_mm, column_mm) = origin_px(elastogram), spacing_of(elastogram)
    return (
        (place.left - 0.5 - left) * column_mm,
        (place.right - 0.5 - left) * column_mm,
        (place.bottom - 0.5 - top) * row_mm,
        (place.top - 0.5 - top) * row_mm,
    )


def _in_colors(elastogram: Elastogram) -> NDArray[np.uint8]:
    low, high = _shown_range(elastogram)
    share = (np.where(elastogram.valid, elastogram.values, low) - low) / max(high - low, 1e-12)
    colors = _rainbow()[np.clip(share * 256, 0, 255).astype(np.intp)]
    colors[~elastogram.valid] = _VOID_GRAY
    return colors


def _rainbow() -> NDArray[np.uint8]:
    return np.rint(bundled_color_scale("turbo", 0.0, 1.0).resampled(256)).astype(np.uint8)


def _draw_axes(sheet: Sheet, view: _View, title: str, depth_words: str) -> None:
    frame, (left, right, bottom, top) = view.frame, view.extent
    sheet.text((frame.left + frame.width // 2, frame.top - 12), title, _TEXT_PX, anchor="ms")
    sheet.rectangle(frame, outline=QUIET)
    step = _step(max(right - left, bottom - top))
    for number in np.arange(np.ceil(left / step), np.floor(right / step) + 1) * step + 0.0:
        x = frame.left + (number - left) / (right - left) * frame.width
        sheet.line([(x, frame.bottom), (x, frame.bottom + 5)], QUIET)
        sheet.text((x, frame.bottom + 8), f"{number:g}", _SMALL_PX, anchor="ma")
    for number in np.arange(np.ceil(top / step), np.floor(bottom / step) + 1) * step + 0.0:
        y = frame.top + (number - top) / (bottom - top) * frame.height
        sheet.line([(frame.left - 5, y), (frame.left, y)], QUIET)
        sheet.text((frame.left - 8, y), f"{number:g}", _SMALL_PX, anchor="rm")
    sheet.text((frame.left + frame.width // 2, frame.bottom + 28), "mm", _SMALL_PX, anchor="ma")
    sheet.upright_text((frame.left - 58, frame.top + frame.height // 2), depth_words, _SMALL_PX)


def _step(length: float) -> float:
    """A round step that divides a length into four to ten parts."""
    power = 10.0 ** np.floor(np.log10(length / 4))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= length / 4))


def _draw_legend(sheet: Sheet, view: _View, marked: Sequence[_Mark]) -> None:
    for number, (name, _, color, style) in enumerate(marked):
        x = view.frame.left + number % 2 * (_IMAGE.width // 2)
        y = view.frame.bottom + 66 + number // 2 * _LINE_PX
        sheet.sample((x, y), color, style)
        sheet.text((x + 40, y), name, _SMALL_PX, anchor="lm")


def _draw_bar(sheet: Sheet, above: Rectangle, assessment: Assessment) -> None:
    """The color bar below the values, with the mean of the box and its interval on it."""
    elastogram, statistics = assessment.measurement.elastogram, assessment.measurement.box_statistics
    low, high = _shown_range(elastogram)
    bar = Rectangle(above.bottom + 92, above.left, above.bottom + 114, above.left + _VALUES.width)
    sheet.show(_rainbow()[None], bar, smooth=False)

    def x_of(value: float) -> float:
        return bar.left + float(np.clip((value - low) / max(high - low, 1e-12), 0.0, 1.0)) * bar.width

    step = _step(max(high - low, 1e-12))
    for number in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0:
        sheet.line([(x_of(number), bar.bottom), (x_of(number), bar.bottom + 5)], QUIET)
        sheet.text((x_of(number), bar.bottom + 8), f"{number:.6g}", _SMALL_PX, anchor="ma")
    unit = "strain (arbitrary units)" if elastogram.unit == Unit.STRAIN else str(elastogram.unit)
    stiff = "red" if elastogram.direction is Direction.STIFFER_IS_HIGHER else "blue"
    sheet.text((bar.left + bar.width // 2, bar.bottom + 30), f"{unit}; {stiff} = stiff; gray = no value", _SMALL_PX,
               anchor="ma")  # fmt: skip
    if statistics is None or statistics.mean is None:
        return
    if statistics.mean_interval is not None:
        sheet.line([(x_of(end), bar.top - 3) for end in statistics.mean_interval], _BOX, 5)
    x = x_of(statistics.mean)
    sheet.polygon([(x - 8, bar.top - 16), (x + 8, bar.top - 16), (x, bar.top - 2)], _BOX)
    words = "mean of the box"
    half = picture_font(_SMALL_PX).getlength(words) / 2
    x = float(np.clip(x, bar.left + half, max(bar.right - half, bar.left + half)))
    sheet.text((x, bar.top - 20), words, _SMALL_PX, _BOX, anchor="ms")


def _shown_range(elastogram: Elastogram) -> tuple[float, float]:
    """The part of the scale that holds the values, in steps of a tenth of it, so that soft maps are not one color."""
    if not elastogram.valid.any():
        return elastogram.value_range or (0.0, 1.0)
    highest = float(np.nanmax(elastogram.values))
    if elastogram.value_range is None:
        return min(float(np.nanmin(elastogram.values)), 0.0), highest
    low, high = elastogram.value_range
    step = (high - low) / 10.0
    return low, min(low + step * np.ceil((highest - low) / step), high) if highest > low else high


_Mark = tuple[str, NDArray[np.bool_], str, str]
"""Name, mask in the image, color and style of what is outlined."""


def _marked(assessment: Assessment) -> list[_Mark]:
    measurement = assessment.measurement
    elastogram, regions = measurement.elastogram, measurement.regions
    regions_marked: list[tuple[str, Region | None, str, str]] = [
        ("Lesion", regions.lesion, _LESION, "-"),
        (f"Ring of {measurement.parameters.ring_mm:g} mm", _with_ring(assessment), _LESION, ":"),
        ("Lesion on the elastogram", regions.lesion_on_elastogram, _LESION, "--"),
        ("Fat", regions.fat, _FAT, "-"),
        ("Calcification", regions.calcification, _MARK, "-"),
        ("Skin", regions.skin, _MARK, "--"),
        ("Chest wall", regions.chest_wall, _MARK, "-."),
    ]
    marked = [(name, region.mask, color, style) for name, region, color, style in regions_marked if region is not None]
    if measurement.box is not None:
        name = "Stiffest" if measurement.box.automatic else "Box by hand,"
        height, width = measurement.box.size_mm
        mask = np.zeros(image_shape(elastogram), dtype=bool)
        mask[box_of(elastogram).slices] = measurement.box.mask
        marked.append((f"{name} {height:.1f} × {width:.1f} mm {measurement.box.shape}", mask, _BOX, "-"))
    return marked


def _with_ring(assessment: Assessment) -> Region:
    measurement = assessment.measurement
    return Region(measurement.ring.mask | measurement.regions.lesion.mask, "lesion and ring")


def _depth_words(elastogram: Elastogram) -> str:
    return "depth below the probe (mm)" if elastogram.panel is not None else "mm"
