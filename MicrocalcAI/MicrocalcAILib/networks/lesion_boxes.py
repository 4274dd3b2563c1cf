"""What lesion boxes say about clusters, breasts and exams."""

from __future__ import annotations

import pandas as pd

_SHARE_INSIDE = 0.5


def link_boxes(boxes: pd.DataFrame, calcifications: pd.DataFrame) -> pd.DataFrame:
    """The boxes with the clusters in them.

    Parameters
    ----------
    boxes : DataFrame
        As :func:`~.detector.detect` gives them.
    calcifications : DataFrame
        ``row``, ``column`` (centers, pixels) and ``cluster_id`` (0: in no cluster).

    Returns
    -------
    DataFrame
        ``cluster_ids`` names the clusters of which more than half of the calcifications are centered in the box, joined
        by “;”.
    """
    clustered = calcifications[calcifications["cluster_id"] > 0]
    names = []
    for _, box in boxes.iterrows():
        # a pixel reaches half a pixel beyond its center
        inside = clustered["row"].between(box["row_min"] - 0.5, box["row_max"] + 0.5)
        inside &= clustered["column"].between(box["column_min"] - 0.5, box["column_max"] + 0.5)
        shares = inside.groupby(clustered["cluster_id"]).mean()
        names.append(";".join(str(cluster) for cluster in shares.index[shares > _SHARE_INSIDE]))
    return boxes.assign(cluster_ids=pd.Series(names, index=boxes.index, dtype=object))


def breast_scores(boxes: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """How suspicious each breast is: the highest malignant score over all boxes of all its views, in whatever order.

    Parameters
    ----------
    boxes : DataFrame
        One row per box: ``patient``, ``breast``, ``malignant_score``.
    images : DataFrame
        One row per image: ``patient``, ``breast``.

    Returns
    -------
    DataFrame
        ``patient``, ``breast``, ``score``; 0 for a breast without a box.
    """
    breasts = images[["patient", "breast"]].drop_duplicates().sort_values(["patient", "breast"], ignore_index=True)
    highest = boxes.groupby(["patient", "breast"])["malignant_score"].max().rename("score")
    return breasts.merge(highest.reset_index(), how="left").fillna({"score": 0.0})


def exam_scores(breasts: pd.DataFrame) -> pd.DataFrame:
    """How suspicious each exam is: the highest score of its breasts (``patient``, ``breast``, ``score``)."""
    return breasts.groupby("patient")["score"].max().reset_index()
