"""Both breasts from the front with clock places, as SVG."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from ..exam.findings import Finding

RADIUS = 100.0
_RADIUS_MM = 75.0  # a breast's usual radius on the drawing


def schematic(laterality: str, findings: Sequence[Finding], oblique: Collection[str]) -> dict[str, Any]:
    """What the drawing of a breast holds: hours with their positions, and a dot or a band for each finding.

    Findings of two views are dots. Of a finding of one view only outer–inner (cranio-caudal) or upper–lower (oblique)
    is known: a band across the breast. ``oblique`` names the images in which up is upper.
    """
    hours = [
        {
            "text": str(hour),
            "x": round(1.13 * RADIUS * math.sin(math.radians(30 * hour)), 1),
            "y": round(-1.13 * RADIUS * math.cos(math.radians(30 * hour)) + 4, 1),
        }
        for hour in range(1, 13)
    ]
    dots, bands = [], []
    outward = 1.0 if laterality == "L" else -1.0  # the woman's left breast is at the viewer's right
    for finding in findings:
        if finding.laterality != laterality:
            continue
        if finding.clock is not None:
            x, y = _inside(outward * finding.clock.outer_mm, -finding.clock.upper_mm)
            dots.append({"number": finding.number, "x": x, "y": y})
            continue
        place = finding.marks[0].place
        if place is None or not place.half:
            continue
        along = float(min(max(place.across_mm / _RADIUS_MM, -0.9), 0.9)) * RADIUS
        half = math.sqrt(RADIUS**2 - along**2)
        if finding.marks[0].image in oblique:
            bands.append({"number": finding.number, "x1": -half, "y1": -along, "x2": half, "y2": -along})
        else:
            bands.append(
                {"number": finding.number, "x1": outward * along, "y1": -half, "x2": outward * along, "y2": half}
            )
    return {"laterality": laterality, "hours": hours, "dots": dots, "bands": bands}


def _inside(x_mm: float, y_mm: float) -> tuple[float, float]:
    """On the drawing; places beyond its rim are drawn on it."""
    size = math.hypot(x_mm, y_mm) / _RADIUS_MM
    factor = RADIUS / _RADIUS_MM / max(size / 0.92, 1.0)
    return round(factor * x_mm, 1), round(factor * y_mm, 1)
