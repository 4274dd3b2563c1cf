"""Features of every cluster: topology, distribution, and what its calcifications look like together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from .aggregation import Aggregation
from .distribution import DISTRIBUTION_FEATURES, distribution_features, outline_corners_mm
from .regions import calcification_regions, ids_and_boxes, outlines
from .topology import TOPOLOGY_FEATURES, meeting_scales, topology_features


def cluster_features(
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    spacing_mm: tuple[float, float],
    features: pd.DataFrame | None = None,
    aggregation: Aggregation | None = None,
    nipple: tuple[float, float] | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """A fixed number of features for each cluster, whatever the number of its calcifications.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
        0, or the id of a calcification.
    calcifications : DataFrame
        Columns ``id``, ``cluster_id`` (0: in no cluster), ``row``, ``column``, ``area_mm2``, ``row_min``, ``row_max``,
        ``column_min``, ``column_max``.
    spacing_mm : (float, float)
    features : DataFrame, optional
        From :func:`~MicrocalcAILib.features.calcification_features`, index ``id``; needed for ``aggregation``.
    aggregation : Aggregation, optional
        How the calcifications' features are put together; without it only topology and distribution are returned.
    nipple : (float, float), optional
        Row and column; see :func:`~MicrocalcAILib.features.estimate_nipple`.
    progress : callable, optional

    Returns
    -------
    DataFrame
        Index ``cluster_id``, ascending, without 0. Columns: distribution, topology, aggregation, as explained by
        :func:`~MicrocalcAILib.features.feature_catalogue`. Defined from one calcification on; NaN only in the
        ``nipple_`` columns when the nipple is not given.

    Raises
    ------
    ParameterError
        When the table does not fit the label map, or ``features`` is needed and missing.
    ModelError
        When ``features`` lacks what the aggregation was fitted with.
    """
    members = calcifications[calcifications["cluster_id"] > 0]
    ids, boxes = ids_and_boxes(members)
    outline = outlines(calcification_regions(np.require(labels, np.int32, ["C", "W"]), ids, boxes))
    scales = meeting_scales(outline, spacing_mm)
    centers_mm = members[["row", "column"]].to_numpy(np.float64) * spacing_mm
    areas_mm2 = members["area_mm2"].to_numpy(np.float64)
    nipple_mm = None if nipple is None else np.asarray(nipple, np.float64) * spacing_mm
    numbers = members["cluster_id"].to_numpy(np.int64)
    clusters = np.unique(numbers)
    values = np.empty((len(clusters), len(DISTRIBUTION_FEATURES) + len(TOPOLOGY_FEATURES)))
    for position, cluster in enumerate(clusters):
        progress("cluster features", position, len(clusters))
        index = np.flatnonzero(numbers == cluster)
        corners_mm = outline_corners_mm(outline, index, spacing_mm)
        values[position, : len(DISTRIBUTION_FEATURES)] = distribution_features(
            centers_mm[index], areas_mm2[index], corners_mm, nipple_mm
        )
        values[position, len(DISTRIBUTION_FEATURES) :] = topology_features(scales[np.ix_(index, index)])
    columns = [*(f"distribution_{name}" for name in DISTRIBUTION_FEATURES), *TOPOLOGY_FEATURES]
    table = pd.DataFrame(values, columns=columns, index=pd.Index(clusters, name="cluster_id"))
    if aggregation is None:
        return table
    if features is None:
        raise ParameterError(
            "The aggregation needs the calcifications' features; give those of calcification_features."
        )
    return pd.concat([table, aggregation.transform(features.loc[ids], numbers)], axis=1)
