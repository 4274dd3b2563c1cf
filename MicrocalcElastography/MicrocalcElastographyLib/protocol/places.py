"""Checks of where things lie: margin of the box, distance from skin and chest wall, depth of the fat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..elastogram import Elastogram
from ..geometry import Rectangle
from ..measurement import LesionMeasurement, Region
from ..measurement.regions import box_of, gap_mm, image_shape, origin_px, spacing_of
from .check import Check, ProtocolParameters, Status


def check_box_margin(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Margin of the elastography box around the lesion; half a pixel short still passes."""
    elastogram = measurement.elastogram
    box, place = elastogram.box or _valid_part(elastogram), _bounds(measurement.regions.lesion.mask)
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


def check_distance(
    measurement: LesionMeasurement, name: str, boundary: Region | None, limits: ProtocolParameters
) -> Check:
    """Smallest distance of any measured region from skin or chest wall; the skin's surface is that of the probe."""
    elastogram = measurement.elastogram
    code, title = f"{name.replace(' ', '-')}-distance", f"Distance from the {name}"
    limit = f"≥ {limits.boundary_mm:g} mm"
    spacing = spacing_of(elastogram)
    if boundary is not None:
        distances = {words: gap_mm(boundary.mask, mask, spacing) for words, mask in _measured(measurement).items()}
    elif name == "skin" and elastogram.panel is not None:
        surface = origin_px(elastogram)[0]
        distances = {
            words: max(_bounds(mask).top - surface, 0) * spacing[0] for words, mask in _measured(measurement).items()
        }
    else:
        message = f"The {name} was not marked."
        return Check(code, title, Status.CANNOT_TELL, None, "mm", limit, message)
    nearest, region = min((distance, words) for words, distance in distances.items())
    status = Status.PASS if nearest >= limits.boundary_mm else Status.WARN
    where = "" if boundary is not None else " surface (the probe)"
    message = f"The {region} lies {nearest:.1f} mm from the {name}{where}."
    return Check(code, title, status, nearest, "mm", limit, message)


def check_fat_depth(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Difference of the middle depths of fat and lesion."""
    code, title, limit = "fat-depth", "Fat at the depth of the lesion", f"≤ {limits.depth_difference_mm:g} mm apart"
    if measurement.regions.fat is None:
        return Check(code, title, Status.CANNOT_TELL, None, "mm", limit, "No fat region was drawn.")
    fat, lesion = (
        np.flatnonzero(region.mask.any(axis=1)) for region in (measurement.regions.fat, measurement.regions.lesion)
    )
    row_mm = spacing_of(measurement.elastogram)[0]
    difference = abs(fat[0] + fat[-1] - lesion[0] - lesion[-1]) / 2 * row_mm
    status = Status.PASS if difference <= limits.depth_difference_mm else Status.WARN
    message = f"The middle of the fat region lies {difference:.1f} mm higher or lower than that of the lesion."
    return Check(code, title, status, float(difference), "mm", limit, message)


def _measured(measurement: LesionMeasurement) -> dict[str, NDArray[np.bool_]]:
    """The regions numbers come from, on the whole image."""
    measured = {"lesion": measurement.regions.lesion.mask}
    if measurement.regions.fat is not None:
        measured["fat region"] = measurement.regions.fat.mask
    if measurement.box is not None:
        mask = np.zeros(image_shape(measurement.elastogram), dtype=bool)
        mask[box_of(measurement.elastogram).slices] = measurement.box.mask
        measured["measurement box"] = mask
    return measured


def _valid_part(elastogram: Elastogram) -> Rectangle:
    """The part of a map of values that carries any; the box of a map that is larger than its box."""
    return _bounds(elastogram.valid) if elastogram.valid.any() else box_of(elastogram)


def _bounds(mask: NDArray[np.bool_]) -> Rectangle:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Rectangle(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
