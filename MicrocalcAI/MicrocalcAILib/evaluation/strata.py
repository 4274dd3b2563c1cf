"""Sensitivity by kind: morphology of calcifications and clusters; contrast to noise, size, alone or in a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..statistics.resampling import interval_of_ratio
from .matching import HIT, IGNORED, Matches, patient_units

CONTRAST_TO_NOISE_EDGES = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, np.inf)
DIAMETER_EDGES_MM = (0.0, 0.15, 0.2, 0.3, 0.5, np.inf)


def sensitivity_by_stratum(
    matches: Sequence[Matches],
    threshold: float = -np.inf,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Share of true calcifications or clusters hit, for each kind.

    Strata are made from the columns that the truth has: ``morphology``; ``grouping`` (``clustered`` or ``single``, from
    ``cluster_id``); ``contrast_to_noise`` in bins; ``diameter_mm`` of a circle of ``area_mm2`` in bins. Bins include
    their lower edge.

    Parameters
    ----------
    matches : sequence of Matches
        Of calcifications or of clusters, one per image.
    threshold : float
        Marks count from this probability on.
    resamples, seed, confidence
        Of the bootstrap over patients; no interval (NaN) where all samples agree or one patient holds all of a kind.

    Returns
    -------
    DataFrame
        ``stratum``, ``value``, ``truths``, ``hits``, ``sensitivity``, ``sensitivity_low``, ``sensitivity_high``;
        only kinds that occur.
    """
    units = patient_units(matches)
    parts = [match.truths.assign(unit=unit) for unit, match in zip(units, matches, strict=True)]
    truths = pd.concat(parts, ignore_index=True)
    truths = truths[truths["outcome"] != IGNORED]
    hit = (truths["outcome"] == HIT) & (truths["probability"] >= threshold)
    rows = []
    for stratum, values in _strata(truths).items():
        for value in values.cat.categories:
            member = values == value
            if not member.any():
                continue
            total = np.bincount(truths["unit"][member], minlength=units.max() + 1)
            hits = np.bincount(truths["unit"][member & hit], minlength=units.max() + 1)
            low, high = interval_of_ratio(hits, total, resamples, seed, confidence)
            rows.append((stratum, value, total.sum(), hits.sum(), hits.sum() / total.sum(), low, high))
    columns = ["stratum", "value", "truths", "hits", "sensitivity", "sensitivity_low", "sensitivity_high"]
    return pd.DataFrame(rows, columns=columns)


def _strata(truths: pd.DataFrame) -> dict[str, pd.Series]:
    """Each stratum's value for every truth, as categories in their order."""
    strata: dict[str, pd.Series] = {"all": pd.Series("all", truths.index, dtype="category")}
    if "morphology" in truths:
        strata["morphology"] = truths["morphology"].astype("string").astype("category")
    if "cluster_id" in truths:
        grouping = np.where(truths["cluster_id"] > 0, "clustered", "single")
        strata["grouping"] = pd.Series(grouping, truths.index, dtype="category")
    if "contrast_to_noise" in truths:
        strata["contrast_to_noise"] = _binned(truths["contrast_to_noise"], CONTRAST_TO_NOISE_EDGES)
    if "area_mm2" in truths:
        strata["diameter_mm"] = _binned((4 / np.pi * truths["area_mm2"].astype(float)) ** 0.5, DIAMETER_EDGES_MM)
    return strata


def _binned(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    names = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges[:-1])]
    return pd.cut(values.astype(float), list(edges), right=False, labels=[*names, f"{edges[-2]:g} or more"])
