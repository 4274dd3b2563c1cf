"""What a reader looks at in a cluster: what its calcifications have in common, how they lie, and what else is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from ..features.clusters import cluster_features

_TILE_MM = 20.0  # “a large part of the breast” is counted in tiles of this size
_ELONGATED = 1.6  # length / width from which a direction means something
_NEAR_MM = 8.0

# From features.distribution, which explains them
_DISTRIBUTION = (
    *("count", "extent_mm", "hull_area_mm2", "hull_circularity", "density_per_cm2", "axis_minor_mm", "linearity"),
    *("nearest_neighbor_mean_mm", "nearest_neighbor_cv", "tree_edge_max_mm", "tree_path_share"),
    *("nipple_angle_deg", "nipple_distance_mm"),
)
OF_SPECKS = (
    *("length_mm", "width_mm", "aspect", "solidity", "contrast", "sharpness_per_mm", "unevenness", "peakedness"),
    *("lucency", "winding"),
)


@dataclass(frozen=True)
class BreastContext:
    """What has to be known about the breast around the clusters.

    Parameters
    ----------
    area_cm2 : float
    nipple : (float, float) or None
        Row and column; see :func:`~MicrocalcAILib.features.estimate_nipple`.
    lateral : bool
        Whether gravity points down in the image (MLO, ML, LM), as milk of calcium shows.
    """

    area_cm2: float
    nipple: tuple[float, float] | None = None
    lateral: bool = False


def cluster_measurements(
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    specks: pd.DataFrame,
    spacing_mm: tuple[float, float],
    breast: BreastContext,
) -> pd.DataFrame:
    """Measurements of every cluster; defined from one calcification on.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
    calcifications : DataFrame
        As in :class:`~MicrocalcAILib.analysis.Analysis`, all of the image: those outside a cluster surround it.
    specks : DataFrame
        From :func:`~MicrocalcAILib.lexicon.specks.speck_measurements`.
    spacing_mm : (float, float)
    breast : BreastContext

    Returns
    -------
    DataFrame
        Index ``cluster_id``, ascending, without 0; columns ``CLUSTER_MEASUREMENTS``. NaN only where a nipple is needed
        and not known.
    """
    known = cluster_features(labels, calcifications, spacing_mm, nipple=breast.nipple)
    centers_mm = calcifications[["row", "column"]].to_numpy(np.float64) * spacing_mm
    nipple_mm = None if breast.nipple is None else np.asarray(breast.nipple) * spacing_mm
    rows = []
    for cluster_id in known.index:
        inside = (calcifications["cluster_id"] == cluster_id).to_numpy()
        of_cluster = specks.loc[calcifications["id"][inside]]
        points = centers_mm[inside]
        rows.append(
            _summarized(of_cluster, breast.lateral)
            | {name: known.at[cluster_id, f"distribution_{name}"] for name in _DISTRIBUTION}
            | _course(points, of_cluster)
            | _circle(points)
            | _wedge(points, nipple_mm)
            | _surroundings(points, centers_mm[~inside], breast.area_cm2, nipple_mm)
        )
    table = pd.DataFrame(rows, index=known.index, columns=list(CLUSTER_MEASUREMENTS))
    return table.astype(np.float64)


def _summarized(specks: pd.DataFrame, lateral: bool) -> dict[str, float]:
    values: dict[str, float] = {}
    for name in OF_SPECKS:
        column = specks[name].to_numpy()
        low, middle, high = np.quantile(column, (0.1, 0.5, 0.9))
        values |= {f"{name}_median": middle, f"{name}_high": high, f"{name}_low": low}
    for name in ("length_mm", "contrast", "aspect"):
        column = specks[name].to_numpy()
        values[f"{name}_variation"] = float(column.std() / abs(column.mean())) if column.mean() else 0.0
    values["branched_share"] = float((specks["ends"] >= 3).mean())
    values["elongated_share"] = float((specks["aspect"] >= _ELONGATED).mean())
    values["small_share"] = float((specks["length_mm"] < 0.5).mean())
    values["top_heaviness_mean"] = float(specks["top_heaviness"].mean()) if lateral else 0.0
    return values


def _course(points: NDArray[np.float64], specks: pd.DataFrame) -> dict[str, float]:
    """How the calcifications follow a common line, and whether they lie on two tracks beside it."""
    values = {"parallel": 0.0, "in_line_with_neighbor": 0.0, "course_residual_mm": 0.0, "two_tracks": 0.0}
    direction, aspect = specks["direction"].to_numpy(), specks["aspect"].to_numpy()
    weight = np.maximum(aspect - 1, 0)
    if len(points) > 1 and weight.sum() > 0:
        values["parallel"] = float(np.abs((weight * np.exp(2j * direction)).sum()) / weight.sum())
        distance, nearest = cKDTree(points).query(points, k=2)
        toward = points[nearest[:, 1]] - points
        cosine = np.abs(np.cos(direction) * toward[:, 1] + np.sin(direction) * toward[:, 0])
        close = weight * (distance[:, 1] < _NEAR_MM) * (distance[:, 1] > 0)
        if close.sum() > 0:
            values["in_line_with_neighbor"] = float(
                (close * cosine / np.maximum(distance[:, 1], 1e-9)).sum() / close.sum()
            )
    if len(points) >= 5:
        centered = points - points.mean(axis=0)
        _, _, axes = np.linalg.svd(centered, full_matrices=False)
        along, across = centered @ axes[0], centered @ axes[1]
        powers = np.vander(along / max(np.abs(along).max(), 1e-9), 4)
        residual = across - powers @ np.linalg.lstsq(powers, across, rcond=None)[0]
        values["course_residual_mm"] = float(residual.std())
        upper, lower = residual[residual > 0], residual[residual <= 0]
        if len(upper) > 1 and len(lower) > 1 and residual.std() > 0:
            within = np.sqrt((upper.var() * len(upper) + lower.var() * len(lower)) / len(residual))
            values["two_tracks"] = float((upper.mean() - lower.mean()) / (2 * residual.std()) - within / residual.std())
    return values


def _circle(points: NDArray[np.float64]) -> dict[str, float]:
    """How well the centers lie on one circle: pieces of a rim."""
    values = {"circle_residual": 1.0, "circle_diameter_mm": 0.0}
    if len(points) < 4:
        return values
    centered = points - points.mean(axis=0)
    design = np.column_stack((centered, np.ones(len(points))))
    solution = np.linalg.lstsq(design, (centered**2).sum(axis=1), rcond=None)[0]
    middle = solution[:2] / 2
    radius = float(np.sqrt(max(solution[2] + middle @ middle, 0.0)))
    if radius > 0:
        residual = np.abs(np.hypot(*(centered - middle).T) - radius).mean()
        values["circle_residual"] = min(float(residual / radius), 1.0)
        values["circle_diameter_mm"] = min(2 * radius, 100.0)
    return values


def _wedge(points: NDArray[np.float64], nipple_mm: NDArray[np.float64] | None) -> dict[str, float]:
    """The cluster as seen from the nipple: width of the sector, depth, and depth over width."""
    names = ("sector_deg", "sector_depth_mm", "sector_ratio")
    if nipple_mm is None:
        return dict.fromkeys(names, np.nan)
    seen = points - nipple_mm
    distance = np.hypot(*seen.T)
    middle = np.arctan2(*seen.mean(axis=0))
    angle = (np.arctan2(*seen.T) - middle + np.pi) % (2 * np.pi) - np.pi
    width = float(np.ptp(np.quantile(angle, (0.05, 0.95))))
    depth = float(np.ptp(np.quantile(distance, (0.05, 0.95))))
    return dict(zip(names, (np.degrees(width), depth, depth / (width * distance.mean() + 2.0)), strict=True))


def _surroundings(
    points: NDArray[np.float64],
    others: NDArray[np.float64],
    breast_area_cm2: float,
    nipple_mm: NDArray[np.float64] | None,
) -> dict[str, float]:
    """How much of the breast the cluster covers, and how many other calcifications there are and where."""
    area_mm2 = max(100 * breast_area_cm2, 1.0)
    everything = np.vstack((points, others))
    tiles = len(np.unique(np.floor(everything / _TILE_MM), axis=0))
    values = {
        "breast_share": _hull_area(points) / area_mm2,
        "tiles_share": min(tiles * _TILE_MM**2 / area_mm2, 1.0),
        "others": float(len(others)),
        "others_per_member": len(others) / len(points),
        "others_within_20mm": 0.0,
        "others_in_sector": 0.0,
    }
    if len(others):
        distance, _ = cKDTree(points).query(others)
        values["others_within_20mm"] = float((distance <= 20).sum()) / len(points)
        if nipple_mm is not None:
            seen, own = others - nipple_mm, points.mean(axis=0) - nipple_mm
            turn = np.arctan2(*seen.T) - np.arctan2(*own)
            values["others_in_sector"] = float((np.cos(turn) > np.cos(np.radians(20))).sum()) / len(points)
    return values


def _hull_area(points: NDArray[np.float64]) -> float:
    if len(points) < 3:
        return 0.0
    try:
        return float(ConvexHull(points).volume)
    except QhullError:
        return 0.0


def _columns() -> tuple[str, ...]:
    """Column names, from one imagined calcification."""
    point = np.zeros((1, 2))
    speck = pd.DataFrame([dict.fromkeys((*OF_SPECKS, "ends", "top_heaviness", "direction"), 1.0)])
    parts = (
        *_summarized(speck, True),
        *_DISTRIBUTION,
        *_course(point, speck),
        *_circle(point),
        *_wedge(point, None),
        *_surroundings(point, np.empty((0, 2)), 1.0, None),
    )
    return tuple(parts)


CLUSTER_MEASUREMENTS = _columns()
_PLACE = (
    *("nipple_angle_deg", "nipple_distance_mm", *_wedge(np.zeros((1, 2)), None)),
    *("breast_share", "tiles_share", "others", "others_per_member", "others_within_20mm", "others_in_sector"),
)
_FORM = (
    *(name for name in CLUSTER_MEASUREMENTS if name.startswith(OF_SPECKS)),
    *("branched_share", "elongated_share", "small_share", "top_heaviness_mean"),
    *("two_tracks", "circle_residual", "circle_diameter_mm"),
)
# A word is judged by what the lexicon defines it by: form does not make a segment, nor the place in the breast a form.
MEASUREMENTS_FOR = {
    "morphology": tuple(name for name in CLUSTER_MEASUREMENTS if name not in _PLACE),
    "distribution": tuple(name for name in CLUSTER_MEASUREMENTS if name not in _FORM),
}
