"""Parameters together: does a combination tell malignant from benign better than the best parameter alone?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.roc import AucComparison, RocCurve, compare_paired_auc, roc_curve

from .columns import Variable
from .diagnostics import Performance, area_under_curve
from .lesions import Cohort
from .logistic import RegressionError, added_value_p, fit_logistic
from .validation import Array, Rows, cross_validated


@dataclass(frozen=True)
class PairedComparison:
    """Two parameters on the same lesions: DeLong's test."""

    first: str
    second: str
    count: int
    comparison: AucComparison


@dataclass(frozen=True)
class Combination:
    """A logistic combination of parameters.

    Parameters
    ----------
    variables : tuple of Variable
    count : int
        Lesions with all of them.
    apparent_auc, cross_validated_auc : Estimate
        On the lesions it was fitted to, and on lesions of patients it did not see.
    curve : RocCurve
        Of the cross-validated log odds.
    against_best : AucComparison
        Cross-validated combination − best single parameter of the combination, on the same lesions.
    best : str
        That parameter.
    added_value_p : float
        Likelihood-ratio test of what the others add to it. DeLong's test of a fitted combination against its own part
        is not valid on the lesions of the fit (Demler 2012); this one is.
    """

    variables: tuple[Variable, ...]
    count: int
    apparent_auc: Estimate
    cross_validated_auc: Estimate
    curve: RocCurve
    against_best: AucComparison
    best: str
    added_value_p: float

    @property
    def title(self) -> str:
        """Names of the parameters joined by +."""
        first, *others = (variable.label for variable in self.variables)
        return " + ".join([first, *(label[0].lower() + label[1:] for label in others)])


def compare_parameters(cohort: Cohort, performances: Sequence[Performance]) -> tuple[PairedComparison, ...]:
    """DeLong's paired test of every two parameters, on the lesions that have both."""
    found = []
    for first, second in combinations(performances, 2):
        values = cohort.values[[first.variable.name, second.variable.name]].to_numpy(dtype=float)
        known = np.isfinite(values).all(axis=1)
        signs = [1.0 if performance.is_high_suspicious else -1.0 for performance in (first, second)]
        malignant = cohort.malignant[known]
        if min(malignant.sum(), (~malignant).sum()) < 2:
            continue
        comparison = compare_paired_auc(malignant, signs[0] * values[known, 0], signs[1] * values[known, 1])
        found.append(PairedComparison(first.variable.title, second.variable.title, int(known.sum()), comparison))
    return tuple(found)


def combine_parameters(cohort: Cohort, performances: Sequence[Performance], seed: int = 0) -> tuple[Combination, ...]:
    """The best parameter with each other one, and all together when there are three or more."""
    ranked = sorted(performances, key=lambda performance: -performance.auc.value)
    sets = [(ranked[0], other) for other in ranked[1:]] if ranked else []
    if len(ranked) > 2:
        sets.append(tuple(ranked))  # type: ignore[arg-type]
    return tuple(found for chosen in sets if (found := _combine(cohort, chosen, seed)) is not None)


def _combine(cohort: Cohort, performances: Sequence[Performance], seed: int) -> Combination | None:
    variables = tuple(performance.variable for performance in performances)
    design = cohort.values[[variable.name for variable in variables]].astype(float)
    complete = design.notna().all(axis=1).to_numpy()
    design, malignant, patients = design[complete], cohort.malignant[complete], cohort.patients[complete]
    try:
        fit = fit_logistic(design, malignant, with_intervals=False)
        added = added_value_p(design, malignant, [variables[0].name], fit.method)
        log_odds = cross_validated(_predictor(design, malignant), malignant, patients, seed=seed)
    except RegressionError:
        return None
    if log_odds is None:
        return None
    sign = 1.0 if performances[0].is_high_suspicious else -1.0
    return Combination(
        variables=variables,
        count=len(design),
        apparent_auc=area_under_curve(malignant, fit.log_odds(design), patients, seed),
        cross_validated_auc=area_under_curve(malignant, log_odds, patients, seed),
        curve=roc_curve(malignant, log_odds),
        against_best=compare_paired_auc(malignant, log_odds, sign * design.iloc[:, 0].to_numpy()),
        best=variables[0].label,
        added_value_p=added,
    )


def _predictor(design: pd.DataFrame, malignant: NDArray[np.bool_]):  # type: ignore[no-untyped-def]
    def predict(train: Rows, test: Rows) -> Array:
        return fit_logistic(design.iloc[train], malignant[train], with_intervals=False).log_odds(design.iloc[test])

    return predict
