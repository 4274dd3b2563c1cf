"""The same parameter in parts of the cohort: dense breasts, distribution patterns, any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from MicrocalcAILib.statistics.clustered import auc_covariance
from MicrocalcAILib.statistics.diagnostic import DiagnosticTable, diagnostic_table
from MicrocalcAILib.statistics.estimate import Estimate

from .columns import Variable
from .diagnostics import YOUDEN, Performance, area_under_curve
from .lesions import Cohort

SMALLEST_GROUP = 5


@dataclass(frozen=True)
class Stratum:
    """One part of the cohort.

    Parameters
    ----------
    name : str
        Category, or range of a number.
    malignant_count, benign_count : int
    auc : Estimate
        nan with fewer than five lesions in a group.
    table : DiagnosticTable
        At the cut-off chosen on the whole cohort.
    """

    name: str
    malignant_count: int
    benign_count: int
    auc: Estimate
    table: DiagnosticTable


@dataclass(frozen=True)
class Stratification:
    """One parameter in the strata of one variable.

    Parameters
    ----------
    parameter, by : Variable
    cutoff : float
        Youden's optimum of the whole cohort.
    strata : tuple of Stratum
    heterogeneity_p : float
        Chi-square test that all strata share one AUC (inverse-variance weights); nan with fewer than two AUCs.
    """

    parameter: Variable
    by: Variable
    cutoff: float
    strata: tuple[Stratum, ...]
    heterogeneity_p: float


def stratify(cohort: Cohort, performance: Performance, by: Variable, seed: int = 0) -> Stratification:
    """AUC, sensitivity and specificity of a parameter in each category of ``by`` (a number is split at its median)."""
    sign = 1.0 if performance.is_high_suspicious else -1.0
    cutoff = performance.cutoff(YOUDEN).value
    score = sign * cohort.values[performance.variable.name].to_numpy(dtype=float)
    groups = _groups(cohort.values[by.name])
    strata, areas = [], []
    for name in groups.cat.categories:
        member = (groups == name).to_numpy() & np.isfinite(score)
        malignant = cohort.malignant[member]
        if not member.any():
            continue
        counts = int(malignant.sum()), int((~malignant).sum())
        estimate = Estimate(np.nan, np.nan, np.nan)
        if min(counts) >= SMALLEST_GROUP:
            estimate = area_under_curve(malignant, score[member], cohort.patients[member], seed)
            value, variance = auc_covariance(malignant, [score[member]])
            areas.append((float(value[0]), float(variance[0, 0])))
        strata.append(Stratum(str(name), *counts, estimate, diagnostic_table(malignant, score[member], sign * cutoff)))
    return Stratification(performance.variable, by, cutoff, tuple(strata), _heterogeneity(areas))


def default_strata(cohort: Cohort) -> tuple[Variable, ...]:
    """Categories that describe patient or lesion; dense breasts instead of the four densities."""
    has_dense = any(variable.key == "dense" for variable in cohort.variables)
    return tuple(
        variable
        for variable in cohort.variables
        if variable.kind == "category"
        and not variable.describes_outcome
        and not (variable.key == "density" and has_dense)
    )


def _groups(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    median = float(column.median())
    high = (column > median).where(column.notna())
    return pd.Series(
        pd.Categorical(
            high.map({False: f"up to {median:g}", True: f"above {median:g}"}),
            categories=[f"up to {median:g}", f"above {median:g}"],
        ),
        index=column.index,
    )


def _heterogeneity(areas: Sequence[tuple[float, float]]) -> float:
    usable = np.array([pair for pair in areas if pair[1] > 0])
    if len(usable) < 2:
        return float("nan")
    weights = 1 / usable[:, 1]
    pooled = float(weights @ usable[:, 0] / weights.sum())
    return float(stats.chi2.sf(float(weights @ (usable[:, 0] - pooled) ** 2), len(usable) - 1))
