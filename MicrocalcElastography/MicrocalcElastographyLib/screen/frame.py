"""A captured ultrasound screen as it came out of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import WarningRecord

from ..geometry import Rectangle


@dataclass(frozen=True)
class UltrasoundRegion:
    """One item of the Sequence of Ultrasound Regions (0018,6011).

    ``spacing_mm`` is (row, column); None when the region is not calibrated in centimeters. ``is_image`` marks
    two-dimensional tissue or color images, ``is_color_bar`` a color bar.
    """

    place: Rectangle
    is_image: bool
    is_color_bar: bool
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True)
class ScreenFrame:
    """One frame in red, green, blue.

    Parameters
    ----------
    rgb : uint8 array, shape (rows, columns, 3)
    regions : tuple of UltrasoundRegion
        Empty for files that know nothing of regions.
    warnings : tuple of WarningRecord
    source : dict
        Kind and digest of the file, frame number …; JSON-ready, no patient data.
    spacing_mm : (float, float) or None
        Pixel Spacing (0028,0030) of a file, (row, column); it does not say for which part of the screen it holds.
    """

    rgb: NDArray[np.uint8]
    regions: tuple[UltrasoundRegion, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    spacing_mm: tuple[float, float] | None = None
