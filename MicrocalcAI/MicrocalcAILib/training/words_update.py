"""The model of the words goes on learning from clusters that readers named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.model_folder import write_model_folder
from ..base.progress import Progress, no_progress
from ..dataset.dataset import Dataset
from ..lexicon.vocabulary import KINDS
from ..lexicon.word_model import KIND, MODEL_FILES, SCHEMA, WordModel, as_inputs, softmax
from .dataset_clusters import worded_clusters
from .dataset_images import divided, training_data_of
from .gone_on import gone_on_card
from .more_trees import WorseModelError, grown
from .word_figures import temperature_of, word_figures


def update_words(
    dataset: Dataset,
    output: Path,
    start: Path | None = None,
    seed: int = 1,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Add trees to a model of the words, as many as help on patients they did not learn from, and write it.

    The publisher's test, else a quarter of the patients, is not learned from; on it, before and after are compared. A
    kind of word that no added tree helps stays as it was.

    Parameters
    ----------
    dataset : Dataset
        Outlined clusters with words, as corrected results and studies have them.
    output : Path
    start : Path, optional
        The model that goes on learning; the bundled one by default.
    seed : int
    progress : callable, optional

    Returns
    -------
    dict
        The card; ``comparison`` holds, by kind of word, the added rounds and the accuracy before and after.

    Raises
    ------
    ParameterError
        When there are too few patients or words.
    WorseModelError
        When neither kind of word gets better; nothing is written.
    """
    learned, judging = (worded_clusters(part, progress) for part in divided(dataset, seed))
    described = f"{len(learned)} named clusters; {training_data_of(dataset)}"
    return go_on(learned, judging, output, described, WordModel.load(start), seed, progress)


def go_on(
    learned: pd.DataFrame,
    judging: pd.DataFrame,
    output: Path,
    described: str,
    model: WordModel,
    seed: int = 1,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Add trees that learn from measured clusters with words, compare on others, and write the model.

    Parameters
    ----------
    learned, judging : DataFrame
        From :func:`~.word_examples.word_examples` or :func:`~.dataset_clusters.worded_clusters`, of different patients.
    output : Path
    described : str
        What ``learned`` is, for the card.
    model : WordModel
        That goes on learning.
    seed : int
    progress : callable, optional

    Returns, raises
        As :func:`update_words`.
    """
    texts: dict[str, str | bytes] = {MODEL_FILES[kind]: model.models[kind] for kind in KINDS}
    temperatures, comparison, reasons = dict(model.card["temperature"]), {}, []
    for kind in KINDS:
        progress(f"{kind} model", 0, 1)
        names = model.card["words"][kind]
        own, tested = (table[table[kind].isin(names)].reset_index(drop=True) for table in (learned, judging))
        try:
            comparison[kind] = _updated(kind, own, tested, model, names, texts, temperatures, seed)
        except (ParameterError, WorseModelError) as error:
            reasons.append(f"{kind}: {error}")
        progress(f"{kind} model", 1, 1)
    if not comparison:
        raise WorseModelError(f"No kind of word gets better. {' '.join(reasons)}")
    card = gone_on_card(model.card, described, temperature=temperatures, comparison=comparison, unchanged=reasons)
    return write_model_folder(output, KIND, SCHEMA, card, texts)


def _updated(
    kind: str,
    own: pd.DataFrame,
    tested: pd.DataFrame,
    model: WordModel,
    names: list[str],
    texts: dict[str, str | bytes],
    temperatures: dict[str, float],
    seed: int,
) -> dict[str, Any]:
    """Replace one kind's trees and temperature; what that changed."""
    if not len(tested):
        raise ParameterError("no cluster of the test has such a word.")
    truth = np.array([names.index(word) for word in own[kind]], np.intp)
    options = {"objective": "multiclass", "num_class": len(names), "seed": seed, "min_data_in_leaf": 8}
    more = grown(model.models[kind], as_inputs(kind, own), truth, own["patient"].to_numpy(str), options, _loss)
    texts[MODEL_FILES[kind]] = more.model
    temperatures[kind] = temperature_of(more.unseen, truth)
    after = WordModel({**model.models, kind: more.model}, {**model.card, "temperature": temperatures})
    return {
        "added_rounds": more.rounds,
        "clusters": len(own),
        "before": word_figures(tested, kind, names, model.probabilities(kind, tested).to_numpy()),
        "after": word_figures(tested, kind, names, after.probabilities(kind, tested).to_numpy()),
    }


def _loss(scores: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    chances = softmax(scores, 1.0)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chances, 1e-12)).mean())
