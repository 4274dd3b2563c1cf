"""How many cases a study of an AUC needs, and what power it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..base.errors import ParameterError


@dataclass(frozen=True)
class SampleSize:
    """Cases with and without the disease, rounded up."""

    diseased: int
    healthy: int


def hanley_mcneil_standard_error(auc: float, diseased: int, healthy: int) -> float:
    """Standard error of an AUC before the study, from its expected value alone.

    var = [A(1 − A) + (m − 1)(A/(2 − A) − A²) + (n − 1)(2A²/(1 + A) − A²)] / (m·n), m diseased, n healthy.

    Raises
    ------
    ParameterError
        When the area is not between 0 and 1 or a class is empty.

    References
    ----------
    Hanley, McNeil: The meaning and use of the area under a ROC curve. Radiology 143:29 (1982).
    """
    if not 0 <= auc <= 1 or min(diseased, healthy) < 1:
        raise ParameterError("An AUC lies between 0 and 1, and each class has at least one case.")
    two_diseased = auc / (2 - auc) - auc**2
    two_healthy = 2 * auc**2 / (1 + auc) - auc**2
    variance = auc * (1 - auc) + (diseased - 1) * two_diseased + (healthy - 1) * two_healthy
    return math.sqrt(variance / (diseased * healthy))


def auc_sample_size(
    expected_auc: float,
    *,
    null_auc: float = 0.5,
    power: float = 0.9,
    significance: float = 0.05,
    healthy_per_diseased: float = 1.0,
) -> SampleSize:
    """Cases needed to show that an AUC differs from another value (two-sided test).

    m = (z_{1−α/2}·√V(A₀) + z_{power}·√V(A₁))² / (A₁ − A₀)² diseased cases, V Obuchowski's binormal variance function.

    Parameters
    ----------
    expected_auc, null_auc : float
        In [0.5, 1); what the study expects, and what it wants to exclude.
    power, significance : float
    healthy_per_diseased : float
        Ratio of the classes.

    Raises
    ------
    ParameterError
        When a number is out of range or the two areas are equal.

    References
    ----------
    Obuchowski: Computing sample size for receiver operating characteristic studies. Invest Radiol 29:238 (1994).
    Obuchowski, Lieber, Wians: ROC curves in clinical chemistry. Clin Chem 50:1118 (2004).
    """
    from scipy.stats import norm

    _check(expected_auc, null_auc, significance, healthy_per_diseased)
    if not 0 < power < 1:
        raise ParameterError(f"A power lies between 0 and 1, not at {power:g}.")
    under_null = norm.ppf(1 - significance / 2) * math.sqrt(_variance_function(null_auc, healthy_per_diseased))
    expected = norm.ppf(power) * math.sqrt(_variance_function(expected_auc, healthy_per_diseased))
    diseased = ((under_null + expected) / (expected_auc - null_auc)) ** 2
    return SampleSize(math.ceil(diseased), math.ceil(diseased * healthy_per_diseased))


def auc_power(
    expected_auc: float, diseased: int, healthy: int, *, null_auc: float = 0.5, significance: float = 0.05
) -> float:
    """Probability that a study of this size shows the difference (two-sided test); see :func:`auc_sample_size`."""
    from scipy.stats import norm

    if min(diseased, healthy) < 1:
        raise ParameterError("Each class has at least one case.")
    ratio = healthy / diseased
    _check(expected_auc, null_auc, significance, ratio)
    distance = abs(expected_auc - null_auc) * math.sqrt(diseased)
    under_null = norm.ppf(1 - significance / 2) * math.sqrt(_variance_function(null_auc, ratio))
    return float(norm.cdf((distance - under_null) / math.sqrt(_variance_function(expected_auc, ratio))))


def _check(expected_auc: float, null_auc: float, significance: float, ratio: float) -> None:
    if not (0.5 <= expected_auc < 1 and 0.5 <= null_auc < 1) or expected_auc == null_auc:
        raise ParameterError("The expected AUC and the AUC to exclude differ and lie from 0.5 to below 1.")
    if not 0 < significance < 1 or ratio <= 0:
        raise ParameterError("The significance lies between 0 and 1, and the ratio of the classes above 0.")


def _variance_function(auc: float, healthy_per_diseased: float) -> float:
    """0.0099·exp(−a²/2)·((5a² + 8) + (a² + 8)/ratio), a = 1.414·Φ⁻¹(A) (Obuchowski 1994, eq. 5)."""
    from scipy.stats import norm

    a = 1.414 * norm.ppf(auc)
    return float(0.0099 * math.exp(-(a**2) / 2) * ((5 * a**2 + 8) + (a**2 + 8) / healthy_per_diseased))
