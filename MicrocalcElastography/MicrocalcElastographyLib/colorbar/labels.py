"""What the labels beside a color bar say: values at its two ends and their unit, or that it is not sure."""

from __future__ import annotations

import math
import re
from difflib import SequenceMatcher
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..elastogram import Unit
from ..geometry import Rectangle
from ..screen.panels import brightest_channel
from ..text import TextLine, read_text

_NUMBERS = "0123456789.kPams/c><"
_WORDS = "SOFTHARDsofthard"
_SURE, _VERY_SURE = 0.5, 0.75  # likeness of the least sure character of a label that counts, among many and alone
_DISTINCT = 0.02  # how much less any other character is like a digit
_MOST_STEPS = 60  # between the lowest and the highest label
_SMALL_PX, _FEW = 9, 3  # digits lower than this, and fewer labels than this, leave doubts
_BESIDE = 0.03  # of the bar's length: labels this far beyond its ends still stand beside it
_MOST = 0.6  # of the labels beside the bar have to agree
_AWAY = 2.5  # text heights: numbers farther from the bar belong to something else
_NEAR = 0.6  # labels lie within this share of the bar's length
_BLANKED_PX = 2
_OFF_PLACE = 0.4  # of the text height: how far a label may lie from its place on the bar
_BEYOND_END = 2.5  # text heights beyond the end of the bar within which a label names the end
_ROUNDING = 0.04  # of the range: how far an end may lie from a round value


class ScaleLabels(NamedTuple):
    """Values at the top and bottom (left and right) end of a bar, their unit, and how many labels agree on them.

    ``doubtful`` when the labels are few or tiny.

    Either is None when the labels do not say it surely; then it has to be asked for. For strain the soft end is 1 and
    the hard end 0.
    """

    values_at_ends: tuple[float, float] | None
    unit: Unit | None
    agreeing: int
    doubtful: bool = False


class _Label(NamedTuple):
    """A number beside the bar: its place along the bar (0 at the first end, 1 at the last) and height in that measure.

    ``confidence`` is 0 when another character is nearly as like one of its digits. ``malformed`` numbers begin with a
    zero too many, which means that a decimal point was overlooked.
    """

    value: float
    position: float
    size: float
    confidence: float
    malformed: bool


class _Steps(NamedTuple):
    """Values of evenly spaced labels: ``start`` plus whole multiples of ``size``."""

    start: float
    size: float


def read_scale_labels(frame: NDArray[np.uint8], bar: Rectangle, panels: list[Rectangle]) -> ScaleLabels:
    """Read the labels around a color bar.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    bar : Rectangle
    panels : list of Rectangle
        Panels of image, in which nothing is read.
    """
    length = max(bar.height, bar.width)
    around = bar.grown(round(_NEAR * length)).intersection(Rectangle(0, 0, *frame.shape[:2]))
    gray = brightest_channel(frame).copy()
    for blanked in (bar.grown(_BLANKED_PX), *panels):
        gray[blanked.intersection(Rectangle(0, 0, *gray.shape)).slices] = 0
    lines = [
        line._replace(place=line.place.shifted(around.top, around.left))
        for line in read_text(gray[around.slices], _NUMBERS)
    ]
    unit = _unit(lines)
    ends, agreeing = _ends([label for line in lines for label in _labels(line, bar)])
    if ends is None and unit is None:
        words = read_text(gray[around.slices], _WORDS)
        return _soft_and_hard([line._replace(place=line.place.shifted(around.top, around.left)) for line in words], bar)
    if ends is None:
        return ScaleLabels(None, unit, 0)
    smallest = min(label.size for label in agreeing) * length
    return ScaleLabels(ends, unit, len(agreeing), doubtful=len(agreeing) < _FEW or smallest < _SMALL_PX)


def _unit(lines: list[TextLine]) -> Unit | None:
    for line in lines:
        text = line.text.replace(" ", "")
        if re.search(r"k[PpF]a", text):
            return Unit.KILOPASCAL
        if re.search(r"(?<!c)m/s", text):
            return Unit.METERS_PER_SECOND
    return None


def _labels(line: TextLine, bar: Rectangle) -> list[_Label]:
    """The number of a line, if it has exactly one and lies close beside the bar."""
    numbers = re.findall(r"\d+(?:\.\d+)?", line.text.replace(" ", ""))
    if len(numbers) != 1:
        return []
    malformed = re.match(r"0\d", numbers[0]) is not None
    place, center = line.place, line.place.center
    if bar.height >= bar.width:
        away = max(bar.left - place.right, place.left - bar.right)
        position, length = center[0] - bar.top + 0.5, bar.height
    else:
        away = max(bar.top - place.bottom, place.top - bar.bottom)
        position, length = center[1] - bar.left + 0.5, bar.width
    if away > _AWAY * place.height:
        return []
    distinct = min(margin for margin, character in zip(line.margins, line.text, strict=True) if character.isdigit())
    confidence = line.confidence if distinct >= _DISTINCT else 0.0
    return [_Label(float(numbers[0]), position / length, place.height / length, confidence, malformed)]


def _ends(labels: list[_Label]) -> tuple[tuple[float, float] | None, list[_Label]]:
    """Values at both ends from the labels that lie on one straight line, and these labels."""
    best: list[_Label] = []
    sure = [label for label in labels if label.confidence >= _SURE]
    for one, other in combinations(sure, 2):
        if abs(one.position - other.position) < 0.15 or one.value == other.value:
            continue
        slope = (other.value - one.value) / (other.position - one.position)
        on_line = [
            label
            for label in sure
            if abs(one.position + (label.value - one.value) / slope - label.position) < _OFF_PLACE * label.size
        ]
        if _regular(on_line) and sum(label.confidence for label in on_line) > sum(label.confidence for label in best):
            best = on_line
    beside = sum(-_BESIDE <= label.position <= 1.0 + _BESIDE for label in labels)
    if len(best) < 2 or len(best) < _MOST * beside or any(label.malformed for label in labels):
        return None, []
    positions, values = np.array([label.position for label in best]), np.array([label.value for label in best])
    slope, intercept = np.polyfit(positions, values, 1)
    extent = abs(float(slope))
    step = float(np.diff(np.unique(values)).min())
    steps = _Steps(_most_common_start(values, step), step)
    first = _end_value(float(intercept), 0.0, sure, extent, steps)
    last = _end_value(float(intercept + slope), 1.0, sure, extent, steps)
    named = sum(_names_end(label, end) for label in best for end in (0.0, 1.0))
    if first is None or last is None or first == last:
        return None, []
    if len(best) == 2 and (named < 2 or min(label.confidence for label in best) < _VERY_SURE):
        return None, []
    return (first, last), best


def _regular(labels: list[_Label]) -> bool:
    """Whether the values lie few whole steps apart, as on any scale; digits misread by chance do not."""
    thousandths = [round(1000 * label.value) for label in labels]
    step = math.gcd(*(value - thousandths[0] for value in thousandths))
    return step > 0 and max(thousandths) - min(thousandths) <= _MOST_STEPS * step


def _names_end(label: _Label, end: float) -> bool:
    beyond = (label.position - end) * (1.0 if end == 1.0 else -1.0)
    return -label.size <= beyond <= _BEYOND_END * label.size


def _most_common_start(values: NDArray[np.float64], step: float) -> float:
    """The value from which most of the others lie whole steps away."""
    away = (values[:, None] - values) / step
    return float(values[(np.abs(away - np.rint(away)) < 1e-3).sum(axis=1).argmax()])


def _end_value(fitted: float, end: float, labels: list[_Label], extent: float, steps: _Steps) -> float | None:
    """The label at the end of the bar if there is one, else the value in steps of the labels near the fitted one."""
    in_steps = steps.start + round((fitted - steps.start) / steps.size) * steps.size
    rounded = in_steps if abs(in_steps - fitted) < _ROUNDING * extent else None
    near = [
        label.value for label in labels if _names_end(label, end) and abs(label.value - fitted) < 2 * _ROUNDING * extent
    ]
    if not near:
        return rounded
    named = min(near, key=lambda value: abs(value - fitted))
    # A label that misses the even steps of the others by little is a misread one.
    return named if rounded is None or abs(named - rounded) < 1e-6 * extent else None


def _soft_and_hard(lines: list[TextLine], bar: Rectangle) -> ScaleLabels:
    """A strain bar names its ends in words; either word alone settles the direction."""
    upright = bar.height >= bar.width
    for line in lines:
        text = line.text.replace(" ", "").casefold() if line.confidence >= _SURE else ""
        for word, at_start in (("soft", (1.0, 0.0)), ("hard", (0.0, 1.0))):
            likeness = SequenceMatcher(None, text, word).ratio()
            if likeness < 0.75:
                continue
            row, column = line.place.center
            position = (row - bar.top) / bar.height if upright else (column - bar.left) / bar.width
            if position < 0.25 or position > 0.75:
                ends = at_start if position < 0.5 else at_start[::-1]
                return ScaleLabels(ends, Unit.STRAIN, 1)
    return ScaleLabels(None, None, 0)
