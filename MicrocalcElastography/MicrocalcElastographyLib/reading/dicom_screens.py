"""Ultrasound screens in DICOM files: single and multi-frame, RGB, YBR and palette color."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import UnreadableImageError, UnsupportedImageError, WarningRecord
from MicrocalcAILib.reading.dicom_values import pair, text

from ..screen.frame import ScreenFrame
from ..screen.panels import color_mask
from .dicom_file import DicomFile
from .regions import regions_of

_EVERYWHERE_COLORED = 0.6  # share of a screen, most of which is black and gray
_LOSSY_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91))


def read_dicom_screen(file: DicomFile, frame: int) -> ScreenFrame:
    """One frame of an ultrasound file as shown on the scanner, with its regions.

    Private blocks are named in a warning and not read: their layout is the vendors' own.
    """
    rgb, warnings = read_colors(file, frame)
    regions, region_warnings = regions_of(file.attributes, file.header.shape)
    warnings += region_warnings
    creators = file.private_creators()
    if creators:
        warnings.append(
            WarningRecord(
                "private-data-not-read",
                f"The file holds private data of the vendor ({', '.join(name[:64] for name in creators[:8])}), which "
                "may contain elasticity values; they are not read, the values come from the colors.",
            )
        )
    lossy = (
        str(file.header.transfer_syntax) in _LOSSY_SYNTAXES or text(file.attributes, "LossyImageCompression") == "01"
    )
    return ScreenFrame(
        rgb=rgb,
        regions=regions,
        warnings=tuple(warnings),
        source={
            "kind": "DICOM",
            "frame": frame,
            "frames": file.number_of_frames,
            "photometric_interpretation": file.photometric,
            "transfer_syntax": file.header.transfer_syntax.name,
            "lossy": lossy,
            "private_creators": list(creators),
            "device": text(file.attributes, "ManufacturerModelName"),
        },
        spacing_mm=_pixel_spacing(file),
    )


def _pixel_spacing(file: DicomFile) -> tuple[float, float] | None:
    """Pixel Spacing (0028,0030) where an ultrasound image can have it; 1 mm is what writers put who do not know."""
    stated = pair(file.attributes, "PixelSpacing")
    return stated if stated and all(0.0 < length < 1.0 for length in stated) else None


def read_colors(file: DicomFile, frame: int) -> tuple[NDArray[np.uint8], list[WarningRecord]]:
    """Only the pixels of a frame, red, green, blue, and warnings about their color space."""
    stored = file.stored_frame(frame)
    if file.photometric == "PALETTE COLOR":
        return _through_palette(stored, file), []
    if stored.ndim == 2:
        return _gray(stored, file), []
    if stored.dtype != np.uint8:
        raise UnsupportedImageError("Color frames with more than 8 bits per channel are not read; export them with 8.")
    if color_mask(stored).mean() > _EVERYWHERE_COLORED:
        return _relabeled(stored)
    return stored, []


def _through_palette(stored: NDArray[Any], file: DicomFile) -> NDArray[np.uint8]:
    from pydicom.pixels import apply_color_lut

    try:
        colors = apply_color_lut(stored, file.attributes)
    except Exception:
        raise UnreadableImageError("The color palette of the file is damaged; please export it again.") from None
    # Entries of 16 bits hold 8-bit colors in their upper byte.
    return (colors >> 8).astype(np.uint8) if colors.dtype == np.uint16 else colors.astype(np.uint8)


def _gray(stored: NDArray[Any], file: DicomFile) -> NDArray[np.uint8]:
    bits = int(file.attributes.BitsStored)
    gray = np.clip(stored, 0, (1 << bits) - 1).astype(np.float32) * (255.0 / ((1 << bits) - 1))
    if file.photometric == "MONOCHROME1":
        gray = 255.0 - gray
    return np.repeat(np.rint(gray).astype(np.uint8)[..., None], 3, axis=2)


def _relabeled(stored: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[WarningRecord]]:
    """Frames whose YCbCr pixels are labeled RGB: black becomes teal, and the whole screen is colored."""
    from pydicom.pixels import convert_color_space

    converted: NDArray[np.uint8] = convert_color_space(stored, "YBR_FULL", "RGB")
    if color_mask(converted).mean() > _EVERYWHERE_COLORED / 2:
        return stored, []
    return converted, [
        WarningRecord(
            "color-space-corrected",
            "The file calls its pixels RGB although they are luminance and color differences; they were converted.",
        )
    ]
