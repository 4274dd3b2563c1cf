"""Outcomes and scores as every analysis here takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..base.errors import ParameterError


def checked_cases(
    outcome: ArrayLike, score: ArrayLike, *, both_classes: bool = False
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Outcomes as bool and scores as float64, both of shape (cases,).

    Raises
    ------
    ParameterError
        When lengths differ, there is no case, an outcome is not 0 or 1, a score is not finite, or (with
        ``both_classes``) one class is missing.
    """
    outcomes, scores = np.asarray(outcome), np.asarray(score, float)
    if outcomes.ndim != 1 or outcomes.shape != scores.shape or not outcomes.size:
        raise ParameterError(
            f"Outcomes and scores are two lists of equal length, not {outcomes.shape}, {scores.shape}."
        )
    if not np.isin(outcomes, (0, 1)).all():
        raise ParameterError("Every outcome is 0 (disease absent) or 1 (present).")
    if not np.isfinite(scores).all():
        raise ParameterError("Every score is a finite number; take out the cases without one first.")
    diseased = outcomes.astype(bool)
    if both_classes and (diseased.all() or not diseased.any()):
        raise ParameterError("There must be cases with and without the disease.")
    return diseased, scores
