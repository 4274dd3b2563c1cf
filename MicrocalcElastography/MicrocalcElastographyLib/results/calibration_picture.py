"""The screen with everything that was found on it, for a person to confirm: box, color bar, its numbers, B-mode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..calibration import Calibration
from ..geometry import Rectangle
from ..resources import resource_path

_BOX, _BAR, _B_MODE, _PANEL = "#59e0ff", "#ff4fd8", "#ffe14d", "#8c8c96"
_INK, _PLATE = "#ffffff", "#000000"
_AROUND = 0.16  # of the bar's length is shown around it, so that its labels can be compared
_LINE_PX, _TEXT_PX, _GAP_PX = 3, 19, 6


def draw_calibration(
    frame: NDArray[np.uint8], calibration: Calibration, largest_px: tuple[int, int] = (880, 760)
) -> Image.Image:
    """Draw what is known about a screen onto it; what is missing is not there.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    calibration : Calibration
        From `find_calibration`.
    largest_px : (int, int)
        Width and height the picture is fitted into. Only the part of the screen that was found is shown; the whole
        screen when bar or box were not.

    Returns
    -------
    Image
    """
    shown = _shown(frame, calibration)
    scale = min(largest_px[0] / shown.width, largest_px[1] / shown.height)
    picture = Image.fromarray(frame[shown.slices]).resize(
        (round(shown.width * scale), round(shown.height * scale)), Image.Resampling.LANCZOS
    )
    sheet = _Sheet(picture, shown, scale)
    panel, offset = calibration.panel, calibration.b_mode_offset
    if panel is not None:
        sheet.outline(panel, _PANEL, 1)
    if calibration.box is not None:
        if offset is not None:
            sheet.outline(calibration.box.shifted(*offset), _B_MODE, _LINE_PX)
            sheet.caption(calibration.box.shifted(*offset), "same place on B-mode", _B_MODE)
        sheet.outline(calibration.box, _BOX, _LINE_PX)
        sheet.caption(calibration.box, "elastography box", _BOX)
    if calibration.bar is not None:
        sheet.outline(calibration.bar.grown(1), _BAR, _LINE_PX)
        sheet.ends(calibration.bar, _end_texts(calibration), _BAR)
    return picture


def _shown(frame: NDArray[np.uint8], calibration: Calibration) -> Rectangle:
    """The smallest part of the screen that holds everything found."""
    whole = Rectangle(0, 0, *frame.shape[:2])
    places = [place for place in (calibration.panel, calibration.box) if place is not None]
    if calibration.b_mode_offset is not None:
        places += [place.shifted(*calibration.b_mode_offset) for place in tuple(places)]
    if calibration.bar is not None:
        bar = calibration.bar
        places.append(bar.grown(round(_AROUND * max(bar.height, bar.width))))
    if calibration.bar is None or calibration.box is None or not places:
        return whole
    sides = np.array(places)
    around = Rectangle(*(int(side) for side in (*sides[:, :2].min(axis=0), *sides[:, 2:].max(axis=0))))
    return around.intersection(whole)


def _end_texts(calibration: Calibration) -> tuple[str, str]:
    if calibration.values_at_ends is None:
        return "?", "?"
    unit = "" if calibration.unit is None else f" {calibration.unit}"
    first, last = calibration.values_at_ends
    return f"{first:g}{unit}", f"{last:g}{unit}"


class _Sheet:
    """A picture of a part of the screen, drawn on in the screen's coordinates."""

    def __init__(self, picture: Image.Image, shown: Rectangle, scale: float) -> None:
        self._draw = ImageDraw.Draw(picture)
        self._size = picture.size
        self._shown, self._scale = shown, scale
        self._face = ImageFont.truetype(resource_path("Fonts/Arimo-Bold.woff"), _TEXT_PX)

    def outline(self, place: Rectangle, color: str, width: int) -> None:
        left, top, right, bottom = self._sides(place)
        self._draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_PLATE, width=width + 2)
        self._draw.rectangle((left, top, right, bottom), outline=color, width=width)

    def caption(self, place: Rectangle, text: str, color: str) -> None:
        """A text above a place, inside it where there is no room above."""
        left, top, _, _ = self._sides(place)
        above = top - _TEXT_PX - 2 * _GAP_PX
        self._text(left, above if above >= 0 else top + _GAP_PX, text, color)

    def ends(self, bar: Rectangle, texts: tuple[str, str], color: str) -> None:
        """The values at the two ends of the bar; beside an upright one on the side where there is more room."""
        left, top, right, bottom = self._sides(bar)
        widths = [self._draw.textlength(text, self._face) for text in texts]
        if bar.height >= bar.width:
            is_left = left > self._size[0] - right
            for text, width, y in zip(texts, widths, (top, bottom - _TEXT_PX), strict=True):
                self._text(left - width - 3 * _GAP_PX if is_left else right + 2 * _GAP_PX, y, text, color)
        else:
            y = top - _TEXT_PX - 2 * _GAP_PX  # the scanner's own numbers usually stand below
            self._text(left, y, texts[0], color)
            self._text(right - widths[1], y, texts[1], color)

    def _sides(self, place: Rectangle) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the picture; the last two are of the last pixels."""
        return (
            (place.left - self._shown.left) * self._scale,
            (place.top - self._shown.top) * self._scale,
            (place.right - self._shown.left) * self._scale - 1,
            (place.bottom - self._shown.top) * self._scale - 1,
        )

    def _text(self, x: float, y: float, text: str, color: str) -> None:
        width = self._draw.textlength(text, self._face)
        x = min(max(x, _GAP_PX), self._size[0] - width - _GAP_PX)
        y = min(max(y, 0), self._size[1] - _TEXT_PX - _GAP_PX)
        self._draw.rounded_rectangle(
            (x - _GAP_PX, y - 2, x + width + _GAP_PX, y + _TEXT_PX + 4), radius=5, fill=_PLATE, outline=color
        )
        self._draw.text((x, y), text, font=self._face, fill=_INK)
