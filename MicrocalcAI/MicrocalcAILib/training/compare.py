"""The papers' tables in one run: ways to make a classifier of clusters, judged on identical folds.

Every row is a nested cross-validation with patients kept together; threshold and tuning are chosen inside the training
folds. Beside each row stands a canary: the same row on outcomes that were shuffled between patients, whose area under
the ROC curve has to be about one half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..base.tables import read_table
from ..classification.cases import Cases
from ..classification.feature_tables import FeatureTables
from ..evaluation.paired_measures import Judged, ModelMeasures, paired_measures
from ..networks.heatmap import DEEP_PREFIX
from ..statistics.estimate import Estimate
from .classifier import ClassifierTraining, nested_predictions
from .ridge import nested_ridge

CLUSTER_TASK = "Clusters: malignant or benign"
_NEEDED = ("task", "model", "item", "patient", "outcome", "score")


@dataclass(frozen=True)
class Row:
    """One way to make a classifier.

    Parameters
    ----------
    name : str
    changes : dict
        Of the :class:`~.classifier.ClassifierTraining`.
    model : {"trees", "ridge"}
    deep : str or None
        Network whose features take the place of those in the tables.
    note : str
        What readers have to know about the row.
    """

    name: str
    changes: dict[str, Any]
    model: Literal["trees", "ridge"] = "trees"
    deep: str | None = None
    note: str = ""


ROWS = (
    Row("Local and global, k-means histograms, SMOTE+ENN", {"feature_set": "measured"}),
    Row("Mean and SD instead of histograms", {"feature_set": "measured", "aggregation": "moments"}),
    Row("Without SMOTE+ENN", {"feature_set": "measured", "resampling": "none"}),
    Row("Local: radiomics and region", {"feature_set": "local"}),
    Row("Local: radiomics alone", {"feature_set": "radiomics"}),
    Row("Local: region alone", {"feature_set": "region"}),
    Row("Global: topology and distribution", {"feature_set": "global"}),
    Row("Global: topology alone", {"feature_set": "topology"}),
    Row("Global: distribution alone", {"feature_set": "distribution"}),
    Row(
        "Ridge logistic regression, mean and SD",
        {"feature_set": "measured", "aggregation": "moments", "resampling": "none"},
        "ridge",
    ),
)


@dataclass(frozen=True)
class Task:
    """Models that judged the same items.

    Parameters
    ----------
    name : str
    outcome : bool array, shape (items,)
    patients : array, shape (items,)
    models : dict of Judged
    measures : dict of ModelMeasures
    canaries : dict of Estimate
        Area under the ROC curve on shuffled outcomes; empty for predictions that were given.
    notes : dict of str
        By model.
    folds : int array, shape (items,), or None
    """

    name: str
    outcome: NDArray[np.bool_]
    patients: NDArray[Any]
    models: dict[str, Judged]
    measures: dict[str, ModelMeasures]
    canaries: dict[str, Estimate]
    notes: dict[str, str]
    folds: NDArray[np.int64] | None = None


def compare_rows(
    cases: Cases,
    training: ClassifierTraining | None = None,
    rows: Sequence[Row] = ROWS,
    deep: Mapping[str, pd.DataFrame] | None = None,
    *,
    canaries: bool = True,
    progress: Progress = no_progress,
) -> Task:
    """Judge every row on the same folds.

    Parameters
    ----------
    cases : Cases
    training : ClassifierTraining, optional
        What the rows have in common.
    rows : sequence of Row
        The first is what the others are compared with.
    deep : mapping, network -> DataFrame, optional
        Its features, in the order of the clusters.
    canaries : bool
        Whether every row is also made on shuffled outcomes, which doubles the time.
    progress : callable, optional
    """
    training = training or ClassifierTraining()
    models, shuffled, folds = {}, {}, None
    shuffle = np.random.default_rng(training.seed)
    canary_outcome = _shuffled(cases, shuffle)
    for number, row in enumerate(rows):
        progress("rows", number, len(rows))
        own = cases if row.deep is None else _with_deep(cases, (deep or {})[row.deep])
        settings = replace(training, **row.changes)
        nested = nested_ridge if row.model == "ridge" else nested_predictions
        predictions = nested(own, settings)
        models[row.name] = _judged(predictions)
        folds = predictions["fold"].to_numpy(np.int64)
        if canaries:
            permuted = replace(own, malignant=canary_outcome, expected=canary_outcome.astype(float))
            shuffled[row.name] = _judged(nested(permuted, settings))
    progress("rows", len(rows), len(rows))
    canary = paired_measures(canary_outcome, cases.patients, shuffled) if shuffled else {}
    return Task(
        name=CLUSTER_TASK,
        outcome=cases.malignant,
        patients=cases.patients,
        models=models,
        measures=paired_measures(cases.malignant, cases.patients, models),
        canaries={name: found.measures["auc"] for name, found in canary.items()},
        notes={row.name: row.note for row in rows if row.note},
        folds=folds,
    )


def read_predictions(paths: Sequence[Path]) -> list[Task]:
    """Compare models by predictions that they made elsewhere.

    Parameters
    ----------
    paths : sequence of Path
        CSV files with ``task`` (models of one task are compared), ``model``, ``item``, ``patient``, ``outcome`` (0 or
        1), ``score``, and if wanted ``threshold`` (positive from here on; 0.5 otherwise).

    Raises
    ------
    ParameterError
        When a table cannot be read, lacks a column, or its models did not judge the same items.
    """
    try:
        names = dict.fromkeys(("task", "model", "item", "patient"), str)
        table = pd.concat([read_table(path, dtype=names, encoding="utf-8-sig") for path in paths], ignore_index=True)
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table of predictions cannot be read: {error}.") from error
    for column in _NEEDED:
        if column not in table:
            raise ParameterError(f"The table of predictions lacks the column “{column}”.")
        if table[column].isna().any():
            raise ParameterError(f"The column “{column}” of the table of predictions has empty cells.")
    if not table["outcome"].isin([0, 1]).all():
        raise ParameterError("The column “outcome” of the table of predictions holds 0 or 1.")
    if table.duplicated(["task", "model", "item"]).any():
        raise ParameterError("A model judges an item twice in the table of predictions; keep one row.")
    if "threshold" not in table:
        table["threshold"] = 0.5
    return [_task(str(name), rows) for name, rows in table.groupby("task", sort=False)]


def _task(name: str, rows: pd.DataFrame) -> Task:
    of_models = {str(model): own.set_index("item") for model, own in rows.groupby("model", sort=False)}
    first = next(iter(of_models.values()))
    models = {}
    for model, own in of_models.items():
        if set(own.index) != set(first.index):
            raise ParameterError(f"“{model}” did not judge the same items as the other models of “{name}”.")
        own = own.loc[first.index]
        if not (own["outcome"] == first["outcome"]).all() or not (own["patient"] == first["patient"]).all():
            raise ParameterError(f"The outcomes or patients of “{model}” differ from those of the others of “{name}”.")
        score = own["score"].to_numpy(float)
        probability = score if ((score >= 0) & (score <= 1)).all() else None
        models[model] = Judged(score, score >= own["threshold"].fillna(0.5).to_numpy(float), probability)
    outcome, patients = first["outcome"].to_numpy() == 1, first["patient"].to_numpy(str)
    return Task(name, outcome, patients, models, paired_measures(outcome, patients, models), {}, {})


def _judged(predictions: pd.DataFrame) -> Judged:
    return Judged(
        predictions["score"].to_numpy(float),
        predictions["positive"].to_numpy(bool),
        predictions["probability"].to_numpy(float),
    )


def _shuffled(cases: Cases, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Outcomes exchanged between patients with equally many clusters, so that a patient's stay together."""
    _, which = np.unique(cases.patients, return_inverse=True)
    rows = [np.flatnonzero(which == patient) for patient in range(which.max() + 1)]
    outcome = cases.malignant.copy()
    for count in {len(own) for own in rows}:
        alike = [own for own in rows if len(own) == count]
        for own, other in zip(alike, rng.permutation(len(alike)), strict=True):
            outcome[own] = cases.malignant[alike[other]]
    return outcome


def _with_deep(cases: Cases, features: pd.DataFrame) -> Cases:
    """The cases with these features of a network instead of those they had, and nothing else to learn from."""
    kept = cases.tables.clusters[[name for name in cases.tables.clusters if not str(name).startswith(DEEP_PREFIX)]]
    clusters = pd.concat([kept, features.set_axis(kept.index)], axis=1)
    return replace(cases, tables=FeatureTables(clusters, cases.tables.calcifications))
