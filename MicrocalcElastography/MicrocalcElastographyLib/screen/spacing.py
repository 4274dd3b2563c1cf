"""Pixel spacing from calibrated ultrasound regions."""

from __future__ import annotations

from MicrocalcAILib.base.errors import WarningRecord

from ..geometry import Rectangle
from .frame import UltrasoundRegion

_AGREEMENT = 0.01  # relative difference of spacings that counts as the same


def spacing_from_regions(
    regions: tuple[UltrasoundRegion, ...], box: Rectangle
) -> tuple[tuple[float, float] | None, list[WarningRecord]]:
    """Spacing (row, column) in mm of the calibrated image regions that hold the middle of the elastography box.

    When several hold it and disagree, the smallest is taken, with a warning.
    """
    row, column = (round(middle) for middle in box.center)
    middle = Rectangle(row, column, row + 1, column + 1)
    holding = sorted(
        (region for region in regions if region.is_image and region.spacing_mm and region.place.contains(middle)),
        key=lambda region: region.place.area,
    )
    spacings = [region.spacing_mm for region in holding if region.spacing_mm]
    if not spacings:
        return None, []
    first = spacings[0]
    agree = all(
        abs(mine / theirs - 1.0) <= _AGREEMENT for other in spacings for mine, theirs in zip(first, other, strict=True)
    )
    if agree:
        return first, []
    return first, [
        WarningRecord(
            "ultrasound-regions-disagree",
            "The ultrasound regions around the elastography box state different pixel sizes; the innermost was used, "
            "so check a known distance.",
        )
    ]
