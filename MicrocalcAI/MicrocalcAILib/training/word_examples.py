"""Simulated calcifications as the word model meets them: detected, outlined, measured, with their true words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis import SINGLES, Analysis
from ..base.progress import Progress, no_progress
from ..features.distribution import estimate_nipple
from ..lexicon.arrangement import BreastContext, cluster_measurements
from ..lexicon.describe import FEWEST_FOR_A_DISTRIBUTION
from ..lexicon.specks import speck_measurements
from ..phantom import Phantom, PhantomParameters, simulate
from ..pipeline import analyze
from ..reading.mammogram import Mammogram
from ..segmentation.breast import find_breast
from .backgrounds import BackgroundImage, numbered_backgrounds

_COARSE = ("round", "coarse heterogeneous", "rim", "popcorn", "large rod-like", "vascular", "milk of calcium")
_BENIGN = (*_COARSE, "dystrophic", "skin", "suture")
_VISIBLE = (4.0, 30.0)  # contrast-to-noise: what is not detected cannot be described
# Words that are rare in the whole mix are seen often enough to be learned.
MIXES = (
    PhantomParameters(clusters=(5, 6), singles=(3, 6), contrast_to_noise=_VISIBLE),
    PhantomParameters(clusters=(5, 6), singles=(3, 6), contrast_to_noise=_VISIBLE, morphologies=_BENIGN),
    PhantomParameters(
        clusters=(3, 4), singles=(3, 6), contrast_to_noise=_VISIBLE, distributions=("linear", "segmental", "regional")
    ),
    PhantomParameters(clusters=(1, 1), singles=(3, 6), contrast_to_noise=_VISIBLE, distributions=("diffuse",)),
)


def _only(clusters: tuple[int, int], *morphologies: str) -> PhantomParameters:
    return PhantomParameters(clusters=clusters, singles=(0, 0), morphologies=morphologies, contrast_to_noise=_VISIBLE)


# Words that a confusion would make dangerous or absurd, and that the mixes above hold too few of.
RARE = (
    _only((4, 5), "fine linear", "fine linear branching"),
    _only((4, 5), "vascular"),
    _only((6, 7), "popcorn", "dystrophic", "rim"),
    _only((5, 6), "skin", "milk of calcium"),
    _only((3, 4), "large rod-like"),
)
_UNMIXED = 0.6  # share of a cluster's simulated calcifications that must come from one simulated cluster
_OWN = 0.3  # share of all its members that must: in groups the selection also keeps faint specks that are none
_FEW = 4  # largest number of members in the examples of few calcifications


@dataclass(frozen=True)
class Simulation:
    """How much is simulated.

    Parameters
    ----------
    phantoms_per_image, phantoms_per_simulation : int
        Simulated mammograms per real image and per simulated background.
    simulated_backgrounds : int
    seed : int
    mixes : tuple of PhantomParameters
        What is simulated, taken in turn.
    """

    phantoms_per_image: int = 2
    simulated_backgrounds: int = 8
    phantoms_per_simulation: int = 4
    seed: int = 1
    mixes: tuple[PhantomParameters, ...] = MIXES


def word_examples(
    images: list[BackgroundImage], simulation: Simulation, progress: Progress = no_progress
) -> pd.DataFrame:
    """Measurements of detected clusters, of few neighboring calcifications and of single ones, with the true words.

    Returns
    -------
    DataFrame
        ``CLUSTER_MEASUREMENTS``; ``morphology``; ``distribution`` (empty for fewer than five calcifications);
        ``occasion``: ``cluster``, ``few``, ``single``; ``own_share``: members that come from the simulated cluster, the
        others are false ones; ``patient``: what must stay together in a cross-validation.
    """
    parts = []
    for patient, lateral, phantom, seed in _phantoms(images, simulation, progress):
        analysis = analyze(phantom.mammogram)
        if len(analysis.calcifications):
            found = _examples(phantom, analysis, lateral, np.random.default_rng(seed))
            parts.append(found.assign(patient=patient))
    return pd.concat(parts, ignore_index=True)


def context_of(mammogram: Mammogram, lateral: bool) -> BreastContext:
    """The breast around clusters: its size, and the nipple where the image shows a side of the chest wall."""
    breast = find_breast(mammogram)
    nipple = None
    if breast.chest_wall_side is not None:
        nipple = estimate_nipple(breast.mask, breast.chest_wall_side, mammogram.spacing_mm)
    return BreastContext(breast.area_cm2, nipple, lateral)


def _phantoms(
    images: list[BackgroundImage], simulation: Simulation, progress: Progress
) -> Iterator[tuple[str, bool, Phantom, list[int]]]:
    total = len(images) * simulation.phantoms_per_image
    total += simulation.simulated_backgrounds * simulation.phantoms_per_simulation
    done = 0
    for number, background, patient in numbered_backgrounds(images, simulation.simulated_backgrounds, simulation.seed):
        repeats = simulation.phantoms_per_image if number < len(images) else simulation.phantoms_per_simulation
        for repeat in range(repeats):
            progress("phantoms", done, total)
            done += 1
            seed = [simulation.seed, number, repeat]
            phantom = simulate(background, seed, simulation.mixes[(number + repeat) % len(simulation.mixes)])
            yield patient, phantom.mammogram.view in {"MLO", "ML", "LM", "LMO"}, phantom, seed
    progress("phantoms", total, total)


def _examples(phantom: Phantom, analysis: Analysis, lateral: bool, rng: np.random.Generator) -> pd.DataFrame:
    mammogram, calcifications = phantom.mammogram, analysis.calcifications
    context = context_of(mammogram, lateral)
    specks = speck_measurements(mammogram.pixels, analysis.labels, calcifications, mammogram.spacing_mm)
    own = _true_calcification(calcifications["id"], analysis.labels, phantom.labels)
    truth = phantom.calcifications.set_index("id")
    clusters = phantom.clusters.set_index("id")
    cluster_of = np.where(own > 0, truth["cluster_id"].reindex(own).fillna(-1), -1).astype(int)
    tables = []
    for grouping, labeled in (
        _detected(calcifications, cluster_of, clusters),
        _few(calcifications, cluster_of, own, truth, clusters, rng),
    ):
        measured = cluster_measurements(analysis.labels, grouping, specks, mammogram.spacing_mm, context)
        of_group = pd.DataFrame(labeled, _LABELS).T.astype({"own_share": float})
        tables.append(measured.join(of_group, how="inner"))
    return pd.concat(tables, ignore_index=True)


_LABELS = ["morphology", "distribution", "occasion", "own_share"]
_Labeled = dict[int, tuple[str, str, str, float]]


def _detected(
    calcifications: pd.DataFrame, cluster_of: NDArray[np.int64], clusters: pd.DataFrame
) -> tuple[pd.DataFrame, _Labeled]:
    """The detected clusters that belong to one simulated cluster, also where false members dilute them."""
    labeled: _Labeled = {}
    for number in range(1, int(calcifications["cluster_id"].max()) + 1):
        members = cluster_of[(calcifications["cluster_id"] == number).to_numpy()]
        true_members = members[members > 0]
        if not len(true_members):
            continue
        cluster = int(np.bincount(true_members).argmax())
        own_share = float((members == cluster).mean())
        if own_share >= _OWN and (true_members == cluster).mean() >= _UNMIXED:
            found = clusters.loc[cluster]
            distribution = found["distribution"] if len(members) >= FEWEST_FOR_A_DISTRIBUTION else ""
            labeled[number] = (str(found["morphology"]), str(distribution), "cluster", own_share)
    return calcifications, labeled


def _few(
    calcifications: pd.DataFrame,
    cluster_of: NDArray[np.int64],
    own: NDArray[np.int64],
    truth: pd.DataFrame,
    clusters: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, _Labeled]:
    """Single calcifications, and up to four neighbors out of each simulated cluster."""
    numbers = np.zeros(len(calcifications), np.int64)
    labeled: _Labeled = {}
    for index in np.flatnonzero(cluster_of == SINGLES):
        labeled[len(labeled) + 1] = (str(truth.at[own[index], "morphology"]), "", "single", 1.0)
        numbers[index] = len(labeled)
    points = calcifications[["y_mm", "x_mm"]].to_numpy()
    for cluster in np.unique(cluster_of[cluster_of > 0]):
        members = np.flatnonzero(cluster_of == cluster)
        count = min(int(rng.integers(1, _FEW + 1)), len(members))
        start = points[rng.choice(members)]
        chosen = members[np.argsort(np.hypot(*(points[members] - start).T), kind="stable")[:count]]
        morphology = truth.at[own[chosen[0]], "morphology"] if count == 1 else clusters.at[cluster, "morphology"]
        labeled[len(labeled) + 1] = (str(morphology), "", "few", 1.0)
        numbers[chosen] = len(labeled)
    return calcifications.assign(cluster_id=numbers), labeled


def _true_calcification(ids: pd.Series, labels: NDArray[np.int32], true_labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """The simulated calcification that shares most pixels with each detected one; 0 for none."""
    both = (labels > 0) & (true_labels > 0)
    pairs = pd.DataFrame({"detected": labels[both], "true": true_labels[both]}).value_counts().reset_index()
    best = pairs.drop_duplicates("detected").set_index("detected")["true"]
    return np.asarray(ids.map(best).fillna(0), np.int64)
