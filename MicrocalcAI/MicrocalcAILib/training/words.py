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
from ..lexicon.word_model import KIND, MODEL_FILES, SCHEMA, WordModel, as_inputs, softmax
from .backgrounds import read_backgrounds
from .word_examples import RARE, Simulation, word_examples
from .word_figures import temperature_of, word_figures
from .words_update import go_on

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
    simulation, rare : Simulation
        What they learn from; of the second clusters only, so that the mix of single ones stays.
    held_out : Simulation
        What they are tested on.
    trees : int
        Boosting rounds; each adds one tree per word.
    seed : int
    """

    simulation: Simulation = field(default_factory=Simulation)
    rare: Simulation = field(default_factory=lambda: Simulation(1, 8, 2, seed=3, mixes=RARE))
    held_out: Simulation = field(default_factory=lambda: Simulation(4, 4, 8, seed=1001))
    trees: int = 120
    seed: int = 1


def train_words(
    backgrounds: Path,
    output: Path,
    training: WordTraining | None = None,
    start: Path | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Simulate, train, test and write the word model.

    Parameters
    ----------
    backgrounds : Path
        Table of images with the splits ``train`` and ``held-out``; see
        :func:`~MicrocalcAILib.training.backgrounds.read_backgrounds`.
    output : Path
        Model folder to write.
    training : WordTraining, optional
    start : Path, optional
        A model that goes on learning instead of one that is fitted anew.

    Returns
    -------
    dict
        The model's card; :func:`accuracy_text` prints it.
    """
    training = training or WordTraining()
    images = read_backgrounds(backgrounds, "train")
    rare = word_examples(images, training.rare, progress)
    examples = pd.concat(
        [word_examples(images, training.simulation, progress), rare[rare["occasion"] == "cluster"]], ignore_index=True
    )
    held_out = word_examples(read_backgrounds(backgrounds, "held-out"), training.held_out, progress)
    if start is None:
        return fit_word_model(examples, held_out, output, training, progress)
    return go_on(
        examples, held_out, output, examples_described(examples), WordModel.load(start), training.seed, progress
    )


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
            f"{examples_described(examples)} Tuned on simulation only: no radiologist's words went into it."
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


def examples_described(examples: pd.DataFrame) -> str:
    """What examples are, for the card."""
    breasts = examples["patient"].nunique()
    return (
        f"{len(examples)} clusters, groups of few and single calcifications, simulated in the breasts of {breasts} "
        "patients, real and simulated ones, detected and outlined by this software."
    )


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
