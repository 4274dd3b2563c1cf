"""A check of the protocol and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from MicrocalcAILib.base.parameters import check_range


class Status(StrEnum):
    """Result of a check."""

    PASS = "pass"
    WARN = "warn"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Check:
    """One rule of the protocol.

    Parameters
    ----------
    code : str
        Stable short name.
    title : str
        The rule in words.
    status : Status
    measured : float or None
        In ``unit``; None when it cannot be told.
    unit : str
    limit : str
        What would pass.
    message : str
        One sentence.
    """

    code: str
    title: str
    status: Status
    measured: float | None
    unit: str
    limit: str
    message: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(vars(self))


@dataclass(frozen=True)
class ProtocolParameters:
    """Limits of the protocol.

    Parameters
    ----------
    box_margin_mm : float
        Smallest margin of the elastography box around the lesion (Yan & Fang 2025: 5 mm).
    boundary_mm : float
        Smallest distance of measured regions from skin surface and chest wall (Yan & Fang 2025: 3 mm).
    depth_difference_mm : float
        Largest difference of the middle depths of lesion and fat. A choice: “the same depth” has no published number.
    void_share : float
        Largest share of a measured region without a value. A choice.
    saturated_share : float
        Largest share of a measured region at an end of the scale. A choice.
    repeats : int
        Acquisitions wanted (Yan & Fang 2025: 3).
    spread : float
        Largest interquartile range / median of the repeats: 30 %, the convention of liver elastography for kPa.
    lowest_precompression, highest_precompression : float
        Pressure indicator levels that are minimal (Yan & Fang 2025: 2 to 3).
    calcification_share : float
        Largest share of the measurement box that marked calcification may cover. A choice.
    speck_share : float
        Without marks: largest share of the measurement box that bright specks of the B-mode image may cover. A choice.
    fat_kpa : float
        Fat stiffer than this was probably compressed (Barr & Zhang 2012). A choice.
    """

    box_margin_mm: float = 5.0
    boundary_mm: float = 3.0
    depth_difference_mm: float = 5.0
    void_share: float = 0.1
    saturated_share: float = 0.05
    repeats: int = 3
    spread: float = 0.30
    lowest_precompression: float = 2.0
    highest_precompression: float = 3.0
    calcification_share: float = 0.05
    speck_share: float = 0.02
    fat_kpa: float = 30.0

    def __post_init__(self) -> None:
        for name in ("box_margin_mm", "boundary_mm", "depth_difference_mm"):
            check_range(name, getattr(self, name), 0.0, 50.0, "mm")
        for name in ("void_share", "saturated_share", "spread", "calcification_share", "speck_share"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("repeats", self.repeats, 1, 100)
        check_range("highest_precompression", self.highest_precompression, self.lowest_precompression, 100.0)
        check_range("fat_kpa", self.fat_kpa, 1.0, 300.0, "kPa")


USUAL_LIMITS = ProtocolParameters()
