"""Clusters in BI-RADS words: which words, how probable, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrangement import BreastContext, cluster_measurements
from .evidence import evidence_sentences, summary_sentence
from .specks import speck_measurements
from .vocabulary import Word, word
from .word_model import WordModel

FEWEST_FOR_A_DISTRIBUTION = 5
UNCERTAIN = 0.5


@dataclass(frozen=True)
class WordProbability:
    """A word and its probability among the words of its kind."""

    word: str
    probability: float


@dataclass(frozen=True)
class Override:
    """A reader's own word in place of the suggested one.

    Parameters
    ----------
    word : str
    suggested : WordProbability or None
        What was suggested; None when nothing was.
    reader : str
        Who; a code or initials as the caller decides.
    time : str
        When, ISO 8601.
    reason : str
        In the reader's words; may be empty.
    """

    word: str
    suggested: WordProbability | None
    reader: str
    time: str
    reason: str = ""


@dataclass(frozen=True)
class ClusterWords:
    """A cluster in BI-RADS words.

    Parameters
    ----------
    cluster_id, count : int
    morphology, distribution : tuple of WordProbability
        Most probable first; they sum to 1. ``distribution`` is empty for fewer than five calcifications.
    evidence : tuple of str
        The measurements that spoke for the first words, in sentences.
    overrides : dict
        Kind of word to the reader's :class:`Override`.
    """

    cluster_id: int
    count: int
    morphology: tuple[WordProbability, ...]
    distribution: tuple[WordProbability, ...]
    evidence: tuple[str, ...]
    overrides: dict[str, Override]

    def suggested(self, kind: str) -> WordProbability | None:
        """The most probable word of a kind; None for a distribution that is not defined."""
        candidates: tuple[WordProbability, ...] = getattr(self, kind)
        return candidates[0] if candidates else None

    def weights(self, kind: str) -> dict[str, float]:
        """How much each word counts: the reader's alone where there is one, else all suggested by their probability."""
        if kind in self.overrides:
            return {self.overrides[kind].word: 1.0}
        suggested: tuple[WordProbability, ...] = getattr(self, kind)
        return {entry.word: entry.probability for entry in suggested}

    def final(self, kind: str) -> Word | None:
        """The reader's word where there is one, else the suggested one."""
        if kind in self.overrides:
            return word(kind, self.overrides[kind].word)
        suggested = self.suggested(kind)
        return None if suggested is None else word(kind, suggested.word)

    def overridden(self, kind: str, name: str, reader: str, time: str, reason: str = "") -> ClusterWords:
        """A copy with the reader's word; what was suggested stays.

        Raises
        ------
        ParameterError
            When the lexicon does not hold the word.
        """
        word(kind, name)
        override = Override(name, self.suggested(kind), reader, time, reason)
        return replace(self, overrides=self.overrides | {kind: override})


def describe_clusters(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    spacing_mm: tuple[float, float],
    breast: BreastContext,
    model: WordModel | None = None,
) -> list[ClusterWords]:
    """Every cluster of an analysis in BI-RADS words.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Brighter is more attenuating.
    labels : int32 array, shape (rows, columns)
    calcifications : DataFrame
        As in :class:`~MicrocalcAILib.analysis.Analysis`: all calcifications, also those in no cluster.
    spacing_mm : (float, float)
    breast : BreastContext
    model : WordModel, optional
        The bundled one by default.

    Returns
    -------
    list of ClusterWords
        In the order of the cluster ids.
    """
    if not (calcifications["cluster_id"] > 0).any():
        return []
    model = model or WordModel.load()
    specks = speck_measurements(pixels, labels, calcifications[calcifications["cluster_id"] > 0], spacing_mm)
    measurements = cluster_measurements(labels, calcifications, specks, spacing_mm, breast)
    probabilities = {kind: model.probabilities(kind, measurements) for kind in ("morphology", "distribution")}
    contributions = {kind: model.contributions(kind, measurements) for kind in ("morphology", "distribution")}
    described = []
    for cluster_id in measurements.index:
        members = specks.loc[calcifications["id"][calcifications["cluster_id"] == cluster_id]]
        found: dict[str, tuple[WordProbability, ...]] = {"morphology": (), "distribution": ()}
        evidence = [summary_sentence(members, measurements.loc[cluster_id])]
        for kind in found:
            if kind == "distribution" and len(members) < FEWEST_FOR_A_DISTRIBUTION:
                evidence.append("Fewer than five calcifications: no distribution.")
                continue
            ranked = probabilities[kind].loc[cluster_id].sort_values(ascending=False)
            found[kind] = tuple(WordProbability(str(name), float(value)) for name, value in ranked.items())
            chosen, probability = found[kind][0].word, found[kind][0].probability
            if probability < UNCERTAIN:
                evidence.append(f"Uncertain {kind}: the first word has a probability of {probability:.0%}.")
            evidence += evidence_sentences(
                word(kind, chosen), measurements.loc[cluster_id], contributions[kind][chosen].loc[cluster_id], members
            )
        described.append(ClusterWords(int(cluster_id), len(members), **found, evidence=tuple(evidence), overrides={}))
    return described


def describe_cluster(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    members: pd.DataFrame,
    spacing_mm: tuple[float, float],
    breast: BreastContext,
    others: pd.DataFrame | None = None,
    model: WordModel | None = None,
) -> ClusterWords:
    """Any calcifications as one cluster: one that a reader put together, or a single calcification.

    Parameters
    ----------
    members, others : DataFrame
        Rows of the table of calcifications: those of the cluster, and the rest of the image.

    Other parameters as in :func:`describe_clusters`.
    """
    table = members.assign(cluster_id=1)
    if others is not None and len(others):
        table = pd.concat([table, others.assign(cluster_id=0)], ignore_index=True)
    return describe_clusters(pixels, labels, table, spacing_mm, breast, model)[0]
