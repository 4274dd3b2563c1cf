"""What a reader looks at in a single calcification: size, form, contrast, margin, lucent center, course."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize

from ..features.regions import calcification_regions
from ..features.shapes import Geometry

# name -> unit, meaning
SPECK_MEASUREMENTS = {
    "length_mm": ("mm", "greatest diameter"),
    "width_mm": ("mm", "diameter of the largest circle inside"),
    "aspect": ("", "length / width (1 round)"),
    "solidity": ("", "area / area of the convex hull (1 without notches)"),
    "contrast": ("", "(mean inside − median around) / noise around"),
    "sharpness_per_mm": ("1/mm", "mean gradient at the margin / contrast in gray values"),
    "unevenness": ("", "standard deviation inside / contrast in gray values"),
    "peakedness": ("", "(brightest pixel − median around) / (mean inside − median around) (flat 1, hazy above 2)"),
    "lucency": ("", "(mean of the outer half − mean of the inner half) / contrast (above 0: lucent center)"),
    "ends": ("", "number of ends of the middle line (2 a line, 3 or more branched)"),
    "winding": ("", "length of the middle line / greatest diameter"),
    "top_heaviness": (
        "",
        "how far the centroid lies above the middle, / height (flat upper edge, round lower: above 0)",
    ),
    "direction": ("rad", "angle of the long axis, 0 along the columns, growing downward, −π/2 to π/2"),
}
_AROUND_MM = (0.15, 0.7)  # the ring around a calcification that its contrast is measured against
_SMALLEST_NOISE = 1e-6


def speck_measurements(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    spacing_mm: tuple[float, float],
) -> pd.DataFrame:
    """Measurements of every calcification of a table; finite for each, also of one pixel.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
    labels : int32 array, shape (rows, columns)
        0, or the id of a calcification.
    calcifications : DataFrame
        Columns ``id``, ``row_min``, ``row_max``, ``column_min``, ``column_max`` (inclusive).
    spacing_mm : (float, float)

    Returns
    -------
    DataFrame
        Index ``id``, columns ``SPECK_MEASUREMENTS``.
    """
    ids = calcifications["id"].to_numpy(np.int64)
    boxes = calcifications[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    table = pd.DataFrame(
        np.zeros((len(ids), len(SPECK_MEASUREMENTS))), index=pd.Index(ids, name="id"), columns=list(SPECK_MEASUREMENTS)
    )
    if not len(ids):
        return table
    geometry = Geometry(calcification_regions(labels, ids, boxes), spacing_mm)
    table["length_mm"] = geometry.diameter_mm
    table["solidity"] = geometry.area_mm2 / geometry.convex_area_mm2
    table["direction"] = 0.5 * np.arctan2(2 * geometry.covariance, geometry.column_variance - geometry.row_variance)
    names = [
        "width_mm",
        "contrast",
        "sharpness_per_mm",
        "unevenness",
        "peakedness",
        "lucency",
        "ends",
        "winding",
        "top_heaviness",
    ]
    table[names] = [
        _appearance(pixels, labels, identifier, box, spacing_mm) for identifier, box in zip(ids, boxes, strict=True)
    ]
    table["aspect"] = table["length_mm"] / table["width_mm"]
    table["winding"] /= table["length_mm"]
    return table


def _appearance(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    identifier: int,
    box: NDArray[np.int64],
    spacing_mm: tuple[float, float],
) -> tuple[float, ...]:
    margins = [int(np.ceil(_AROUND_MM[1] / length)) + 1 for length in spacing_mm]
    top, bottom = max(box[0] - margins[0], 0), min(box[1] + margins[0] + 1, labels.shape[0])
    left, right = max(box[2] - margins[1], 0), min(box[3] + margins[1] + 1, labels.shape[1])
    window, own_labels = pixels[top:bottom, left:right].astype(np.float64), labels[top:bottom, left:right]
    speck = own_labels == identifier
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    depth = distance_transform_edt(np.pad(speck, 1), sampling=spacing_mm)[1:-1, 1:-1]
    outside = distance_transform_edt(~speck, sampling=spacing_mm)
    around = window[(outside > _AROUND_MM[0]) & (outside <= _AROUND_MM[1]) & (own_labels == 0)]
    inside = window[speck]
    background = float(np.median(around)) if around.size else float(inside.min())
    noise = 1.4826 * float(np.median(np.abs(around - background))) if around.size else 0.0
    contrast = float(inside.mean()) - background
    scale = max(abs(contrast), _SMALLEST_NOISE)
    margin = speck & (depth <= 1.01 * max(spacing_mm))
    gradient = np.hypot(*np.gradient(window, *spacing_mm))[margin].mean() if min(window.shape) > 1 else 0.0
    inner = speck & (depth > 0.5 * depth.max() + 0.25 * pixel_mm)
    outer = speck & ~inner & ~margin
    if not outer.any():
        outer = margin
    lucency = (window[outer].mean() - window[inner].mean()) / scale if inner.any() and (speck & ~inner).any() else 0.0
    line = skeletonize(speck) if speck.sum() > 2 else speck
    ends, line_mm = _middle_line(line, pixel_mm)
    rows = np.nonzero(speck)[0]
    height = rows.max() - rows.min() + 1
    return (
        max(2 * float(depth.max()) - pixel_mm, pixel_mm),
        contrast / max(noise, _SMALLEST_NOISE * max(abs(background), 1.0)),
        float(gradient) / scale,
        float(inside.std()) / scale,
        min((float(inside.max()) - background) / scale, 10.0),
        float(lucency),
        ends,
        line_mm,
        float((rows.max() + rows.min()) / 2 - rows.mean()) / height,
    )


def _middle_line(line: NDArray[np.bool_], pixel_mm: float) -> tuple[int, float]:
    """Ends and length of a line one pixel wide; a single pixel has one end and its own width."""
    points = np.argwhere(line)
    if len(points) == 0:
        return 1, pixel_mm
    steps = np.abs(points[:, None] - points[None]).max(axis=2) if len(points) <= 400 else None
    if steps is None:  # a very large body: its middle line tells nothing about branches
        return 2, len(points) * pixel_mm
    neighbors = (steps == 1).sum(axis=1)
    straight = (np.abs(points[:, None] - points[None]).sum(axis=2) == 1).sum() / 2
    links = (steps == 1).sum() / 2
    return max(int((neighbors <= 1).sum()), 1), float((straight + np.sqrt(2) * (links - straight) + 1) * pixel_mm)
