"""Marks of a Mammography CAD SR, whoever wrote it: places, kinds, words and certainties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from ..base.errors import UnreadableImageError, UnsupportedImageError
from . import codes
from .cad_sr import SOP_CLASS

CLUSTER, CALCIFICATION, OTHER = "cluster", "calcification", "other"
_LARGEST_FILE = 64 * 2**20
_DEEPEST = 32
_FINDINGS = (codes.SINGLE_IMAGE_FINDING.value, "111016")  # single image finding, composite feature
REQUIRED, OPTIONAL, HIDDEN = "required", "optional", "not for presentation"
_INTENTS = {  # CID 6034
    codes.PRESENTATION_REQUIRED.value: REQUIRED,
    codes.PRESENTATION_OPTIONAL.value: OPTIONAL,
    "111152": HIDDEN,
}


@dataclass(frozen=True)
class Mark:
    """One finding of the document in one image.

    Parameters
    ----------
    kind : {"cluster", "calcification", "other"}
    meaning : str
        The finding in the document's words.
    image_uid : str
        SOP Instance UID of the image it lies in; empty where the document does not say.
    center : (float, float) or None
        Row and column; whole numbers are centers of pixels.
    outline : float array, shape (points, 2), or None
        Row and column.
    certainty, probability_of_cancer : float or None
        0 to 1.
    count : int or None
        Number of calcifications.
    words : dict
        ``morphology`` and ``distribution`` where given, as (value, scheme, meaning).
    intent : {"required", "optional", "not for presentation"}
        What the document says about showing the mark, of itself or of the impression it stands in.
    operating_point : int or None
        CAD Operating Point: the mark is shown from this one on; 0 shows the fewest and surest marks.
    parts : tuple of Mark
        The calcifications of a cluster.
    """

    kind: str
    meaning: str
    image_uid: str
    center: tuple[float, float] | None
    outline: NDArray[np.float64] | None = None
    certainty: float | None = None
    probability_of_cancer: float | None = None
    count: int | None = None
    words: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    intent: str = REQUIRED
    operating_point: int | None = None
    parts: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class CadDocument:
    """What a mammography CAD document says.

    Parameters
    ----------
    marks : tuple of Mark
    images : tuple of str
        SOP Instance UIDs of all images it is about, those without a mark included.
    patient_id : str
    """

    marks: tuple[Mark, ...]
    images: tuple[str, ...]
    patient_id: str


def read_marks(path: Path) -> tuple[Mark, ...]:
    """The findings of a mammography CAD document; see :func:`read_document`."""
    return read_document(path).marks


def read_document(path: Path) -> CadDocument:
    """Read a mammography CAD document.

    Raises
    ------
    UnreadableImageError
        When the file is damaged or no DICOM file.
    UnsupportedImageError
        When it is another kind of object.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UnsupportedImageError("The document is larger than 64 MiB; a CAD report is not.")
        document = dcmread(path)
        if document.get("SOPClassUID") != SOP_CLASS:
            raise UnsupportedImageError("The file is no Mammography CAD SR document; choose one.")
        marks = tuple(_marks(document, document, REQUIRED, 0))
        return CadDocument(marks, tuple(dict.fromkeys(_images(document, 0))), str(document.get("PatientID", "")))
    except UnsupportedImageError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in pydicom
        raise UnreadableImageError(f"The CAD document is damaged ({type(error).__name__}); export it again.") from error


def is_cad_document(path: Path) -> bool:
    """Whether a file is a mammography CAD document, by its header."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    except Exception:  # whatever else lies in a folder
        return False
    return bool(header.get("SOPClassUID") == SOP_CLASS)


def _images(item: Dataset, depth: int) -> Iterator[str]:
    """SOP Instance UIDs of the images in the tree."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for child in item.get("ContentSequence", []):
        if child.get("ValueType") == "IMAGE" and child.get("ReferencedSOPSequence"):
            yield str(child.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        yield from _images(child, depth + 1)


def _marks(item: Dataset, document: Dataset, intent: str, depth: int) -> Iterator[Mark]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    intent = _intent(item, intent)
    for child in item.get("ContentSequence", []):
        if _name(child) in _FINDINGS and child.get("ValueType") == "CODE":
            yield _mark(child, document, intent, depth)
        else:
            yield from _marks(child, document, intent, depth + 1)


def _intent(item: Dataset, inherited: str) -> str:
    """The rendering intent that an item states, else that of what it stands in."""
    for child in item.get("ContentSequence", []):
        if _name(child) == codes.RENDERING_INTENT.value and child.get("ConceptCodeSequence"):
            return _INTENTS.get(_key_of(child.ConceptCodeSequence[0])[0], inherited)
    return inherited


def _mark(item: Dataset, document: Dataset, intent: str, depth: int) -> Mark:
    finding = item.ConceptCodeSequence[0]
    key = _key_of(finding)
    if key in codes.CLUSTERS:
        kind = CLUSTER
    elif key in codes.CALCIFICATIONS:
        kind = CALCIFICATION
    else:
        kind = OTHER
    center: tuple[float, float] | None = None
    outline: NDArray[np.float64] | None = None
    image = ""
    numbers: dict[str, float] = {}
    words: dict[str, tuple[str, str, str]] = {}
    for child in item.get("ContentSequence", []):
        name, value_type = _name(child), child.get("ValueType")
        if value_type == "SCOORD" and name in (codes.CENTER.value, codes.OUTLINE.value):
            places = np.asarray(child.GraphicData, float).reshape(-1, 2)[:, ::-1] - 0.5
            image = image or _image(child, document)
            if name == codes.CENTER.value:
                center = (float(places[0, 0]), float(places[0, 1]))
            else:
                outline = _polygon(str(child.GraphicType), places)
        elif value_type == "NUM" and child.get("MeasuredValueSequence"):
            numbers[name] = float(child.MeasuredValueSequence[0].NumericValue)
        elif value_type == "CODE":
            code = child.ConceptCodeSequence[0]
            triple = (*_key_of(code), str(code.get("CodeMeaning", "")))
            if name == codes.CALCIFICATION_TYPE.value:
                words["morphology"] = triple
            elif name == codes.CALCIFICATION_DISTRIBUTION.value:
                words["distribution"] = triple
    if center is None and outline is not None:
        middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
        center = (float(middle[0]), float(middle[1]))
    certainty, cancer = numbers.get(codes.CERTAINTY.value), numbers.get(codes.PROBABILITY_OF_CANCER.value)
    count, point = numbers.get(codes.NUMBER_OF_CALCIFICATIONS.value), numbers.get(codes.OPERATING_POINT.value)
    return Mark(
        kind=kind,
        meaning=str(finding.get("CodeMeaning", "")),
        image_uid=image,
        center=center,
        outline=outline,
        certainty=None if certainty is None else certainty / 100,
        probability_of_cancer=None if cancer is None else cancer / 100,
        count=None if count is None else int(count),
        words=words,
        intent=_intent(item, intent),
        operating_point=None if point is None else int(point),
        parts=tuple(_marks(item, document, intent, depth + 1)),
    )


def _polygon(kind: str, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of an outline; circles and ellipses as polygons."""
    if kind == "CIRCLE":
        angles = np.linspace(0, 2 * np.pi, 33)
        radius = float(np.hypot(*(places[1] - places[0])))
        return places[0] + radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    if kind == "ELLIPSE":  # ends of the major, then of the minor axis
        angles = np.linspace(0, 2 * np.pi, 33)[:, None]
        middle = places.mean(axis=0)
        major, minor = (places[1] - places[0]) / 2, (places[3] - places[2]) / 2
        return np.asarray(middle + np.cos(angles) * major + np.sin(angles) * minor)
    return places


def _image(region: Dataset, document: Dataset) -> str:
    """SOP Instance UID of the image that a region was selected from, given there or by reference."""
    for child in region.get("ContentSequence", []):
        target: Dataset | None = child
        if child.get("ReferencedContentItemIdentifier") is not None:
            target = _at(document, np.atleast_1d(child.ReferencedContentItemIdentifier).tolist())
        if target is not None and target.get("ReferencedSOPSequence"):
            return str(target.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
    return ""


def _at(document: Dataset, position: list[int]) -> Dataset | None:
    """The item at a position in the tree; the root is 1."""
    item = document
    for ordinal in position[1:]:
        children = item.get("ContentSequence", [])
        if not 1 <= ordinal <= len(children):
            return None
        item = children[ordinal - 1]
    return item


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""


def _key_of(coded: Dataset) -> tuple[str, str]:
    """Value and scheme of a coded entry."""
    return str(coded.get("CodeValue", "")), str(coded.get("CodingSchemeDesignator", ""))
