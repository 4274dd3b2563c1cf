"""Features of every calcification of an image: radiomics inside and around it, and its region properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from .intensities import FIRST_ORDER_FEATURES, center_and_spread
from .radiomics import RADIOMICS_FEATURES, FeatureSettings, radiomics_features
from .regions import calcification_regions, ids_and_boxes, surrounding_regions
from .shapes import REGION_PROPERTIES, Geometry

CALCIFICATION_FEATURES = (
    *(f"foreground_{name}" for name in RADIOMICS_FEATURES),
    *(f"region_{name}" for name in REGION_PROPERTIES),
    *(f"background_{name}" for name in RADIOMICS_FEATURES),
)
_BATCH = 512  # bounds the memory for the windows


def calcification_features(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    spacing_mm: tuple[float, float],
    settings: FeatureSettings | None = None,
    tissue: NDArray[np.bool_] | None = None,
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Radiomics of each calcification and of its surroundings, and its region properties.

    The surroundings of a calcification are the pixels within ``settings.surroundings_mm`` of its outline that belong to
    no calcification: its own pixels and those of all others are left out.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
    labels : int32 array, shape (rows, columns)
        0, or the id of a calcification.
    calcifications : DataFrame
        Columns ``id``, ``row_min``, ``row_max``, ``column_min``, ``column_max`` (inclusive).
    spacing_mm : (float, float)
        Distance between rows, between columns.
    settings : FeatureSettings, optional
    tissue : bool array, shape (rows, columns), optional
        Where there is breast; surroundings end at its edge.
    progress : callable, optional

    Returns
    -------
    DataFrame
        Index ``id``, columns ``CALCIFICATION_FEATURES`` (217), explained by
        :func:`~MicrocalcAILib.features.feature_catalogue`. Defined for every calcification, also of one pixel; NaN only
        in the ``background_`` columns of one that has no surroundings at all.

    Raises
    ------
    ParameterError
        When the table does not fit the label map, or the pixel values are not usable.
    """
    settings = settings or FeatureSettings()
    if pixels.shape != labels.shape or (tissue is not None and tissue.shape != labels.shape):
        raise ParameterError("Image, label map and breast mask need the same number of rows and columns.")
    # One memory layout, whatever came in: kernels are compiled anew for every other.
    pixels, labels = np.require(pixels, np.float32, ["C", "W"]), np.require(labels, np.int32, ["C", "W"])
    tissue = None if tissue is None else np.require(tissue, np.bool_, ["C", "W"])
    ids, boxes = ids_and_boxes(calcifications)
    values = np.empty((len(ids), len(CALCIFICATION_FEATURES)))
    for start in range(0, len(ids), _BATCH):
        progress("features", start, len(ids))
        part = slice(start, start + _BATCH)
        values[part] = _features(pixels, labels, ids[part], boxes[part], spacing_mm, settings, tissue)
    return pd.DataFrame(values, columns=list(CALCIFICATION_FEATURES), index=pd.Index(ids, name="id"))


def _features(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    ids: NDArray[np.int64],
    boxes: NDArray[np.int64],
    spacing_mm: tuple[float, float],
    settings: FeatureSettings,
    tissue: NDArray[np.bool_] | None,
) -> NDArray[np.float64]:
    foreground = calcification_regions(labels, ids, boxes)
    background = surrounding_regions(labels, ids, boxes, spacing_mm, settings.surroundings_mm, tissue)
    if settings.gray_scale == "surroundings":
        centers, spreads = center_and_spread(pixels, background)
    else:
        centers, spreads = np.zeros(len(ids)), np.ones(len(ids))
    outline, ring = Geometry(foreground, spacing_mm), Geometry(background, spacing_mm)
    inside = radiomics_features(pixels, foreground, outline, centers, spreads, spacing_mm, settings)
    around = radiomics_features(pixels, background, ring, centers, spreads, spacing_mm, settings)
    box_pixels = (boxes[:, 1] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 2] + 1)
    maximum, mean, minimum = (inside[:, FIRST_ORDER_FEATURES.index(name)] for name in ("Maximum", "Mean", "Minimum"))
    region = outline.region_properties(box_pixels * spacing_mm[0] * spacing_mm[1], maximum, mean, minimum)
    return np.hstack((inside, region, around))
