"""Univariate and multivariable logistic regression of a cohort, with what a reader needs to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcAILib.statistics.calibration import (
    CalibrationLine,
    ChiSquareTest,
    brier_estimate,
    calibration_line,
    hosmer_lemeshow,
)
from MicrocalcAILib.statistics.decision import decision_curve
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.roc import auc

from .columns import Variable
from .design import Term, candidate_variables, design_of, terms_of
from .firth import RegressionError
from .imputation import fit_with_imputation
from .lesions import Cohort
from .logistic import FIRTH, LogisticFit, fit_logistic
from .validation import Array, Rows, cross_validated
from .wording import lesions_text

SELECTION_P = 0.10
FIXED = "fixed beforehand"
FEWEST_EVENTS_PER_COEFFICIENT = 10
LARGEST_INFLATION = 5.0
DECISION_THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(1, 31))  # 2 % (BI-RADS 4A begins) to 60 %


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
    auc, brier : Estimate
    line : CalibrationLine or None
        Slope (below 1 = too extreme predictions) and calibration in the large.
    decision : DataFrame
        Net benefit at each stated prevalence, see :func:`~MicrocalcAILib.statistics.decision.decision_curve`, with the
        column ``prevalence``.
    """

    malignant: NDArray[np.bool_]
    probability: Array
    auc: Estimate
    brier: Estimate
    line: CalibrationLine | None
    decision: pd.DataFrame


@dataclass(frozen=True)
class ImputedModel:
    """The same model with missing values imputed; see :mod:`.imputation`."""

    terms: tuple[TermResult, ...]
    missing_information: tuple[float, ...]
    imputations: int
    lesion_count: int


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
    imputed : ImputedModel or None
        None when no value is missing, or it cannot be fitted.
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
    imputed: ImputedModel | None
    warnings: tuple[WarningRecord, ...]


def regress(
    cohort: Cohort, fixed: Sequence[str] = (), *, prevalences: Sequence[float] = (), seed: int = 0
) -> Regression:
    """Fit the model of the study.

    Parameters
    ----------
    prevalences : sequence of float
        For which the net benefit is computed.
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
    whole = design_of(cohort, terms)
    complete = whole.notna().all(axis=1).to_numpy()
    design, malignant, patients = whole[complete], cohort.malignant[complete], cohort.patients[complete]
    fit = fit_logistic(design, malignant, patients=patients)
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
        apparent_auc=auc(malignant, fit.log_odds(design), patients=patients),
        cross_validation=_cross_validate(
            cohort, variables if fixed else candidates, choose=not fixed, prevalences=prevalences, seed=seed
        ),
        hosmer_lemeshow=_goodness_of_fit(malignant, probability),
        imputed=None if complete.all() else _imputed(cohort, whole, terms, candidates, seed),
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
    design, malignant, patients = design[complete], cohort.malignant[complete], cohort.patients[complete]
    try:
        fit = fit_logistic(design, malignant, patients=patients)
    except RegressionError:
        return None
    return UnivariateResult(variable, len(design), _term_results(fit, terms, design), fit.model_p, fit.method)


def _term_results(fit: LogisticFit, terms: Sequence[Term], design: pd.DataFrame) -> tuple[TermResult, ...]:
    results = []
    for index, term in enumerate(terms):
        log = np.array([fit.coefficients[index], fit.low[index], fit.high[index]])
        results.append(_term_result(term, log, float(fit.p_values[index]), design))
    return tuple(results)


def _term_result(term: Term, log_odds_ratio: Array, p_value: float, design: pd.DataFrame) -> TermResult:
    spread = np.nan if term.category else float(design[term.name].std(ddof=1))
    return TermResult(term, _odds_ratio(log_odds_ratio), _odds_ratio(log_odds_ratio * spread), float(p_value))


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


def _imputed(
    cohort: Cohort, design: pd.DataFrame, terms: Sequence[Term], candidates: Sequence[Variable], seed: int
) -> ImputedModel | None:
    others = [term for variable in candidates for term in terms_of(cohort, variable)]
    try:
        found = fit_with_imputation(design, design_of(cohort, others), cohort.malignant, cohort.patients, seed=seed)
    except RegressionError:
        return None
    results = tuple(
        _term_result(term, np.array([found.coefficients[i], found.low[i], found.high[i]]), found.p_values[i], design)
        for i, term in enumerate(terms)
    )
    shares = tuple(float(share) for share in found.missing_information)
    return ImputedModel(results, shares, found.imputations, len(design))


def _cross_validate(
    cohort: Cohort, variables: Sequence[Variable], choose: bool, prevalences: Sequence[float], seed: int
) -> CrossValidation | None:
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
            if columns and (not choose or _alone(fitted[columns], outcome, patients[train]) < SELECTION_P)
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
    area = auc(malignant, log_odds, patients=patients)
    decision = [
        decision_curve(malignant, probability, DECISION_THRESHOLDS, prevalence=share, patients=patients, seed=seed)
        .assign(prevalence=share)
        for share in prevalences
    ]  # fmt: skip
    return CrossValidation(
        malignant=malignant,
        probability=probability,
        auc=area,
        brier=brier_estimate(malignant, probability, patients=patients),
        line=_line(malignant, probability, patients),
        decision=pd.concat(decision, ignore_index=True) if decision else pd.DataFrame(),
    )


def _alone(design: pd.DataFrame, malignant: NDArray[np.bool_], patients: NDArray[np.str_]) -> float:
    try:
        return fit_logistic(design, malignant, patients=patients, with_intervals=False).model_p
    except RegressionError:
        return 1.0


def _goodness_of_fit(malignant: NDArray[np.bool_], probability: Array) -> ChiSquareTest | None:
    try:
        return hosmer_lemeshow(malignant, probability, fitted_on_these_cases=True)
    except ParameterError:
        return None


def _line(malignant: NDArray[np.bool_], probability: Array, patients: NDArray[np.str_]) -> CalibrationLine | None:
    try:
        with np.errstate(over="ignore"):
            return calibration_line(malignant, probability, patients=patients)
    except ParameterError:
        return None
