"""The strain image: the axial slope of a displacement, as an elastogram, and its figures of merit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.provenance import provenance

from ..elastogram import Direction, Elastogram, Quality, Unit
from .displacement import Displacement, StrainParameters, track
from .refinement import refined

_LITTLE_STRAIN = 0.002  # mean compression below which noise rules


def axial_strain(displacement: Displacement, parameters: StrainParameters, spacing_mm: float) -> NDArray[np.float32]:
    """Slope of the displacement along the beam, shape (windows, lines); positive where tissue is compressed.

    A plane is fitted to the neighboring windows and lines by least squares, each window weighted by its correlation;
    windows below `StrainParameters.smallest_correlation` do not count.
    """
    hop = float(displacement.rows[1] - displacement.rows[0])
    length = 2 * round(parameters.slope_mm / spacing_mm / hop / 2) + 1
    size = (max(length, 3), parameters.slope_lines)
    weight = np.where(
        displacement.correlation >= parameters.smallest_correlation, displacement.correlation.astype(np.float64), 0.0
    )
    rows = np.broadcast_to(displacement.rows[:, None], weight.shape)
    lines = np.broadcast_to(np.arange(weight.shape[1], dtype=np.float64), weight.shape)

    def around(values: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = ndimage.uniform_filter(weight * values, size, mode="constant")
        return summed

    total = np.maximum(around(np.ones_like(weight)), 1e-12)
    middle_row, middle_line = around(rows) / total, around(lines) / total
    mean = around(displacement.samples.astype(np.float64)) / total
    samples = displacement.samples.astype(np.float64)
    row_row = around(rows**2) / total - middle_row**2
    line_line = around(lines**2) / total - middle_line**2
    row_line = around(rows * lines) / total - middle_row * middle_line
    row_moved = around(rows * samples) / total - middle_row * mean
    line_moved = around(lines * samples) / total - middle_line * mean
    determinant = row_row * line_line - row_line**2
    with_lines = (row_moved * line_line - line_moved * row_line) / np.where(determinant > 1e-9, determinant, 1.0)
    alone = row_moved / np.maximum(row_row, 1e-9)
    slope = np.where(determinant > 1e-9, with_lines, alone)
    has_value = (weight > 0.0) & (row_row > 1e-6)
    return np.where(has_value, slope, np.nan).astype(np.float32)


def strain_elastogram(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    spacing_mm: tuple[float, float],
    parameters: StrainParameters | None = None,
) -> Elastogram:
    """The strain of `strain_image` without its quality."""
    return strain_image(before, after, spacing_mm, parameters)[0]


def strain_image(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    spacing_mm: tuple[float, float],
    parameters: StrainParameters | None = None,
) -> tuple[Elastogram, NDArray[np.float32]]:
    """The relative strain between two echo frames as an elastogram: measured like any other.

    Windows that do not correlate, and places that seem to be stretched while the rest is compressed, carry no value.

    Parameters
    ----------
    before, after : float arrays, shape (samples, lines)
        Radio-frequency lines or a B-mode envelope.
    spacing_mm : (float, float)
        Between samples, between lines.
    parameters : StrainParameters or None

    Returns
    -------
    (Elastogram, float32 array)
        The array has the shape of its values: correlation of each window with what it became, to 1.

    Raises
    ------
    ParameterError
        When the frames cannot be compared, or nothing of them correlates.
    """
    parameters = parameters or StrainParameters()
    found = track(before, after, spacing_mm[0], parameters)
    displacement = refined(before, after, found, spacing_mm[0], parameters)
    strain = axial_strain(displacement, parameters, spacing_mm[0])
    if not np.isfinite(strain).any():
        raise ParameterError(
            "The two frames do not correlate anywhere; take frames that follow each other, with less motion."
        )
    is_stretched = float(np.nanmedian(strain)) < 0.0
    strain = -strain if is_stretched else strain
    valid = np.isfinite(strain) & (strain > 0.0)
    mean = float(strain[valid].mean()) if valid.any() else 0.0
    warnings = []
    if mean < _LITTLE_STRAIN:
        warnings.append(
            WarningRecord(
                "little-strain",
                f"The tissue was compressed by only {mean:.2%} between the two frames; choose frames farther apart.",
            )
        )
    hop_mm = float(displacement.rows[1] - displacement.rows[0]) * spacing_mm[0]
    elastogram = Elastogram(
        values=np.where(valid, strain, np.nan).astype(np.float32),
        valid=valid,
        unit=Unit.STRAIN,
        direction=Direction.SOFTER_IS_HIGHER,
        quality=Quality(pixels=valid.size, void_fraction=float(1.0 - valid.mean())),
        spacing_mm=(hop_mm, spacing_mm[1]),
        spacing_source="given by the user",
        warnings=tuple(warnings),
        source=provenance(
            kind="echo frames",
            first_row_mm=float(displacement.rows[0]) * spacing_mm[0],
            mean_correlation=float(displacement.correlation.mean()),
            mean_strain=mean,
            motion="stretched" if is_stretched else "compressed",
        ),
    )
    return elastogram, displacement.correlation


def signal_to_noise(strain: NDArray[np.floating]) -> float:
    """SNRe of a homogeneous region: mean / standard deviation of its strain (Ophir 1991)."""
    known = strain[np.isfinite(strain)].astype(np.float64)
    return float(known.mean() / known.std(ddof=1))


def contrast_to_noise(target: NDArray[np.floating], background: NDArray[np.floating]) -> float:
    """CNRe of two regions: √(2 (difference of means)² / sum of variances) (Varghese & Ophir 1998)."""
    inside, outside = (part[np.isfinite(part)].astype(np.float64) for part in (target, background))
    return float(np.sqrt(2.0 * (inside.mean() - outside.mean()) ** 2 / (inside.var(ddof=1) + outside.var(ddof=1))))
