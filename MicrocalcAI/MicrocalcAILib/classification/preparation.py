"""From feature tables to the numbers that the trees see: aggregation, missing values, scaling, selection.

Everything here is fitted on training clusters and stored with the model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ModelError, ParameterError
from ..features import Aggregation, FeatureSettings, Histograms, Moments, aggregation_from_json
from ..features.topology import TOPOLOGY_FEATURES
from ..networks.heatmap import DEEP_PREFIX
from .feature_tables import FeatureTables

AGGREGATIONS = ("histograms", "moments")
_PREFIXES = {
    "deep": (DEEP_PREFIX,),
    "radiomics": ("foreground_", "background_"),
    "region": ("region_",),
    "local": ("foreground_", "background_", "region_"),
    "distribution": ("distribution_",),
}
FEATURE_SETS = ("all", "measured", *_PREFIXES, "topology", "global")
_LARGEST_SAMPLE = 4000  # calcifications that typical ones are learned from; more change little and take long


@dataclass(frozen=True)
class Preparation:
    """Fitted aggregation, scaler and list of features.

    Parameters
    ----------
    aggregation : Aggregation
    features : list of str
        The features used, in order.
    medians : float array, shape (features,)
        Takes the place of missing values.
    means, scales : float arrays, shape (features,)
        Of the scaler.
    low, high : float arrays, shape (features,)
        Range of the training clusters.
    """

    aggregation: Aggregation
    features: list[str]
    medians: NDArray[np.float64]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def fit(
        cls, tables: FeatureTables, aggregation: str, words: int, seed: int, feature_set: str = "all"
    ) -> Preparation:
        """Learn from training clusters; features that are the same for all of them are left out.

        Parameters
        ----------
        tables, aggregation, words, seed
        feature_set : str
            ``all`` there are; ``measured``: without features of networks; ``deep``: of networks alone; ``local``: of
            calcifications, that is ``radiomics`` and ``region``; ``global``: of the cluster, that is ``topology`` and
            ``distribution``.

        Raises
        ------
        ParameterError
            When there are fewer calcifications than words, or no feature of the set.
        """
        if aggregation == "histograms":
            sample = tables.calcifications
            if len(sample) > _LARGEST_SAMPLE:
                sample = sample.sample(_LARGEST_SAMPLE, random_state=seed)
            fitted: Aggregation = Histograms.fit(sample, words, seed)
        else:
            fitted = Moments.fit(tables.calcifications)
        table = _together(tables, fitted)
        table = table.loc[:, [_in_set(str(name), feature_set) for name in table]]
        table = table[[name for name in table if table[name].nunique() > 1]]
        if table.empty:
            raise ParameterError(
                "The tables hold no feature of a network; analyze the images with --heatmap before training on them."
                if feature_set == "deep"
                else "All clusters have the same features; nothing can be learned from them."
            )
        medians = table.median().to_numpy(np.float64)
        values = np.where(table.isna(), medians, table)
        return cls(
            aggregation=fitted,
            features=[str(name) for name in table],
            medians=medians,
            means=values.mean(axis=0),
            scales=values.std(axis=0),
            low=values.min(axis=0),
            high=values.max(axis=0),
        )

    def values(self, tables: FeatureTables) -> NDArray[np.float64]:
        """The features in their own units, missing ones replaced; shape (clusters, features).

        Raises
        ------
        ModelError
            When a feature that the model needs is not in the tables.
        """
        table = _together(tables, self.aggregation)
        missing = [name for name in self.features if name not in table]
        if missing:
            raise ModelError(f"The model needs the feature “{missing[0]}”, which the tables lack; measure them again.")
        values = table[self.features].to_numpy(np.float64)
        return np.where(np.isnan(values), self.medians, values)

    def scaled(self, tables: FeatureTables) -> NDArray[np.float64]:
        """The features in standard deviations from the training mean; shape (clusters, features)."""
        return (self.values(tables) - self.means) / self.scales

    def outside_share(self, tables: FeatureTables) -> NDArray[np.float64]:
        """Share of each cluster's features that lie outside the range of the training clusters."""
        values = self.values(tables)
        outside: NDArray[np.float64] = ((values < self.low) | (values > self.high)).mean(axis=1)
        return outside

    def select(self, importance: NDArray[np.float64], topology_features: int) -> Preparation:
        """Keep the most important topological features (Marathe 2022 keeps 122 of 520), and all others."""
        topology = np.array([name in _TOPOLOGY for name in self.features])
        candidates = np.flatnonzero(topology & (importance > 0))
        best = candidates[np.argsort(-importance[candidates], kind="stable")[:topology_features]]
        kept = np.sort(np.concatenate([np.flatnonzero(~topology), best]))
        arrays = (self.medians, self.means, self.scales, self.low, self.high)
        return Preparation(self.aggregation, [self.features[i] for i in kept], *(array[kept] for array in arrays))

    def to_json(self) -> dict[str, Any]:
        """Everything learned, as lists and numbers."""
        columns = zip(*(array.tolist() for array in self._arrays()), strict=True)
        return {
            "feature_settings": asdict(FeatureSettings()),
            "aggregation": self.aggregation.to_json(),
            "features": [
                dict(zip(_COLUMNS, (name, *numbers), strict=True))
                for name, numbers in zip(self.features, columns, strict=True)
            ],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Preparation:
        """What ``to_json`` described.

        Raises
        ------
        ModelError
            When the description is damaged, or the features were measured in another way than this version does.
        """
        if stored.get("feature_settings") != asdict(FeatureSettings()):
            raise ModelError(
                "The classifier was trained on features measured with other settings than those of this version; "
                "train it again."
            )
        try:
            rows = [[row[column] for column in _COLUMNS] for row in stored["features"]]
            arrays = np.array([row[1:] for row in rows], np.float64).T
            return cls(aggregation_from_json(stored["aggregation"]), [str(row[0]) for row in rows], *arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError("The stored features of the classifier are damaged; train it again.") from error

    def _arrays(self) -> tuple[NDArray[np.float64], ...]:
        return self.medians, self.means, self.scales, self.low, self.high


_COLUMNS = ("name", "median", "mean", "standard_deviation", "lowest", "highest")
_OF_CLUSTERS = ("distribution_", "topology_", DEEP_PREFIX)
_TOPOLOGY = frozenset(TOPOLOGY_FEATURES)


def _in_set(name: str, feature_set: str) -> bool:
    if feature_set == "all":
        return True
    if feature_set == "measured":
        return not name.startswith(DEEP_PREFIX)
    if feature_set == "topology":
        return name in _TOPOLOGY
    if feature_set == "global":
        return name in _TOPOLOGY or _in_set(name, "distribution")
    return name.startswith(_PREFIXES[feature_set])


def _together(tables: FeatureTables, aggregation: Aggregation) -> pd.DataFrame:
    """One row per cluster: its own features and those of its calcifications together, in a fixed order."""
    own = tables.clusters[[name for name in tables.clusters if str(name).startswith(_OF_CLUSTERS)]]
    local = aggregation.transform(tables.calcifications, tables.owners)
    return pd.concat([own.reset_index(drop=True), local.reset_index(drop=True)], axis=1)
