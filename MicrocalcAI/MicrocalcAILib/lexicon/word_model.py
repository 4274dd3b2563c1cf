"""The probability of each word of the lexicon for a cluster, from its measurements, and what speaks for it.

Two small ensembles of shallow trees (LightGBM, stored as text), one for morphology and one for distribution, trained on
simulated calcifications that went through the same detection and outlining as a real mammogram. Their card says on
which, and how often they were right on simulated mammograms that were held out. Nobody's reading went into them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..base.model_folder import read_model_folder
from ..base.resources import resource_path
from ..base.trees import TreeEnsemble
from .arrangement import MEASUREMENTS_FOR
from .vocabulary import KINDS, words

KIND = "lexicon word model"
SCHEMA = 2  # 2: members count by their probability
MODEL_FILES = {kind: f"{kind}.txt" for kind in KINDS}
UNKNOWN_NIPPLE = -1.0  # stands for what cannot be measured without a nipple


@dataclass(frozen=True)
class WordModel:
    """The two models with their card.

    Parameters
    ----------
    models : dict
        Kind of word to LightGBM's text form.
    card : dict
        ``words`` (per kind, in the order of the model's classes), ``temperature`` (per kind), training data, figures.
    """

    models: dict[str, str]
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: Path | None = None) -> WordModel:
        """Load a model's folder, the bundled one by default.

        Raises
        ------
        ModelError
            When it is missing, altered, of another version, or needs measurements that this version does not make.
        """
        folder = resource_path("Lexicon/WordModel") if folder is None else Path(folder)
        card, files = read_model_folder(folder, KIND, SCHEMA)
        if card.get("measurements") != {kind: list(names) for kind, names in MEASUREMENTS_FOR.items()}:
            raise ModelError(f"The model “{folder.name}” needs other measurements than this version makes.")
        unknown = [name for kind in KINDS for name in card["words"][kind] if name not in words(kind)]
        if unknown:
            raise ModelError(f"The model “{folder.name}” knows “{unknown[0]}”, which is no word of the lexicon.")
        return cls({kind: files[name] for kind, name in MODEL_FILES.items()}, card)

    @functools.cached_property
    def ensembles(self) -> dict[str, TreeEnsemble]:
        """The models by kind of word, ready for use; reading them from their text takes a second or two, once."""
        return {kind: TreeEnsemble(text) for kind, text in self.models.items()}

    def probabilities(self, kind: str, measurements: pd.DataFrame) -> pd.DataFrame:
        """Probability of each word; rows as in ``measurements``, columns are the words, rows sum to 1."""
        names = self.card["words"][kind]
        if measurements.empty:
            return pd.DataFrame(np.empty((0, len(names))), columns=names)
        raw = self.ensembles[kind].scores(as_inputs(kind, measurements))
        return pd.DataFrame(softmax(raw, self.card["temperature"][kind]), index=measurements.index, columns=names)

    def contributions(self, kind: str, measurements: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """How much each measurement speaks for (above 0) or against each word: Shapley values of the log odds.

        Returns
        -------
        dict
            Word to table; rows as in ``measurements``, columns ``MEASUREMENTS_FOR[kind]``.
        """
        names, columns = self.card["words"][kind], list(MEASUREMENTS_FOR[kind])
        values = self.ensembles[kind].contributions(as_inputs(kind, measurements))
        return {
            name: pd.DataFrame(values[:, position, :-1], index=measurements.index, columns=columns)
            for position, name in enumerate(names)
        }

    def provenance(self) -> dict[str, Any]:
        """Name, digest and training data, for the outputs."""
        return {key: self.card[key] for key in ("name", "sha256", "training_data", "origin") if key in self.card}


def as_inputs(kind: str, measurements: pd.DataFrame) -> NDArray[np.float64]:
    """What a kind of word is judged by, in the order its model knows."""
    return measurements[list(MEASUREMENTS_FOR[kind])].fillna(UNKNOWN_NIPPLE).to_numpy(np.float64)


def softmax(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Scores (rows, classes) as probabilities; a temperature above 1 makes them less certain."""
    scaled = np.asarray(scores, np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
