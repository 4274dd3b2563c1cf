"""The tables of an analysis: one row per calcification, one row per cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
REPORTED_MEASUREMENTS = ("contrast_to_noise", "response", "edge_distance_mm")


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
    columns = calcification_geometry(labels, mammogram, breast, places)
    in_muscle = columns.pop("in_pectoral_muscle")
    measured = {name: measurements[name].to_numpy() for name in REPORTED_MEASUREMENTS}
    judged = {"probability": probabilities, "in_pectoral_muscle": in_muscle, "source": MACHINE}
    return pd.DataFrame(columns | measured | judged)


def calcification_geometry(
    labels: NDArray[np.int32],
    mammogram: Mammogram,
    breast: BreastRegion,
    places: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> dict[str, NDArray[Any]]:
    """The columns of :func:`describe_calcifications` that follow from the outlines alone; parameters as there."""
    rows, columns = _places_of(labels) if places is None else places
    ids, index, counts = np.unique(labels[rows, columns], return_inverse=True, return_counts=True)
    row_mm, column_mm = mammogram.spacing_mm
    order = np.argsort(index, kind="stable")
    starts = np.cumsum(counts) - counts
    rows, columns = rows[order].astype(np.int64), columns[order].astype(np.int64)
    each = [
        function.reduceat(values, starts) if len(ids) else np.zeros(0, np.int64)
        for values in (rows, columns)
        for function in (np.add, np.minimum, np.maximum)
    ]
    center_row, center_column = each[0] / counts, each[3] / counts
    area_mm2 = counts * row_mm * column_mm
    centers = (center_row.round().astype(int), center_column.round().astype(int))
    muscle = breast.pectoral_muscle
    return {
        "id": ids.astype(np.int64),
        "row": center_row,
        "column": center_column,
        "x_mm": center_column * column_mm,
        "y_mm": center_row * row_mm,
        "row_min": each[1],
        "row_max": each[2],
        "column_min": each[4],
        "column_max": each[5],
        "area_mm2": area_mm2,
        "diameter_mm": 2 * np.sqrt(area_mm2 / np.pi),
        "in_pectoral_muscle": np.zeros(len(ids), np.bool_) if muscle is None else muscle[centers],
    }


def _places_of(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of what is not 0; looked for in the few rows that hold anything, which is ten times as fast."""
    filled = np.flatnonzero(labels.any(axis=1))
    rows, columns = np.nonzero(labels[filled])
    return filled[rows], columns


def describe_clusters(calcifications: pd.DataFrame, spacing_mm: tuple[float, float]) -> pd.DataFrame:
    """One row per cluster of a calcification table (``cluster_id`` above 0), in the order of their ids."""
    columns = {name: calcifications[name].to_numpy() for name in ("cluster_id", *_OF_MEMBERS)}
    return pd.DataFrame(cluster_columns(columns, spacing_mm))


def cluster_columns(
    calcifications: Mapping[str, NDArray[Any]], spacing_mm: tuple[float, float]
) -> dict[str, NDArray[Any]]:
    """As :func:`describe_clusters`, from the columns of a table to the columns of a table."""
    numbers = calcifications["cluster_id"]
    members = {name: calcifications[name].astype(np.float64) for name in _OF_MEMBERS}
    rows = []
    for number in range(1, int(numbers.max(initial=0)) + 1):
        own = numbers == number
        rows.append(_describe_cluster(number, {name: values[own] for name, values in members.items()}, spacing_mm))
    example = _describe_cluster(1, dict.fromkeys(_OF_MEMBERS, np.ones(1)), spacing_mm)
    kinds = {name: object if isinstance(value, str) else type(value) for name, value in example.items()}
    return {name: np.array([row[name] for row in rows], kind) for name, kind in kinds.items()}


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
