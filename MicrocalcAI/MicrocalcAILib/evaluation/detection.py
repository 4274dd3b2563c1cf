"""How well lesion boxes find and classify lesions: free response per lesion, and tables per lesion, breast and exam.

Every true lesion counts, found or not, and every box that hits none is a false one. A box hits a lesion when their
intersection over union reaches 0.3, or, by the second and looser rule, when its center lies in the lesion's box.
Several boxes may hit the same lesion: it counts once, at the highest score, and none of them is false (free-response
convention).

The code of the published Faster R-CNN (Fundamental Research 2023, doi 10.1016/j.fmre.2023.04.018) is kinder: any
overlap is a hit, and lesions that no box touches do not count at all. The rule ``faster-rcnn`` shows what it would
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..networks.lesion_boxes import breast_scores, exam_scores
from ..statistics.diagnostic import diagnostic_table
from ..statistics.estimate import Estimate
from ..statistics.resampling import bootstrap_estimate
from ..statistics.roc import auc
from .figures_of_merit import figures_of_merit
from .free_response import FALSE_CLUSTERS_PER_IMAGE, FreeResponse, free_response_curve
from .matching import FALSE, HIT, IGNORED, MISSED, NO_ID, Matches

Criterion = Literal["iou", "center", "overlap"]
# what a box has to do by each rule; the first decides for the tables
RULES: dict[str, tuple[Criterion, ...]] = {"microcalc": ("iou", "center"), "faster-rcnn": ("overlap",)}
MINIMUM_IOU = 0.3
DECISION_THRESHOLD = 0.3  # of the malignant score; the box threshold of the published method
_PREDICTIONS = ("task", "item", "patient", "outcome", "score", "threshold")
_ITEMS = {"lesions": ["patient", "image", "id"], "breasts": ["patient", "breast"], "exams": ["patient"]}
_EDGES = ["row_min", "row_max", "column_min", "column_max"]


@dataclass(frozen=True)
class EvaluatedImage:
    """One image with its boxes and its lesions.

    Parameters
    ----------
    name, patient, breast : str
        Views of the same breast share patient and breast.
    boxes : DataFrame
        ``id``, ``score``, ``malignant_score``, ``row_min``, ``row_max``, ``column_min``, ``column_max`` (inclusive).
    lesions : DataFrame
        The same four columns, and ``malignant`` when the classes are known.
    breast_area_cm2 : float
    """

    name: str
    patient: str
    breast: str
    boxes: pd.DataFrame
    lesions: pd.DataFrame
    breast_area_cm2: float


@dataclass(frozen=True)
class DetectionEvaluation:
    """What boxes found, and what they say about lesions, breasts and exams.

    Parameters
    ----------
    free_response : dict
        A :class:`~.free_response.FreeResponse` by criterion (``iou``, ``center``; by the published rule ``overlap``).
    figures_of_merit : dict
        See :func:`~.figures_of_merit.figures_of_merit`, by criterion.
    tables : dict
        Figures by level (``lesions found``, ``lesions``, ``breasts``, ``exams``); empty when the classes are not known.
        JSON-ready.
    predictions : DataFrame
        What the tables were computed from: ``task`` (``Lesions``, ``Breasts``, ``Exams``), ``item``, ``patient``,
        ``outcome`` (1: malignant), ``score``, ``threshold``; without rows when the classes are not known.
    """

    free_response: dict[str, FreeResponse]
    figures_of_merit: dict[str, dict[str, Estimate]]
    tables: dict[str, dict[str, Any]]
    predictions: pd.DataFrame


def evaluate_boxes(
    images: Sequence[EvaluatedImage],
    *,
    rule: str = "microcalc",
    threshold: float = DECISION_THRESHOLD,
    false_per_image: Sequence[float] = FALSE_CLUSTERS_PER_IMAGE,
    resamples: int = 1000,
    seed: int = 0,
) -> DetectionEvaluation:
    """Free-response curves over all images, and the classification when the lesions' classes are known.

    The malignant score of a lesion is that of the surest box that hits it, 0 when it was missed; of a breast the
    highest of all boxes of all its views; of an exam the highest of its breasts. A breast or exam is malignant when a
    lesion of it is.

    Parameters
    ----------
    images : sequence of EvaluatedImage
        Also those without a lesion or a box.
    rule : {"microcalc", "faster-rcnn"}
    threshold : float
        Malignant score from which the decision is “malignant”.
    false_per_image : sequence of float
        Rates of false boxes to read the sensitivity at.
    resamples, seed
        Of the bootstrap over patients.

    Raises
    ------
    ParameterError
        For an unknown rule.
    """
    if rule not in RULES:
        raise ParameterError(f"“{rule}” is not a rule; choose {' or '.join(RULES)}.")
    matches = {criterion: [match_boxes(image, criterion) for image in images] for criterion in RULES[rule]}
    curves: dict[str, FreeResponse] = {
        criterion: free_response_curve(
            of_images, false_per_image=false_per_image, false_per_cm2=(), resamples=resamples, seed=seed
        )
        for criterion, of_images in matches.items()
    }
    figures: dict[str, dict[str, Estimate]] = {
        criterion: figures_of_merit(found, resamples=resamples, seed=seed) for criterion, found in matches.items()
    }
    if not all("malignant" in image.lesions for image in images):
        return DetectionEvaluation(curves, figures, {}, pd.DataFrame(columns=list(_PREDICTIONS)))
    deciding = matches[RULES[rule][0]]
    named = [match.truths.assign(patient=match.patient, image=match.image) for match in deciding]
    lesions = pd.concat(named, ignore_index=True)
    lesions = lesions[lesions["outcome"] != IGNORED]
    found = lesions[lesions["outcome"] == HIT]
    boxes = pd.concat([image.boxes.assign(patient=image.patient, breast=image.breast) for image in images])
    views = pd.DataFrame(
        [(image.patient, image.breast, bool(image.lesions["malignant"].any())) for image in images],
        columns=["patient", "breast", "malignant"],
    )
    breasts = breast_scores(boxes, views)
    breasts = breasts.merge(views.groupby(["patient", "breast"], as_index=False)["malignant"].any())
    exams = exam_scores(breasts).merge(views.groupby("patient", as_index=False)["malignant"].any())
    levels = {
        "lesions found": found.rename(columns={"malignant_score": "score"}),
        "lesions": lesions.rename(columns={"malignant_score": "score"}),
        "breasts": breasts,
        "exams": exams,
    }
    tables = {level: _figures(cases, threshold, resamples, seed) for level, cases in levels.items()}
    return DetectionEvaluation(curves, figures, tables, _predictions(levels, threshold))


def _predictions(levels: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """Rows of the tables that name every true thing."""
    parts = []
    for level, key in _ITEMS.items():
        cases = levels[level]
        item = [" / ".join(map(str, names)) for names in cases[key].itertuples(index=False)]
        part = cases[["patient", "score"]].assign(
            task=level.capitalize(), item=item, outcome=cases["malignant"].astype(int), threshold=threshold
        )
        parts.append(part[list(_PREDICTIONS)])
    return pd.concat(parts, ignore_index=True)


def match_boxes(image: EvaluatedImage, criterion: Criterion = "iou") -> Matches:
    """Which box hits which lesion of one image.

    Returns
    -------
    Matches
        ``marks`` are the boxes (``probability`` is their score), ``truths`` the lesions, with ``malignant_score`` of
        the surest box that hits them, 0 when none does.
    """
    boxes, lesions = image.boxes.reset_index(drop=True), image.lesions.reset_index(drop=True)
    scores = boxes["score"].to_numpy(float)
    # boxes by rows, lesions by columns
    hits = _hits(boxes[_EDGES].to_numpy(float), lesions[_EDGES].to_numpy(float), criterion)
    of_hits = np.where(hits, scores[:, None], -np.inf)
    surest = of_hits.argmax(axis=0) if len(boxes) else np.zeros(len(lesions), np.intp)
    hit = hits.any(axis=0)
    not_hit = IGNORED if criterion == "overlap" else MISSED

    ids = boxes["id"].to_numpy(np.int64)
    marks = pd.DataFrame({"id": ids, "probability": scores})
    marks["outcome"] = np.where(hits.any(axis=1), HIT, FALSE)
    numbers = np.arange(1, len(lesions) + 1)
    marks["truth_id"] = np.where(hits.any(axis=1), numbers[hits.argmax(axis=1)], NO_ID) if len(lesions) else NO_ID
    truths = lesions.assign(id=numbers, outcome=np.where(hit, HIT, not_hit), mark_id=NO_ID)
    truths["probability"], truths["malignant_score"] = np.nan, 0.0
    if len(boxes):
        truths["mark_id"] = np.where(hit, ids[surest], NO_ID)
        truths["probability"] = np.where(hit, scores[surest], np.nan)
        truths["malignant_score"] = np.where(hit, boxes["malignant_score"].to_numpy(float)[surest], 0.0)
    return Matches(image.name, image.breast_area_cm2, marks, truths, patient=image.patient)


def _hits(boxes: NDArray[np.float64], lesions: NDArray[np.float64], criterion: Criterion) -> NDArray[np.bool_]:
    """Whether each box hits each lesion, shape (boxes, lesions)."""
    box, lesion = boxes[:, None], lesions[None]
    if criterion == "center":
        center = (box[..., ::2] + box[..., 1::2]) / 2
        return np.all((center >= lesion[..., ::2]) & (center <= lesion[..., 1::2]), axis=-1)
    if criterion not in ("iou", "overlap"):
        raise ParameterError(f"“{criterion}” is not a criterion for a hit; choose iou, center or overlap.")
    sides = np.minimum(box[..., 1::2], lesion[..., 1::2]) - np.maximum(box[..., ::2], lesion[..., ::2]) + 1
    common = sides.clip(min=0).prod(axis=-1)
    if criterion == "overlap":
        return np.asarray(common > 0)
    areas = [(edges[..., 1::2] - edges[..., ::2] + 1).prod(axis=-1) for edges in (box, lesion)]
    return np.asarray(common >= MINIMUM_IOU * (areas[0] + areas[1] - common))


def _figures(cases: pd.DataFrame, threshold: float, resamples: int, seed: int) -> dict[str, Any]:
    """Accuracy, sensitivity, specificity at the threshold and the area under the curve of one level."""
    malignant, scores = cases["malignant"].to_numpy(bool), cases["score"].to_numpy(float)
    figures: dict[str, Any] = {"cases": len(cases), "malignant": int(malignant.sum()), "threshold": threshold}
    if len(cases):
        table = diagnostic_table(malignant, scores, threshold)
        for name in ("accuracy", "sensitivity", "specificity"):
            figures[name] = getattr(table, name).as_dict()
    if min(malignant.sum(), (~malignant).sum()) >= 2:
        patients = cases["patient"].to_numpy()
        figures["auc"] = _area(malignant, scores, patients, resamples, seed)
    return figures


def _area(
    malignant: NDArray[np.bool_], scores: NDArray[np.float64], patients: NDArray[Any], resamples: int, seed: int
) -> dict[str, Any]:
    """Area with an interval over patients, whose lesions and breasts are alike; DeLong's where cases are patients."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(patients)) in (1, len(patients)):
        return auc(malignant, scores).as_dict()

    def area(chosen: NDArray[np.intp]) -> float:
        if malignant[chosen].all() or not malignant[chosen].any():
            return float("nan")
        return float(roc_auc_score(malignant[chosen], scores[chosen]))

    return bootstrap_estimate(area, patients, resamples=resamples, seed=seed, method="percentile").as_dict()
