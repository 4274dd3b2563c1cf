"""What is said about each cluster: its features, BI-RADS words with evidence, and estimates of malignancy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from ..base.progress import Progress, no_progress
from ..base.resources import resource_path
from ..features import estimate_nipple
from ..lexicon.arrangement import BreastContext
from ..lexicon.columns import word_columns, word_record
from ..lexicon.describe import describe_clusters
from ..lexicon.descriptor_model import DescriptorModel
from ..lexicon.word_model import WordModel
from ..networks.heatmap import DEEP_PREFIX
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .explanation import report
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
        Probability of malignancy by radiomics and graph features.
    """

    words: WordModel
    descriptors: DescriptorModel
    classifier: ClusterClassifier | None = None

    @classmethod
    def load(cls, classifier: Path | None = None) -> DescriptionModels:
        """The models that come with the library; its classifier, trained on simulation, or that of a folder.

        Raises
        ------
        ModelError
            When a model is missing, altered or made for another version.
        """
        folder = classifier or resource_path("Models/ClusterMalignancy")
        return cls(WordModel.load(), DescriptorModel.load(), ClusterClassifier.load(folder))

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
    if models.classifier is not None:
        needed = {name for name in models.classifier.preparation.features if name.startswith(DEEP_PREFIX)}
        if needed <= set(features.clusters.columns):
            described = described.join(report(models.classifier, features).droplevel("image"), on="id")
            warnings = models.classifier.warnings(features)
        else:
            message = "Clusters have no estimate by the features: it needs a heatmap that was not drawn."
            warnings = (WarningRecord("classifier-without-network", message),)
    records = [word_record(cluster, models.descriptors) for cluster in words]
    return Description(described, features, records, warnings)
