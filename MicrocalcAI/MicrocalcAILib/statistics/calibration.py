"""Do predicted probabilities mean what they say? Reliability, Brier score, slope and intercept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from .cases import checked_cases
from .clustered import clustered_means, is_clustered, patient_index
from .estimate import Estimate, normal_quantile, proportion

_SMALLEST = 1e-12  # probabilities of exactly 0 and 1 have no logit


@dataclass(frozen=True)
class CalibrationLine:
    """Logistic recalibration logit P(disease) = intercept + slope · logit(p), with Wald intervals.

    Parameters
    ----------
    slope : Estimate
        1 is right; below 1 the probabilities are too extreme (overfitting).
    intercept : Estimate
        Of the same fit.
    in_the_large : Estimate
        Intercept when the slope is held at 1: 0 is right; above 0 disease is more frequent than predicted.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate


@dataclass(frozen=True)
class ChiSquareTest:
    """Statistic, degrees of freedom and p-value."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def reliability_bins(
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    strategy: Literal["quantile", "uniform"] = "quantile",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Predicted against observed share of disease, by bins of the prediction.

    Parameters
    ----------
    outcome : array_like of bool or 0/1, shape (cases,)
    probability : array_like of float in [0, 1], shape (cases,)
    strategy : {"quantile", "uniform"}
        Bins of equal size, or of equal width. Equal predictions are never split over two bins.

    Returns
    -------
    DataFrame
        One row per bin that holds cases: ``count``, ``predicted`` (mean), ``observed`` (share), ``observed_low``,
        ``observed_high`` (Wilson).

    Raises
    ------
    ParameterError
        When the lists do not fit or a prediction is no probability.
    """
    diseased, predicted = _checked_probabilities(outcome, probability)
    if bins < 1:
        raise ParameterError(f"A reliability table has at least one bin, not {bins}.")
    if strategy == "quantile":
        edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1]))
        bin_of_case = np.searchsorted(edges, predicted, side="left")
    elif strategy == "uniform":
        bin_of_case = np.minimum((predicted * bins).astype(int), bins - 1)
    else:
        raise ParameterError(f"“{strategy}” is no way to make bins; choose quantile or uniform.")
    rows = []
    for member in (bin_of_case == index for index in np.unique(bin_of_case)):
        share = proportion(int(diseased[member].sum()), int(member.sum()), confidence)
        rows.append((int(member.sum()), predicted[member].mean(), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["count", "predicted", "observed", "observed_low", "observed_high"])


def brier_score(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Mean of (probability − outcome)²; 0 is best, prevalence·(1 − prevalence) is what a constant guess gives."""
    diseased, predicted = _checked_probabilities(outcome, probability)
    return float(np.mean((predicted - diseased) ** 2))


def expected_calibration_error(
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    bins: int = 10,
    strategy: Literal["quantile", "uniform"] = "uniform",
) -> float:
    """Mean over the cases of |predicted − observed| of their bin (Naeini 2015; equal width by default, as there)."""
    table = reliability_bins(outcome, probability, bins=bins, strategy=strategy)
    return float(np.average((table["predicted"] - table["observed"]).abs(), weights=table["count"]))


def brier_estimate(
    outcome: ArrayLike, probability: ArrayLike, *, patients: ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """Brier score with the normal interval of a mean between patients (each case its own without ``patients``)."""
    diseased, predicted = _checked_probabilities(outcome, probability)
    owners = np.arange(diseased.size) if patients is None else patients
    (value,), ((variance,),) = clustered_means((predicted - diseased) ** 2, owners)
    half = normal_quantile(confidence) * float(np.sqrt(variance))
    low, high = max(0.0, float(value) - half), min(1.0, float(value) + half)
    return Estimate(float(value), low, high, confidence, "mean, by patient" if patients is not None else "mean")


def calibration_line(
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    confidence: float = 0.95,
) -> CalibrationLine:
    """Calibration slope and intercept (Cox 1958; Van Calster, J Clin Epidemiol 74:167, 2016).

    With ``patients`` of whom some have several cases, the errors are those between patients (sandwich).

    Raises
    ------
    ParameterError
        When the lists do not fit, a class is missing, the predictions are all the same, or they separate the classes
        completely (no finite slope).
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning

    diseased, predicted = _checked_probabilities(outcome, probability, both_classes=True)
    clipped = np.clip(predicted, _SMALLEST, 1 - _SMALLEST)
    logit = np.log(clipped / (1 - clipped))
    if np.ptp(logit) == 0:
        raise ParameterError("All predictions are the same; there is no slope.")
    ones = np.ones((logit.size, 1))
    errors: dict[str, Any] = {}
    if patients is not None and is_clustered(patients):
        errors = {"cov_type": "cluster", "cov_kwds": {"groups": patient_index(patients, logit.size)}}
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            line = GLM(diseased.astype(float), np.column_stack([ones, logit]), family=Binomial()).fit(**errors)
            large = GLM(diseased.astype(float), ones, family=Binomial(), offset=logit).fit(**errors)
        except (PerfectSeparationError, PerfectSeparationWarning) as error:
            raise ParameterError(
                "The predictions separate the classes completely; there is no finite slope."
            ) from error
    z = normal_quantile(confidence)

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(float(value), float(value - z * error), float(value + z * error), confidence, "Wald")

    return CalibrationLine(
        slope=estimate(line.params[1], line.bse[1]),
        intercept=estimate(line.params[0], line.bse[0]),
        in_the_large=estimate(large.params[0], large.bse[0]),
    )


def hosmer_lemeshow(
    outcome: ArrayLike, probability: ArrayLike, *, groups: int = 10, fitted_on_these_cases: bool = False
) -> ChiSquareTest:
    """Hosmer–Lemeshow test over groups of equal size: Σ (observed − expected)² / (n·p̄·(1 − p̄)).

    Parameters
    ----------
    fitted_on_these_cases : bool
        True when the model was fitted to these cases: groups − 2 degrees of freedom; on new cases as many as groups.

    Raises
    ------
    ParameterError
        When the lists do not fit, or there are too few different predictions to make three groups.

    References
    ----------
    Hosmer, Lemeshow: Applied Logistic Regression, 2nd edition (2000), section 5.2.2.
    """
    from scipy.stats import chi2

    table = reliability_bins(outcome, probability, bins=groups)
    if len(table) < 3:
        raise ParameterError("There are too few different predictions for the Hosmer–Lemeshow test.")
    count, expected, observed = (table[name].to_numpy(float) for name in ("count", "predicted", "observed"))
    variance = expected * (1 - expected) / count
    if (variance == 0).any():
        raise ParameterError("A group of predictions is exactly 0 or 1; the Hosmer–Lemeshow test does not exist.")
    statistic = float(((observed - expected) ** 2 / variance).sum())
    degrees = len(table) - 2 if fitted_on_these_cases else len(table)
    return ChiSquareTest(statistic, degrees, float(chi2.sf(statistic, degrees)))


def calibration_summary(outcome: ArrayLike, probability: ArrayLike, *, bins: int = 10) -> dict[str, Any]:
    """Everything above for a report, JSON-ready; what does not exist for these cases is None."""

    def if_it_exists(measure: Any) -> Any:
        try:
            return measure(outcome, probability)
        except ParameterError:
            return None

    line = if_it_exists(calibration_line)
    test = if_it_exists(hosmer_lemeshow)
    return {
        "brier_score": brier_score(outcome, probability),
        "expected_calibration_error": expected_calibration_error(outcome, probability, bins=bins),
        "slope": line.slope.as_dict() if line else None,
        "intercept": line.intercept.as_dict() if line else None,
        "in_the_large": line.in_the_large.as_dict() if line else None,
        "hosmer_lemeshow": vars(test) if test else None,
        "reliability": reliability_bins(outcome, probability, bins=bins).to_dict("records"),
    }


def plot_reliability(outcome: ArrayLike, probability: ArrayLike, path: Path, *, bins: int = 10) -> None:
    """Write the reliability diagram as a PNG: observed share with Wilson intervals, and where the predictions lie."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = reliability_bins(outcome, probability, bins=bins)
    diseased, predicted = _checked_probabilities(outcome, probability)
    figure = Figure(figsize=(5, 6), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="Perfect calibration")
    errors = np.abs(table[["observed_low", "observed_high"]].to_numpy() - table[["observed"]].to_numpy()).T
    axes.errorbar(
        *(table["predicted"], table["observed"]),
        yerr=errors,
        fmt="o-",
        color="#1f5fa8",
        capsize=3,
        label="Observed, 95% interval",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="Observed share with disease")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    below.hist(
        [predicted[~diseased], predicted[diseased]],
        np.linspace(0, 1, 21),
        color=["0.7", "#b5442e"],
        label=["without disease", "with disease"],
        stacked=True,
    )
    below.set(xlabel="Predicted probability", ylabel="Cases")
    below.legend(frameon=False, fontsize=8)
    with replaced_on_success(path) as temporary:
        figure.savefig(temporary)


def _checked_probabilities(
    outcome: ArrayLike, probability: ArrayLike, *, both_classes: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    diseased, predicted = checked_cases(outcome, probability, both_classes=both_classes)
    if predicted.min() < 0 or predicted.max() > 1:
        raise ParameterError("A predicted probability lies between 0 and 1.")
    return diseased, predicted
