"""Mammography CAD SR: clusters and calcifications as a reading room's workstation shows them (PS3.16 TID 4000)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from .. import __version__
from . import codes
from .composite import MODEL, evidence, new_object, reference
from .content import (
    ACQUISITION,
    CONTAINS,
    INFERRED,
    MODIFIER,
    OBSERVATION,
    PROPERTY,
    by_reference,
    code,
    container,
    date,
    image,
    number,
    region,
    text,
    time,
    uid,
)
from .outlines import outline_of_calcification, outline_of_cluster
from .source import FailedImage, SourceImage, StudyImage

_LIBRARY = 2  # the image library is the second item below the root
_TITLE = {"morphology": codes.CALCIFICATION_TYPE, "distribution": codes.CALCIFICATION_DISTRIBUTION}


def cad_report(sources: Sequence[SourceImage], failed: Sequence[FailedImage] = ()) -> Dataset:
    """One document for the images of a study; one without any finding says so, and one with failures which failed.

    Parameters
    ----------
    sources : sequence of SourceImage
        Images of one patient and study.
    failed : sequence of FailedImage
        Further images of the study, whose analysis failed; there is at least one image in all.

    Returns
    -------
    Dataset
        Each cluster is a *Single Image Finding* with center, hull, type, distribution, count, certainty (mean
        probability of its calcifications) and the probability of cancer by its words (fitted on patients; the bundled
        classifier's number comes from simulation and is not written); each calcification with center and outline.
        Clusters are to be presented, single calcifications may be.
    """
    images = [*sources, *failed]
    made = new_object(images, codes.CAD_SR, "sr", "SR")
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.ReferencedPerformedProcedureStepSequence = []
    made.PerformedProcedureCodeSequence = []
    made.CurrentRequestedProcedureEvidenceSequence = evidence(images)
    root = container(
        None,
        codes.REPORT,
        [
            code(MODIFIER, codes.LANGUAGE, codes.ENGLISH),
            container(CONTAINS, codes.IMAGE_LIBRARY, [_library_entry(image) for image in images]),
            _summary(sources, bool(failed)),
            _detections(sources, failed),
            _analyses(sources),
        ],
    )
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "4000"
    root.ContentTemplateSequence = [template]
    made.update(root)
    return made


def _library_entry(source: StudyImage) -> Dataset:
    header, items = source.dataset, []
    if source.laterality:
        items.append(code(ACQUISITION, codes.IMAGE_LATERALITY, codes.LATERALITY_OF[source.laterality]))
    if source.view in codes.VIEW_OF:
        items.append(code(ACQUISITION, codes.IMAGE_VIEW, codes.VIEW_OF[source.view]))
    if header.PatientOrientation:
        items.append(text(ACQUISITION, codes.ORIENTATION_ROW, header.PatientOrientation[0]))
        items.append(text(ACQUISITION, codes.ORIENTATION_COLUMN, header.PatientOrientation[1]))
    for name, title, make in (
        ("StudyDate", codes.STUDY_DATE, date),
        ("StudyTime", codes.STUDY_TIME, time),
        ("ContentDate", codes.CONTENT_DATE, date),
        ("ContentTime", codes.CONTENT_TIME, time),
    ):
        if header.get(name):
            items.append(make(ACQUISITION, title, str(header[name].value)))
    if isinstance(source, SourceImage):
        row_mm, column_mm = source.analysis.spacing_mm
        items.append(number(ACQUISITION, codes.HORIZONTAL_SPACING, column_mm, codes.MILLIMETER))
        items.append(number(ACQUISITION, codes.VERTICAL_SPACING, row_mm, codes.MILLIMETER))
    return image(CONTAINS, reference(source), items)


def _summary(sources: Sequence[SourceImage], some_failed: bool) -> Dataset:
    impressions = [
        impression
        for position, source in enumerate(sources, start=1)
        for impression in _impressions(source, (1, _LIBRARY, position))
    ]
    if some_failed and not sources:
        outcome = codes.NONE_SUCCEEDED
    elif some_failed:
        outcome = codes.SOME_FAILED_WITH_FINDINGS if impressions else codes.SOME_FAILED_WITHOUT_FINDINGS
    else:
        outcome = codes.WITH_FINDINGS if impressions else codes.WITHOUT_FINDINGS
    return code(CONTAINS, codes.SUMMARY, outcome, impressions)


def _impressions(source: SourceImage, place: tuple[int, ...]) -> list[Dataset]:
    analysis = source.analysis
    of_cluster = analysis.calcifications.groupby("cluster_id")
    found = []
    for _, cluster in analysis.clusters.iterrows():
        members = of_cluster.get_group(cluster["id"])
        found.append(_impression(codes.PRESENTATION_REQUIRED, _cluster(source, cluster, members, place)))
    singles = analysis.calcifications[analysis.calcifications["cluster_id"] == 0]
    for _, calcification in singles.iterrows():
        found.append(_impression(codes.PRESENTATION_OPTIONAL, _calcification(source, calcification, place)))
    return found


def _impression(intent: Code, finding: Dataset) -> Dataset:
    items = [code(MODIFIER, codes.RENDERING_INTENT, intent), finding]
    return container(INFERRED, codes.IMPRESSION, items)


def _cluster(source: SourceImage, cluster: pd.Series, members: pd.DataFrame, place: tuple[int, ...]) -> Dataset:
    items = [
        code(MODIFIER, codes.RENDERING_INTENT, codes.PRESENTATION_REQUIRED),
        *_tracking(source, str(cluster["name"]), "cluster", int(cluster["id"])),
        *_algorithm(source),
        *_percent(codes.CERTAINTY, cluster.get("mean_probability")),
        *_percent(codes.PROBABILITY_OF_CANCER, cluster.get("descriptor_risk")),
        region(PROPERTY, codes.CENTER, "POINT", cluster[["row", "column"]].to_numpy(float)[None], place),
        region(PROPERTY, codes.OUTLINE, "POLYLINE", outline_of_cluster(members), place),
    ]
    for kind, title in _TITLE.items():
        chosen = cluster.get(kind)
        if isinstance(chosen, str) and chosen:
            items.append(code(PROPERTY, title, codes.of_word(kind, chosen)))
    items.append(number(PROPERTY, codes.NUMBER_OF_CALCIFICATIONS, int(cluster["count"]), codes.ONE))
    items += [_calcification(source, calcification, place, INFERRED) for _, calcification in members.iterrows()]
    return code(CONTAINS, codes.SINGLE_IMAGE_FINDING, codes.CLUSTER, items)


def _calcification(
    source: SourceImage, calcification: pd.Series, place: tuple[int, ...], relationship: str = CONTAINS
) -> Dataset:
    items = [
        code(MODIFIER, codes.RENDERING_INTENT, codes.PRESENTATION_OPTIONAL),
        *_tracking(source, f"Calcification {calcification['id']}", "calcification", int(calcification["id"])),
        *_algorithm(source),
        *_percent(codes.CERTAINTY, calcification.get("probability")),
        region(PROPERTY, codes.CENTER, "POINT", calcification[["row", "column"]].to_numpy(float)[None], place),
        region(PROPERTY, codes.OUTLINE, "POLYLINE", outline_of_calcification(source.analysis, calcification), place),
    ]
    return code(relationship, codes.SINGLE_IMAGE_FINDING, codes.CALCIFICATION, items)


def _tracking(source: SourceImage, name: str, kind: str, number_in_image: int) -> list[Dataset]:
    return [
        text(OBSERVATION, codes.TRACKING_IDENTIFIER, name),
        uid(OBSERVATION, codes.TRACKING_UID, source.uid("tracking", kind, str(number_in_image))),
    ]


def _program() -> list[Dataset]:
    return [
        text(PROPERTY, codes.ALGORITHM_NAME, MODEL),
        text(PROPERTY, codes.ALGORITHM_VERSION, __version__),
    ]


def _algorithm(source: SourceImage) -> list[Dataset]:
    selector = source.analysis.provenance.get("selector", {}).get("name", "")
    threshold = source.analysis.provenance.get("parameters", {}).get("selection", {}).get("false_marks_per_cm2")
    parameters = f"{selector}; {threshold} expected false marks per cm2 of breast; research use only, not for diagnosis"
    return [*_program(), text(PROPERTY, codes.ALGORITHM_PARAMETERS, parameters)]


def _percent(name: Code, value: Any) -> list[Dataset]:
    """Nothing where the value is not known."""
    known = value is not None and np.isfinite(float(value))
    return [number(PROPERTY, name, 100 * float(value), codes.PERCENT)] if known else []


def _detections(sources: Sequence[SourceImage], failed: Sequence[FailedImage]) -> Dataset:
    """What was looked for in which images, with success and without."""
    parts = []
    if sources:
        items = [*_algorithm(sources[0]), *_references(1, len(sources))]
        parts.append(_looked_for(codes.SUCCESSFUL_DETECTIONS, items))
    if failed:
        items = [*_program(), *_references(len(sources) + 1, len(failed))]
        parts.append(_looked_for(codes.FAILED_DETECTIONS, items))
    with_failures = codes.PARTIALLY_SUCCEEDED if sources else codes.FAILED
    outcome = with_failures if failed else codes.SUCCEEDED
    return code(CONTAINS, codes.SUMMARY_OF_DETECTIONS, outcome, parts)


def _looked_for(heading: Code, items: list[Dataset]) -> Dataset:
    """Both kinds of findings that are looked for; ``items`` say by what and where."""
    kinds = (codes.CALCIFICATION, codes.CLUSTER)
    done = [code(CONTAINS, codes.DETECTION_PERFORMED, kind, items) for kind in kinds]
    return container(INFERRED, heading, done)


def _analyses(sources: Sequence[SourceImage]) -> Dataset:
    """Words, where clusters were described."""
    if not any(source.analysis.words for source in sources):
        return code(CONTAINS, codes.SUMMARY_OF_ANALYSES, codes.NOT_ATTEMPTED)
    items = [*_algorithm(sources[0]), *_references(1, len(sources))]
    done = code(CONTAINS, codes.ANALYSIS_PERFORMED, codes.IMPRESSION_ANALYSIS, items)
    return code(
        CONTAINS, codes.SUMMARY_OF_ANALYSES, codes.SUCCEEDED, [container(INFERRED, codes.SUCCESSFUL_ANALYSES, [done])]
    )


def _references(first: int, count: int) -> list[Dataset]:
    """Images of the library by their places there."""
    return [by_reference(PROPERTY, (1, _LIBRARY, position)) for position in range(first, first + count)]
