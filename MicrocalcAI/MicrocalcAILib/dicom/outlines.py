"""Outlines of calcifications and clusters as polygons in the pixel grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from skimage.measure import find_contours

from ..analysis import Analysis

Polygon = NDArray[np.float64]
"""Shape (points, 2), row and column; whole numbers are centers of pixels. The first point is repeated at the end."""


_OUTWARD = {"min": -0.5, "max": 0.5}


def outline_of_calcification(analysis: Analysis, calcification: pd.Series) -> Polygon:
    """The border of a calcification's pixels, half a pixel around their centers."""
    rows = slice(int(calcification["row_min"]), int(calcification["row_max"]) + 1)
    columns = slice(int(calcification["column_min"]), int(calcification["column_max"]) + 1)
    inside = np.pad(analysis.labels[rows, columns] == calcification["id"], 1)
    longest = max(find_contours(inside.astype(float), 0.5), key=len)
    return np.asarray(longest + np.array([rows.start - 1, columns.start - 1]))


def outline_of_cluster(members: pd.DataFrame) -> Polygon:
    """The convex hull of the members' pixels; at least a pixel wide."""
    corners = np.concatenate(
        [
            members[[f"row_{row}", f"column_{column}"]].to_numpy(float) + np.array([_OUTWARD[row], _OUTWARD[column]])
            for row in _OUTWARD
            for column in _OUTWARD
        ]
    )
    hull = corners[ConvexHull(corners).vertices]
    return np.concatenate([hull, hull[:1]])
