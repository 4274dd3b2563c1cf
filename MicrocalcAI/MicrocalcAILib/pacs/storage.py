"""Which objects are taken over the network, and the names they get: of digests, never of patients."""

from __future__ import annotations

import hashlib
from io import BytesIO

from pydicom import dcmread

from ..reading.dicom_safety import NATIVE_SYNTAXES, RLE_SYNTAX
from .archive import ArchiveError

IMAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1.2",  # digital mammography, for presentation
    "1.2.840.10008.5.1.4.1.1.1.2.1",  # digital mammography, for processing
    "1.2.840.10008.5.1.4.1.1.1",  # computed radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # digital X-ray, for presentation
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture
)
SYNTAXES = (
    *NATIVE_SYNTAXES,
    RLE_SYNTAX,
    *(f"1.2.840.10008.1.2.4.{last}" for last in (57, 70, 80, 90, 50, 51, 81, 91)),
)
LARGEST_FILE = 512 * 2**20


def study_of(content: bytes) -> str:
    """Study Instance UID of an encoded object (transfer syntaxes of :data:`SYNTAXES` only)."""
    header = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=["StudyInstanceUID"])
    uid = str(header.get("StudyInstanceUID", ""))
    if not uid:
        raise ArchiveError("An image names no study; it was not taken.")
    return uid


def name_of(uid: str) -> str:
    """A name for files and logs that says nothing about the patient."""
    return hashlib.sha256(uid.encode()).hexdigest()[:24]
