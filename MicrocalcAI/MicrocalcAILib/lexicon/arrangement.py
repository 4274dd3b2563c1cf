"""What a reader looks at in a cluster: what its calcifications have in common, how they lie, and what else is there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from ..features.clusters import cluster_features
from ..segmentation.tables import MACHINE

_TILE_MM = 20.0  # “a large part of the breast” is counted in tiles of this size
_ELONGATED = 1.6  # length / width from which a direction means something
_NEAR_MM = 8.0
_SMALLEST_WEIGHT = 1e-3
# Walls of a breast's artery: how far apart, how far shifted along the vessel, and the cosine of the angle between them
_CALIBER_MM, _ABREAST_MM, _PARALLEL = (0.7, 3.0), 1.5, float(np.cos(np.radians(20)))

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
        As in :class:`~MicrocalcAILib.analysis.Analysis`, all of the image: those outside a cluster surround it. Members
        count by their ``probability`` where it is known, because a group's faint members are the likeliest false ones;
        those of a ``source`` other than the machine count fully.
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
    weights = member_weights(calcifications)
    nipple_mm = None if breast.nipple is None else np.asarray(breast.nipple) * spacing_mm
    rows = []
    for cluster_id in known.index:
        inside = (calcifications["cluster_id"] == cluster_id).to_numpy()
        of_cluster = specks.loc[calcifications["id"][inside]]
        points = centers_mm[inside]
        rows.append(
            _summarized(of_cluster, weights[inside], breast.lateral)
            | {name: known.at[cluster_id, f"distribution_{name}"] for name in _DISTRIBUTION}
            | _course(points, of_cluster, weights[inside])
            | _circle(points)
            | _wedge(points, nipple_mm)
            | _surroundings(points, centers_mm[~inside], breast.area_cm2, nipple_mm)
            | _beside_parallel(points, of_cluster, weights[inside])
            | _covered(points, of_cluster, weights[inside])
        )
    table = pd.DataFrame(rows, index=known.index, columns=list(CLUSTER_MEASUREMENTS))
    return table.astype(np.float64)


def member_weights(calcifications: pd.DataFrame) -> NDArray[np.float64]:
    """How much each calcification counts, in (0, 1]: by its probability, and fully where a reader looked at it."""
    if "probability" not in calcifications:
        return np.ones(len(calcifications))
    known = calcifications["probability"].fillna(1.0)
    if "source" in calcifications:  # what a reader drew or changed was looked at
        known = known.where(calcifications["source"] == MACHINE, 1.0)
    return np.maximum(known.to_numpy(np.float64), _SMALLEST_WEIGHT)


def _summarized(specks: pd.DataFrame, weights: NDArray[np.float64], lateral: bool) -> dict[str, float]:
    values: dict[str, float] = {}
    for name in OF_SPECKS:
        low, middle, high = _quantiles(specks[name].to_numpy(), weights, (0.1, 0.5, 0.9))
        values |= {f"{name}_median": middle, f"{name}_high": high, f"{name}_low": low}
    for name in ("length_mm", "contrast", "aspect"):
        column = specks[name].to_numpy()
        mean = np.average(column, weights=weights)
        spread = np.sqrt(np.average((column - mean) ** 2, weights=weights))
        values[f"{name}_variation"] = float(spread / abs(mean)) if mean else 0.0
    for name, chosen in (
        ("branched_share", specks["ends"] >= 3),
        ("elongated_share", specks["aspect"] >= _ELONGATED),
        ("small_share", specks["length_mm"] < 0.5),
    ):
        values[name] = float(np.average(chosen, weights=weights))
    values["top_heaviness_mean"] = float(np.average(specks["top_heaviness"], weights=weights)) if lateral else 0.0
    return values


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], shares: tuple[float, ...]
) -> NDArray[np.float64]:
    """Weighted quantiles; equal weights give those of ``numpy.quantile``."""
    order = np.argsort(values, kind="stable")
    ranked = weights[order]
    places = np.cumsum(ranked) - (ranked[0] + ranked) / 2
    return np.interp(shares, places / places[-1] if places[-1] > 0 else places, values[order])


def _course(points: NDArray[np.float64], specks: pd.DataFrame, weights: NDArray[np.float64]) -> dict[str, float]:
    """How the calcifications follow a common line, and whether they lie on two tracks beside it."""
    values = {"parallel": 0.0, "in_line_with_neighbor": 0.0, "course_residual_mm": 0.0, "two_tracks": 0.0}
    direction, aspect = specks["direction"].to_numpy(), specks["aspect"].to_numpy()
    weight = weights * np.maximum(aspect - 1, 0)
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


def _beside_parallel(
    points: NDArray[np.float64], specks: pd.DataFrame, weights: NDArray[np.float64]
) -> dict[str, float]:
    """Weighted share of calcifications with a parallel one beside them, as the plaques of the two walls of a vessel.

    Unlike the two tracks of a common course it bears turns of the vessel and false members. A partner counts when its
    weight (elongation times probability) is at least a quarter of the calcification's own.
    """
    direction = specks["direction"].to_numpy()
    weight = weights * np.maximum(specks["aspect"].to_numpy() - 1, 0)
    if not weight.sum() > 0:
        return {"beside_parallel": 0.0}
    along, across = np.cos(direction), np.sin(direction)
    offset = points[None] - points[:, None]  # (y, x) from each to each
    ahead = np.abs(offset[..., 1] * along[:, None] + offset[..., 0] * across[:, None])
    aside = np.abs(offset[..., 0] * along[:, None] - offset[..., 1] * across[:, None])
    turned = np.abs(np.cos(direction[None] - direction[:, None]))
    beside = (ahead <= _ABREAST_MM) & (aside >= _CALIBER_MM[0]) & (aside <= _CALIBER_MM[1]) & (turned >= _PARALLEL)
    has_partner = (beside * weight[None]).max(axis=1) >= 0.25 * weight
    return {"beside_parallel": float(np.average(has_partner, weights=weight))}


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


def _covered(points: NDArray[np.float64], specks: pd.DataFrame, weights: NDArray[np.float64]) -> dict[str, float]:
    """How much of the ground calcium covers: large bodies that were outlined in pieces fill what lies between these."""
    areas_mm2 = np.pi / 4 * specks["length_mm"].to_numpy() * specks["width_mm"].to_numpy()
    covered = float(weights @ areas_mm2 / weights.max())
    return {"covered_mm2": covered, "covered_share": covered / (covered + _hull_area(points))}


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
        *_summarized(speck, np.ones(1), True),
        *_DISTRIBUTION,
        *_course(point, speck, np.ones(1)),
        *_circle(point),
        *_wedge(point, None),
        *_surroundings(point, np.empty((0, 2)), 1.0, None),
        *_beside_parallel(point, speck, np.ones(1)),
        *_covered(point, speck, np.ones(1)),
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
    *("two_tracks", "beside_parallel", "circle_residual", "circle_diameter_mm"),
    *("covered_mm2", "covered_share"),
)
# A word is judged by what the lexicon defines it by: form does not make a segment, nor the place in the breast a form.
MEASUREMENTS_FOR = {
    "morphology": tuple(name for name in CLUSTER_MEASUREMENTS if name not in _PLACE),
    "distribution": tuple(name for name in CLUSTER_MEASUREMENTS if name not in _FORM),
}
