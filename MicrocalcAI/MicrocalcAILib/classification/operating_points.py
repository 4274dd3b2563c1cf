"""Thresholds of the score, and what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..statistics import (
    DiagnosticTable,
    bootstrap_estimate,
    diagnostic_table,
    point_at_sensitivity,
    roc_curve,
    youden_point,
)

PAPER_THRESHOLD = 0.4  # Marathe 2022, Table 2
PAPER, TUNED, MAXIMAL, YOUDEN = "paper", "tuned sensitivity", "maximal sensitivity", "youden"


def choose_thresholds(outcome: ArrayLike, score: ArrayLike, target_sensitivity: float) -> dict[str, float]:
    """Thresholds of the score by name.

    ``paper``: 0.4. ``tuned sensitivity``: the highest that reaches the target. ``maximal sensitivity``: the highest
    that misses no malignant cluster. ``youden``: largest sensitivity + specificity − 1.

    Parameters
    ----------
    outcome : array_like of bool, shape (clusters,)
    score : array_like of float, shape (clusters,)
        For clusters that the predicting model did not see.
    target_sensitivity : float
    """
    curve = roc_curve(outcome, score)
    return {
        PAPER: PAPER_THRESHOLD,
        TUNED: point_at_sensitivity(curve, target_sensitivity).threshold,
        MAXIMAL: point_at_sensitivity(curve, 1.0).threshold,
        YOUDEN: youden_point(curve).threshold,
    }


def figures_at(
    outcome: ArrayLike, score: ArrayLike, groups: ArrayLike, threshold: float, prevalence: float | None = None
) -> dict[str, Any]:
    """Two-by-two table at a threshold, JSON-ready.

    Parameters
    ----------
    outcome, score, groups : array_like, shape (clusters,)
    threshold : float
    prevalence : float, optional
        Adds the predictive values where malignancy is that frequent.

    Returns
    -------
    dict
        Of :class:`~MicrocalcAILib.statistics.DiagnosticTable` (Wilson intervals), with
        ``sensitivity_by_patient`` and ``specificity_by_patient`` (intervals from the bootstrap over patients).
    """
    diseased, positive = np.asarray(outcome, np.bool_), np.asarray(score, np.float64) >= threshold
    table = diagnostic_table(diseased, score, threshold)
    figures = table.as_dict()
    for name, cases in (("sensitivity", diseased), ("specificity", ~diseased)):
        right = positive == diseased

        def share(drawn: np.ndarray, cases: np.ndarray = cases, right: np.ndarray = right) -> float:
            chosen = drawn[cases[drawn]]
            return float(right[chosen].mean()) if len(chosen) else np.nan

        estimate = bootstrap_estimate(share, groups, resamples=1000, method="percentile")
        figures[f"{name}_by_patient"] = estimate.as_dict()
    if prevalence is not None:
        figures["at_prevalence"] = predictive_values(figures, prevalence)
    return figures


def predictive_values(figures: dict[str, Any], prevalence: float) -> dict[str, Any]:
    """PPV and NPV, with intervals, at a prevalence the reader gives; ``figures`` as from :func:`figures_at`.

    Raises
    ------
    ParameterError
        When the prevalence is not between 0 and 1.
    """
    counts = ("true_positive", "false_positive", "false_negative", "true_negative")
    positive, negative = DiagnosticTable(*(figures[count] for count in counts)).predictive_values_at(prevalence)
    return {
        "prevalence": prevalence,
        "positive_predictive_value": positive.as_dict(),
        "negative_predictive_value": negative.as_dict(),
    }
