"""Mammograms in DICOM files: digital (MG, DX, CR) and scanned film (secondary capture)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UnsupportedImageError, WarningRecord
from ..base.volumes import CANNOT_BE_CHECKED
from .admission import DECODER_COMPLAINED, AdmissionCard, BitUse
from .content import FileSpacing, ImageContent, damage_reported, gray_channel
from .dicom_pixels import decode_frame
from .dicom_safety import DicomHeader, check_image_attributes, read_header, read_pixel_data
from .dicom_values import number, text, values
from .intensities import intensities_of_dicom, is_for_processing
from .kinds import KINDS, admit, kinds_of_dicom
from .sides import side_and_view
from .spacing import magnification_of_dicom, spacing_of_dicom
from .views import View

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# OT and empty: digitized film and anonymized files.
_MODALITIES = ("MG", "CR", "DX", "RG", "SC", "OT", "")
_OTHER_MODALITIES = {
    "US": "an ultrasound image",
    "CT": "a CT image",
    "MR": "an MR image",
    "PT": "a PET image",
    "NM": "a nuclear medicine image",
    "SR": "a structured report",
    "SEG": "a segmentation",
    "PR": "a presentation state",
}
_MAGNIFIED = 1.3  # contact views lie between 1.0 and 1.1, magnification views between 1.5 and 1.8
# Always lossy; of JPEG-LS and JPEG 2000 only where the file does not deny it.
_LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_POSSIBLY_LOSSY = ("1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91")
_DIRECTION = re.compile("[APRLHF]{1,3}")


@dataclass(frozen=True)
class DicomDescription:
    """What the attributes of a mammogram say, without its pixels.

    Parameters
    ----------
    view : View
    spacing : FileSpacing
    admission : AdmissionCard
        Kind, side and view, with their evidence.
    warnings : tuple of WarningRecord
        Those that do not depend on the pixels or on how they are stored.
    is_for_processing : bool
        Raw data of the detector.
    patient_orientation : tuple of str
        Patient Orientation (0020,0020): where columns and rows grow to, as ``("P", "FL")``; empty when it says
        anything else than two directions.
    study_year : str
        Four digits, or empty.
    """

    view: View
    spacing: FileSpacing
    admission: AdmissionCard
    warnings: tuple[WarningRecord, ...]
    is_for_processing: bool
    patient_orientation: tuple[str, ...]
    study_year: str


def describe_dicom(path: Path, byte_budget: int = 512 * 2**20) -> DicomDescription:
    """Say what a file holds, in milliseconds, with the same checks as :func:`read_dicom` makes before decoding.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        As :func:`MicrocalcAILib.reading.read_mammogram`, unless only the pixel data are damaged.
    """
    with damage_reported("DICOM"):
        return _description(_checked_header(path, byte_budget))


def read_dicom(path: Path, byte_budget: int) -> ImageContent:
    """Read one mammogram; see :func:`MicrocalcAILib.reading.read_mammogram`."""
    header = _checked_header(path, byte_budget)
    attributes = header.attributes
    description = _description(header)
    view = description.view
    frame = decode_frame(header, read_pixel_data(path, header, byte_budget))

    stored, opaque, warnings = frame.stored, None, list[WarningRecord]()
    if stored.ndim == 3:
        stored, opaque, warnings = gray_channel(stored)
    intensities = intensities_of_dicom(stored, attributes, frame.bits)
    valid = intensities.valid if opaque is None else opaque

    seen = stored[valid] if valid is not None and valid.any() else stored

    warnings += [*header.warnings, *frame.warnings, *intensities.warnings, *description.warnings]
    return ImageContent(
        pixels=intensities.pixels,
        valid=valid,
        spacing=description.spacing,
        laterality=view.laterality,
        view=view.view,
        view_modifiers=view.modifiers,
        stated_chest_wall_side={"A": "left", "P": "right"}.get(text(attributes, "PatientOrientation")[:1]),
        display_window=intensities.display_window,
        origin_lps_mm=frame.origin_lps_mm,
        direction_lps=frame.direction_lps,
        warnings=warnings,
        source={
            "kind": "DICOM",
            "bits_stored": frame.bits,
            "transfer_syntax": header.transfer_syntax.name,
            "photometric_interpretation": text(attributes, "PhotometricInterpretation"),
            "intensities": intensities.treatment,
            "header_spacing_mm": list(frame.spacing_mm),
            "manufacturer": text(attributes, "Manufacturer"),
            "manufacturer_model": text(attributes, "ManufacturerModelName"),
        },
        admission=replace(
            description.admission,
            bits=BitUse(
                int(attributes.BitsAllocated),
                frame.bits,
                int(number(attributes, "HighBit") or attributes.BitsStored - 1),
                float(seen.min()),
                float(seen.max()),
            ),
            padding=intensities.padding,
            polarity=intensities.treatment,
            integrity=DECODER_COMPLAINED if frame.has_complaints else CANNOT_BE_CHECKED,
        ),
    )


def _checked_header(path: Path, byte_budget: int) -> DicomHeader:
    header = read_header(path)
    _spread_functional_groups(header.attributes)
    _refuse_other_objects(header.attributes)
    check_image_attributes(header, byte_budget)
    return header


def _description(header: DicomHeader) -> DicomDescription:
    attributes = header.attributes
    said = side_and_view(attributes)
    view = said.view
    factor = magnification_of_dicom(attributes).factor
    magnified = "Magnification" in view.modifiers or (factor or 1) > _MAGNIFIED
    raw = is_for_processing(attributes)
    found = kinds_of_dicom(attributes, view, magnified, raw)
    spacing = spacing_of_dicom(attributes, magnified)
    directions = tuple(str(value).strip().upper() for value in values(attributes, "PatientOrientation"))
    are_directions = len(directions) == 2 and all(_DIRECTION.fullmatch(word) for word in directions)
    year = re.match(r"\d{4}", text(attributes, "StudyDate"))
    return DicomDescription(
        view=view,
        spacing=spacing,
        admission=AdmissionCard(
            kind=found.kinds[0],
            kind_words=KINDS[found.kinds[0]].words,
            kind_evidence=found.evidence,
            side_statements=said.side_statements,
            view_statements=said.view_statements,
        ),
        warnings=(*admit(found), *_warnings(attributes, str(header.transfer_syntax), view), *said.warnings),
        is_for_processing=raw,
        patient_orientation=directions if are_directions else (),
        study_year=year[0] if year else "",
    )


def _spread_functional_groups(attributes: Dataset) -> None:
    """Copy the macros of an enhanced object's one frame (spacing, laterality, window) to the top level."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for item in values(attributes, groups)[:1]:
            for macro in item:
                for element in macro.value[0] if macro.VR == "SQ" and macro.value else ():
                    if element.tag not in attributes:
                        attributes.add(element)


def _refuse_other_objects(attributes: Dataset) -> None:
    if "DirectoryRecordSequence" in attributes:
        raise UnsupportedImageError("This is a DICOMDIR, an index of files; choose one of the images it lists.")
    modality = text(attributes, "Modality")
    if modality not in _MODALITIES:
        what = _OTHER_MODALITIES.get(modality, "an object of another modality")
        raise UnsupportedImageError(f"The file holds {what}, not a mammogram; choose a file of modality MG.")


def _warnings(attributes: Dataset, transfer_syntax: str, view: View) -> list[WarningRecord]:
    lossy = text(attributes, "LossyImageCompression")
    found = {
        "implant-displaced": "Implant Displaced" in view.modifiers,
        "implant-present": text(attributes, "BreastImplantPresent") == "YES",
        "partial-view": text(attributes, "PartialView") == "YES",
        "lossy-compression": lossy == "01"
        or transfer_syntax in _LOSSY
        or (transfer_syntax in _POSSIBLY_LOSSY and lossy != "00"),
        "burned-in-annotation": text(attributes, "BurnedInAnnotation") == "YES",
        "quality-control-image": text(attributes, "QualityControlImage") == "YES",
        "other-body-part": text(attributes, "BodyPartExamined") not in ("", "BREAST"),
    }
    return [WarningRecord(code, _MESSAGES[code]) for code, holds in found.items() if holds]


_MESSAGES = {
    "implant-displaced": "The implant is displaced in this view; it shows only a part of the breast.",
    "implant-present": "The breast holds an implant; calcifications behind it are hidden and its edge may be marked.",
    "partial-view": "This image shows only a part of the breast.",
    "lossy-compression": "The image was compressed with loss; faint calcifications may be missing or altered.",
    "burned-in-annotation": "Text is burned into the pixels; it may name the patient, and letters may be marked.",
    "quality-control-image": "This is an image of a test object, not of a patient.",
    "other-body-part": "The file does not name the breast as the body part examined.",
}
