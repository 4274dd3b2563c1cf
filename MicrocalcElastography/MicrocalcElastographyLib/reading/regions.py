"""The Sequence of Ultrasound Regions (0018,6011): where the panels of a DICOM frame lie and how large a pixel is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.reading.dicom_values import number, values

from ..geometry import Rectangle
from ..screen.frame import UltrasoundRegion

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_TWO_DIMENSIONAL = 1  # Region Spatial Format (0018,6012)
_TISSUE, _COLOR_FLOW = 1, 2  # Region Data Type (0018,6014); there is no elasticity type
_COLOR_BAR = 0x0E
_CENTIMETERS = 3  # Physical Units (0018,6024), (0018,6026)
_CORNERS = ("RegionLocationMinY0", "RegionLocationMinX0", "RegionLocationMaxY1", "RegionLocationMaxX1")


def regions_of(attributes: Dataset, shape: tuple[int, int]) -> tuple[tuple[UltrasoundRegion, ...], list[WarningRecord]]:
    """All regions that lie inside a frame of this shape (rows, columns), and a warning when some do not.

    Some scanners count the maximum from 1 or give the size instead: regions that stick out by one pixel are clipped.
    """
    regions, impossible = [], 0
    for item in values(attributes, "SequenceOfUltrasoundRegions"):
        corners = [number(item, keyword) for keyword in _CORNERS]
        if None in corners:
            impossible += 1
            continue
        top, left, bottom, right = (int(corner or 0) for corner in corners)
        # The maximum belongs to the region.
        rows, columns = shape
        place = Rectangle(top, left, bottom + (bottom < rows), right + (right < columns))
        if not place.inside_frame(*shape):
            impossible += 1
            continue
        data_type = number(item, "RegionDataType")
        regions.append(
            UltrasoundRegion(
                place=place,
                is_image=number(item, "RegionSpatialFormat") == _TWO_DIMENSIONAL
                and data_type in (_TISSUE, _COLOR_FLOW),
                is_color_bar=data_type == _COLOR_BAR,
                spacing_mm=_spacing_mm(item),
            )
        )
    warnings = []
    if impossible:
        warnings.append(
            WarningRecord(
                "ultrasound-region-impossible",
                f"{impossible} of the file's ultrasound regions lie outside the frame or have no place; "
                "they were left out.",
            )
        )
    return tuple(regions), warnings


def _spacing_mm(item: Dataset) -> tuple[float, float] | None:
    units = [number(item, f"PhysicalUnits{axis}Direction") for axis in "XY"]
    deltas = [number(item, f"PhysicalDelta{axis}") for axis in "YX"]
    if units != [_CENTIMETERS, _CENTIMETERS] or not all(deltas):
        return None
    row, column = (10.0 * abs(delta or 0.0) for delta in deltas)  # a delta is negative when the axis is turned
    return row, column
