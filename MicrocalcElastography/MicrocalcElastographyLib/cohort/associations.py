"""Correlations of the measurements, over all lesions and inside each group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from MicrocalcAILib.statistics.clustered import is_clustered
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.resampling import jackknife_errors

from .columns import Variable
from .lesions import Cohort

SMALLEST_COUNT = 5


@dataclass(frozen=True)
class Correlation:
    """Two measurements.

    Parameters
    ----------
    first, second : Variable
    count : int
    spearman, pearson : Estimate
        Over all lesions. When both measurements differ between the groups, most of it is the distance of the groups.
    p_value : float
        Of Spearman's correlation.
    spearman_malignant, spearman_benign : Estimate
        Inside the groups: what the measurements share beyond telling the groups apart.
    """

    first: Variable
    second: Variable
    count: int
    spearman: Estimate
    pearson: Estimate
    p_value: float
    spearman_malignant: Estimate
    spearman_benign: Estimate


def correlate(cohort: Cohort) -> tuple[Correlation, ...]:
    """Every pair of numbers of which at least one is a tested parameter."""
    numbers = [variable for variable in cohort.variables if variable.kind != "category"]
    found = []
    for first, second in combinations(numbers, 2):
        if not (first.is_parameter or second.is_parameter):
            continue
        pair = cohort.values[[first.name, second.name]].to_numpy(dtype=float)
        known = np.isfinite(pair).all(axis=1)
        pair, malignant = pair[known], cohort.malignant[known]
        if len(pair) < SMALLEST_COUNT or (np.ptp(pair, axis=0) == 0).any():
            continue
        patients = cohort.patients[known]
        if is_clustered(patients):
            found.append(_between_patients(first, second, pair, malignant, patients))
            continue
        pearson = stats.pearsonr(pair[:, 0], pair[:, 1])
        interval = pearson.confidence_interval(0.95)
        found.append(
            Correlation(
                first,
                second,
                len(pair),
                spearman(pair),
                Estimate(float(pearson.statistic), float(interval.low), float(interval.high), method="Fisher z"),
                float(stats.spearmanr(pair[:, 0], pair[:, 1]).pvalue),
                spearman(pair[malignant]),
                spearman(pair[~malignant]),
            )
        )
    return tuple(found)


def _between_patients(
    first: Variable,
    second: Variable,
    pair: NDArray[np.float64],
    malignant: NDArray[np.bool_],
    patients: NDArray[np.str_],
) -> Correlation:
    """Intervals by Fisher's z with errors between patients (jackknife), and Student's t with patients − 1."""
    parts = np.ones_like(malignant), malignant, ~malignant

    def measures(rows: NDArray[np.intp]) -> list[float]:
        z = [float(stats.pearsonr(*pair[rows].T).statistic)]
        for part in parts:
            inside = pair[rows][part[rows]]
            z.append(spearman(inside).value)
        return list(np.arctanh(np.clip(z, -1 + 1e-12, 1 - 1e-12)))

    values, errors = jackknife_errors(measures, patients)
    freedom = len(np.unique(patients)) - 1
    half = float(stats.t.ppf(0.975, freedom)) * errors
    pearson, everyone, inside_malignant, inside_benign = (
        Estimate(float(np.tanh(z)), float(np.tanh(z - reach)), float(np.tanh(z + reach)), method="jackknife by patient")
        for z, reach in zip(values, half, strict=True)
    )
    p_value = 2 * float(stats.t.sf(abs(values[1]) / errors[1], freedom)) if errors[1] > 0 else float("nan")
    return Correlation(first, second, len(pair), everyone, pearson, p_value, inside_malignant, inside_benign)


def spearman(pair: NDArray[np.float64]) -> Estimate:
    """Spearman's correlation of two columns with the interval of Bonett & Wright (Psychometrika 2000;65:23).

    Fisher's z with standard error √((1 + r²/2)/(n − 3)); nan with fewer than five rows or a constant column.
    """
    if len(pair) < SMALLEST_COUNT or (np.ptp(pair, axis=0) == 0).any():
        return Estimate(np.nan, np.nan, np.nan, method="Bonett–Wright")
    value = float(stats.spearmanr(pair[:, 0], pair[:, 1]).statistic)
    if abs(value) >= 1 - 1e-12:
        return Estimate(value, value, value, method="Bonett–Wright")
    half = stats.norm.ppf(0.975) * np.sqrt((1 + value**2 / 2) / (len(pair) - 3))
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), method="Bonett–Wright")
