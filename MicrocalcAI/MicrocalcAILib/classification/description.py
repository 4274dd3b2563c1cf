"""What is said about each cluster: its features, BI-RADS words with evidence, and estimates of malignancy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from ..base.parameters import SIMULATED_CLASSIFIER
from ..base.progress import Progress, no_progress
from ..features import estimate_nipple
from ..lexicon.arrangement import BreastContext
from ..lexicon.columns import word_columns, word_record
from ..lexicon.describe import describe_clusters
from ..lexicon.descriptor_model import DescriptorModel
from ..lexicon.word_model import WordModel
from ..networks.catalogue import find_network
from ..networks.heatmap import DEEP_PREFIX
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .explanation import report, without_estimates
from .feature_tables import FeatureTables, measure_features
from .model import ClusterClassifier

_LATERAL_VIEWS = ("MLO", "ML", "LM")


@dataclass(frozen=True)
class DescriptionModels:
    """The models that describe a cluster.

    Parameters
    ----------
    words : WordModel
        Suggests morphology and distribution.
    descriptors : DescriptorModel
        Probability of malignancy by the words, fitted on CBIS-DDSM.
    classifier : ClusterClassifier or None
        Probability of malignancy by radiomics and graph features; without one its columns are empty.
    """

    words: WordModel
    descriptors: DescriptorModel
    classifier: ClusterClassifier | None = None

    @classmethod
    def load(cls, classifier: str | Path | None = None, words: str | Path | None = None) -> DescriptionModels:
        """The models of the words, and the classifier that is asked for.

        Parameters
        ----------
        classifier : str or Path, optional
            A folder or a name in the catalogue, ``SIMULATED_CLASSIFIER`` for the bundled one, or none: what was
            learned from simulated clusters says nothing reliable about a patient.
        words : str or Path, optional
            A model that suggests morphology and distribution, likewise; the bundled one by default.

        Raises
        ------
        ModelError
            When a model is missing, altered or made for another version.
        """
        model = None
        if classifier is not None:
            is_bundled = str(classifier) == SIMULATED_CLASSIFIER
            model = ClusterClassifier.load(find_network("ClusterMalignancy" if is_bundled else classifier))
        own_words = None if words is None else find_network(words)
        return cls(WordModel.load(own_words), DescriptorModel.load(), model)

    def provenance(self) -> dict[str, Any]:
        """Names, digests and training data of all models."""
        return {
            "words": self.words.provenance(),
            "descriptors": self.descriptors.provenance(),
            "classifier": None if self.classifier is None else self.classifier.provenance(),
        }


@dataclass(frozen=True)
class Description:
    """The clusters of a mammogram, described.

    Parameters
    ----------
    clusters : DataFrame
        The table of clusters with the columns of the words and of the estimates added.
    features : FeatureTables
        What the estimates were made from.
    records : list of dict
        Per cluster everything about its words; JSON-ready.
    warnings : tuple of WarningRecord
    """

    clusters: pd.DataFrame
    features: FeatureTables
    records: list[dict[str, Any]]
    warnings: tuple[WarningRecord, ...]


def describe(
    mammogram: Mammogram,
    breast: BreastRegion,
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    clusters: pd.DataFrame,
    models: DescriptionModels,
    deep_features: pd.DataFrame | None = None,
    progress: Progress = no_progress,
    nipple: tuple[float, float] | None = None,
) -> Description:
    """Describe the clusters of an analyzed mammogram.

    Parameters
    ----------
    mammogram, breast
    labels, calcifications, clusters
        As in :class:`~MicrocalcAILib.analysis.Analysis`.
    models : DescriptionModels
    deep_features : DataFrame, optional
        What networks say of each cluster, index ``cluster_id``; they join the features of the clusters.
    progress : callable, optional
    nipple : (float, float), optional
        Row and column, when :func:`~MicrocalcAILib.features.estimate_nipple` was asked already.
    """
    nipple = nipple or estimate_nipple(breast.mask, breast.chest_wall_side, mammogram.spacing_mm)
    context = BreastContext(breast.area_cm2, nipple, mammogram.view in _LATERAL_VIEWS)
    words = describe_clusters(mammogram.pixels, labels, calcifications, mammogram.spacing_mm, context, models.words)
    features = measure_features(mammogram, labels, calcifications, breast.mask, nipple, progress=progress)
    if deep_features is not None:
        joined = features.clusters.join(deep_features, on="cluster_id")
        features = FeatureTables(joined, features.calcifications)
    described = clusters.join(word_columns(words, models.descriptors), on="id")
    warnings: tuple[WarningRecord, ...] = ()
    estimates = without_estimates(clusters["id"])
    if models.classifier is not None:
        needed = {name for name in models.classifier.preparation.features if name.startswith(DEEP_PREFIX)}
        if needed <= set(features.clusters.columns):
            estimates = report(models.classifier, features).droplevel("image")
            warnings = models.classifier.warnings(features)
        else:
            message = "Clusters have no estimate by the features: it needs a heatmap that was not drawn."
            warnings = (WarningRecord("classifier-without-network", message),)
    described = described.join(estimates, on="id")
    records = [word_record(cluster, models.descriptors) for cluster in words]
    return Description(described, features, records, warnings)
