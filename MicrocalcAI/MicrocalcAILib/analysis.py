"""The result of analyzing one mammogram: label map, tables, warnings, provenance. Saved to a folder, loaded from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import WarningRecord

SINGLES = 0  # cluster_id of calcifications that belong to no cluster


@dataclass(frozen=True)
class Analysis:
    """Everything found in one mammogram.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
        0 where there is no calcification, else the calcification's ``id``.
    calcifications : DataFrame
        One row per calcification: ``id``, ``cluster_id`` (0: single), ``row`` and ``column`` of the center (pixels),
        ``x_mm``, ``y_mm`` (from the center of pixel (0, 0), right and down), ``row_min``, ``row_max``, ``column_min``,
        ``column_max`` (inclusive), ``area_mm2``, ``contrast_to_noise``, ``probability``, ``in_pectoral_muscle`` ….
    clusters : DataFrame
        One row per cluster: ``id`` (1, 2, …), ``name`` (``Cluster 1``), ``count``, ``row``, ``column``, ``x_mm``,
        ``y_mm``, bounding box as above, ``extent_mm``, ``area_mm2`` (convex hull), ``mean_probability`` ….
    spacing_mm, origin_lps_mm, direction_lps
        Geometry as in :class:`~MicrocalcAILib.mammogram.Mammogram`.
    breast_area_cm2 : float
    warnings : tuple of WarningRecord
    provenance : dict
        Versions, parameters, models with their SHA-256, input digest, timings. JSON-ready.
    """

    labels: NDArray[np.int32]
    calcifications: pd.DataFrame
    clusters: pd.DataFrame
    spacing_mm: tuple[float, float]
    breast_area_cm2: float
    origin_lps_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction_lps: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    warnings: tuple[WarningRecord, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
