"""Logistic regression that survives small cohorts: maximum likelihood, separation detected, Firth's penalty."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.special import expit

from MicrocalcAILib.base.errors import MicrocalcError

Array = NDArray[np.float64]
MAXIMUM_LIKELIHOOD = "maximum likelihood"
FIRTH = "Firth penalized likelihood"
_NORMAL_QUANTILE = float(stats.norm.ppf(0.975))
_SUSPECT_ERROR = 10.0  # per standard deviation of the predictor
_PROFILE_DROP = float(stats.chi2.ppf(0.95, 1)) / 2


class RegressionError(MicrocalcError):
    """The regression cannot be computed from these lesions."""


@dataclass(frozen=True)
class LogisticFit:
    """A fitted logistic model; 95 % intervals.

    Parameters
    ----------
    terms : tuple of str
        Names of the coefficients, without the intercept.
    intercept : float
    coefficients, standard_errors, low, high, p_values : float arrays, shape (terms,)
        Log odds ratios per unit. Wald intervals and tests for maximum likelihood, profile intervals and penalized
        likelihood-ratio tests for Firth's method.
    covariance : float array, shape (terms + 1, terms + 1)
        Intercept first.
    log_likelihood, null_log_likelihood : float
        Penalized for Firth's method.
    method : str
        ``MAXIMUM_LIKELIHOOD`` or ``FIRTH``.
    count, event_count : int
        Lesions and malignant lesions.
    """

    terms: tuple[str, ...]
    intercept: float
    coefficients: Array
    standard_errors: Array
    low: Array
    high: Array
    p_values: Array
    covariance: Array
    log_likelihood: float
    null_log_likelihood: float
    method: str
    count: int
    event_count: int

    def log_odds(self, design: pd.DataFrame) -> Array:
        """Log odds of malignancy of each row; ``design`` needs the columns ``terms``."""
        return np.asarray(self.intercept + design[list(self.terms)].to_numpy(dtype=float) @ self.coefficients)

    def probability(self, design: pd.DataFrame) -> Array:
        """Probability of malignancy of each row, 0 to 1."""
        return np.asarray(expit(self.log_odds(design)))

    @property
    def likelihood_ratio_p(self) -> float:
        """P value of the model against the one with the intercept only."""
        return float(stats.chi2.sf(2 * (self.log_likelihood - self.null_log_likelihood), len(self.terms)))


def separation(design: pd.DataFrame, malignant: NDArray[np.bool_]) -> str:
    """``none``, ``quasi-complete`` or ``complete`` separation of the groups by a linear combination of the columns.

    With separation the maximum-likelihood estimate is infinite. Found by linear programming (Konis 2007).
    """
    signed = np.where(malignant, 1.0, -1.0)[:, None] * _with_intercept(_standardized(design)[0])
    rows = np.zeros(len(signed))
    bounds = [(-1.0, 1.0)] * signed.shape[1]
    best = optimize.linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=rows, bounds=bounds, method="highs")
    if best.status != 0 or -best.fun < 1e-7:
        return "none"
    strict = optimize.linprog(
        np.zeros(signed.shape[1]), A_ub=-signed, b_ub=rows - 1, bounds=[(None, None)] * signed.shape[1], method="highs"
    )
    return "complete" if strict.status == 0 else "quasi-complete"


def fit_logistic(
    design: pd.DataFrame, malignant: NDArray[np.bool_], method: str | None = None, *, with_intervals: bool = True
) -> LogisticFit:
    """Fit malignant ~ columns of ``design``.

    Parameters
    ----------
    design : DataFrame of float, without missing values
    malignant : bool array
    method : str, optional
        ``MAXIMUM_LIKELIHOOD`` or ``FIRTH``. Without it: maximum likelihood, or Firth's method when the columns
        separate the groups.
    with_intervals : bool
        False leaves out the intervals and P values of Firth's method, which take most of its time.

    Raises
    ------
    RegressionError
        When there are too few lesions, or columns that are constant or determine each other.
    """
    malignant = np.asarray(malignant, dtype=bool)
    design = design.astype(float)
    if malignant.all() or not malignant.any():
        raise RegressionError("The regression needs benign and malignant lesions with complete values.")
    if len(design) <= design.shape[1] + 1:
        raise RegressionError(f"{len(design)} complete lesions are too few for {design.shape[1]} predictors.")
    full = _with_intercept(_standardized(design)[0])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        raise RegressionError("The predictors determine each other or one is constant; please leave one out.")
    if method == FIRTH:
        return _fit_firth(design, malignant, with_intervals)
    if method == MAXIMUM_LIKELIHOOD:
        return _fit_maximum_likelihood(design, malignant)
    try:
        fit = _fit_maximum_likelihood(design, malignant)
        if np.max(fit.standard_errors * design.std(ddof=0).to_numpy()) < _SUSPECT_ERROR:
            return fit  # with separation a standard error grows without limit
    except RegressionError:
        if separation(design, malignant) == "none":
            raise
    else:
        if separation(design, malignant) == "none":
            return fit
    return _fit_firth(design, malignant, with_intervals)


def added_value_p(design: pd.DataFrame, malignant: NDArray[np.bool_], base: list[str], method: str) -> float:
    """P value of what the other columns add to the columns ``base`` (likelihood ratio).

    Under Firth's method the coefficients of the other columns are held at 0 in the full model, because penalized
    likelihoods of different designs cannot be compared (Heinze & Schemper 2002).
    """
    added = design.shape[1] - len(base)
    if method == FIRTH:
        full, outcome = _with_intercept(_standardized(design.astype(float))[0]), malignant.astype(float)
        free = np.array([True, *(name in base for name in design.columns)])
        start = np.zeros(full.shape[1])
        complete = _maximize_penalized(full, outcome, start, np.ones(len(free), dtype=bool))[1]
        gain = complete - _maximize_penalized(full, outcome, start, free)[1]
    else:
        gain = (
            fit_logistic(design, malignant, method).log_likelihood
            - fit_logistic(design[base], malignant, method).log_likelihood
        )
    return float(stats.chi2.sf(2 * max(gain, 0.0), added))


def _standardized(design: pd.DataFrame) -> tuple[Array, Array, Array]:
    values = design.to_numpy(dtype=float)
    center, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return (values - center) / scale, center, scale


def _with_intercept(values: Array) -> Array:
    return np.column_stack([np.ones(len(values)), values])


def _null_log_likelihood(malignant: NDArray[np.bool_]) -> float:
    share = malignant.mean()
    return float(len(malignant) * (share * np.log(share) + (1 - share) * np.log(1 - share)))


def _unscaled(estimate: Array, covariance: Array, center: Array, scale: Array) -> tuple[float, Array, Array]:
    """Intercept, coefficients and covariance in the units of the design."""
    back = np.eye(len(estimate))
    back[0, 1:] = -center / scale
    back[1:, 1:] = np.diag(1 / scale)
    original = back @ estimate
    return float(original[0]), original[1:], back @ covariance @ back.T


def _fit_maximum_likelihood(design: pd.DataFrame, malignant: NDArray[np.bool_]) -> LogisticFit:
    from statsmodels.discrete.discrete_model import Logit

    values, center, scale = _standardized(design)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is checked below
        try:
            result = Logit(malignant.astype(float), _with_intercept(values)).fit(disp=0, maxiter=200)
        except np.linalg.LinAlgError as error:
            raise RegressionError("The predictors separate the groups; please use Firth's method.") from error
    if not result.mle_retvals["converged"] or np.abs(result.params).max() > 1e3:
        raise RegressionError("The predictors separate the groups; please use Firth's method.")
    intercept, coefficients, covariance = _unscaled(
        np.asarray(result.params), np.asarray(result.cov_params()), center, scale
    )
    variances = np.diag(covariance)[1:]
    if not (variances > 0).all():
        raise RegressionError("The predictors separate the groups; please use Firth's method.")
    errors = np.sqrt(variances)
    return LogisticFit(
        terms=tuple(str(name) for name in design.columns),
        intercept=intercept,
        coefficients=coefficients,
        standard_errors=errors,
        low=coefficients - _NORMAL_QUANTILE * errors,
        high=coefficients + _NORMAL_QUANTILE * errors,
        p_values=2 * stats.norm.sf(np.abs(coefficients / errors)),
        covariance=covariance,
        log_likelihood=float(result.llf),
        null_log_likelihood=_null_log_likelihood(malignant),
        method=MAXIMUM_LIKELIHOOD,
        count=len(malignant),
        event_count=int(malignant.sum()),
    )


# --- Firth's method: Firth 1993; Heinze & Schemper, Statistics in Medicine 2002;21:2409 ------------------------------


def _penalized_log_likelihood(full: Array, outcome: Array, estimate: Array) -> float:
    log_odds = full @ estimate
    weights = expit(log_odds) * expit(-log_odds)
    sign, log_determinant = np.linalg.slogdet(full.T @ (weights[:, None] * full))
    if sign <= 0:
        return -np.inf
    return float(outcome @ log_odds - np.logaddexp(0.0, log_odds).sum() + 0.5 * log_determinant)


def _maximize_penalized(full: Array, outcome: Array, start: Array, free: NDArray[np.bool_]) -> tuple[Array, float]:
    """Newton steps with halving over the ``free`` coefficients; the others keep their start value."""
    estimate = start.copy()
    value = _penalized_log_likelihood(full, outcome, estimate)
    for _ in range(500):
        probability = expit(full @ estimate)
        weights = probability * (1 - probability)
        information = full.T @ (weights[:, None] * full)
        leverage = weights * np.einsum("ij,jk,ik->i", full, np.linalg.pinv(information), full)
        score = full.T @ (outcome - probability + leverage * (0.5 - probability))
        step = np.zeros_like(estimate)
        step[free] = np.linalg.lstsq(information[np.ix_(free, free)], score[free], rcond=None)[0]
        step *= min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
        improvement = 0.0
        for _ in range(40):
            improvement = _penalized_log_likelihood(full, outcome, estimate + step) - value
            if improvement > 0:
                break
            step /= 2
        if improvement < 1e-11:
            return estimate, value
        estimate, value = estimate + step, value + improvement
    raise RegressionError("Firth's method did not converge; please use fewer predictors.")


def _fit_firth(design: pd.DataFrame, malignant: NDArray[np.bool_], with_intervals: bool) -> LogisticFit:
    values, center, scale = _standardized(design)
    full, outcome = _with_intercept(values), malignant.astype(float)
    size = full.shape[1]
    everything = np.ones(size, dtype=bool)
    estimate, best = _maximize_penalized(full, outcome, np.zeros(size), everything)
    only_intercept = np.zeros(size, dtype=bool)
    only_intercept[0] = True
    null = _maximize_penalized(full, outcome, np.zeros(size), only_intercept)[1]
    weights = expit(full @ estimate) * expit(-(full @ estimate))
    scaled_covariance = np.linalg.inv(full.T @ (weights[:, None] * full))
    intercept, coefficients, covariance = _unscaled(estimate, scaled_covariance, center, scale)
    low, high, p_values = (np.full(size - 1, np.nan) for _ in range(3))
    for term in range(1, size) if with_intervals else ():
        free = everything.copy()
        free[term] = False

        nearby = estimate.copy()

        def drop(value: float, free: NDArray[np.bool_] = free, term: int = term, nearby: Array = nearby) -> float:
            nearby[term] = value  # the last maximum is a good start for the next
            nearby[:], maximum = _maximize_penalized(full, outcome, nearby, free)
            return best - maximum

        error = float(np.sqrt(scaled_covariance[term, term]))
        low[term - 1] = _profile_bound(drop, estimate[term], -error) / scale[term - 1]
        high[term - 1] = _profile_bound(drop, estimate[term], error) / scale[term - 1]
        p_values[term - 1] = stats.chi2.sf(2 * max(drop(0.0), 0.0), 1)
    return LogisticFit(
        terms=tuple(str(name) for name in design.columns),
        intercept=intercept,
        coefficients=coefficients,
        standard_errors=np.sqrt(np.diag(covariance))[1:],
        low=low,
        high=high,
        p_values=p_values,
        covariance=covariance,
        log_likelihood=best,
        null_log_likelihood=null,
        method=FIRTH,
        count=len(malignant),
        event_count=int(malignant.sum()),
    )


def _profile_bound(drop: Callable[[float], float], estimate: float, step: float) -> float:
    """Where the profile of the penalized likelihood has fallen by half the chi-square quantile; infinite if nowhere."""
    far = estimate + 2 * step
    for _ in range(12):
        if drop(far) > _PROFILE_DROP:
            return float(optimize.brentq(lambda value: drop(value) - _PROFILE_DROP, estimate, far, xtol=1e-8))
        far = estimate + 2 * (far - estimate)
    return float(np.inf * np.sign(step))
