"""A number with its confidence interval, and the intervals of a proportion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from ..base.errors import ParameterError

IntervalMethod = Literal["wilson", "clopper-pearson", "wald"]


@dataclass(frozen=True)
class Estimate:
    """A number with its confidence interval.

    Parameters
    ----------
    value : float
        NaN when it is not defined (a sensitivity without diseased cases), infinite when a ratio's divisor is zero.
    low, high : float
        Ends of the interval; NaN when there is none.
    confidence : float
        Coverage the interval is meant to have, 0.95 for 95 %.
    method : str
        How the interval was made, e.g. ``wilson``.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95
    method: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: numbers that do not exist become None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(number) if math.isfinite(number) else None for name, number in numbers.items()} | {
            "confidence": self.confidence,
            "method": self.method,
        }

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.confidence:.0%} interval {self.low:.3f} to {self.high:.3f})"


def normal_quantile(confidence: float) -> float:
    """Two-sided quantile of the normal distribution: 1.96 for 0.95."""
    from scipy.stats import norm

    if not 0 < confidence < 1:
        raise ParameterError(f"A confidence lies between 0 and 1 (0.95 for 95 %), not {confidence:g}.")
    return float(norm.ppf((1 + confidence) / 2))


def proportion(successes: int, total: int, confidence: float = 0.95, method: IntervalMethod = "wilson") -> Estimate:
    """Proportion with its confidence interval.

    Parameters
    ----------
    successes, total : int
        0 ≤ successes ≤ total. A total of 0 gives NaN throughout.
    method : {"wilson", "clopper-pearson", "wald"}
        Wilson's score interval has close to the stated coverage on average; Clopper–Pearson's exact interval never has
        less. Wald's p ± z·sqrt(p(1 − p)/n) is too narrow near 0 and 1 and for small n; it is here to reproduce
        published intervals (Pesapane 2023, Model evaluation and statistical analysis) and is cut to [0, 1].

    Raises
    ------
    ParameterError
        When the counts are impossible or the method is unknown.

    References
    ----------
    Brown, Cai, DasGupta: Interval estimation for a binomial proportion. Statistical Science 16:101 (2001).
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= total:
        raise ParameterError(f"{successes} of {total} is not a proportion.")
    if total == 0:
        return Estimate(math.nan, math.nan, math.nan, confidence, method)
    value = successes / total
    if method == "wilson":
        return Estimate(value, *wilson_interval(value, total, confidence), confidence, method)
    if method == "wald":
        half_width = normal_quantile(confidence) * math.sqrt(value * (1 - value) / total)
        return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width), confidence, method)
    if method != "clopper-pearson":
        raise ParameterError(f"“{method}” is not an interval; choose wilson, clopper-pearson or wald.")
    interval = binomtest(int(successes), int(total)).proportion_ci(confidence, "exact")
    return Estimate(value, float(interval.low), float(interval.high), confidence, method)


def wilson_interval(value: float, size: float, confidence: float = 0.95) -> tuple[float, float]:
    """Ends of Wilson's score interval of a proportion among ``size`` cases, which may be an effective number.

    NaN for no cases.

    Raises
    ------
    ParameterError
        When the confidence is not between 0 and 1.
    """
    z = normal_quantile(confidence)
    if not size > 0:
        return math.nan, math.nan
    center = (value + z**2 / (2 * size)) / (1 + z**2 / size)
    half_width = z / (1 + z**2 / size) * math.sqrt(value * (1 - value) / size + z**2 / (4 * size**2))
    # at 0 and 1 the end is exact; rounding must not move it past
    return (0.0 if value == 0 else max(0.0, center - half_width)), (
        1.0 if value == 1 else min(1.0, center + half_width)
    )
