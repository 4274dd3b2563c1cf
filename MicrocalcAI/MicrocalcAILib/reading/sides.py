"""Side and view of a DICOM mammogram: everything that its attributes and descriptions say, and what is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..base.errors import WarningRecord
from .admission import Statement
from .dicom_values import text, values
from .views import View, view_from_codes, view_from_words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SIDE_ATTRIBUTES = {
    "ImageLaterality": "Image Laterality (0020,0062)",
    "FrameLaterality": "Frame Laterality (0020,9072)",
    "Laterality": "Laterality (0020,0060)",
}
# Anatomic Region Modifier Sequence (0008,2220): SNOMED CT and SNOMED RT.
_SIDE_OF_CODE = {"7771000": "L", "G-A101": "L", "24028007": "R", "G-A100": "R"}
_FREE_TEXTS = {
    "SeriesDescription": "Series Description, free text",
    "ProtocolName": "Protocol Name, free text",
    "PatientID": "Patient ID, free text",
}


class SideAndView(NamedTuple):
    """What is believed, and everything that was said, the most trusted source first."""

    view: View
    side_statements: tuple[Statement, ...] = ()
    view_statements: tuple[Statement, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()


def side_and_view(attributes: Dataset) -> SideAndView:
    """Side, view and modifiers, by codes and attributes, else by free texts.

    A side on which attributes contradict each other is not believed at all, because left and right have no order of
    likelihood; of contradicting views the coded one is followed. Both give a warning.
    """
    sides, views, coded = _by_attributes(attributes)
    told_sides, told_views, described = _by_free_texts(attributes)
    side_conflict, view_conflict = (len({one.value for one in said}) > 1 for said in (sides, views))

    warnings = []
    if side_conflict:
        warnings.append(
            WarningRecord(
                "laterality-conflict",
                f"The file contradicts itself about the side ({'; '.join(map(str, sides))}); please check which breast "
                "this is.",
            )
        )
    if view_conflict:
        warnings.append(
            WarningRecord(
                "view-conflict",
                f"The file contradicts itself about the view ({'; '.join(map(str, views))}); the first was followed.",
            )
        )
    laterality = None if side_conflict else _first(sides) or _first(told_sides)
    view = _first(views) or _first(told_views)
    modifiers = coded.modifiers if views else described.modifiers
    from_text = (laterality and not sides) or (view and not views)
    if from_text:
        warnings.append(
            WarningRecord("view-from-text", "Laterality or view were taken from a free-text description; please check.")
        )
    if _contradicts(told_sides, sides) or _contradicts(told_views, views):
        told = "; ".join(map(str, (*told_sides, *told_views)))
        warnings.append(
            WarningRecord(
                "description-disagrees",
                f"A free-text description names another side or view than the attributes ({told}); the attributes "
                "were followed.",
            )
        )
    return SideAndView(View(laterality, view, modifiers), (*sides, *told_sides), (*views, *told_views), tuple(warnings))


def _by_attributes(attributes: Dataset) -> tuple[list[Statement], list[Statement], View]:
    sides = [
        Statement(source, side)
        for keyword, source in _SIDE_ATTRIBUTES.items()
        if (side := text(attributes, keyword)) in ("L", "R")
    ]
    for region in values(attributes, "AnatomicRegionSequence"):
        for modifier in values(region, "AnatomicRegionModifierSequence"):
            if named := _SIDE_OF_CODE.get(text(modifier, "CodeValue")):
                sides.append(Statement("Anatomic Region Modifier (0008,2220)", named))

    items = values(attributes, "ViewCodeSequence")
    modifiers = [modifier for item in (*items, attributes) for modifier in values(item, "ViewModifierCodeSequence")]
    coded = view_from_codes(
        (text(item, "CodeValue") for item in items), (text(item, "CodeValue") for item in modifiers)
    )
    views = [Statement("View Code (0054,0220)", coded.view)] if coded.view else []
    position = view_from_words(text(attributes, "ViewPosition"))
    # CBIS-DDSM writes the view into Patient Orientation.
    orientation = View(None, view_from_words(text(attributes, "PatientOrientation")).view)
    for source, said in (("View Position (0018,5101)", position), ("Patient Orientation (0020,0020)", orientation)):
        if said.laterality:
            sides.append(Statement(source, said.laterality))
        if said.view:
            views.append(Statement(source, said.view))
            if not coded.view and not coded.modifiers:
                coded = said
    return sides, views, coded


def _by_free_texts(attributes: Dataset) -> tuple[list[Statement], list[Statement], View]:
    sides, views, described = list[Statement](), list[Statement](), View()
    for keyword, source in _FREE_TEXTS.items():
        said = view_from_words(text(attributes, keyword))
        if said.laterality:
            sides.append(Statement(source, said.laterality))
        if said.view:
            views.append(Statement(source, said.view))
            described = described if described.view else said
    return sides, views, described


def _first(statements: list[Statement]) -> str | None:
    return statements[0].value if statements else None


def _contradicts(told: list[Statement], believed: list[Statement]) -> bool:
    return bool(believed) and any(one.value != believed[0].value for one in told)
