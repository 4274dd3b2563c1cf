"""Training of the cluster classifier by the protocol of Marathe 2022, with patients kept together everywhere.

Whatever is learned (typical calcifications, scaler, choice of features, resampling, grid search, threshold,
calibration) is learned inside the fold; clusters that judge a model have influenced nothing in it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.parameters import check_range
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..classification.calibration import Calibration
from ..classification.cases import Cases
from ..classification.comparison import area_under_curve, compare_with_pathology, prediction_figures
from ..classification.model import ClusterClassifier
from ..classification.operating_points import TUNED, choose_thresholds
from ..classification.preparation import AGGREGATIONS, FEATURE_SETS, Preparation
from ..statistics import roc_curve
from .resampling import smote_enn

RESAMPLING = ("smote-enn", "none")
NOTICE = "Trained on the clusters that its card describes; not validated for patients, not for diagnosis."
_TREE_COUNTS = (50, 100, 200)
_GRID = [
    {"learning_rate": rate, "num_leaves": leaves, "max_depth": depth, "lambda_l2": penalty}
    for rate, (leaves, depth), penalty in product((0.03, 0.1), ((4, 2), (8, 4), (31, -1)), (1.0, 20.0))
]
_GRIDS = {
    "full": _GRID,
    "small": [{"learning_rate": 0.1, "num_leaves": 8, "max_depth": 4, "lambda_l2": penalty} for penalty in (1.0, 20.0)],
}
_TREES = {
    "objective": "cross_entropy",
    "min_data_in_leaf": 5,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
_AS_STORED = {"malignancy_score": "score", "probability_malignant": "probability"}
_SENSITIVE_RANGE = np.linspace(0.9, 1.0, 11)


@dataclass(frozen=True)
class ClassifierTraining:
    """How the classifier is trained.

    Parameters
    ----------
    aggregation : {"histograms", "moments"}
        How the calcifications of a cluster are put together: K-means histograms, or mean and standard deviation (the
        paper's comparison).
    feature_set : str
        Which features, see :meth:`~MicrocalcAILib.classification.preparation.Preparation.fit` (the paper's comparison).
    words : tuple of int
        Numbers of typical calcifications K to choose from; only for histograms.
    topology_features : int
        The most important ones are kept (122 in the paper).
    resampling : {"smote-enn", "none"}
        Of the training folds. With ``none`` the trees learn the expected outcomes where the labels hold them.
    grid : {"full", "small"}
        Settings of the trees to choose from: twelve, or two.
    target_sensitivity : float
        That the tuned threshold reaches on unseen clusters of the training patients.
    folds, outer_folds : int
        Of the grid search, and of the nested cross-validation around it.
    seed : int

    Raises
    ------
    ParameterError
        For an unknown word or a number out of range.
    """

    aggregation: str = "histograms"
    feature_set: str = "all"
    words: tuple[int, ...] = (10, 15, 25)
    topology_features: int = 122
    resampling: str = "smote-enn"
    grid: str = "full"
    target_sensitivity: float = 0.95
    folds: int = 5
    outer_folds: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        for name, value, known in (
            ("aggregation", self.aggregation, AGGREGATIONS),
            ("feature_set", self.feature_set, FEATURE_SETS),
            ("resampling", self.resampling, RESAMPLING),
            ("grid", self.grid, _GRIDS),
        ):
            if value not in known:
                raise ParameterError(f"{name} has to be one of {', '.join(known)}, not “{value}”.")
        for words in self.words or (0,):
            check_range("words", words, 2, 200)
        check_range("topology_features", self.topology_features, 0, 520)
        check_range("target_sensitivity", self.target_sensitivity, 0.5, 1.0)
        check_range("folds", self.folds, 2, 20)
        check_range("outer_folds", self.outer_folds, 2, 20)


def train_classifier(
    cases: Cases,
    output: Path,
    training: ClassifierTraining | None = None,
    held_out: NDArray[np.bool_] | None = None,
    description: dict[str, Any] | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train, judge and write the model folder.

    Parameters
    ----------
    cases : Cases
    output : Path
    training : ClassifierTraining, optional
    held_out : bool array, shape (clusters,), optional
        The test; a quarter of the patients by default (or when none is True). Nothing is learned from it.
    description : dict, optional
        ``name``, ``notice``, ``simulated``, ``training_data`` of the card, and whatever else is worth saying.
    progress : callable, optional

    Returns
    -------
    dict
        The model's card. ``figures`` holds ``nested_cross_validation`` and ``held_out``.

    Raises
    ------
    ParameterError
        When there are too few patients with or without malignancy for the folds.
    """
    training = training or ClassifierTraining()
    if held_out is None or not held_out.any():
        _, test = next(cases.folds(4, training.seed))
        held_out = np.isin(np.arange(len(cases)), test)
    learned, tested = cases.take(~held_out), cases.take(held_out)
    _check_size(learned, training)

    unseen = nested_predictions(learned, training, progress)
    progress("final model", 0, 1)
    model = _train(learned, training)
    figures = {
        "nested_cross_validation": prediction_figures(
            learned,
            unseen["score"].to_numpy(float),
            unseen["probability"].to_numpy(float),
            unseen["positive"].to_numpy(np.bool_),
        )
        | {"auc_of_folds": _areas_of_folds(learned, unseen)},
        "held_out": compare_with_pathology(model, tested),
    }
    described = {
        "name": output.name,
        "notice": NOTICE,
        "simulated": False,
        "training_data": "given by the user",
    } | (description or {})
    card = described | {
        "training_prevalence": float(learned.malignant.mean()),
        "training": asdict(training),
        "chosen": model.card["chosen"],
        "features": len(model.preparation.features),
        "clusters": _sizes(learned),
        "held_out_clusters": _sizes(tested),
        "figures": figures,
        "provenance": provenance(),
    }
    progress("final model", 1, 1)
    return ClusterClassifier(model.preparation, model.trees, model.calibration, model.thresholds, card).save(
        output, _predictions(learned, unseen, tested, model.predict(tested.tables).rename(columns=_AS_STORED))
    )


def _train(cases: Cases, training: ClassifierTraining) -> ClusterClassifier:
    """Grid search, threshold and calibration on folds of the cases, then the model on all of them."""
    (words, setting, trees), score = _tune(cases, training)
    preparation, values, expected = _prepare(cases, words, training)
    booster = _grow(values, expected, setting, trees, training.seed, preparation.features)
    return ClusterClassifier(
        preparation=preparation,
        trees=booster.model_to_string(num_iteration=trees),
        calibration=Calibration.fit(cases.malignant, score, cases.patients, training.seed),
        thresholds=choose_thresholds(cases.malignant, score, training.target_sensitivity),
        card={
            "training_prevalence": float(cases.malignant.mean()),
            "chosen": {"words": words, "trees": trees, **setting},
        },
    )


def _tune(
    cases: Cases, training: ClassifierTraining
) -> tuple[tuple[int | None, dict[str, Any], int], NDArray[np.float64]]:
    """The best choice (K, tree setting, number of trees), and its scores for clusters it did not see."""
    choices: tuple[int | None, ...] = training.words if training.aggregation == "histograms" else (None,)
    folds = list(cases.folds(training.folds, training.seed))
    grid = _GRIDS[training.grid]
    scores = np.empty((len(choices), len(grid), len(_TREE_COUNTS), len(cases)))
    for row, words in enumerate(choices):
        for learn, judge in folds:
            preparation, values, expected = _prepare(cases.take(learn), words, training)
            judged = preparation.scaled(cases.tables.take(judge))
            for column, setting in enumerate(grid):
                booster = _grow(values, expected, setting, max(_TREE_COUNTS), training.seed, preparation.features)
                for layer, trees in enumerate(_TREE_COUNTS):
                    scores[row, column, layer, judge] = booster.predict(judged, num_iteration=trees, num_threads=1)
    quality = np.apply_along_axis(lambda score: specificity_when_sensitive(cases.malignant, score), -1, scores)
    position, number, place = (int(i) for i in np.unravel_index(int(np.argmax(quality)), quality.shape))
    chosen: NDArray[np.float64] = scores[position, number, place]
    return (choices[position], grid[number], _TREE_COUNTS[place]), chosen


def specificity_when_sensitive(outcome: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Mean specificity over sensitivities from 0.9 to 1: what the grid search maximizes.

    The paper tunes for sensitivity; sensitivity alone is largest for a model that calls everything malignant.
    """
    curve = roc_curve(outcome, score)
    reached = np.searchsorted(curve.sensitivity, _SENSITIVE_RANGE - 1e-12)
    return float(curve.specificity[reached].mean())


def _prepare(
    cases: Cases, words: int | None, training: ClassifierTraining
) -> tuple[Preparation, NDArray[np.float64], NDArray[np.float64]]:
    """Fit the preparation on training clusters; their values, resampled if wanted, and what to learn for them."""
    preparation = Preparation.fit(cases.tables, training.aggregation, words or 0, training.seed, training.feature_set)
    values = preparation.scaled(cases.tables)
    first = _grow(values, cases.expected, _GRID[0], max(_TREE_COUNTS), training.seed, preparation.features)
    preparation = preparation.select(first.feature_importance("gain"), training.topology_features)
    values = preparation.scaled(cases.tables)
    if training.resampling == "none":
        return preparation, values, cases.expected
    values, outcome = smote_enn(values, cases.malignant, training.seed)
    return preparation, values, outcome.astype(np.float64)


def _grow(
    values: NDArray[np.float64],
    expected: NDArray[np.float64],
    setting: dict[str, Any],
    trees: int,
    seed: int,
    names: list[str],
) -> Any:
    import lightgbm

    data = lightgbm.Dataset(values, expected, feature_name=names)
    return lightgbm.train({**_TREES, **setting, "seed": seed}, data, num_boost_round=trees)


def nested_predictions(cases: Cases, training: ClassifierTraining, progress: Progress = no_progress) -> pd.DataFrame:
    """Score, probability and decision for each cluster by a model whose whole making did not see its patient.

    Returns
    -------
    DataFrame
        One row per cluster: ``score``, ``probability``, ``positive`` (at the threshold for the target sensitivity,
        chosen on other patients), ``fold``.
    """
    unseen = pd.DataFrame(
        {"score": np.nan, "probability": np.nan, "positive": False, "fold": 0}, index=range(len(cases))
    )
    for number, (learn, judge) in enumerate(cases.folds(training.outer_folds, training.seed)):
        progress("nested cross-validation", number, training.outer_folds)
        model = _train(cases.take(learn), training)
        score = model.score(cases.tables.take(judge))
        unseen.loc[judge, "score"] = score
        unseen.loc[judge, "probability"] = model.calibration.probability(score)
        unseen.loc[judge, "positive"] = score >= model.thresholds[TUNED]
        unseen.loc[judge, "fold"] = number
    return unseen


def _areas_of_folds(cases: Cases, unseen: pd.DataFrame) -> list[float | None]:
    """As the paper reports them: one area for each outer fold (None where a class is missing)."""
    areas = []
    for fold in unseen["fold"].unique():
        rows = (unseen["fold"] == fold).to_numpy()
        areas.append(area_under_curve(cases.malignant[rows], unseen["score"].to_numpy(float)[rows]))
    return [area if np.isfinite(area) else None for area in areas]


def _predictions(learned: Cases, unseen: pd.DataFrame, tested: Cases, predicted: pd.DataFrame) -> pd.DataFrame:
    """What the figures were computed from, without names: patients are numbered."""
    parts = []
    for part, cases, table in (("nested cross-validation", learned, unseen), ("held out", tested, predicted)):
        parts.append(
            pd.DataFrame(
                {
                    "part": part,
                    "patient": np.unique(cases.patients, return_inverse=True)[1],
                    "malignant": cases.malignant.astype(int),
                    "score": table["score"].to_numpy(),
                    "probability": table["probability"].to_numpy(),
                }
            )
        )
    return pd.concat(parts)


def _sizes(cases: Cases) -> dict[str, int]:
    return {
        "clusters": len(cases),
        "malignant": int(cases.malignant.sum()),
        "patients": len(np.unique(cases.patients)),
        "calcifications": len(cases.tables.calcifications),
    }


def _check_size(cases: Cases, training: ClassifierTraining) -> None:
    needed = 2 * max(training.folds, training.outer_folds)
    for label, name in ((True, "malignant"), (False, "benign")):
        patients = len(np.unique(cases.patients[cases.malignant == label]))
        if patients < needed:
            raise ParameterError(
                f"{patients} patients with {name} clusters are too few for {training.outer_folds} × {training.folds} "
                f"folds; give at least {needed}, or fewer folds."
            )
