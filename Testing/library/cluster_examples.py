"""Made-up feature tables for the tests of the cluster classifier: malignant clusters differ in a few features."""

from __future__ import annotations

import numpy as np
import pandas as pd

from MicrocalcAILib.classification.cases import Cases
from MicrocalcAILib.classification.feature_tables import KEYS, FeatureTables
from MicrocalcAILib.features import CALCIFICATION_FEATURES
from MicrocalcAILib.features.distribution import DISTRIBUTION_FEATURES
from MicrocalcAILib.features.topology import TOPOLOGY_FEATURES


def example_cases(clusters: int = 72, effect: float = 1.5, seed: int = 0) -> Cases:
    """Clusters of patients with two each; ``effect`` is the shift of some features in standard deviations."""
    rng = np.random.default_rng(seed)
    malignant = np.repeat(rng.permutation(np.arange(clusters // 2) % 3 == 0), 2)
    members = rng.integers(5, 9, clusters)
    index = pd.MultiIndex.from_arrays(
        [[f"image {i // 2}" for i in range(clusters)], np.arange(clusters) % 2 + 1], names=KEYS
    )
    of_clusters = rng.normal(size=(clusters, len(DISTRIBUTION_FEATURES) + len(TOPOLOGY_FEATURES)))
    of_clusters[malignant, 3] += effect
    of_clusters[malignant, 100] += effect
    of_clusters[:, 23] = np.where(rng.random(clusters) < 0.2, np.nan, of_clusters[:, 23])  # nipple_angle_deg
    columns = [*(f"distribution_{name}" for name in DISTRIBUTION_FEATURES), *TOPOLOGY_FEATURES]
    owners = np.repeat(np.arange(clusters), members)
    local = rng.normal(size=(len(owners), len(CALCIFICATION_FEATURES)))
    local[:, :20] += effect * malignant[owners, None]
    return Cases(
        FeatureTables(
            pd.DataFrame(of_clusters, columns=columns, index=index),
            pd.DataFrame(local, columns=list(CALCIFICATION_FEATURES), index=index[owners]),
        ),
        malignant,
        np.array([f"patient {i // 2}" for i in range(clusters)]),
        malignant.astype(float),
    )
