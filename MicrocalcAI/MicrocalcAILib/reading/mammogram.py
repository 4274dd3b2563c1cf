"""The mammogram as every later stage sees it, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError, WarningRecord
from ..base.notebook import card, small
from .admission import AdmissionCard


@dataclass(frozen=True)
class Mammogram:
    """One mammographic image in the library's one intensity convention.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Raw modality values, brighter = more attenuating (MONOCHROME1 is already inverted). Padding is set to the
        smallest valid value, marks to the mean of their surroundings; both are False in ``valid``.
    spacing_mm : (float, float)
        Distance between rows, between columns, in mm, in the plane of the breast.
    spacing_source : str
        In words, e.g. ``Imager Pixel Spacing / magnification factor 1.05``, ``given by the user``, ``assumed``.
    valid : bool array, shape (rows, columns), or None
        False where pixels have no value: padding, and marks such as arrows, boxes and holes; None when every pixel is
        image.
    laterality : {"L", "R"} or None
    view : {"CC", "MLO", "ML", "LM", "LMO", "XCCL", "XCCM", "XCC", "FB", "SIO", "ISO", "specimen"} or None
    view_modifiers : tuple of str
        Words of CID 4015, e.g. ``Magnification``.
    chest_wall_side : {"left", "right"} or None
        Image side at which the chest wall lies (Patient Orientation (0020,0020) checked against the pixels).
    display_window : (float, float) or None
        Center and width for display, in the units of ``pixels``; never applied to them.
    origin_lps_mm, direction_lps : tuple of 3 and of 9 floats
        Where the center of pixel (0, 0) lies and how the image axes (column, row, slice) point, in the LPS frame that
        DICOM and ITK share; zero and identity for files that do not say. Outputs are written in this frame.
    warnings : tuple of WarningRecord
    source : dict
        Where the pixels came from: ``kind`` of file, ``sha256``, ``bits_stored``, ``intensities`` (what was done to the
        stored values, in words), and ``header_spacing_mm``: the (row, column) spacing that an ITK reader such as
        Slicer would give this file; of DICOM files also ``transfer_syntax``, ``photometric_interpretation``,
        ``manufacturer``, ``manufacturer_model``. JSON-ready, no patient data.
    admission : AdmissionCard
        What kind of image this is and what the file says about it, with the evidence.

    Raises
    ------
    ParameterError
        When shapes or spacing are impossible.
    """

    pixels: NDArray[np.float32]
    spacing_mm: tuple[float, float]
    spacing_source: str = "given by the user"
    valid: NDArray[np.bool_] | None = None
    laterality: str | None = None
    view: str | None = None
    view_modifiers: tuple[str, ...] = ()
    chest_wall_side: str | None = None
    display_window: tuple[float, float] | None = None
    origin_lps_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction_lps: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    warnings: tuple[WarningRecord, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    admission: AdmissionCard = field(default_factory=AdmissionCard)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or min(self.pixels.shape) < 1:
            raise ParameterError(f"A mammogram has rows and columns; this array has the shape {self.pixels.shape}.")
        if self.pixels.dtype != np.float32:
            raise ParameterError(f"Mammogram pixels are float32, not {self.pixels.dtype}.")
        if not all(0.005 <= length <= 2.0 for length in self.spacing_mm):
            raise ParameterError(
                f"A pixel spacing of {self.spacing_mm[0]:g} × {self.spacing_mm[1]:g} mm is impossible for a mammogram; "
                "give the distance between pixel centers in millimeters (usually 0.05 to 0.10)."
            )
        if self.valid is not None and self.valid.shape != self.pixels.shape:
            raise ParameterError("The mask of valid pixels has another shape than the image.")

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        rows, columns = self.pixels.shape
        title = " ".join(filter(None, ("Mammogram", self.laterality, self.view)))
        facts = (
            f"{rows} × {columns} pixels of {self.spacing_mm[0]:.3g} × {self.spacing_mm[1]:.3g} mm",
            f"spacing: {self.spacing_source}",
        )
        return card(title, facts, picture=small(self.pixels, self.valid), warnings=self.warnings)
