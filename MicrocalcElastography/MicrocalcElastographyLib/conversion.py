"""A calibrated screen as an elastogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.base.provenance import provenance

from .calibration import Calibration
from .elastogram import Direction, Elastogram, Unit
from .geometry import Rectangle
from .inversion import InversionParameters, invert
from .screen.frame import ScreenFrame
from .screen.printed import compared


def elastogram_of_screen(
    frame: ScreenFrame, calibration: Calibration, parameters: InversionParameters | None = None
) -> Elastogram:
    """Values behind the colors of a screen.

    Parameters
    ----------
    frame : ScreenFrame
    calibration : Calibration
        Usually from `find_calibration`.
    parameters : InversionParameters or None

    Raises
    ------
    ParameterError
        Naming what the calibration lacks.
    UnsupportedImageError
        When the color table is gray or ambiguous.
    """
    scale = calibration.color_scale(frame.rgb)
    box, offset = calibration.box, calibration.b_mode_offset
    assert box is not None  # color_scale refuses a calibration without a box
    b_mode = None
    if offset is not None:
        twin = box.shifted(*offset)
        if not twin.inside_frame(*frame.rgb.shape[:2]):
            raise ParameterError("The paired B-mode panel given lies outside the frame; mark it again.")
        if twin.intersection(box).area > 0:
            raise ParameterError("The paired B-mode panel given overlaps the elastography box; mark it again.")
        b_mode = _gray(frame.rgb[twin.slices])
    inversion = invert(
        frame.rgb[box.slices],
        scale,
        opacity=calibration.opacity,
        opacity_source=calibration.sources.get("opacity", "given by the user"),
        b_mode=b_mode,
        parameters=parameters or InversionParameters(),
    )
    comparison: list[dict[str, float | str]] = []
    doubts: list[WarningRecord] = []
    if calibration.printed is not None:
        comparison, doubts = compared(
            calibration.printed,
            inversion.values,
            inversion.valid,
            scale.unit,
            scale.high - scale.low,
            calibration.spacing_mm,
        )
    return Elastogram(
        values=inversion.values,
        valid=inversion.valid,
        uncertainty=inversion.uncertainty,
        unit=scale.unit,
        direction=Direction.SOFTER_IS_HIGHER if scale.unit == Unit.STRAIN else Direction.STIFFER_IS_HIGHER,
        quality=inversion.quality,
        value_range=(scale.low, scale.high),
        b_mode=b_mode,
        spacing_mm=calibration.spacing_mm,
        spacing_source=calibration.sources.get("spacing_mm", "unknown"),
        box=box,
        panel=calibration.panel,
        b_mode_offset=offset,
        frame=frame.rgb,
        warnings=(*frame.warnings, *calibration.warnings, *inversion.warnings, *doubts),
        source=provenance(**frame.source, calibration=calibration.summary(), printed_on_the_screen=comparison),
    )


def b_mode_panel(elastogram: Elastogram) -> tuple[NDArray[np.uint8], Rectangle] | None:
    """The whole paired B-mode panel, and where its content lies in the panel with color; None without a pair.

    Returns
    -------
    (uint8 array, shape (rows, columns), Rectangle) or None
        The rectangle holds the elastography box.
    """
    frame, offset, panel, box = elastogram.frame, elastogram.b_mode_offset, elastogram.panel, elastogram.box
    if frame is None or offset is None or box is None:
        return None
    place = box if panel is None or not panel.contains(box) else panel
    twin = place.shifted(*offset).intersection(Rectangle(0, 0, *frame.shape[:2]))
    return _gray(frame[twin.slices]), twin.shifted(-offset[0], -offset[1])


def _gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(rgb.mean(axis=2)).astype(np.uint8)
