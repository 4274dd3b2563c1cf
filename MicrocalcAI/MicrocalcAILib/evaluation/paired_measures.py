"""Models that judged the same items: measures with intervals by patient, and paired differences to the first model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..statistics.calibration import calibration_summary
from ..statistics.estimate import Estimate
from ..statistics.resampling import percentile_interval, resampled_counts
from .figures_of_merit import weight_below

MEASURES = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "positive_predictive_value": "PPV",
    "f1": "F1",
    "biopsies_avoided": "Biopsies avoided",
}


@dataclass(frozen=True)
class Judged:
    """What one model says about items.

    Parameters
    ----------
    score : float array, shape (items,)
    positive : bool array, shape (items,)
        Its decision, at a threshold that was not chosen on these items.
    probability : float array, shape (items,), or None
        None where the score is no probability.
    """

    score: NDArray[np.float64]
    positive: NDArray[np.bool_]
    probability: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ModelMeasures:
    """Figures of one model.

    Parameters
    ----------
    counts : dict
        ``true_positive``, ``false_positive``, ``false_negative``, ``true_negative``.
    measures : dict of Estimate
        By the names of ``MEASURES``. ``biopsies_avoided``: share of all items that are rightly called negative.
    differences : dict of Estimate
        To the first model, on the same bootstrap samples; empty for the first.
    calibration : dict or None
        See :func:`~MicrocalcAILib.statistics.calibration_summary`; None where the scores are no probabilities.
    """

    counts: dict[str, int]
    measures: dict[str, Estimate]
    differences: dict[str, Estimate]
    calibration: dict[str, Any] | None


def paired_measures(
    outcome: NDArray[np.bool_],
    patients: NDArray[Any],
    models: Mapping[str, Judged],
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, ModelMeasures]:
    """Measure every model, with percentile intervals over bootstrap samples of the patients.

    Parameters
    ----------
    outcome : bool array, shape (items,)
    patients : array, shape (items,)
    models : mapping, name -> Judged
    resamples, seed, confidence
        Of the bootstrap; the same samples for all models.

    Raises
    ------
    ParameterError
        When a class is missing, or a model did not judge every item.
    """
    if not 0 < outcome.sum() < len(outcome):
        raise ParameterError("Models are compared on items of both classes.")
    if any(len(model.score) != len(outcome) for model in models.values()):
        raise ParameterError("Models can be compared on the same items only.")
    _, units = np.unique(patients, return_inverse=True)
    draws = np.empty((0, len(outcome)))
    if units.max() > 0:
        draws = resampled_counts(int(units.max()) + 1, resamples, seed)[:, units].astype(np.float64)
    everyone = np.ones(len(outcome))
    values = {name: _measured(outcome, model, everyone) for name, model in models.items()}
    samples = {name: np.array([_measured(outcome, model, draw) for draw in draws]) for name, model in models.items()}
    first = next(iter(models))

    def estimates(value: NDArray[np.float64], sampled: NDArray[np.float64]) -> dict[str, Estimate]:
        nothing = np.full(len(MEASURES), math.nan)
        low, high = percentile_interval(sampled, confidence) if len(sampled) else (nothing, nothing)
        method = "bootstrap over patients"
        return {
            name: Estimate(float(value[i]), float(low[i]), float(high[i]), confidence, method)
            for i, name in enumerate(MEASURES)
        }

    return {
        name: ModelMeasures(
            counts=_counts(outcome, model.positive),
            measures=estimates(values[name], samples[name]),
            differences={}
            if name == first
            else estimates(values[name] - values[first], samples[name] - samples[first]),
            calibration=None if model.probability is None else calibration_summary(outcome, model.probability),
        )
        for name, model in models.items()
    }


def _measured(outcome: NDArray[np.bool_], model: Judged, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The measures in their order when every item counts ``weights`` times; NaN where one does not exist."""
    diseased, healthy = weights[outcome].sum(), weights[~outcome].sum()
    below = weight_below(model.score[~outcome], weights[~outcome], model.score[outcome])
    hits = weights[outcome & model.positive].sum()
    false = weights[~outcome & model.positive].sum()
    numerators = np.array([weights[outcome] @ below, hits, healthy - false, hits, 2 * hits, healthy - false])
    denominators = np.array(
        [diseased * healthy, diseased, healthy, hits + false, diseased + hits + false, diseased + healthy]
    )
    return np.divide(numerators, denominators, out=np.full(len(MEASURES), np.nan), where=denominators > 0)


def _counts(outcome: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, int]:
    return {
        "true_positive": int((outcome & positive).sum()),
        "false_positive": int((~outcome & positive).sum()),
        "false_negative": int((outcome & ~positive).sum()),
        "true_negative": int((~outcome & ~positive).sum()),
    }
