"""A simulated cohort after Tables 1 and 2 of Yan & Fang (2025), for tests and the tutorial. No patient is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from MicrocalcAILib.base.errors import ParameterError

SOURCE = "Yan & Fang 2025, Tables 1 and 2 (150 malignant, 150 benign)"
# mean, SD: malignant, benign
_MEASUREMENTS = {
    "elasticity_kpa": ((88.3, 16.2), (45.7, 9.8)),
    "strain_ratio": ((2.35, 0.50), (1.15, 0.35)),
    "lesion_size_mm": ((7.4, 2.1), (5.8, 1.9)),
    "age_years": ((51.3, 10.2), (49.7, 9.8)),
}
_SCORE = ((4.2, 0.6), (2.1, 0.7))
_CATEGORIES = {
    "breast_density": {"A": (30, 38), "B": (40, 42), "C": (50, 45), "D": (30, 25)},
    "birads": {"3": (20, 60), "4": (65, 70), "5": (65, 20)},
    "distribution": {"clustered": (72, 54), "scattered": (45, 33), "sparse punctate": (33, 63)},
    "histology": {
        "DCIS": (80, 0),
        "invasive carcinoma": (70, 0),
        "fibroadenoma": (0, 60),
        "fibrocystic changes": (0, 50),
        "benign calcifications": (0, 40),
    },
}
# Normal correlations inside each group that give the paper's pooled Spearman correlations of 0.75 (elasticity and
# strain ratio) and 0.41 (elasticity and size): most of a pooled correlation comes from the distance of the groups.
WITHIN_GROUP_CORRELATION = {"strain_ratio": 0.185, "lesion_size_mm": 0.203}
_LOWEST = {"elasticity_kpa": 5.0, "strain_ratio": 0.2, "lesion_size_mm": 3.0, "age_years": 18.0}


@dataclass(frozen=True)
class ReadingErrors:
    """How readings scatter around a lesion's value; our assumption, the paper does not say.

    Parameters
    ----------
    reader_bias_percent : float
        How much higher the second reader measures than the first.
    between_readers_percent, between_repeats_percent : float
        Coefficients of variation of one reading.
    score_disagreement : float
        Share of scores that a reader gives one step off.
    """

    reader_bias_percent: float = 2.0
    between_readers_percent: float = 6.0
    between_repeats_percent: float = 5.0
    score_disagreement: float = 0.1


def simulate_cohort(
    malignant_count: int = 150,
    benign_count: int = 150,
    *,
    seed: int = 0,
    exact_moments: bool = False,
    readers: int = 0,
    repeats: int = 1,
    errors: ReadingErrors = ReadingErrors(),
    mammographic_auc: float | None = None,
    mammographic_correlation: float = 0.0,
) -> pd.DataFrame:
    """Draw a cohort.

    Parameters
    ----------
    malignant_count, benign_count : int
        Lesions of each group, at least 3.
    seed : int
    exact_moments : bool
        Shift and scale each group so that its means and SDs equal the published ones, and take the published shares of
        each category as exactly as the counts allow.
    readers : int
        0: one row per lesion. Otherwise one row per lesion, reader and repeat, with measurement error.
    repeats : int
        Acquisitions per reader, when there are readers.
    errors : ReadingErrors
    mammographic_auc : float, optional
        Adds ``mammographic_probability``, calibrated for this mix, with this AUC (above 0.5 and below 1).
    mammographic_correlation : float
        Correlation of the mammographic log-odds with elasticity inside each group; 0 = conditionally independent.

    Returns
    -------
    DataFrame
        ``lesion``, (``reader``, ``repeat``,) ``outcome``, ``age_years``, ``lesion_size_mm``, ``breast_density``,
        ``birads``, ``distribution``, ``histology``, ``elasticity_kpa``, ``strain_ratio``, ``elasticity_score``.

    Raises
    ------
    ParameterError
        When a parameter is outside its range.
    """
    if min(malignant_count, benign_count) < 3:
        raise ParameterError("A simulated cohort needs at least 3 malignant and 3 benign lesions.")
    if not 0 <= readers <= 9 or not 1 <= repeats <= 9:
        raise ParameterError("Readers must be 0 to 9 and repeats 1 to 9.")
    if mammographic_auc is not None and not 0.5 < mammographic_auc < 1:
        raise ParameterError("The mammographic AUC must lie above 0.5 and below 1.")
    if not -1 < mammographic_correlation < 1:
        raise ParameterError("The mammographic correlation must lie between -1 and 1.")
    random = np.random.default_rng(seed)
    groups = []
    for group, count in ((0, malignant_count), (1, benign_count)):
        lesions = _group(group, count, random, exact_moments)
        if mammographic_auc is not None:
            lesions["mammographic_probability"] = _mammographic_probability(
                lesions["elasticity_kpa"].to_numpy(),
                group,
                malignant_count / benign_count,
                mammographic_auc,
                mammographic_correlation,
                random,
            )
        groups.append(lesions)
    cohort = pd.concat(groups, ignore_index=True).sample(frac=1.0, random_state=random, ignore_index=True)
    cohort.insert(0, "lesion", [f"L{number:04d}" for number in range(1, len(cohort) + 1)])
    if readers:
        cohort = _readings(cohort, readers, repeats, errors, random)
    return _rounded(cohort)


def _group(group: int, count: int, random: np.random.Generator, exact: bool) -> pd.DataFrame:
    normal = random.standard_normal((count, len(_MEASUREMENTS) + 1))
    if exact:
        # Whitened noise has exactly mean 0, SD 1 and no correlation in the sample.
        normal = normal - normal.mean(axis=0)
        normal = (
            np.linalg.qr(normal)[0] * np.sqrt(count - 1) if count > normal.shape[1] else normal / normal.std(ddof=1)
        )
    elasticity = normal[:, 0]
    lesions = pd.DataFrame({"outcome": ["malignant", "benign"][group]}, index=range(count))
    for column, (name, moments) in enumerate(_MEASUREMENTS.items()):
        correlation = WITHIN_GROUP_CORRELATION.get(name, 0.0)
        noise = elasticity if column == 0 else correlation * elasticity + _rest(correlation) * normal[:, column]
        mean, deviation = moments[group]
        values = mean + deviation * noise
        lesions[name] = values if exact else np.maximum(values, _LOWEST[name])
    latent = 0.3 * elasticity + _rest(0.3) * normal[:, -1]
    location, scale = _score_scale(*_SCORE[group])
    lesions["elasticity_score"] = np.clip(np.rint(location + scale * latent), 1, 5)
    for name, shares in _CATEGORIES.items():
        weights = np.array([counts[group] for counts in shares.values()], dtype=float)
        drawn = _exact_counts(weights, count) if exact else random.multinomial(count, weights / weights.sum())
        lesions[name] = random.permutation(np.repeat(list(shares), drawn))
    return lesions[["outcome", "age_years", "lesion_size_mm", *_CATEGORIES, "elasticity_kpa", "strain_ratio",
                    "elasticity_score"]]  # fmt: skip


def _rest(correlation: float) -> float:
    return float(np.sqrt(1 - correlation**2))


def _exact_counts(weights: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Whole numbers in proportion to the weights that sum to ``count`` (largest remainders)."""
    shares = weights / weights.sum() * count
    counts = np.floor(shares).astype(np.int64)
    counts[np.argsort(counts - shares, kind="stable")[: count - counts.sum()]] += 1
    return counts


def _score_scale(mean: float, deviation: float) -> tuple[float, float]:
    """Mean and SD of the normal variable that, rounded to 1 … 5, has the given mean and SD."""
    steps = np.arange(1, 6)
    edges = np.array([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf])

    def error(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = np.diff(stats.norm.cdf(edges, parameters[0], parameters[1]))
        center = float(shares @ steps)
        return np.array([center - mean, np.sqrt(shares @ (steps - center) ** 2) - deviation])

    location, scale = optimize.root(error, (mean, deviation)).x
    return float(location), float(scale)


def _mammographic_probability(
    elasticity: NDArray[np.float64],
    group: int,
    prior_odds: float,
    auc: float,
    correlation: float,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Log-odds that are normal in both groups with equal spread: then the probability is calibrated by construction."""
    distance = np.sqrt(2) * stats.norm.ppf(auc)
    mean, deviation = _MEASUREMENTS["elasticity_kpa"][group]
    noise = correlation * (elasticity - mean) / deviation + _rest(correlation) * random.standard_normal(len(elasticity))
    log_likelihood_ratio = distance**2 * (0.5 - group) + distance * noise
    return 1 / (1 + np.exp(-(np.log(prior_odds) + log_likelihood_ratio)))


def _readings(
    cohort: pd.DataFrame, readers: int, repeats: int, errors: ReadingErrors, random: np.random.Generator
) -> pd.DataFrame:
    parts = []
    for reader in range(readers):
        bias = 1 + errors.reader_bias_percent / 100 * reader
        between = {
            name: bias * (1 + errors.between_readers_percent / 100 * random.standard_normal(len(cohort)))
            for name in ("elasticity_kpa", "strain_ratio")
        }
        step = random.choice([-1, 1], len(cohort)) * (random.random(len(cohort)) < errors.score_disagreement)
        for repeat in range(repeats):
            part = cohort.copy()
            part.insert(1, "reader", reader + 1)
            part.insert(2, "repeat", repeat + 1)
            for name, factor in between.items():
                noise = 1 + errors.between_repeats_percent / 100 * random.standard_normal(len(cohort))
                part[name] = np.maximum(part[name] * factor * noise, _LOWEST[name])
            part["elasticity_score"] = np.clip(part["elasticity_score"] + step, 1, 5)
            parts.append(part)
    return pd.concat(parts).sort_values(["lesion", "reader", "repeat"], kind="stable", ignore_index=True)


def _rounded(cohort: pd.DataFrame) -> pd.DataFrame:
    decimals = {"age_years": 1, "lesion_size_mm": 2, "elasticity_kpa": 2, "strain_ratio": 3, "elasticity_score": 0}
    cohort = cohort.round({**decimals, "mammographic_probability": 4})
    return cohort.astype({"elasticity_score": int})
