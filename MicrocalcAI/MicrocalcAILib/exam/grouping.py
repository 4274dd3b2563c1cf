"""Images grouped into exams by patient and day: what is missing, what contradicts itself, what was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.errors import WarningRecord
from .identity import ImageIdentity

STANDARD_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


@dataclass(frozen=True)
class ExamGroup:
    """The images of one exam.

    Parameters
    ----------
    key : str
        Stable name: the first letters of the patient's digest, and the date.
    images : tuple of ImageIdentity
        The four standard views first, then the others; views beyond four are kept.
    priors : tuple of ImageIdentity
        Images of the same patient's latest earlier day.
    warnings : tuple of WarningRecord
        Missing views, repeated views, conflicts.
    """

    key: str
    images: tuple[ImageIdentity, ...]
    priors: tuple[ImageIdentity, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()

    @property
    def date(self) -> str:
        """``YYYY-MM-DD``, or empty."""
        return self.images[0].date

    def main(self, laterality: str, views: Sequence[str]) -> ImageIdentity | None:
        """The image that stands for a breast and a kind of view: whole views first, in the order of ``views``."""
        fitting = [image for image in self.images if image.laterality == laterality and image.view in views]
        return min(fitting, key=lambda image: (not image.is_whole, list(views).index(image.view or "")), default=None)


def group_images(images: Sequence[ImageIdentity]) -> list[ExamGroup]:
    """Exams, the patients in the order of their first image, and each patient's earliest exam first.

    Images of one patient and one day are an exam, also when their studies have different UIDs (a recall on the same
    day, or archives that make a study of each image); images without a date are one exam for each study.
    """
    patients: dict[str, dict[str, list[ImageIdentity]]] = {}
    for image in images:
        patients.setdefault(image.patient, {}).setdefault(image.date or image.study, []).append(image)
    groups = []
    for patient, exams in patients.items():
        earlier: list[ImageIdentity] = []
        for when in sorted(exams, key=lambda when: (exams[when][0].date == "", when)):
            members = tuple(sorted(exams[when], key=_order))
            dated = bool(members[0].date)
            groups.append(
                ExamGroup(
                    f"{patient[:8]}-{members[0].date or (when[:8] or 'undated')}",
                    members,
                    tuple(earlier) if dated else (),
                    tuple(_doubts(members)),
                )
            )
            earlier = list(members) if dated else earlier
    return groups


def _order(image: ImageIdentity) -> tuple[int, int, str, str]:
    place = (image.laterality or "", image.view or "")
    known = STANDARD_VIEWS.index(place) if place in STANDARD_VIEWS else len(STANDARD_VIEWS)
    return int(not image.is_whole), known, image.label, image.name


def _doubts(images: Sequence[ImageIdentity]) -> list[WarningRecord]:
    found = []
    whole = [image.label for image in images if image.is_whole]
    sides = {image.laterality for image in images if image.laterality}
    missing = [f"{side} {view}" for side, view in STANDARD_VIEWS if f"{side} {view}" not in whole and side in sides]
    missing += [f"{side} (both views)" for side in ("R", "L") if sides and side not in sides]
    if missing:
        message = f"Not among the images: {', '.join(missing)}; what needs them was left out."
        found.append(WarningRecord("views-missing", message))
    for label in sorted({label for label in whole if whole.count(label) > 1}):
        message = f"There are {whole.count(label)} images of {label}; all are kept, the first by name is compared."
        found.append(WarningRecord("view-repeated", message))
    for image in images:
        if image.laterality is None or image.view is None:
            message = f"“{image.name}” does not say which breast or view it shows; it is kept, but not compared."
            found.append(WarningRecord("view-unknown", message))
        elif image.conflict:
            message = (
                f"The sources of “{image.name}” contradict each other about side or view; {image.label} was taken."
            )
            found.append(WarningRecord("view-conflict", message))
    if not {"folder", "scene"}.isdisjoint(images[0].evidence):
        message = "The images name no patient: those of one folder were taken as one woman's; please check."
        found.append(WarningRecord("patient-by-folder", message))
    elif len({image.study for image in images}) > 1:
        message = "The images have different study UIDs; they were taken as one exam by patient and date."
        found.append(WarningRecord("studies-joined", message))
    return found
