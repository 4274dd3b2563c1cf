"""Areas that a reader draws on the image, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import points_in_poly

_SEGMENTS_AT_ONCE = 64  # short pieces of a path have small boxes, and few places lie near a small box


@dataclass(frozen=True, eq=False)
class Area:
    """What a path encloses when its ends are joined, and what lies along the path.

    So a loop takes what is inside, and a stroke takes what it passes. Only places that somebody asks for are looked
    at: an area is asked for a few thousand places at every move of the mouse, and may be as large as the image.

    Parameters
    ----------
    path : float array, shape (points, 2)
        (row, column); may leave the image. Without a point the area is empty, with fewer than three it is a stroke.
    spacing_mm : (float, float)
    width_mm : float
        Half the width of the stroke; a place lies along the path when its pixel reaches that far.
    """

    path: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    width_mm: float = 0.0

    def holds(self, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.bool_]:
        """Whether places (row, column) lie in the area."""
        places = np.stack(np.broadcast_arrays(rows, columns), axis=-1).astype(np.float64)
        result = np.zeros(places.shape[:-1], np.bool_)
        if len(self.path) == 0 or result.size == 0:
            return result
        places_mm, path_mm = places * self.spacing_mm, self.path * self.spacing_mm
        reach_mm = self.width_mm + max(self.spacing_mm) / 2
        near = _in_box(places_mm, path_mm, reach_mm)
        result[near] = _holds(places_mm[near], path_mm, reach_mm)
        return result


def _holds(places: NDArray[np.float64], path: NDArray[np.float64], reach: float) -> NDArray[np.bool_]:
    inside = np.zeros(len(places), np.bool_)
    if len(path) > 2:
        inside = points_in_poly(places, path)
    starts, ends = (path, path) if len(path) == 1 else (path[:-1], path[1:])
    for first in range(0, len(starts), _SEGMENTS_AT_ONCE):
        piece = slice(first, first + _SEGMENTS_AT_ONCE)
        corners = np.concatenate((starts[piece], ends[piece]))
        asked = np.flatnonzero(~inside & _in_box(places, corners, reach))
        inside[asked] = (_distances(places[asked], starts[piece], ends[piece]) <= reach).any(axis=1)
    return inside


def _in_box(places: NDArray[np.float64], corners: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Which places lie not farther than a margin from the box around some points."""
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    return np.asarray(((places >= low) & (places <= high)).all(axis=-1))


def _distances(
    places: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of each place from each line segment, shape (places, segments)."""
    along = ends - starts
    length = np.maximum((along**2).sum(axis=1), np.finfo(np.float64).tiny)
    offset = places[:, None] - starts
    share = np.clip((offset * along).sum(axis=2) / length, 0, 1)
    return np.asarray(np.linalg.norm(offset - share[..., None] * along, axis=2))
