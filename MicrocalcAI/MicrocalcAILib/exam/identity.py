"""Whose image this is, of which day, breast and view: what an exam is put together by."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import MicrocalcError
from ..reading.admission import AdmissionCard
from ..reading.dicom_values import number, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CRANIOCAUDAL = ("CC", "XCCL", "XCCM", "XCC", "FB")
OBLIQUE = ("MLO", "ML", "LM", "LMO", "SIO", "ISO")
LATERAL = ("ML", "LM")
_PARTIAL = {"Magnification", "Spot Compression", "Cleavage", "Axillary Tail", "Tangential"}
_YOUNG_YEARS = 40
# CBIS-DDSM writes side and view behind the patient: Mass-Test_P_00173_LEFT_CC
_SIDE_AND_VIEW = re.compile(r"[\s_-]*(LEFT|RIGHT|L|R)[\s_-]*(XCC[LM]?|CC|MLO|ML|LM|LMO)$")
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_DATE_OF_FILE, _DATE_OF_STUDY = "file name", "Study Date (0008,0020)"


@dataclass(frozen=True)
class ImageIdentity:
    """What decides to which exam an image belongs, and what to keep in mind about the patient. No patient data.

    Parameters
    ----------
    name : str
        What the image is called in outputs.
    patient : str
        Digest of the patient's ID, or of the folder the file lies in when the file names no patient.
    study : str
        Digest of the Study Instance UID; empty when there is none.
    date : str
        ``YYYY-MM-DD``, or empty.
    evidence : tuple of str
        Where patient and date were read, e.g. ``Patient ID (0010,0020)``, ``folder``.
    laterality, view, modifiers
        As in :class:`~MicrocalcAILib.reading.admission.AdmissionCard`.
    conflict : bool
        Whether the sources contradict each other about side or view.
    age : int or None
        Years.
    sex : str
        ``F``, ``M``, ``O`` or empty.
    implant : bool
        Breast Implant Present (0028,1300), or a view with the implant displaced.
    angle_degrees : float or None
        Positioner Primary Angle (0018,1510), its size; None when not said.
    equipment : str
        Manufacturer and model.
    """

    name: str
    patient: str = ""
    study: str = ""
    date: str = ""
    evidence: tuple[str, ...] = ()
    laterality: str | None = None
    view: str | None = None
    modifiers: tuple[str, ...] = ()
    conflict: bool = False
    age: int | None = None
    sex: str = ""
    implant: bool = False
    angle_degrees: float | None = None
    equipment: str = ""

    @property
    def label(self) -> str:
        """For people, e.g. ``L CC`` or ``R ML Magnification``."""
        return " ".join((self.laterality or "?", self.view or "?", *self.modifiers))

    @property
    def is_whole(self) -> bool:
        """Whether it shows a whole breast in a known view; magnified and spot views do not."""
        return self.laterality is not None and self.view is not None and not _PARTIAL & set(self.modifiers)

    @property
    def is_craniocaudal(self) -> bool:
        return self.view in CRANIOCAUDAL

    @property
    def is_oblique(self) -> bool:
        """Whether it is oblique or lateral: up in the image is up in the breast."""
        return self.view in OBLIQUE

    @property
    def is_young(self) -> bool:
        """Whether the patient is younger than those who are screened."""
        return self.age is not None and self.age < _YOUNG_YEARS

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ImageIdentity:
        """Of :meth:`to_dict`, also after JSON made its tuples lists."""
        lists = {name: tuple(record[name]) for name in ("evidence", "modifiers")}
        return cls(**{**record, **lists})


def identify(path: Path, name: str, card: AdmissionCard) -> ImageIdentity:
    """Identity of an image by the attributes of a DICOM file; of other files by their folder and name.

    Parameters
    ----------
    path : Path
        The image.
    name : str
        What it is called in outputs.
    card : AdmissionCard
        Of that image.
    """
    attributes = _attributes(path)
    patient = "" if attributes is None else _SIDE_AND_VIEW.sub("", text(attributes, "PatientID"))
    date, source = _date(path, attributes)
    identity = ImageIdentity(
        name,
        patient=_digest(patient or str(Path(path).absolute().parent)),
        date=date,
        evidence=("Patient ID (0010,0020)" if patient else "folder", *([source] if date else [])),
        laterality=card.laterality,
        view=card.view,
        modifiers=card.view_modifiers,
        conflict=card.side_conflict or card.view_conflict,
    )
    if attributes is None:
        return identity
    angle, study = number(attributes, "PositionerPrimaryAngle"), text(attributes, "StudyInstanceUID")
    return replace(
        identity,
        study=_digest(study) if study else "",
        age=_age(attributes, date),
        sex=text(attributes, "PatientSex")[:1],
        implant=text(attributes, "BreastImplantPresent") == "YES" or "Implant Displaced" in card.view_modifiers,
        angle_degrees=None if angle is None else abs(angle),
        equipment=" ".join(filter(None, (text(attributes, "Manufacturer"), text(attributes, "ManufacturerModelName")))),
    )


def _attributes(path: Path) -> Dataset | None:
    from ..reading.dicom_safety import read_header
    from ..reading.reader import file_kind

    try:
        return read_header(path).attributes if file_kind(path) == "DICOM" else None
    except (MicrocalcError, OSError):
        return None


def _date(path: Path, attributes: Dataset | None) -> tuple[str, str]:
    """ISO date and where it was read; of a file without attributes, from its name or its folder's."""
    if attributes is not None:
        for keyword in ("StudyDate", "AcquisitionDate", "ContentDate"):
            if match := _DATE.search(text(attributes, keyword)):
                return "-".join(match.groups()), _DATE_OF_STUDY if keyword == "StudyDate" else keyword
        return "", ""
    for part in (path.name, path.parent.name):
        if match := _DATE.search(part):
            return "-".join(match.groups()), _DATE_OF_FILE
    return "", ""


def _age(attributes: Dataset, date: str) -> int | None:
    said = re.fullmatch(r"0*(\d{1,3})Y", text(attributes, "PatientAge"))
    if said:
        return int(said[1])
    born = _DATE.search(text(attributes, "PatientBirthDate"))
    if not (born and date):
        return None
    year, month, day = map(int, date.split("-"))
    years = year - int(born[1]) - ((month, day) < (int(born[2]), int(born[3])))
    return years if 0 <= years < 130 else None


def _digest(value: str) -> str:
    return sha256(value.encode()).hexdigest()[:16]
