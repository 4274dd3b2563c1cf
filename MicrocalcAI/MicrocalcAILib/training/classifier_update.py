"""The classifier of clusters goes on learning from lesions of known outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..base.resources import resource_path
from ..classification.calibration import Calibration
from ..classification.cases import Cases
from ..classification.comparison import compare_with_pathology
from ..classification.model import ClusterClassifier
from ..classification.operating_points import choose_thresholds
from ..dataset.dataset import Dataset
from .classifier import NOTICE
from .dataset_clusters import found_cases
from .dataset_images import divided, training_data_of
from .gone_on import gone_on_card
from .more_trees import grown

_TARGET_SENSITIVITY = 0.95


def update_classifier(
    dataset: Dataset,
    output: Path,
    start: Path | None = None,
    selector_name: str = "auto",
    seed: int = 1,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Analyze the images of a dataset, add trees to a classifier as long as they help, and write it.

    The publisher's test, else a quarter of the patients, is not learned from; on it, before and after are compared.
    Calibration and thresholds come from judgments of clusters by trees that did not learn from their patient.

    Parameters
    ----------
    dataset : Dataset
        Lesions with an outcome.
    output : Path
    start : Path, optional
        The classifier that goes on learning; the bundled one by default.
    selector_name : str
        Who judges the candidates of the images.
    seed : int
    progress : callable, optional

    Returns
    -------
    dict
        The card; ``comparison`` holds the figures ``before`` and ``after``.

    Raises
    ------
    ParameterError
        When there are too few lesions of known outcome.
    WorseModelError
        When no added tree helps; nothing is written.
    """
    base = ClusterClassifier.load(start or resource_path("Models/ClusterMalignancy"))
    learned, tested = (found_cases(part, selector_name, progress) for part in divided(dataset, seed))
    model = updated(base, learned, seed)
    comparison = {"clusters": len(tested), "malignant": int(tested.malignant.sum())}
    figures = {name: _figures(one, tested) for name, one in (("before", base), ("after", model))}
    card = gone_on_card(
        model.card,
        f"{len(learned)} clusters; {training_data_of(dataset)}",
        notice=NOTICE,
        simulated=False,
        comparison=comparison | figures,
        figures={"held_out": figures["after"]},
    )
    predictions = pd.DataFrame(
        {
            "patient": np.unique(tested.patients, return_inverse=True)[1],
            "malignant": tested.malignant.astype(int),
            "before": base.score(tested.tables),
            "after": model.score(tested.tables),
        }
    )
    return ClusterClassifier(model.preparation, model.trees, model.calibration, model.thresholds, card).save(
        output, predictions
    )


def updated(base: ClusterClassifier, cases: Cases, seed: int = 1) -> ClusterClassifier:
    """The classifier with trees added that help on patients they did not learn from, calibrated anew.

    Raises
    ------
    ParameterError
        When a class is missing, or there are fewer than two patients.
    WorseModelError
        When no added tree helps.
    """
    if not 0 < cases.malignant.sum() < len(cases):
        raise ParameterError(
            "The lesions that were found are all of one outcome; benign and malignant ones are needed."
        )
    options = {"objective": "cross_entropy", "min_data_in_leaf": 5, "seed": seed}
    values = base.preparation.scaled(cases.tables)
    more = grown(base.trees, values, cases.expected, cases.patients, options, _loss)
    score = 1 / (1 + np.exp(-more.unseen))
    return ClusterClassifier(
        base.preparation,
        more.model,
        Calibration.fit(cases.malignant, score, cases.patients, seed),
        choose_thresholds(cases.malignant, score, _TARGET_SENSITIVITY),
        {
            **base.card,
            "training_prevalence": float(cases.malignant.mean()),
            "added_rounds": more.rounds,
            "loss_before": more.loss_before,
            "loss_after": more.loss_after,
        },
    )


def _figures(model: ClusterClassifier, tested: Cases) -> dict[str, Any]:
    if not 0 < tested.malignant.sum() < len(tested):
        raise ParameterError(
            "The lesions that judge are all of one outcome; name a test with benign and malignant ones."
        )
    return compare_with_pathology(model, tested)


def _loss(scores: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0, scores) - truth * scores))
