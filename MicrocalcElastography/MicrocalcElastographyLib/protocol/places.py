"""Checks of where things lie: margin of the box, distance from skin and chest wall, depth of the fat."""

from __future__ import annotations

import numpy as np

from ..elastogram import Elastogram
from ..geometry import Rectangle
from ..measurement import LesionMeasurement, Region
from ..measurement.regions import bounds_of, box_of, gaps_mm, image_shape, origin_px, spacing_of
from .check import Check, ProtocolParameters, Status


def check_box_margin(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Margin of the elastography box around the lesion; half a pixel short still passes."""
    elastogram = measurement.elastogram
    box, place = elastogram.box or _valid_part(elastogram), measurement.regions.lesion.bounds
    row_mm, column_mm = spacing_of(elastogram)
    margins = {
        "above": (place.top - box.top) * row_mm,
        "below": (box.bottom - place.bottom) * row_mm,
        "left of": (place.left - box.left) * column_mm,
        "right of": (box.right - place.right) * column_mm,
    }
    side, margin = min(margins.items(), key=lambda item: item[1])
    wide = margin >= limits.box_margin_mm - 0.5 * max(row_mm, column_mm)
    message = f"The elastography box reaches {max(margin, 0.0):.1f} mm beyond the lesion ({side} it)."
    if margin < 0:
        message = f"The lesion reaches {-margin:.1f} mm out of the elastography box ({side} it)."
    return Check(
        "box-margin",
        "Elastography box around the lesion",
        Status.PASS if wide else Status.WARN,
        margin,
        "mm",
        f"≥ {limits.box_margin_mm:g} mm",
        message,
    )


def check_distances(measurement: LesionMeasurement, limits: ProtocolParameters) -> tuple[Check, Check]:
    """Smallest distance of any measured region from skin and chest wall; the skin's surface is that of the probe."""
    measured, regions = _measured(measurement), measurement.regions
    return (
        _check_distance(measurement, measured, "skin", regions.skin, limits),
        _check_distance(measurement, measured, "chest wall", regions.chest_wall, limits),
    )


def _check_distance(
    measurement: LesionMeasurement,
    measured: dict[str, Region],
    name: str,
    boundary: Region | None,
    limits: ProtocolParameters,
) -> Check:
    elastogram = measurement.elastogram
    code, title = f"{name.replace(' ', '-')}-distance", f"Distance from the {name}"
    limit = f"≥ {limits.boundary_mm:g} mm"
    spacing = spacing_of(elastogram)
    if boundary is not None:
        distances = dict(zip(measured, gaps_mm(boundary, measured.values(), spacing), strict=True))
    elif name == "skin" and elastogram.panel is not None:
        surface = origin_px(elastogram)[0]
        distances = {words: max(region.bounds.top - surface, 0) * spacing[0] for words, region in measured.items()}
    else:
        message = f"The {name} was not marked."
        return Check(code, title, Status.CANNOT_TELL, None, "mm", limit, message)
    nearest, words = min((distance, words) for words, distance in distances.items())
    status = Status.PASS if nearest >= limits.boundary_mm else Status.WARN
    where = "" if boundary is not None else " surface (the probe)"
    message = f"The {words} lies {nearest:.1f} mm from the {name}{where}."
    return Check(code, title, status, nearest, "mm", limit, message)


def check_fat_depth(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Difference of the middle depths of fat and lesion."""
    code, title, limit = "fat-depth", "Fat at the depth of the lesion", f"≤ {limits.depth_difference_mm:g} mm apart"
    if measurement.regions.fat is None:
        return Check(code, title, Status.CANNOT_TELL, None, "mm", limit, "No fat region was drawn.")
    fat, lesion = measurement.regions.fat.bounds, measurement.regions.lesion.bounds
    difference = abs(fat.center[0] - lesion.center[0]) * spacing_of(measurement.elastogram)[0]
    status = Status.PASS if difference <= limits.depth_difference_mm else Status.WARN
    message = f"The middle of the fat region lies {difference:.1f} mm higher or lower than that of the lesion."
    return Check(code, title, status, float(difference), "mm", limit, message)


def _measured(measurement: LesionMeasurement) -> dict[str, Region]:
    """The regions numbers come from, on the whole image."""
    measured = {"lesion": measurement.regions.lesion}
    if measurement.regions.fat is not None:
        measured["fat region"] = measurement.regions.fat
    if measurement.box is not None:
        mask = np.zeros(image_shape(measurement.elastogram), dtype=bool)
        mask[box_of(measurement.elastogram).slices] = measurement.box.mask
        measured["measurement box"] = Region(mask, "measurement box")
    return measured


def _valid_part(elastogram: Elastogram) -> Rectangle:
    """The part of a map of values that carries any; the box of a map that is larger than its box."""
    return bounds_of(elastogram.valid) if elastogram.valid.any() else box_of(elastogram)
