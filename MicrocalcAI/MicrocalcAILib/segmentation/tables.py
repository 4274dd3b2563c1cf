"""The tables of an analysis: one row per calcification, one row per cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from ..reading.mammogram import Mammogram
from .breast import BreastRegion

MACHINE = "machine"  # ``source`` of a calcification that no reader has touched
_OF_MEMBERS = (  # what a cluster's row is made from
    *("row", "column", "x_mm", "y_mm", "row_min", "row_max", "column_min", "column_max"),
    *("probability", "in_pectoral_muscle"),
)
_REPORTED_MEASUREMENTS = ("contrast_to_noise", "response", "edge_distance_mm")


def describe_calcifications(
    labels: NDArray[np.int32],
    mammogram: Mammogram,
    breast: BreastRegion,
    measurements: pd.DataFrame,
    probabilities: NDArray[np.float64],
    places: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> pd.DataFrame:
    """One row per calcification of a label map, in the order of their ids.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
    mammogram, breast
    measurements : DataFrame
        The selector's measurements, one row per calcification, in the order of the ids.
    probabilities : float array, shape (calcifications,)
    places : (rows, columns), optional
        Where ``labels`` is not 0, when that is known: a large image need not be looked through.

    Returns
    -------
    DataFrame
        Columns as in :class:`~MicrocalcAILib.analysis.Analysis`, without ``cluster_id``.
    """
    rows, columns = np.nonzero(labels) if places is None else places
    ids, index, counts = np.unique(labels[rows, columns], return_inverse=True, return_counts=True)
    row_mm, column_mm = mammogram.spacing_mm
    center_row = np.bincount(index, rows, minlength=len(ids)) / counts
    center_column = np.bincount(index, columns, minlength=len(ids)) / counts
    table = pd.DataFrame(
        {
            "id": ids.astype(np.int64),
            "row": center_row,
            "column": center_column,
            "x_mm": center_column * column_mm,
            "y_mm": center_row * row_mm,
            "row_min": _extreme(np.minimum, index, rows, len(ids), labels.shape[0]),
            "row_max": _extreme(np.maximum, index, rows, len(ids), -1),
            "column_min": _extreme(np.minimum, index, columns, len(ids), labels.shape[1]),
            "column_max": _extreme(np.maximum, index, columns, len(ids), -1),
            "area_mm2": counts * row_mm * column_mm,
        }
    )
    table["diameter_mm"] = 2 * np.sqrt(table["area_mm2"] / np.pi)
    for name in _REPORTED_MEASUREMENTS:
        table[name] = measurements[name].to_numpy()
    table["probability"] = probabilities
    centers = (table["row"].round().astype(int), table["column"].round().astype(int))
    table["in_pectoral_muscle"] = False if breast.pectoral_muscle is None else breast.pectoral_muscle[centers]
    table["source"] = MACHINE
    return table


def describe_clusters(calcifications: pd.DataFrame, spacing_mm: tuple[float, float]) -> pd.DataFrame:
    """One row per cluster of a calcification table (``cluster_id`` above 0), in the order of their ids."""
    numbers = calcifications["cluster_id"].to_numpy()
    columns = {name: calcifications[name].to_numpy(np.float64) for name in _OF_MEMBERS}
    clusters = []
    for number in range(1, int(numbers.max(initial=0)) + 1):
        own = numbers == number
        clusters.append(_describe_cluster(number, {name: values[own] for name, values in columns.items()}, spacing_mm))
    names = _describe_cluster(1, dict.fromkeys(_OF_MEMBERS, np.ones(1)), spacing_mm).keys()
    return pd.DataFrame(clusters, columns=list(names))


def _describe_cluster(
    number: int, members: dict[str, NDArray[np.float64]], spacing_mm: tuple[float, float]
) -> dict[str, object]:
    row, column = float(members["row"].mean()), float(members["column"].mean())
    centers_mm = np.column_stack((members["x_mm"], members["y_mm"]))
    return {
        "id": number,
        "name": f"Cluster {number}",
        "count": len(centers_mm),
        "row": row,
        "column": column,
        "x_mm": column * spacing_mm[1],
        "y_mm": row * spacing_mm[0],
        "row_min": int(members["row_min"].min()),
        "row_max": int(members["row_max"].max()),
        "column_min": int(members["column_min"].min()),
        "column_max": int(members["column_max"].max()),
        "extent_mm": _largest_distance(centers_mm),
        "area_mm2": _hull_area(centers_mm),
        "mean_probability": float(members["probability"].mean()),
        "in_pectoral_muscle": int(members["in_pectoral_muscle"].sum()),
    }


def _extreme(
    function: np.ufunc, index: NDArray[np.intp], values: NDArray[np.intp], count: int, start: int
) -> NDArray[np.int64]:
    result = np.full(count, start, np.int64)
    function.at(result, index, values)
    return result


def _largest_distance(points_mm: NDArray[np.float64]) -> float:
    """Greatest distance between two centers; 0 for one."""
    return float(pdist(points_mm).max()) if len(points_mm) > 1 else 0.0


def _hull_area(points_mm: NDArray[np.float64]) -> float:
    """Area of the convex hull of the centers; 0 when they lie on one line."""
    if len(points_mm) < 3:
        return 0.0
    try:
        return float(ConvexHull(points_mm).volume)
    except QhullError:
        return 0.0
