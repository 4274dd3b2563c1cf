"""From the classifier's score to a probability that means what it says, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ModelError, ParameterError

Method = Literal["platt", "isotonic"]
METHODS: tuple[Method, ...] = ("platt", "isotonic")
_SMALLEST = 1e-6
_GRID = 101
_RESAMPLES = 500
_FOLDS = 5
_NEWTON_STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """A rising curve from score to probability.

    Parameters
    ----------
    method : {"platt", "isotonic"}
        Platt: logit(probability) = intercept + slope · logit(score). Isotonic: monotonic steps, joined by lines.
    curve : dict
        ``slope`` and ``intercept``, or ``scores`` and ``probabilities``.
    low, high : float arrays, shape (101,)
        95 % interval of the curve at the scores 0, 0.01, …, 1 (bootstrap over patients).
    log_loss : dict, method -> float
        Cross-validated, for both; the smaller one was chosen.
    """

    method: Method
    curve: dict[str, Any]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    log_loss: dict[str, float]

    @classmethod
    def fit(cls, outcome: ArrayLike, score: ArrayLike, groups: ArrayLike, seed: int = 0) -> Calibration:
        """Choose and fit the curve on predictions for clusters that the predicting model did not see.

        Parameters
        ----------
        outcome : array_like of bool, shape (clusters,)
        score : array_like of float in [0, 1], shape (clusters,)
        groups : array_like, shape (clusters,)
            Patients; never divided.
        seed : int
        """
        diseased, scores, patients = np.asarray(outcome, np.bool_), np.asarray(score, np.float64), np.asarray(groups)
        losses: dict[str, float] = {
            method: _cross_validated_loss(method, diseased, scores, patients, seed) for method in METHODS
        }
        method: Method = "isotonic" if losses["isotonic"] < losses["platt"] else "platt"
        low, high = _interval(method, diseased, scores, patients, seed)
        return cls(method, _fit(method, diseased, scores), low, high, losses)

    def probability(self, score: ArrayLike) -> NDArray[np.float64]:
        """Probability in [0, 1] for each score."""
        return _evaluate(self.method, self.curve, np.asarray(score, np.float64))

    def interval(self, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end for each score; always around :meth:`probability`."""
        scores, grid = np.asarray(score, np.float64), np.linspace(0, 1, _GRID)
        probability = self.probability(scores)
        low = np.minimum(np.interp(scores, grid, self.low), probability)
        high = np.maximum(np.interp(scores, grid, self.high), probability)
        return low, high

    def to_json(self) -> dict[str, Any]:
        """Everything learned, as lists and numbers."""
        return {
            "method": self.method,
            "curve": self.curve,
            "low": np.round(self.low, 6).tolist(),
            "high": np.round(self.high, 6).tolist(),
            "cross_validated_log_loss": self.log_loss,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Calibration:
        """What ``to_json`` described.

        Raises
        ------
        ModelError
            When the description is damaged.
        """
        try:
            low, high = (np.asarray(stored[end], np.float64) for end in ("low", "high"))
            needed = ("slope", "intercept") if stored["method"] == "platt" else ("scores", "probabilities")
            curve = {name: stored["curve"][name] for name in needed}
            if stored["method"] not in METHODS or low.shape != (_GRID,) or high.shape != (_GRID,):
                raise ValueError
            return cls(stored["method"], curve, low, high, dict(stored["cross_validated_log_loss"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError("The stored calibration of the classifier is damaged; train it again.") from error


def at_prevalence(probability: ArrayLike, training_prevalence: float, prevalence: float) -> NDArray[np.float64]:
    """Probabilities for a population in which malignancy is more or less frequent than in training (Bayes' rule).

    Holds when malignant clusters look alike in both, and benign ones too.

    Raises
    ------
    ParameterError
        When a prevalence is not between 0 and 1.
    """
    for share in (training_prevalence, prevalence):
        if not 0 < share < 1:
            raise ParameterError(f"A prevalence lies between 0 and 1, not at {share:g}.")
    values = np.asarray(probability, np.float64)
    malignant = values * prevalence / training_prevalence
    benign = (1 - values) * (1 - prevalence) / (1 - training_prevalence)
    return malignant / (malignant + benign)


def logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds; scores of exactly 0 and 1 are moved in by 1e-6."""
    clipped = np.clip(score, _SMALLEST, 1 - _SMALLEST)
    odds: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return odds


def _fit(method: Method, outcome: NDArray[np.bool_], score: NDArray[np.float64]) -> dict[str, Any]:
    if method == "platt":
        return _fit_line(outcome, logit(score))
    from sklearn.isotonic import IsotonicRegression

    certain = 1 / (len(score) + 2)  # that few clusters make nothing surer than this
    fitted = IsotonicRegression(y_min=certain, y_max=1 - certain, out_of_bounds="clip").fit(score, outcome)
    return {"scores": fitted.X_thresholds_.tolist(), "probabilities": fitted.y_thresholds_.tolist()}


def _fit_line(outcome: NDArray[np.bool_], values: NDArray[np.float64]) -> dict[str, Any]:
    """Logistic regression by Newton's method on Platt's targets (1999, section 2.2), which keep it finite."""
    positives, negatives = int(outcome.sum()), int((~outcome).sum())
    targets = np.where(outcome, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    center, spread = values.mean(), max(float(values.std()), _SMALLEST)
    design = np.column_stack([(values - center) / spread, np.ones(len(values))])
    mean = targets.mean()
    level = float(np.log(mean / (1 - mean)))
    line = np.array([0.0, level])
    for _ in range(_NEWTON_STEPS):
        predicted = _logistic(design @ line)
        curvature = design.T @ (design * (predicted * (1 - predicted))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (targets - predicted))
        line += step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    # A score may not count against itself: which cluster is more suspicious than another is for the trees to say.
    slope, intercept = (line[0] / spread, line[1]) if line[0] > 0 else (0.0, level)
    return {"slope": float(slope), "intercept": float(intercept - slope * center)}


def _logistic(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import expit

    return np.asarray(expit(logits))  # without overflow where a sample separates the classes and the slope is steep


def _evaluate(method: Method, curve: dict[str, Any], score: NDArray[np.float64]) -> NDArray[np.float64]:
    if method == "platt":
        line = curve["slope"] * logit(score) + curve["intercept"]
        return _logistic(line)
    return np.interp(score, curve["scores"], curve["probabilities"])


def _cross_validated_loss(
    method: Method, outcome: NDArray[np.bool_], score: NDArray[np.float64], groups: NDArray[Any], seed: int
) -> float:
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(min(_FOLDS, len(np.unique(groups))), shuffle=True, random_state=seed)
    total = 0.0
    for learn, judge in folds.split(score, outcome, groups):
        predicted = _evaluate(method, _fit(method, outcome[learn], score[learn]), score[judge])
        clipped = np.clip(predicted, 1e-3, 1 - 1e-3)  # an isotonic 0 or 1 would cost infinitely much
        total -= float(np.log(np.where(outcome[judge], clipped, 1 - clipped)).sum())
    return round(total / len(score), 6)


def _interval(
    method: Method, outcome: NDArray[np.bool_], score: NDArray[np.float64], groups: NDArray[Any], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % of the curves fitted on bootstrap samples of the patients lie between these at each score."""
    _, which = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(which == group) for group in range(which.max() + 1)]
    rng, grid, curves = np.random.default_rng(seed), np.linspace(0, 1, _GRID), []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([members[group] for group in rng.integers(len(members), size=len(members))])
        if outcome[drawn].any() and not outcome[drawn].all():
            curves.append(_evaluate(method, _fit(method, outcome[drawn], score[drawn]), grid))
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    return low, high
