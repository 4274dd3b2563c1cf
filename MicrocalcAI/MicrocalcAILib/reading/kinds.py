"""Which kinds of images there are, how a DICOM file shows its kind, and what is done with each: two tables to read.

Image Type (0008,0008) follows DICOM PS3.3 C.8.11.7.1.4 (mammography) and C.8.21.6.1.1 (breast tomosynthesis).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..base.errors import UnsupportedImageError, WarningRecord
from .admission import Statement
from .dicom_values import text, values
from .views import View

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ANALYZED, WARNED, REFUSED = "analyzed", "analyzed with a warning", "refused"


class Kind(NamedTuple):
    """What a kind of image is called, and what is done with it.

    Parameters
    ----------
    words : str
    treatment : str
        ``ANALYZED``, ``WARNED`` or ``REFUSED``. A kind known from free text alone is never refused, only warned of.
    code, message : str
        Of the warning; the message is also the refusal.
    """

    words: str
    treatment: str = ANALYZED
    code: str = ""
    message: str = ""


KINDS = {
    "presentation": Kind("conventional mammogram, for presentation"),
    "processing": Kind(
        "conventional mammogram, for processing", WARNED, "for-processing",
        "This is a raw image (For Processing); results were measured on images For Presentation and do not carry over.",
    ),
    "synthetic": Kind(
        "synthetic 2D image from tomosynthesis", WARNED, "synthetic-2d",
        "This is a synthetic 2D image from tomosynthesis; specks in it may be artifacts or be enhanced.",
    ),
    "tomosynthesis-slice": Kind(
        "tomosynthesis slice", WARNED, "tomosynthesis-slice",
        "This is one slice of a tomosynthesis stack; it shows only the calcifications of its depth, and detection was "
        "measured on 2D images.",
    ),
    "tomosynthesis-projection": Kind(
        "tomosynthesis projection", REFUSED, "tomosynthesis-projection",
        "This is a low-dose projection of a tomosynthesis, not a mammogram; choose the 2D image of this view.",
    ),
    "tomosynthesis-stack": Kind(
        "tomosynthesis stack", REFUSED, "tomosynthesis-stack",
        "The file holds a tomosynthesis or multi-frame image; only single mammograms are analyzed, so choose the 2D "
        "image of this view.",
    ),
    "stand-in": Kind(
        "stand-in for a stack in private elements", REFUSED, "stand-in",
        "Private elements of this file hold image data (a tomosynthesis stack in a maker's own form), and its picture "
        "is only a stand-in for them; choose the 2D image of this view.",
    ),
    "stereotactic": Kind(
        "stereotactic or biopsy image", WARNED, "stereotactic",
        "This is an image of a stereotactic biopsy; it shows a part of the breast, with needle or markers that are no "
        "calcifications.",
    ),
    "magnification": Kind(
        "magnification view", WARNED, "magnification-view",
        "This is a magnification view; detection was measured on full views.",
    ),
    "spot": Kind(
        "spot compression view", WARNED, "spot-compression",
        "This is a spot compression view; it shows only a part of the breast.",
    ),
    "contrast-low-energy": Kind(
        "contrast-enhanced mammogram, low energy", WARNED, "contrast-low-energy",
        "This is the low-energy image of a contrast-enhanced mammogram; it resembles a plain one, but detection was "
        "not measured on such images.",
    ),
    "contrast-high-energy": Kind(
        "contrast-enhanced mammogram, high energy", REFUSED, "contrast-high-energy",
        "This is the high-energy image of a contrast-enhanced mammogram, not a plain one; choose the low-energy image.",
    ),
    "contrast-subtraction": Kind(
        "contrast-enhanced mammogram, subtraction", REFUSED, "contrast-subtraction",
        "This is the subtraction image of a contrast-enhanced mammogram, in which calcifications are removed; choose "
        "the low-energy image.",
    ),
    "contrast": Kind(
        "contrast-enhanced mammogram, energy not stated", WARNED, "contrast-enhanced",
        "This image was made with a contrast agent and does not say at which energy; if it is the low-energy image, it "
        "resembles a plain mammogram.",
    ),
    "specimen": Kind(
        "radiograph of a specimen", WARNED, "specimen", "This is a radiograph of a specimen, not of a breast."
    ),
    "film": Kind("scanned film"),
    "secondary-capture": Kind("secondary capture (scanned film or exported picture)"),
    "other": Kind("other radiograph"),
    "unstated": Kind("not stated by the file"),
}  # fmt: skip


class Sign(NamedTuple):
    """A regular expression in an attribute (its values joined by backslashes) that shows a kind."""

    kind: str
    keyword: str
    pattern: str


_IMAGE_STORAGE = r"1\.2\.840\.10008\.5\.1\.4\.1\.1\."
_STEREOTACTIC = r"STEREO_(SCOUT|MINUS|PLUS)|(PRE|POST)FIRE(_MINUS|_PLUS)?|POST(BIOPSY|MARKER)(_MINUS|_PLUS)?"
SIGNS = (
    Sign("synthetic", "ImageType", r"GENERATED_2D"),
    Sign("tomosynthesis-projection", "ImageType", r"TOMO_PROJ|TOMO_SCOUT"),
    Sign("tomosynthesis-projection", "SOPClassUID", _IMAGE_STORAGE + r"13\.1\.[45]$"),
    Sign("tomosynthesis-slice", "ImageType", r"\bTOMOSYNTHESIS\b(?!.*GENERATED_2D)"),
    Sign("tomosynthesis-slice", "SOPClassUID", _IMAGE_STORAGE + r"13\.1\.3$"),
    Sign("contrast-subtraction", "ImageType", r"SUBTRACTION|RECOMBINED"),
    Sign("contrast-high-energy", "ImageType", r"HIGH_ENERGY"),
    Sign("contrast-low-energy", "ImageType", r"LOW_ENERGY"),
    Sign("contrast", "ImageType", r"(PRE|POST)_CONTRAST"),
    Sign("contrast", "ContrastBolusAgent", r"[A-Z0-9]"),
    Sign("stereotactic", "ImageType", _STEREOTACTIC),
    Sign("specimen", "View", r"^SPECIMEN$"),
    Sign("specimen", "ImageType", r"\bSPECIMEN\b"),
    Sign("magnification", "View Modifiers", r"MAGNIFICATION"),
    Sign("spot", "View Modifiers", r"SPOT COMPRESSION"),
)
SIGNS_IN_FREE_TEXT = tuple(
    Sign(kind, keyword, pattern)
    for keyword in ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
    for kind, pattern in (
        ("synthetic", r"\bC-?VIEW\b|\bV-?PREVIEW\b|\bINTELLIGENT ?2D\b|\bINSIGHT ?2D\b|\bS2D\b|\bSYNTHE[A-Z]* ?2D\b"),
        ("tomosynthesis-projection", r"\bTOMO[A-Z]*\b.*\bPROJ[A-Z]*\b"),
        ("tomosynthesis-slice", r"\bTOMOSYNTHESIS\b|\bTOMO\b|\bDBT\b"),
        ("contrast-subtraction", r"\bSUBTRACT[A-Z]*|\bRECOMBINED\b"),
        ("contrast-high-energy", r"\bHIGH.?ENERGY\b"),
        ("contrast-low-energy", r"\bLOW.?ENERGY\b"),
        ("contrast", r"\bCESM\b|\bCEDM\b"),
        ("stereotactic", r"\bSTEREO[A-Z]*\b|\bBIOPSY\b"),
        ("specimen", r"\bSPECIMEN\b"),
    )
)
# Several of these may hold at once; the others are explained by the first of them.
_BESIDE_OTHERS = ("magnification", "spot", "stereotactic", "specimen")
_HOLOGIC_GROUP, _SMALLEST_PRIVATE_STACK = 0x7E01, 1024
_SECONDARY_CAPTURE = _IMAGE_STORAGE + r"7(\.\d)?$"
_MAMMOGRAPHY = _IMAGE_STORAGE + r"1\.2(\.1)?$"
_NAMES = {
    "SOPClassUID": "SOP Class (0008,0016)",
    "ImageType": "Image Type (0008,0008)",
    "ContrastBolusAgent": "Contrast/Bolus Agent (0018,0010)",
    "View": "view",
    "View Modifiers": "view modifiers",
    "SeriesDescription": "Series Description, free text",
    "ProtocolName": "Protocol Name, free text",
    "AcquisitionDeviceProcessingDescription": "Acquisition Device Processing Description, free text",
}


class FoundKinds(NamedTuple):
    """The kinds that a file shows, the most special first, and where it shows them.

    Parameters
    ----------
    kinds : tuple of str
        Keys of :data:`KINDS`, never empty.
    evidence : tuple of Statement
    from_text : tuple of str
        Those that only a free-text description shows.
    """

    kinds: tuple[str, ...]
    evidence: tuple[Statement, ...] = ()
    from_text: tuple[str, ...] = ()


def kinds_of_dicom(attributes: Dataset, view: View, magnified: bool, for_processing: bool) -> FoundKinds:
    """The kinds of a DICOM image by :data:`SIGNS`, else by its SOP class, else by :data:`SIGNS_IN_FREE_TEXT`."""
    said = {sign.keyword: _said(attributes, sign.keyword) for sign in (*SIGNS, *SIGNS_IN_FREE_TEXT)}
    said["View"] = (view.view or "").upper()
    said["View Modifiers"] = "\\".join((*view.modifiers, *(["Magnification"] if magnified else []))).upper()
    if holds_private_image(attributes):
        return FoundKinds(("stand-in",))
    found = _matches(SIGNS, said)
    if not found.kinds:
        told = _matches(SIGNS_IN_FREE_TEXT, said)
        found = told._replace(from_text=told.kinds)
    if found.kinds:
        return found._replace(kinds=(*found.kinds, *(["processing"] if for_processing else [])))
    sop_class = said["SOPClassUID"]
    if for_processing:
        return FoundKinds(("processing",))
    if re.match(_MAMMOGRAPHY, sop_class) or text(attributes, "PresentationIntentType") == "FOR PRESENTATION":
        return FoundKinds(("presentation",))
    if text(attributes, "ConversionType") == "DF" or values(attributes, "NominalScannedPixelSpacing"):
        return FoundKinds(("film",))
    return FoundKinds(("secondary-capture" if re.match(_SECONDARY_CAPTURE, sop_class) else "other",))


def holds_private_image(attributes: Dataset) -> bool:
    """Whether a private element holds binary data as an image would: as many bytes as the picture has pixels.

    In the group 7E01, in which Hologic keeps tomosynthesis inside secondary captures, any binary element counts.
    """
    pixels = int(attributes.Rows) * int(attributes.Columns)
    tags = attributes.keys()  # iterating the data set itself would convert its values
    for tag in tags:
        if not tag.is_private or tag.is_private_creator:
            continue
        element = attributes.get_item(tag)
        length = getattr(element, "length", None)  # values that were not read yet, among them very long ones
        if length is None:
            length = len(element.value) if element is not None and isinstance(element.value, bytes) else 0
        if element is not None and element.VR in ("OB", "OW", "UN", None) and length not in (0, 0xFFFFFFFF):
            smallest = _SMALLEST_PRIVATE_STACK if tag.group == _HOLOGIC_GROUP else max(pixels, _SMALLEST_PRIVATE_STACK)
            if length >= smallest:
                return True
    return False


def admit(found: FoundKinds) -> list[WarningRecord]:
    """The warnings that the table :data:`KINDS` prescribes.

    Raises
    ------
    UnsupportedImageError
        When it prescribes a refusal, and more than a free text shows the kind.
    """
    warnings = []
    for key in found.kinds:
        kind = KINDS[key]
        is_from_text = key in found.from_text
        if kind.treatment == REFUSED and not is_from_text:
            raise UnsupportedImageError(kind.message)
        if kind.treatment != ANALYZED:
            doubt = "A free-text description suggests: " if is_from_text else ""
            warnings.append(WarningRecord(kind.code, doubt + kind.message))
    return warnings


def refuse(kind: str) -> UnsupportedImageError:
    """The refusal of a kind."""
    return UnsupportedImageError(KINDS[kind].message)


def _matches(signs: tuple[Sign, ...], said: dict[str, str]) -> FoundKinds:
    evidence: dict[str, Statement] = {}
    for sign in signs:
        match = re.search(sign.pattern, said[sign.keyword])
        is_news = sign.kind in _BESIDE_OTHERS or not evidence.keys() - set(_BESIDE_OTHERS)
        if match and sign.kind not in evidence and is_news:
            # An agent's name and a SOP class say no more than that they are there.
            value = match[0] if sign.keyword not in ("SOPClassUID", "ContrastBolusAgent") else KINDS[sign.kind].words
            evidence[sign.kind] = Statement(_NAMES[sign.keyword], value)
    return FoundKinds(tuple(evidence), tuple(evidence.values()))


def _said(attributes: Dataset, keyword: str) -> str:
    return "\\".join(str(value) for value in values(attributes, keyword)).upper()
