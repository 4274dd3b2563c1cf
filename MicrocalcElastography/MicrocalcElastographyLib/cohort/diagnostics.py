"""How well a parameter tells malignant from benign: ROC curve, cut-offs, and how optimistic the numbers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.statistics.diagnostic import DiagnosticTable, diagnostic_table
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.resampling import percentile_interval, resampled_counts
from MicrocalcAILib.statistics.roc import RocCurve, auc, point_at_sensitivity, roc_curve, youden_point

from .columns import Variable
from .lesions import Cohort
from .reference_cutoffs import reference_cutoffs_for

Array = NDArray[np.float64]
YOUDEN = "Youden optimum"
RULE_OUT = "sensitivity of at least 95 %"
GIVEN = "given"
RULE_OUT_SENSITIVITY = 0.95
SMALLEST_GROUP = 5
BOOTSTRAP_SAMPLES = 1000  # of an AUC over patients


@dataclass(frozen=True)
class Cutoff:
    """A cut-off and what it gives.

    Parameters
    ----------
    rule : str
        ``YOUDEN``, ``RULE_OUT``, ``GIVEN``, or the name of a published reference.
    value : float
        In the parameter's unit; suspicious from here on (or down to here when low values are suspicious).
    interval : (float, float)
        95 % bootstrap interval of a cut-off chosen on these lesions; nan for one that was fixed beforehand.
    table : DiagnosticTable
        Counts on these lesions.
    corrected : dict
        ``sensitivity``, ``specificity``, ``accuracy`` after subtracting the bootstrap optimism; empty for a cut-off
        that was fixed beforehand.
    source : str
        Statistic, population and source of a published cut-off.
    """

    rule: str
    value: float
    interval: tuple[float, float]
    table: DiagnosticTable
    corrected: Mapping[str, float]
    source: str = ""

    @property
    def is_chosen_here(self) -> bool:
        """True when the cut-off was chosen on the lesions it is tested on, so that its figures are optimistic."""
        return bool(self.corrected)


@dataclass(frozen=True)
class Performance:
    """One parameter as a test for malignancy.

    Parameters
    ----------
    variable : Variable
    is_high_suspicious : bool
        False when low values go with malignancy; then the curve was made with the sign reversed.
    malignant_count, benign_count : int
        Lesions with this parameter.
    auc : Estimate
        DeLong's interval, or a bootstrap over patients when patients have several lesions.
    curve : RocCurve
        Thresholds in the parameter's unit.
    cutoffs : tuple of Cutoff
    """

    variable: Variable
    is_high_suspicious: bool
    malignant_count: int
    benign_count: int
    auc: Estimate
    curve: RocCurve
    cutoffs: tuple[Cutoff, ...]

    def cutoff(self, rule: str) -> Cutoff:
        """The cut-off made by this rule."""
        return next(cutoff for cutoff in self.cutoffs if cutoff.rule == rule)


def area_under_curve(malignant: NDArray[np.bool_], score: Array, patients: NDArray[np.str_], seed: int) -> Estimate:
    """AUC with DeLong's interval; a percentile bootstrap over patients when patients have several lesions."""
    delong = auc(malignant, score)
    names, patient = np.unique(patients, return_inverse=True)
    if len(names) == len(patients):
        return delong
    drawn = resampled_counts(len(names), BOOTSTRAP_SAMPLES, seed)[:, patient]
    found, false = _at_or_above(drawn, malignant, score), _at_or_above(drawn, ~malignant, score)
    end = np.zeros((BOOTSTRAP_SAMPLES, 1))
    found, false = np.hstack([found, end]), np.hstack([false, end])
    areas = ((found[:, :-1] + found[:, 1:]) / 2 * (false[:, :-1] - false[:, 1:])).sum(axis=1)
    low, high = percentile_interval(areas[:, np.newaxis], delong.confidence)
    return Estimate(delong.value, float(low[0]), float(high[0]), delong.confidence, "bootstrap over patients")


def parameter_performance(
    cohort: Cohort,
    variable: Variable,
    *,
    given_cutoffs: Sequence[float] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> Performance | None:
    """ROC curve and cut-offs of one parameter; None when a group has fewer than five lesions with it, or all are equal.

    Cut-offs: Youden's optimum and the highest cut-off with a sensitivity of 95 % (both chosen here, so with bootstrap
    interval and optimism), the published references of the quantity, and ``given_cutoffs``.

    Parameters
    ----------
    given_cutoffs : sequence of float
        In the parameter's unit, fixed before looking at these lesions.
    resamples, seed : int
        Of the bootstrap over patients.
    """
    values = cohort.values[variable.name].to_numpy(dtype=float)
    known = np.isfinite(values)
    values, malignant, patients = values[known], cohort.malignant[known], cohort.patients[known]
    if min(malignant.sum(), (~malignant).sum()) < SMALLEST_GROUP or np.ptp(values) == 0:
        return None
    sign = 1.0 if auc(malignant, values).value >= 0.5 else -1.0
    score = sign * values
    curve = roc_curve(malignant, score)
    chosen = chosen_cutoffs(malignant, score, patients, resamples=resamples, seed=seed)
    cutoffs = [
        Cutoff(
            rule,
            sign * threshold,
            tuple(sorted((sign * low, sign * high))),  # type: ignore[arg-type]
            diagnostic_table(malignant, score, threshold),
            corrected,
        )
        for rule, (threshold, (low, high), corrected) in chosen.items()
    ]
    fixed = [(GIVEN, value, "") for value in given_cutoffs]
    fixed += [
        (published.name, published.value, published.description) for published in reference_cutoffs_for(variable.key)
    ]
    cutoffs += [
        Cutoff(rule, value, (np.nan, np.nan), diagnostic_table(malignant, score, sign * value), {}, source)
        for rule, value, source in fixed
    ]
    return Performance(
        variable=variable,
        is_high_suspicious=sign > 0,
        malignant_count=int(malignant.sum()),
        benign_count=int((~malignant).sum()),
        auc=area_under_curve(malignant, score, patients, seed),
        curve=RocCurve(sign * curve.thresholds, curve.sensitivity, curve.specificity),
        cutoffs=tuple(cutoffs),
    )


def chosen_cutoffs(
    malignant: NDArray[np.bool_], score: Array, patients: NDArray[np.str_], *, resamples: int, seed: int
) -> dict[str, tuple[float, tuple[float, float], dict[str, float]]]:
    """Cut-offs chosen on these lesions: threshold, its bootstrap interval, and performance less optimism.

    The cut-off is chosen again in every bootstrap sample of patients; the optimism is how much better it does there
    than on all lesions (Harrell 1996; for cut-offs Leeflang 2008).
    """
    curve = roc_curve(malignant, score)
    apparent = {
        YOUDEN: youden_point(curve).threshold,
        RULE_OUT: point_at_sensitivity(curve, RULE_OUT_SENSITIVITY).threshold,
    }
    thresholds = np.unique(score)
    _, patient = np.unique(patients, return_inverse=True)
    drawn = resampled_counts(int(patient.max()) + 1, resamples, seed)[:, patient]
    sensitivity, specificity = _at_or_above(drawn, malignant, score), 1 - _at_or_above(drawn, ~malignant, score)
    original = {
        "sensitivity": np.array([(score[malignant] >= threshold).mean() for threshold in thresholds]),
        "specificity": np.array([(score[~malignant] < threshold).mean() for threshold in thresholds]),
    }
    share = malignant.mean()
    picks = {
        YOUDEN: _last_maximum(np.round(sensitivity + specificity, 12)),
        RULE_OUT: _last_maximum((sensitivity >= RULE_OUT_SENSITIVITY - 1e-12).astype(float)),
    }
    usable = np.isfinite(sensitivity).all(axis=1) & np.isfinite(specificity).all(axis=1)
    found = {}
    for rule, pick in picks.items():
        samples = np.arange(resamples)[usable]
        pick = pick[usable]
        gain = {
            "sensitivity": (sensitivity[samples, pick] - original["sensitivity"][pick]).mean(),
            "specificity": (specificity[samples, pick] - original["specificity"][pick]).mean(),
        }
        table = diagnostic_table(malignant, score, apparent[rule])
        corrected = {
            "sensitivity": float(np.clip(table.sensitivity.value - gain["sensitivity"], 0, 1)),
            "specificity": float(np.clip(table.specificity.value - gain["specificity"], 0, 1)),
        }
        corrected["accuracy"] = float(share * corrected["sensitivity"] + (1 - share) * corrected["specificity"])
        low, high = percentile_interval(thresholds[pick][:, np.newaxis], 0.95)
        found[rule] = (apparent[rule], (float(low[0]), float(high[0])), corrected)
    return found


def _at_or_above(drawn: NDArray[np.int64], group: NDArray[np.bool_], score: Array) -> Array:
    """Share of the drawn lesions of a group at or above each score that occurs, shape (resamples, scores).

    ``drawn`` : how often each lesion was drawn, shape (resamples, lesions). NaN when none of the group was.
    """
    order = np.argsort(score[group], kind="stable")
    below = np.zeros((len(drawn), len(order) + 1))
    np.cumsum(drawn[:, group][:, order], axis=1, out=below[:, 1:])
    total = below[:, -1:]
    above = total - below[:, np.searchsorted(score[group][order], np.unique(score), side="left")]
    return np.divide(above, total, out=np.full_like(above, np.nan), where=total > 0)


def _last_maximum(values: Array) -> NDArray[np.intp]:
    """Position of the last (so highest) threshold with the largest value, per row."""
    filled = np.nan_to_num(values, nan=-np.inf)
    return filled.shape[1] - 1 - np.argmax(filled[:, ::-1], axis=1)
