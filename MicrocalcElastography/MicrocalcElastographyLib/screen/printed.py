"""Values of a measurement circle that the scanner printed, and the circle it drew: a test of our own values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import WarningRecord

from ..elastogram import Unit
from ..geometry import rectangle_of
from ..text import Word

_NAMES = {
    "mean": r"(?:e[ -]?)?(?:mean|avg\.?|average|moy\.?|mw|mittel|平均)",
    "minimum": r"(?:e[ -]?)?min\.?",
    "maximum": r"(?:e[ -]?)?max\.?",
    "standard_deviation": r"(?:e[ -]?)?(?:sd|std\.?(?: ?dev\.?)?)",
}
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_UNIT = r"(kpa|m/s)"
_VALUE = re.compile(rf"{_NUMBER} ?{_UNIT}?", re.IGNORECASE)
_SURE = 0.8
_LARGEST_GAP = 12.0  # text heights between a name and its value in another column
_ROUND, _CIRCLE_AREA = 0.2, (0.68, 0.86)  # difference of height and width; share of its bounds a circle fills
_SMALLEST_AREA_PX = 30
_DIFFERENT, _DIFFERENT_OF_SCALE = 0.10, 0.03


@dataclass(frozen=True)
class PrintedValues:
    """What a scanner printed about one measurement circle: ``unit`` and values in it, None where not printed."""

    unit: Unit
    mean: float
    minimum: float | None = None
    maximum: float | None = None
    standard_deviation: float | None = None


def read_printed_values(words: Iterable[Word]) -> PrintedValues | None:
    """The values of the only measurement circle; None when there is none, several, or no unit."""
    sure = [word for word in words if word.confidence >= _SURE]
    found: dict[str, list[tuple[float, str | None]]] = {name: [] for name in _NAMES}
    for word in sure:
        for name, pattern in _NAMES.items():
            match = re.match(rf"{pattern}[ :=]*(.*)$", word.text.strip(), re.IGNORECASE)
            if match is None:
                continue
            text = match[1] or _beside(word, sure)
            value = _VALUE.fullmatch(text.strip())
            if value is not None:
                found[name].append((float(value[1].replace(",", ".")), value[2] and value[2].casefold()))
    units = {unit for values in found.values() for _, unit in values if unit}
    if len(found["mean"]) != 1 or len(units) != 1:
        return None
    unit = Unit.METERS_PER_SECOND if units == {"m/s"} else Unit.KILOPASCAL
    single = {name: values[0][0] if len(values) == 1 else None for name, values in found.items() if name != "mean"}
    return PrintedValues(unit, found["mean"][0][0], **single)


def _beside(word: Word, words: list[Word]) -> str:
    """The nearest word to the right in the same row."""
    height = word.place.height
    row = word.place.center[0]
    right = [
        other
        for other in words
        if abs(other.place.center[0] - row) < 0.5 * height
        and 0 < other.place.left - word.place.right < _LARGEST_GAP * height
    ]
    return min(right, key=lambda other: other.place.left).text if right else ""


def only_circle(valid: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The inside of the only circle drawn on an elastogram: round, closed off by its outline; None without or of many.

    Parameters
    ----------
    valid : bool array, shape of the elastogram's values
        The outline carries no value.
    """
    labels, _ = ndimage.label(valid)
    circles = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        bounds = rectangle_of(place)
        inside = labels[place] == number
        touches = min(bounds.top, bounds.left) == 0 or bounds.bottom == valid.shape[0] or bounds.right == valid.shape[1]
        round_enough = abs(bounds.height - bounds.width) <= _ROUND * max(bounds.height, bounds.width)
        if touches or not round_enough or inside.sum() < _SMALLEST_AREA_PX:
            continue
        if _CIRCLE_AREA[0] <= inside.mean() <= _CIRCLE_AREA[1]:
            circles.append(labels == number)
    return circles[0] if len(circles) == 1 else None


def compared(
    printed: PrintedValues, values: NDArray[np.floating], valid: NDArray[np.bool_], scale_range: float
) -> tuple[dict[str, float | str] | None, list[WarningRecord]]:
    """The printed mean beside our own at the drawn circle, and a warning where they differ.

    Parameters
    ----------
    printed : PrintedValues
    values, valid : arrays, shape (rows, columns)
        Of the elastogram, in the unit of the printed values.
    scale_range : float
        Highest minus lowest value of the scale.

    Returns
    -------
    (dict or None, list of WarningRecord)
        ``printed_mean``, ``measured_mean``, ``unit``; None when no single circle is drawn.
    """
    circle = only_circle(valid)
    if circle is None:
        return None, []
    own = float(np.mean(values[circle], dtype=np.float64))
    record: dict[str, float | str] = {"printed_mean": printed.mean, "measured_mean": own, "unit": str(printed.unit)}
    if abs(own - printed.mean) <= max(_DIFFERENT * printed.mean, _DIFFERENT_OF_SCALE * scale_range):
        return record, []
    return record, [
        WarningRecord(
            "printed-value-differs",
            f"The scanner printed a mean of {printed.mean:g} {printed.unit} for its circle; here it is {own:.4g}, so "
            "check the scale, the opacity and the box.",
        )
    ]
