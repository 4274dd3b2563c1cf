"""A photo of a screen, taken at a slight angle, made upright again by the four corners of the screen in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .corners import find_corners
from .frame import ScreenFrame

Corners = tuple[tuple[float, float], ...]
_LARGEST_TILT = 1.6  # longest side against the opposite one; beyond it the far side has too few pixels


def upright_photo(photo: ScreenFrame, corners: Corners = ()) -> tuple[ScreenFrame, Corners]:
    """A photo straightened by the corners that are given or, without any, found on it; and the corners used.

    Raises
    ------
    ParameterError
        See :func:`straightened` and :func:`find_corners`.
    """
    if corners:
        return straightened(photo, corners), corners
    found = find_corners(photo.rgb)
    places = ", ".join(f"{x:.0f} {y:.0f}" for x, y in found)
    said = WarningRecord(
        "corners-found", f"The corners of the screen were found on the photo at x y = {places}; compare with the photo."
    )
    return straightened(replace(photo, warnings=(*photo.warnings, said)), found), found


def straightened(frame: ScreenFrame, corners: Corners) -> ScreenFrame:
    """What lies between four corners, as a rectangle; the sides are as long as opposite ones are on average.

    Parameters
    ----------
    frame : ScreenFrame
    corners : tuple of (float, float)
        x, y in pixels: upper left, upper right, lower right, lower left of the screen or of any rectangle on it that
        holds box, bar and labels.

    Raises
    ------
    ParameterError
        When they are no such corners, or the angle is too steep.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise ParameterError("Give four corners, each x and y: upper left, upper right, lower right, lower left.")
    if not _is_convex(points):
        raise ParameterError("The corners go round the screen: upper left, upper right, lower right, lower left.")
    top, right, bottom, left = (float(np.linalg.norm(points[n] - points[(n + 1) % 4])) for n in range(4))
    if max(top / bottom, bottom / top, left / right, right / left) > _LARGEST_TILT:
        raise ParameterError("The photo was taken at too steep an angle; take one from the front, or export the frame.")
    width, height = round((top + bottom) / 2), round((left + right) / 2)
    to = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    picture = Image.fromarray(frame.rgb)
    upright = picture.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        perspective_coefficients(to, points).tolist(),
        Image.Resampling.BICUBIC,
    )
    said = WarningRecord(
        "photo-straightened",
        "The photo of a screen was made upright by its four corners: lengths across and down may differ by a few "
        "percent, and colors are those of display and camera; export the frame from the scanner where you can.",
    )
    return replace(frame, rgb=np.array(upright), regions=(), spacing_mm=None, warnings=(*frame.warnings, said))


def _is_convex(points: NDArray[np.float64]) -> bool:
    """Whether the corners go round clockwise as seen on the screen."""
    sides = np.roll(points, -1, axis=0) - points
    following = np.roll(sides, -1, axis=0)
    return bool((sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0).all())


def perspective_coefficients(upright: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """a … h of x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1), from upright to seen."""
    rows, values = [], []
    for (x, y), (there_x, there_y) in zip(upright, seen, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -there_x * x, -there_x * y], [0, 0, 0, x, y, 1, -there_y * x, -there_y * y]]
        values += [there_x, there_y]
    found: NDArray[np.float64] = np.linalg.solve(np.array(rows), np.array(values))
    return found
