"""Mammographic probability and stiffness of one lesion as one stated risk, with its interval and its inputs.

Odds before × likelihood ratio of the stiffness = odds after, if the two are independent inside the benign and inside
the malignant lesions. That is an assumption and said in every result; :mod:`.cohort.fusion_model` tests it on a
cohort that has both, and replaces it by a joint logistic model when the cohort is large enough.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.statistics.estimate import Estimate, normal_quantile

from .cohort.reference_cutoffs import ReferenceCutoff

NOTABLE_VOID_PERCENT = 10.0
LARGEST_VOID_PERCENT = 50.0
PRODUCT = "odds × likelihood ratio"
JOINT = "joint logistic model"
ASSUMPTION = (
    "Stiffness and mammographic probability are taken as independent within benign and within malignant lesions. "
    "If stiffer lesions also look more suspicious inside a group, the risk is overstated."
)


@dataclass(frozen=True)
class MammographicProbability:
    """Probability of malignancy from the mammogram.

    Parameters
    ----------
    value : float
        Above 0 and below 1.
    low, high : float, optional
        Its 95 % interval, when there is one.
    source : str
        Model or reader it comes from.
    """

    value: float
    low: float | None = None
    high: float | None = None
    source: str = "not stated"

    def __post_init__(self) -> None:
        if not 0 < self.value < 1:
            raise ParameterError("The mammographic probability must lie above 0 and below 1.")
        if (self.low is None) != (self.high is None):
            raise ParameterError("An interval of the mammographic probability needs both ends.")
        if self.low is not None and self.high is not None and not 0 < self.low <= self.value <= self.high < 1:
            raise ParameterError("The interval of the mammographic probability must enclose it, within 0 and 1.")

    @property
    def has_interval(self) -> bool:
        """True when the probability came with its own interval."""
        return self.low is not None

    def log_odds(self) -> tuple[float, float, float]:
        """Low end, value and high end as log odds; all the same when no interval is known."""
        ends = (
            self.value if self.low is None else self.low,
            self.value,
            self.value if self.high is None else self.high,
        )
        low, value, high = (float(logit(end)) for end in ends)
        return low, value, high

    def moved_to(self, prevalence: float, model_prevalence: float) -> MammographicProbability:
        """The probability where another share of lesions is malignant than among those the model was made for."""
        if not (0 < prevalence < 1 and 0 < model_prevalence < 1):
            raise ParameterError("Both prevalences must lie between 0 and 1.")
        shift = float(logit(prevalence) - logit(model_prevalence))
        low, value, high = (float(expit(bound + shift)) for bound in self.log_odds())
        source = f"{self.source}, moved from {model_prevalence:.0%} to {prevalence:.0%} malignant lesions"
        if not self.has_interval:
            return MammographicProbability(value, source=source)
        return MammographicProbability(value, low, high, source)


@dataclass(frozen=True)
class LikelihoodRatio:
    """How much a stiffness changes the odds of malignancy.

    Parameters
    ----------
    estimate : Estimate
        Above 1 speaks for malignancy, below 1 against.
    finding : str
        What was measured, in words.
    source : str
    warnings : tuple of WarningRecord
    """

    estimate: Estimate
    finding: str
    source: str
    warnings: tuple[WarningRecord, ...] = ()

    def __post_init__(self) -> None:
        if not (0 < self.estimate.low <= self.estimate.value <= self.estimate.high < np.inf):
            raise ParameterError("A likelihood ratio must be above 0 and finite, inside its interval.")

    def logarithms(self) -> tuple[float, float, float]:
        """Low end, value and high end on the log scale."""
        low, value, high = (float(np.log(end)) for end in (self.estimate.low, self.estimate.value, self.estimate.high))
        return low, value, high


@dataclass(frozen=True)
class MapQuality:
    """What is known about the elastogram at the place of the measurement.

    Parameters
    ----------
    void_percent : float
        Share of the measured region without a value.
    is_low_quality : bool
        The device's quality map, or the reader, calls it unreliable.
    over_dense_calcification : bool
        The region lies over coarse or densely packed calcification.
    """

    void_percent: float = 0.0
    is_low_quality: bool = False
    over_dense_calcification: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.void_percent <= 100:
            raise ParameterError("The void share must lie between 0 and 100 percent.")


@dataclass(frozen=True)
class CombinedRisk:
    """The stated risk of one lesion.

    Parameters
    ----------
    risk : Estimate
        Probability of malignancy with its 95 % interval; without an interval (nan) only when the stiffness could not
        be used and the mammographic probability had none.
    method : str
        ``PRODUCT`` or ``JOINT``.
    assumption : str
        What has to be believed for it.
    mammographic : MammographicProbability
        The risk without stiffness.
    stiffness : LikelihoodRatio
    is_stiffness_used : bool
        False when the elastogram was not fit for it; then the risk is the mammographic one.
    warnings : tuple of WarningRecord
    """

    risk: Estimate
    method: str
    assumption: str
    mammographic: MammographicProbability
    stiffness: LikelihoodRatio
    is_stiffness_used: bool
    warnings: tuple[WarningRecord, ...]

    def sentences(self) -> tuple[str, ...]:
        """The result for people: inputs first, then the risk, then what to keep in mind."""
        before, ratio = self.mammographic, self.stiffness
        together = f"by {self.method}" if self.is_stiffness_used else "the mammogram alone"
        return (
            f"From the mammogram: {_with_interval(before.value, before.low, before.high)}; source: {before.source}.",
            f"From stiffness: {ratio.finding}; likelihood ratio {ratio.estimate.value:.2g} "
            f"({ratio.estimate.low:.2g} to {ratio.estimate.high:.2g}){'' if self.is_stiffness_used else ', not used'}; "
            f"source: {ratio.source}.",
            f"Risk of malignancy: {_with_interval(self.risk.value, self.risk.low, self.risk.high)}, {together}. "
            "A research estimate, not a diagnosis.",
            self.assumption,
            *(warning.message for warning in self.warnings),
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: risk, interval, every input, assumption and warnings."""
        return {
            "risk": self.risk.as_dict(),
            "method": self.method,
            "assumption": self.assumption,
            "mammographic": asdict(self.mammographic),
            "stiffness": {
                "finding": self.stiffness.finding,
                "source": self.stiffness.source,
                "likelihood_ratio": self.stiffness.estimate.as_dict(),
                "is_used": self.is_stiffness_used,
            },
            "warnings": [asdict(warning) for warning in self.warnings],
        }


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or not np.isfinite(low + high):
        return f"{value:.1%} (its interval is not known)"
    return f"{value:.1%} (95 % interval {low:.1%} to {high:.1%})"


def published_likelihood_ratio(reference: ReferenceCutoff, value: float) -> LikelihoodRatio:
    """Likelihood ratio of lying above or below a published cut-off, from the counts in the publication.

    Raises
    ------
    ParameterError
        When the publication gives no counts.
    """
    if reference.performance is None:
        raise ParameterError(f"“{reference.name}” gives no counts; please choose a reference with counts, or a cohort.")
    table = reference.performance
    above = value >= reference.value
    counts = (table.true_positive, table.false_positive) if above else (table.false_negative, table.true_negative)
    side = "at or above" if above else "below"
    message = f"{reference.name}: {reference.population}. {reference.caution}"
    return LikelihoodRatio(
        ratio_of_shares(counts[0], table.positives, counts[1], table.negatives),
        f"{value:g} {reference.unit}".rstrip() + f", {side} {reference.value:g}",
        reference.source,
        (WarningRecord("published-figures", message),),
    )


def ratio_of_shares(malignant: int, malignant_total: int, benign: int, benign_total: int) -> Estimate:
    """Likelihood ratio from counts, log interval (Simel 1991); 0.5 is added to all when a count is 0 or the total."""
    cells = np.array([malignant, benign, malignant_total - malignant, benign_total - benign], dtype=float)
    cells += 0.0 if cells.all() else 0.5
    totals = cells[:2] + cells[2:]
    center = float(np.log(cells[0] / totals[0]) - np.log(cells[1] / totals[1]))
    half = normal_quantile(0.95) * float(np.sqrt((1 / cells[:2] - 1 / totals).sum()))
    low, value, high = (float(np.exp(center + shift)) for shift in (-half, 0.0, half))
    return Estimate(value, low, high, method="log")


def combine(mammographic: MammographicProbability, stiffness: LikelihoodRatio, quality: MapQuality) -> CombinedRisk:
    """Odds × likelihood ratio, with the intervals of both.

    On the log scale the two add up, and so do the squares of their distances to either end of their intervals (for
    log-normal quantities this is the exact interval; for lopsided ones Zou & Donner, Stat Med 2008;27:1693).
    """
    is_used, warnings = judge_stiffness(stiffness, quality)
    warnings = (*_prior_warnings(mammographic), *stiffness.warnings, *warnings)
    low, center, high = mammographic.log_odds()
    below, above = center - low, high - center
    if is_used:
        ratio_low, ratio, ratio_high = stiffness.logarithms()
        center += ratio
        below, above = float(np.hypot(below, ratio - ratio_low)), float(np.hypot(above, ratio_high - ratio))
    elif not mammographic.has_interval:
        below = above = float("nan")
    value, lowest, highest = (float(expit(center + shift)) for shift in (0.0, -below, above))
    risk = Estimate(value, lowest, highest)
    return CombinedRisk(risk, PRODUCT, ASSUMPTION, mammographic, stiffness, is_used, warnings)


def _prior_warnings(mammographic: MammographicProbability) -> tuple[WarningRecord, ...]:
    if mammographic.has_interval:
        return ()
    message = "The mammographic probability came without an interval, so the interval of the risk is too narrow."
    return (WarningRecord("prior-without-interval", message),)


def judge_stiffness(stiffness: LikelihoodRatio, quality: MapQuality) -> tuple[bool, tuple[WarningRecord, ...]]:
    """May the stiffness be used, and what has to be said about it."""
    warnings = []
    speaks_for = stiffness.estimate.value > 1
    if quality.over_dense_calcification:
        effect = (
            "the stiffness may be false"
            if speaks_for
            else "a soft reading there is unexpected and may be a misplaced box"
        )
        message = (
            "The measurement lies over dense calcification, which by itself raises elasticity above 50 kPa in soft "
            f"surroundings (PMC4569403): {effect}."
        )
        warnings.append(WarningRecord("false-stiffness", message))
    poor = quality.void_percent >= LARGEST_VOID_PERCENT or quality.is_low_quality
    if quality.void_percent >= NOTABLE_VOID_PERCENT:
        message = f"{quality.void_percent:.0f} % of the measured region has no value; a void is not soft."
        warnings.append(WarningRecord("void", message))
    if quality.is_low_quality:
        message = "The elastogram is of low quality here; stiff cancers often give low quality instead of high values."
        warnings.append(WarningRecord("low-quality", message))
    if poor and not speaks_for:
        message = "The soft reading was not used: a void or unreliable map does not speak against malignancy."
        warnings.append(WarningRecord("stiffness-not-used", message))
        return False, tuple(warnings)
    return True, tuple(warnings)
