"""Logistic regression with a ridge penalty: what a simple model makes of the same features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.progress import Progress, no_progress
from ..classification.calibration import Calibration
from ..classification.cases import Cases
from ..classification.operating_points import TUNED, choose_thresholds
from ..classification.preparation import Preparation
from .classifier import ClassifierTraining
from .resampling import smote_enn

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of C, the inverse of the penalty


def nested_ridge(cases: Cases, training: ClassifierTraining, progress: Progress = no_progress) -> pd.DataFrame:
    """Predict each cluster by a model that did not see its patient, on the folds of the cluster classifier.

    The penalty (smallest log loss) and the threshold for the target sensitivity are chosen on folds within the training
    patients.

    Parameters
    ----------
    cases : Cases
    training : ClassifierTraining
        Aggregation (the smallest of ``words``), feature set, resampling, target and folds; the grid of the trees does
        not matter.
    progress : callable, optional

    Returns
    -------
    DataFrame
        As :func:`~.classifier.nested_predictions` gives.
    """
    unseen = pd.DataFrame(
        {"score": np.nan, "probability": np.nan, "positive": False, "fold": 0}, index=range(len(cases))
    )
    for number, (learn, judge) in enumerate(cases.folds(training.outer_folds, training.seed)):
        progress("nested cross-validation", number, training.outer_folds)
        learned = cases.take(learn)
        inner = np.empty((len(_PENALTIES), len(learned)))
        for fold_learn, fold_judge in learned.folds(training.folds, training.seed):
            inner[:, fold_judge] = _scores(learned.take(fold_learn), learned.take(fold_judge), _PENALTIES, training)
        losses = [_log_loss(learned.malignant, row) for row in inner]
        best = int(np.argmin(losses))
        threshold = choose_thresholds(learned.malignant, inner[best], training.target_sensitivity)[TUNED]
        calibration = Calibration.fit(learned.malignant, inner[best], learned.patients, training.seed)
        score = _scores(learned, cases.take(judge), (_PENALTIES[best],), training)[0]
        unseen.loc[judge, "score"] = score
        unseen.loc[judge, "probability"] = calibration.probability(score)
        unseen.loc[judge, "positive"] = score >= threshold
        unseen.loc[judge, "fold"] = number
    return unseen


def _scores(
    learned: Cases, judged: Cases, penalties: tuple[float, ...], training: ClassifierTraining
) -> NDArray[np.float64]:
    """Probability of the judged clusters by a model for each penalty, shape (penalties, clusters)."""
    from sklearn.linear_model import LogisticRegression

    words = min(training.words) if training.words else 0
    preparation = Preparation.fit(learned.tables, training.aggregation, words, training.seed, training.feature_set)
    values, outcome = preparation.scaled(learned.tables), learned.malignant
    if training.resampling != "none":
        values, outcome = smote_enn(values, outcome, training.seed)
    models = (LogisticRegression(C=penalty, max_iter=2000).fit(values, outcome) for penalty in penalties)
    seen = preparation.scaled(judged.tables)
    return np.array([model.predict_proba(seen)[:, 1] for model in models])


def _log_loss(outcome: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    clipped = probability.clip(1e-6, 1 - 1e-6)
    return float(-np.where(outcome, np.log(clipped), np.log(1 - clipped)).mean())
