"""The views of an exam: all images hung with their priors, and each finding in every image that shows it."""

from __future__ import annotations

import slicer

from .examrecord import ExamRecord
from .hanging import showWithPriors
from .views import centerViews, viewsShowing

_SMALLEST_FIELD_OF_VIEW_MM, _MARGIN = 30.0, 3.0


def showExam(record: ExamRecord) -> list[str]:
    """Hang the images of an exam, each with its prior beside it; gives what the reader should know, in sentences."""
    exam = record.exam
    now, before = (_nodes(record, views) for views in (exam.views, exam.priors))
    return showWithPriors(now, before)


def showFinding(record: ExamRecord, number: int) -> None:
    """Center every view that shows an image of a finding on it, those of the prior on the same place.

    Images that no view shows are hung first.
    """
    places = placesOf(record, number)
    if slicer.app.layoutManager() is not None and not all(viewsShowing(volumeNode) for volumeNode, *_ in places):
        showExam(record)
    for volumeNode, row, column, fieldOfViewMm in places:
        centerViews(volumeNode, row, column, fieldOfViewMm)


def placesOf(record: ExamRecord, number: int) -> list[tuple]:
    """(volume node, row, column, field of view in mm of the scene) of a finding in each of its images and priors."""
    exam = record.exam
    finding = next(finding for finding in exam.findings if finding.number == number)
    places = []
    for mark in finding.marks:
        view, change = exam.view(mark.image), finding.changes.get(mark.image)
        wanted = [(mark.image, (mark.y_mm, mark.x_mm))]
        if change is not None and change.prior_mm is not None:
            wanted.append((view.prior, change.prior_mm))
        for name, (y_mm, x_mm) in wanted:
            volumeNode, spacing_mm = record.nodes.get(name), exam.view(name).spacing_mm
            if volumeNode is not None:
                fieldOfViewMm = max(_SMALLEST_FIELD_OF_VIEW_MM, _MARGIN * mark.extent_mm)
                own = volumeNode.GetSpacing()[0] / spacing_mm[1]  # the analysis may have used another pixel spacing
                places.append((volumeNode, y_mm / spacing_mm[0], x_mm / spacing_mm[1], fieldOfViewMm * own))
    return places


def _nodes(record: ExamRecord, views) -> list:
    return [record.nodes[view.identity.name] for view in views if view.identity.name in record.nodes]
