"""The squares around clusters that networks look at, from the images and the results of their analysis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis import CLUSTERS_FILE as BOXES_FILE
from ..base.errors import ParameterError
from ..classification.cases import Cases
from ..classification.feature_tables import CLUSTERS_FILE
from ..reading.reader import read_mammogram
from .deep_features import SIDE, cluster_patches


def read_cluster_patches(images: Path, results: Path, cases: Cases) -> NDArray[np.float32]:
    """Cut the squares of all cases.

    Parameters
    ----------
    images : Path
        CSV with ``image`` (name in the results), ``path`` (relative to the table) and, for files without it,
        ``spacing_mm``.
    results : Path
        Folder of the results of ``microcalc analyze``, with ``clusters.csv`` beside the features of each image.
    cases : Cases

    Returns
    -------
    float32 array, shape (clusters, 224, 224)
        In the order of the cases.

    Raises
    ------
    ParameterError
        When the table cannot be read, or an image or the boxes of a cluster are missing.
    """
    try:
        table = pd.read_csv(images, dtype={"image": str, "path": str}, encoding="utf-8-sig").set_index("image")
        paths = table["path"]
    except (OSError, ValueError, KeyError) as error:
        raise ParameterError(f"The table of images cannot be read: {error}; it has image and path.") from error
    spacings = table["spacing_mm"] if "spacing_mm" in table else pd.Series(np.nan, table.index)
    index = cases.tables.clusters.index
    folders = _folders(results)
    patches = np.zeros((len(index), SIDE, SIDE), np.float32)
    for name in index.get_level_values("image").unique():
        if name not in paths or name not in folders:
            raise ParameterError(f"The image “{name}” is not in the table of images, or its results are missing.")
        spacing = spacings[name]
        mammogram = read_mammogram(
            Path(images).parent / paths[name], spacing_mm=None if pd.isna(spacing) else float(spacing)
        )
        rows = np.flatnonzero(index.get_level_values("image") == name)
        try:
            boxes = pd.read_csv(folders[name] / BOXES_FILE).set_index("id")
            chosen = boxes.loc[index.get_level_values("cluster_id")[rows]]
        except (OSError, ValueError, KeyError) as error:
            raise ParameterError(f"The results of “{name}” lack the boxes of its clusters ({BOXES_FILE}).") from error
        patches[rows] = cluster_patches(mammogram, chosen)
    return patches


def _folders(results: Path) -> dict[str, Path]:
    """The folder of the results of each image, by the name that its features carry."""
    folders = {}
    for path in sorted(Path(results).rglob(CLUSTERS_FILE)):
        for name in pd.read_csv(path, usecols=["image"], dtype=str)["image"].unique():
            folders[str(name)] = path.parent
    return folders
