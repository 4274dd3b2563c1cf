"""The same parameter in parts of the cohort: dense breasts, distribution patterns, any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from MicrocalcAILib.statistics.clustered import separate_auc_covariance
from MicrocalcAILib.statistics.diagnostic import DiagnosticTable, diagnostic_table
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.roc import auc

from .columns import Variable
from .diagnostics import YOUDEN, Performance
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


def stratify(cohort: Cohort, performance: Performance, by: Variable) -> Stratification:
    """AUC, sensitivity and specificity of a parameter in each category of ``by`` (a number is split at its median)."""
    sign = 1.0 if performance.is_high_suspicious else -1.0
    cutoff = performance.cutoff(YOUDEN).value
    score = sign * cohort.values[performance.variable.name].to_numpy(dtype=float)
    groups = _groups(cohort.values[by.name])
    strata, parts = [], []
    for name in groups.cat.categories:
        member = (groups == name).to_numpy() & np.isfinite(score)
        malignant, patients = cohort.malignant[member], cohort.patients[member]
        if not member.any():
            continue
        counts = int(malignant.sum()), int((~malignant).sum())
        estimate = Estimate(np.nan, np.nan, np.nan)
        groups_of_patients = (len(np.unique(patients[group])) for group in (malignant, ~malignant))
        if min(counts) >= SMALLEST_GROUP and min(groups_of_patients) > 1:
            estimate = auc(malignant, score[member], patients=patients)
            parts.append((malignant, score[member], patients))
        table = diagnostic_table(malignant, score[member], sign * cutoff, patients=patients)
        strata.append(Stratum(str(name), *counts, estimate, table))
    return Stratification(performance.variable, by, cutoff, tuple(strata), _heterogeneity(parts))


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


def _heterogeneity(parts: Sequence[tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.str_]]]) -> float:
    """Wald's test of equal areas; patients with lesions in several strata are allowed for."""
    if len(parts) < 2:
        return float("nan")
    areas, covariance = separate_auc_covariance(parts)
    usable = np.diag(covariance) > 0
    if usable.sum() < 2:
        return float("nan")
    areas, weights = areas[usable], np.linalg.pinv(covariance[np.ix_(usable, usable)])
    deviations = areas - float(weights.sum(axis=0) @ areas / weights.sum())
    return float(stats.chi2.sf(float(deviations @ weights @ deviations), len(areas) - 1))
