"""How well exams are put together: places, findings and changes against the truth of simulated exams."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..analysis import Analysis
from ..exam.exam import Exam
from ..exam.examine import ExamImage, examine, prepare
from ..exam.grouping import group_images
from ..exam.identity import ImageIdentity
from ..phantom.exams import BEFORE, NOW, PhantomExam, PhantomView
from ..reading.mammogram import Mammogram
from ..statistics import Estimate, bootstrap_estimate, clustered_proportion

NEAR_MM = 10.0
"""A cluster this near to a lesion's true center shows it."""
_DATES = {NOW: "2026-01-01", BEFORE: "2024-01-01"}
Reader = Callable[[Mammogram], Analysis]


@dataclass(frozen=True)
class ExamScores:
    """What was right and by how much, one row each; ``exam`` tells which simulated woman.

    Parameters
    ----------
    nipples : DataFrame
        ``exam``, ``view``, ``error_mm``, ``source``.
    places : DataFrame
        ``exam``, ``view``, ``error_mm`` (along and across together).
    clocks : DataFrame
        ``exam``, ``quadrant_right``, ``hours`` off, ``error_mm`` from the nipple's axis.
    pairs : DataFrame
        ``exam``, ``kind`` (``lesion``: a lesion seen in both views; ``made``: a pair that was made), ``right``.
    changes : DataFrame
        ``exam``, ``view``, ``truth``, ``call``.
    """

    nipples: pd.DataFrame
    places: pd.DataFrame
    clocks: pd.DataFrame
    pairs: pd.DataFrame
    changes: pd.DataFrame


def truth_as_analysis(view: PhantomView) -> Analysis:
    """The truth of an image as if it had been found: judges the exam apart from the detection."""
    phantom = view.phantom
    clusters = phantom.clusters.copy()
    boxes = phantom.calcifications.groupby("cluster_id")[["row", "column"]].agg(["min", "max"])
    for axis in ("row", "column"):
        for end in ("min", "max"):
            own = boxes[axis, end].reindex(clusters["id"]).to_numpy(float)
            clusters[f"{axis}_{end}"] = np.rint(own).astype(int)
    return Analysis(
        labels=phantom.labels,
        calcifications=phantom.calcifications,
        clusters=clusters,
        spacing_mm=phantom.mammogram.spacing_mm,
        breast_area_cm2=float(phantom.parameters["breast_area_cm2"]),
        provenance={"spacing_source": "simulated"},
    )


def score_exam(number: int, phantom: PhantomExam, reader: Reader | None = None) -> ExamScores:
    """Examine a simulated exam and compare it with its truth.

    Parameters
    ----------
    number : int
        Which exam it is, for intervals between exams.
    phantom : PhantomExam
    reader : callable, optional
        Analyzes an image; without one, the true calcifications are taken as found.
    """
    images: dict[str, ExamImage] = {}
    views: dict[str, PhantomView] = {}
    for view in phantom.views:
        who = ImageIdentity(
            f"{view.laterality}-{view.view}-{view.when}",
            patient=str(number),
            date=_DATES[view.when],
            laterality=view.laterality,
            view=view.view,
        )
        analysis = truth_as_analysis(view) if reader is None else reader(view.phantom.mammogram)
        images[who.name] = prepare(view.phantom.mammogram, analysis, who)
        views[who.name] = view
    group = group_images([image.identity for image in images.values()])[-1]
    exam = examine(group, images)
    shown = {name: _shown(images[name], view) for name, view in views.items()}
    nipples = [
        {
            "view": view.view,
            "error_mm": _distance(images[name], view),
            "source": frame.nipple.source if (frame := images[name].frame) else "none",
        }
        for name, view in views.items()
    ]
    tables = (
        nipples,
        [row for name, view in views.items() for row in _places(images[name], view, shown[name])],
        _clocks(exam, phantom, shown),
        _pairs(exam, phantom, views, shown),
        _change_rows(exam, phantom, views, shown),
    )
    return ExamScores(*(pd.DataFrame(rows).assign(exam=number) for rows in tables))


def joined(scores: list[ExamScores]) -> ExamScores:
    """The rows of several exams together."""
    names = ("nipples", "places", "clocks", "pairs", "changes")
    return ExamScores(*(pd.concat([getattr(one, name) for one in scores], ignore_index=True) for name in names))


def summary(scores: ExamScores) -> list[tuple[str, Estimate, int]]:
    """What is measured, its estimate with the interval between exams, and of how many."""
    rows = []

    def mean(name: str, table: pd.DataFrame, column: str) -> None:
        values = table[column].to_numpy(float) if len(table) else np.zeros(0)
        if len(table) and table["exam"].nunique() > 1:
            estimate = bootstrap_estimate(lambda cases: float(np.nanmean(values[cases])), table["exam"])
        else:
            estimate = Estimate(float(np.nanmean(values)) if len(values) else math.nan, math.nan, math.nan)
        rows.append((name, estimate, len(table)))

    def share(name: str, table: pd.DataFrame, hits: pd.Series) -> None:
        rows.append((name, clustered_proportion(hits.to_numpy(bool), table["exam"].to_numpy()), len(table)))

    for view in ("CC", "MLO"):
        mean(f"nipple error, {view} (mm)", scores.nipples.query("view == @view"), "error_mm")
    for view in ("CC", "MLO"):
        table = scores.places.query("view == @view") if len(scores.places) else scores.places
        mean(f"place error along and across, {view} (mm)", table, "error_mm")
    if len(scores.clocks):
        share("quadrant right, by two views", scores.clocks, scores.clocks["quadrant_right"])
        mean("clock error (hours)", scores.clocks, "hours")
    for kind, name in (("lesion", "lesions matched right"), ("made", "pairs made that are right")):
        table = scores.pairs[scores.pairs["kind"] == kind] if len(scores.pairs) else scores.pairs
        if len(table):
            share(name, table, table["right"])
    if len(scores.changes):
        share("change call right", scores.changes, scores.changes["call"] == scores.changes["truth"])
    return rows


def _shown(image: ExamImage, view: PhantomView) -> dict[int, int]:
    """Cluster id to the lesion it shows: the nearest, each lesion once."""
    found: dict[int, tuple[float, int]] = {}
    truths = list(zip(view.phantom.clusters.to_dict("records"), view.lesions, strict=True))
    for mark in image.marks:
        for truth, lesion in truths:
            away = math.hypot(mark.y_mm - truth["y_mm"], mark.x_mm - truth["x_mm"])
            if away <= NEAR_MM and away < found.get(lesion, (math.inf, 0))[0]:
                found[lesion] = (away, mark.cluster_id)
    return {cluster: lesion for lesion, (_away, cluster) in found.items()}


def _distance(image: ExamImage, view: PhantomView) -> float:
    if image.frame is None:
        return math.nan
    return float(np.linalg.norm(image.frame.nipple.position_mm - view.frame.nipple.position_mm))


def _places(image: ExamImage, view: PhantomView, shown: dict[int, int]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for mark in image.marks:
        if mark.cluster_id in shown and mark.place is not None:
            along, across = view.frame.coordinates(np.array([mark.y_mm, mark.x_mm]))
            error = math.hypot(mark.place.along_mm - along, mark.place.across_mm - across)
            rows.append({"view": view.view, "error_mm": error})
    return rows


def _clocks(exam: Exam, phantom: PhantomExam, shown: dict[str, dict[int, int]]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for finding in exam.findings:
        lesions = {shown[mark.image].get(mark.cluster_id) for mark in finding.marks}
        if finding.clock is None or len(lesions) != 1 or None in lesions:
            continue
        lesion = phantom.lesions[next(iter(index for index in lesions if index is not None))]
        clock = finding.clock
        error = math.hypot(clock.outer_mm - lesion.outer_mm, clock.upper_mm - lesion.upper_mm)
        turns = [
            math.degrees(math.atan2(outer, upper))
            for outer, upper in ((clock.outer_mm, clock.upper_mm), (lesion.outer_mm, lesion.upper_mm))
        ]
        apart = abs(turns[0] - turns[1]) % 360
        right = (clock.outer_mm >= 0) == (lesion.outer_mm >= 0) and (clock.upper_mm >= 0) == (lesion.upper_mm >= 0)
        rows.append({"quadrant_right": right, "hours": min(apart, 360 - apart) / 30, "error_mm": error})
    return rows


def _pairs(
    exam: Exam, phantom: PhantomExam, views: dict[str, PhantomView], shown: dict[str, dict[int, int]]
) -> list[dict[str, object]]:
    made = []
    for finding in exam.findings:
        if len(finding.marks) == 2:
            made.append(tuple(shown[mark.image].get(mark.cluster_id) for mark in finding.marks))
    right = {pair[0] for pair in made if pair[0] is not None and pair[0] == pair[1]}
    rows: list[dict[str, object]] = [
        {"kind": "made", "right": pair[0] is not None and pair[0] == pair[1]} for pair in made
    ]
    for index in range(len(phantom.lesions)):
        seen = [name for name, view in views.items() if view.when == NOW and index in shown[name].values()]
        if len(seen) == 2:
            rows.append({"kind": "lesion", "right": index in right})
    return rows


def _change_rows(
    exam: Exam, phantom: PhantomExam, views: dict[str, PhantomView], shown: dict[str, dict[int, int]]
) -> list[dict[str, object]]:
    return [
        {"view": views[image].view, "truth": phantom.lesions[lesion].change, "call": change.call}
        for finding in exam.findings
        for mark in finding.marks
        for image, change in finding.changes.items()
        if image == mark.image and (lesion := shown[image].get(mark.cluster_id)) is not None
    ]
