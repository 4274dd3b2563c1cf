"""What summary numbers imply: tests from means and SDs, counts from percentages, AUC from two normal curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

NORMAL_95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Printed:
    """A number as it stands in print, with the range that rounds to it.

    Parameters
    ----------
    text : str
        As printed, e.g. ``0.95`` or ``<0.001``.
    """

    text: str

    @property
    def is_below(self) -> bool:
        """True for ``<0.001``: only an upper bound is known."""
        return self.text.startswith("<")

    @property
    def value(self) -> float:
        """The number; the bound of ``<0.001``."""
        return float(self.text.lstrip("<"))

    @property
    def decimals(self) -> int:
        """Digits after the decimal point."""
        return len(self.text.partition(".")[2])

    @property
    def low(self) -> float:
        """Smallest value that is printed like this."""
        return 0.0 if self.is_below else self.value - self.half_unit

    @property
    def high(self) -> float:
        """Largest value that is printed like this."""
        return self.value if self.is_below else self.value + self.half_unit

    @property
    def half_unit(self) -> float:
        """Half of the last digit; a little more, because both ways of rounding a five are in use."""
        return 0.5000001 * 10.0**-self.decimals

    def overlaps(self, low: float, high: float) -> bool:
        """True when a value between ``low`` and ``high`` can be printed like this."""
        return self.low <= high and low <= self.high


@dataclass(frozen=True)
class PrintedNormal:
    """Mean and SD of one group as printed."""

    mean: Printed
    deviation: Printed
    count: int

    def corners(self) -> list[tuple[float, float]]:
        """Means and SDs at the ends of their rounding, and as printed."""
        means = (self.mean.low, self.mean.value, self.mean.high)
        return list(product(means, (max(self.deviation.low, 1e-9), self.deviation.value, self.deviation.high)))


def t_test_p_values(first: PrintedNormal, second: PrintedNormal, equal_spread: bool) -> tuple[float, float, float]:
    """P value as printed, and its smallest and largest value within the rounding of means and SDs."""

    def p_value(one: tuple[float, float], other: tuple[float, float]) -> float:
        return float(stats.ttest_ind_from_stats(*one, first.count, *other, second.count, equal_var=equal_spread).pvalue)

    as_printed = p_value((first.mean.value, first.deviation.value), (second.mean.value, second.deviation.value))
    values = [p_value(one, other) for one, other in product(first.corners(), second.corners())]
    return as_printed, min(values), max(values)


def binormal_auc(malignant_mean: float, malignant_sd: float, benign_mean: float, benign_sd: float) -> float:
    """AUC when both groups are normal: the chance that a malignant value exceeds a benign one."""
    return float(stats.norm.cdf((malignant_mean - benign_mean) / np.hypot(malignant_sd, benign_sd)))


def binormal_youden_cutoff(malignant_mean: float, malignant_sd: float, benign_mean: float, benign_sd: float) -> float:
    """Cut-off with the largest sensitivity + specificity when both groups are normal (between the means)."""
    result = optimize.minimize_scalar(
        lambda cutoff: (
            stats.norm.cdf(cutoff, malignant_mean, malignant_sd) - stats.norm.cdf(cutoff, benign_mean, benign_sd)
        ),
        bounds=sorted((benign_mean, malignant_mean)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(result.x)


def simulated_performance(
    malignant: tuple[float, float, int], benign: tuple[float, float, int], cutoff: float, seed: int, draws: int = 2000
) -> dict[str, tuple[float, float]]:
    """The 95 % range of AUC, sensitivity and specificity in studies of this size when both groups are normal."""
    random = np.random.default_rng(seed)
    aucs, sensitivities, specificities = (np.empty(draws) for _ in range(3))
    for draw in range(draws):
        high = random.normal(malignant[0], malignant[1], malignant[2])
        low = np.sort(random.normal(benign[0], benign[1], benign[2]))
        aucs[draw] = np.searchsorted(low, high).mean() / len(low)
        sensitivities[draw] = (high >= cutoff).mean()
        specificities[draw] = (low < cutoff).mean()
    return {
        name: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for name, values in (("auc", aucs), ("sensitivity", sensitivities), ("specificity", specificities))
    }


def discriminant_odds_ratios(
    differences: NDArray[np.float64],
    malignant_sds: NDArray[np.float64],
    benign_sds: NDArray[np.float64],
    correlations: NDArray[np.float64],
    counts: tuple[int, int],
) -> NDArray[np.float64]:
    """Odds ratios per unit that normal groups imply for a logistic model (linear discriminant analysis).

    Parameters
    ----------
    differences : float array, shape (variables,)
        Malignant mean − benign mean.
    malignant_sds, benign_sds : float arrays, shape (variables,)
    correlations : float array, shape (variables, variables)
        Within the groups.
    counts : (int, int)
        Malignant and benign lesions, the weights of the pooled covariance.
    """
    weights = (counts[0] - 1, counts[1] - 1)
    spreads = [weights[0] * np.outer(malignant_sds, malignant_sds), weights[1] * np.outer(benign_sds, benign_sds)]
    covariance = correlations * sum(spreads) / sum(weights)
    return np.asarray(np.exp(np.linalg.solve(covariance, differences)))


def within_group_correlation(
    pooled: float, first: tuple[PrintedNormal, PrintedNormal], second: tuple[PrintedNormal, PrintedNormal]
) -> tuple[float, float]:
    """Correlation inside the groups that gives the ``pooled`` one, and the pooled one that no correlation inside gives.

    Malignant and benign group of either variable; normal groups, Pearson correlation.
    """
    share = first[0].count / (first[0].count + first[1].count)
    weights = np.array([share, 1 - share])
    sds = np.array([[group.deviation.value for group in variable] for variable in (first, second)])
    distances = np.array([variable[0].mean.value - variable[1].mean.value for variable in (first, second)])
    between = share * (1 - share)
    total = np.sqrt(sds**2 @ weights + between * distances**2)
    from_groups = between * distances.prod()
    inside = (pooled * total.prod() - from_groups) / float((sds.prod(axis=0) * weights).sum())
    return float(inside), float(from_groups / total.prod())


def counts_that_print_as(percent: Printed, total: int) -> list[int]:
    """Counts out of ``total`` whose percentage is printed like this (none: the percentage cannot be)."""
    around = round(percent.value / 100 * total)
    return [count for count in range(max(around - 2, 0), min(around + 2, total) + 1)
            if percent.overlaps(100 * count / total, 100 * count / total)]  # fmt: skip
