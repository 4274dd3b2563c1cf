"""What selectors learn from and are judged by: the measured candidates of an image, and thresholds for rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.parameters import CandidateParameters
from ..networks.regressor import REGRESSED, Look, SpeckRegressor
from ..pipeline import measure_candidates
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion, find_breast
from ..segmentation.candidates import Candidates, find_candidates


@dataclass(frozen=True)
class MeasuredCandidates:
    """The candidates of an image with what is known of each.

    Parameters
    ----------
    breast : BreastRegion
    candidates : Candidates
    values : DataFrame
        Measurements and, with a regressor, what the networks see there; one row for each candidate.
    look : Look or None
        What the regressor saw; without one, or without candidates, None.
    """

    breast: BreastRegion
    candidates: Candidates
    values: pd.DataFrame
    look: Look | None = None


def measured(
    mammogram: Mammogram, parameters: CandidateParameters | None = None, regressor: SpeckRegressor | None = None
) -> MeasuredCandidates:
    """Find and measure the candidates of an image as the analysis does.

    Parameters
    ----------
    mammogram : Mammogram
    parameters : CandidateParameters, optional
    regressor : SpeckRegressor, optional
        Looks at the candidates, too.
    """
    breast = find_breast(mammogram)
    candidates = find_candidates(mammogram.pixels, breast.mask, mammogram.spacing_mm, parameters)
    values = measure_candidates(mammogram, breast, candidates)
    if regressor is None:
        return MeasuredCandidates(breast, candidates, values)
    if not len(candidates):
        return MeasuredCandidates(breast, candidates, values.assign(**dict.fromkeys(REGRESSED, 0.0)))
    look, _ = regressor.look(mammogram, breast.mask)
    together = pd.concat((values, look.at(candidates).set_index(values.index)), axis=1)
    return MeasuredCandidates(breast, candidates, together, look)


def thresholds_at(
    false: NDArray[np.float64], area_cm2: float, rates_per_cm2: Sequence[float], fewest: int = 0
) -> list[tuple[float, float]]:
    """The probability above which each rate of false marks is reached.

    Parameters
    ----------
    false : float array
        Probabilities of all false marks.
    area_cm2 : float
        Of the breasts they were counted in.
    rates_per_cm2 : sequence of float
    fewest : int
        False marks that a rate has to stand for; rates of fewer are left out, and those of more than there are.

    Returns
    -------
    list of (rate, threshold)
    """
    falling = np.sort(false)[::-1]
    counts = [(rate, round(rate * area_cm2)) for rate in rates_per_cm2]
    return [(rate, float(falling[count])) for rate, count in counts if fewest <= count < len(falling)]
