"""Which found calcification is which true one: sparse candidate pairs, then a one-to-one assignment.

A mark may match a true calcification when their centers lie within 0.35 mm of each other or their outlines overlap
with an IoU of at least 0.3 (Marasinou 2021 [1]_: 5 pixels of 0.07 mm, else IoU 0.3). Each mark and each true
calcification is used once. Pairs are accepted in the order of falling probability of the mark; among pairs of equal
probability larger overlap goes first, then smaller distance. So an uncertain mark can never take a true calcification
away from a surer one, and the matching of the marks above any threshold is exactly the part of this matching above
it: one matching gives every point of the free-response curve. An assignment that is optimal for all marks together
(Hungarian) has no such property: there, a mark of low probability changes what the marks above it are matched to.

A mark that matches nothing but lies on true calcifications with at least half of its pixels is a piece of something
that is there (a lobe of a popcorn calcification, the rest of a broken line): it hits nothing, and it is no false mark
either, unless the rule says so (the published code counts it).

The published code goes from truth to truth instead: each takes the nearest free mark within the distance, else the free
mark that overlaps it most; the marks' probabilities do not matter, every other mark is false. ``RULES["hdogreg"]`` does
so once, with all marks (the code does it anew at every threshold).

A third published code, for the curve on INbreast [2]_, asks whether a disk of 7 pixels around a mark's center touches a
true calcification: a mark hits all that it touches, and of the marks that touch the same one the surest counts, the
others neither as right nor as false. ``RULES["calc-det"]`` does so; it is by far the kindest of the three.

.. [1] Marasinou et al.: Segmentation of breast microcalcifications: a multi-scale approach. arXiv:2102.00754 (2021),
   and its published code, ``hdogreg/metrics.py``.
.. [2] Cortina Uribe, Seia, Zalevskyi: Calcification detection in mammography images (2022), and its published code,
   https://github.com/joaco18/calc-det, ``metrics/metrics_utils.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from .findings import Findings

HIT, FALSE, MISSED, IGNORED = "hit", "false", "missed", "ignored"
NO_ID = 0
_PIECE_SHARE = 0.5  # of a mark's pixels on true calcifications
_ROUNDING_MM = 1e-6  # 5 × 0.07 mm is a little more than 0.35 mm in floating point

Region = tuple[float, float, float, float]


@dataclass(frozen=True)
class MatchingRule:
    """When a mark may match a true calcification: near enough, or overlapping enough.

    Parameters
    ----------
    max_distance_mm : float
        Largest distance between the centers.
    min_iou : float
        Smallest intersection over union of the outlines, in (0, 1].
    pieces_are_false : bool
        Whether an unmatched mark that lies on true calcifications counts as false, or not at all.
    truths_in_turn : bool
        Whether each truth takes its mark in turn, or the surest marks choose first.
    touches : bool
        Whether the distance is that of a mark's center from any pixel of a true calcification, and a mark hits all
        within it; the overlap does not matter then.
    """

    max_distance_mm: float = 0.35
    min_iou: float = 0.3
    pieces_are_false: bool = False
    truths_in_turn: bool = False
    touches: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_distance_mm < np.inf:
            raise ParameterError(f"A matching distance is zero or more millimeters, not {self.max_distance_mm:g}.")
        if not 0 < self.min_iou <= 1:
            raise ParameterError(f"An intersection over union lies above 0 and up to 1, not at {self.min_iou:g}.")


RULES = {
    "microcalc": MatchingRule(),
    "hdogreg": MatchingRule(pieces_are_false=True, truths_in_turn=True),
    "calc-det": MatchingRule(max_distance_mm=7 * 0.07, pieces_are_false=True, touches=True),
}


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of the whole label maps outside ignored regions: found, true, both, and all pixels of the image."""

    found: int = 0
    true: int = 0
    both: int = 0
    image: int = 0


@dataclass(frozen=True)
class Matches:
    """Marks and truths of one image, each with its outcome. Made for calcifications, and for clusters alike.

    Parameters
    ----------
    image : str
        Name of the image.
    breast_area_cm2 : float
        Area that false marks are counted over.
    marks : DataFrame
        One row per mark: ``id``, ``probability``, ``outcome`` (``hit``, ``false``, or ``ignored``: a piece of a true
        calcification, or in a region that does not count), ``truth_id`` (0: none).
    truths : DataFrame
        One row per truth: ``id``, ``outcome`` (``hit``, ``missed``, ``ignored``), ``mark_id`` (0: none),
        ``probability`` of the mark that hit it (NaN: none), and columns that describe it.
    pixels : PixelCounts
    patient : str
        Whose image it is; empty when nobody said.
    """

    image: str
    breast_area_cm2: float
    marks: pd.DataFrame
    truths: pd.DataFrame
    pixels: PixelCounts = PixelCounts()
    patient: str = ""


class OfPatient(Protocol):
    """What was compared in one image."""

    @property
    def patient(self) -> str:
        """Whose image it is; empty when nobody said."""


def patient_units(matches: Sequence[OfPatient]) -> NDArray[np.intp]:
    """Number of each image's patient, from 0, shape (images,); an image without one stands for itself.

    What is drawn in a bootstrap: the images of a patient are alike.
    """
    names = [("patient", match.patient) if match.patient else ("image", index) for index, match in enumerate(matches)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.intp)


def match_calcifications(
    predicted: Findings,
    truth: Findings,
    spacing_mm: tuple[float, float],
    rule: MatchingRule | None = None,
    *,
    image: str = "",
    patient: str = "",
    breast_area_cm2: float = float("nan"),
    ignore_regions: Sequence[Region] = (),
) -> Matches:
    """Match marks to true calcifications: one to one, surest marks first, unless the rule says otherwise.

    Parameters
    ----------
    predicted : Findings
        Without a column ``probability`` every mark counts as certain (1).
    truth : Findings
    spacing_mm : (float, float)
        Distance between rows, between columns.
    rule : MatchingRule, optional
    breast_area_cm2 : float
        Kept for rates per area; not reduced by ignored regions.
    ignore_regions : sequence of (row_min, row_max, column_min, column_max), inclusive
        Truths centered here do not count, nor do the marks that match them, nor unmatched marks centered here.

    Returns
    -------
    Matches
        ``truths`` has, beside the outcome, ``distance_mm``, ``iou``, ``dice`` and ``found_area_mm2`` of its match (NaN:
        none), ``area_mm2``, ``pixels`` (of the true outline) and ``best_iou`` (with any mark, matched or not; 0: none).

    Raises
    ------
    ParameterError
        When the two label maps differ in shape.

    Examples
    --------
    >>> import pandas as pd
    >>> true = Findings(pd.DataFrame({"id": [1, 2], "row": [10, 90], "column": [10, 10]}))
    >>> found = Findings(pd.DataFrame({"id": [7], "row": [12], "column": [11], "probability": [0.8]}))
    >>> match_calcifications(found, true, (0.07, 0.07)).truths["outcome"].tolist()
    ['hit', 'missed']
    """
    rule = rule or MatchingRule()
    probability = predicted.numbers("probability", 1.0)
    pairs = _candidate_pairs(predicted, truth, spacing_mm, rule)
    pairs["probability"] = probability[pairs["mark"]]
    eligible = pairs[pairs["near"] | ((pairs["iou"] >= rule.min_iou) & (not rule.touches))]
    if rule.touches:
        order = ["probability", "iou", "distance_mm", "mark"]
        matched = eligible.sort_values(order, ascending=[False, False, True, True]).drop_duplicates("truth")
    elif rule.truths_in_turn:
        matched = _assign_in_turn(eligible)
    else:
        matched = _assign(eligible, len(probability), len(truth.ids))

    mark_truth = np.full(len(probability), -1)
    mark_truth[matched["mark"]] = matched["truth"]
    truth_mark = np.full(len(truth.ids), -1)
    truth_mark[matched["truth"]] = matched["mark"]

    truth_ignored = inside_regions(truth, ignore_regions)
    mark_ignored = inside_regions(predicted, ignore_regions)
    if not rule.pieces_are_false:
        on_truth = np.bincount(pairs["mark"], pairs["common"], minlength=len(probability))
        mark_ignored |= (on_truth > 0) & (on_truth >= _PIECE_SHARE * predicted.pixel_counts)
    if rule.touches:
        mark_ignored[eligible["mark"]] = True  # those that are no hit: a surer mark touches the same
    mark_outcome = np.where(mark_ignored, IGNORED, FALSE)
    has_truth = mark_truth >= 0
    mark_outcome[has_truth] = np.where(truth_ignored[mark_truth[has_truth]], IGNORED, HIT)

    pixel_area_mm2 = spacing_mm[0] * spacing_mm[1]
    truths = truth.calcifications.drop(columns=["probability"], errors="ignore").reset_index(drop=True)
    truths["pixels"] = truth.pixel_counts
    if "area_mm2" not in truths:
        truths["area_mm2"] = truths["pixels"] * pixel_area_mm2
    truths["outcome"] = np.where(truth_ignored, IGNORED, np.where(truth_mark >= 0, HIT, MISSED))
    truths["mark_id"] = _looked_up(predicted.ids, truth_mark, NO_ID)
    of_match = matched.set_index("truth").reindex(range(len(truths)))
    for column in ("probability", "distance_mm", "iou", "dice"):
        truths[column] = of_match[column].to_numpy(float)
    truths["found_area_mm2"] = _looked_up(predicted.pixel_counts * pixel_area_mm2, truth_mark, np.nan)
    truths["best_iou"] = pairs.groupby("truth")["iou"].max().reindex(range(len(truths)), fill_value=0.0).to_numpy()

    marks = predicted.calcifications.reset_index(drop=True)
    marks["probability"] = probability
    marks["outcome"] = mark_outcome
    marks["truth_id"] = _looked_up(truth.ids, mark_truth, NO_ID)
    pixels = _pixel_counts(predicted, truth, ignore_regions)
    return Matches(image, breast_area_cm2, marks, truths, pixels, patient)


def inside_regions(findings: Findings, regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Which calcifications have their center in one of the regions, shape (calcifications,)."""
    rows, columns = findings.numbers("row", 0.0), findings.numbers("column", 0.0)
    inside = np.zeros(rows.size, bool)
    for row_min, row_max, column_min, column_max in regions:
        # a pixel reaches half a pixel beyond its center
        inside |= (np.abs(rows - (row_min + row_max) / 2) <= (row_max - row_min + 1) / 2) & (
            np.abs(columns - (column_min + column_max) / 2) <= (column_max - column_min + 1) / 2
        )
    return inside


def _candidate_pairs(
    predicted: Findings, truth: Findings, spacing_mm: tuple[float, float], rule: MatchingRule
) -> pd.DataFrame:
    """Every (mark, truth) that are ``near`` by the rule or have a common pixel: indices, distance, IoU and Dice."""
    from scipy.spatial import KDTree

    found_mm, true_mm = predicted.centers_mm(spacing_mm), truth.centers_mm(spacing_mm)
    mark, true, common = _common_pixels(predicted, truth)
    overlapping = pd.DataFrame({"mark": mark, "truth": true, "common": common, "near": False})
    if len(found_mm) and len(true_mm):
        points_mm, owners = true_mm, np.arange(len(true_mm))
        if rule.touches and truth.labels is not None:
            rows, columns = np.nonzero(truth.labels)
            points_mm = np.stack((rows, columns), axis=1) * np.asarray(spacing_mm)
            owners = _positions(truth.ids, truth.labels[rows, columns])
        near = KDTree(found_mm).sparse_distance_matrix(
            KDTree(points_mm), rule.max_distance_mm + _ROUNDING_MM, output_type="ndarray"
        )
        nearby = pd.DataFrame({"mark": near["i"], "truth": owners[near["j"]], "common": 0, "near": True})
        overlapping = pd.concat([overlapping, nearby])
    pairs = overlapping.groupby(["mark", "truth"]).max().reset_index()
    found_pixels, true_pixels = predicted.pixel_counts[pairs["mark"]], truth.pixel_counts[pairs["truth"]]
    pairs["distance_mm"] = np.linalg.norm(found_mm[pairs["mark"]] - true_mm[pairs["truth"]], axis=1)
    both = found_pixels + true_pixels
    pairs["iou"] = pairs["common"] / np.maximum(both - pairs["common"], 1)
    pairs["dice"] = 2 * pairs["common"] / np.maximum(both, 1)
    return pairs


def _common_pixels(predicted: Findings, truth: Findings) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Indices of marks and truths that share pixels, and how many, from one pass over the two maps."""
    none = np.empty(0, np.intp)
    if predicted.labels is None or truth.labels is None:
        return none, none, none
    if predicted.labels.shape != truth.labels.shape:
        raise ParameterError(
            f"The label maps differ in shape, {predicted.labels.shape} and {truth.labels.shape}; "
            "they belong to different images."
        )
    both = (predicted.labels != 0) & (truth.labels != 0)
    labels = np.stack([predicted.labels[both], truth.labels[both]], axis=1)
    couples, counts = np.unique(labels, axis=0, return_counts=True)
    return _positions(predicted.ids, couples[:, 0]), _positions(truth.ids, couples[:, 1]), counts


def _positions(ids: NDArray[np.int64], wanted: NDArray[np.integer]) -> NDArray[np.intp]:
    """Where each wanted id, which is there, stands among the ids."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)]


def _assign(pairs: pd.DataFrame, marks: int, truths: int) -> pd.DataFrame:
    """Accept pairs whose mark and truth are both free, in the order the module describes."""
    steps = (pairs["distance_mm"] / _ROUNDING_MM).round()  # equal distances differ by rounding errors
    ordered = pairs.assign(steps=steps).sort_values(
        ["probability", "iou", "steps", "mark", "truth"], ascending=[False, False, True, True, True]
    )
    mark_free, truth_free = [True] * marks, [True] * truths
    accepted = []
    for position, (mark, truth) in enumerate(zip(ordered["mark"].tolist(), ordered["truth"].tolist(), strict=True)):
        if mark_free[mark] and truth_free[truth]:
            mark_free[mark] = truth_free[truth] = False
            accepted.append(position)
    return ordered.iloc[accepted].drop(columns="steps")


def _assign_in_turn(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each truth in its order takes the nearest free mark within the distance, else the one that overlaps it most."""
    taken: set[int] = set()
    accepted = []
    for _, own in pairs.groupby("truth"):
        free = own[~own["mark"].isin(taken)]
        near = free[free["near"]]
        if len(near):
            chosen = near.sort_values(["distance_mm", "mark"]).index[0]
        elif len(free):
            chosen = free.sort_values(["iou", "mark"], ascending=[False, True]).index[0]
        else:
            continue
        accepted.append(chosen)
        taken.add(int(pairs.loc[chosen, "mark"]))
    return pairs.loc[accepted]


def _looked_up(values: NDArray, index: NDArray[np.intp], missing: float) -> NDArray:
    """``values[index]``, and ``missing`` where the index is −1."""
    return np.append(values, missing)[index]


def _pixel_counts(predicted: Findings, truth: Findings, ignore_regions: Sequence[Region]) -> PixelCounts:
    if predicted.labels is None or truth.labels is None:
        return PixelCounts()
    counted = np.ones(truth.labels.shape, bool)
    for region in ignore_regions:
        row_min, row_max, column_min, column_max = (max(0, round(edge)) for edge in region)
        counted[row_min : row_max + 1, column_min : column_max + 1] = False
    found, true = (predicted.labels != 0) & counted, (truth.labels != 0) & counted
    return PixelCounts(int(found.sum()), int(true.sum()), int((found & true).sum()), int(counted.sum()))
