"""The model of the study with missing values imputed many times, beside the one of complete lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from .firth import RegressionError
from .logistic import FIRTH, LogisticFit, fit_logistic

Array = NDArray[np.float64]
IMPUTATIONS = 20
_ROUNDS = 10  # of the chained equations before a set of values is taken


@dataclass(frozen=True)
class PooledFit:
    """Coefficients pooled by Rubin's rules; arrays of shape (terms,), log odds ratios with 95 % intervals.

    Parameters
    ----------
    missing_information : float array
        Share of the variance that the missing values cause.
    imputations : int
    """

    coefficients: Array
    low: Array
    high: Array
    p_values: Array
    missing_information: Array
    imputations: int


def fit_with_imputation(
    design: pd.DataFrame,
    auxiliary: pd.DataFrame,
    malignant: NDArray[np.bool_],
    patients: NDArray[np.str_],
    *,
    seed: int = 0,
) -> PooledFit:
    """Fit malignant ~ ``design`` on twenty completed tables and pool.

    Missing values are drawn by chained Bayesian regressions on the other columns, the outcome and ``auxiliary``
    columns, which assumes that whether a value is missing depends on these only (missing at random); categories enter
    as 0 and 1 and may be imputed in between. Draws stay inside the observed range.

    Parameters
    ----------
    design, auxiliary : DataFrame of float
        NaN where missing.
    patients : str array
        Errors are those between patients when some have several lesions.

    Raises
    ------
    RegressionError
        When no completed table can be fitted, or the method is Firth's, whose variances do not pool.

    References
    ----------
    Rubin: Multiple imputation for nonresponse in surveys (1987). Barnard, Rubin: Biometrika 86:948 (1999). Moons et al:
    J Clin Epidemiol 59:1092 (2006), on imputing with the outcome.
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    extra = [name for name in auxiliary.columns if name not in design.columns and auxiliary[name].notna().any()]
    whole = pd.concat([design, auxiliary[extra]], axis=1).assign(**{"malignant lesion": malignant.astype(float)})
    lowest, highest = whole.min().to_numpy(), whole.max().to_numpy()
    center, scale = whole.mean().to_numpy(), np.where(whole.std().to_numpy() > 0, whole.std().to_numpy(), 1.0)
    standardized = (whole.to_numpy() - center) / scale
    fits: list[LogisticFit] = []
    for number in range(IMPUTATIONS):
        imputer = IterativeImputer(
            sample_posterior=True,
            max_iter=_ROUNDS,
            tol=0.0,
            random_state=seed * IMPUTATIONS + number,
            min_value=(lowest - center) / scale,
            max_value=(highest - center) / scale,
        )
        completed = _completed(imputer, standardized) * scale + center
        table = pd.DataFrame(completed[:, : design.shape[1]], columns=design.columns)
        fits.append(fit_logistic(table, malignant, patients=patients, with_intervals=False))
    if any(fit.method == FIRTH for fit in fits):
        raise RegressionError("The groups are separated; imputed models cannot be pooled.")
    return pooled(fits)


def _completed(imputer: object, values: Array) -> Array:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fixed number of rounds never “converges”
        return np.asarray(imputer.fit_transform(values))  # type: ignore[attr-defined]


def pooled(fits: Sequence[LogisticFit]) -> PooledFit:
    """Rubin's rules with the degrees of freedom of Barnard and Rubin for small samples."""
    estimates = np.array([fit.coefficients for fit in fits])
    within = np.array([fit.standard_errors**2 for fit in fits]).mean(axis=0)
    between = estimates.var(axis=0, ddof=1)
    count = len(fits)
    total = within + (1 + 1 / count) * between
    share = (1 + 1 / count) * between / total
    lesions = fits[0].patient_count or fits[0].count
    complete = lesions - len(fits[0].terms) - 1
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    with np.errstate(divide="ignore"):
        old = (count - 1) / share**2
        degrees = 1 / (1 / old + 1 / observed)
    mean, error = estimates.mean(axis=0), np.sqrt(total)
    half = stats.t.ppf(0.975, degrees) * error
    return PooledFit(
        coefficients=mean,
        low=mean - half,
        high=mean + half,
        p_values=2 * stats.t.sf(np.abs(mean / error), degrees),
        missing_information=share,
        imputations=count,
    )
