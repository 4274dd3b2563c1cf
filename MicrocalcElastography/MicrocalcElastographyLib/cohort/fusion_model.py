"""What a cohort with mammographic probability and stiffness says about combining the two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.statistics.estimate import Estimate, normal_quantile

from ..fusion import ASSUMPTION, JOINT, CombinedRisk, LikelihoodRatio, MammographicProbability, MapQuality, combine
from .associations import spearman
from .columns import Variable
from .firth import RegressionError
from .lesions import Cohort
from .logistic import LogisticFit, fit_logistic

FEWEST_EVENTS_PER_COEFFICIENT = 10


@dataclass(frozen=True)
class IndependenceTest:
    """Is stiffness unrelated to the mammographic probability inside each group?

    Parameters
    ----------
    malignant, benign : Estimate
        Spearman's correlation inside the group.
    p_value : float
        Both groups together (weighted sum of Fisher's z).
    statement : str
        The outcome in words.
    """

    malignant: Estimate
    benign: Estimate
    p_value: float
    statement: str


@dataclass(frozen=True)
class FusionModel:
    """What a cohort with both measurements says about combining them.

    Parameters
    ----------
    parameter : Variable
    independence : IndependenceTest
    joint : LogisticFit or None
        malignant ~ mammographic log odds + stiffness; None when there are fewer than 10 lesions of the smaller group
        for each of the two coefficients.
    cohort : Cohort
    """

    parameter: Variable
    independence: IndependenceTest
    joint: LogisticFit | None
    cohort: Cohort

    @property
    def cohort_prevalence(self) -> float:
        """Share of malignant lesions in the cohort."""
        return float(self.cohort.malignant.mean())

    def risk(
        self, mammographic: MammographicProbability, value: float, quality: MapQuality, prevalence: float | None = None
    ) -> CombinedRisk:
        """The risk of one lesion: by the joint model when there is one, else by odds × likelihood ratio.

        Parameters
        ----------
        mammographic : MammographicProbability
            From the same model, on the same scale, as in the cohort.
        value : float
            Stiffness, in the parameter's unit.
        quality : MapQuality
        prevalence : float, optional
            Share of malignant lesions where the risk is meant; without it the share of the cohort is kept, which is
            said in a warning.

        Raises
        ------
        ParameterError
            When the prevalence is not between 0 and 1.
        """
        mix = self.cohort_prevalence
        moved = mammographic if prevalence is None else mammographic.moved_to(prevalence, mix)
        ratio = cohort_likelihood_ratio(self.cohort, self.parameter, value)
        result = combine(moved, ratio, quality)
        warnings = result.warnings
        if prevalence is None:
            message = f"The risk is for a clinic where {mix:.0%} of the lesions are malignant, as in the cohort."
            warnings = (*warnings, WarningRecord("cohort-mix", message))
        if self.joint is None or not result.is_stiffness_used:
            return replace(result, assumption=f"{ASSUMPTION} {self.independence.statement}", warnings=warnings)
        assumption = (
            "Both were fitted together, so no independence is assumed; the log odds are taken as linear in both. "
            f"{self.independence.statement}"
        )
        shift = 0.0 if prevalence is None else float(logit(prevalence) - logit(mix))
        risk = self._joint_risk(self.joint, mammographic, value, shift)
        return replace(result, risk=risk, method=JOINT, assumption=assumption, warnings=warnings)

    @staticmethod
    def _joint_risk(joint: LogisticFit, mammographic: MammographicProbability, value: float, shift: float) -> Estimate:
        low, prior, high = mammographic.log_odds()
        row = np.array([1.0, prior, value])
        center = float(row @ np.array([joint.intercept, *joint.coefficients])) + shift
        half = normal_quantile(0.95) * float(np.sqrt(row @ joint.covariance @ row))
        slope = float(joint.coefficients[0])
        ends = sorted((slope * (low - prior), slope * (high - prior)))
        below, above = -float(np.hypot(ends[0], half)), float(np.hypot(ends[1], half))
        risk, lowest, highest = (float(expit(center + step)) for step in (0.0, below, above))
        return Estimate(risk, lowest, highest)


def cohort_likelihood_ratio(cohort: Cohort, parameter: Variable, value: float) -> LikelihoodRatio:
    """Likelihood ratio of exactly this value, from a logistic curve through the user's own cohort.

    log LR(x) = intercept + slope · x − log(malignant / benign); its variance is the one of the linear predictor less
    1/malignant + 1/benign, because the group sizes say nothing about stiffness (Prentice & Pyke 1979).

    Raises
    ------
    ParameterError
        When the cohort is too small for a curve.
    """
    design = cohort.values[[parameter.name]].astype(float).dropna()
    known = cohort.values[parameter.name].notna().to_numpy()
    malignant, patients = cohort.malignant[known], cohort.patients[known]
    counts = int(malignant.sum()), int((~malignant).sum())
    if min(counts) < FEWEST_EVENTS_PER_COEFFICIENT:
        raise ParameterError("A likelihood ratio from a cohort needs at least 10 benign and 10 malignant lesions.")
    try:
        fit = fit_logistic(design, malignant, patients=patients)
    except RegressionError as error:
        raise ParameterError(f"The cohort gives no likelihood ratio: {error}") from error
    row = np.array([1.0, value])
    variance = float(row @ fit.covariance @ row) - 1 / counts[0] - 1 / counts[1]
    center = float(row @ np.array([fit.intercept, *fit.coefficients]) - np.log(counts[0] / counts[1]))
    half = normal_quantile(0.95) * np.sqrt(max(variance, 0.0))
    low, high = float(design.min().iloc[0]), float(design.max().iloc[0])
    warnings = []
    if not low <= value <= high:
        message = f"{value:g} lies outside the cohort's range, {low:g} to {high:g}: the ratio is an extrapolation."
        warnings.append(WarningRecord("extrapolated", message))
    return LikelihoodRatio(
        Estimate(float(np.exp(center)), float(np.exp(center - half)), float(np.exp(center + half)), method=fit.method),
        f"{parameter.label} {value:g} {parameter.unit}".rstrip(),
        f"own cohort, {counts[0]} malignant and {counts[1]} benign lesions",
        tuple(warnings),
    )


def fit_fusion(cohort: Cohort, parameter: Variable, probability: Variable) -> FusionModel:
    """Test independence and fit the joint model on a cohort that has both measurements.

    Raises
    ------
    ParameterError
        When fewer than 10 benign or 10 malignant lesions have both.
    """
    both = cohort.values[[probability.name, parameter.name]].astype(float)
    complete = both.notna().all(axis=1).to_numpy()
    both, malignant = both[complete], cohort.malignant[complete]
    counts = int(malignant.sum()), int((~malignant).sum())
    if min(counts) < FEWEST_EVENTS_PER_COEFFICIENT:
        raise ParameterError("Combining both needs at least 10 benign and 10 malignant lesions that have both.")
    inside = both[probability.name].clip(1e-4, 1 - 1e-4)
    design = pd.DataFrame({"mammographic log odds": logit(inside), parameter.name: both[parameter.name]})
    joint = None
    if min(counts) >= 2 * FEWEST_EVENTS_PER_COEFFICIENT:
        try:
            joint = fit_logistic(design, malignant, patients=cohort.patients[complete])
        except RegressionError:
            joint = None
    return FusionModel(parameter, assess_independence(design, malignant), joint, cohort)


def assess_independence(design: pd.DataFrame, malignant: NDArray[np.bool_]) -> IndependenceTest:
    """Spearman's correlation of the two columns inside each group, and one P value for both groups."""
    groups = design[malignant].to_numpy(), design[~malignant].to_numpy()
    estimates = [spearman(group) for group in groups]
    weights = np.array([len(group) - 3 for group in groups], dtype=float)
    centers = np.arctanh(np.clip([estimate.value for estimate in estimates], -0.999, 0.999))
    z = float((weights * centers).sum() / np.sqrt((weights * (1 + np.tanh(centers) ** 2 / 2)).sum()))
    p_value = float(2 * stats.norm.sf(abs(z)))
    largest = max(abs(bound) for estimate in estimates for bound in (estimate.low, estimate.high))
    if p_value < 0.05:
        statement = (
            f"In this cohort they are related inside the groups (correlation {estimates[0].value:.2f} in malignant, "
            f"{estimates[1].value:.2f} in benign lesions, P = {p_value:.2g}): multiplying counts the shared part twice."
        )
    else:
        statement = (
            f"In this cohort no relation inside the groups was found (P = {p_value:.2g}), but a correlation of up to "
            f"{largest:.2f} cannot be excluded."
        )
    return IndependenceTest(estimates[0], estimates[1], p_value, statement)


def risk_from_cohort(
    cohort: Cohort,
    mammographic: MammographicProbability,
    value: float,
    quality: MapQuality,
    parameter: str | None = None,
    prevalence: float | None = None,
) -> CombinedRisk:
    """The risk of one lesion with whatever the cohort offers.

    With a mammographic probability in the cohort by :class:`FusionModel`, else by odds × likelihood ratio.

    Parameters
    ----------
    parameter : str, optional
        Column of the stiffness; the first elastography parameter without it.

    Raises
    ------
    ParameterError
        When the cohort has no stiffness, or too few lesions.
    """
    stiffness = [variable for variable in cohort.parameters if variable.key != "probability"]
    if parameter is None and not stiffness:
        raise ParameterError("The cohort has no stiffness column; please name one.")
    chosen = stiffness[0] if parameter is None else cohort.variable(parameter)
    probability = next((variable for variable in cohort.variables if variable.key == "probability"), None)
    if probability is not None:
        return fit_fusion(cohort, chosen, probability).risk(mammographic, value, quality, prevalence)
    if prevalence is not None:
        raise ParameterError("A prevalence needs a cohort with a mammographic probability of every lesion.")
    return combine(mammographic, cohort_likelihood_ratio(cohort, chosen, value), quality)
