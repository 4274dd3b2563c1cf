"""The features of clusters and of their calcifications, as the classifier learns from them and judges by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ResultError
from ..base.files import is_hidden, replaced_on_success
from ..base.progress import Progress, no_progress
from ..base.tables import read_table, write_table
from ..features import (
    CALCIFICATION_FEATURES,
    calcification_features,
    cluster_features,
)
from ..reading.mammogram import Mammogram

CLUSTERS_FILE = "cluster_features.csv"
CALCIFICATIONS_FILE = "calcification_features.csv"
KEYS = ["image", "cluster_id"]


@dataclass(frozen=True)
class FeatureTables:
    """What is measured on clusters, before any model is fitted.

    Parameters
    ----------
    clusters : DataFrame
        One row per cluster, index (``image``, ``cluster_id``); the columns of
        :func:`~MicrocalcAILib.features.cluster_features` without aggregation. Further numeric columns are used when
        their names start with ``deep_`` (features of a network).
    calcifications : DataFrame
        One row per calcification of these clusters, with the index of its cluster; columns
        ``CALCIFICATION_FEATURES``.

    Raises
    ------
    ResultError
        When a cluster is listed twice, or has no calcification, or a calcification no cluster.
    """

    clusters: pd.DataFrame
    calcifications: pd.DataFrame

    def __post_init__(self) -> None:
        if not self.clusters.index.is_unique:
            raise ResultError(
                f"The cluster {_named(self.clusters.index[self.clusters.index.duplicated()])} is listed twice."
            )
        lonely = self.calcifications.index.difference(self.clusters.index)
        empty = self.clusters.index.difference(self.calcifications.index)
        if len(lonely) or len(empty):
            raise ResultError(
                "The tables of clusters and of calcifications do not belong together: "
                f"{_named(lonely.append(empty))} is in one only; write both again."
            )

    def __len__(self) -> int:
        return len(self.clusters)

    @property
    def owners(self) -> NDArray[np.int64]:
        """Which row of ``clusters`` each calcification belongs to."""
        return self.clusters.index.get_indexer(self.calcifications.index).astype(np.int64)

    def take(self, rows: NDArray[np.integer | np.bool_]) -> FeatureTables:
        """Some of the clusters, by their position or by a mask of bools."""
        chosen = np.arange(len(self))[rows]
        return FeatureTables(self.clusters.iloc[chosen], self.calcifications[np.isin(self.owners, chosen)])

    def named(self, image: str) -> FeatureTables:
        """The same tables with another name of the image."""
        return FeatureTables(
            *(
                table.set_axis(_index(image, table.index.get_level_values("cluster_id")))
                for table in (self.clusters, self.calcifications)
            )
        )

    def save(self, folder: Path) -> None:
        """Write both tables into a folder."""
        for table, name in ((self.clusters, CLUSTERS_FILE), (self.calcifications, CALCIFICATIONS_FILE)):
            with replaced_on_success(Path(folder) / name) as temporary:
                write_table(table, temporary, index=True, float_format="%.9g")

    @classmethod
    def load(cls, folder: Path) -> FeatureTables:
        """Read the tables of a folder and of all folders in it.

        Raises
        ------
        ResultError
            When there is none, or one cannot be read or lacks a column.
        """
        found = sorted(path for path in Path(folder).rglob(CLUSTERS_FILE) if not is_hidden(path, Path(folder)))
        if not found:
            raise ResultError(
                f"“{Path(folder).name}” holds no {CLUSTERS_FILE}; let microcalc analyze write the features."
            )
        return cls.concatenate(
            [cls(_read(path, []), _read(path.with_name(CALCIFICATIONS_FILE), CALCIFICATION_FEATURES)) for path in found]
        )

    @classmethod
    def concatenate(cls, tables: Sequence[FeatureTables]) -> FeatureTables:
        """Clusters of several images together."""
        return cls(
            pd.concat([table.clusters for table in tables]), pd.concat([table.calcifications for table in tables])
        )


def measure_features(
    mammogram: Mammogram,
    labels: NDArray[np.int32],
    calcifications: pd.DataFrame,
    tissue: NDArray[np.bool_],
    nipple: tuple[float, float] | None,
    image: str = "",
    progress: Progress = no_progress,
) -> FeatureTables:
    """Features of all clusters of an analyzed mammogram.

    Parameters
    ----------
    mammogram : Mammogram
    labels, calcifications
        Of the :class:`~MicrocalcAILib.analysis.Analysis`.
    tissue : bool array, shape (rows, columns)
        The breast.
    nipple : (float, float) or None
        Its row and column, as :func:`~MicrocalcAILib.features.estimate_nipple` gives them.
    image : str
        Name of the image in the tables.
    progress : callable, optional

    Returns
    -------
    FeatureTables
        Measured with the default :class:`~MicrocalcAILib.features.FeatureSettings`, as every classifier expects.
        Without rows when there is no cluster.
    """
    members = calcifications[calcifications["cluster_id"] > 0]
    local = calcification_features(
        mammogram.pixels, labels, members, mammogram.spacing_mm, tissue=tissue, progress=progress
    )
    clusters = cluster_features(labels, members, mammogram.spacing_mm, nipple=nipple)
    return FeatureTables(
        clusters.set_axis(_index(image, clusters.index)), local.set_axis(_index(image, members["cluster_id"]))
    )


def _index(image: str, cluster_ids: ArrayLike) -> pd.MultiIndex:
    numbers = np.asarray(cluster_ids, np.int64)
    return pd.MultiIndex.from_arrays([np.full(len(numbers), image, object), numbers], names=KEYS)


def _read(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    try:
        table = read_table(path, dtype={"image": str}).set_index(KEYS)
    except (OSError, ValueError, KeyError) as error:
        raise ResultError(f"The table {path.name} cannot be read ({type(error).__name__}); write it again.") from error
    missing = [column for column in needed if column not in table]
    if missing:
        raise ResultError(f"The table {path.name} lacks the column “{missing[0]}”; write it again.")
    return table


def _named(index: pd.Index) -> str:
    image, cluster = index[0]
    return f"{image} / {cluster}"
