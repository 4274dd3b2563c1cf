"""From stored DICOM values to the library's one convention: brighter = more attenuating, padding masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import UnreadableImageError, WarningRecord
from .dicom_values import number, numbers, text, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FOR_PROCESSING = ("1.2.840.10008.5.1.4.1.1.1.2.1", "1.2.840.10008.5.1.4.1.1.1.1.1")


@dataclass(frozen=True)
class Intensities:
    """Pixels in the library's convention, and what was done to the stored values, in words."""

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_] | None
    display_window: tuple[float, float] | None
    treatment: str
    padding: str
    warnings: list[WarningRecord]


def intensities_of_dicom(stored: NDArray[Any], header: Dataset, bits: int) -> Intensities:
    """Mask padding, invert once where the file stores attenuation as dark, apply the linear rescaling.

    The order is: padding by the stored values (Pixel Padding Value (0028,0120) to Range Limit (0028,0121)); inversion
    ``lowest + highest - x`` over the range of ``bits`` (Bits Stored (0028,0101), or more where values need more), which
    is ``2^b - 1 - x`` for unsigned and ``-1 - x`` for signed values; then Rescale Slope and Intercept.

    * For Presentation and scanned images are inverted when they are MONOCHROME1.
    * For Processing images are inverted when Pixel Intensity Relationship Sign (0028,1041) is 1 (more X-rays = higher
      value). When the Relationship (0028,1040) is LIN, values proportional to the beam intensity ``i`` become
      ``R (1 - ln(1 + i) / ln(1 + R))`` with R the stored range: proportional to attenuation by Beer-Lambert's law,
      monotone, and within 0 … R.

    The window for display (first item of Window Center and Width, else the steep part of the first VOI LUT) is
    transformed along with the pixels.

    Raises
    ------
    UnreadableImageError
        When Rescale Slope is zero.
    """
    lowest, highest = (
        (-(1 << bits - 1), (1 << bits - 1) - 1) if int(header.PixelRepresentation) else (0, (1 << bits) - 1)
    )
    warnings: list[WarningRecord] = []
    done: list[str] = []

    valid = _outside_padding(stored, header)
    pixels = stored.astype(np.float32)
    window = _display_window(header)

    negative = text(header, "PhotometricInterpretation") == "MONOCHROME1"
    linear_in_beam = False
    if is_for_processing(header):
        relationship = text(header, "PixelIntensityRelationship")
        sign = number(header, "PixelIntensityRelationshipSign")
        linear_in_beam = relationship == "LIN"
        if sign in (1, -1):
            negative = sign == 1
        if not (relationship in ("LIN", "LOG") and sign in (1, -1)):
            warnings.append(
                WarningRecord(
                    "beam-relation-unknown",
                    "The file does not say how its raw values relate to the X-ray beam; if dense tissue is dark in it, "
                    "nothing is found.",
                )
            )
    elif (text(header, "PresentationLUTShape") == "INVERSE") != negative and text(header, "PresentationLUTShape"):
        warnings.append(
            WarningRecord(
                "polarity-contradiction",
                "Photometric Interpretation and Presentation LUT Shape contradict each other; the former was followed.",
            )
        )

    if negative:
        np.subtract(np.float32(lowest + highest), pixels, out=pixels)
        done.append("inverted")
    if linear_in_beam:
        span = highest - lowest
        np.subtract(np.float32(highest), pixels, out=pixels)
        np.log1p(pixels, out=pixels)
        pixels *= np.float32(-span / np.log1p(span))
        pixels += np.float32(span)
        window = None
        done.append("logarithm of the beam intensity")
    else:
        slope, intercept = _rescaling(header)
        if window and negative:
            window = (slope * (lowest + highest) + 2 * intercept - window[0], window[1])
        if (slope, intercept) != (1.0, 0.0):
            pixels *= np.float32(slope)
            pixels += np.float32(intercept)
            done.append("rescaled")
    if values(header, "ModalityLUTSequence"):
        warnings.append(
            WarningRecord("modality-lut-ignored", "The file's nonlinear Modality LUT was not applied to the pixels.")
        )
    treatment = ", ".join(done) or "as stored"
    return Intensities(pixels, valid, window, treatment, _padding_in_words(header), warnings)


def is_for_processing(header: Dataset) -> bool:
    """Whether the image is raw: by Presentation Intent Type (0008,0068) or by its SOP class."""
    return text(header, "PresentationIntentType") == "FOR PROCESSING" or text(header, "SOPClassUID") in _FOR_PROCESSING


def _outside_padding(stored: NDArray[Any], header: Dataset) -> NDArray[np.bool_] | None:
    padding = number(header, "PixelPaddingValue")
    if padding is None:
        return None
    limit = number(header, "PixelPaddingRangeLimit")
    ends = [padding, padding if limit is None else limit]
    if not int(header.PixelRepresentation):  # some writers give the unsigned value as a signed number
        ends = [end + (1 << int(header.BitsAllocated)) if end < 0 else end for end in ends]
    valid = (stored < min(ends)) | (stored > max(ends))
    return None if valid.all() else valid


def _padding_in_words(header: Dataset) -> str:
    padding, limit = number(header, "PixelPaddingValue"), number(header, "PixelPaddingRangeLimit")
    if padding is None:
        return ""
    return f"value {padding:g}" if limit is None else f"values {padding:g} to {limit:g}"


def _rescaling(header: Dataset) -> tuple[float, float]:
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if slope == 0:
        raise UnreadableImageError(
            "The DICOM attribute Rescale Slope (0028,1053) is zero; please export the image again."
        )
    return 1.0 if slope is None else slope, intercept or 0.0


def _display_window(header: Dataset) -> tuple[float, float] | None:
    for center, width in zip(numbers(header, "WindowCenter"), numbers(header, "WindowWidth"), strict=False):
        if width > 0:
            return center, width
    for table in values(header, "VOILUTSequence"):
        descriptor, entries = numbers(table, "LUTDescriptor"), _table_entries(table)
        if len(descriptor) == 3 and entries.size > 1 and (spread := np.ptp(entries)) > 0:
            low, high = entries.min() + 0.01 * spread, entries.max() - 0.01 * spread
            steep = np.flatnonzero((entries > low) & (entries < high))
            if steep.size > 1:
                return descriptor[1] + float(steep[0] + steep[-1]) / 2, float(steep[-1] - steep[0])
    return None


def _table_entries(table: Dataset) -> NDArray[np.float64]:
    data = table.get("LUTData")
    if isinstance(data, bytes):  # pydicom leaves OW as bytes
        return np.frombuffer(data[: len(data) // 2 * 2], "<u2").astype(np.float64)
    return np.asarray(numbers(table, "LUTData"), np.float64)
