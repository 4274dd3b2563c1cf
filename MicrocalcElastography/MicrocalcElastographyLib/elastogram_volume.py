"""Several slices of elasticity, of which one is measured and the others stand beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError

from .elastogram import Direction, Unit, youngs_modulus_kpa


@dataclass(frozen=True)
class ElastogramVolume:
    """All slices of a map of values, of which one is measured.

    Parameters
    ----------
    values : float32 array, shape (slices, rows, columns)
        NaN without a value.
    unit : Unit
    direction : Direction
    number : int
        That slice.
    spacing_mm : (float, float, float)
        Between slices, rows, columns.

    Raises
    ------
    ParameterError
        When the numbers contradict each other.
    """

    values: NDArray[np.float32]
    unit: Unit
    direction: Direction
    number: int
    spacing_mm: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or not 0 <= self.number < len(self.values):
            raise ParameterError(
                "A volume has slices, rows and columns, and the slice that is measured is one of them."
            )
        if not all(0.005 <= length <= 20.0 for length in self.spacing_mm):
            raise ParameterError(
                f"A distance of slices of {self.spacing_mm[0]:g} mm is impossible for ultrasound; give the distance "
                "between their middles in millimeters (usually 0.1 to 2)."
            )

    def in_kpa(self, density_kg_m3: float) -> ElastogramVolume:
        """The same volume, values in m/s converted pixel by pixel; strain stays strain."""
        if self.unit != Unit.METERS_PER_SECOND:
            return self
        values = youngs_modulus_kpa(self.values, density_kg_m3).astype(np.float32)
        return replace(self, values=values, unit=Unit.KILOPASCAL)
