"""Lesions whose measurement is in doubt, and what each parameter does without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.statistics.diagnostic import DiagnosticTable, diagnostic_table
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.roc import auc

from .censoring import auc_limits
from .columns import Variable
from .diagnostics import SMALLEST_GROUP, YOUDEN, Performance
from .lesions import Cohort

LARGEST_VOID_PERCENT = 10.0  # as the protocol of a measurement
LARGEST_SATURATED_PERCENT = 5.0
SATURATED = "at an end of the scale"
VOID = "without a value in places or throughout (void)"
OUTSIDE = "box reaches out of the lesion"


@dataclass(frozen=True)
class Doubt:
    """Lesions in doubt for one reason.

    Parameters
    ----------
    reason : str
        ``SATURATED``, ``VOID`` or ``OUTSIDE``.
    lesions : bool array, shape (lesions of the cohort,)
    malignant_count, benign_count : int
    """

    reason: str
    lesions: NDArray[np.bool_]
    malignant_count: int
    benign_count: int


@dataclass(frozen=True)
class WithoutDoubt:
    """One parameter without the lesions of a doubt.

    Parameters
    ----------
    parameter : Variable
    reason : str
    malignant_count, benign_count : int
        Lesions left.
    auc : Estimate
    table : DiagnosticTable
        At Youden's optimum of the whole cohort.
    limits : (float, float) or None
        Smallest and largest area of all lesions, whatever the values beyond the scale are; None for other doubts.
    undecided : int
        Lesions whose limit lies on the unsuspicious side of that cut-off, so that their verdict is not known.
    """

    parameter: Variable
    reason: str
    malignant_count: int
    benign_count: int
    auc: Estimate
    table: DiagnosticTable
    limits: tuple[float, float] | None
    undecided: int


@dataclass(frozen=True)
class Quality:
    """All doubts of a cohort, and every parameter without them."""

    doubts: tuple[Doubt, ...]
    effects: tuple[WithoutDoubt, ...]


def assess_quality(cohort: Cohort, performances: Sequence[Performance]) -> Quality | None:
    """Doubts about saturation, void and place of the box; None when the table says nothing of them or all is well."""
    doubts = tuple(
        Doubt(reason, lesions, int(cohort.malignant[lesions].sum()), int((~cohort.malignant[lesions]).sum()))
        for reason, lesions in _doubtful(cohort).items()
        if lesions.any()
    )
    effects = tuple(
        found
        for performance in performances
        if performance.variable.key.startswith(("elasticity", "velocity", "stiffness_ratio"))
        or performance.variable.name in cohort.censored.columns
        for doubt in doubts
        if (found := _without(cohort, performance, doubt)) is not None
    )
    return Quality(doubts, effects) if doubts else None


def _doubtful(cohort: Cohort) -> dict[str, NDArray[np.bool_]]:
    shares = {variable.key: cohort.values[variable.name].to_numpy(dtype=float) for variable in cohort.variables
              if variable.key in ("void", "saturated", "inside")}  # fmt: skip
    unknown = np.full(len(cohort.malignant), np.nan)
    censored = (cohort.censored != 0).any(axis=1).to_numpy()
    return {
        SATURATED: censored | (shares.get("saturated", unknown) > LARGEST_SATURATED_PERCENT),
        VOID: shares.get("void", unknown) > LARGEST_VOID_PERCENT,
        OUTSIDE: shares.get("inside", unknown) < 100.0,
    }


def _without(cohort: Cohort, performance: Performance, doubt: Doubt) -> WithoutDoubt | None:
    """None when the doubt takes no lesion that has the parameter, or leaves too few."""
    name = performance.variable.name
    sign = 1.0 if performance.is_high_suspicious else -1.0
    values = cohort.values[name].to_numpy(dtype=float)
    known = np.isfinite(values)
    kept = known & ~doubt.lesions
    malignant, patients = cohort.malignant[kept], cohort.patients[kept]
    groups = malignant, ~malignant
    if kept.sum() == known.sum() or min(int(group.sum()) for group in groups) < SMALLEST_GROUP:
        return None
    if min(len(np.unique(patients[group])) for group in groups) < 2:
        return None
    cutoff = performance.cutoff(YOUDEN).value
    limits, undecided = None, 0
    if doubt.reason == SATURATED and name in cohort.censored.columns:
        sides = cohort.censored[name].to_numpy(dtype=int)
        limits = auc_limits(cohort.malignant[known], values[known], sides[known], performance.is_high_suspicious)
        suspicious = sign * values >= sign * cutoff
        undecided = int((known & ((sign * sides > 0) & ~suspicious | (sign * sides < 0) & suspicious)).sum())
    return WithoutDoubt(
        parameter=performance.variable,
        reason=doubt.reason,
        malignant_count=int(malignant.sum()),
        benign_count=int((~malignant).sum()),
        auc=auc(malignant, sign * values[kept], patients=patients),
        table=diagnostic_table(malignant, sign * values[kept], sign * cutoff, patients=patients),
        limits=limits,
        undecided=undecided,
    )
