"""Values of measurement circles that the scanner printed, and the circles it drew: a test of our own values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import WarningRecord

from ..elastogram import Unit
from ..geometry import Rectangle, rectangle_of
from ..text import Word

_NAMES = {
    "mean": r"(?:e[ -]?)?(?:mean|avg\.?|average|moy\.?|mw|mittel|平均)",
    "minimum": r"(?:e[ -]?)?min\.?",
    "maximum": r"(?:e[ -]?)?max\.?",
    "standard_deviation": r"(?:e[ -]?)?(?:sd|std\.?(?: ?dev\.?)?)",
    "ratio": r"(?:(?:q-box|e|strain|stiffness|elasticity)[ -]?)?ratio",
    "diameter_mm": r"(?:diam\.?|diameter|Ø)",
}
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_UNITS = {"kpa": Unit.KILOPASCAL, "m/s": Unit.METERS_PER_SECOND}
_MILLIMETERS = {"mm": 1.0, "cm": 10.0}
_UNIT = r"(kpa|m/s|mm|cm)"
_VALUE = re.compile(rf"{_NUMBER} ?{_UNIT}?", re.IGNORECASE)
_SURE = 0.8
_LARGEST_GAP = 12.0  # text heights between a name and its value in another column
_ROUND, _CIRCLE_AREA = 0.2, (0.68, 0.86)  # difference of height and width; share of its bounds a circle fills
_SMALLEST_AREA_PX = 30
_DIFFERENT, _DIFFERENT_OF_SCALE = 0.10, 0.03
_RATIO_DIFFERENT = 0.15  # two means, each with its difference
_DIFFERENT_PX = 3.0  # the width of an outline and the borders left out on both its sides


@dataclass(frozen=True)
class PrintedValues:
    """What a scanner printed about its measurement circles, None where not printed.

    ``mean``, ``minimum``, ``maximum`` and ``standard_deviation`` are in ``unit`` and, as ``diameter_mm``, of the only
    circle; ``ratio`` is that of two.
    """

    unit: Unit | None = None
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    standard_deviation: float | None = None
    ratio: float | None = None
    diameter_mm: float | None = None


def read_printed_values(words: Iterable[Word]) -> PrintedValues | None:
    """The values of the only measurement circle with their unit, and the only ratio; None without either."""
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
    ratios = [value for value, unit in found.pop("ratio") if unit is None]
    lengths = [value * _MILLIMETERS[unit] for value, unit in found.pop("diameter_mm") if unit in _MILLIMETERS]
    units = {unit for values in found.values() for _, unit in values if unit}
    ratio = ratios[0] if len(ratios) == 1 else None
    if len(found["mean"]) != 1 or len(units) != 1 or not units <= _UNITS.keys():
        return None if ratio is None else PrintedValues(ratio=ratio)
    single = {name: values[0][0] if len(values) == 1 else None for name, values in found.items()}
    diameter = lengths[0] if len(lengths) == 1 else None
    return PrintedValues(_UNITS[units.pop()], **single, ratio=ratio, diameter_mm=diameter)


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


def circles(valid: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The inside of every circle drawn on an elastogram: round, closed off by its outline.

    Parameters
    ----------
    valid : bool array, shape of the elastogram's values
        The outline carries no value.
    """
    labels, _ = ndimage.label(valid)
    found = (labels == number for number, place in enumerate(ndimage.find_objects(labels), start=1)
             if _is_round(labels[place] == number, rectangle_of(place), valid.shape))  # fmt: skip
    return list(found)


def _is_round(inside: NDArray[np.bool_], bounds: Rectangle, shape: tuple[int, ...]) -> bool:
    touches = min(bounds.top, bounds.left) == 0 or bounds.bottom == shape[0] or bounds.right == shape[1]
    round_enough = abs(bounds.height - bounds.width) <= _ROUND * max(bounds.height, bounds.width)
    if touches or not round_enough or inside.sum() < _SMALLEST_AREA_PX:
        return False
    return bool(_CIRCLE_AREA[0] <= inside.mean() <= _CIRCLE_AREA[1])


def _diameter_px(circle: NDArray[np.bool_], valid: NDArray[np.bool_]) -> float | None:
    """Diameter along the middle of a circle's outline; None where the outline runs into other places without value."""
    labels, _ = ndimage.label(~valid, np.ones((3, 3)))
    touching = np.unique(labels[ndimage.binary_dilation(circle, np.ones((3, 3))) & ~valid])
    if len(touching) != 1:
        return None
    whole = ndimage.binary_fill_holes(labels == touching[0])
    place = ndimage.find_objects(whole.astype(np.uint8))[0]
    if not _is_round(whole[place], rectangle_of(place), valid.shape):
        return None
    inner, outer = (2.0 * np.sqrt(np.count_nonzero(area) / np.pi) for area in (circle, whole))
    return float(inner + outer) / 2.0


def compared(
    printed: PrintedValues,
    values: NDArray[np.floating],
    valid: NDArray[np.bool_],
    unit: Unit,
    scale_range: float,
    spacing_mm: tuple[float, float] | None,
) -> tuple[list[dict[str, float | str]], list[WarningRecord]]:
    """What is printed beside our own at the drawn circles, and warnings where mean, ratio or diameter differ.

    Minimum, maximum and standard deviation hang on single pixels at the outline and are only shown.

    Parameters
    ----------
    printed : PrintedValues
    values, valid : arrays, shape (rows, columns)
        Of the elastogram.
    unit : Unit
        Of ``values``.
    scale_range : float
        Highest minus lowest value of the scale.
    spacing_mm : (float, float) or None

    Returns
    -------
    (list of dict, list of WarningRecord)
        ``quantity``, ``printed``, ``measured``, ``unit``. Values of one circle need one drawn circle, a ratio two (the
        higher mean over the lower one; not in m/s, where a printed ratio may be that of the elasticities).
    """
    drawn = circles(valid)
    own: dict[str, tuple[float | None, str, float]] = {}
    if len(drawn) == 1:
        inside = values[drawn[0]].astype(np.float64)
        if printed.unit == unit:
            allowed = max(_DIFFERENT * (printed.mean or 0.0), _DIFFERENT_OF_SCALE * scale_range)
            own["mean"] = float(inside.mean()), str(unit), allowed
            own["minimum"] = float(inside.min()), str(unit), np.inf
            own["maximum"] = float(inside.max()), str(unit), np.inf
            own["standard_deviation"] = float(inside.std(ddof=1)), str(unit), np.inf
        diameter = _diameter_px(drawn[0], valid)
        if spacing_mm is not None and diameter is not None:
            row_mm, column_mm = spacing_mm
            own["diameter_mm"] = diameter * float(np.sqrt(row_mm * column_mm)), "mm", max(
                _DIFFERENT * (printed.diameter_mm or 0.0), _DIFFERENT_PX * row_mm)  # fmt: skip
    elif len(drawn) == 2 and unit != Unit.METERS_PER_SECOND:
        low, high = sorted(float(np.mean(values[circle], dtype=np.float64)) for circle in drawn)
        own["ratio"] = (high / low if low > 0 else None), "", _RATIO_DIFFERENT * (printed.ratio or 0.0)
    records: list[dict[str, float | str]] = []
    warnings = []
    for name, (measured, of_unit, allowed) in own.items():
        said = getattr(printed, name)
        if said is None or measured is None:
            continue
        quantity = name.removesuffix("_mm").replace("_", " ")
        records.append({"quantity": quantity, "printed": said, "measured": measured, "unit": of_unit})
        if abs(measured - said) > allowed:
            warnings.append(
                WarningRecord(
                    "printed-value-differs",
                    f"The scanner printed a {quantity} of {said:g} {of_unit}".rstrip()
                    + f" for what it drew; here it is {measured:.4g}, so check the scale, the opacity, the box and the "
                    "pixel size.",
                )
            )
    return records, warnings
