"""Writing an evaluation to a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..base.files import replaced_on_success
from ..base.provenance import provenance
from ..base.tables import write_table
from .folders import Evaluation
from .free_response import FreeResponse
from .free_response_plot import plot_free_response
from .matching import FALSE, HIT, IGNORED, MISSED, Matches

SCHEMA = 1
EVALUATION_FILE = "evaluation.json"
LEVELS = ("calcification", "cluster")


def save_evaluation(
    evaluation: Evaluation, folder: Path, name: str = "Sensitivity", others: Mapping[str, Evaluation] | None = None
) -> None:
    """Write an evaluation into a folder; ``name`` and ``others`` tell the curves of the picture apart.

    * ``evaluation.json``: the numbers, rules, warnings and provenance; a number that does not exist is null.
    * ``matches.csv``: every mark and every truth of every image with its outcome; a hit is one row.
    * ``froc.csv``, ``operating_points.csv``: the free-response curves, and the sensitivities at fixed rates of false
      marks.
    * ``strata.csv``: sensitivity by kind of calcification and of cluster at every operating point.
    * ``froc.png``: the curves, those of the others included.

    ``level`` in the tables is ``calcification`` or ``cluster``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    levels = zip(LEVELS, (evaluation.calcifications, evaluation.clusters), strict=True)
    _write_table(pd.concat([_outcomes(m).assign(level=name) for name, m in levels if m is not None]), folder, "matches")
    curves = zip(LEVELS, (evaluation.free_response, evaluation.cluster_free_response), strict=True)
    known = [(name, response) for name, response in curves if response is not None]
    _write_table(pd.concat([response.curve.assign(level=name) for name, response in known]), folder, "froc")
    points = pd.concat([response.operating_points.assign(level=name) for name, response in known])
    _write_table(points, folder, "operating_points")
    _write_table(evaluation.strata, folder, "strata")
    drawn = {name: evaluation, **(others or {})}
    plot_free_response(
        {name: (one.free_response, one.cluster_free_response) for name, one in drawn.items()}, folder / "froc.png"
    )
    with replaced_on_success(folder / EVALUATION_FILE) as temporary:
        text = json.dumps(summary(evaluation), indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The content of ``evaluation.json``, JSON-ready."""
    clusters = None
    if evaluation.clusters is not None and evaluation.cluster_free_response is not None:
        clusters = _level_summary(evaluation, "cluster", evaluation.clusters, evaluation.cluster_free_response)
    return {
        "schema": SCHEMA,
        "images": len(evaluation.calcifications),
        "patients": evaluation.free_response.patients,
        "breast_area_cm2": evaluation.free_response.breast_area_cm2,
        "settings": evaluation.settings,
        "calcifications": _level_summary(
            evaluation, "calcification", evaluation.calcifications, evaluation.free_response
        ),
        "segmentation": evaluation.overlap,
        "clouds": evaluation.clouds,
        "clusters": clusters,
        "strata": _records(evaluation.strata),
        "warnings": [asdict(warning) for warning in evaluation.warnings],
        "provenance": provenance(),
    }


def _level_summary(
    evaluation: Evaluation, level: str, matches: Sequence[Matches], response: FreeResponse
) -> dict[str, Any]:
    """Counts for all marks as they were written, figures of merit, and the operating points."""
    marks = pd.concat([match.marks["outcome"] for match in matches]).value_counts()
    truths = pd.concat([match.truths["outcome"] for match in matches]).value_counts()
    hits, missed, false = (
        int(counts.get(kind, 0)) for counts, kind in ((truths, HIT), (truths, MISSED), (marks, FALSE))
    )
    right = int(marks.get(HIT, 0))  # of clusters, several marks may hit one truth
    sensitivity = hits / (hits + missed) if hits + missed else None
    precision = right / (right + false) if right + false else None
    f1 = 2 * sensitivity * precision / (sensitivity + precision) if sensitivity and precision else None
    return {
        "true": hits + missed,
        "hit": hits,
        "missed": missed,
        "marks": right + false,
        "false": false,
        "ignored_marks": int(marks.get(IGNORED, 0)),
        "ignored_true": int(truths.get(IGNORED, 0)),
        "sensitivity": sensitivity,
        "precision": precision,
        "f1": f1,
        "false_per_image": false / response.images,
        "false_per_cm2": false / response.breast_area_cm2,
        "figures_of_merit": {name: value.as_dict() for name, value in evaluation.figures_of_merit[level].items()},
        "operating_points": _records(response.operating_points),
    }


def _outcomes(matches: Sequence[Matches]) -> pd.DataFrame:
    """Every truth, then every mark that is not already there as some truth's hit."""
    tables = []
    for match in matches:
        own = {"id": "truth_id", "row": "true_row", "column": "true_column", "cluster_id": "true_cluster_id"}
        truths = match.truths.rename(columns=own)
        marks = match.marks.rename(columns={"id": "mark_id", "cluster_id": "mark_cluster_id"})
        marks = marks.reindex(
            columns=["mark_id", "mark_cluster_id", "row", "column", "probability", "outcome", "truth_id"]
        )
        alone = marks[~marks["mark_id"].isin(truths["mark_id"])]
        placed = truths.merge(marks[["mark_id", "mark_cluster_id", "row", "column"]], on="mark_id", how="left")
        tables.append(pd.concat([placed, alone], ignore_index=True).assign(image=match.image))
    table = pd.concat(tables, ignore_index=True)
    first = ["image", "outcome", "mark_id", "truth_id", "probability"]
    return table[first + [name for name in table.columns if name not in first]].dropna(axis="columns", how="all")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries; numbers that do not exist as None."""
    finite = table.astype(object).where(table.notna() & ~table.isin([np.inf, -np.inf]), None)
    return [{str(name): value for name, value in row.items()} for row in finite.to_dict("records")]


def _write_table(table: pd.DataFrame, folder: Path, name: str) -> None:
    ordered = (
        ["level", *(column for column in table.columns if column != "level")] if "level" in table else table.columns
    )
    with replaced_on_success(folder / f"{name}.csv") as temporary:
        write_table(table[list(ordered)], temporary)
