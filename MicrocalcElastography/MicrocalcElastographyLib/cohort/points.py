"""A regression as a points table (nomogram): points per value, probability per sum of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from MicrocalcAILib.base.errors import ParameterError

from .regression import Regression

Array = NDArray[np.float64]
LARGEST_POINTS = 100.0
PROBABILITIES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class PointsScale:
    """One variable of the table: the points of its values."""

    title: str
    values: tuple[str, ...]
    points: tuple[float, ...]


@dataclass(frozen=True)
class PointsTable:
    """Add the points of every variable, read the probability.

    Parameters
    ----------
    scales : tuple of PointsScale
        The variable with the widest effect spans 0 to 100 points.
    totals : DataFrame
        ``points``, ``probability``, in the range that can occur.
    prevalence : float
        Share of malignant lesions the probabilities are for.
    """

    scales: tuple[PointsScale, ...]
    totals: pd.DataFrame
    prevalence: float

    def rows(self) -> pd.DataFrame:
        """One row per variable and value: ``variable``, ``value``, ``points``."""
        return pd.DataFrame(
            [
                {"variable": scale.title, "value": value, "points": points}
                for scale in self.scales
                for value, points in zip(scale.values, scale.points, strict=True)
            ]
        )


def points_table(regression: Regression, prevalence: float | None = None) -> PointsTable:
    """Points of a fitted model.

    Parameters
    ----------
    prevalence : float, optional
        Share of malignant lesions where the table will be used; the intercept is moved there (prior correction of
        King & Zeng 2001). Without it the probabilities hold for the mix of this cohort.

    Raises
    ------
    ParameterError
        When the prevalence is not between 0 and 1.
    """
    mix = float(regression.malignant.mean())
    if prevalence is not None and not 0 < prevalence < 1:
        raise ParameterError("The prevalence must lie between 0 and 1.")
    intercept = regression.fit.intercept + (0.0 if prevalence is None else float(logit(prevalence) - logit(mix)))
    effects = []  # title, shown values, log odds of each
    for variable in regression.variables:
        chosen = [
            (coefficient, result.term)
            for coefficient, result in zip(regression.fit.coefficients, regression.terms, strict=True)
            if result.term.variable == variable
        ]
        if variable.kind == "category":
            values = (chosen[0][1].reference, *(term.category for _, term in chosen))
            effects.append((variable.title, values, np.array([0.0, *(coefficient for coefficient, _ in chosen)])))
        else:
            ticks = _ticks(regression.design[variable.name].to_numpy())
            effects.append((variable.title, tuple(f"{tick:g}" for tick in ticks), chosen[0][0] * ticks))
    widest = max(float(np.ptp(log_odds)) for _, _, log_odds in effects)
    per_point = widest / LARGEST_POINTS
    scales = tuple(
        PointsScale(title, values, tuple(float(point) for point in (log_odds - log_odds.min()) / per_point))
        for title, values, log_odds in effects
    )
    base = intercept + sum(float(log_odds.min()) for _, _, log_odds in effects)
    highest = sum(max(scale.points) for scale in scales)
    totals = (logit(np.array(PROBABILITIES)) - base) / per_point
    possible = (totals >= 0) & (totals <= highest)
    if not possible.any():
        totals, possible = np.array([0.0, highest]), np.array([True, True])
    table = pd.DataFrame({"points": totals[possible], "probability": expit(base + per_point * totals[possible])})
    return PointsTable(scales, table, mix if prevalence is None else prevalence)


def _ticks(values: Array) -> Array:
    """About six round numbers that span the values, not more than half a step beyond them."""
    from matplotlib.ticker import MaxNLocator

    low, high = float(values.min()), float(values.max())
    ticks = np.asarray(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high), dtype=float)
    half = (ticks[1] - ticks[0]) / 2
    return ticks[(ticks >= low - half) & (ticks <= high + half)]
