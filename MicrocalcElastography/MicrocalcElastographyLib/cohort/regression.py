"""Univariate and multivariable logistic regression of a cohort, with what a reader needs to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.statistics.calibration import ChiSquareTest, calibration_line, hosmer_lemeshow
from MicrocalcAILib.statistics.estimate import Estimate

from .columns import Variable
from .design import Term, candidate_variables, design_of, terms_of
from .diagnostics import area_under_curve
from .lesions import Cohort
from .logistic import FIRTH, LogisticFit, RegressionError, fit_logistic
from .validation import Array, Rows, cross_validated
from .wording import lesions_text

SELECTION_P = 0.10
FIXED = "fixed beforehand"
FEWEST_EVENTS_PER_COEFFICIENT = 10
LARGEST_INFLATION = 5.0


@dataclass(frozen=True)
class TermResult:
    """One coefficient as an odds ratio.

    Parameters
    ----------
    term : Term
    odds_ratio : Estimate
        Per unit of the variable, or against the reference category.
    odds_ratio_per_sd : Estimate
        Per standard deviation of a number; nan for categories.
    p_value : float
    """

    term: Term
    odds_ratio: Estimate
    odds_ratio_per_sd: Estimate
    p_value: float


@dataclass(frozen=True)
class UnivariateResult:
    """One variable alone: its coefficients and the likelihood-ratio P value of the whole variable."""

    variable: Variable
    count: int
    terms: tuple[TermResult, ...]
    p_value: float
    method: str


@dataclass(frozen=True)
class CrossValidation:
    """Predictions for lesions whose patients the models never saw.

    Parameters
    ----------
    malignant : bool array, shape (lesions,)
        The lesions that could be predicted: complete in every variable on offer.
    probability : float array, shape (lesions,)
    auc : Estimate
    slope : Estimate or None
        Calibration slope; below 1 = too extreme predictions.
    """

    malignant: NDArray[np.bool_]
    probability: Array
    auc: Estimate
    slope: Estimate | None


@dataclass(frozen=True)
class Regression:
    """The multivariable model and how far to trust it.

    Parameters
    ----------
    univariate : tuple of UnivariateResult
    left_out : dict
        Variable → why it could not enter.
    rule : str
        How the variables were chosen.
    variables : tuple of Variable
        In the model.
    fit : LogisticFit
    terms : tuple of TermResult
    inflation : dict
        Variable title → generalized variance inflation factor, GVIF^(1/df) (Fox & Monette 1992); 1 = unrelated.
    events_per_coefficient : float
        Lesions of the smaller group per coefficient.
    dropped_count : int
        Lesions left out for a missing value.
    design, malignant, probability
        Of the complete lesions, in the same order; the probability is the fitted one.
    apparent_auc : Estimate
    cross_validation : CrossValidation or None
        The choice of variables is repeated in every part; None with fewer than five lesions in a group.
    hosmer_lemeshow : ChiSquareTest or None
    warnings : tuple of WarningRecord
    """

    univariate: tuple[UnivariateResult, ...]
    left_out: dict[str, str]
    rule: str
    variables: tuple[Variable, ...]
    fit: LogisticFit
    terms: tuple[TermResult, ...]
    inflation: dict[str, float]
    events_per_coefficient: float
    dropped_count: int
    design: pd.DataFrame
    malignant: NDArray[np.bool_]
    probability: Array
    apparent_auc: Estimate
    cross_validation: CrossValidation | None
    hosmer_lemeshow: ChiSquareTest | None
    warnings: tuple[WarningRecord, ...]


def regress(cohort: Cohort, fixed: Sequence[str] = (), *, seed: int = 0) -> Regression:
    """Fit the model of the study.

    Parameters
    ----------
    fixed : sequence of str
        Variables of the model; without them every variable with a univariate P below 0.10 enters (Yan & Fang 2025).
    seed : int
        Of the cross-validation.

    Raises
    ------
    RegressionError
        When no model can be fitted; the sentence says why.
    """
    candidates, left_out = candidate_variables(cohort)
    univariate = tuple(alone for variable in candidates if (alone := univariate_result(cohort, variable)) is not None)
    if fixed:
        variables = tuple(cohort.variable(name) for name in fixed)
        renaming = [variable.title for variable in variables if variable.describes_outcome]
        if renaming:
            raise RegressionError(f"“{renaming[0]}” only renames the outcome; please leave it out of the model.")
        rule = FIXED
    else:
        variables = tuple(result.variable for result in univariate if result.p_value < SELECTION_P)
        rule = f"univariate P below {SELECTION_P:.2f}"
        if not variables:
            raise RegressionError(
                f"No variable has a univariate P below {SELECTION_P:.2f}; there is nothing to combine."
            )
    terms = [term for variable in variables for term in terms_of(cohort, variable)]
    design = design_of(cohort, terms)
    complete = design.notna().all(axis=1).to_numpy()
    design, malignant, patients = design[complete], cohort.malignant[complete], cohort.patients[complete]
    fit = fit_logistic(design, malignant)
    probability = fit.probability(design)
    result = Regression(
        univariate=univariate,
        left_out=left_out,
        rule=rule,
        variables=variables,
        fit=fit,
        terms=_term_results(fit, terms, design),
        inflation=variance_inflation(design, _term_groups(variables, terms)),
        events_per_coefficient=min(malignant.sum(), (~malignant).sum()) / len(terms),
        dropped_count=int((~complete).sum()),
        design=design,
        malignant=malignant,
        probability=probability,
        apparent_auc=area_under_curve(malignant, fit.log_odds(design), patients, seed),
        cross_validation=_cross_validate(cohort, variables if fixed else candidates, choose=not fixed, seed=seed),
        hosmer_lemeshow=_goodness_of_fit(malignant, probability),
        warnings=(),
    )
    return replace(result, warnings=_warnings(result))


def _warnings(result: Regression) -> tuple[WarningRecord, ...]:
    collinear = [title for title, factor in result.inflation.items() if factor > LARGEST_INFLATION]
    found = {
        "separation": result.fit.method == FIRTH
        and "The variables separate the benign from the malignant lesions (almost) completely, so usual odds ratios "
        "would be infinite; Firth's penalized likelihood was used.",
        "few-events": result.events_per_coefficient < FEWEST_EVENTS_PER_COEFFICIENT
        and f"Only {result.events_per_coefficient:.1f} lesions of the smaller group for each coefficient (10 or more "
        "are wanted): the odds ratios are likely too far from 1.",
        "collinear": bool(collinear)
        and f"{', '.join(collinear)} tell much the same as other variables; their odds ratios cannot be read apart.",
        "incomplete": result.dropped_count > 0
        and f"Left out of the model for a missing value: {lesions_text(result.dropped_count)}.",
        "selected-by-p": result.rule != FIXED
        and "The variables were chosen by P values on the same lesions: intervals and P values are too optimistic.",
    }
    return tuple(WarningRecord(code, message) for code, message in found.items() if message)


def univariate_result(cohort: Cohort, variable: Variable) -> UnivariateResult | None:
    """One variable alone; None when it cannot be fitted."""
    terms = terms_of(cohort, variable)
    design = design_of(cohort, terms)
    complete = design.notna().all(axis=1).to_numpy()
    design, malignant = design[complete], cohort.malignant[complete]
    try:
        fit = fit_logistic(design, malignant)
    except RegressionError:
        return None
    return UnivariateResult(
        variable, len(design), _term_results(fit, terms, design), fit.likelihood_ratio_p, fit.method
    )


def _term_results(fit: LogisticFit, terms: Sequence[Term], design: pd.DataFrame) -> tuple[TermResult, ...]:
    results = []
    for index, term in enumerate(terms):
        log = np.array([fit.coefficients[index], fit.low[index], fit.high[index]])
        spread = np.nan if term.category else float(design[term.name].std(ddof=1))
        results.append(TermResult(term, _odds_ratio(log), _odds_ratio(log * spread), float(fit.p_values[index])))
    return tuple(results)


def _odds_ratio(log_odds_ratios: Array) -> Estimate:
    with np.errstate(over="ignore"):
        value, low, high = (float(ratio) for ratio in np.exp(log_odds_ratios))
    return Estimate(value, low, high)


def _term_groups(variables: Sequence[Variable], terms: Sequence[Term]) -> dict[str, list[str]]:
    return {variable.title: [term.name for term in terms if term.variable == variable] for variable in variables}


def variance_inflation(design: pd.DataFrame, groups: dict[str, list[str]]) -> dict[str, float]:
    """Generalized variance inflation factor of each variable, GVIF^(1/df); the usual VIF for one column.

    Source: Fox & Monette, JASA 1992;87:178.
    """
    if len(groups) < 2:
        return dict.fromkeys(groups, 1.0)
    correlation = design.corr()
    whole = np.linalg.det(correlation)
    factors = {}
    for title, columns in groups.items():
        others = [column for column in design.columns if column not in columns]
        parts = np.linalg.det(correlation.loc[columns, columns]) * np.linalg.det(correlation.loc[others, others])
        factors[title] = float((parts / whole) ** (1 / len(columns))) if whole > 0 else np.inf
    return factors


def _cross_validate(cohort: Cohort, variables: Sequence[Variable], choose: bool, seed: int) -> CrossValidation | None:
    terms = [term for variable in variables for term in terms_of(cohort, variable)]
    groups = _term_groups(variables, terms)
    design = design_of(cohort, terms)
    complete = design.notna().all(axis=1).to_numpy()
    design, malignant, patients = design[complete], cohort.malignant[complete], cohort.patients[complete]

    def predict(train: Rows, test: Rows) -> Array:
        outcome, fitted = malignant[train], design.iloc[train]
        varied = {title: [name for name in names if fitted[name].nunique() > 1] for title, names in groups.items()}
        names = [
            name
            for columns in varied.values()
            if columns and (not choose or _alone(fitted[columns], outcome) < SELECTION_P)
            for name in columns
        ]
        if not names:
            return np.full(len(test), np.log(outcome.mean() / (1 - outcome.mean())))
        return fit_logistic(fitted[names], outcome, with_intervals=False).log_odds(design.iloc[test])

    try:
        log_odds = cross_validated(predict, malignant, patients, seed=seed)
    except RegressionError:
        return None
    if log_odds is None:
        return None
    probability = np.asarray(expit(log_odds))
    auc = area_under_curve(malignant, log_odds, patients, seed)
    return CrossValidation(malignant, probability, auc, _slope(malignant, probability))


def _alone(design: pd.DataFrame, malignant: NDArray[np.bool_]) -> float:
    try:
        return fit_logistic(design, malignant, with_intervals=False).likelihood_ratio_p
    except RegressionError:
        return 1.0


def _goodness_of_fit(malignant: NDArray[np.bool_], probability: Array) -> ChiSquareTest | None:
    try:
        return hosmer_lemeshow(malignant, probability, fitted_on_these_cases=True)
    except ParameterError:
        return None


def _slope(malignant: NDArray[np.bool_], probability: Array) -> Estimate | None:
    try:
        with np.errstate(over="ignore"):
            return calibration_line(malignant, probability).slope
    except ParameterError:
        return None
