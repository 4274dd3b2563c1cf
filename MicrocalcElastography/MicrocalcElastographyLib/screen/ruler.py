"""The depth ruler beside a panel: pixel spacing and the row of depth zero."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..geometry import Rectangle
from ..text import Word

_REACH_PX, _OVERHANG_PX = 110, 24  # how far from the panel the numbers stand
_SURE = 0.7
_NUMBER = re.compile(r"[-–—−]?\d{1,3}(\.\d)?[-–—−]?")  # ticks touch small numbers and look like dashes
_FEWEST = 3
_ALIGNED_PX = 8
_OFF_PLACE_PX = 3.0
_TICK_REACH_PX = 10  # a tick lies this close to the row of its number
_TICK_SCATTER_PX = 1.5
_PANEL_DEPTH_MM = (12.0, 120.0)  # of a breast or other superficial examination
_MM_PER_UNIT = {"cm": 10.0, "mm": 1.0}


class Ruler(NamedTuple):
    """``spacing_mm`` between rows, the frame row of depth zero, numbers used, and the unit they are taken for."""

    spacing_mm: float
    zero_row: float
    numbers: int
    unit: str


def read_depth_ruler(gray: NDArray[np.uint8], panel: Rectangle, words: Iterable[Word]) -> Ruler | None:
    """Spacing from the numbered ticks to the right or left of a panel; None when there is no ruler to be sure of.

    At least three equally spaced numbers have to agree. Numbers are taken for
    centimeters or millimeters, whichever makes the depth of the panel possible; when both do, there is no answer.
    """
    rows = (max(panel.top - _OVERHANG_PX, 0), min(panel.bottom + _OVERHANG_PX, gray.shape[0]))
    sides = (
        Rectangle(rows[0], panel.right, rows[1], min(panel.right + _REACH_PX, gray.shape[1])),
        Rectangle(rows[0], max(panel.left - _REACH_PX, 0), rows[1], panel.left),
    )
    numbers = [word for word in words if word.confidence >= _SURE and _NUMBER.fullmatch(word.compact)]
    rulers = [
        ruler for side in sides if side.area > 0 and (ruler := _read_side(gray, side, panel, numbers)) is not None
    ]
    return max(rulers, key=lambda ruler: ruler.numbers, default=None)


def _read_side(gray: NDArray[np.uint8], side: Rectangle, panel: Rectangle, words: list[Word]) -> Ruler | None:
    numbers = _progression([word for word in words if side.intersection(word.place).area > word.place.area / 2])
    if len(numbers) < _FEWEST:
        return None
    ticks = _tick_offsets(gray, side, numbers)
    offset = float(np.median(list(ticks.values()))) if ticks else 0.0
    rows = [line.place.center[0] + ticks.get(number, offset) for number, line in enumerate(numbers)]
    values = [_value(line) for line in numbers]
    pixels_per_unit, zero_row = np.polyfit(values, rows, 1)
    units = [
        unit
        for unit, mm in _MM_PER_UNIT.items()
        if _PANEL_DEPTH_MM[0] <= panel.height / pixels_per_unit * mm <= _PANEL_DEPTH_MM[1]
    ]
    if len(units) != 1:
        return None
    return Ruler(_MM_PER_UNIT[units[0]] / float(pixels_per_unit), float(zero_row), len(numbers), units[0])


def _value(line: Word) -> float:
    return float(re.sub(r"[^\d.]", "", line.compact))


def _progression(lines: list[Word]) -> list[Word]:
    """The most numbers in one column that grow downward in proportion to their rows, top to bottom."""
    best: list[Word] = []
    for one, other in combinations(sorted(lines, key=lambda line: line.place.center[0]), 2):
        rows, step = other.place.center[0] - one.place.center[0], _value(other) - _value(one)
        if step <= 0 or rows < 2 * one.place.height:
            continue
        agreeing = [
            line
            for line in lines
            if abs(line.place.right - one.place.right) <= _ALIGNED_PX
            and abs(one.place.center[0] + (_value(line) - _value(one)) * rows / step - line.place.center[0])
            <= _OFF_PLACE_PX
        ]
        if len(agreeing) > len(best):
            best = agreeing
    return sorted(best, key=lambda line: line.place.center[0])


def _tick_offsets(gray: NDArray[np.uint8], side: Rectangle, numbers: list[Word]) -> dict[int, float]:
    """Rows from each number to the tick beside it, where there is one: a short bright line between panel and number.

    Ticks that lie otherwise beside their number than most do are left out.
    """
    left, right = min(line.place.left for line in numbers), max(line.place.right for line in numbers)
    ruler_right_of_panel = left - side.left < side.right - right
    columns = slice(side.left + 1, left - 2) if ruler_right_of_panel else slice(right + 2, side.right - 1)
    if columns.stop - columns.start < 3:
        return {}
    offsets: dict[int, float] = {}
    for number, line in enumerate(numbers):
        center = round(line.place.center[0])
        rows = np.arange(max(center - _TICK_REACH_PX, 0), min(center + _TICK_REACH_PX + 1, gray.shape[0]))
        brightness = gray[rows[0] : rows[-1] + 1, columns].mean(axis=1)
        peak = brightness.max()
        if peak > 3.0 * np.median(brightness) + 10.0:
            bright = np.where(brightness > 0.5 * peak, brightness, 0.0)
            offsets[number] = float((bright * rows).sum() / bright.sum()) - line.place.center[0]
    usual = np.median(list(offsets.values())) if offsets else 0.0
    return {number: offset for number, offset in offsets.items() if abs(offset - usual) <= _TICK_SCATTER_PX}
