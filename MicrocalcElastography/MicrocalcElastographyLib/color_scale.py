"""The color scale of an elastogram: which color stands for which value."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError

from .elastogram import Unit
from .resources import resource_path

# An orthonormal basis of RGB: two chroma axes, in which every gray is zero, and the gray axis.
CHROMA_AND_GRAY = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2.0], [6.0], [3.0]])

SMALLEST_CHROMA = 24.0
"""A table whose most colorful entry lies closer to gray than this (8-bit levels) is a gray table."""
SMALLEST_SEPARATION = 9.0
"""Two values of a table that differ by more than 5 % of its range have to differ in color by this (8-bit levels)."""
MOST_AMBIGUOUS = 0.4
"""Values that share their color with others carry none; a table with a larger share of them is refused."""
_PARTS = 128
DISPLAY_LEVELS = 256
"""Colors a display shows; a table sampled from a shorter bar is interpolated to this many."""


@dataclass(frozen=True)
class ColorScale:
    """Colors in equal steps from the lowest to the highest value.

    Parameters
    ----------
    colors : float array, shape (n, 3)
        Red, green, blue, 0 to 255; color k stands for the values between ``low + k * step`` and
        ``low + (k + 1) * step``, with ``step = (high - low) / n``.
    low, high : float
        Values at the two ends, in ``unit``.
    unit : Unit

    Raises
    ------
    ParameterError
        When there are fewer than 16 colors or ``high`` is not above ``low``.
    """

    colors: NDArray[np.float64]
    low: float
    high: float
    unit: Unit

    def __post_init__(self) -> None:
        if self.colors.ndim != 2 or self.colors.shape[1] != 3 or len(self.colors) < 16:
            raise ParameterError("A color scale needs at least 16 colors; mark the whole color bar.")
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise ParameterError(
                f"A color scale from {self.low:g} to {self.high:g} is impossible; "
                "give the values at both ends of the bar."
            )

    def resampled(self, count: int) -> NDArray[np.float64]:
        """``count`` colors in equal steps of value, interpolated between the entries; shape (count, 3)."""
        entries = (np.arange(len(self.colors)) + 0.5) / len(self.colors)
        wanted = (np.arange(count) + 0.5) / count
        colors = np.stack([np.interp(wanted, entries, channel) for channel in self.colors.T], axis=1)
        # np.interp holds the end colors over the last half entries; go on in a straight line there instead.
        for end, neighbor, part in (
            (0, 1, wanted < entries[0]),
            (-1, -2, wanted > entries[-1]),
        ):
            slope = (self.colors[end] - self.colors[neighbor]) / (entries[end] - entries[neighbor])
            colors[part] = self.colors[end] + np.outer(wanted[part] - entries[end], slope)
        return np.clip(colors, 0.0, 255.0)

    def values(self, fractions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values at the given fractions (0 to 1) of the scale."""
        return self.low + fractions * (self.high - self.low)

    def colors_of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The color a scanner paints for each value; shape of ``values`` + (3,). Values beyond the ends saturate."""
        fraction = (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)
        index = np.clip((fraction * len(self.colors)).astype(np.intp), 0, len(self.colors) - 1)
        return self.colors[index]

    def ambiguous(self, with_b_mode: bool) -> NDArray[np.bool_]:
        """Which of 128 equal parts of the scale share their color with clearly different values; shape (128,).

        With the paired B-mode image, or at an opacity of 100 %, the brightness of a color counts too, without it only
        its chroma.
        """
        chroma = self.resampled(_PARTS) @ CHROMA_AND_GRAY.T
        compared = chroma if with_b_mode else chroma[:, :2]
        steps = np.arange(_PARTS)
        apart = np.abs(steps[:, None] - steps[None, :]) > 0.05 * _PARTS
        distance = np.linalg.norm(compared[:, None] - compared[None, :], axis=2)
        found: NDArray[np.bool_] = (apart & (distance < SMALLEST_SEPARATION)).any(axis=1)
        return found

    def check_usable(self, with_b_mode: bool) -> None:
        """Refuse tables whose colors cannot be turned back into values.

        Raises
        ------
        UnsupportedImageError
            When the table is gray, or when a large part of it is ambiguous.
        """
        chroma = self.resampled(_PARTS) @ CHROMA_AND_GRAY.T
        if np.linalg.norm(chroma[:, :2], axis=1).max() < SMALLEST_CHROMA:
            raise UnsupportedImageError(
                "The scale is gray: gray elasticity cannot be told from the B-mode image; export the frame in color."
            )
        if self.ambiguous(with_b_mode).mean() > MOST_AMBIGUOUS:
            raise UnsupportedImageError(
                "This color table is ambiguous: clearly different values have nearly the same color"
                + (
                    "."
                    if with_b_mode
                    else " once the gray of the B-mode image is taken away; use a frame with the paired B-mode panel."
                )
            )


def table_names() -> tuple[str, ...]:
    """Names of the bundled color tables."""
    return tuple(json.loads(resource_path("ColorTables/tables.json").read_text(encoding="utf-8")))


def bundled_color_scale(name: str, low: float, high: float, unit: Unit = Unit.KILOPASCAL) -> ColorScale:
    """A bundled color table stretched from ``low`` to ``high``.

    Raises
    ------
    ParameterError
        When there is no table of that name.
    """
    if name not in table_names():
        raise ParameterError(f"There is no color table “{name}”; choose one of {', '.join(table_names())}.")
    with resource_path(f"ColorTables/{name}.csv").open(encoding="utf-8", newline="") as file:
        colors = [[float(row[channel]) for channel in ("red", "green", "blue")] for row in csv.DictReader(file)]
    scale = ColorScale(np.array(colors), low, high, unit)
    return ColorScale(scale.resampled(max(len(colors), DISPLAY_LEVELS)), low, high, unit)
