"""A report in PDF as an object of the study (Encapsulated PDF)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from ..base.errors import ResultError
from .composite import new_object, reference
from .source import SourceImage, stable_uid

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
TITLE = "Calcifications: report (research use only, not for diagnosis)"
_LARGEST_FILE = 64 * 2**20


def read_report(path: Path) -> bytes:
    """The content of a PDF file.

    Raises
    ------
    ResultError
        When it is missing, no PDF, or larger than 64 MiB.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ResultError("The report is larger than 64 MiB; give a smaller PDF file.")
        content = path.read_bytes()
    except OSError as error:
        raise ResultError("The report cannot be read; give a PDF file.") from error
    if not content.startswith(b"%PDF-"):
        raise ResultError("The report is no PDF file; give one.")
    return content


def encapsulated_report(sources: Sequence[SourceImage], content: bytes) -> Dataset:
    """A report about the images of a study (PS3.3 A.45.1).

    Parameters
    ----------
    sources : sequence of SourceImage
        Images of one patient and study that the report is about.
    content : bytes
        A PDF file. Another content makes another object.
    """
    made = new_object(sources, SOP_CLASS, "pdf", "DOC")
    digest = hashlib.sha256(content).hexdigest()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = stable_uid(made.SOPInstanceUID, digest)
    made.ConversionType = "WSD"
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.RecognizableVisualFeatures = "NO"
    made.SourceInstanceSequence = [reference(source) for source in sources]
    made.DocumentTitle = TITLE
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    made.EncapsulatedDocumentLength = len(content)
    return made
