"""How well a parameter tells malignant from benign: ROC curve, cut-offs, and how optimistic the numbers are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics.clustered import resampled_units
from MicrocalcAILib.statistics.diagnostic import DiagnosticTable, diagnostic_table
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.resampling import percentile_interval
from MicrocalcAILib.statistics.roc import RocCurve, auc, point_at_sensitivity, roc_curve, youden_point

from .columns import Variable
from .lesions import Cohort
from .numbers import as_number
from .reference_cutoffs import reference_cutoffs_for
from .wording import cutoff_text

Array = NDArray[np.float64]
YOUDEN = "Youden optimum"
RULE_OUT = "sensitivity of at least 95 %"
GIVEN = "given"
RULE_OUT_SENSITIVITY = 0.95
SMALLEST_GROUP = 5


@dataclass(frozen=True)
class Cutoff:
    """A cut-off and what it gives.

    Parameters
    ----------
    rule : str
        ``YOUDEN``, ``RULE_OUT``, ``GIVEN``, or the name of a published reference.
    value : float
        In the parameter's unit; suspicious from here on (or down to here when low values are suspicious).
    is_exclusive : bool
        True when the cut-off itself is not suspicious yet (“above 3”).
    interval : (float, float)
        95 % bootstrap interval of a cut-off chosen on these lesions; nan for one that was fixed beforehand.
    table : DiagnosticTable
        Counts on these lesions.
    corrected : dict
        ``sensitivity``, ``specificity``, ``accuracy`` after subtracting the bootstrap optimism; empty for a cut-off
        that was fixed beforehand.
    source : str
        Statistic, population and source of a published cut-off.
    is_prespecified : bool
        True when it was given before these lesions were looked at.
    """

    rule: str
    value: float
    interval: tuple[float, float]
    table: DiagnosticTable
    corrected: Mapping[str, float]
    source: str = ""
    is_exclusive: bool = False
    is_prespecified: bool = False

    def words(self, performance_is_high: bool, unit: str) -> str:
        """``62 kPa or more``, ``above 3``, ``1.2 or less``, ``below 5 %``."""
        text = cutoff_text(self.value, unit)
        if self.is_exclusive:
            return f"{'above' if performance_is_high else 'below'} {text}"
        return f"{text} or {'more' if performance_is_high else 'less'}"

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
    is_direction_fixed : bool
        False when no one knew the direction of this quantity beforehand and it was taken from these lesions, which
        makes the area at least 0.5.
    malignant_count, benign_count : int
        Lesions with this parameter.
    auc : Estimate
        Logit interval of DeLong's variance, or of Obuchowski's when patients have several lesions.
    curve : RocCurve
        Thresholds in the parameter's unit.
    cutoffs : tuple of Cutoff
    """

    variable: Variable
    is_high_suspicious: bool
    is_direction_fixed: bool
    malignant_count: int
    benign_count: int
    auc: Estimate
    curve: RocCurve
    cutoffs: tuple[Cutoff, ...]

    def cutoff(self, rule: str) -> Cutoff:
        """The cut-off made by this rule."""
        return next(cutoff for cutoff in self.cutoffs if cutoff.rule == rule)


@dataclass(frozen=True)
class GivenCutoff:
    """A cut-off given by the user, in the parameter's unit; see :class:`Cutoff`."""

    value: float
    is_exclusive: bool = False
    is_prespecified: bool = True


def given_cutoffs(texts: Sequence[str]) -> dict[str, tuple[GivenCutoff, ...]]:
    """Cut-offs from texts: ``elasticity=62`` and ``elasticity>=62`` (from 62 on), ``score>3`` and ``score<3`` (beyond).

    Raises
    ------
    ParameterError
        When a text is none.
    """
    found: dict[str, tuple[GivenCutoff, ...]] = {}
    for text in texts:
        parts = re.fullmatch(r"\s*(.+?)\s*(>=|<=|≥|≤|=|>|<)\s*([^<>=≥≤]+)", text)
        value = as_number(parts[3].strip()) if parts else None
        if parts is None or value is None:
            raise ParameterError(
                f"“{text}” is not a cut-off; write COLUMN=VALUE, such as elasticity=62, or COLUMN>VALUE."
            )
        found[parts[1]] = (*found.get(parts[1], ()), GivenCutoff(value, is_exclusive=parts[2] in "<>"))
    return found


def parameter_performance(
    cohort: Cohort,
    variable: Variable,
    *,
    cutoffs_given: Sequence[GivenCutoff] = (),
    is_high_suspicious: bool | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Performance | None:
    """ROC curve and cut-offs of one parameter; None when a group has fewer than five lesions with it, or all are equal.

    Cut-offs: Youden's optimum and the highest cut-off with a sensitivity of 95 % (both chosen here, so with bootstrap
    interval and optimism), the published references of the quantity, and ``cutoffs_given``.

    Parameters
    ----------
    cutoffs_given : sequence of GivenCutoff
    is_high_suspicious : bool, optional
        Direction fixed beforehand. Without it high values of a known quantity are suspicious; only a quantity this
        field does not know takes its direction from the data.
    resamples, seed : int
        Of the bootstrap over patients.
    """
    values = cohort.values[variable.name].to_numpy(dtype=float)
    known = np.isfinite(values)
    values, malignant, patients = values[known], cohort.malignant[known], cohort.patients[known]
    groups = malignant, ~malignant
    if min(int(group.sum()) for group in groups) < SMALLEST_GROUP or np.ptp(values) == 0:
        return None
    if min(len(np.unique(patients[group])) for group in groups) < 2:
        return None
    is_fixed = is_high_suspicious is not None or bool(variable.key)
    if is_high_suspicious is None:
        is_high_suspicious = is_fixed or auc(malignant, values).value >= 0.5
    sign = 1.0 if is_high_suspicious else -1.0
    score = sign * values
    curve = roc_curve(malignant, score)
    chosen = chosen_cutoffs(malignant, score, patients, resamples=resamples, seed=seed)
    cutoffs = [
        Cutoff(
            rule,
            sign * threshold,
            tuple(sorted((sign * low, sign * high))),  # type: ignore[arg-type]
            diagnostic_table(malignant, score, threshold, patients=patients),
            corrected,
        )
        for rule, (threshold, (low, high), corrected) in chosen.items()
    ]
    fixed = [(GIVEN, given.value, "", given.is_exclusive, given.is_prespecified) for given in cutoffs_given]
    fixed += [
        (published.name, published.value, published.description, published.is_exclusive, False)
        for published in reference_cutoffs_for(variable.key)
    ]
    for rule, value, source, is_exclusive, is_prespecified in fixed:
        table = diagnostic_table(malignant, score, sign * value, is_exclusive=is_exclusive, patients=patients)
        cutoffs.append(Cutoff(rule, value, (np.nan, np.nan), table, {}, source, is_exclusive, is_prespecified))
    return Performance(
        variable=variable,
        is_high_suspicious=is_high_suspicious,
        is_direction_fixed=is_fixed,
        malignant_count=int(malignant.sum()),
        benign_count=int((~malignant).sum()),
        auc=auc(malignant, score, patients=patients),
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
    drawn = resampled_units(patients, resamples, seed)
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
