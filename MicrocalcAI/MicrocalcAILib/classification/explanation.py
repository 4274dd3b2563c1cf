"""Why a cluster got its probability: contributions of groups of features, in words and as a plot."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.files import replaced_on_success
from ..features import Aggregation, Histograms, feature_catalogue
from .feature_tables import FeatureTables
from .model import ClusterClassifier

# prefix of the features -> what they describe
GROUPS = {
    "foreground": "shape and texture of the calcifications",
    "region": "size and outline of the calcifications",
    "background": "tissue around the calcifications",
    "distribution": "arrangement of the calcifications",
    "topology": "gaps between the calcifications (topology)",
    "deep": "features of a network",
}
_LEADING = 3
_OUTSTANDING = 2
_NEGLIGIBLE = 0.05  # log-odds: a factor of the odds below 1.05


@dataclass(frozen=True)
class FeatureContribution:
    """One feature of one cluster: its value, the mean of the training clusters, and what it adds to the log-odds."""

    name: str
    meaning: str
    unit: str
    value: float
    training_mean: float
    log_odds: float

    def sentence(self) -> str:
        """E.g. ``number of calcifications: 12 (training mean 23) lowers it.``"""
        unit = f" {self.unit}" if self.unit and not self.unit.startswith(("gray", "level")) else ""
        effect = "raises" if self.log_odds > 0 else "lowers"
        return f"{self.meaning}: {self.value:.3g}{unit} (training mean {self.training_mean:.3g}{unit}) {effect} it."


@dataclass(frozen=True)
class Explanation:
    """What raised and what lowered the estimate of one cluster.

    Parameters
    ----------
    cluster : index value of the cluster
    probability, low, high : float
    groups : Series, words of the group -> log-odds, largest contribution first
        Before calibration, relative to the mean of the training clusters.
    features : tuple of FeatureContribution
        The few with the largest contributions.
    notice : str
        Of the model.
    """

    cluster: Hashable
    probability: float
    low: float
    high: float
    groups: pd.Series
    features: tuple[FeatureContribution, ...]
    notice: str

    def title(self) -> str:
        """E.g. ``probability of malignancy 62% (48% to 74%)``."""
        ends = f"{_percent(self.low)} to {_percent(self.high)}"
        return f"probability of malignancy {_percent(self.probability)} ({ends})"

    def summary(self) -> str:
        """One line for a table, e.g. ``arrangement of the calcifications +1.20; tissue … −0.31``."""
        parts = [f"{group} {value:+.2f}".replace("-", "−") for group, value in self._notable().items()]
        return "; ".join(parts) or "no group of features stands out"

    def sentences(self) -> str:
        """The explanation in words."""
        lines = [f"Estimated {self.title()}."]
        for direction, sign in (("Raised", 1), ("Lowered", -1)):
            parts = [
                f"{group} ({_strength(value)})" for group, value in self._notable().items() if np.sign(value) == sign
            ]
            if parts:
                lines.append(f"{direction} by: {', '.join(parts)}.")
        lines += [feature.sentence() for feature in self.features]
        return "\n".join([*lines, self.notice])

    def _notable(self) -> pd.Series:
        return self.groups[self.groups.abs() >= _NEGLIGIBLE]


def explain(classifier: ClusterClassifier, tables: FeatureTables, prevalence: float | None = None) -> list[Explanation]:
    """Explain the probability of every cluster.

    Parameters
    ----------
    classifier : ClusterClassifier
    tables : FeatureTables
    prevalence : float, optional
        As in :meth:`ClusterClassifier.predict`.
    """
    if not len(tables):
        return []
    predictions = classifier.predict(tables, prevalence)
    contributions = classifier.contributions(tables).drop(columns="base")
    group_of = [GROUPS[name.split("_", 1)[0]] for name in classifier.preparation.features]
    values = classifier.preparation.values(tables)
    explanations = []
    for position, cluster in enumerate(tables.clusters.index):
        log_odds = contributions.iloc[position].to_numpy(np.float64)
        groups = pd.Series(log_odds).groupby(group_of).sum()
        row = predictions.iloc[position]
        explanations.append(
            Explanation(
                cluster=cluster,
                probability=float(row["probability_malignant"]),
                low=float(row["probability_malignant_low"]),
                high=float(row["probability_malignant_high"]),
                groups=groups.reindex(groups.abs().sort_values(ascending=False, kind="stable").index),
                features=_leading(classifier, values[position], log_odds),
                notice=classifier.notice,
            )
        )
    return explanations


def report(classifier: ClusterClassifier, tables: FeatureTables, prevalence: float | None = None) -> pd.DataFrame:
    """Predictions with their reasons, for a table of clusters.

    Returns
    -------
    DataFrame
        The columns of :meth:`ClusterClassifier.predict`, ``malignancy_reasons`` (contributions of the groups of
        features to the log-odds) and ``malignancy_notice`` (what the model was trained on).
    """
    table = classifier.predict(tables, prevalence)
    table["malignancy_reasons"] = [each.summary() for each in explain(classifier, tables, prevalence)]
    table["malignancy_notice"] = classifier.notice
    return table


def without_estimates(clusters: pd.Series) -> pd.DataFrame:
    """Columns of :func:`report` that every classifier gives, empty, for the ids of clusters: tables stay alike."""
    probabilities = (f"probability_malignant{end}" for end in ("", "_low", "_high"))
    names = ("malignancy_score", *probabilities, "outside_training_share", "malignancy_reasons", "malignancy_notice")
    return pd.DataFrame(np.nan, index=pd.Index(clusters), columns=list(names))


def plot_explanation(explanation: Explanation, path: Path) -> None:
    """Write a small PNG: one bar per group of features."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = explanation.groups[::-1]
    figure = Figure(figsize=(6.4, 2.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.barh(list(groups.index), groups, color=np.where(groups > 0, "#b5442e", "#1f5fa8"))
    reach = max(1.0, 1.15 * float(groups.abs().max()))
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("lowers  ←  contribution to the log-odds  →  raises", fontsize=8)
    axes.set_title(
        explanation.title().capitalize(),
        fontsize=9,
    )
    figure.text(0.01, -0.02, explanation.notice, fontsize=6.5, color="0.35", va="top", wrap=True)
    with replaced_on_success(path) as temporary:
        figure.savefig(temporary, bbox_inches="tight")


def _leading(
    classifier: ClusterClassifier, values: NDArray[np.float64], log_odds: NDArray[np.float64]
) -> tuple[FeatureContribution, ...]:
    leading = [i for i in np.argsort(-np.abs(log_odds), kind="stable")[:_LEADING] if abs(log_odds[i]) >= _NEGLIGIBLE]
    found = []
    for i in leading:
        name = classifier.preparation.features[i]
        meaning, unit = _meaning(name, classifier.preparation.aggregation)
        mean = float(classifier.preparation.means[i])
        found.append(FeatureContribution(name, meaning, unit, float(values[i]), mean, float(log_odds[i])))
    return tuple(found)


def _meaning(name: str, aggregation: Aggregation) -> tuple[str, str]:
    """What a feature measures, and its unit."""
    feature_set, _, word = name.rpartition("_share_")
    if isinstance(aggregation, Histograms) and feature_set in aggregation.centers:
        # the typical calcification that was learned, by what sets it apart most (standard deviations)
        center = aggregation.centers[feature_set][int(word)]
        names = [column.split("_", 1)[1].removeprefix("original_") for column in aggregation.columns[feature_set]]
        farthest = np.argsort(-np.abs(center), kind="stable")[:_OUTSTANDING]
        outstanding = [f"{'high' if center[i] > 0 else 'low'} {names[i]}" for i in farthest]
        place = "surroundings" if feature_set == "background" else "calcifications"
        return f"share of {place} of type {int(word)} ({', '.join(outstanding)})", ""
    catalogue = feature_catalogue().set_index("name")
    if name not in catalogue.index:
        return name, ""
    return str(catalogue.at[name, "meaning"]), str(catalogue.at[name, "unit"])


def _percent(probability: float) -> str:
    return "below 1%" if probability < 0.01 else "above 99%" if probability > 0.99 else f"{probability:.0%}"


def _strength(log_odds: float) -> str:
    factor = float(np.exp(abs(log_odds)))
    word = "strongly" if factor >= 2 else "clearly" if factor >= 1.25 else "slightly"
    return f"{word}, odds {'×' if log_odds > 0 else '÷'} {factor:.1f}"
