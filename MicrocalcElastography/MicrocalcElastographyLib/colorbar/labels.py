"""What the labels beside a color bar say: values at its two ends and their unit, or that it is not sure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..elastogram import Unit
from ..geometry import Rectangle
from ..text import Word

_UNIT = r"(?:[\(\[]?([kKlI|h][pP][aA]|[mM][/'’][sS])[\)\]]?)"  # a small k looks like an l
_NUMBER_AND_UNIT = re.compile(rf"{_UNIT}?[<>=≥≤~-]*(\d+(?:[.,]\d+)?)?-?{_UNIT}?")
_SOFT = frozenset(
    [
        *("soft", "weich", "mou", "souple", "blando", "macio", "mole", "molle", "morbido", "mjuk", "blød"),
        *(
            "bløt",
            "zacht",
            "miękki",
            "yumuşak",
            "мягкий",
            "软",
            "軟",
            "柔",
            "柔软",
            "やわらかい",
            "柔らかい",
            "軟らかい",
        ),
    ]
)
_HARD = frozenset(
    [
        *("hard", "stiff", "hart", "dur", "dure", "duro", "rígido", "rigido", "rigide", "hård"),
        *("hårt", "twardy", "sert", "жесткий", "жёсткий", "твердый", "твёрдый", "硬", "硬い", "かたい", "固い"),
    ]
)
_SURE, _VERY_SURE = 0.7, 0.9  # confidence of a label that counts, among many and alone
_MOST_STEPS = 60  # between the lowest and the highest label
_SMALL_PX, _FEW = 9, 3  # digits lower than this, and fewer labels than this, leave doubts
_BESIDE = 0.03  # of the bar's length: labels this far beyond its ends still stand beside it
_MOST = 0.6  # of the labels beside the bar have to agree
_AWAY = 2.5  # text heights: numbers farther from the bar belong to something else
_NEAR = 0.6  # labels lie within this share of the bar's length
_UNIT_AWAY = 4.0  # text heights: a unit farther from the bar belongs to something else
_OFF_PLACE = 0.4  # of the text height: how far a label may lie from its place on the bar
_BEYOND_END = 2.5  # text heights beyond the end of the bar within which a label names the end
_FEWEST_STRAIGHT, _STRAIGHT = 4, 0.2  # labels with rounded values, and text heights off their line, that are sure
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

    ``malformed`` numbers begin with a zero too many, which means that a decimal point was overlooked.
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


def read_scale_labels(words: Iterable[Word], bar: Rectangle, panels: list[Rectangle]) -> ScaleLabels:
    """What the words around a color bar say about it.

    Parameters
    ----------
    words : iterable of Word
        Of the whole screen.
    bar : Rectangle
    panels : list of Rectangle
        Panels of image, whose words do not belong to the bar.
    """
    near = _near(words, bar, panels)
    unit, is_contradicted = _unit(near, bar)
    ends, agreeing = _ends([label for word in near if (label := _label(word, bar)) is not None])
    if ends is None and unit is None and not is_contradicted:
        return _soft_and_hard(near, bar)
    if ends is None:
        return ScaleLabels(None, unit, 0)
    smallest = min(label.size for label in agreeing) * max(bar.height, bar.width)
    return ScaleLabels(ends, unit, len(agreeing), doubtful=len(agreeing) < _FEW or smallest < _SMALL_PX)


def labeled_part(words: Iterable[Word], bar: Rectangle, panels: list[Rectangle]) -> tuple[float, float]:
    """The part of the bar's direction that three or more labels on one line span: 0 is its first end, 1 its last.

    A part beyond 0 to 1 means that more of the bar is there than was found. (0, 1) when the labels do not tell.
    """
    on_line = _best_line([label for word in _near(words, bar, panels) if (label := _label(word, bar)) is not None])
    if len(on_line) < _FEW:
        return 0.0, 1.0
    positions = [label.position for label in on_line]
    return min(*positions, 0.0), max(*positions, 1.0)


def _near(words: Iterable[Word], bar: Rectangle, panels: list[Rectangle]) -> list[Word]:
    """Words around a bar, single numbers of a line that was read in one apart."""
    around = bar.grown(round(_NEAR * max(bar.height, bar.width)))
    return [
        part
        for word in words
        if word.place.intersection(around).area > 0 and not any(panel.contains(word.place) for panel in panels)
        for part in _apart(word)
    ]


def _apart(word: Word) -> list[Word]:
    """The numbers of a word that holds nothing else but several; its letters are taken to be of one width."""
    parts = list(re.finditer(r"\S+", word.text))
    if len(parts) < 2 or not all(re.fullmatch(r"\d+(?:[.,]\d+)?", part[0]) for part in parts):
        return [word]
    width = word.place.width / len(word.text)
    return [
        Word(
            part[0],
            word.confidence,
            word.place._replace(
                left=word.place.left + round(part.start() * width), right=word.place.left + round(part.end() * width)
            ),
        )
        for part in parts
    ]


def _unit(words: list[Word], bar: Rectangle) -> tuple[Unit | None, bool]:
    """The unit of the bar's own labels, alone or with one number; None, and True, when there are two."""
    found = set()
    for word in words:
        match = _NUMBER_AND_UNIT.fullmatch(word.compact)
        unit = match and (match[1] or match[3])
        if unit and bar.grown(round(_UNIT_AWAY * word.place.height)).intersection(word.place).area > 0:
            found.add(Unit.KILOPASCAL if unit[-1] in "aA" else Unit.METERS_PER_SECOND)
    return (found.pop(), False) if len(found) == 1 else (None, bool(found))


def stands_beside(word: Word, bar: Rectangle) -> bool:
    """Whether a word stands so close to a bar that it belongs to it."""
    return bar.grown(round(_AWAY * word.place.height)).intersection(word.place).area > 0


def _label(word: Word, bar: Rectangle) -> _Label | None:
    """The number of a word, if that is all it says and it lies close beside the bar."""
    text = "0" if word.compact in ("O", "o") else word.compact
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match is None or not match[2]:
        return None
    number = match[2].replace(",", ".")
    malformed = re.match(r"0\d", number) is not None
    place, center = word.place, word.place.center
    if bar.height >= bar.width:
        away = max(bar.left - place.right, place.left - bar.right)
        position, length = center[0] - bar.top + 0.5, bar.height
    else:
        away = max(bar.top - place.bottom, place.top - bar.bottom)
        position, length = center[1] - bar.left + 0.5, bar.width
    if away > _AWAY * place.height:
        return None
    return _Label(float(number), position / length, place.height / length, word.confidence, malformed)


def _ends(labels: list[_Label]) -> tuple[tuple[float, float] | None, list[_Label]]:
    """Values at both ends from the labels that lie on one straight line, and these labels."""
    sure = [label for label in labels if label.confidence >= _SURE]
    best = _best_line(labels)
    beside = sum(-_BESIDE <= label.position <= 1.0 + _BESIDE for label in labels)
    if len(best) < 2 or len(best) < _MOST * beside or any(label.malformed for label in labels):
        return None, []
    positions, values = np.array([label.position for label in best]), np.array([label.value for label in best])
    slope, intercept = np.polyfit(positions, values, 1)
    extent = abs(float(slope))
    steps = None
    if _even(best) or not _straight(best):
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


def _best_line(labels: list[_Label]) -> list[_Label]:
    """The labels, most surely read, that lie on one straight line and have values of a scale."""
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
        if (_regular(on_line) or _straight(on_line)) and sum(label.confidence for label in on_line) > sum(
            label.confidence for label in best
        ):
            best = on_line
    return best


def _even(labels: list[_Label]) -> bool:
    """Whether all values lie whole smallest steps apart; rounded ones (0, 1.7, 3.3, 5) do not."""
    values = np.unique([label.value for label in labels])
    steps = np.diff(values) / np.diff(values).min()
    return bool((np.abs(steps - np.rint(steps)) < 1e-3).all())


def _regular(labels: list[_Label]) -> bool:
    """Whether the values lie few whole steps apart, as on any scale; digits misread by chance do not."""
    thousandths = [round(1000 * label.value) for label in labels]
    step = math.gcd(*(value - thousandths[0] for value in thousandths))
    return step > 0 and max(thousandths) - min(thousandths) <= _MOST_STEPS * step


def _straight(labels: list[_Label]) -> bool:
    """Whether rounded values (66.7 and 53.3 of 80) lie so exactly on a line that none of them can be misread."""
    are_sure = min(label.confidence for label in labels) >= _VERY_SURE
    are_ends_named = all(any(_names_end(label, end) for label in labels) for end in (0.0, 1.0))
    if len(labels) < (_FEW if are_sure and are_ends_named else _FEWEST_STRAIGHT):
        return False
    positions, values = np.array([label.position for label in labels]), np.array([label.value for label in labels])
    slope, intercept = np.polyfit(values, positions, 1)
    away = np.abs(positions - intercept - slope * values)
    decimals = max(_decimals(value) for value in values)
    rounding = 0.5 * abs(float(slope)) / 10.0**decimals if decimals else 0.0
    return bool((away < rounding + _STRAIGHT * np.array([label.size for label in labels])).all())


def _decimals(value: float) -> int:
    return next((places for places in range(3) if abs(round(value, places) - value) < 1e-6), 3)


def _names_end(label: _Label, end: float) -> bool:
    beyond = (label.position - end) * (1.0 if end == 1.0 else -1.0)
    return -label.size <= beyond <= _BEYOND_END * label.size


def _most_common_start(values: NDArray[np.float64], step: float) -> float:
    """The value from which most of the others lie whole steps away."""
    away = (values[:, None] - values) / step
    return float(values[(np.abs(away - np.rint(away)) < 1e-3).sum(axis=1).argmax()])


def _end_value(fitted: float, end: float, labels: list[_Label], extent: float, steps: _Steps | None) -> float | None:
    """The label at the end of the bar if there is one, else the value in steps of the labels near the fitted one.

    Without ``steps``, where the labels are rounded, only a label at the end tells.
    """
    rounded = None
    if steps is not None:
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


def _soft_and_hard(words: list[Word], bar: Rectangle) -> ScaleLabels:
    """A strain bar names its ends in words; either word alone settles the direction."""
    upright = bar.height >= bar.width
    found = set()
    for word in words:
        text = word.compact.casefold() if word.confidence >= _SURE else ""
        row, column = word.place.center
        position = (row - bar.top) / bar.height if upright else (column - bar.left) / bar.width
        if text and not 0.25 <= position <= 0.75:
            for names, at_start in ((_SOFT, (1.0, 0.0)), (_HARD, (0.0, 1.0))):
                if text in names:
                    found.add(at_start if position < 0.5 else at_start[::-1])
    return ScaleLabels(found.pop(), Unit.STRAIN, 1) if len(found) == 1 else ScaleLabels(None, None, 0)
