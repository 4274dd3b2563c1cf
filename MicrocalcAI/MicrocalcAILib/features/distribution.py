"""How the calcifications of a cluster are arranged: spread, density, hull, main axis, neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from .regions import Outlines

# name -> unit, meaning, source
DISTRIBUTION_FEATURES = {
    "count": ("", "number of calcifications", "ACR BI-RADS"),
    "area_mean_mm2": ("mm²", "mean area of the calcifications", ""),
    "area_sd_mm2": ("mm²", "standard deviation of the areas (0 for one)", "Marathe 2022"),
    "area_cv": ("", "area_sd_mm2 / area_mean_mm2", ""),
    "coordinate_correlation": (
        "",
        "correlation of the centers' x and y (0 for one calcification and along an image axis)",
        "Marathe 2022",
    ),
    "pairwise_distance_mean_mm": ("mm", "mean distance between the centers of all pairs (0 for one)", "Marathe 2022"),
    "pairwise_distance_sd_mm": ("mm", "standard deviation of these distances", ""),
    "extent_mm": ("mm", "largest distance between outline points", "ACR BI-RADS"),
    "hull_area_mm2": ("mm²", "area of the convex hull of all pixels", ""),
    "hull_perimeter_mm": ("mm", "perimeter of that hull", ""),
    "hull_circularity": ("", "4π area / perimeter² of that hull (1 round)", ""),
    "density_per_cm2": ("1/cm²", "count / area of the hull widened by 1 mm on all sides", ""),
    "axis_major_mm": ("mm", "4 × standard deviation of the centers along their main axis", ""),
    "axis_minor_mm": ("mm", "4 × standard deviation of the centers across it", ""),
    "elongation": ("", "1 − axis_minor / axis_major (0 round or one calcification, 1 on a line)", ""),
    "linearity": ("", "difference / sum of the variances along and across (0 to 1)", ""),
    "nearest_neighbor_mean_mm": ("mm", "mean distance to the nearest neighbor (0 for one)", ""),
    "nearest_neighbor_sd_mm": ("mm", "standard deviation of these distances", ""),
    "nearest_neighbor_cv": ("", "nearest_neighbor_sd_mm / nearest_neighbor_mean_mm (0 even)", ""),
    "nearest_neighbor_max_mm": ("mm", "largest of these distances", ""),
    "tree_edge_mean_mm": ("mm", "mean edge of the minimum spanning tree of the centers (0 for one)", ""),
    "tree_edge_max_mm": ("mm", "longest edge of that tree", ""),
    "tree_path_share": ("", "longest path / whole length of that tree (1: a chain; 1 for one calcification)", ""),
    "nipple_angle_deg": (
        "°",
        "angle of the main axis with the direction to the nipple, 0 to 90 (45 without an axis, NaN without a nipple)",
        "",
    ),
    "nipple_distance_mm": ("mm", "distance from the center to the nipple (NaN without a nipple)", ""),
}
_WIDENING_MM = 1.0


def distribution_features(
    centers_mm: NDArray[np.float64],
    areas_mm2: NDArray[np.float64],
    outline_mm: NDArray[np.float64],
    nipple_mm: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Arrangement of one cluster, defined from one calcification on.

    Parameters
    ----------
    centers_mm : float array, shape (calcifications, 2)
        Row and column positions in mm.
    areas_mm2 : float array, shape (calcifications,)
    outline_mm : float array, shape (points, 2)
        Corners of the calcifications' outline pixels.
    nipple_mm : float array, shape (2,), or None

    Returns
    -------
    float array
        In the order of ``DISTRIBUTION_FEATURES``.
    """
    count = len(centers_mm)
    hull = ConvexHull(outline_mm)  # in the plane, ``volume`` is the area and ``area`` the perimeter
    widened_mm2 = hull.volume + hull.area * _WIDENING_MM + np.pi * _WIDENING_MM**2
    covariance = np.atleast_2d(np.cov(centers_mm, rowvar=False, bias=True)) if count > 1 else np.zeros((2, 2))
    variances, axes = np.linalg.eigh(covariance)
    minor, major = np.maximum(variances, 0)
    deviation = np.sqrt(np.diag(covariance))
    pairs = pdist(centers_mm)
    distances = squareform(pairs)
    nearest = np.min(distances + np.diag(np.full(count, np.inf)), axis=1) if count > 1 else np.zeros(1)
    edges, path = _spanning_tree(distances)
    center = centers_mm.mean(axis=0)
    return np.array(
        [
            count,
            areas_mm2.mean(),
            areas_mm2.std(),
            areas_mm2.std() / areas_mm2.mean(),
            covariance[0, 1] / deviation.prod() if deviation.min() > 1e-9 else 0.0,
            pairs.mean() if count > 1 else 0.0,
            pairs.std() if count > 1 else 0.0,
            pdist(outline_mm[hull.vertices]).max(),
            hull.volume,
            hull.area,
            4 * np.pi * hull.volume / hull.area**2,
            100 * count / widened_mm2,
            4 * np.sqrt(major),
            4 * np.sqrt(minor),
            1 - np.sqrt(minor / major) if major > 0 else 0.0,
            (major - minor) / (major + minor) if major > 0 else 0.0,
            nearest.mean(),
            nearest.std(),
            nearest.std() / nearest.mean() if nearest.mean() > 0 else 0.0,
            nearest.max(),
            edges.mean(),
            edges.max(),
            path / edges.sum() if edges.sum() > 0 else 1.0,
            *_towards_nipple(center, axes[:, 1] if major - minor > 1e-9 * major else None, nipple_mm),
        ]
    )


def estimate_nipple(
    breast: NDArray[np.bool_], chest_wall_side: str | None, spacing_mm: tuple[float, float]
) -> tuple[float, float] | None:
    """Where the nipple probably is: the breast's tip, farthest from the chest wall.

    Parameters
    ----------
    breast : bool array, shape (rows, columns)
    chest_wall_side : {"left", "right"} or None
        Image side at which the chest wall lies.
    spacing_mm : (float, float)

    Returns
    -------
    (float, float) or None
        Row and column; the middle of the breast's outermost millimeter. None for an empty mask or an unknown side. In
        oblique views of ptotic breasts the tip may lie below the nipple.
    """
    columns = np.flatnonzero(breast.any(axis=0))
    if not len(columns) or chest_wall_side is None:
        return None
    depth = max(round(1.0 / spacing_mm[1]), 1)
    tip = columns[-1] if chest_wall_side == "left" else columns[0]
    first = max(tip - depth + 1, 0) if chest_wall_side == "left" else tip
    rows = np.nonzero(breast[:, first : first + depth])[0]
    return float(rows.mean()), float(tip)


def outline_corners_mm(
    outlines: Outlines, index: NDArray[np.int64], spacing_mm: tuple[float, float]
) -> NDArray[np.float64]:
    """Corners of the outline pixels of some calcifications, shape (points, 2), rows and columns in mm."""
    parts = np.concatenate([np.arange(outlines.starts[i], outlines.starts[i + 1]) for i in index])
    pixels = np.column_stack((outlines.rows[parts], outlines.columns[parts]))
    corners = [pixels + np.array((row, column)) for row in (-0.5, 0.5) for column in (-0.5, 0.5)]
    return np.unique(np.concatenate(corners), axis=0) * spacing_mm


def _spanning_tree(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Edge lengths of the minimum spanning tree (one edge of length 0 for a single point) and its longest path."""
    if len(distances) == 1:
        return np.zeros(1), 0.0
    tree = minimum_spanning_tree(np.maximum(distances, 1e-12))  # 0 would mean “no edge”
    farthest = 0
    for _ in range(2):  # the point farthest from any point is one end of the longest path
        order, parents = breadth_first_order(tree, farthest, directed=False)
        length = np.zeros(len(distances))
        for point in order[1:]:
            length[point] = length[parents[point]] + distances[point, parents[point]]
        farthest = int(np.argmax(length))
    return tree.data, float(length.max())


def _towards_nipple(
    center: NDArray[np.float64], axis: NDArray[np.float64] | None, nipple_mm: NDArray[np.float64] | None
) -> tuple[float, float]:
    if nipple_mm is None:
        return np.nan, np.nan
    direction = nipple_mm - center
    distance = float(np.hypot(*direction))
    if axis is None or distance == 0:
        return 45.0, distance
    cosine = min(abs(float(axis @ direction)) / distance, 1.0)
    return float(np.degrees(np.arccos(cosine))), distance
