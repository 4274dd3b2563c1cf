"""Content items of structured reports, as plain data sets (PS3.3 C.17.3).

highdicom has neither the mammography CAD document nor items that refer to others by reference, so they are made here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from .composite import coded_value

CONTAINS, PROPERTY, MODIFIER = "CONTAINS", "HAS PROPERTIES", "HAS CONCEPT MOD"
INFERRED, OBSERVATION, ACQUISITION, SELECTED = "INFERRED FROM", "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "SELECTED FROM"
Items = Sequence[Dataset]


def container(relationship: str | None, name: Code, items: Items) -> Dataset:
    """A heading with what stands below it; ``relationship`` is None for the root."""
    made = _item(relationship, "CONTAINER", name, items)
    made.ContinuityOfContent = "SEPARATE"
    return made


def code(relationship: str, name: Code, value: Code, items: Items = ()) -> Dataset:
    """A coded answer."""
    made = _item(relationship, "CODE", name, items)
    made.ConceptCodeSequence = [coded_value(value)]
    return made


def text(relationship: str, name: Code, value: str) -> Dataset:
    """Free text."""
    made = _item(relationship, "TEXT", name)
    made.TextValue = value
    return made


def number(relationship: str, name: Code, value: float, unit: Code) -> Dataset:
    """A measurement with its unit."""
    made = _item(relationship, "NUM", name)
    measured = Dataset()
    measured.NumericValue = f"{value:.6g}"
    measured.MeasurementUnitsCodeSequence = [coded_value(unit)]
    made.MeasuredValueSequence = [measured]
    return made


def uid(relationship: str, name: Code, value: str) -> Dataset:
    """A UID."""
    made = _item(relationship, "UIDREF", name)
    made.UID = value
    return made


def date(relationship: str, name: Code, value: str) -> Dataset:
    """A date as DICOM writes it."""
    made = _item(relationship, "DATE", name)
    made.Date = value
    return made


def time(relationship: str, name: Code, value: str) -> Dataset:
    """A time as DICOM writes it."""
    made = _item(relationship, "TIME", name)
    made.Time = value
    return made


def image(relationship: str, reference: Dataset, items: Items = ()) -> Dataset:
    """An image."""
    made = _item(relationship, "IMAGE", None, items)
    made.ReferencedSOPSequence = [reference]
    return made


def region(
    relationship: str, name: Code, kind: str, places: NDArray[np.float64], item_of_image: Sequence[int]
) -> Dataset:
    """Points in an image of the library.

    Parameters
    ----------
    relationship, name
    kind : {"POINT", "POLYLINE", "CIRCLE", "ELLIPSE"}
    places : float array, shape (points, 2)
        Row and column of each point; whole numbers are centers of pixels (in DICOM the first center is 0.5, 0.5).
    item_of_image : sequence of int
        Position of the image's item in the tree, from 1 for the root (PS3.3 C.18.9, by reference).
    """
    made = _item(relationship, "SCOORD", name, [by_reference(SELECTED, item_of_image)])
    made.GraphicType = kind
    made.GraphicData = [round(float(value) + 0.5, 3) for value in np.asarray(places, float)[:, ::-1].ravel()]
    return made


def by_reference(relationship: str, position: Sequence[int]) -> Dataset:
    """A relation to another item of the same document."""
    made = Dataset()
    made.RelationshipType = relationship
    made.ReferencedContentItemIdentifier = list(position)
    return made


def _item(relationship: str | None, value_type: str, name: Code | None, items: Items = ()) -> Dataset:
    made = Dataset()
    if relationship is not None:
        made.RelationshipType = relationship
    made.ValueType = value_type
    if name is not None:
        made.ConceptNameCodeSequence = [coded_value(name)]
    if items:
        made.ContentSequence = list(items)
    return made
