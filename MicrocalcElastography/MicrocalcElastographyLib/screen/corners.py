"""The four corners of a screen on a photo of it, or the request to give them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError

_LONGER_SIDE_PX = 900  # of the reduced photo in which the screen is looked for
_BORDER_SHARE = 0.02  # of the shorter side: what lies there is the surroundings
_LEAST_CONTRAST = 18.0  # gray levels between screen and surroundings
_DEVIATIONS = 4.0  # of the surroundings' own brightness
_SMALLEST_SHARE = 0.15  # of the photo that a screen fills
_FILLED = 0.97  # of the four-sided area that differs from the surroundings, and of what differs that lies in it
_SIDE_PART = 0.8  # of a side, its middle, to which the line is fitted: corners of monitors are round
_OFF_LINE_PX, _OFF_LINE_SHARE = 2.5, 0.9  # a side is straight when this share of its edge lies this near its line

Point = tuple[float, float]
_SENTENCE = (
    "The four corners of the screen cannot be told on this photo; give them (x and y of the upper left, upper right, "
    "lower right and lower left corner), or export the frame from the scanner."
)


def find_corners(rgb: NDArray[np.uint8]) -> tuple[Point, Point, Point, Point]:
    """Upper left, upper right, lower right and lower left corner of the screen on a photo, x and y in pixels.

    The screen, or its frame, is the one large area of four straight sides that differs from what lies along the border
    of the photo.

    Parameters
    ----------
    rgb : uint8 array, shape (rows, columns, 3)

    Raises
    ------
    ParameterError
        When there is no such area, or its shape leaves a doubt.
    """
    factor = max(1.0, max(rgb.shape[:2]) / _LONGER_SIDE_PX)
    size = round(rgb.shape[1] / factor), round(rgb.shape[0] / factor)
    small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX), dtype=np.float64)
    screen = _differing_area(small)
    extremes = _extreme_points(screen)
    edge = _positions(screen & ~ndimage.binary_erosion(screen))
    lines = [_side(edge, extremes[n], extremes[(n + 1) % 4]) for n in range(4)]
    corners = np.array([_crossing(lines[n - 1], lines[n]) for n in range(4)])
    _check(screen, corners)
    scale = np.array([rgb.shape[1] / size[0], rgb.shape[0] / size[1]])
    first, second, third, fourth = ((float(x), float(y)) for x, y in (corners + 0.5) * scale)
    return first, second, third, fourth


def _differing_area(photo: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The largest area, holes filled, that differs from the border of the photo."""
    width = max(round(_BORDER_SHARE * min(photo.shape[:2])), 2)
    inner = np.zeros(photo.shape[:2], dtype=bool)
    inner[width:-width, width:-width] = True
    border = photo[~inner]
    color = np.median(border, axis=0)
    spread = 1.4826 * float(np.median(np.abs(border - color).max(axis=1)))
    differs = np.abs(photo - color).max(axis=2) > max(_LEAST_CONTRAST, _DEVIATIONS * spread)
    areas, count = ndimage.label(ndimage.binary_opening(ndimage.binary_fill_holes(differs), iterations=2))
    if not count:
        raise ParameterError(_SENTENCE)
    sizes = np.bincount(areas.ravel())[1:]
    largest: NDArray[np.bool_] = areas == 1 + int(sizes.argmax())
    if sizes.max() < _SMALLEST_SHARE * largest.size or (largest & ~inner).any():
        raise ParameterError(_SENTENCE)
    return largest


def _extreme_points(area: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """The pixels farthest to the upper left, upper right, lower right and lower left, x and y."""
    points = _positions(area)
    columns, rows = points.T
    ranks = (rows + columns, rows - columns, -rows - columns, columns - rows)
    return [points[int(rank.argmin())] for rank in ranks]


def _positions(area: NDArray[np.bool_]) -> NDArray[np.float64]:
    """x and y of the pixels of an area, shape (pixels, 2)."""
    rows, columns = np.divmod(np.flatnonzero(area), area.shape[1])
    return np.stack([columns, rows], axis=1).astype(np.float64)


def _side(
    edge: NDArray[np.float64], first: NDArray[np.float64], last: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A point and the direction of the straight edge between two corners, of the x and y of all edges."""
    along = last - first
    length = float(np.hypot(*along))
    if length < 1.0:
        raise ParameterError(_SENTENCE)
    direction = along / length
    position = (edge - first) @ direction
    beside = np.abs((edge - first) @ np.array([-direction[1], direction[0]]))
    margin = (1.0 - _SIDE_PART) / 2.0 * length
    points = edge[(position > margin) & (position < length - margin) & (beside < 0.1 * length)]
    if len(points) < 0.5 * _SIDE_PART * max(np.abs(along)):
        raise ParameterError(_SENTENCE)
    middle = np.median(points, axis=0)
    for _ in range(3):  # reflections and marks at the edge are left out
        middle = points.mean(axis=0)
        direction = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        off = np.abs((points - middle) @ np.array([-direction[1], direction[0]]))
        near = off <= max(_OFF_LINE_PX, 2.0 * float(np.median(off)))
        if near.mean() < _OFF_LINE_SHARE:
            raise ParameterError(_SENTENCE)
        points = points[near]
    return middle, direction


def _crossing(
    one: tuple[NDArray[np.float64], NDArray[np.float64]], other: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> NDArray[np.float64]:
    (first, along), (second, across) = one, other
    sides = np.array([along, -across]).T
    if abs(float(np.linalg.det(sides))) < 0.3:
        raise ParameterError(_SENTENCE)
    place: NDArray[np.float64] = first + np.linalg.solve(sides, second - first)[0] * along
    return place


def _check(area: NDArray[np.bool_], corners: NDArray[np.float64]) -> None:
    """Refuse four sides that leave out much of the area, or hold much that is none of it."""
    rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
    inside = np.ones(area.shape, dtype=bool)
    for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (next_x - x) * (rows - y) - (next_y - y) * (columns - x) >= 0
    common = float((inside & area).sum())
    if not inside.any() or common < _FILLED * inside.sum() or common < _FILLED * area.sum():
        raise ParameterError(_SENTENCE)
