"""Clusters of a dataset as the models of words and of malignancy meet them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..classification.cases import Cases
from ..classification.feature_tables import FeatureTables, measure_features
from ..dataset.dataset import Dataset, read_image
from ..dataset.lesions import calcifications_of, lesions_of
from ..evaluation.cluster_marks import MARGIN_MM
from ..evaluation.findings import Findings
from ..features import estimate_nipple
from ..lexicon.arrangement import cluster_measurements
from ..lexicon.describe import FEWEST_FOR_A_DISTRIBUTION
from ..lexicon.specks import speck_measurements
from ..lexicon.vocabulary import KINDS as WORD_KINDS
from ..pipeline import analyze, load_selector
from ..segmentation.breast import find_breast
from ..segmentation.pectoral import OBLIQUE_VIEWS
from .dataset_images import annotated
from .word_examples import context_of


def worded_clusters(dataset: Dataset, progress: Progress = no_progress) -> pd.DataFrame:
    """Measurements of the outlined clusters that somebody gave words to.

    Returns
    -------
    DataFrame
        As :func:`~.word_examples.word_examples` gives them; ``occasion`` is ``cluster``.

    Raises
    ------
    ParameterError
        When no outlined cluster has a word.
    """
    parts = []
    for image in annotated(dataset, progress):
        lesions = lesions_of(image, dataset)
        if image.truth is None or not (lesions[list(WORD_KINDS)] != "").any(axis=None):
            continue
        mammogram, labels = read_image(image), image.labels()
        table = Findings.from_labels(labels, mammogram.spacing_mm).calcifications.merge(
            calcifications_of(image), on="id"
        )
        context = context_of(mammogram, (image.view or mammogram.view) in OBLIQUE_VIEWS)
        specks = speck_measurements(mammogram.pixels, labels, table, mammogram.spacing_mm)
        measured = cluster_measurements(labels, table, specks, mammogram.spacing_mm, context)
        said = lesions.set_index(lesions["lesion"].str.removeprefix("cluster ").astype(int))[list(WORD_KINDS)]
        found = measured.join(said, how="inner").assign(occasion="cluster", patient=image.patient or image.name)
        few = table["cluster_id"].value_counts().reindex(found.index) < FEWEST_FOR_A_DISTRIBUTION
        parts.append(found.assign(distribution=found["distribution"].where(~few, "")))
    if not parts:
        raise ParameterError("No outlined cluster of this dataset has words; there is nothing to learn them from.")
    return pd.concat(parts, ignore_index=True)


def found_cases(dataset: Dataset, selector_name: str = "auto", progress: Progress = no_progress) -> Cases:
    """Features of the clusters that the analysis finds in lesions of known outcome.

    Every image is analyzed. Of a lesion, the cluster with most calcifications whose center lies in its box, widened by
    1 mm, counts; lesions in which none is found are left out, as they would be in use.

    Raises
    ------
    ParameterError
        When no lesion has an outcome, or none is found.
    """
    selector = load_selector(selector_name)
    tables, malignant, patients = [], [], []
    for image in annotated(dataset, progress):
        lesions = lesions_of(image, dataset)
        lesions = lesions[lesions["malignant"].notna()]
        if lesions.empty:
            continue
        mammogram = read_image(image)
        analysis = analyze(mammogram, selector=selector)
        found = {
            cluster: lesion["malignant"] == 1
            for lesion in lesions.to_dict("records")
            if (cluster := _cluster_in(lesion, analysis.clusters, mammogram.spacing_mm)) is not None
        }
        if not found:
            continue
        members = analysis.calcifications[analysis.calcifications["cluster_id"].isin(found)]
        breast = find_breast(mammogram)
        nipple = estimate_nipple(breast.mask, breast.chest_wall_side, mammogram.spacing_mm)
        features = measure_features(mammogram, analysis.labels, members, breast.mask, nipple, image.name)
        tables.append(features)
        malignant += [found[int(cluster)] for _, cluster in features.clusters.index]
        patients += [image.patient or image.name] * len(features)
    if not tables:
        raise ParameterError("The analysis finds no lesion of known outcome in this dataset; nothing can be learned.")
    outcome = np.array(malignant, np.bool_)
    return Cases(FeatureTables.concatenate(tables), outcome, np.array(patients), outcome.astype(np.float64))


def _cluster_in(lesion: Mapping[Any, Any], clusters: pd.DataFrame, spacing_mm: tuple[float, float]) -> int | None:
    inside = np.ones(len(clusters), np.bool_)
    for axis, name in enumerate(("row", "column")):
        margin = MARGIN_MM / spacing_mm[axis]
        low, high = lesion[f"{name}_min"] - margin, lesion[f"{name}_max"] + margin
        inside &= clusters[name].between(low, high).to_numpy(np.bool_)
    own = clusters[inside].sort_values("count")
    return int(own["id"].iloc[-1]) if len(own) else None
