"""Clusters with known pathology, read from a table of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from .feature_tables import KEYS, FeatureTables

DESCRIPTION_FILE = "description.json"


@dataclass(frozen=True)
class Cases:
    """Clusters with their pathology.

    Parameters
    ----------
    tables : FeatureTables
    malignant : bool array, shape (clusters,)
    patients : array, shape (clusters,)
        Clusters of one patient are never divided between learning and judging.
    expected : float array, shape (clusters,)
        P(malignant) given what is known about the cluster: the outcome itself in real life, the share that a simulation
        drew the outcome with. Trees may learn from it; models are judged by ``malignant`` alone.
    """

    tables: FeatureTables
    malignant: NDArray[np.bool_]
    patients: NDArray[np.str_]
    expected: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tables)

    def take(self, rows: NDArray[Any]) -> Cases:
        """Some of the cases."""
        return Cases(self.tables.take(rows), self.malignant[rows], self.patients[rows], self.expected[rows])

    def folds(self, count: int, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows to learn from and to judge, stratified by pathology, grouped by patient."""
        from sklearn.model_selection import StratifiedGroupKFold

        return StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(
            self.malignant, self.malignant, self.patients
        )


def read_cases(
    tables: FeatureTables, labels: Path, groups: str, outcome: str = "malignant"
) -> tuple[Cases, NDArray[np.bool_]]:
    """Join features and pathology.

    Parameters
    ----------
    tables : FeatureTables
    labels : Path
        CSV with ``image``, ``cluster_id``, the columns ``outcome`` (0 or 1) and ``groups`` (who the patient is), and if
        wanted ``split``: rows with ``test`` are held out. Tables of simulated clusters also have ``expected``: the
        share that the outcome was drawn with.
    groups, outcome : str

    Returns
    -------
    cases : Cases
        The clusters that have a label.
    held_out : bool array, shape (clusters,)

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column, contradicts itself or fits no cluster.
    """
    try:
        rows = pd.read_csv(labels, dtype={"image": str, groups: str}).set_index(KEYS)
    except (OSError, ValueError, KeyError) as error:
        raise ParameterError(f"The table of labels cannot be read: {error}.") from error
    for column in (outcome, groups):
        if column not in rows:
            raise ParameterError(
                f"The table of labels lacks the column “{column}”; it has: {', '.join(map(str, rows))}."
            )
    rows = rows[rows.index.isin(tables.clusters.index)]
    if not rows.index.is_unique:
        raise ParameterError("The table of labels lists a cluster twice; keep one row for each.")
    if rows.empty:
        raise ParameterError(
            "No row of the table of labels fits a cluster of the features (columns image, cluster_id)."
        )
    values = rows[outcome].astype(str).str.lower().map({"1": 1, "0": 0, "true": 1, "false": 0, "1.0": 1, "0.0": 0})
    if values.isna().any() or rows[groups].isna().any():
        raise ParameterError(f"Every labeled cluster needs 0 or 1 in “{outcome}” and a name in “{groups}”.")
    known = tables.take(tables.clusters.index.isin(rows.index))
    rows, values = rows.loc[known.clusters.index], values.loc[known.clusters.index]
    held_out = (rows["split"] == "test").to_numpy() if "split" in rows else np.zeros(len(rows), np.bool_)
    patients = rows[groups].to_numpy(str)
    shared = np.intersect1d(patients[held_out], patients[~held_out])
    if len(shared):
        raise ParameterError(f"{len(shared)} patients are both in training and in the test; put each on one side.")
    malignant = values.to_numpy(int) == 1
    expected = rows["expected"].to_numpy(np.float64) if "expected" in rows else malignant.astype(np.float64)
    if not ((expected >= 0) & (expected <= 1)).all():
        raise ParameterError("Every number in the column “expected” lies between 0 and 1.")
    return Cases(known, malignant, patients, expected), held_out


def read_description(folder: Path) -> dict[str, Any]:
    """What the folder of the features says about them (``description.json``); empty where it says nothing.

    Raises
    ------
    ParameterError
        When the file is there and cannot be read.
    """
    path = Path(folder) / DESCRIPTION_FILE
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ParameterError(f"The {DESCRIPTION_FILE} of the features cannot be read: {error}.") from error
