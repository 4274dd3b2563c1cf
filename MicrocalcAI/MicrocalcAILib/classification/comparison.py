"""The classifier against the pathology: every figure with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import auc, bootstrap_estimate, calibration_summary
from .cases import Cases
from .model import ClusterClassifier
from .operating_points import TUNED, figures_at


def compare_with_pathology(model: ClusterClassifier, cases: Cases, prevalence: float | None = None) -> dict[str, Any]:
    """How a model does on clusters that it did not see, JSON-ready.

    Parameters
    ----------
    model : ClusterClassifier
    cases : Cases
    prevalence : float, optional
        Adds predictive values where that share of clusters is malignant; everything else is for these clusters.

    Returns
    -------
    dict
        ``auc`` (DeLong), ``auc_by_patient`` (bootstrap over patients), ``tuned_threshold``, ``calibration`` and
        ``operating_points``.

    Raises
    ------
    ParameterError
        When a class is missing.
    """
    predicted = model.predict(cases.tables)
    figures = prediction_figures(
        cases,
        predicted["malignancy_score"].to_numpy(float),
        predicted["probability_malignant"].to_numpy(float),
        predicted[f"positive_{TUNED.replace(' ', '_')}"].to_numpy(np.bool_),
    )
    figures["operating_points"] = {
        name: {"threshold": threshold, "probability": float(model.calibration.probability([threshold])[0])}
        | figures_at(cases.malignant, predicted["malignancy_score"], cases.patients, threshold, prevalence)
        for name, threshold in model.thresholds.items()
    }
    return figures


def prediction_figures(
    cases: Cases, score: NDArray[np.float64], probability: NDArray[np.float64], positive: NDArray[np.bool_]
) -> dict[str, Any]:
    """Area under the curve, calibration, and the table at the tuned threshold."""

    def area(drawn: NDArray[np.intp]) -> float:
        return area_under_curve(cases.malignant[drawn], score[drawn])

    return {
        "auc": auc(cases.malignant, score).as_dict(),
        "auc_by_patient": bootstrap_estimate(area, cases.patients, resamples=1000, method="percentile").as_dict(),
        "tuned_threshold": figures_at(cases.malignant, positive.astype(float), cases.patients, 0.5),
        "calibration": calibration_summary(cases.malignant, probability),
    }


def area_under_curve(outcome: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under the curve without an interval; NaN when a class is missing."""
    from scipy.stats import rankdata

    positives = int(outcome.sum())
    if not 0 < positives < len(outcome):
        return float("nan")
    above = rankdata(score)[outcome].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(outcome) - positives)))
