"""Elasticity stored as values: NRRD, MetaImage and NIfTI files, DICOM Enhanced US Volumes and Parametric Maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError, WarningRecord
from MicrocalcAILib.base.provenance import provenance
from MicrocalcAILib.base.volumes import read_volume
from MicrocalcAILib.reading.dicom_values import number, numbers, text, values

from ..elastogram import Direction, Elastogram, Quality, Unit, impossible_value
from .dicom_file import DicomFile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ENHANCED_US_VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"
PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
UNIT_KEY = "MicrocalcElastography.unit"
"""Metadata field of an NRRD or MetaImage file that names the unit of its values."""
DIRECTION_KEY = "MicrocalcElastography.direction"
_ELASTICITY = "ELASTICITY"  # Data Type (0018,9808)
# Codes of the unified code for units of measure, with the factor to the unit used here.
_UNITS_OF_CODES = {
    "kPa": (Unit.KILOPASCAL, 1.0),
    "Pa": (Unit.KILOPASCAL, 1e-3),
    "m/s": (Unit.METERS_PER_SECOND, 1.0),
    "cm/s": (Unit.METERS_PER_SECOND, 1e-2),
    "mm/s": (Unit.METERS_PER_SECOND, 1e-3),
}


@dataclass(frozen=True)
class ValueMeaning:
    """What the user says about a map of values; None where the file is to tell.

    Parameters
    ----------
    unit : Unit or None
    direction : Direction or None
        Only needed for strain.
    void_value : float or None
        Value of pixels without elasticity (in DICOM: the stored value, before it is mapped to real-world values); None
        when every finite pixel is valid. Void is never soft, and scanners write 0 where they measured nothing.
    spacing_mm : (float, float) or None
        Between rows, between columns; replaces that of the file.
    slice_spacing_mm : float or None
        Between slices; replaces that of the file.
    """

    unit: Unit | None = None
    direction: Direction | None = None
    void_value: float | None = 0.0
    spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None


def value_map(
    stored: NDArray[Any],
    meaning: ValueMeaning,
    spacing_mm: tuple[float, float] | None,
    spacing_source: str,
    source: dict[str, Any],
    warnings: tuple[WarningRecord, ...] = (),
) -> Elastogram:
    """An elastogram from an array of values, shape (rows, columns).

    Raises
    ------
    ParameterError
        When the unit, or for strain its direction, is not known.
    """
    if meaning.unit is None:
        raise ParameterError("The file does not tell the unit of its values; say kPa, m/s or strain.")
    direction = Direction.STIFFER_IS_HIGHER if meaning.unit != Unit.STRAIN else meaning.direction
    if direction is None:
        raise ParameterError("Say whether higher values of this strain map mean softer or stiffer tissue.")
    with np.errstate(over="ignore"):
        map_values = np.array(stored, np.float32)
    valid = np.isfinite(map_values)
    if meaning.unit != Unit.STRAIN:
        valid &= map_values >= 0.0
    if meaning.void_value is not None:
        valid &= map_values != meaning.void_value
    map_values[~valid] = np.nan
    impossible = impossible_value(float(map_values[valid].max()), meaning.unit) if valid.any() else None
    if impossible is not None:
        raise ParameterError(impossible)
    between = meaning.slice_spacing_mm or source.get("slice_spacing_mm")
    if meaning.spacing_mm is not None:
        spacing_mm, spacing_source = meaning.spacing_mm, "given by the user"
    if spacing_mm is None:
        unknown = WarningRecord(
            "spacing-unknown", "The file does not tell the size of a pixel; enter it to measure in millimeters."
        )
        warnings = (*warnings, unknown)
    return Elastogram(
        values=map_values,
        valid=valid,
        unit=meaning.unit,
        direction=direction,
        quality=Quality(pixels=valid.size, void_fraction=float(1.0 - valid.mean())),
        spacing_mm=spacing_mm,
        spacing_source=spacing_source if spacing_mm is not None else "unknown",
        warnings=warnings,
        source=provenance(**source) | ({"slice_spacing_mm": between} if between else {}),
    )


def read_value_file(
    path: Path, kind: str, slice_number: int, meaning: ValueMeaning, byte_budget: int, source: dict[str, Any]
) -> Elastogram:
    """One slice of an NRRD, MetaImage or NIfTI file (``kind``).

    Unit and direction come from ``meaning`` or from the fields `UNIT_KEY` and `DIRECTION_KEY` of the file. A spacing of
    exactly 1 mm in both directions is what programs write that know none; it is not believed.
    """
    volume = read_volume(path, kind, byte_budget, slice_number)
    if volume.samples.shape[2] != 1:
        raise UnsupportedImageError(
            "The file holds colors, not values; save the screen as PNG to have its colors turned into values."
        )
    fields = {key: volume.fields[key] for key in (UNIT_KEY, DIRECTION_KEY) if key in volume.fields}
    unknown = volume.spacing_mm == (1.0, 1.0)
    return value_map(
        volume.samples[..., 0],
        replace(
            meaning,
            unit=meaning.unit or _named(Unit, fields.get(UNIT_KEY)),
            direction=meaning.direction or _named(Direction, fields.get(DIRECTION_KEY)),
        ),
        None if unknown else volume.spacing_mm,
        f"{kind} header",
        {
            **source,
            "kind": kind,
            "slice": slice_number,
            "slices": volume.slices,
            "slice_spacing_mm": None if unknown else volume.slice_spacing_mm,
        },
    )


def is_value_map(attributes: Dataset) -> bool:
    """Whether a DICOM object stores values rather than a screen."""
    return text(attributes, "SOPClassUID") in (ENHANCED_US_VOLUME, PARAMETRIC_MAP)


def read_dicom_value_map(
    file: DicomFile, frame: int | None, meaning: ValueMeaning, source: dict[str, Any]
) -> Elastogram:
    """One frame of an Enhanced US Volume (data type ELASTICITY) or Parametric Map, through its real-world values.

    Parameters
    ----------
    file : DicomFile
    frame : int or None
        None takes the first frame that holds elasticity.
    meaning : ValueMeaning
        Its unit replaces the one of the file, and is needed when the file has no real-world values.
    source : dict

    Raises
    ------
    UnsupportedImageError
        When no frame, or not this one, holds elasticity.
    """
    attributes = file.attributes
    if frame is None:
        frame = next((n for n in range(file.number_of_frames) if _holds_elasticity(attributes, n)), 0)
    file.check_frame_number(frame)
    if not _holds_elasticity(attributes, frame):
        raise UnsupportedImageError(
            "This frame holds no elasticity values (its data type is not ELASTICITY); choose another frame."
        )
    stored = file.stored_frame(frame).astype(np.float64)
    mapped, unit = _real_world_values(stored, attributes, frame)
    void = (stored == meaning.void_value) if meaning.void_value is not None else np.zeros(stored.shape, dtype=bool)
    measures = _macro(attributes, "PixelMeasuresSequence", frame) or attributes
    spacing = numbers(measures, "PixelSpacing")
    between = number(measures, "SpacingBetweenSlices") or number(measures, "SliceThickness")
    return value_map(
        np.where(void, np.nan, mapped),
        replace(meaning, unit=meaning.unit or unit, void_value=None),
        (spacing[0], spacing[1]) if len(spacing) == 2 else None,
        "Pixel Measures of the DICOM file",
        {
            **source,
            "kind": "DICOM",
            "frame": frame,
            "frames": file.number_of_frames,
            "slice_spacing_mm": between,
        },
    )


def _holds_elasticity(attributes: Dataset, frame: int) -> bool:
    if text(attributes, "SOPClassUID") != ENHANCED_US_VOLUME:
        return True
    macro = _macro(attributes, "ImageDataTypeSequence", frame)
    return macro is not None and text(macro, "DataType") == _ELASTICITY


def _macro(attributes: Dataset, keyword: str, frame: int) -> Dataset | None:
    """Item of a functional group: of the frame, else shared by all frames, else of the image itself."""
    per_frame = values(attributes, "PerFrameFunctionalGroupsSequence")
    groups = [*per_frame[frame : frame + 1], *values(attributes, "SharedFunctionalGroupsSequence")[:1], attributes]
    return next((items[0] for group in groups if (items := values(group, keyword))), None)


def _real_world_values(stored: NDArray[Any], attributes: Dataset, frame: int) -> tuple[NDArray[Any], Unit | None]:
    """Values through slope and intercept or look-up table (0040,9096), and their unit."""
    mapping = _macro(attributes, "RealWorldValueMappingSequence", frame)
    if mapping is None:
        return stored, None
    codes = values(mapping, "MeasurementUnitsCodeSequence")
    code = str(values(codes[0], "CodeValue")[0]) if codes and values(codes[0], "CodeValue") else ""
    unit, factor = _UNITS_OF_CODES.get(code, (None, 1.0))
    table = numbers(mapping, "RealWorldValueLUTData")
    first = number(mapping, "RealWorldValueFirstValueMapped")
    if table and first is not None:
        index = np.clip(stored - first, 0, len(table) - 1).astype(np.intp)
        return np.array(table)[index] * factor, unit
    slope, intercept = number(mapping, "RealWorldValueSlope"), number(mapping, "RealWorldValueIntercept")
    if slope is None or intercept is None:
        return stored, None
    return (stored * slope + intercept) * factor, unit


def _named(kind: type[Any], name: str | None) -> Any:
    return next((member for member in kind if member.value == name), None)
