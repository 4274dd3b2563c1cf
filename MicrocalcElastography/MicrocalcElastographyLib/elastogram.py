"""The elastogram as every later stage sees it: values with their unit, where they are valid, and what they lie on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.notebook import card, small

from .geometry import Rectangle
from .uncertainty import Uncertainty

TISSUE_DENSITY_KG_M3 = 1000.0


class Unit(StrEnum):
    """What the values of an elastogram mean."""

    KILOPASCAL = "kPa"
    METERS_PER_SECOND = "m/s"
    STRAIN = "strain"
    """Relative strain in arbitrary units: comparable inside one box only, never convertible to kPa or m/s."""


HIGHEST_POSSIBLE = {Unit.KILOPASCAL: 1000.0, Unit.METERS_PER_SECOND: 20.0}
"""No scanner shows tissue beyond these; a larger number belongs to another unit."""


def impossible_value(value: float, unit: Unit) -> str | None:
    """A sentence when a value cannot be in this unit, else None."""
    highest = HIGHEST_POSSIBLE.get(unit)
    if highest is None or value <= highest:
        return None
    return f"{value:g} {unit} is impossible for tissue (at most {highest:g}); check the unit and the scale."


class Direction(StrEnum):
    """Which end of the values is the stiff one."""

    STIFFER_IS_HIGHER = "stiffer is higher"
    SOFTER_IS_HIGHER = "softer is higher"


_Value = TypeVar("_Value", float, NDArray[np.float32], NDArray[np.float64])


def youngs_modulus_kpa(shear_wave_speed_m_s: _Value, density_kg_m3: float = TISSUE_DENSITY_KG_M3) -> _Value:
    """Young's modulus in kPa of a shear-wave speed in m/s: E = 3 ρ c², for soft, incompressible, elastic tissue.

    Convert every pixel, then average: the mean of 3 c² is not 3 times the square of the mean speed.
    """
    _check_density(density_kg_m3)
    return shear_wave_speed_m_s * shear_wave_speed_m_s * (3.0 * density_kg_m3 / 1000.0)


def shear_wave_speed_m_s(youngs_modulus_kpa: _Value, density_kg_m3: float = TISSUE_DENSITY_KG_M3) -> _Value:
    """Shear-wave speed in m/s of a Young's modulus in kPa: c = √(E / 3 ρ); the inverse of `youngs_modulus_kpa`."""
    _check_density(density_kg_m3)
    speed: _Value = (youngs_modulus_kpa * (1000.0 / (3.0 * density_kg_m3))) ** 0.5
    return speed


def _check_density(density_kg_m3: float) -> None:
    if not 500.0 <= density_kg_m3 <= 2000.0:
        raise ParameterError(
            f"A tissue density of {density_kg_m3:g} kg/m³ is impossible; give 500 to 2000 (usually 1000)."
        )


@dataclass(frozen=True)
class Quality:
    """How much of the box carries a value, and how well its colors fitted the color bar.

    Parameters
    ----------
    pixels : int
        Pixels of the box; the fractions below are shares of them.
    void_fraction : float
        Pixels without elasticity information (transparent, black, masked). Void never means soft.
    off_table_fraction : float
        Pixels whose color is not on the color table: text, outlines, calipers inside the box.
    border_fraction : float
        Pixels left out because they touch the border of the box or of a void, where colors are mixed.
    saturated_high_fraction, saturated_low_fraction : float
        Valid pixels at the upper and at the lower end of the scale; the true value may lie beyond it.
    off_table_residual : float or None
        Mean distance of the valid pixels' colors from the (blended) color table, in 8-bit gray levels.
    effective_opacity : float or None
        Share of color in the blend of color and B-mode, 0 to 1.
    opacity_source : str or None
        ``printed on the screen``, ``given by the user``, ``paired B-mode`` or ``least residual``.
    opacity_interval : (float, float) or None
        Opacities that explain the colors almost as well; wide when the box has little color.
    The color fields are None for value maps, which have no colors.
    """

    pixels: int
    void_fraction: float
    off_table_fraction: float = 0.0
    border_fraction: float = 0.0
    saturated_high_fraction: float = 0.0
    saturated_low_fraction: float = 0.0
    off_table_residual: float | None = None
    effective_opacity: float | None = None
    opacity_source: str | None = None
    opacity_interval: tuple[float, float] | None = None

    @property
    def valid_fraction(self) -> float:
        """Share of the box that carries a value."""
        return max(0.0, 1.0 - self.void_fraction - self.off_table_fraction - self.border_fraction)

    @property
    def saturated_fraction(self) -> float:
        """Share of the box at either end of the scale."""
        return self.saturated_high_fraction + self.saturated_low_fraction


@dataclass(frozen=True)
class Elastogram:
    """One elastography box in numbers.

    Parameters
    ----------
    values : float32 array, shape (rows, columns)
        One value per pixel of the box in ``unit``; NaN where ``valid`` is False, so that a void can never be averaged
        in as soft tissue.
    valid : bool array, shape (rows, columns)
    uncertainty : Uncertainty or None
        Standard deviations of the values; None for maps that do not tell them.
    unit : Unit
    direction : Direction
        Always ``STIFFER_IS_HIGHER`` for kPa and m/s; stated by the color bar or the user for strain.
    value_range : (float, float) or None
        Lowest and highest value the scale can show; None when the values have no display scale.
    b_mode : uint8 array, shape (rows, columns), or None
        Gray B-mode image at the same places, from the paired panel or the same file.
    spacing_mm : (float, float) or None
        Distance between rows, between columns, in mm; None when nothing on the screen or in the file tells it.
    spacing_source : str
        In words, e.g. ``regions of the DICOM file``, ``depth ruler on the screen``, ``given by the user``, ``unknown``.
    box : Rectangle or None
        Where the box lies in ``frame``; None for value maps.
    panel : Rectangle or None
        The panel of the frame that shows the box; its first row is the surface of the probe.
    b_mode_offset : (int, int) or None
        Rows and columns from the panel with color to the same place in the paired B-mode panel.
    frame : uint8 array, shape (frame rows, frame columns, 3), or None
        The whole screen; may hold names burned into the banner, so outputs take only the panels from it.
    quality : Quality
    warnings : tuple of WarningRecord
    source : dict
        Where the values came from: file digest, frame number, color bar, scale … JSON-ready, no patient data.

    Raises
    ------
    ParameterError
        When shapes, unit and direction contradict each other.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    unit: Unit
    quality: Quality
    direction: Direction = Direction.STIFFER_IS_HIGHER
    value_range: tuple[float, float] | None = None
    uncertainty: Uncertainty | None = None
    b_mode: NDArray[np.uint8] | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str = "unknown"
    box: Rectangle | None = None
    panel: Rectangle | None = None
    b_mode_offset: tuple[int, int] | None = None
    frame: NDArray[np.uint8] | None = None
    warnings: tuple[WarningRecord, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.size == 0:
            raise ParameterError(f"An elastogram has rows and columns; this one has the shape {self.values.shape}.")
        if self.values.dtype != np.float32 or self.valid.dtype != np.bool_:
            raise ParameterError("The values of an elastogram are float32 and its mask of valid pixels is boolean.")
        if self.valid.shape != self.values.shape or (
            self.b_mode is not None and self.b_mode.shape != self.values.shape
        ):
            raise ParameterError("The values, the mask of valid pixels and the B-mode image differ in shape.")
        if not np.array_equal(np.isfinite(self.values), self.valid):
            raise ParameterError("The values of an elastogram are finite where they are valid and NaN elsewhere.")
        if self.unit != Unit.STRAIN and self.direction is not Direction.STIFFER_IS_HIGHER:
            raise ParameterError(f"In {self.unit} stiffer tissue always has the higher value.")
        if self.spacing_mm is not None and not all(0.005 <= length <= 5.0 for length in self.spacing_mm):
            raise ParameterError(
                f"A pixel spacing of {self.spacing_mm[0]:g} × {self.spacing_mm[1]:g} mm is impossible for ultrasound; "
                "give the distance between pixel centers in millimeters (usually 0.03 to 0.3)."
            )

    def _repr_html_(self) -> str:
        """How a notebook shows it; of the screen nothing but the box."""
        rows, columns = self.values.shape
        spacing = "unknown" if self.spacing_mm is None else "{:.3g} × {:.3g} mm".format(*self.spacing_mm)
        facts = [f"{rows} × {columns} pixels, spacing {spacing} ({self.spacing_source})"]
        if self.valid.any():
            known = self.values[self.valid]
            facts.append(f"median {np.median(known):.3g}, {known.min():.3g} to {known.max():.3g} {self.unit}")
        facts.append(f"{1 - self.valid.mean():.0%} without a value")
        return card(f"Elastogram in {self.unit}", facts, picture=small(self.values), warnings=self.warnings)

    def in_unit(self, unit: Unit, density_kg_m3: float = TISSUE_DENSITY_KG_M3) -> Elastogram:
        """The same elastogram in kPa or m/s, converted pixel by pixel with E = 3 ρ c².

        Raises
        ------
        ParameterError
            When one of the units is strain: relative strain has no elastic modulus.
        """
        if unit == self.unit:
            return self
        if Unit.STRAIN in (unit, self.unit):
            raise ParameterError("Relative strain cannot be converted to or from kPa or m/s; use a strain ratio.")
        convert = youngs_modulus_kpa if unit == Unit.KILOPASCAL else shear_wave_speed_m_s
        value_range = None
        if self.value_range is not None:
            low, high = self.value_range
            value_range = (convert(low, density_kg_m3), convert(high, density_kg_m3))
        values = convert(self.values, density_kg_m3).astype(np.float32)
        uncertainty = self.uncertainty
        if uncertainty is not None:
            # E = 3 ρ c² changes 2 E / c times as fast as c, and c c / 2 E times as fast as E.
            slope = 2.0 * values / self.values if unit == Unit.KILOPASCAL else 0.5 * values / self.values
            uncertainty = uncertainty.scaled(slope)
        return replace(
            self,
            values=values,
            uncertainty=uncertainty,
            unit=unit,
            value_range=value_range,
            source={**self.source, "density_kg_m3": density_kg_m3},
        )

    @property
    def place_in_file(self) -> str:
        """Frame or slice of a file that has several, in words; empty for any other file."""
        for name in ("frame", "slice"):
            if int(self.source.get(f"{name}s") or 1) > 1:
                return f"{name} {self.source[name]} of {self.source[f'{name}s']}, counted from 0"
        return ""

    @property
    def profile(self) -> str:
        """Name of the profile of the scanner that was applied to its screen; empty for none."""
        return str(self.source.get("calibration", {}).get("profile", {}).get("value") or "")

    def depth_mm(self, row: float) -> float | None:
        """Depth below the probe surface of a row of the box, in mm; None when spacing or panel are unknown."""
        if self.spacing_mm is None or self.panel is None or self.box is None:
            return None
        return (self.box.top + row - self.panel.top) * self.spacing_mm[0]
