"""The DICOM image that an analysis belongs to: what its results have to say about patient, study and equipment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid

from ..analysis import Analysis
from ..base.errors import ResultError
from ..base.provenance import sha256_of_file
from ..reading.dicom_safety import read_header
from ..reading.reader import file_kind

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_EMPTY_WHERE_UNKNOWN = (  # of patient and study, type 2
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)


@dataclass(frozen=True)
class SourceImage:
    """An analyzed DICOM image and what was found in it.

    Parameters
    ----------
    dataset : Dataset
        The attributes before the pixel data; those of patient and study that may be empty are there.
    analysis : Analysis
    key : str
        SHA-256 of what was found and of how: the same key for the same findings, another one after any change. UIDs of
        the objects made from them follow from it.
    """

    dataset: Dataset
    analysis: Analysis
    key: str

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

    def uid(self, *kind: str) -> UID:
        """A UID that is the same for the same findings of the same image (PS3.5 annex B)."""
        return stable_uid(str(self.dataset.SOPInstanceUID), self.key, *kind)


def stable_uid(*parts: str) -> UID:
    """A UID that depends on nothing but these texts."""
    return generate_uid(entropy_srcs=["microcalc", *parts])


def read_source(path: Path, analysis: Analysis) -> SourceImage:
    """Read the header of the image that was analyzed.

    Raises
    ------
    ResultError
        When the file is another one than the analyzed image, or lacks the UIDs that its results must refer to.
    UnreadableImageError, UnsupportedImageError
        When the file cannot be read as DICOM.
    """
    if file_kind(path) != "DICOM":
        raise ResultError("DICOM objects refer to a DICOM image; the results of other files have none to refer to.")
    header = read_header(path)
    analyzed = analysis.provenance.get("source", {}).get("sha256")
    if analyzed is None or sha256_of_file(path) != analyzed:
        raise ResultError("These results belong to another image; give the DICOM file that was analyzed.")
    if header.shape != analysis.labels.shape:
        raise ResultError("The label map has another size than the image; please analyze the image again.")
    missing = [name for name in _NEEDED if not header.attributes.get(name)]
    if missing:
        raise ResultError(f"The image lacks {', '.join(missing)}, which its results must refer to; export it again.")
    for name in _EMPTY_WHERE_UNKNOWN:
        if name not in header.attributes:
            setattr(header.attributes, name, "")
    header.attributes.PatientOrientation = _orientation(header.attributes)
    return SourceImage(header.attributes, analysis, _key(analysis))


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
    yield analysis.calcifications.to_csv(index=False).encode()
    yield analysis.clusters.to_csv(index=False).encode()
    record = {name: analysis.provenance.get(name) for name in ("source", "parameters", "selector", "description")}
    record["version"] = analysis.provenance.get("versions", {}).get("microcalc")
    yield json.dumps([record, analysis.words], sort_keys=True).encode()
    for heatmap in analysis.heatmaps:
        yield heatmap.task.encode() + heatmap.probabilities.tobytes()
