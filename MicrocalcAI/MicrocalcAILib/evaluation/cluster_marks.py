"""Which mark of a whole cluster hits which true cluster, for marks that do not say what is in them.

A mark hits a true cluster when its center lies in the bounding box of that cluster, widened by 1 mm on every side: how
marks of commercial CAD programs are counted. Several marks may hit the same cluster: it counts once, at the highest
rating, and none of them is false.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .findings import Findings
from .matching import FALSE, HIT, IGNORED, MISSED, NO_ID, Matches, Region, inside_regions

MARGIN_MM = 1.0


def match_cluster_marks(
    matches: Matches,
    marks: pd.DataFrame,
    truth: Findings,
    spacing_mm: tuple[float, float],
    margin_mm: float = MARGIN_MM,
    *,
    ignore_regions: Sequence[Region] = (),
) -> Matches:
    """Match marks of clusters to true clusters of one image by their places.

    Parameters
    ----------
    matches : Matches
        Of the same image's calcifications; names image, patient and breast area.
    marks : DataFrame
        ``id``, ``row``, ``column``, ``probability``.
    truth : Findings
        Clusters are the values of ``cluster_id`` above 0.
    spacing_mm : (float, float)
    margin_mm : float
        How far the bounding box of a true cluster is widened on every side.
    ignore_regions : sequence of (row_min, row_max, column_min, column_max)
        Marks with their center here, and clusters with more than half of their members here, do not count.
    """
    cluster_of = truth.numbers("cluster_id", NO_ID)
    true_mm, marks_mm = truth.centers_mm(spacing_mm), marks[["row", "column"]].to_numpy(float) * np.asarray(spacing_mm)
    ignored = inside_regions(truth, ignore_regions)
    ids = np.unique(cluster_of[cluster_of > 0]).astype(np.int64)
    members = cluster_of == ids[:, None]
    counted = np.array([ignored[own].mean() <= 0.5 for own in members], bool)
    probability = marks["probability"].to_numpy(float)

    hits = np.zeros((len(marks), len(ids)), bool)
    for position, own in enumerate(members):
        low, high = true_mm[own].min(axis=0) - margin_mm, true_mm[own].max(axis=0) + margin_mm
        hits[:, position] = ((marks_mm >= low) & (marks_mm <= high)).all(axis=1)
    scores = np.where(hits, probability[:, None], -np.inf)
    best = scores.argmax(axis=0) if len(marks) else np.zeros(len(ids), int)
    was_hit = hits.any(axis=0)
    truths = pd.DataFrame(
        {
            "id": ids,
            "count": members.sum(axis=1),
            "outcome": np.where(counted, np.where(was_hit, HIT, MISSED), IGNORED),
            "probability": np.where(was_hit, scores.max(axis=0, initial=-np.inf), np.nan),
            "mark_id": np.where(was_hit, np.append(marks["id"].to_numpy(), NO_ID)[best], NO_ID),
        }
    )
    not_counted = hits[:, ~counted].any(axis=1) | inside_regions(Findings(marks), ignore_regions)
    outcome = np.where(hits[:, counted].any(axis=1), HIT, np.where(not_counted, IGNORED, FALSE))
    first = np.append(ids, NO_ID)[np.where(hits.any(axis=1), hits.argmax(axis=1) if len(ids) else 0, len(ids))]
    found = marks.assign(outcome=outcome, truth_id=first)
    return Matches(matches.image, matches.breast_area_cm2, found, truths, patient=matches.patient)
