"""Areas that a reader draws on the image, in pixels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.draw import polygon


@dataclass(frozen=True)
class Area:
    """Some pixels of an image.

    Parameters
    ----------
    top, left : int
        Image row and column of the first pixel of ``mask``.
    mask : bool array, shape (rows, columns)
        Lies inside the image; empty when the area lies outside.
    """

    top: int
    left: int
    mask: NDArray[np.bool_]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row, last row + 1, first column, last column + 1."""
        return self.top, self.top + self.mask.shape[0], self.left, self.left + self.mask.shape[1]

    def holds(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.bool_]:
        """Whether positions (row, column; rounded) lie in the area."""
        r = np.round(np.asarray(rows, np.float64)).astype(np.int64) - self.top
        c = np.round(np.asarray(columns, np.float64)).astype(np.int64) - self.left
        inside = (r >= 0) & (r < self.mask.shape[0]) & (c >= 0) & (c < self.mask.shape[1])
        result = np.zeros(inside.shape, np.bool_)
        result[inside] = self.mask[r[inside], c[inside]]
        return result


def area_around(
    path: ArrayLike, shape: tuple[int, ...], spacing_mm: tuple[float, float], width_mm: float = 0.0
) -> Area:
    """What a path encloses when its ends are joined, and what lies within ``width_mm`` of the path.

    So a loop takes what is inside, and a stroke takes what it passes.

    Parameters
    ----------
    path : float array, shape (points, 2)
        (row, column); may leave the image.
    shape : (int, int)
        Rows and columns of the image.
    spacing_mm : (float, float)
    width_mm : float
        Half the width of the stroke.
    """
    points = np.asarray(path, np.float64).reshape(-1, 2)
    reach = np.ceil(width_mm / np.asarray(spacing_mm)).astype(np.int64)
    limits = np.asarray(shape[:2])
    if len(points) == 0:
        return Area(0, 0, np.zeros((0, 0), np.bool_))
    first = np.clip(np.floor(points.min(axis=0)).astype(np.int64) - reach, 0, limits)
    last = np.clip(np.ceil(points.max(axis=0)).astype(np.int64) + reach + 1, first, limits)
    mask = np.zeros(last - first, np.bool_)
    if mask.size == 0:
        return Area(int(first[0]), int(first[1]), mask)
    local = points - first
    if len(points) > 2:
        rows, columns = polygon(local[:, 0], local[:, 1], mask.shape)
        mask[rows, columns] = True
    down, across = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    disk = np.hypot(down * spacing_mm[0], across * spacing_mm[1]) <= width_mm + 1e-9
    passed = np.unique(_dense(local), axis=0)
    near = (passed[:, None] + np.column_stack((down[disk], across[disk]))[None]).reshape(-1, 2)
    near = near[((near >= 0) & (near < mask.shape)).all(axis=1)]
    mask[near[:, 0], near[:, 1]] = True
    return Area(int(first[0]), int(first[1]), mask)


def _dense(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pixels along a path, one at every pixel it passes."""
    parts = [points[:1]]
    for start, end in itertools.pairwise(points):
        count = int(np.ceil(np.abs(end - start).max())) + 1
        parts.append(np.linspace(start, end, count))
    return np.round(np.concatenate(parts)).astype(np.int64)
