"""One number for a free-response reading: wAFROC, AFROC, HrAUC and LROC, with intervals by patient.

Each is the probability that a diseased thing is rated above the highest false mark of an image without lesions (equal
ratings count half; an image or lesion without a mark is rated −∞):

* AFROC: of a lesion. Images with many lesions weigh more.
* wAFROC: of a lesion, the lesions of an image sharing the weight of one.
* HrAUC: of an image with lesions, by its highest mark, wherever that lies: the area under the inferred ROC curve.
* LROC: of an image with lesions, by its highest mark, and that mark hits a lesion.

Where every image has lesions, AFROC and wAFROC compare with the highest false marks of all images instead (AFROC1 and
wAFROC1), and HrAUC and LROC do not exist.

References
----------
Chakraborty: Observer performance methods for diagnostic imaging. CRC Press (2017), chapters 13 and 14.
Swensson: Unified measurement of observer performance in detecting and localizing target objects on images. Med Phys
23:1709 (1996).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..statistics.estimate import Estimate
from ..statistics.resampling import percentile_interval, resampled_counts
from .matching import FALSE, HIT, IGNORED, Matches, patient_units

Figure = Literal["wAFROC", "AFROC", "HrAUC", "LROC"]
FIGURES: tuple[Figure, ...] = get_args(Figure)


@dataclass(frozen=True)
class MarkedImages:
    """The ratings of a reading that figures of merit need.

    Parameters
    ----------
    false : float array, shape (images,)
        Highest false mark; −∞ without one.
    lesion_images : int array, shape (lesions,)
        Which image each lesion is in.
    lesions : float array, shape (lesions,)
        Highest mark that hits the lesion; −∞ when it was missed.
    """

    false: NDArray[np.float64]
    lesion_images: NDArray[np.intp]
    lesions: NDArray[np.float64]

    @classmethod
    def from_matches(cls, matches: Sequence[Matches]) -> MarkedImages:
        """Highest ratings of matched marks; ignored marks and truths do not count."""
        false, images, lesions = [], [], []
        for index, match in enumerate(matches):
            marks = match.marks.loc[match.marks["outcome"] == FALSE, "probability"].to_numpy(float)
            false.append(marks.max(initial=-np.inf))
            truths = match.truths[match.truths["outcome"] != IGNORED]
            hit = (truths["outcome"] == HIT).to_numpy()
            lesions.append(np.where(hit, truths["probability"].to_numpy(float), -np.inf))
            images.append(np.full(len(truths), index))
        return cls(np.array(false), np.concatenate(images).astype(np.intp), np.concatenate(lesions))


def figure_of_merit(
    images: MarkedImages, figure: Figure = "wAFROC", weights: NDArray[np.float64] | None = None
) -> float:
    """Compute one figure of merit.

    Parameters
    ----------
    images : MarkedImages
    figure : {"wAFROC", "AFROC", "HrAUC", "LROC"}
    weights : float array, shape (images,), optional
        How often each image counts (bootstrap, jackknife); once by default.

    Returns
    -------
    float
        In [0, 1]; NaN when a kind of image is missing.
    """
    count = len(images.false)
    weights = np.ones(count) if weights is None else weights
    per_image = np.bincount(images.lesion_images, minlength=count)
    diseased = per_image > 0
    negatives = ~diseased
    if figure in ("wAFROC", "AFROC"):
        if diseased.all():
            negatives = np.ones(count, bool)
        positive_weights = weights[images.lesion_images]
        if figure == "wAFROC":
            positive_weights = positive_weights / per_image[images.lesion_images]
        credit, positives = positive_weights, images.lesions
    else:
        found = np.full(count, -np.inf)
        np.maximum.at(found, images.lesion_images, images.lesions)
        positive_weights = weights[diseased]
        if figure == "HrAUC":
            positives, credit = np.maximum(found, images.false)[diseased], positive_weights
        elif figure == "LROC":
            positives = found[diseased]
            right = np.where(positives == images.false[diseased], 0.5, positives > images.false[diseased])
            credit = positive_weights * np.where(np.isneginf(positives), 0.0, right)
        else:
            raise ParameterError(f"“{figure}” is not a figure of merit; choose {', '.join(FIGURES)}.")
    whole = positive_weights.sum() * weights[negatives].sum()
    if not whole > 0:
        return math.nan
    return float(credit @ weight_below(images.false[negatives], weights[negatives], positives) / whole)


def figures_of_merit(
    matches: Sequence[Matches], *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> dict[str, Estimate]:
    """All figures of merit of matched images, with percentile intervals over bootstrap samples of the patients.

    Parameters
    ----------
    matches : sequence of Matches
        One per image, also for images without any truth or mark.
    resamples, seed, confidence
        Of the bootstrap; no interval (NaN) with fewer than two patients or where all samples agree.

    Raises
    ------
    ParameterError
        Without any image.
    """
    if not matches:
        raise ParameterError("A figure of merit needs at least one image.")
    images = MarkedImages.from_matches(matches)
    units = patient_units(matches)
    draws = np.empty((0, len(matches)))
    if units.max() > 0:
        draws = resampled_counts(int(units.max()) + 1, resamples, seed)[:, units].astype(np.float64)
    estimates: dict[str, Estimate] = {}
    for figure in FIGURES:
        samples = np.array([figure_of_merit(images, figure, weights) for weights in draws])
        low, high = percentile_interval(samples[:, None], confidence) if len(samples) else ([math.nan], [math.nan])
        value = figure_of_merit(images, figure)
        estimates[figure] = Estimate(value, float(low[0]), float(high[0]), confidence, "bootstrap over patients")
    return estimates


def weight_below(
    negatives: NDArray[np.float64], weights: NDArray[np.float64], positives: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Summed weight of the negatives rated below each positive, equal ones by half; shape (positives,)."""
    order = np.argsort(negatives, kind="stable")
    ordered, cumulative = negatives[order], np.concatenate([[0.0], np.cumsum(weights[order])])
    below = cumulative[np.searchsorted(ordered, positives, "left")]
    not_above = cumulative[np.searchsorted(ordered, positives, "right")]
    return np.asarray((below + not_above) / 2)
