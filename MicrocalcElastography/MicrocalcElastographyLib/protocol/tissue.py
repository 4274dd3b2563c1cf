"""Checks of what lies in the measured regions: void, saturation, pressure, calcification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..elastogram import Unit
from ..measurement import LesionMeasurement, RegionStatistics
from .check import Check, ProtocolParameters, Status

_SPECK_DEVIATIONS = 4.0


def check_void_and_saturation(measurement: LesionMeasurement, limits: ProtocolParameters) -> list[Check]:
    """Shares without a value and at an end of the scale, of lesion, measurement box and fat."""
    found: dict[str, RegionStatistics | None] = {
        "lesion": measurement.lesion_statistics,
        "measurement box": measurement.box_statistics,
        "fat region": measurement.fat_statistics,
    }
    checks = []
    for name, statistics in found.items():
        if statistics is None:
            continue
        code, share = name.replace(" ", "-"), statistics.void_share
        checks.append(
            Check(
                f"{code}-void",
                f"Void in the {name}",
                Status.PASS if share <= limits.void_share else Status.WARN,
                100.0 * share,
                "%",
                f"≤ {limits.void_share:.0%}",
                f"{share:.0%} of the {name} carries no value.",
            )
        )
        saturated, limit = statistics.saturated_share, f"≤ {limits.saturated_share:.0%}"
        title = f"Saturation in the {name}"
        if saturated is None:
            message = "The map has no scale or the region no value."
            checks.append(Check(f"{code}-saturation", title, Status.CANNOT_TELL, None, "%", limit, message))
            continue
        status = Status.PASS if saturated <= limits.saturated_share else Status.WARN
        message = f"{saturated:.0%} of the {name} lies at an end of the scale."
        checks.append(Check(f"{code}-saturation", title, status, 100.0 * saturated, "%", limit, message))
    return checks


def check_precompression(level: float | None, limits: ProtocolParameters) -> Check:
    """The level the examiner entered."""
    low, high = limits.lowest_precompression, limits.highest_precompression
    title, limit = "Minimal precompression", f"level {low:g} to {high:g}"
    if level is None:
        message = "The precompression was not entered; it cannot be seen in the picture."
        return Check("precompression", title, Status.CANNOT_TELL, None, "", limit, message)
    status = Status.PASS if low <= level <= high else Status.WARN
    return Check("precompression", title, status, level, "", limit, f"Pressure indicator level {level:g} was entered.")


def check_fat_stiffness(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Fat that measures stiff was probably compressed."""
    title, limit = "Fat not stiffened by pressure", f"≤ {limits.fat_kpa:g} kPa"
    fat = measurement.fat_statistics
    if fat is None or fat.mean is None or measurement.elastogram.unit != Unit.KILOPASCAL:
        return Check("fat-stiffness", title, Status.CANNOT_TELL, None, "kPa", limit, "No fat was measured in kPa.")
    status = Status.PASS if fat.mean <= limits.fat_kpa else Status.WARN
    return Check(
        "fat-stiffness",
        title,
        status,
        fat.mean,
        "kPa",
        limit,
        f"The fat region measures {fat.mean:.1f} kPa on average.",
    )


def check_calcification(measurement: LesionMeasurement, limits: ProtocolParameters) -> Check:
    """Calcification is stiff itself: under the box it makes soft tissue look stiff."""
    code, title = "calcification", "No calcification under the measurement box"
    limit = f"≤ {limits.calcification_share:.0%}"
    box, marked = measurement.box, measurement.regions.calcification
    if box is None:
        return Check(code, title, Status.CANNOT_TELL, None, "%", limit, "There is no measurement box.")
    if marked is not None:
        share = float(marked.in_box(measurement.elastogram)[box.mask].mean())
        covers = share > limits.calcification_share
        message = f"Marked calcification covers {share:.0%} of the measurement box"
        message += "; the stiffness may be that of the calcification." if covers else "."
        return Check(code, title, Status.WARN if covers else Status.PASS, 100.0 * share, "%", limit, message)
    specks = _bright_specks(measurement)
    if specks is None:
        message = "No calcification was marked and there is no B-mode image to look for bright specks."
        return Check(code, title, Status.CANNOT_TELL, None, "%", limit, message)
    share = float(specks[box.mask].mean())
    limit = f"bright specks ≤ {limits.speck_share:.0%}"
    if share > limits.speck_share:
        message = f"Bright specks of the B-mode image cover {share:.0%} of the measurement box; if they are "
        message += "calcifications, the stiffness may be theirs."
        return Check(code, title, Status.WARN, 100.0 * share, "%", limit, message)
    message = "No bright specks stand out under the measurement box, but fine calcification can be invisible; mark it."
    return Check(code, title, Status.CANNOT_TELL, 100.0 * share, "%", limit, message)


def _bright_specks(measurement: LesionMeasurement) -> NDArray[np.bool_] | None:
    """Pixels that stand out of the lesion's B-mode image by four robust standard deviations."""
    b_mode = measurement.elastogram.b_mode
    if b_mode is None:
        return None
    gray = b_mode.astype(np.float64)
    inside = gray[measurement.regions.lesion.in_box(measurement.elastogram)]
    median = float(np.median(inside))
    spread = 1.4826 * float(np.median(np.abs(inside - median)))
    specks: NDArray[np.bool_] = gray > median + _SPECK_DEVIATIONS * max(spread, 1.0)
    return specks
