"""What is annotated in an image of a dataset, as tables: single calcifications with their boxes, and lesions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from ..base.errors import ResultError
from ..base.tables import read_table
from ..evaluation.folders import TRUE_CALCIFICATIONS_FILE
from ..lexicon.vocabulary import KINDS as WORD_KINDS
from .dataset import BOX, CLUSTERS_FILE, Dataset, DatasetImage

LESION_COLUMNS = ("lesion", *BOX, "malignant", *WORD_KINDS)


def boxes_of_labels(labels: NDArray[np.integer]) -> pd.DataFrame:
    """Bounding box of each label of a map: ``label`` and :data:`BOX` (pixels, inclusive), by label."""
    found = [(label, box) for label, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None]
    rows = [(label, box[0].start, box[0].stop - 1, box[1].start, box[1].stop - 1) for label, box in found]
    return pd.DataFrame(rows, columns=["label", *BOX])


def calcifications_of(image: DatasetImage) -> pd.DataFrame:
    """The outlined calcifications of an image.

    Returns
    -------
    DataFrame
        ``id``, ``cluster_id`` (0: single), :data:`BOX`, ``malignant`` (1, 0 or NaN, of its cluster, else of the image).

    Raises
    ------
    ResultError
        When they are not outlined.
    """
    boxes = boxes_of_labels(image.labels()).rename(columns={"label": "id"})
    assert image.truth is not None
    table = read_table(image.truth / TRUE_CALCIFICATIONS_FILE)[["id", "cluster_id"]].merge(boxes, on="id")
    clusters = _clusters(image)
    own = table["cluster_id"].map(clusters["malignant"]).astype(float)
    return table.assign(malignant=own.fillna(image.malignant))


def lesions_of(image: DatasetImage, dataset: Dataset) -> pd.DataFrame:
    """The lesions of an image: clusters of outlined calcifications, else what was boxed.

    Returns
    -------
    DataFrame
        ``lesion`` (name), :data:`BOX` (pixels, of the calcifications), ``malignant`` (1, 0 or NaN), ``morphology`` and
        ``distribution`` (empty: not known).

    Raises
    ------
    ResultError
        When nobody said where the image's calcifications are.
    """
    if not image.annotation:
        raise ResultError(f"Nobody said where the calcifications of “{image.name}” are.")
    if image.truth is not None:
        members = calcifications_of(image)
        members = members[members["cluster_id"] > 0]
        clusters = _clusters(image)
        rows = []
        for number, own in members.groupby("cluster_id"):
            words = {name: clusters[name].get(number, "") for name in WORD_KINDS}
            rows.append(_row(f"cluster {number}", own, own["malignant"].iloc[0], words))
    else:
        boxes = dataset.boxes[dataset.boxes["name"] == image.name]
        named = boxes["group"] if "group" in boxes else boxes.index.astype(str)
        rows = []
        for name, own in boxes.groupby(named):
            malignant = own["malignant"].max() if "malignant" in own else math.nan
            words = {name: str(own[name].fillna("").iloc[0]) for name in WORD_KINDS if name in own}
            rows.append(_row(str(name), own, image.malignant if pd.isna(malignant) else malignant, words))
    return pd.DataFrame(rows, columns=list(LESION_COLUMNS))


def _row(name: str, boxes: pd.DataFrame, malignant: float, words: dict[str, str]) -> dict[str, Any]:
    ends = {end: float(boxes[end].min() if end.endswith("min") else boxes[end].max()) for end in BOX}
    return {"lesion": name, **ends, "malignant": float(malignant), **dict.fromkeys(WORD_KINDS, ""), **words}


def _clusters(image: DatasetImage) -> pd.DataFrame:
    """What is known of the image's clusters, by id: ``malignant`` (NaN: not known) and words (empty: not known)."""
    path = (image.truth or image.path) / CLUSTERS_FILE
    table = read_table(path) if path.is_file() else pd.DataFrame({"id": []})
    table = table.set_index("id").reindex(columns=["malignant", *WORD_KINDS])
    return table.assign(**{name: table[name].fillna("").astype(str) for name in WORD_KINDS})
