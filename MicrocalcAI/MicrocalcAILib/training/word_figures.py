"""How often suggested words are right and how sure they should be, by measured clusters with true words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..lexicon.word_model import softmax
from ..statistics import proportion
from ..statistics.calibration import expected_calibration_error


def temperature_of(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """The temperature under which the true words are most probable."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        chances = softmax(scores, float(np.exp(logarithm)))
        return float(-np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def word_figures(table: pd.DataFrame, kind: str, names: list[str], chances: NDArray[np.float64]) -> dict[str, Any]:
    """Accuracy by occasion, calibration and confusion table of words with these probabilities (rows, names)."""
    ranked = np.array(names)[np.argsort(-chances, axis=1)]
    truth = table[kind].to_numpy()
    right, among_two = ranked[:, 0] == truth, (ranked[:, :2] == truth[:, None]).any(axis=1)
    accuracy = {}
    for occasion in table["occasion"].unique():
        here = (table["occasion"] == occasion).to_numpy()
        share = proportion(int(right[here].sum()), int(here.sum()))
        accuracy[occasion] = share.as_dict() | {"count": int(here.sum()), "first_two": float(among_two[here].mean())}
    everything = sorted({*names, *truth})
    counts = pd.crosstab(truth, ranked[:, 0]).reindex(index=everything, columns=everything, fill_value=0)
    return {
        "accuracy": accuracy,
        "expected_calibration_error": expected_calibration_error(right, chances.max(axis=1)),
        "mean_probability_of_first_word": float(chances.max(axis=1).mean()),
        "share_right": float(right.mean()),
        "confusion": {"truth": everything, "said": everything, "counts": counts.to_numpy().tolist()},
    }
