"""The words of the clusters as columns of ``clusters.csv`` and as a JSON record."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pandas as pd

from ..statistics.estimate import Estimate
from .benign import benign_statement, category_by_words
from .describe import ClusterWords
from .descriptor_model import CONFIDENCE, DescriptorModel, Descriptors, Risk
from .predictive_values import predictive_values
from .vocabulary import KINDS

WORD_COLUMNS = (
    *("morphology", "morphology_probability", "morphology_ppv_percent"),
    *("distribution", "distribution_probability", "distribution_ppv_percent"),
    *("lexicon_category", "evidence", "descriptor_risk", "descriptor_risk_low", "descriptor_risk_high"),
)


def descriptor_risk(
    described: ClusterWords, model: DescriptorModel, density: float | None = None, prevalence: float | None = None
) -> Risk:
    """Probability of malignancy by the cluster's words.

    A word that the reader chose counts alone; suggested words count by their probabilities, so that an uncertain
    suggestion does not become a certain risk. Where the words are sure to be typically benign there is no number, and
    the note says so (:mod:`.benign`).
    """
    statement = benign_statement(*map(described.weights, KINDS))
    if statement:
        return Risk(Estimate(math.nan, math.nan, math.nan, CONFIDENCE), (statement,))
    alternatives = itertools.product(*(_alternatives(described, kind) for kind in KINDS))
    return model.expected(
        [
            (Descriptors(morphology, distribution, density), first * second)
            for (morphology, first), (distribution, second) in alternatives
        ],
        prevalence,
    )


def risk_beside_word(described: ClusterWords, risk: float) -> str:
    """Why a risk lies beyond all that cohorts say about the morphology it stands beside; empty where it does not."""
    final = described.final("morphology")
    values = predictive_values("morphology", final.name) if final else []
    if not values or final is None:
        return ""
    lowest, highest = (
        choose(end for value in values for end in (value.percent, value.low_percent, value.high_percent) if end == end)
        for choose in (min, max)
    )
    if math.isnan(risk) or lowest <= 100 * risk <= highest:
        return ""
    others = ", ".join(
        f"“{entry.word}” {entry.probability:.0%}" for entry in described.morphology[:3] if entry.word != final.name
    )
    counted = "the reader's word alone" if "morphology" in described.overrides else f"every suggested word ({others})"
    return (
        f"The risk of {risk:.0%} lies {'above' if 100 * risk > highest else 'below'} the {lowest:g} to {highest:g} % "
        f"that cohorts give for “{final.name}”: it counts {counted} with the distribution, in women who had a biopsy."
    )


def _alternatives(described: ClusterWords, kind: str) -> list[tuple[tuple[str, ...], float]]:
    return [((name,), weight) for name, weight in described.weights(kind).items()] or [((), 1.0)]


def lexicon_category(described: ClusterWords) -> str:
    """The category that the lexicon names for the cluster's words; see :func:`~.benign.category_by_words`."""
    return category_by_words(*map(described.weights, KINDS))


def risk_beside_words(described: ClusterWords, risk: float) -> str:
    """What has to be said about the risk beside the words: why there is none, or why it differs from theirs."""
    return benign_statement(*map(described.weights, KINDS)) or risk_beside_word(described, risk)


def word_columns(described: list[ClusterWords], model: DescriptorModel, density: float | None = None) -> pd.DataFrame:
    """One row per cluster, to be joined to the table of clusters by its ``id``.

    Parameters
    ----------
    described : list of ClusterWords
    model : DescriptorModel
    density : float, optional
        Breast composition, 1 to 4, where it is known.

    Returns
    -------
    DataFrame
        Index ``id``, columns ``WORD_COLUMNS``. ``…_probability`` is that of the suggested word and empty for a word
        that a reader chose; ``…_ppv_percent`` is the lowest and highest positive predictive value of all cohorts
        (``13 to 45.4``), or that of the only one with its interval (``0 (0 to 16.1)``); ``lexicon_category`` is that of
        the words, ``2?`` where they would be typically benign and are not sure; ``evidence`` is text; risks are empty
        where the model cannot tell and where the words are sure to be typically benign.
    """
    rows = []
    for cluster in described:
        row: dict[str, Any] = {}
        for kind in KINDS:
            suggested, final = cluster.suggested(kind), cluster.final(kind)
            row[kind] = final.name if final else ""
            own = kind in cluster.overrides or suggested is None
            row[f"{kind}_probability"] = float("nan") if own or suggested is None else suggested.probability
            row[f"{kind}_ppv_percent"] = _range(kind, final.name) if final else ""
        estimate = descriptor_risk(cluster, model, density).estimate
        evidence = (*cluster.evidence, risk_beside_words(cluster, estimate.value))
        row |= {"lexicon_category": lexicon_category(cluster), "evidence": " ".join(filter(None, evidence))}
        row |= {"descriptor_risk": estimate.value}
        row |= {"descriptor_risk_low": estimate.low, "descriptor_risk_high": estimate.high}
        rows.append(row)
    index = pd.Index([cluster.cluster_id for cluster in described], name="id", dtype="int64")
    return pd.DataFrame(rows, index=index, columns=list(WORD_COLUMNS))


def word_record(cluster: ClusterWords, model: DescriptorModel | None = None) -> dict[str, Any]:
    """Everything about the cluster's words, JSON-ready: all probabilities, evidence, codes, overrides, cohorts.

    ``risk_note`` is :func:`risk_beside_words`; without the model of the risk only why there is none.
    """
    risk = math.nan if model is None else descriptor_risk(cluster, model).estimate.value
    record: dict[str, Any] = {
        "cluster_id": cluster.cluster_id,
        "evidence": list(cluster.evidence),
        "lexicon_category": lexicon_category(cluster),
        "risk_note": risk_beside_words(cluster, risk),
    }
    for kind in KINDS:
        final, override = cluster.final(kind), cluster.overrides.get(kind)
        suggestions = {entry.word: round(entry.probability, 4) for entry in getattr(cluster, kind)}
        record[kind] = {
            "word": final.name if final else None,
            "code": vars(final.code) if final else None,
            "suggested": suggestions,
            "override": {name: getattr(override, name) for name in ("word", "reader", "time", "reason")}
            if override
            else None,
            "predictive_values": [str(value) for value in predictive_values(kind, final.name)] if final else [],
        }
    return record


def _range(kind: str, name: str) -> str:
    """Lowest to highest value of the cohorts; of a single cohort, its value and interval."""
    values = predictive_values(kind, name)
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0].percent:g} ({values[0].low_percent:g} to {values[0].high_percent:g})"
    return f"{min(value.percent for value in values):g} to {max(value.percent for value in values):g}"
