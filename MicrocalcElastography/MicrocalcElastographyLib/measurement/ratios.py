"""Ratios of lesion and fat: stiffness from kPa, strain from strain, never one from the other."""

from __future__ import annotations

from MicrocalcAILib.base.errors import WarningRecord

from ..elastogram import Direction, Elastogram, Unit
from ..uncertainty import interval_of_ratio
from .statistics import RegionStatistics


class Ratios:
    """Ratios of lesion and fat, and what has to be said about them."""

    def __init__(
        self,
        elastogram: Elastogram,
        box: RegionStatistics | None,
        lesion: RegionStatistics,
        fat: RegionStatistics | None,
    ) -> None:
        self._elastogram, self._lesion, self._fat = elastogram, lesion, fat
        self.warnings: list[WarningRecord] = []
        measured = lesion if elastogram.unit == Unit.STRAIN else box
        for name, found in (("lesion" if measured is lesion else "measurement box", measured), ("fat", fat)):
            if found is not None and found.saturated_share:
                self.warnings.append(
                    WarningRecord(
                        "saturated",
                        f"{found.saturated_share:.0%} of the {name} lies at an end of the scale; the true value may "
                        "lie beyond, so mean, maximum and ratios are bounds.",
                    )
                )

    def stiffness_ratio(self, stiff: RegionStatistics | None) -> float | None:
        """Lesion / fat in kPa."""
        if self._elastogram.unit == Unit.STRAIN or stiff is None or self._fat is None:
            return None
        return self._quotient(stiff.mean, self._fat.mean)

    def stiffness_ratio_interval(self, stiff: RegionStatistics | None) -> tuple[float, float] | None:
        """95 % interval of lesion / fat; None where either has none."""
        if self.stiffness_ratio(stiff) is None or stiff is None or self._fat is None:
            return None
        if stiff.mean_interval is None or self._fat.mean_interval is None or not stiff.mean or not self._fat.mean:
            return None
        return interval_of_ratio((stiff.mean, stiff.mean_interval), (self._fat.mean, self._fat.mean_interval))

    def strain_ratio(self) -> float | None:
        """Strain in fat / strain in the lesion. A map whose values rise with stiffness gives it upside down."""
        if self._elastogram.unit != Unit.STRAIN or self._fat is None:
            return None
        if self._elastogram.direction is Direction.SOFTER_IS_HIGHER:
            return self._quotient(self._fat.mean, self._lesion.mean)
        self.warnings.append(
            WarningRecord(
                "strain-ratio-of-stiffness",
                "The values of this map rise with stiffness; the strain ratio is lesion / fat, which is only the ratio "
                "of strains if the values are proportional to 1 / strain.",
            )
        )
        return self._quotient(self._lesion.mean, self._fat.mean)

    def _quotient(self, above: float | None, below: float | None) -> float | None:
        if above is None or below is None:
            return None
        if below <= 0.0:
            self.warnings.append(
                WarningRecord("ratio-undefined", "The ratio to fat does not exist: its denominator is zero.")
            )
            return None
        return above / below
