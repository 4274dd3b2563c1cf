"""From a varying number of calcifications to a fixed number of features per cluster (Marathe 2022, Figure 5).

Both ways share one interface: ``fit`` on the calcifications of training images, ``transform`` those of any image, and
``to_json`` / :func:`aggregation_from_json` to keep what was learned with a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError

# The three sets of the paper, by the prefix of their columns.
FEATURE_SETS = ("foreground", "region", "background")
WORDS = 15
_LIMIT = 5.0  # standard deviations; beyond lie pyradiomics' stand-ins for infinity (NGTDM Coarseness 1e6)


class Aggregation(ABC):
    """What describes the calcifications of a cluster together."""

    @abstractmethod
    def transform(self, features: pd.DataFrame, cluster_ids: Sequence[int] | NDArray[np.int64]) -> pd.DataFrame:
        """One row per cluster.

        Parameters
        ----------
        features : DataFrame
            One row per calcification, from :func:`~MicrocalcAILib.features.calcification_features`.
        cluster_ids : sequence of int, as long as ``features``

        Returns
        -------
        DataFrame
            Index ``cluster_id``, ascending.

        Raises
        ------
        ModelError
            When a feature that was there at the fit is missing.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything learned, as lists and numbers."""


@dataclass(frozen=True)
class Histograms(Aggregation):
    """Shares of the calcifications that look like each of K typical ones, for each feature set (K-means).

    Parameters
    ----------
    columns : dict, set -> list of str
        The features of each set.
    means, scales : dict, set -> float array, shape (features,)
        Features are standardized with them, and limited to ±5.
    centers : dict, set -> float array, shape (words, features)
        The typical calcifications, standardized.
    """

    columns: dict[str, list[str]]
    means: dict[str, NDArray[np.float64]]
    scales: dict[str, NDArray[np.float64]]
    centers: dict[str, NDArray[np.float64]]

    @classmethod
    def fit(cls, features: pd.DataFrame, words: int = WORDS, seed: int = 0) -> Histograms:
        """Learn the typical calcifications of training images.

        Parameters
        ----------
        features : DataFrame
            One row per calcification, all training images below each other.
        words : int
            Number of typical calcifications per set (15 in the paper).
        seed : int

        Raises
        ------
        ParameterError
            When there are fewer calcifications than words.
        """
        from sklearn.cluster import KMeans

        fitted = cls({}, {}, {}, {})
        for name in FEATURE_SETS:
            columns = _columns_of(features, name)
            values = _complete(features[columns].to_numpy(np.float64))
            if len(values) < words:
                raise ParameterError(
                    f"{len(values)} calcifications are too few to learn {words} typical ones; "
                    "give more training images or fewer words."
                )
            scales = values.std(axis=0)
            fitted.columns[name] = columns
            fitted.means[name] = values.mean(axis=0)
            fitted.scales[name] = np.where(scales > 1e-12 * np.abs(fitted.means[name]), scales, 1.0)
            model = KMeans(n_clusters=words, n_init=10, random_state=seed)
            fitted.centers[name] = model.fit(fitted._standardized(name, values)).cluster_centers_
        return fitted

    def transform(self, features: pd.DataFrame, cluster_ids: Sequence[int] | NDArray[np.int64]) -> pd.DataFrame:
        """As in :class:`Aggregation`; columns ``foreground_share_00`` …, each set of a cluster adds up to 1.

        Calcifications without surroundings do not count in ``background_share``; its shares are 0 when none has any.
        """
        groups, index = np.unique(np.asarray(cluster_ids), return_inverse=True)
        parts = []
        for name, centers in self.centers.items():
            _check_columns(features, self.columns[name])
            values = features[self.columns[name]].to_numpy(np.float64)
            known = ~np.isnan(values).any(axis=1)
            standardized = self._standardized(name, values[known])
            distances = ((standardized[:, None, :] - centers[None, :, :]) ** 2).sum(axis=2)
            counts = np.zeros((len(groups), len(centers)))
            np.add.at(counts, (index[known], distances.argmin(axis=1)), 1)
            parts.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
        names = [
            name for feature_set, centers in self.centers.items() for name in share_names(feature_set, len(centers))
        ]
        return pd.DataFrame(np.hstack(parts), columns=names, index=pd.Index(groups, name="cluster_id"))

    def to_json(self) -> dict[str, Any]:
        """As in :class:`Aggregation`."""
        sets = {
            name: {
                "columns": self.columns[name],
                "means": self.means[name].tolist(),
                "scales": self.scales[name].tolist(),
                "centers": self.centers[name].tolist(),
            }
            for name in self.columns
        }
        return {"aggregation": "histograms", "sets": sets}

    def _standardized(self, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip((values - self.means[name]) / self.scales[name], -_LIMIT, _LIMIT)


@dataclass(frozen=True)
class Moments(Aggregation):
    """Mean and standard deviation of every feature over the calcifications of a cluster, the paper's baseline.

    Parameters
    ----------
    columns : list of str
        The features.
    """

    columns: list[str]

    @classmethod
    def fit(cls, features: pd.DataFrame) -> Moments:
        """Remember which features there are; nothing else is learned."""
        return cls([column for name in FEATURE_SETS for column in _columns_of(features, name)])

    def transform(self, features: pd.DataFrame, cluster_ids: Sequence[int] | NDArray[np.int64]) -> pd.DataFrame:
        """As in :class:`Aggregation`; columns ``<feature>_mean`` and ``<feature>_sd`` (0 for one calcification).

        Calcifications without surroundings do not count; NaN for a background feature when none has any.
        """
        _check_columns(features, self.columns)
        grouped = features[self.columns].groupby(pd.Index(cluster_ids, name="cluster_id"))
        return pd.concat([grouped.mean().add_suffix("_mean"), grouped.std(ddof=0).add_suffix("_sd")], axis=1)

    def to_json(self) -> dict[str, Any]:
        """As in :class:`Aggregation`."""
        return {"aggregation": "moments", "columns": self.columns}


def aggregation_from_json(stored: dict[str, Any]) -> Aggregation:
    """The aggregation that ``to_json`` described.

    Raises
    ------
    ModelError
        When the description is damaged or of another kind.
    """
    try:
        if stored["aggregation"] == "moments":
            return Moments(list(stored["columns"]))
        if stored["aggregation"] != "histograms":
            raise KeyError(stored["aggregation"])
        fitted = Histograms({}, {}, {}, {})
        for name, part in stored["sets"].items():
            fitted.columns[name] = list(part["columns"])
            fitted.means[name] = np.asarray(part["means"], np.float64)
            fitted.scales[name] = np.asarray(part["scales"], np.float64)
            fitted.centers[name] = np.asarray(part["centers"], np.float64)
            shape = (len(fitted.columns[name]),)
            if not fitted.means[name].shape == fitted.scales[name].shape == fitted.centers[name].shape[1:] == shape:
                raise ValueError(name)
        return fitted
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError("The stored aggregation of the features is damaged; fit it again.") from error


def share_names(feature_set: str, words: int = WORDS) -> list[str]:
    """Column names of one set's histogram."""
    return [f"{feature_set}_share_{word:02d}" for word in range(words)]


def _columns_of(features: pd.DataFrame, feature_set: str) -> list[str]:
    columns = [column for column in features.columns if column.startswith(f"{feature_set}_")]
    if not columns:
        raise ParameterError(f"The table holds no {feature_set} features; make it with calcification_features.")
    return columns


def _check_columns(features: pd.DataFrame, columns: list[str]) -> None:
    missing = [column for column in columns if column not in features.columns]
    if missing:
        raise ModelError(f"The features do not fit the model: {missing[0]} is missing; compute them with its settings.")


def _complete(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows without NaN (a calcification without surroundings has no background features)."""
    complete: NDArray[np.float64] = values[~np.isnan(values).any(axis=1)]
    return complete
