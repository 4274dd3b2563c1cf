"""All checks of one acquisition."""

from __future__ import annotations

from ..measurement import LesionMeasurement
from .check import USUAL_LIMITS, Check, ProtocolParameters
from .places import check_box_margin, check_distances, check_fat_depth
from .tissue import check_calcification, check_fat_stiffness, check_precompression, check_void_and_saturation


def check_acquisition(
    measurement: LesionMeasurement,
    precompression: float | None = None,
    limits: ProtocolParameters = USUAL_LIMITS,
) -> tuple[Check, ...]:
    """Check one acquisition.

    Parameters
    ----------
    measurement : LesionMeasurement
    precompression : float or None
        Level of the scanner's pressure indicator that the examiner entered.
    limits : ProtocolParameters
    """
    return (
        check_box_margin(measurement, limits),
        *check_distances(measurement, limits),
        check_fat_depth(measurement, limits),
        *check_void_and_saturation(measurement, limits),
        check_precompression(precompression, limits),
        check_fat_stiffness(measurement, limits),
        check_calcification(measurement, limits),
    )
