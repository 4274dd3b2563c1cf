"""The colors along a color bar as a color scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError

from ..color_scale import ColorScale
from ..elastogram import Unit
from ..geometry import Rectangle
from .finding import along_bar

_END_PX = 4  # rows at either end of a bar that may be blurred into the dark around it
_JUMP = 3.0  # a step of color this many times the usual one is such a blur


def color_scale_from_bar(
    frame: NDArray[np.uint8], bar: Rectangle, values_at_ends: tuple[float, float], unit: Unit
) -> ColorScale:
    """Color scale from the middle of a bar; blurred ends are continued from inside.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    bar : Rectangle
    values_at_ends : (float, float)
        Values at its top and bottom, or left and right, end.
    unit : Unit

    Raises
    ------
    ParameterError
        When the bar lies outside the frame, is too short, or both ends have the same value.
    """
    if not bar.inside_frame(*frame.shape[:2]):
        raise ParameterError("The color bar lies outside the frame; mark it again.")
    colors = np.median(along_bar(frame, bar), axis=1)
    if len(colors) < 4 * _END_PX:
        raise ParameterError(f"A color bar of {len(colors)} pixels is too short; mark the whole bar.")
    colors = _continued(_continued(colors)[::-1])[::-1]
    first, last = values_at_ends
    if first > last:
        return ColorScale(colors[::-1], last, first, unit)
    return ColorScale(colors, first, last, unit)


def _continued(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace a blurred beginning by the straight continuation of the colors behind it."""
    steps = np.linalg.norm(np.diff(colors, axis=0), axis=1)
    usual = max(float(np.median(steps[_END_PX : 4 * _END_PX])), 1.0)
    jumps = np.flatnonzero(steps[:_END_PX] > _JUMP * usual)
    if jumps.size == 0:
        return colors
    start = int(jumps[-1]) + 1
    slope = (colors[start + _END_PX] - colors[start]) / _END_PX
    repaired = colors.copy()
    repaired[:start] = np.clip(colors[start] - slope * np.arange(start, 0, -1)[:, None], 0.0, 255.0)
    return repaired
