"""Which predicted cluster marks which true cluster.

A predicted cluster hits a true one when it lies there and found something there:

* at least half of its members have their center in the bounding box of the true cluster, widened by 1 mm on every
  side (so a chain of marks across the whole breast hits nothing), and
* at least two calcifications of the true cluster are matched by its members (so noise inside a large true cluster is
  no hit).

Several predicted clusters may hit the same true one: it counts once, at the highest probability, and none of them is
false (free-response convention: repeated marks of one lesion are one mark). One that joins two true clusters may hit
both. A predicted cluster is false when it hits nothing and most of its members do not lie in ignored regions. It is
rated by what its members tell of a group together, as the selection does: e / (1 + e), e the sum of their cubed
probabilities. (Their mean ranks a pair of sure specks above a cloud of many likely ones.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..segmentation.groups import evidence
from .findings import Findings
from .matching import FALSE, HIT, IGNORED, MISSED, NO_ID, Matches, Region, inside_regions

_NO_CLUSTER = 0


@dataclass(frozen=True)
class ClusterRule:
    """When a predicted cluster hits a true one.

    Parameters
    ----------
    min_members_inside : float
        Share of its members that must lie inside the true cluster's widened bounding box, in (0, 1].
    margin_mm : float
        How far the bounding box is widened on every side.
    min_matched : int
        How many calcifications of the true cluster its members must match (all, when it has fewer).
    """

    min_members_inside: float = 0.5
    margin_mm: float = 1.0
    min_matched: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.min_members_inside <= 1:
            raise ParameterError(f"A share of members lies above 0 and up to 1, not at {self.min_members_inside:g}.")
        if not 0 <= self.margin_mm < np.inf or self.min_matched < 1:
            raise ParameterError("The margin is zero or more millimeters and at least one calcification is matched.")


def match_clusters(
    matches: Matches,
    predicted: Findings,
    truth: Findings,
    spacing_mm: tuple[float, float],
    rule: ClusterRule | None = None,
    *,
    ignore_regions: Sequence[Region] = (),
) -> Matches:
    """Match predicted to true clusters of one image by the members they share.

    Parameters
    ----------
    matches : Matches
        Of the same image's calcifications, from :func:`~.matching.match_calcifications`.
    predicted, truth : Findings
        As given there; clusters are the values of ``cluster_id`` above 0.
    spacing_mm : (float, float)
    rule : ClusterRule, optional
    ignore_regions : sequence of (row_min, row_max, column_min, column_max)
        Clusters with more than half of their members centered here do not count.

    Returns
    -------
    Matches
        One row per cluster; ``count`` is its number of members, ``probability`` its rating, ``matched`` (truths) how
        many of them were found.
    """
    rule = rule or ClusterRule()
    found_cluster = predicted.numbers("cluster_id", _NO_CLUSTER)
    true_cluster = truth.numbers("cluster_id", _NO_CLUSTER)
    marks = _clusters(found_cluster, inside_regions(predicted, ignore_regions))
    rated = np.bincount(found_cluster.astype(int), evidence(matches.marks["probability"].to_numpy()), minlength=1)
    marks["probability"] = (rated / (1 + rated))[marks["id"]]
    truths = _clusters(true_cluster, inside_regions(truth, ignore_regions))

    # which true cluster each mark's match belongs to
    matched_cluster = (
        pd.Series(true_cluster, index=truth.ids).reindex(matches.marks["truth_id"], fill_value=_NO_CLUSTER).to_numpy()
    )
    found_mm, true_mm = predicted.centers_mm(spacing_mm), truth.centers_mm(spacing_mm)
    hits = np.zeros((len(marks), len(truths)), bool)
    for j, true_id in enumerate(truths["id"]):
        members_mm = true_mm[true_cluster == true_id]
        low_mm, high_mm = members_mm.min(axis=0) - rule.margin_mm, members_mm.max(axis=0) + rule.margin_mm
        needed = min(rule.min_matched, len(members_mm))
        inside = ((found_mm >= low_mm) & (found_mm <= high_mm)).all(axis=1)
        for i, found_id in enumerate(marks["id"]):
            members = found_cluster == found_id
            enough_matched = np.sum(matched_cluster[members] == true_id) >= needed
            hits[i, j] = enough_matched and inside[members].mean() >= rule.min_members_inside

    counted = ~truths["ignored"].to_numpy(bool)
    hits_counted = hits[:, counted].any(axis=1)
    not_counted = hits[:, ~counted].any(axis=1) | marks["ignored"].to_numpy(bool)
    marks["outcome"] = np.where(hits_counted, HIT, np.where(not_counted, IGNORED, FALSE))
    scores = np.where(hits, marks["probability"].to_numpy()[:, None], -np.inf)
    truths["outcome"] = np.where(counted, np.where(hits.any(axis=0), HIT, MISSED), IGNORED)
    truths["probability"] = np.where(hits.any(axis=0), scores.max(axis=0, initial=-np.inf), np.nan)
    truths["mark_id"] = _best(scores, marks["id"].to_numpy(), axis=0)
    marks["truth_id"] = _best(np.where(hits, 1.0, -np.inf).T, truths["id"].to_numpy(), axis=0)
    found_truth = matches.truths["mark_id"].to_numpy() != NO_ID
    truths["matched"] = [int(found_truth[true_cluster == true_id].sum()) for true_id in truths["id"]]
    return Matches(
        matches.image,
        matches.breast_area_cm2,
        marks.drop(columns="ignored"),
        truths.drop(columns="ignored"),
        patient=matches.patient,
    )


def _clusters(cluster_id: NDArray[np.float64], ignored: NDArray[np.bool_]) -> pd.DataFrame:
    """Table of clusters: id, number of members, whether most members lie in ignored regions."""
    members = pd.DataFrame({"id": cluster_id.astype(np.int64), "ignored": ignored})
    clusters = members[members["id"] > _NO_CLUSTER].groupby("id")
    table = clusters.agg(count=("ignored", "size"), ignored=("ignored", "mean"))
    table["ignored"] = table["ignored"] > 0.5
    return table.reset_index()


def _best(scores: NDArray[np.float64], ids: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    """Id of the highest finite score along the axis, 0 where there is none."""
    if not ids.size:
        return np.full(scores.shape[1 - axis], NO_ID)
    return np.where(np.isfinite(scores).any(axis=axis), ids[scores.argmax(axis=axis)], NO_ID)
