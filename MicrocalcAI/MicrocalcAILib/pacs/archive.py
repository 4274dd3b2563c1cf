"""Archives of images: what can be asked of them, whatever they speak."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from ..base.errors import MicrocalcError, ParameterError

MAMMOGRAPHY = "MG"


class ArchiveError(MicrocalcError):
    """An archive was not reached, or refused what it was asked for."""


@dataclass(frozen=True)
class Query:
    """Which images are wanted; what is empty does not limit the search.

    Parameters
    ----------
    patient_id : str
    study_uid : str
    dates : str
        ``YYYYMMDD``, or a range ``YYYYMMDD-YYYYMMDD`` whose ends may be left out.
    modality : str
        ``MG`` by default; empty for any.
    """

    patient_id: str = ""
    study_uid: str = ""
    dates: str = ""
    modality: str = MAMMOGRAPHY

    def __post_init__(self) -> None:
        for field in fields(self):
            if any(sign in getattr(self, field.name) for sign in "*?\\"):
                raise ParameterError("Wildcards are not allowed here: they could fetch other patients' images.")
        if self.dates and not re.fullmatch(r"\d{8}|\d{8}-(\d{8})?|-\d{8}", self.dates):
            raise ParameterError(f"“{self.dates}” is no date; write 20260131 or 20260101-20260131.")
        if not (self.patient_id or self.study_uid or self.dates):
            raise ParameterError("Say which images: give a patient, a study or dates.")


@dataclass(frozen=True)
class Instance:
    """One stored image: UIDs of study, series and image, and its SOP class."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str = ""


class Archive(Protocol):
    """Something that stores images."""

    def find(self, query: Query) -> list[Instance]:
        """The images that fit; raises ArchiveError."""

    def fetch(self, instances: Sequence[Instance], folder: Path) -> Iterator[Path]:
        """Files of the images, each as soon as it is complete; raises ArchiveError."""

    def send(self, files: Sequence[Path]) -> None:
        """Store files; returns when all were accepted, raises ArchiveError."""
