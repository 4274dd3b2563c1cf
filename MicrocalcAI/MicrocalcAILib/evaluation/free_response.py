"""The free-response curve (FROC): share of truths hit against false marks per image and per cm² of breast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..statistics.resampling import percentile_interval, resampled_counts
from .matching import FALSE, HIT, IGNORED, Matches, patient_units

FALSE_PER_IMAGE = (0.5, 1.0, 2.0, 5.0, 10.0)
FALSE_PER_CM2 = (0.05, 0.1, 0.2, 0.4, 1.0)
FALSE_CLUSTERS_PER_IMAGE = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
ALL_MARKS = "all marks"
_BAND_POINTS = 200


@dataclass(frozen=True)
class FreeResponse:
    """A free-response curve with a band, and the operating points read from it.

    Parameters
    ----------
    curve : DataFrame
        One row per threshold that occurs among the marks, from nothing marked (``threshold`` infinite) to everything:
        ``threshold``, ``sensitivity`` (truths hit / truths of all images together; NaN without truths),
        ``false_per_image``, ``false_per_cm2`` (false marks over the number of images, over their summed breast area),
        and ``sensitivity_low``, ``sensitivity_high``: percentile interval of the sensitivity at that rate of false
        marks over bootstrap samples of the patients. It belongs to the best threshold of each rate and is NaN at the
        others, where all samples agree, and everywhere with fewer than two patients.
    operating_points : DataFrame
        One row per asked rate and one for all marks: ``per`` (``image``, ``cm2``, ``all marks``), ``false_marks`` (the
        rate asked for), ``reached``, then the columns of ``curve``; NaN where the rate is not reached.
    images, patients, truths : int
        An image whose patient nobody named counts as a patient of its own.
    breast_area_cm2 : float
        Of all images together.
    confidence : float
        Of the band and of the operating points' intervals.
    """

    curve: pd.DataFrame
    operating_points: pd.DataFrame
    images: int
    patients: int
    truths: int
    breast_area_cm2: float
    confidence: float


def free_response_curve(
    matches: Sequence[Matches],
    *,
    false_per_image: Sequence[float] = FALSE_PER_IMAGE,
    false_per_cm2: Sequence[float] = FALSE_PER_CM2,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> FreeResponse:
    """Free-response curve over all images, sweeping the probability of the marks.

    The sensitivity at a rate of false marks is the highest that some threshold reaches with no more false marks than
    that; nothing is interpolated. When all marks together give fewer false marks than asked for, the rate is not
    reached and its sensitivity is NaN. (A bootstrap sample whose curve ends before the rate contributes its end.)

    Parameters
    ----------
    matches : sequence of Matches
        One per image, also for images without any truth or mark.
    false_per_image, false_per_cm2 : sequence of float
        Rates to read the sensitivity at.
    resamples, seed, confidence
        Of the bootstrap over patients, whose images are alike.

    Raises
    ------
    ParameterError
        Without any image, or when a breast area is not positive.

    References
    ----------
    Chakraborty, Winter: Free-response methodology. Radiology 174:873 (1990).
    """
    if not matches:
        raise ParameterError("A free-response curve needs at least one image.")
    pool = _Pool(matches)
    curve = pool.curve(np.ones(pool.images))
    band_at = np.unique(np.quantile(curve.false_per_image, np.linspace(0, 1, _BAND_POINTS), method="nearest"))
    rates_per_image = np.concatenate([band_at, false_per_image])

    def readings(of: _Curve) -> NDArray[np.float64]:
        at_rates = [of.position("image", rates_per_image), of.position("cm2", np.asarray(false_per_cm2))]
        return of.sensitivity[np.concatenate([*at_rates, [-1]])]

    low = high = np.full(band_at.size + len(false_per_image) + len(false_per_cm2) + 1, np.nan)
    units = patient_units(matches)
    patients = int(units.max()) + 1
    if patients > 1:
        counts = resampled_counts(patients, resamples, seed)[:, units]
        low, high = percentile_interval(np.array([readings(pool.curve(row)) for row in counts]), confidence)

    best_of_rate = np.append(np.diff(curve.false_per_image) > 0, True)
    band = [np.interp(curve.false_per_image, band_at, ends[: band_at.size]) for ends in (low, high)]
    table = pd.DataFrame(
        {
            "threshold": pool.thresholds,
            "sensitivity": curve.sensitivity,
            "sensitivity_low": np.where(best_of_rate, band[0], np.nan),
            "sensitivity_high": np.where(best_of_rate, band[1], np.nan),
            "false_per_image": curve.false_per_image,
            "false_per_cm2": curve.false_per_cm2,
        }
    )
    asked = pd.DataFrame(
        [("image", rate) for rate in false_per_image]
        + [("cm2", rate) for rate in false_per_cm2]
        + [(ALL_MARKS, np.nan)],
        columns=["per", "false_marks"],
    )
    last = {"image": curve.false_per_image[-1], "cm2": curve.false_per_cm2[-1], ALL_MARKS: np.inf}
    asked["reached"] = [per == ALL_MARKS or last[per] >= rate for per, rate in asked.itertuples(index=False)]
    positions = np.concatenate(
        [
            curve.position("image", np.asarray(false_per_image)),
            curve.position("cm2", np.asarray(false_per_cm2)),
            [len(table) - 1],
        ]
    )
    points = table.iloc[positions].reset_index(drop=True)
    points["sensitivity_low"], points["sensitivity_high"] = low[band_at.size :], high[band_at.size :]
    points[~asked["reached"]] = np.nan
    return FreeResponse(
        curve=table,
        operating_points=pd.concat([asked, points], axis=1),
        images=pool.images,
        patients=patients,
        truths=pool.truths,
        breast_area_cm2=float(pool.breast_area_cm2.sum()),
        confidence=confidence,
    )


def sensitivity_gain(
    matches: Sequence[Matches],
    others: Sequence[Matches],
    *,
    false_per_image: Sequence[float] = FALSE_PER_IMAGE,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """How much more one method finds than another on the same images, at the same rates of false marks.

    Parameters
    ----------
    matches, others : sequences of Matches
        Of both methods, image by image in the same order.
    false_per_image, resamples, seed, confidence
        As in :func:`free_response_curve`; both methods are read on the same bootstrap samples.

    Returns
    -------
    DataFrame
        One row per rate: ``false_per_image``, ``gain`` (difference of the sensitivities), ``gain_low``, ``gain_high``.

    Raises
    ------
    ParameterError
        When the images differ.
    """
    if [match.image for match in matches] != [match.image for match in others]:
        raise ParameterError("Two methods can be compared on the same images only.")
    pools = _Pool(matches), _Pool(others)
    rates = np.asarray(false_per_image)

    def gain(weights: NDArray) -> NDArray[np.float64]:
        curves = [pool.curve(weights) for pool in pools]
        one, other = (curve.sensitivity[curve.position("image", rates)] for curve in curves)
        return np.asarray(one - other)

    units = patient_units(matches)
    counts = resampled_counts(int(units.max()) + 1, resamples, seed)[:, units]
    samples = np.array([gain(row) for row in counts])
    low, high = percentile_interval(samples, confidence)
    return pd.DataFrame(
        {"false_per_image": rates, "gain": gain(np.ones(len(matches))), "gain_low": low, "gain_high": high}
    )


@dataclass(frozen=True)
class _Curve:
    """Rates at every threshold of the pool, each of shape (thresholds,)."""

    sensitivity: NDArray[np.float64]
    false_per_image: NDArray[np.float64]
    false_per_cm2: NDArray[np.float64]

    def position(self, per: Literal["image", "cm2"], rates: NDArray[np.float64]) -> NDArray[np.intp]:
        """Index of the lowest threshold with no more false marks than each rate."""
        reached = self.false_per_image if per == "image" else self.false_per_cm2
        return np.searchsorted(reached, np.asarray(rates) * (1 + 1e-9), side="right") - 1


class _Pool:
    """Hits and false marks of all images, ordered by falling probability, to be weighted by image."""

    def __init__(self, matches: Sequence[Matches]) -> None:
        self.images = len(matches)
        self.breast_area_cm2 = np.array([match.breast_area_cm2 for match in matches], float)
        if not (self.breast_area_cm2 > 0).all():
            raise ParameterError("Every image needs a breast area above 0 cm² to count false marks per area.")
        counted = [match.truths[match.truths["outcome"] != IGNORED] for match in matches]
        self._truths_per_image = np.array([len(truths) for truths in counted])
        self.truths = int(self._truths_per_image.sum())
        hits = [truths.loc[truths["outcome"] == HIT, "probability"].to_numpy(float) for truths in counted]
        false = [match.marks.loc[match.marks["outcome"] == FALSE, "probability"].to_numpy(float) for match in matches]
        self.thresholds = np.concatenate([[np.inf], np.unique(np.concatenate([*hits, *false]))[::-1]])
        self._hit_image, self._hit_step = self._steps(hits)
        self._false_image, self._false_step = self._steps(false)

    def _steps(self, scores: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        image = np.repeat(np.arange(self.images), [score.size for score in scores])
        return image, np.searchsorted(-self.thresholds, -np.concatenate(scores))

    def curve(self, weights: NDArray) -> _Curve:
        """The curve when every image counts ``weights`` times, shape (images,)."""
        steps = self.thresholds.size
        hits = np.bincount(self._hit_step, weights[self._hit_image], steps).cumsum()
        false = np.bincount(self._false_step, weights[self._false_image], steps).cumsum()
        truths = weights @ self._truths_per_image
        sensitivity = hits / truths if truths > 0 else np.full(steps, np.nan)
        return _Curve(sensitivity, false / weights.sum(), false / (weights @ self.breast_area_cm2))
