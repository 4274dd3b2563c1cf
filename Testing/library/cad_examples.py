"""Mammography CAD documents as other makers may write them: old and new codes, other nesting, other shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from dicom_samples import SECONDARY_CAPTURE, breast_picture, code, mammogram_dataset, saved

CENTER, OUTLINE, INTENT = "111010", "111041", "111056"
REQUIRED, OPTIONAL, HIDDEN = "111150", "111151", "111152"
CERTAINTY, OPERATING_POINT, COUNT = "111012", "111071", "111038"
CAD_SR = "1.2.840.10008.5.1.4.1.1.88.50"

Mark = tuple[int, int, int, float]
"""Center of a cluster as row and column, half its size in pixels, and how sure it is (0 to 1)."""


def item(relationship: str, value_type: str, name: str, *children: Dataset) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, value_type
    made.ConceptNameCodeSequence = [code(name, "DCM", "in their words")]
    if children:
        made.ContentSequence = list(children)
    return made


def finding(value: str, scheme: str, *children: Dataset, relationship: str = "CONTAINS") -> Dataset:
    made = item(relationship, "CODE", "111059", *children)
    made.ConceptCodeSequence = [code(value, scheme, "in their words")]
    return made


def impression(intent: str, *children: Dataset) -> Dataset:
    return item("INFERRED FROM", "CONTAINER", "111034", rendering_intent(intent), *children)


def rendering_intent(value: str) -> Dataset:
    made = item("HAS CONCEPT MOD", "CODE", INTENT)
    made.ConceptCodeSequence = [code(value, "DCM", "in their words")]
    return made


def number(name: str, value: float) -> Dataset:
    made = item("HAS PROPERTIES", "NUM", name)
    measured = Dataset()
    measured.NumericValue = f"{value:g}"
    made.MeasuredValueSequence = [measured]
    return made


def region(name: str, kind: str, data: Sequence[float], image: Dataset) -> Dataset:
    made = item("HAS PROPERTIES", "SCOORD", name, image)
    made.GraphicType, made.GraphicData = kind, list(data)
    return made


def selected_from(uid: str) -> Dataset:
    """An image named beside its region."""
    return _image("SELECTED FROM", uid)


def by_reference(*position: int) -> Dataset:
    """An image that stands elsewhere in the tree."""
    made = Dataset()
    made.RelationshipType, made.ReferencedContentItemIdentifier = "SELECTED FROM", list(position)
    return made


def library(*uids: str) -> Dataset:
    return item("CONTAINS", "CONTAINER", "111028", *(_image("CONTAINS", uid) for uid in uids))


def document(path: Path, *items: Dataset) -> Path:
    made = mammogram_dataset(breast_picture(), 12, SOPClassUID=CAD_SR, Modality="SR")
    del made.PixelData
    made.ContentSequence = list(items)
    return saved(made, path.parent, path.name)


def with_parts(uid: str, marks: Sequence[Mark]) -> list[Dataset]:
    """Old codes; the intent stands at the impression; polylines, calcifications inside, no rating."""
    return [
        library(uid),
        item(
            "CONTAINS",
            "CONTAINER",
            "111017",
            *(
                impression(
                    REQUIRED,
                    finding(
                        "F-01775",
                        "SRT",
                        region(CENTER, "POINT", (column + 0.5, row + 0.5), selected_from(uid)),
                        region(OUTLINE, "POLYLINE", _square(row, column, half), selected_from(uid)),
                        number(COUNT, 4),
                        *(
                            finding(
                                "F-01776",
                                "SRT",
                                region(CENTER, "POINT", (x + 0.5, y + 0.5), selected_from(uid)),
                                region(OUTLINE, "POLYLINE", _square(y, x, 1.4), selected_from(uid)),
                                relationship="INFERRED FROM",
                            )
                            for y in (row - half, row + half)
                            for x in (column - half, column + half)
                        ),
                    ),
                )
                for row, column, half, _ in marks
            ),
        ),
    ]


def with_ellipses(uid: str, marks: Sequence[Mark]) -> list[Dataset]:
    """Codes of DICOM itself; ellipses by reference to the library, certainties, nothing inside."""
    found = [
        impression(
            OPTIONAL if sure < 0.5 else REQUIRED,
            finding(
                "111105",
                "DCM",
                region(
                    OUTLINE,
                    "ELLIPSE",
                    _ellipse(row, column, half),
                    by_reference(1, 1, 1),
                ),
                number(CERTAINTY, 100 * sure),
            ),
        )
        for row, column, half, sure in marks
    ]
    return [library(uid), item("CONTAINS", "CONTAINER", "111017", *found)]


def with_operating_points(uid: str, marks: Sequence[Mark]) -> list[Dataset]:
    """Present codes; centers alone, each from an operating point on; intents at the findings."""
    found = [
        finding(
            "129769006",
            "SCT",
            rendering_intent(HIDDEN if sure < 0.5 else REQUIRED),
            region(CENTER, "POINT", (column + 0.5, row + 0.5), selected_from(uid)),
            number(OPERATING_POINT, round(4 * (1 - sure))),
        )
        for row, column, _, sure in marks
    ]
    return [library(uid), *found]


STYLES: dict[str, Callable[[str, Sequence[Mark]], list[Dataset]]] = {
    "calcifications inside": with_parts,
    "ellipses and certainties": with_ellipses,
    "operating points": with_operating_points,
}


def _image(relationship: str, uid: str) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = relationship, "IMAGE"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = SECONDARY_CAPTURE, uid
    made.ReferencedSOPSequence = [reference]
    return made


def _square(row: float, column: float, half: float) -> list[float]:
    corners = ((-half, -half), (half, -half), (half, half), (-half, half), (-half, -half))
    return [value for x, y in corners for value in (column + x + 0.5, row + y + 0.5)]


def _ellipse(row: float, column: float, half: float) -> list[float]:
    ends = ((-half, 0), (half, 0), (0, -half), (0, half))
    return [value for x, y in ends for value in (column + x + 0.5, row + y + 0.5)]
