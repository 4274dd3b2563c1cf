"""What every object has in common: patient and study of its image, equipment, identity (PS3.3 C.7, C.12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from .. import __version__
from ..base.files import replaced_on_success
from . import codes
from .source import StudyImage, stable_uid

MANUFACTURER, MODEL = "Microcalc", "Microcalc AI"
_SERIES = {  # number and description of the series of each kind of object
    "sr": (9101, "Calcifications: CAD report (research)"),
    "report": (9102, "Calcifications: measurements (research)"),
    "seg": (9103, "Calcifications: outlines (research)"),
    "heatmap": (9104, "Calcifications: probability (research)"),
    "sc": (9105, "Calcifications: picture (research)"),
    "gsps": (9106, "Calcifications: marks (research)"),
    "pdf": (9107, "Calcifications: report (research)"),
}
_PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "OtherPatientIDsSequence"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"),
    *("StudyDescription", "PatientAge", "ClinicalTrialSponsorName", "ClinicalTrialProtocolID"),
)


def series(kind: str) -> tuple[int, str]:
    """Number and description of the series that holds objects of this kind."""
    return _SERIES[kind]


def series_uid(sources: Sequence[StudyImage], kind: str) -> str:
    """One series per study and kind of object."""
    return str(stable_uid(str(sources[0].dataset.StudyInstanceUID), kind, *(source.key for source in sources)))


def new_object(sources: Sequence[StudyImage], sop_class: str, kind: str, modality: str, number: int = 1) -> Dataset:
    """An object without content that belongs to the patient and study of its images."""
    first = sources[0]
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in _PATIENT_AND_STUDY:
        if name in first.dataset:
            made[name] = first.dataset[name]
    made.SOPClassUID = UID(sop_class)
    made.SOPInstanceUID = first.uid(kind, *(source.key for source in sources[1:]))
    made.SeriesInstanceUID = series_uid(sources, kind)
    made.SeriesNumber, made.SeriesDescription = series(kind)
    made.Modality = modality
    made.InstanceNumber = number
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL
    made.SoftwareVersions, made.DeviceSerialNumber = __version__, "0"
    finish(made, first)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def finish(made: Dataset, source: StudyImage) -> None:
    """Times of the analysis, and the equipment that made the image."""
    finish_object(made, source.dataset, source.analyzed)


def finish_object(made: Dataset, image: Dataset, when: datetime) -> None:
    """Times (UTC) of what was found in an image, and the equipment that made the image (PS3.3 C.12.1)."""
    date, time = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    made.InstanceCreationDate = made.ContentDate = made.SeriesDate = date
    made.InstanceCreationTime = made.ContentTime = made.SeriesTime = time
    made.TimezoneOffsetFromUTC = "+0000"
    equipment = Dataset()
    equipment.PurposeOfReferenceCodeSequence = [coded_value(codes.ACQUISITION_EQUIPMENT)]
    equipment.Manufacturer = str(image.get("Manufacturer", "") or "unknown")
    for name in ("InstitutionName", "StationName", "ManufacturerModelName", "SoftwareVersions", "DetectorID"):
        if image.get(name):
            equipment[name] = image[name]
    made.ContributingEquipmentSequence = [equipment]


def coded_value(code: Code) -> Dataset:
    """A coded entry (PS3.3 table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def reference(source: StudyImage) -> Dataset:
    """A reference to the analyzed image."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.dataset.SOPClassUID
    item.ReferencedSOPInstanceUID = source.dataset.SOPInstanceUID
    return item


def evidence(sources: Sequence[StudyImage]) -> list[Dataset]:
    """The images by study and series, as SR documents list their evidence (PS3.3 C.17.2)."""
    studies: dict[str, dict[str, list[Dataset]]] = {}
    for source in sources:
        of_study = studies.setdefault(source.dataset.StudyInstanceUID, {})
        of_study.setdefault(source.dataset.SeriesInstanceUID, []).append(reference(source))
    found = []
    for study, all_series in studies.items():
        item = Dataset()
        item.StudyInstanceUID = study
        item.ReferencedSeriesSequence = []
        for one, references in all_series.items():
            part = Dataset()
            part.SeriesInstanceUID = one
            part.ReferencedSOPSequence = references
            item.ReferencedSeriesSequence.append(part)
        found.append(item)
    return found


def write(made: Dataset, path: Path) -> None:
    """Write an object; nothing half written is left behind."""
    with replaced_on_success(path) as temporary:
        made.save_as(temporary, enforce_file_format=True)
