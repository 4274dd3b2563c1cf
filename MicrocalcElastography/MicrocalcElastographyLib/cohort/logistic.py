"""Logistic regression that survives small cohorts: maximum likelihood, Firth's penalty for separated groups, errors by
patient."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from MicrocalcAILib.statistics.clustered import is_clustered, patient_index

from .firth import FirthFit, RegressionError, constrained_maximum, fit_firth

Array = NDArray[np.float64]
MAXIMUM_LIKELIHOOD = "maximum likelihood"
FIRTH = "Firth penalized likelihood"
_NORMAL_QUANTILE = float(stats.norm.ppf(0.975))
_SUSPECT_ERROR = 10.0  # per standard deviation of the predictor
_MOST_STEPS = 35  # of Newton; where a maximum exists fewer than 20 reach it


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
        likelihood-ratio tests for Firth's method (NaN where the profile has no answer); Wald's with Student's t
        when patients have several lesions.
    covariance : float array, shape (terms + 1, terms + 1)
        Intercept first.
    log_likelihood, null_log_likelihood : float
        Penalized for Firth's method.
    method : str
        ``MAXIMUM_LIKELIHOOD`` or ``FIRTH``.
    count, event_count : int
        Lesions and malignant lesions.
    patient_count : int
        0 when every lesion has its own patient; otherwise the covariance allows for lesions of one patient being
        alike.
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
    patient_count: int = 0

    def log_odds(self, design: pd.DataFrame) -> Array:
        """Log odds of malignancy of each row; ``design`` needs the columns ``terms``."""
        return np.asarray(self.intercept + design[list(self.terms)].to_numpy(dtype=float) @ self.coefficients)

    def probability(self, design: pd.DataFrame) -> Array:
        """Probability of malignancy of each row, 0 to 1."""
        return np.asarray(expit(self.log_odds(design)))

    @property
    def model_p(self) -> float:
        """P value of the model against the one with the intercept only: likelihood ratio, or Wald by patient."""
        if self.patient_count:
            return self.wald_p(self.terms)
        return float(stats.chi2.sf(2 * max(self.log_likelihood - self.null_log_likelihood, 0.0), len(self.terms)))

    def wald_p(self, terms: Sequence[str]) -> float:
        """P value of the coefficients of ``terms`` together being 0, by the covariance (F test with patients − 1)."""
        chosen = [self.terms.index(term) for term in terms]
        part = self.covariance[np.ix_([index + 1 for index in chosen], [index + 1 for index in chosen])]
        statistic = float(self.coefficients[chosen] @ np.linalg.pinv(part) @ self.coefficients[chosen]) / len(chosen)
        return float(stats.f.sf(statistic, len(chosen), max(self.patient_count - 1, 1)))


def fit_logistic(
    design: pd.DataFrame,
    malignant: NDArray[np.bool_],
    method: str | None = None,
    *,
    patients: NDArray[np.str_] | None = None,
    with_intervals: bool = True,
) -> LogisticFit:
    """Fit malignant ~ columns of ``design``.

    Parameters
    ----------
    design : DataFrame of float, without missing values
    malignant : bool array
    method : str, optional
        ``MAXIMUM_LIKELIHOOD`` or ``FIRTH``. Without it: maximum likelihood, or Firth's method when the columns
        separate the groups (almost) completely, so that a standard error exceeds 10 per standard deviation.
    patients : str array, optional
        When some have several lesions, standard errors, intervals and P values are those between patients (sandwich
        of Liang & Zeger 1986, as a GEE with independence gives).
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
    clustered = patients is not None and is_clustered(patients)
    fit = _fit(design, malignant, method, with_intervals and not clustered)
    return _by_patient(fit, design, malignant, patients) if patients is not None and clustered else fit


def _fit(design: pd.DataFrame, malignant: NDArray[np.bool_], method: str | None, with_intervals: bool) -> LogisticFit:
    if method == FIRTH:
        return _fit_firth(design, malignant, with_intervals)
    if method == MAXIMUM_LIKELIHOOD:
        return _fit_maximum_likelihood(design, malignant)
    try:
        fit = _fit_maximum_likelihood(design, malignant)
    except RegressionError:  # separated: the estimate is infinite
        return _fit_firth(design, malignant, with_intervals)
    if np.max(fit.standard_errors * design.std(ddof=0).to_numpy()) < _SUSPECT_ERROR:
        return fit
    return _fit_firth(design, malignant, with_intervals)  # nearly separated: without a penalty almost infinite


def _by_patient(
    fit: LogisticFit, design: pd.DataFrame, malignant: NDArray[np.bool_], patients: NDArray[np.str_]
) -> LogisticFit:
    """The fit with the covariance between patients: bread · Σ (score of a patient)(…)ᵀ · bread.

    Times I/(I − 1)·(n − 1)/(n − k) for I patients, n lesions and k coefficients, as in Stata and statsmodels; a score
    of Firth's method holds its penalty. Fewer patients than coefficients give a singular covariance.
    """
    values, center, scale = _standardized(design)
    full = _with_intercept(values)
    probability = fit.probability(design)
    weights = probability * (1 - probability)
    bread = np.linalg.inv(full.T @ (weights[:, None] * full))
    residuals = malignant - probability
    if fit.method == FIRTH:
        leverage = weights * np.einsum("ij,jk,ik->i", full, bread, full)
        residuals = residuals + leverage * (0.5 - probability)
    owner = patient_index(patients, len(full))
    count, (lesions, size) = int(owner.max()) + 1, full.shape
    if count <= size:
        raise RegressionError(f"{count} patients are too few for {size - 1} predictors.")
    sums = np.stack([np.bincount(owner, column, count) for column in (full * residuals[:, None]).T], axis=1)
    correction = count / (count - 1) * (lesions - 1) / (lesions - size)
    _, _, covariance = _unscaled(np.zeros(size), correction * bread @ sums.T @ sums @ bread, center, scale)
    errors = np.sqrt(np.diag(covariance))[1:]
    half = float(stats.t.ppf(0.975, count - 1)) * errors
    return replace(
        fit,
        standard_errors=errors,
        low=fit.coefficients - half,
        high=fit.coefficients + half,
        p_values=2 * stats.t.sf(np.abs(fit.coefficients / errors), count - 1),
        covariance=covariance,
        patient_count=count,
    )


def added_value_p(
    design: pd.DataFrame,
    malignant: NDArray[np.bool_],
    base: list[str],
    method: str,
    patients: NDArray[np.str_] | None = None,
) -> float:
    """P value of what the other columns add to the columns ``base``: likelihood ratio, or Wald by patient.

    Under Firth's method the coefficients of the other columns are held at 0 in the full model, because penalized
    likelihoods of different designs cannot be compared (Heinze & Schemper 2002).
    """
    others = [name for name in design.columns if name not in base]
    if patients is not None and is_clustered(patients):
        return fit_logistic(design, malignant, method, patients=patients).wald_p(others)
    full = fit_logistic(design, malignant, method, with_intervals=False)
    if method == FIRTH:
        held = np.array([False, *(name not in base for name in design.columns)])
        standardized = _with_intercept(_standardized(design.astype(float))[0])
        start = np.zeros(standardized.shape[1])
        smaller = constrained_maximum(standardized, malignant.astype(float), held, start)[1]
    else:
        smaller = fit_logistic(design[base], malignant, method).log_likelihood
    gain = full.log_likelihood - smaller
    return float(stats.chi2.sf(2 * max(gain, 0.0), len(others))) if np.isfinite(gain) else float("nan")


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
            result = Logit(malignant.astype(float), _with_intercept(values)).fit(disp=0, maxiter=_MOST_STEPS)
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


def _fit_firth(design: pd.DataFrame, malignant: NDArray[np.bool_], with_intervals: bool) -> LogisticFit:
    values, center, scale = _standardized(design)
    found: FirthFit = fit_firth(values, malignant.astype(float), with_intervals)
    intercept, coefficients, covariance = _unscaled(found.estimate, found.covariance, center, scale)
    return LogisticFit(
        terms=tuple(str(name) for name in design.columns),
        intercept=intercept,
        coefficients=coefficients,
        standard_errors=np.sqrt(np.diag(covariance))[1:],
        low=found.low / scale,
        high=found.high / scale,
        p_values=found.p_values,
        covariance=covariance,
        log_likelihood=found.log_likelihood,
        null_log_likelihood=found.null_log_likelihood,
        method=FIRTH,
        count=len(malignant),
        event_count=int(malignant.sum()),
    )
