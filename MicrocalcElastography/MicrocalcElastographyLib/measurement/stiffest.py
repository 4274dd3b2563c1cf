"""The standard measurement box (2 mm × 2 mm) on the stiffest position of a lesion and its rim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError

from ..elastogram import Direction, Elastogram
from .regions import middle_of, spacing_of

Mask = NDArray[np.bool_]
TIE = 1e-9  # means closer than this share of the largest value differ by rounding only


class BoxShape(StrEnum):
    """Shape of the measurement box."""

    SQUARE = "square"
    CIRCLE = "circle"


@dataclass(frozen=True)
class PlacedBox:
    """A measurement box at its place in the elastography box.

    Parameters
    ----------
    mask : bool array, shape of the elastogram's values
    center : (float, float)
        Row and column in the elastography box.
    shape : BoxShape
    size_mm : (float, float)
        Height and width really used: whole pixels.
    automatic : bool
        Placed on the stiffest position, not by hand.
    """

    mask: Mask
    center: tuple[float, float]
    shape: BoxShape
    size_mm: tuple[float, float]
    automatic: bool

    @property
    def center_pixel(self) -> tuple[int, int]:
        """The pixel that stands for the center, as in `centers_on`; the upper left one of four."""
        return int(self.center[0]), int(self.center[1])


def footprint(size_mm: float, shape: BoxShape, spacing_mm: tuple[float, ...]) -> Mask:
    """Pixels of a measurement box: its side or diameter rounded to whole pixels; a circle holds the pixels whose
    center lies within it. Over three distances, those of a cube or a sphere.

    Raises
    ------
    ParameterError
        When it is smaller than a pixel.
    """
    if not np.isfinite(size_mm) or size_mm < max(spacing_mm):
        raise ParameterError(f"A measurement box of {size_mm:g} mm is smaller than a pixel; the usual size is 2 mm.")
    counts = tuple(round(size_mm / length) for length in spacing_mm)
    if shape is BoxShape.SQUARE:
        return np.ones(counts, dtype=bool)
    squares = np.ix_(*(((np.arange(n) + 0.5) / n * 2.0 - 1.0) ** 2 for n in counts))
    inside: Mask = np.asarray(sum(squares)) <= 1.0
    return inside


def stiffest_box(
    elastogram: Elastogram, where: Mask, size_mm: float, shape: BoxShape, smallest_valid_share: float
) -> PlacedBox | None:
    """The position with the stiffest mean value, the exact extreme over all positions.

    Parameters
    ----------
    elastogram : Elastogram
        With known spacing.
    where : bool array, shape of its values
        Pixels on which the center of the box may lie. The box always lies inside the elastography box.
    size_mm : float
        Side of the square or diameter of the circle.
    shape : BoxShape
    smallest_valid_share : float
        Positions with a smaller share of pixels that carry a value do not count, 0 (exclusive) to 1.

    Returns
    -------
    PlacedBox or None
        None when no position has enough valid pixels. Of equally stiff positions the one nearest to the middle of
        ``where``, then the uppermost, then the leftmost.
    """
    box = footprint(size_mm, shape, spacing_of(elastogram))
    if not 0.0 < smallest_valid_share <= 1.0:
        raise ParameterError("The smallest valid share of the measurement box lies above 0 and at most at 1.")
    if any(length > limit for length, limit in zip(box.shape, where.shape, strict=True)):
        return None
    counts = window_sums(elastogram.valid.astype(np.float64), box)
    sums = window_sums(np.where(elastogram.valid, elastogram.values, 0.0).astype(np.float64), box)
    # The pixel at (n - 1) // 2 stands for the center of a box of n pixels.
    first = tuple((length - 1) // 2 for length in box.shape)
    centers = where[first[0] : first[0] + sums.shape[0], first[1] : first[1] + sums.shape[1]]
    allowed = centers & (counts >= max(np.ceil(smallest_valid_share * box.sum() - 1e-9), 1))
    if not allowed.any():
        return None
    sign = 1.0 if elastogram.direction is Direction.STIFFER_IS_HIGHER else -1.0
    stiffness = np.full(sums.shape, -np.inf)
    stiffness[allowed] = sign * sums[allowed] / counts[allowed]
    tie = TIE * max(float(np.abs(stiffness[allowed]).max()), 1.0)
    rows, columns = np.nonzero(stiffness >= stiffness.max() - tie)
    middle = middle_of(where)
    squared_distance = (rows + first[0] - middle[0]) ** 2 + (columns + first[1] - middle[1]) ** 2
    best = int(np.argmin(squared_distance))
    return _placed(elastogram, box, (int(rows[best]), int(columns[best])), shape, automatic=True)


def centers_on(counted: Mask, box: Mask, smallest_share: float) -> Mask:
    """Pixels on which the center of a box may lie so that enough of it lies on counted pixels.

    Parameters
    ----------
    counted : bool array, shape (rows, columns)
        For example the pixels of a lesion that carry a value.
    box : bool array
        See `footprint`.
    smallest_share : float
        Of the pixels of the box, or of the counted pixels where these are fewer; 0 to 1.

    Returns
    -------
    bool array, shape (rows, columns)
        At least one counted pixel always lies under a box at such a place.
    """
    centers = np.zeros_like(counted)
    if any(length > limit for length, limit in zip(box.shape, counted.shape, strict=True)):
        return centers
    under = window_sums(counted.astype(np.float64), box)
    fewest = max(smallest_share * min(int(box.sum()), int(counted.sum())), 1.0)
    first = tuple((length - 1) // 2 for length in box.shape)
    centers[first[0] : first[0] + under.shape[0], first[1] : first[1] + under.shape[1]] = under >= fewest - 1e-9
    return centers


def box_at(elastogram: Elastogram, center: tuple[float, float], size_mm: float, shape: BoxShape) -> PlacedBox:
    """The measurement box placed by hand, its center at a row and column of the elastography box.

    Raises
    ------
    ParameterError
        When it does not lie wholly in the elastography box.
    """
    box = footprint(size_mm, shape, spacing_of(elastogram))
    top, left = (round(place - (length - 1) / 2) for place, length in zip(center, box.shape, strict=True))
    rows, columns = elastogram.values.shape
    if min(top, left) < 0 or top + box.shape[0] > rows or left + box.shape[1] > columns:
        raise ParameterError("The measurement box does not lie wholly in the elastography box; move it inside.")
    return _placed(elastogram, box, (top, left), shape, automatic=False)


def window_sums(values: NDArray[np.float64], window: Mask) -> NDArray[np.float64]:
    """Sum of the pixels under a window at every position where it lies wholly inside.

    The window is cut into rectangles of equal rows, each summed by one integral image: exact, and independent of the
    window's size for a square.

    Parameters
    ----------
    values : float array, shape (rows, columns)
    window : bool array, shape (height, width)
        Every row one run of True.

    Returns
    -------
    float array, shape (rows - height + 1, columns - width + 1)
    """
    height, width = window.shape
    shape = (values.shape[0] - height + 1, values.shape[1] - width + 1)
    integral = np.pad(np.cumsum(np.cumsum(values, axis=0), axis=1), ((1, 0), (1, 0)))
    changes = np.flatnonzero((window[1:] != window[:-1]).any(axis=1)) + 1

    def corner(row: int, column: int) -> NDArray[np.float64]:
        return integral[row : row + shape[0], column : column + shape[1]]

    sums = np.zeros(shape)
    for top, bottom in zip((0, *changes), (*changes, height), strict=True):
        run = np.flatnonzero(window[top])
        if run.size:
            left, right = int(run[0]), int(run[-1]) + 1
            sums += corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left)
    return sums


def _placed(
    elastogram: Elastogram, box: Mask, corner: tuple[int, int], shape: BoxShape, *, automatic: bool
) -> PlacedBox:
    mask = np.zeros(elastogram.values.shape, dtype=bool)
    mask[corner[0] : corner[0] + box.shape[0], corner[1] : corner[1] + box.shape[1]] = box
    spacing = spacing_of(elastogram)
    return PlacedBox(
        mask=mask,
        center=(corner[0] + (box.shape[0] - 1) / 2, corner[1] + (box.shape[1] - 1) / 2),
        shape=shape,
        size_mm=(box.shape[0] * spacing[0], box.shape[1] * spacing[1]),
        automatic=automatic,
    )
