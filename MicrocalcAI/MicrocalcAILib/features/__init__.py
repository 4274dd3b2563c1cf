"""From outlined calcifications to numbers: radiomics, region properties, topology, distribution, aggregation."""

from .aggregation import Aggregation, Histograms, Moments, aggregation_from_json
from .calcifications import CALCIFICATION_FEATURES, calcification_features
from .catalogue import feature_catalogue
from .clusters import cluster_features
from .distribution import estimate_nipple
from .radiomics import FeatureSettings

__all__ = [
    "CALCIFICATION_FEATURES",
    "Aggregation",
    "FeatureSettings",
    "Histograms",
    "Moments",
    "aggregation_from_json",
    "calcification_features",
    "cluster_features",
    "estimate_nipple",
    "feature_catalogue",
]
