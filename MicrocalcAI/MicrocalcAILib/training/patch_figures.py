"""How well a patch network judges the test: the paper's table, with the paper's intervals and with honest ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..networks.heatmap_inference import patch_heatmap
from ..networks.patch_networks import PatchModel
from ..networks.runtime import Runtime
from ..reading.mammogram import Mammogram
from ..segmentation.breast import find_breast
from ..statistics import auc, bootstrap_estimate

MEASURES = {
    "auc": "AUC",
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "positive_predictive_value": "PPV",
    "negative_predictive_value": "NPV",
}
_RESAMPLES = 1000


def patch_figures(
    outcome: NDArray[np.bool_], probability: NDArray[np.float64], threshold: float, patients: Sequence[str]
) -> dict[str, Any]:
    """AUC, accuracy, sensitivity, specificity and predictive values of patches.

    Parameters
    ----------
    outcome : bool array, shape (patches,)
    probability : float array, shape (patches,)
    threshold : float
        Positive from here on; chosen on other patches.
    patients : sequence of str, shape (patches,)

    Returns
    -------
    dict
        Counts, and for each of ``MEASURES`` its ``value``; ``paper_interval``: x ± 1.96·sqrt(x(1 − x)/n) with n the
        size of the whole test (Pesapane 2023), which takes patches as independent and divides by too many; and
        ``patient_interval``: 95 % bootstrap over patients, None where it does not exist. JSON-ready.
    """
    figures: dict[str, Any] = {
        "patches": len(outcome),
        "positive": int(outcome.sum()),
        "patients": len(set(patients)),
        "threshold": threshold,
    }
    for name in MEASURES:

        def measure(cases: NDArray[np.intp], name: str = name) -> float:
            return _measure(name, outcome[cases], probability[cases], threshold)

        value = measure(np.arange(len(outcome)))
        half_width = 1.96 * math.sqrt(value * (1 - value) / len(outcome)) if math.isfinite(value) else math.nan
        try:
            estimate = bootstrap_estimate(
                measure, np.asarray(patients), resamples=_RESAMPLES, seed=1, method="percentile"
            )
            interval = _ready(estimate.low, estimate.high)
        except ParameterError:  # one patient only
            interval = None
        figures[name] = {
            "value": round(value, 4) if math.isfinite(value) else None,
            "paper_interval": _ready(value - half_width, value + half_width),
            "patient_interval": interval,
        }
    return figures


def figures_text(figures: dict[str, Any]) -> str:
    """The paper's table for reading: a measure per line."""
    lines = [
        f"Test: {figures['patches']} patches ({figures['positive']} positive) of {figures['patients']} patients, "
        f"threshold {figures['threshold']:.3f} from validation",
        f"{'':12} value  as in the paper  over patients",
    ]
    for name, title in MEASURES.items():
        entry = figures[name]
        value = "–" if entry["value"] is None else f"{entry['value']:.2f}"
        lines.append(f"{title:12} {value:5}  {_range(entry['paper_interval']):15}  {_range(entry['patient_interval'])}")
    return "\n".join(lines)


def marked_patches(
    model: PatchModel,
    images: Sequence[tuple[str, Mammogram]],
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """How many patches a network marks in whole images in which no microcalcifications are known.

    Parameters
    ----------
    model : PatchModel
    images : sequence of (str, Mammogram)
    runtime, progress : optional

    Returns
    -------
    list of dict
        Per image: ``image``, ``patches`` of the breast, ``marked`` at the network's threshold.
    """
    rows = []
    for number, (name, mammogram) in enumerate(images):
        progress("images without microcalcifications", number, len(images))
        heatmap, _ = patch_heatmap(mammogram, find_breast(mammogram), model, runtime=runtime)
        patches = int(np.isfinite(heatmap.probabilities).sum())
        rows.append({"image": name, "patches": patches, "marked": heatmap.positive_patches()})
    progress("images without microcalcifications", len(images), len(images))
    return rows


def _measure(name: str, outcome: NDArray[np.bool_], probability: NDArray[np.float64], threshold: float) -> float:
    if name == "auc":
        diseased = int(outcome.sum())
        return auc(outcome, probability).value if 2 <= diseased <= len(outcome) - 2 else math.nan
    positive = probability >= threshold
    cases = {
        "accuracy": np.ones(len(outcome), bool),
        "sensitivity": outcome,
        "specificity": ~outcome,
        "positive_predictive_value": positive,
        "negative_predictive_value": ~positive,
    }[name]
    return float((positive == outcome)[cases].mean()) if cases.any() else math.nan


def _ready(low: float, high: float) -> list[float] | None:
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return [round(max(low, 0.0), 4), round(min(high, 1.0), 4)]


def _range(interval: list[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
