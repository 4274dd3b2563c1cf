"""Attributes of patient and study that the user gives, for images whose files carry none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.valuerep import validate_value

from ..base.errors import ParameterError

NEEDED = ("PatientID", "StudyInstanceUID")
KEYWORDS = (
    *NEEDED,
    *("PatientName", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber", "ReferringPhysicianName"),
    *("Manufacturer", "ManufacturerModelName", "InstitutionName", "StationName"),
)
"""What may be given: keywords of the DICOM dictionary."""


def given_attributes(file: Path | None = None, patient_id: str = "", study_uid: str = "") -> dict[str, str]:
    """What the user says about patient and study, checked.

    Parameters
    ----------
    file : Path, optional
        JSON object with keywords of :data:`KEYWORDS` and their texts.
    patient_id, study_uid : str
        Patient ID and Study Instance UID; they win over the file's.

    Returns
    -------
    dict of str to str
        Empty when nothing was given.

    Raises
    ------
    ParameterError
        When the file cannot be read, a keyword is unknown, or a text is none of its kind.
    """
    given = _read(file) if file is not None else {}
    given.update({name: text for name, text in zip(NEEDED, (patient_id, study_uid), strict=True) if text})
    for name, text in given.items():
        try:
            validate_value(dictionary_VR(name), text, RAISE)
        except ValueError:
            raise ParameterError(f"The given {name} is no valid text of its kind; see DICOM PS3.5, 6.2.") from None
    return given


def is_complete(given: Mapping[str, str]) -> bool:
    """Whether patient and study are named."""
    return all(given.get(name) for name in NEEDED)


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ParameterError(f"The file of attributes cannot be read as JSON ({type(error).__name__}).") from error
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ParameterError('The file of attributes holds keywords and texts, as {"PatientID": "…", …}.')
    unknown = sorted(content.keys() - set(KEYWORDS))
    if unknown:
        raise ParameterError(
            f"“{unknown[0]:.40}” is no attribute that can be given; choose from: {', '.join(KEYWORDS)}."
        )
    return content
