"""Firth's penalized likelihood for separated groups: the estimates of ``firthmodels``, checked from several starts.

Sources: Firth, Biometrika 1993;80:27. Heinze & Schemper, Statistics in Medicine 2002;21:2409.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats
from scipy.special import expit

from MicrocalcAILib.base.errors import MicrocalcError

Array = NDArray[np.float64]
_DROP = float(stats.chi2.ppf(0.95, 1)) / 2  # of the profile at the ends of a 95 % interval
_START_DISTANCES = (0.0, -2.0, 2.0)  # log odds per standard deviation, as far as separated groups usually need
_LARGEST_SCORE = 1e-3  # at a maximum
_SAME = 1e-7  # log likelihoods that differ less belong to one maximum
_FARTHEST = 1e3  # log odds per standard deviation; beyond, a limit is infinite
_LARGEST_FALL = 0.5  # of the log likelihood in one step along a profile
_SMALLEST_STEP = 1e-6


class RegressionError(MicrocalcError):
    """The regression cannot be computed from these lesions."""


@dataclass(frozen=True)
class FirthFit:
    """A fit on standardized columns.

    Parameters
    ----------
    estimate : float array, shape (terms + 1,)
        Intercept first.
    covariance : float array, shape (terms + 1, terms + 1)
    low, high, p_values : float arrays, shape (terms,)
        Profile interval (95 %) and penalized likelihood-ratio test; NaN where asked not to or where it fails, infinite
        where the profile never falls far enough.
    log_likelihood, null_log_likelihood : float
        Penalized; the null holds every coefficient at 0.
    """

    estimate: Array
    covariance: Array
    low: Array
    high: Array
    p_values: Array
    log_likelihood: float
    null_log_likelihood: float


def fit_firth(values: Array, outcome: Array, with_intervals: bool) -> FirthFit:
    """Fit outcome (0, 1) ~ columns of ``values`` (standardized, shape (lesions, terms)).

    The estimates and limits are those of firthmodels. Its maximum is compared with what a trust-region search finds
    from several starts, since Newton's steps can end on a flat part of the likelihood of small, separated cohorts; the
    higher one is taken. So are its limits where following the profile ends at the same place.
    Without intervals (as in a bootstrap) the other starts are tried only when firthmodels does not converge.

    Raises
    ------
    RegressionError
        When no start converges.
    """
    full = np.column_stack([np.ones(len(values)), values])
    terms = values.shape[1]
    nothing = np.zeros(terms + 1, dtype=bool)
    model = _firthmodels_fit(values, outcome)
    found = [] if model is None else [(np.concatenate([[model.intercept_], model.coef_]), float(model.loglik_))]
    if with_intervals or not found:
        for distance in _START_DISTANCES:
            start = np.concatenate([[0.0], np.full(terms, distance)])
            estimate, value = constrained_maximum(full, outcome, nothing, start)
            if np.isfinite(value) and (not found or value > found[0][1] + _SAME):
                found.insert(0, (estimate, value))
                model = None
    if not found:
        raise RegressionError("Firth's method did not converge; please use fewer predictors.")
    estimate, best = found[0]
    probability = expit(full @ estimate)
    covariance = np.linalg.inv(full.T @ ((probability * (1 - probability))[:, None] * full))
    low, high, p_values = (np.full(terms, np.nan) for _ in range(3))
    limits = np.full((terms, 2), np.nan) if model is None or not with_intervals else _firthmodels_limits(model)
    for term in range(terms) if with_intervals else ():
        profile = _Profile(full, outcome, estimate, best, term + 1)
        p_values[term] = stats.chi2.sf(2 * max(profile.drop(0.0, [estimate, np.zeros(terms + 1)])[1], 0.0), 1)
        error = float(np.sqrt(covariance[term + 1, term + 1]))
        for ends, limit, step in ((low, limits[term, 0], -error), (high, limits[term, 1], error)):
            on_its_side = (limit - estimate[term + 1]) * step > 0  # NaN is on none
            found_limit = profile.limit(step)
            ends[term] = limit if on_its_side and abs(limit - found_limit) < 1e-4 * abs(step) else found_limit
    return FirthFit(estimate, covariance, low, high, p_values, best, _null_log_likelihood(full, outcome))


def _null_log_likelihood(full: Array, outcome: Array) -> float:
    """Maximum with every coefficient but the intercept at 0: each lesion then has the same weight."""
    count, size = full.shape
    positive = float(outcome.sum()) + size / 2
    share = positive / (count + size)
    penalty = 0.5 * float(np.linalg.slogdet(full.T @ full)[1])
    return float(positive * np.log(share) + (count + size - positive) * np.log(1 - share)) + penalty


def constrained_maximum(full: Array, outcome: Array, held: NDArray[np.bool_], start: Array) -> tuple[Array, float]:
    """Maximum of the penalized log likelihood with the coefficients ``held`` at their value in ``start``.

    Parameters
    ----------
    full : float array, shape (lesions, terms + 1)
        Intercept first. The penalty is always that of the full model.
    held : bool array, shape (terms + 1,)
        :mod:`firthmodels` holds one coefficient, at 0; this holds any number anywhere.

    Returns
    -------
    estimate, value
        The value is NaN when the search ended elsewhere than at a maximum.
    """

    free_ones = np.flatnonzero(~held)

    def parts(free: Array) -> tuple[Array, Array, Array, Array]:
        estimate = start.copy()
        estimate[free_ones] = free
        log_odds = full @ estimate
        probability = expit(log_odds)
        weights = probability * expit(-log_odds)
        return log_odds, probability, weights, full.T @ (weights[:, None] * full)

    def negative(free: Array) -> tuple[float, Array]:
        log_odds, probability, weights, information = parts(free)
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0 or log_determinant < -600:
            return 1e100, np.zeros(len(free))
        leverage = weights * np.einsum("ij,ij->i", full @ np.linalg.inv(information), full)
        value = outcome @ log_odds - np.logaddexp(0.0, log_odds).sum() + 0.5 * log_determinant
        return -float(value), -(full.T @ (outcome - probability + leverage * (0.5 - probability)))[free_ones]

    def fisher(free: Array) -> Array:
        return parts(free)[3][np.ix_(free_ones, free_ones)]

    estimate, free = start.copy(), start[~held]
    for method, options in (("dogleg", {"gtol": 1e-7, "maxiter": 200}), ("BFGS", {"gtol": 1e-7})):
        curvature = {"hess": fisher} if method == "dogleg" else {}
        try:
            with np.errstate(all="ignore"):
                found = optimize.minimize(negative, free, jac=True, method=method, options=options, **curvature)
        except np.linalg.LinAlgError:  # no curvature is left where all lesions are sure
            continue
        if found.fun < 1e99 and np.abs(found.jac).max(initial=0.0) < _LARGEST_SCORE:
            estimate[~held] = found.x
            return estimate, -float(found.fun)
        free = found.x if np.isfinite(found.x).all() else free
    return estimate, float("nan")


def _firthmodels_fit(values: Array, outcome: Array) -> Any | None:
    """A fitted model, or None when it does not converge."""
    from firthmodels import FirthLogisticRegression

    model = FirthLogisticRegression(backend="numpy", max_iter=200, gtol=1e-7, xtol=1e-7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is asked below
        try:
            model.fit(values, outcome)
        except (np.linalg.LinAlgError, ValueError, RuntimeError):
            return None
    return model if model.converged_ and np.isfinite(model.loglik_) else None


def _firthmodels_limits(model: Any) -> Array:
    """Profile limits that firthmodels finds, shape (terms, 2); NaN where it does not."""
    terms = len(model.coef_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            limits = model.conf_int(method="pl", features=list(range(terms)), max_iter=100, tol=1e-7)
        except (np.linalg.LinAlgError, ValueError, RuntimeError):
            return np.full((terms, 2), np.nan)
    return np.asarray(limits)[:terms]


@dataclass(frozen=True)
class _Profile:
    """The penalized likelihood as a function of one coefficient, the others at their best.

    ``estimate`` and ``best`` belong to the maximum. With separated groups the others can have several maxima, so the
    profile is followed in small steps from the estimate.
    """

    full: Array
    outcome: Array
    estimate: Array
    best: float
    index: int

    def drop(self, value: float, starts: Sequence[Array]) -> tuple[Array, float]:
        """The others' best when the coefficient is ``value``, and how far below the maximum it lies; NaN if none."""
        held = np.zeros(len(self.estimate), dtype=bool)
        held[self.index] = True
        reached, there = -np.inf, self.estimate
        for start in starts:
            begin = start.copy()
            begin[self.index] = value
            estimate, likelihood = constrained_maximum(self.full, self.outcome, held, begin)
            if likelihood > reached:
                reached, there = likelihood, estimate
        return there, self.best - reached if np.isfinite(reached) else float("nan")

    def limit(self, step: float) -> float:
        """End of the 95 % interval on the side of ``step``; infinite if nowhere, NaN where the profile breaks off."""
        here, before, fallen = self.estimate, self.estimate, 0.0
        while abs(here[self.index] - self.estimate[self.index]) < _FARTHEST:
            moved = here[self.index] - before[self.index]
            ahead = here + (here - before) * (step / moved if moved else 0.0)
            there, drop = self.drop(here[self.index] + step, [ahead, here])
            if np.isnan(drop) or drop - fallen > _LARGEST_FALL:
                step /= 2
                if abs(step) < _SMALLEST_STEP:
                    return float("nan")
                continue
            if drop > _DROP:
                return self._crossing(here, there)
            before, here, fallen, step = here, there, drop, 1.5 * step
        return float(np.copysign(np.inf, step))

    def _crossing(self, inside: Array, outside: Array) -> float:
        """Where the profile has fallen by half the chi-square quantile, between two of its points."""
        span = outside[self.index] - inside[self.index]

        def beyond(value: float) -> float:
            between = inside + (outside - inside) * (value - inside[self.index]) / span
            return self.drop(value, [between])[1] - _DROP

        try:
            return float(optimize.brentq(beyond, inside[self.index], outside[self.index], xtol=1e-7))
        except ValueError:
            return float("nan")
