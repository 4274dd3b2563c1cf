"""Cutting blurred rows and columns off the edges of a rectangle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import Rectangle

_REACH_PX = 6


def without_blurred_edges(strength: NDArray[np.floating], place: Rectangle) -> Rectangle:
    """The rectangle without edges that are less than half as strong as the rows or columns a little farther in.

    Parameters
    ----------
    strength : float array, shape of ``place``
        Brightness or colorfulness inside the rectangle.
    place : Rectangle
    """
    (top, bottom), (left, right) = (_blurred_ends(strength.mean(axis=axis)) for axis in (1, 0))
    return Rectangle(place.top + top, place.left + left, place.bottom - bottom, place.right - right)


def _blurred_ends(profile: NDArray[np.floating]) -> tuple[int, int]:
    reach = min(_REACH_PX, len(profile) // 3)
    first, last = (int(np.argmax(end[: reach + 1] >= 0.5 * end[reach])) for end in (profile, profile[::-1]))
    return first, last
