"""The report beside the images it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.dicom.composite import write
from MicrocalcAILib.dicom.source import complete_attributes
from MicrocalcAILib.reading.dicom_safety import read_header
from MicrocalcAILib.reading.reader import file_kind

from ..assessment import Assessment
from ..readings import Reading
from .report import Acquisition, elastography_report


def acquisitions_of(
    files: Sequence[Path], assessments: Sequence[Assessment], readings: Sequence[Reading]
) -> list[Acquisition]:
    """What was measured in each file, with what the file says about patient, study and image.

    Raises
    ------
    ResultError
        When a file is no DICOM image, lacks what the report must refer to, or is of another patient or study than the
        first.
    """
    made = []
    for file, assessment, reading in zip(files, assessments, readings, strict=True):
        if file_kind(file) != "DICOM":
            raise ResultError("A DICOM report refers to DICOM images; measure the images as the scanner exported them.")
        made.append(Acquisition(complete_attributes(read_header(file).attributes), assessment, reading))
    for name in ("PatientID", "StudyInstanceUID"):
        if len({str(one.image.get(name)) for one in made}) > 1:
            raise ResultError("These images are of different patients or studies; write the report of each apart.")
    return made


def write_report(acquisitions: Sequence[Acquisition], path: Path) -> None:
    """Write the report of a lesion's acquisitions."""
    write(elastography_report(acquisitions, datetime.now(UTC)), path)
