"""Writing a comparison: numbers, predictions, and one page that a browser shows and prints."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..base.files import replaced_on_success
from ..base.provenance import provenance
from ..base.resources import resource_path
from ..base.tables import write_table
from ..evaluation.paired_measures import MEASURES
from ..statistics import reliability_bins, roc_curve
from ..statistics.estimate import Estimate
from .compare import CLUSTER_TASK, Task

TEMPLATE = "Reports/comparison.html"
_COLORS = ("#1f5fa8", "#c4571a", "#3c8d40", "#7a4fa3", "#8a6d1f", "#b0357a", "#2a8f8f", "#666666")
_BINS = 5  # of calibration curves; many models share a picture
_LINES = ("-", "--", ":")
_NESTED = (
    "Every model was made anew in each outer fold of a cross-validation that keeps patients together; tuning, threshold"
    " and calibration were chosen inside the training folds."
)
_GIVEN = (
    "Every model is judged at its own threshold. Networks trained by this run judged patients that they did not learn"
    " from; of predictions that were given, whoever made them knows."
)


def save_comparison(
    tasks: Sequence[Task], folder: Path, settings: dict[str, Any], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write a comparison and return its numbers.

    * ``comparison.json``: every figure, with settings, notes and provenance.
    * ``rows.csv``: one row per task and model; ``predictions.csv``: what the figures were computed from, patients
      numbered.
    * ``report.html``: the tables with ROC and calibration curves; one file, without scripts.

    Parameters
    ----------
    tasks : sequence of Task
    folder : Path
    settings : dict
        JSON-ready.
    notes : sequence of str
        What was not compared, and why.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "tasks": [_task_record(task) for task in tasks],
        "settings": settings,
        "notes": list(notes),
        "provenance": provenance(),
    }
    with replaced_on_success(folder / "comparison.json") as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    for name, tables in (("rows", map(_rows, tasks)), ("predictions", map(_predictions, tasks))):
        with replaced_on_success(folder / f"{name}.csv") as temporary:
            write_table(pd.concat(list(tables), ignore_index=True), temporary)
    with replaced_on_success(folder / "report.html") as temporary:
        temporary.write_text(_page(tasks, record, notes), encoding="utf-8")
    return record


def _task_record(task: Task) -> dict[str, Any]:
    models = {}
    for name, found in task.measures.items():
        models[name] = {
            "counts": found.counts,
            **{measure: estimate.as_dict() for measure, estimate in found.measures.items()},
            "differences": {measure: estimate.as_dict() for measure, estimate in found.differences.items()},
            "calibration": found.calibration,
            "canary_auc": task.canaries[name].as_dict() if name in task.canaries else None,
            "note": task.notes.get(name, ""),
        }
    return {
        "name": task.name,
        "items": len(task.outcome),
        "positive": int(task.outcome.sum()),
        "patients": len(np.unique(task.patients)),
        "models": models,
    }


def _rows(task: Task) -> pd.DataFrame:
    rows = []
    for name, found in task.measures.items():
        row: dict[str, Any] = {"task": task.name, "model": name, **found.counts}
        canary = {"canary_auc": task.canaries[name]} if name in task.canaries else {}
        differences = {f"{measure}_difference": value for measure, value in found.differences.items()}
        for measure, estimate in {**found.measures, **differences, **canary}.items():
            row |= {measure: estimate.value, f"{measure}_low": estimate.low, f"{measure}_high": estimate.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _predictions(task: Task) -> pd.DataFrame:
    parts = []
    for name, model in task.models.items():
        columns = {"task": task.name, "model": name, "item": np.arange(len(task.outcome))}
        columns["patient"] = np.unique(task.patients, return_inverse=True)[1]
        columns |= {"outcome": task.outcome.astype(int), "score": model.score, "positive": model.positive.astype(int)}
        if model.probability is not None:
            columns["probability"] = model.probability
        if task.folds is not None:
            columns["fold"] = task.folds
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _page(tasks: Sequence[Task], record: dict[str, Any], notes: Sequence[str]) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resource_path(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        tasks=[_section(task) for task in tasks],
        headings=list(MEASURES.values()),
        notes=list(notes),
        provenance=record["provenance"],
        settings=json.dumps(record["settings"], ensure_ascii=False),
    )


def _section(task: Task) -> dict[str, Any]:
    rows, differences = [], []
    for name, found in task.measures.items():
        canary = task.canaries.get(name)
        rows.append(
            {
                "name": name,
                "cells": [_cell(found.measures[measure]) for measure in MEASURES],
                "missed": f"{found.counts['false_negative']} of {int(task.outcome.sum())}",
                "canary": None if canary is None else {**_cell(canary), "flag": canary.low > 0.5 or canary.high < 0.5},
            }
        )
        if found.differences:
            cells = [_cell(found.differences[measure], "+") for measure in MEASURES]
            differences.append({"name": name, "cells": cells})
    pictures = [_roc_picture(task)]
    if any(model.probability is not None for model in task.models.values()):
        pictures.append(_calibration_picture(task))
    return {
        "name": task.name,
        "count": len(task.outcome),
        "positive": int(task.outcome.sum()),
        "patients": len(np.unique(task.patients)),
        "explanation": _NESTED if task.name == CLUSTER_TASK and task.folds is not None else _GIVEN,
        "rows": rows,
        "differences": differences,
        "has_canaries": bool(task.canaries),
        "pictures": pictures,
        "notes": [f"{name}: {note}" for name, note in task.notes.items()],
    }


def _cell(estimate: Estimate, sign: str = "") -> dict[str, str]:
    if math.isnan(estimate.value):
        return {"value": "–", "interval": ""}
    interval = "" if math.isnan(estimate.low) else f"{estimate.low:{sign}.2f} to {estimate.high:{sign}.2f}"
    return {"value": f"{estimate.value:{sign}.2f}", "interval": interval}


def _styles(task: Task) -> list[tuple[str, dict[str, Any]]]:
    """Color and line of each model; no two of up to 24 alike."""
    return [
        (name, {"color": _COLORS[i % len(_COLORS)], "linestyle": _LINES[i // len(_COLORS) % len(_LINES)]})
        for i, name in enumerate(task.models)
    ]


def _roc_picture(task: Task) -> dict[str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    for name, style in _styles(task):
        curve = roc_curve(task.outcome, task.models[name].score)
        label = f"{name} ({task.measures[name].measures['auc'].value:.2f})"
        axes.plot(1 - curve.specificity, curve.sensitivity, label=label, linewidth=1.6, **style)
    axes.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=1, linestyle="--")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="1 − specificity", ylabel="Sensitivity", aspect="equal")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8, title="Model (AUC)")
    areas = ", ".join(f"{name} {found.measures['auc'].value:.2f}" for name, found in task.measures.items())
    return _picture(figure, f"ROC curves. Areas under the curve: {areas}.", f"ROC curves of {task.name}")


def _calibration_picture(task: Task) -> dict[str, str]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    parts = []
    for name, style in _styles(task):
        probability = task.models[name].probability
        if probability is None:
            continue
        bins = reliability_bins(task.outcome, probability, bins=_BINS)
        axes.plot(bins["predicted"], bins["observed"], "o", markersize=4, label=name, linewidth=1.4, **style)
        calibration = task.measures[name].calibration
        parts.append(f"{name} {calibration['brier_score']:.3f}" if calibration else name)
    axes.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=1, linestyle="--")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Predicted probability", ylabel="Observed share", aspect="equal")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8)
    text = f"Observed share against predicted probability. Brier scores: {', '.join(parts)}."
    return _picture(figure, text, f"Calibration of {task.name}: on the dashed line, predictions mean what they say")


def _picture(figure: Any, alternative: str, caption: str) -> dict[str, str]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")  # a legend beside the axes is cut off otherwise
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return {"data": data, "alternative": alternative, "caption": caption}
