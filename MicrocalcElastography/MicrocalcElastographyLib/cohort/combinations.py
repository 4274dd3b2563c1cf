"""Parameters together: does a combination tell malignant from benign better than the best parameter alone?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.resampling import percentile_interval
from MicrocalcAILib.statistics.roc import AucComparison, RocCurve, auc, auc_of, compare_paired_auc, roc_curve

from .columns import Variable
from .diagnostics import Performance
from .firth import RegressionError
from .lesions import Cohort
from .logistic import LogisticFit, added_value_p, fit_logistic
from .validation import Array, Rows, cross_validated

MOST_GAIN_RESAMPLES = 200  # each fits a model


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
    gain : Estimate
        AUC of the combination − AUC of its best single parameter on the same lesions, less the optimism of fitting
        (bootstrap by patient).
    best : str
        That parameter.
    added_value_p : float
        Does the combination tell more than that parameter? “No gain in AUC” and “coefficients of 0” are the same
        hypothesis (Pepe 2013), so it is tested once, by the likelihood ratio, or Wald by patient. DeLong's test of a
        fitted combination against its own part is not valid (Demler 2012).
    """

    variables: tuple[Variable, ...]
    count: int
    apparent_auc: Estimate
    cross_validated_auc: Estimate
    curve: RocCurve
    gain: Estimate
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
        comparison = compare_paired_auc(
            malignant, signs[0] * values[known, 0], signs[1] * values[known, 1], patients=cohort.patients[known]
        )
        found.append(PairedComparison(first.variable.title, second.variable.title, int(known.sum()), comparison))
    return tuple(found)


def combine_parameters(
    cohort: Cohort, performances: Sequence[Performance], *, resamples: int = MOST_GAIN_RESAMPLES, seed: int = 0
) -> tuple[Combination, ...]:
    """The best parameter with each other one, and all together when there are three or more."""
    ranked = sorted(performances, key=lambda performance: -performance.auc.value)
    sets = [(ranked[0], other) for other in ranked[1:]] if ranked else []
    if len(ranked) > 2:
        sets.append(tuple(ranked))  # type: ignore[arg-type]
    return tuple(found for chosen in sets if (found := _combine(cohort, chosen, resamples, seed)) is not None)


def _combine(cohort: Cohort, performances: Sequence[Performance], resamples: int, seed: int) -> Combination | None:
    variables = tuple(performance.variable for performance in performances)
    design = cohort.values[[variable.name for variable in variables]].astype(float)
    complete = design.notna().all(axis=1).to_numpy()
    design, malignant, patients = design[complete], cohort.malignant[complete], cohort.patients[complete]
    sign = 1.0 if performances[0].is_high_suspicious else -1.0
    try:
        fit = fit_logistic(design, malignant, with_intervals=False)
        added = added_value_p(design, malignant, [variables[0].name], fit.method, patients)
        log_odds = cross_validated(_predictor(design, malignant), malignant, patients, seed=seed)
        best_score = sign * design.iloc[:, 0].to_numpy()
        count = min(resamples, MOST_GAIN_RESAMPLES)
        gain = corrected_gain(design, malignant, patients, best_score, resamples=count, seed=seed)
    except RegressionError:
        return None
    if log_odds is None:
        return None
    return Combination(
        variables=variables,
        count=len(design),
        apparent_auc=auc(malignant, fit.log_odds(design), patients=patients),
        cross_validated_auc=auc(malignant, log_odds, patients=patients),
        curve=roc_curve(malignant, log_odds),
        gain=gain,
        best=variables[0].label,
        added_value_p=added,
    )


def corrected_gain(
    design: pd.DataFrame,
    malignant: NDArray[np.bool_],
    patients: NDArray[np.str_],
    best_score: Array,
    *,
    resamples: int = MOST_GAIN_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """AUC of the logistic combination of all columns less that of ``best_score``, corrected for optimism.

    In every bootstrap sample of patients the combination is fitted again; its optimism is how much larger its gain is
    there than on all lesions (Harrell 1996). The interval is that of the samples' gains, moved by the mean optimism
    (Noma 2021). It holds 0 more often than 95 times in 100 when nothing is gained; the test is ``added_value_p``.

    Raises
    ------
    RegressionError
        When the combination cannot be fitted to these lesions.
    """

    def gain_of(fit: LogisticFit, rows: Rows) -> float:
        combined = fit.log_odds(design.iloc[rows])
        return auc_of(malignant[rows], combined) - auc_of(malignant[rows], best_score[rows])

    everyone = np.arange(len(design))
    apparent = gain_of(fit_logistic(design, malignant, with_intervals=False), everyone)
    members = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    random = np.random.default_rng(seed)
    gains, optimism = [], []
    for _ in range(resamples):
        rows = np.concatenate([members[index] for index in random.integers(len(members), size=len(members))])
        if malignant[rows].all() or not malignant[rows].any():
            continue
        try:
            fit = fit_logistic(design.iloc[rows], malignant[rows], with_intervals=False)
        except RegressionError:
            continue
        gains.append(gain_of(fit, rows))
        optimism.append(gains[-1] - gain_of(fit, everyone))
    method = "bootstrap by patient, optimism-corrected"
    if len(gains) < resamples / 2:
        return Estimate(np.nan, np.nan, np.nan, method=method)
    correction = float(np.mean(optimism))
    low, high = percentile_interval(np.array(gains)[:, np.newaxis] - correction, 0.95)
    return Estimate(apparent - correction, float(low[0]), float(high[0]), method=method)


def _predictor(design: pd.DataFrame, malignant: NDArray[np.bool_]):  # type: ignore[no-untyped-def]
    def predict(train: Rows, test: Rows) -> Array:
        return fit_logistic(design.iloc[train], malignant[train], with_intervals=False).log_odds(design.iloc[test])

    return predict
