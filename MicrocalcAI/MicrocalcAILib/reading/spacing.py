"""The pixel spacing in the plane of the breast: what the file says, and which of the possible values is used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..base.errors import ParameterError, WarningRecord
from .admission import Statement
from .content import FileSpacing
from .dicom_values import number, numbers, pair, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Pair = tuple[float, float]

# Detectors and film scanners lie between 0.02 and 0.2 mm; image writers put 1 mm where they know nothing.
_SMALLEST_MM, _LARGEST_MM = 0.01, 0.5
_SAME_FACTOR = 0.15  # relative; the distance is to the surface or to the middle of the breast


class Magnification(NamedTuple):
    """The factor or None, where it comes from in words, and doubts about it as sentences."""

    factor: float | None = None
    words: str = ""
    notes: tuple[str, ...] = ()


def is_plausible(spacing_mm: Pair) -> bool:
    """Whether a mammogram can have this spacing."""
    return all(_SMALLEST_MM <= length <= _LARGEST_MM for length in spacing_mm)


def magnification_of_dicom(header: Dataset) -> Magnification:
    """Size at the detector over size in the breast, 1 to 4.

    Estimated Radiographic Magnification Factor (0018,1114), else Distance Source to Detector (0018,1110) over Distance
    Source to Patient (0018,1111), which is what the factor is defined as (DICOM PS3.3 C.8.7.10).
    """
    stated = number(header, "EstimatedRadiographicMagnificationFactor")
    to_detector, to_breast = (number(header, f"DistanceSourceTo{where}") for where in ("Detector", "Patient"))
    distances = to_detector / to_breast if to_detector and to_breast and to_breast > 0 else None
    notes = []
    if stated is not None and not _is_factor(stated):
        notes.append(f"The file's magnification factor of {stated:g} is impossible and was not used.")
    if stated is not None and _is_factor(stated):
        if distances is not None and _is_factor(distances) and abs(stated / distances - 1) > _SAME_FACTOR:
            notes.append(
                f"The file's magnification factor of {stated:g} contradicts its distances from the source "
                f"({to_detector:g} mm to the detector, {to_breast:g} mm to the breast); the factor was used."
            )
        return Magnification(stated, f"magnification factor {stated:g}", tuple(notes))
    if distances is not None and _is_factor(distances):
        words = f"({to_detector:g} mm to the detector / {to_breast:g} mm to the breast)"
        return Magnification(distances, words, tuple(notes))
    return Magnification(notes=tuple(notes))


def spacing_of_dicom(header: Dataset, magnified: bool) -> FileSpacing:
    """Spacing in the plane of the breast by the attributes of DICOM PS3.3 10.7 and C.8.7.10.

    In this order: Imager Pixel Spacing (0018,1164) divided by the magnification (:func:`magnification_of_dicom`);
    Pixel Spacing (0028,0030) whose Calibration Type (0028,0A02) is GEOMETRY or FIDUCIAL; Imager Pixel Spacing alone;
    Nominal Scanned Pixel Spacing (0018,2010); Pixel Spacing without calibration type, with a warning.

    Parameters
    ----------
    magnified : bool
        Whether this is a magnification view, whose spacing needs the factor.
    """
    detector = _plausible_pair(header, "ImagerPixelSpacing")
    scanned = _plausible_pair(header, "NominalScannedPixelSpacing")
    stated = _plausible_pair(header, "PixelSpacing")
    calibration = text(header, "PixelSpacingCalibrationType")
    calibrated = stated if calibration in ("GEOMETRY", "FIDUCIAL") else None
    magnification = magnification_of_dicom(header)
    factor, notes = magnification.factor, list(magnification.notes)
    statements = tuple(_statements(header))

    if detector and factor:
        mm: Pair = (detector[0] / factor, detector[1] / factor)
        source = f"Imager Pixel Spacing / {magnification.words}"
        if calibrated and any(abs(a / b - 1) > 0.05 for a, b in zip(mm, calibrated, strict=True)):
            notes.append(
                f"The file's calibrated Pixel Spacing of {in_words(calibrated)} contradicts its "
                f"Imager Pixel Spacing and magnification factor ({in_words(mm)}), which were used."
            )
    elif calibrated:
        mm, source = calibrated, f"Pixel Spacing, calibration type {calibration}"
    elif detector:
        mm, source = detector, "Imager Pixel Spacing, no magnification factor stated"
        if magnified:
            notes.append(
                "The file does not state the factor of this magnification view; lengths are those at the detector "
                "and too large; give the spacing in the breast."
            )
    elif scanned:
        mm, source = scanned, "Nominal Scanned Pixel Spacing of the digitized film"
    elif stated:
        mm, source = stated, "Pixel Spacing, not calibrated"
        notes.append(
            f"The file gives a Pixel Spacing of {in_words(stated)} without saying how it was calibrated; "
            "lengths may be those at the detector."
        )
    else:
        remarks = [
            f"Its {words} of {in_words(value)} is impossible for a mammogram."
            for keyword, words in _WORDS.items()
            if (value := pair(header, keyword))
        ]
        return FileSpacing(remark=" ".join(remarks), statements=statements, magnification=factor)
    warnings = tuple(WarningRecord("spacing-uncertain", note) for note in notes)
    return FileSpacing(mm, source, warnings=warnings, statements=statements, magnification=factor)


def spacing_of_header(spacing_mm: Pair, kind: str) -> FileSpacing:
    """Spacing of a volume file; 1 mm and other impossible values mean that the writer did not know."""
    if is_plausible(spacing_mm):
        rows, columns = (float(f"{length:.6g}") for length in spacing_mm)  # NIfTI keeps only single precision
        return FileSpacing((rows, columns), f"{kind} header")
    return FileSpacing(remark=f"The spacing of {in_words(spacing_mm)} in its header is impossible for a mammogram.")


def choose_spacing(
    file_spacing: FileSpacing, given_mm: float | Pair | None, assumed_mm: float | Pair | None
) -> tuple[Pair, str, list[WarningRecord]]:
    """The spacing to work with, its source in words, and warnings: given by the user, else the file's, else assumed.

    Raises
    ------
    ParameterError
        When nobody knows the spacing, or a number given is no length.
    """
    known = file_spacing.mm
    if given_mm is not None:
        given = _checked_pair(given_mm)
        warnings = []
        if known and any(abs(a / b - 1) > 0.1 for a, b in zip(given, known, strict=True)):
            warnings.append(
                WarningRecord(
                    "spacing-differs-from-file",
                    f"The spacing given is {in_words(given)}, but the file says {in_words(known)} "
                    f"({file_spacing.source}); the given spacing was used.",
                )
            )
        return given, "given by the user", warnings
    if known:
        return known, file_spacing.source, list(file_spacing.warnings)
    says = " ".join(("The file does not say its pixel spacing.", file_spacing.remark)).strip()
    if assumed_mm is None:
        raise ParameterError(
            f"{says} Give the distance between pixel centers in millimeters (detectors: 0.05 to 0.10 mm)."
        )
    assumed = _checked_pair(assumed_mm)
    warning = WarningRecord(
        "spacing-unknown", f"{says} {in_words(assumed)} is assumed; every length and size depends on it."
    )
    return assumed, "assumed", [warning]


def in_words(spacing_mm: Pair) -> str:
    """``0.07 mm``, or ``0.07 × 0.08 mm`` (between rows × between columns)."""
    rows, columns = (f"{length:.4g}" for length in spacing_mm)
    return f"{rows} mm" if rows == columns else f"{rows} × {columns} mm"


_WORDS = {
    "ImagerPixelSpacing": "Imager Pixel Spacing",
    "NominalScannedPixelSpacing": "Nominal Scanned Pixel Spacing",
    "PixelSpacing": "Pixel Spacing",
}
_SPACING_ATTRIBUTES = {
    "ImagerPixelSpacing": "Imager Pixel Spacing (0018,1164), mm",
    "EstimatedRadiographicMagnificationFactor": "Magnification Factor (0018,1114)",
    "DistanceSourceToDetector": "Distance Source to Detector (0018,1110), mm",
    "DistanceSourceToPatient": "Distance Source to Patient (0018,1111), mm",
    "PixelSpacing": "Pixel Spacing (0028,0030), mm",
    "NominalScannedPixelSpacing": "Nominal Scanned Pixel Spacing (0018,2010), mm",
}


def _statements(header: Dataset) -> Iterator[Statement]:
    for keyword, source in _SPACING_ATTRIBUTES.items():
        if found := numbers(header, keyword):
            yield Statement(source, " × ".join(f"{value:g}" for value in found))


def _is_factor(value: float) -> bool:
    return 1.0 <= value <= 4.0


def _plausible_pair(header: Dataset, keyword: str) -> Pair | None:
    value = pair(header, keyword)
    return value if value and is_plausible(value) else None


def _checked_pair(spacing_mm: float | Pair) -> Pair:
    rows, columns = spacing_mm if isinstance(spacing_mm, tuple | list) else (spacing_mm, spacing_mm)
    if not (math.isfinite(rows) and math.isfinite(columns) and min(rows, columns) > 0):
        raise ParameterError("A pixel spacing is a positive length in millimeters, usually 0.05 to 0.10.")
    return float(rows), float(columns)
