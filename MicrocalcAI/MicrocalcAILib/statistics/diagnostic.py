"""The two-by-two table: sensitivity, specificity, predictive values, likelihood ratios, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from .cases import checked_cases
from .clustered import effective_size, is_clustered
from .estimate import Estimate, IntervalMethod, normal_quantile, proportion, wilson_interval


@dataclass(frozen=True)
class DiagnosticTable:
    """Counts of a test against the truth, and everything read from them.

    Parameters
    ----------
    true_positive, false_positive, false_negative, true_negative : int
    confidence : float
        Of all intervals.
    method : {"wilson", "clopper-pearson", "wald"}
        Interval of the proportions, see :func:`~.estimate.proportion`.
    design_effects : mapping
        When patients have several cases: name of a proportion → variance of it over that of independent cases, see
        :func:`diagnostic_table`. Its interval is then Wilson's with cases/effect, and the likelihood ratios have the
        effects of sensitivity and specificity.

    Raises
    ------
    ParameterError
        When a count is negative.

    Examples
    --------
    Marathe 2022, amorphous calcifications at a threshold of 0.4:

    >>> table = DiagnosticTable(true_positive=17, false_positive=28, false_negative=0, true_negative=15)
    >>> print(table.specificity)
    0.349 (95% interval 0.224 to 0.498)
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    confidence: float = 0.95
    method: IntervalMethod = "wilson"
    design_effects: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.true_positive, self.false_positive, self.false_negative, self.true_negative) < 0:
            raise ParameterError("The counts of a two-by-two table are zero or more.")

    @property
    def positives(self) -> int:
        """Cases that have the disease."""
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        """Cases that do not have it."""
        return self.false_positive + self.true_negative

    @property
    def sensitivity(self) -> Estimate:
        """TP / (TP + FN)."""
        return self._proportion("sensitivity", self.true_positive, self.positives)

    @property
    def specificity(self) -> Estimate:
        """TN / (TN + FP)."""
        return self._proportion("specificity", self.true_negative, self.negatives)

    @property
    def positive_predictive_value(self) -> Estimate:
        """TP / (TP + FP), at the prevalence of these cases; see :meth:`predictive_values_at`."""
        return self._proportion(
            "positive_predictive_value", self.true_positive, self.true_positive + self.false_positive
        )

    @property
    def negative_predictive_value(self) -> Estimate:
        """TN / (TN + FN), at the prevalence of these cases; see :meth:`predictive_values_at`."""
        return self._proportion(
            "negative_predictive_value", self.true_negative, self.true_negative + self.false_negative
        )

    @property
    def accuracy(self) -> Estimate:
        """(TP + TN) / all."""
        return self._proportion("accuracy", self.true_positive + self.true_negative, self.positives + self.negatives)

    @property
    def prevalence(self) -> Estimate:
        """(TP + FN) / all."""
        return self._proportion("prevalence", self.positives, self.positives + self.negatives)

    @property
    def f1(self) -> Estimate:
        """2 TP / (2 TP + FP + FN), of the diseased class.

        F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN). Given the number of cases that are not true negatives, J is a
        binomial proportion; its interval is carried over.
        """
        cases = self.true_positive + self.false_positive + self.false_negative
        share = self._proportion("f1", self.true_positive, cases)
        value, low, high = (2 * end / (1 + end) for end in (share.value, share.low, share.high))
        return Estimate(value, low, high, self.confidence, self.method)

    @property
    def positive_likelihood_ratio(self) -> Estimate:
        """Sensitivity / (1 − specificity), interval by the log method (Simel 1991)."""
        return self._likelihood_ratio(self.true_positive, self.false_positive)

    @property
    def negative_likelihood_ratio(self) -> Estimate:
        """(1 − sensitivity) / specificity, interval by the log method (Simel 1991)."""
        return self._likelihood_ratio(self.false_negative, self.true_negative)

    @property
    def diagnostic_odds_ratio(self) -> Estimate:
        """TP·TN / (FP·FN), log interval with variance 1/TP + 1/FP + 1/FN + 1/TN (Glas 2003; Woolf)."""
        counts = np.array([self.true_positive, self.false_positive, self.false_negative, self.true_negative], float)
        value = _ratio(counts[0] * counts[3], counts[1] * counts[2])
        counts += _continuity_correction(counts)
        diseased, healthy = (self.design_effects.get(name, 1.0) for name in ("sensitivity", "specificity"))
        variance = float((1 / counts) @ np.array([diseased, healthy, diseased, healthy]))
        return self._log_interval(value, counts[0] * counts[3] / (counts[1] * counts[2]), variance)

    def predictive_values_at(self, prevalence: float) -> tuple[Estimate, Estimate]:
        """Positive and negative predictive value in a population with another prevalence.

        By Bayes' rule the odds of disease after a positive test are the odds before it times the likelihood ratio; the
        interval is that of the likelihood ratio carried over, which is the logit interval of Mercaldo 2007 (Statistics
        in Medicine 26:2170). The prevalence counts as known.

        Raises
        ------
        ParameterError
            When the prevalence is not between 0 and 1.
        """
        if not 0 < prevalence < 1:
            raise ParameterError(f"A prevalence lies between 0 and 1, not at {prevalence:g}.")
        odds = prevalence / (1 - prevalence)
        after_positive = self.positive_likelihood_ratio
        after_negative = self.negative_likelihood_ratio
        ppv, ppv_low, ppv_high = (
            _probability(odds * ratio) for ratio in (after_positive.value, after_positive.low, after_positive.high)
        )
        npv, npv_low, npv_high = (
            1 - _probability(odds * ratio) for ratio in (after_negative.value, after_negative.high, after_negative.low)
        )
        return (
            Estimate(ppv, ppv_low, ppv_high, self.confidence, "logit"),
            Estimate(npv, npv_low, npv_high, self.confidence, "logit"),
        )

    def as_dict(self) -> dict[str, object]:
        """JSON-ready: the counts and every estimate."""
        names = (
            *("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value", "accuracy"),
            *("prevalence", "f1", "positive_likelihood_ratio", "negative_likelihood_ratio", "diagnostic_odds_ratio"),
        )
        counts = {
            "true_positive": self.true_positive,
            "false_positive": self.false_positive,
            "false_negative": self.false_negative,
            "true_negative": self.true_negative,
        }
        return counts | {name: getattr(self, name).as_dict() for name in names}

    def _proportion(self, name: str, successes: int, total: int) -> Estimate:
        if name not in self.design_effects or not total:
            return proportion(successes, total, self.confidence, self.method)
        low, high = wilson_interval(successes / total, total / self.design_effects[name], self.confidence)
        return Estimate(successes / total, low, high, self.confidence, "wilson, by patient")

    def _likelihood_ratio(self, of_positives: int, of_negatives: int) -> Estimate:
        """(share of the diseased) / (share of the healthy) with this test result."""
        if not self.positives or not self.negatives:
            return Estimate(math.nan, math.nan, math.nan, self.confidence, "log")
        value = _ratio(of_positives / self.positives, of_negatives / self.negatives)
        counts = np.array([of_positives, of_negatives], float)
        totals = np.array([self.positives, self.negatives], float)
        correction = _continuity_correction(np.concatenate([counts, totals - counts]))
        counts, totals = counts + correction, totals + 2 * correction
        shares = counts / totals
        effects = [self.design_effects.get(name, 1.0) for name in ("sensitivity", "specificity")]
        variance = float((1 / counts - 1 / totals) @ np.array(effects))
        return self._log_interval(value, shares[0] / shares[1], variance)

    def _log_interval(self, value: float, center: float, log_variance: float) -> Estimate:
        if math.isnan(value):
            return Estimate(value, value, value, self.confidence, "log")
        factor = math.exp(normal_quantile(self.confidence) * math.sqrt(log_variance))
        # with an empty cell the value itself may be 0 or infinite, beyond the corrected interval
        low, high = min(center / factor, value), max(center * factor, value)
        return Estimate(value, float(low), float(high), self.confidence, "log")


def diagnostic_table(
    outcome: ArrayLike,
    score: ArrayLike,
    threshold: float,
    *,
    is_exclusive: bool = False,
    patients: ArrayLike | None = None,
    confidence: float = 0.95,
    method: IntervalMethod = "wilson",
) -> DiagnosticTable:
    """Two-by-two table of a score: positive from the threshold on.

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (cases,)
        True where the disease is present.
    score : array_like of float, shape (cases,)
        Higher means more suspicious.
    threshold : float
    is_exclusive : bool
        True for “above the threshold”: a score equal to it is negative.
    patients : array_like, shape (cases,), optional
        Which patient each case belongs to; when patients have several, every interval is between patients.

    Raises
    ------
    ParameterError
        When the arrays differ in length or hold something else.
    """
    diseased, scores = checked_cases(outcome, score)
    positive = scores > threshold if is_exclusive else scores >= threshold
    effects: dict[str, float] = {}
    if patients is not None and is_clustered(patients):
        owners = np.asarray(patients)
        everyone = np.ones(diseased.size, bool)
        shares = {
            "sensitivity": (positive, diseased),
            "specificity": (~positive, ~diseased),
            "positive_predictive_value": (diseased, positive),
            "negative_predictive_value": (~diseased, ~positive),
            "accuracy": (positive == diseased, everyone),
            "prevalence": (diseased, everyone),
            "f1": (positive & diseased, positive | diseased),
        }
        effects = {
            name: int(among.sum()) / effective_size(hits[among], owners[among], confidence)
            for name, (hits, among) in shares.items()
            if len(np.unique(owners[among])) > 1
        }
    return DiagnosticTable(
        true_positive=int((positive & diseased).sum()),
        false_positive=int((positive & ~diseased).sum()),
        false_negative=int((~positive & diseased).sum()),
        true_negative=int((~positive & ~diseased).sum()),
        confidence=confidence,
        method=method,
        design_effects=effects,
    )


def _ratio(numerator: float, denominator: float) -> float:
    if denominator:
        return float(numerator / denominator)
    return math.inf if numerator else math.nan


def _continuity_correction(cells: NDArray[np.float64]) -> float:
    """0.5 is added to every cell when one is empty (Haldane–Anscombe), for the interval only."""
    return 0.0 if cells.all() else 0.5


def _probability(odds: float) -> float:
    return 1.0 if math.isinf(odds) else odds / (1 + odds)
