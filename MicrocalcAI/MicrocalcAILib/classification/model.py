"""The cluster classifier: a folder of text and JSON, and what it says about a cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, WarningRecord
from ..base.model_folder import read_model_folder, write_model_folder
from ..base.tables import table_text
from ..base.trees import TreeEnsemble
from .calibration import Calibration, at_prevalence
from .feature_tables import FeatureTables
from .preparation import Preparation

KIND = "cluster classifier"
SCHEMA = 1
_TREES, _PREPARATION, _CALIBRATION, _THRESHOLDS = "trees.txt", "preparation.json", "calibration.json", "thresholds.json"
_MOST_OUTSIDE = 0.1  # share of features beyond the training range from which a cluster is unlike the training


@dataclass(frozen=True)
class ClusterClassifier:
    """LightGBM trees with all that was fitted beside them.

    Parameters
    ----------
    preparation : Preparation
    trees : str
        LightGBM's text form.
    calibration : Calibration
    thresholds : dict, name -> float
        Operating points, on the score.
    card : dict
        ``name``, ``notice`` (one sentence that every output shows with the number), ``simulated`` (bool),
        ``training_data``, ``training_prevalence``, ``figures``; ``sha256`` once it was saved.
    """

    preparation: Preparation
    trees: str
    calibration: Calibration
    thresholds: dict[str, float]
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> ClusterClassifier:
        """Load a model folder.

        Raises
        ------
        ModelError
            When a file is missing or altered, the model is of another kind or version, or it needs features that this
            version does not measure.
        """
        card, files = read_model_folder(folder, KIND, SCHEMA)
        name = Path(folder).name
        try:
            stored = {file: json.loads(files[file]) for file in (_PREPARATION, _CALIBRATION, _THRESHOLDS)}
            thresholds = {point: float(value) for point, value in stored[_THRESHOLDS].items()}
            trees, _ = files[_TREES], [card[key] for key in ("name", "notice", "simulated", "training_prevalence")]
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"The {KIND} “{name}” is incomplete ({error}); train it again.") from error
        model = cls(
            Preparation.from_json(stored[_PREPARATION]),
            trees,
            Calibration.from_json(stored[_CALIBRATION]),
            thresholds,
            card,
        )
        expected, listed = model._ensemble.feature_count, len(model.preparation.features)
        if expected != listed:
            raise ModelError(
                f"The trees of the {KIND} expect {expected} features, its list names {listed}; train it again."
            )
        return model

    def save(self, folder: Path, predictions: pd.DataFrame) -> dict[str, Any]:
        """Write the model folder, with the predictions its figures come from; return the card."""
        return write_model_folder(
            folder,
            KIND,
            SCHEMA,
            self.card,
            {
                _TREES: self.trees,
                _PREPARATION: json.dumps(self.preparation.to_json(), indent=1),
                _CALIBRATION: json.dumps(self.calibration.to_json(), indent=1),
                _THRESHOLDS: json.dumps(self.thresholds, indent=1),
                "predictions.csv": table_text(predictions, float_format="%.6g"),
            },
        )

    def score(self, tables: FeatureTables) -> NDArray[np.float64]:
        """The trees' output in [0, 1] before calibration, shape (clusters,); thresholds refer to it."""
        if not len(tables):
            return np.empty(0)
        return self._ensemble.predict(self.preparation.scaled(tables))

    def predict(self, tables: FeatureTables, prevalence: float | None = None) -> pd.DataFrame:
        """Calibrated probability of malignancy for every cluster.

        Parameters
        ----------
        tables : FeatureTables
        prevalence : float, optional
            Share of malignant clusters where the cluster comes from; that of the training clusters by default.

        Returns
        -------
        DataFrame
            Index of ``tables.clusters``; ``malignancy_score``; ``probability_malignant``; ``probability_malignant_low``
            and ``probability_malignant_high`` (95 % interval of the calibration: how well it is known what such a score
            means, not how the score would vary between two images); ``outside_training_share`` (of the features, beyond
            the range of the training clusters); and ``positive_…`` for each operating point.

        Raises
        ------
        ModelError
            When the tables lack a feature.
        ParameterError
            When the prevalence is not between 0 and 1.
        """
        score = self.score(tables)
        columns = {"probability_malignant": self.calibration.probability(score)}
        low, high = self.calibration.interval(score)
        columns |= {"probability_malignant_low": low, "probability_malignant_high": high}
        if prevalence is not None:
            trained = self.card["training_prevalence"]
            columns = {name: at_prevalence(values, trained, prevalence) for name, values in columns.items()}
        outside = self.preparation.outside_share(tables) if len(tables) else np.empty(0)
        points = {
            f"positive_{name.replace(' ', '_')}": score >= threshold for name, threshold in self.thresholds.items()
        }
        return pd.DataFrame(
            {"malignancy_score": score, **columns, "outside_training_share": outside, **points},
            index=tables.clusters.index,
        )

    def contributions(self, tables: FeatureTables) -> pd.DataFrame:
        """SHAP values of the trees (Lundberg 2020): log-odds before calibration; one row per cluster.

        Columns: the features, and ``base`` (the mean over the training clusters); a row adds up to the logit of
        :meth:`score`.
        """
        columns = [*self.preparation.features, "base"]
        values = np.empty((0, len(columns)))
        if len(tables):
            values = self._ensemble.contributions(self.preparation.scaled(tables))[:, 0]
        return pd.DataFrame(values, columns=columns, index=tables.clusters.index)

    def warnings(self, tables: FeatureTables) -> tuple[WarningRecord, ...]:
        """What a reader has to know about these predictions."""
        if not len(tables):
            return ()
        records = [WarningRecord("classifier-simulated", self.notice)] if self.card["simulated"] else []
        unlike = int((self.preparation.outside_share(tables) > _MOST_OUTSIDE).sum())
        if unlike:
            records.append(
                WarningRecord(
                    "classifier-unlike-training",
                    f"{unlike} of {len(tables)} clusters lie outside the range of the training clusters in more than "
                    f"{_MOST_OUTSIDE:.0%} of the features; do not rely on their probability.",
                )
            )
        return tuple(records)

    @property
    def notice(self) -> str:
        """One sentence to show with every probability."""
        return str(self.card["notice"])

    def provenance(self) -> dict[str, Any]:
        """Name, notice, digests and training data, for the outputs."""
        return {key: self.card.get(key) for key in ("name", "notice", "simulated", "training_data", "sha256", "origin")}

    @cached_property
    def _ensemble(self) -> TreeEnsemble:
        return TreeEnsemble(self.trees)
