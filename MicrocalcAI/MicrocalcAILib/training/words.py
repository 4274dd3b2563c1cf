"""Training of the lexicon word model on simulated calcifications that are detected and outlined as real ones are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.model_folder import write_model_folder
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..lexicon.arrangement import MEASUREMENTS_FOR
from ..lexicon.vocabulary import KINDS
from ..lexicon.word_model import KIND, MODEL_FILES, SCHEMA, as_inputs, softmax
from ..statistics import proportion
from ..statistics.calibration import expected_calibration_error
from .backgrounds import read_backgrounds
from .word_examples import Simulation, word_examples

_FOLDS = 5
_TREES = {
    "objective": "multiclass",
    "learning_rate": 0.06,
    "num_leaves": 7,
    "min_data_in_leaf": 8,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class WordTraining:
    """How the models are trained and tested.

    Parameters
    ----------
    simulation, held_out : Simulation
        What they learn from, and what they are tested on.
    trees : int
        Boosting rounds; each adds one tree per word.
    seed : int
    """

    simulation: Simulation = field(default_factory=Simulation)
    held_out: Simulation = field(default_factory=lambda: Simulation(4, 4, 8, seed=1001))
    trees: int = 120
    seed: int = 1


def train_words(
    backgrounds: Path, output: Path, training: WordTraining | None = None, progress: Progress = no_progress
) -> dict[str, Any]:
    """Simulate, train, test and write the word model.

    Parameters
    ----------
    backgrounds : Path
        Table of images with the splits ``train`` and ``held-out``; see
        :func:`~MicrocalcAILib.training.backgrounds.read_backgrounds`.
    output : Path
        Model folder to write.

    Returns
    -------
    dict
        The model's card; :func:`accuracy_text` prints it.
    """
    training = training or WordTraining()
    examples = word_examples(read_backgrounds(backgrounds, "train"), training.simulation, progress)
    held_out = word_examples(read_backgrounds(backgrounds, "held-out"), training.held_out, progress)
    return fit_word_model(examples, held_out, output, training, progress)


def fit_word_model(
    examples: pd.DataFrame,
    held_out: pd.DataFrame,
    output: Path,
    training: WordTraining,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Fit the models, calibrate them on predictions for backgrounds they did not see, test them, write the folder.

    Parameters
    ----------
    examples, held_out : DataFrame
        From :func:`~.word_examples.word_examples`, of different backgrounds.
    output : Path
        Model folder to write.

    Returns
    -------
    dict
        The model's card: accuracy, confusion table and calibration in cross-validation and on the held-out mammograms.
    """
    card: dict[str, Any] = {
        "name": "Lexicon word model (simulated)",
        "description": "Probability of each BI-RADS morphology and distribution, from a cluster's measurements.",
        "measurements": {kind: list(names) for kind, names in MEASUREMENTS_FOR.items()},
        "training_data": (
            f"{len(examples)} clusters, groups of few and single calcifications, simulated in backgrounds of "
            f"{examples['patient'].nunique()} patients and simulated breasts, detected and outlined by this software. "
            "Tuned on simulation only: no radiologist's words went into it."
        ),
        "limits": [
            "How often it is right on real mammograms is not known; simulated calcifications are drawn by rules that "
            "follow the lexicon, and real ones are more varied.",
            "Probabilities hold for the mix of words in the simulation.",
            "Large calcifications (popcorn, rims, rods) are often outlined in pieces.",
        ],
        "license": "Apache-2.0",
        "command": f"microcalc train words --backgrounds backgrounds.csv --output {Path(output).name}",
        "training": asdict(training),
        "words": {},
        "temperature": {},
        "cross_validation": {},
        "held_out": {},
    }
    files = {}
    for kind in KINDS:
        progress(f"{kind} model", 0, 1)
        learned, tested = (table[table[kind] != ""] for table in (examples, held_out))
        names = sorted(learned[kind].unique())
        truth = np.searchsorted(names, learned[kind])
        scores = _cross_validated(kind, learned, truth, len(names), training)
        temperature = temperature_of(scores, truth)
        booster = _fit(kind, as_inputs(kind, learned), truth, len(names), training)
        files[MODEL_FILES[kind]] = booster.model_to_string()
        raw = booster.predict(as_inputs(kind, tested), raw_score=True, num_threads=1)
        card["words"][kind], card["temperature"][kind] = names, temperature
        card["cross_validation"][kind] = word_figures(learned, kind, names, softmax(scores, temperature))
        card["held_out"][kind] = word_figures(tested, kind, names, softmax(raw, temperature))
        progress(f"{kind} model", 1, 1)
    return write_model_folder(output, KIND, SCHEMA, card | {"provenance": provenance()}, files)


def accuracy_text(card: dict[str, Any]) -> str:
    """The figures of a card for people: accuracy, calibration and confusion tables on held-out simulations."""
    lines = [card["training_data"]]
    for kind in KINDS:
        figures = card["held_out"][kind]
        lines.append(f"\n{kind} on held-out simulated mammograms:")
        for occasion, share in figures["accuracy"].items():
            lines.append(
                f"  {occasion}: {100 * share['value']:.1f} % right ({100 * share['low']:.1f} to "
                f"{100 * share['high']:.1f}), n = {share['count']}; right word among the first two: "
                f"{100 * share['first_two']:.1f} %"
            )
        lines.append(f"  expected calibration error of the first word: {figures['expected_calibration_error']:.3f}")
        table = pd.DataFrame(
            figures["confusion"]["counts"], figures["confusion"]["truth"], figures["confusion"]["said"]
        )
        lines.append(table.rename_axis(index="true word").to_string())
    return "\n".join(lines)


def _fit(kind: str, values: NDArray[np.float64], truth: NDArray[np.intp], classes: int, training: WordTraining) -> Any:
    import lightgbm

    data = lightgbm.Dataset(values, truth, feature_name=list(MEASUREMENTS_FOR[kind]))
    options = {**_TREES, "num_class": classes, "seed": training.seed}
    return lightgbm.train(options, data, num_boost_round=training.trees)


def _cross_validated(
    kind: str, table: pd.DataFrame, truth: NDArray[np.intp], classes: int, training: WordTraining
) -> NDArray[np.float64]:
    """Scores (rows, classes) from models that saw none of the row's patient."""
    from sklearn.model_selection import GroupKFold

    values, scores = as_inputs(kind, table), np.zeros((len(table), classes))
    folds = min(_FOLDS, table["patient"].nunique())
    for learn, predict in GroupKFold(folds).split(values, truth, table["patient"]):
        booster = _fit(kind, values[learn], truth[learn], classes, training)
        scores[predict] = booster.predict(values[predict], raw_score=True, num_threads=1)
    return scores


def temperature_of(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """The temperature under which the true words are most probable."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        chances = softmax(scores, float(np.exp(logarithm)))
        return float(-np.log(np.maximum(chances[np.arange(len(truth)), truth], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def word_figures(table: pd.DataFrame, kind: str, names: list[str], chances: NDArray[np.float64]) -> dict[str, Any]:
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
