"""The image that an analysis belongs to: what its results have to say about patient, study and equipment."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from .. import __version__
from ..analysis import Analysis
from ..base.errors import ResultError
from ..base.provenance import sha256_of_file
from ..base.tables import table_text
from ..reading.dicom_safety import read_header
from ..reading.reader import file_kind
from ..reading.sides import side_and_view
from .captured import captured_image
from .given import NEEDED, is_complete

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_EMPTY_WHERE_UNKNOWN = (  # of patient and study, type 2
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)


@dataclass(frozen=True)
class StudyImage(ABC):
    """An image that objects are about.

    Parameters
    ----------
    dataset : Dataset
        The attributes before the pixel data; those of patient and study that may be empty are there.
    key : str
        The same key for the same findings, another one after any change. UIDs of the objects made from them follow
        from it.
    """

    dataset: Dataset
    key: str

    @property
    @abstractmethod
    def laterality(self) -> str:
        """``L``, ``R``, or empty."""

    @property
    @abstractmethod
    def view(self) -> str:
        """``CC``, ``MLO`` …, or empty."""

    @property
    @abstractmethod
    def analyzed(self) -> datetime:
        """When the analysis was made (UTC)."""

    def uid(self, *kind: str) -> UID:
        """A UID that is the same for the same findings of the same image (PS3.5 annex B)."""
        return stable_uid(str(self.dataset.SOPInstanceUID), self.key, *kind)


@dataclass(frozen=True)
class FailedImage(StudyImage):
    """An image whose analysis failed.

    Parameters
    ----------
    tried : datetime
        When (UTC).
    """

    tried: datetime

    @property
    def laterality(self) -> str:
        return side_and_view(self.dataset).view.laterality or ""

    @property
    def view(self) -> str:
        return side_and_view(self.dataset).view.view or ""

    @property
    def analyzed(self) -> datetime:
        return self.tried


@dataclass(frozen=True)
class SourceImage(StudyImage):
    """An analyzed image and what was found in it; its key is the SHA-256 of what was found and of how.

    Parameters
    ----------
    analysis : Analysis
    captured : Dataset, optional
        The image itself as an object, where its file is none.
    """

    analysis: Analysis
    captured: Dataset | None = None

    @property
    def laterality(self) -> str:
        """``L``, ``R``, or empty."""
        return str(self.analysis.provenance.get("laterality") or "")

    @property
    def view(self) -> str:
        """``CC``, ``MLO`` …, or empty."""
        return str(self.analysis.provenance.get("view") or "")

    @property
    def analyzed(self) -> datetime:
        """When the analysis was made (UTC)."""
        return datetime.fromisoformat(self.analysis.provenance["created"])


def stable_uid(*parts: str) -> UID:
    """A UID that depends on nothing but these texts."""
    return generate_uid(entropy_srcs=["microcalc", *parts])


def read_source(path: Path, analysis: Analysis, given: Mapping[str, str] | None = None) -> SourceImage:
    """Read what the analyzed file says about patient, study and image.

    Parameters
    ----------
    path : Path
        The file that was analyzed.
    analysis : Analysis
    given : mapping, optional
        See :func:`~.given.given_attributes`. Of a file that is no DICOM file they are its patient and study; a DICOM
        file must not contradict them.

    Raises
    ------
    ResultError
        When the file is another one than the analyzed image, of another patient or study than given, or lacks what its
        results must refer to.
    UnreadableImageError, UnsupportedImageError
        When the file cannot be read.
    """
    given = given or {}
    check_attributes(path, given)
    if sha256_of_file(path) not in digests_of(analysis):
        raise ResultError("These results belong to another image; give the file that was analyzed.")
    if file_kind(path) == "DICOM":
        captured, attributes = None, read_header(path).attributes
        shape = (attributes.Rows, attributes.Columns)
    else:
        captured = captured_image(path, analysis, given)
        attributes = Dataset({element.tag: element for element in captured if element.keyword != "PixelData"})
        shape = (captured.Rows, captured.Columns)
    if shape != analysis.labels.shape:
        raise ResultError("The label map has another size than the image; please analyze the image again.")
    complete_attributes(attributes)
    if captured is not None:
        complete_attributes(captured)
    attributes.PatientOrientation = _orientation(attributes)
    return SourceImage(attributes, _key(analysis), analysis, captured)


def read_failed(path: Path, tried: datetime) -> FailedImage:
    """Read what a DICOM image that could not be analyzed says about patient, study and itself.

    Raises
    ------
    ResultError
        When it lacks what a report must refer to.
    UnreadableImageError, UnsupportedImageError
        When the file cannot be read, not even its attributes.
    """
    attributes = complete_attributes(read_header(path).attributes)
    attributes.PatientOrientation = _orientation(attributes)
    return FailedImage(attributes, f"failed {__version__}", tried)


def digests_of(analysis: Analysis) -> list[str]:
    """SHA-256 of the analyzed file, and before it that of the file which it is a copy of (an image from Slicer)."""
    source = analysis.provenance.get("source", {})
    found = (source.get("loaded_from", {}).get("sha256"), source.get("sha256"))
    return [digest for digest in found if digest]


def complete_attributes(attributes: Dataset) -> Dataset:
    """The attributes of an image with those of patient and study that may be empty, made where they are missing.

    Raises
    ------
    ResultError
        When the image lacks the UIDs that its results must refer to.
    """
    missing = [name for name in _NEEDED if not attributes.get(name)]
    if missing:
        raise ResultError(f"The image lacks {', '.join(missing)}, which its results must refer to; export it again.")
    for name in _EMPTY_WHERE_UNKNOWN:
        if name not in attributes:
            setattr(attributes, name, "")
    return attributes


def check_attributes(path: Path, given: Mapping[str, str]) -> None:
    """Refuse an image whose patient and study are not known, or others than given.

    Raises
    ------
    ResultError
    UnreadableImageError, UnsupportedImageError
        When the file cannot be read.
    """
    if not path.is_file():
        raise ResultError("There is no such image file; give the file that was analyzed.")
    if file_kind(path) != "DICOM":
        if not is_complete(given):
            raise ResultError(
                "DICOM objects belong to a patient and a study, which this file does not name; give its "
                f"{' and '.join(NEEDED)}."
            )
        return
    attributes = read_header(path).attributes
    for name in NEEDED:
        if name in given and given[name] != str(attributes.get(name, "")):
            raise ResultError(f"The image has another {name} than the given one; nothing was written.")


def _orientation(header: Dataset) -> list[str] | str:
    """Patient Orientation where it is one (scanned films carry the view there); else empty."""
    values = [str(value) for value in np.atleast_1d(header.get("PatientOrientation") or [])]
    return values if len(values) == 2 and all(set(value) <= set("ALRPHF") for value in values) else ""


def _key(analysis: Analysis) -> str:
    digest = hashlib.sha256()
    for part in _findings(analysis):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def _findings(analysis: Analysis) -> Iterator[bytes]:
    """What decides the objects' content; neither times nor timings."""
    yield analysis.labels.astype("<i4").tobytes()
    yield table_text(analysis.calcifications).encode()
    yield table_text(analysis.clusters).encode()
    record = {name: analysis.provenance.get(name) for name in ("source", "parameters", "selector", "description")}
    record["version"] = analysis.provenance.get("versions", {}).get("microcalc")
    yield json.dumps([record, analysis.words], sort_keys=True).encode()
    for heatmap in analysis.heatmaps:
        yield heatmap.task.encode() + heatmap.probabilities.tobytes()
