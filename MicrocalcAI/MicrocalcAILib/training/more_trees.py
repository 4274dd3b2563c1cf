"""Trees that are added to a model's own, as many as help on patients that they did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ..base.errors import MicrocalcError, ParameterError

STEPS = (0, 5, 10, 20, 40, 80)  # rounds of added trees to choose from
_FOLDS = 5
TREES = {
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.6,
    "lambda_l2": 5.0,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


class WorseModelError(MicrocalcError):
    """The model that went on learning does worse than the one it should replace, or no better."""


@dataclass(frozen=True)
class Grown:
    """A model with added trees.

    Parameters
    ----------
    model : str
        LightGBM's text form, the earlier trees included.
    rounds : int
        Of added trees.
    unseen : float array
        Scores (before softmax or logistic) of each row by trees that did not learn from its patient.
    loss_before, loss_after : float
        On these rows, without and with the added trees.
    """

    model: str
    rounds: int
    unseen: NDArray[np.float64]
    loss_before: float
    loss_after: float


def with_more_trees(
    model: str,
    values: NDArray[np.float64],
    target: NDArray[Any],
    rounds: int,
    options: Mapping[str, Any],
    weights: NDArray[np.float64] | None = None,
) -> str:
    """The model with that many rounds of trees more; options join those of :data:`TREES`."""
    import lightgbm

    earlier = lightgbm.Booster(model_str=model)
    data = lightgbm.Dataset(values, target, weight=weights, feature_name=earlier.feature_name(), free_raw_data=False)
    return str(lightgbm.train({**TREES, **options}, data, rounds, init_model=earlier).model_to_string())


def grown(
    model: str,
    values: NDArray[np.float64],
    target: NDArray[Any],
    patients: NDArray[Any],
    options: Mapping[str, Any],
    loss: Callable[[NDArray[np.float64], NDArray[Any]], float],
) -> Grown:
    """Add trees until they no longer help: the number of rounds of :data:`STEPS` with the lowest loss on patients that
    they did not learn from.

    Parameters
    ----------
    model : str
        LightGBM's text form.
    values : float array, shape (rows, features)
    target : array, shape (rows,)
    patients : array, shape (rows,)
        Rows of one patient are never divided.
    options : mapping
        Objective and what differs from :data:`TREES`.
    loss : callable
        Gets scores and targets.

    Raises
    ------
    ParameterError
        With fewer than two patients.
    WorseModelError
        When no added tree helps.
    """
    import lightgbm

    count = len(np.unique(patients))
    if count < 2:
        raise ParameterError("Going on with a model needs cases of at least two patients; one of them judges.")
    own_rounds = lightgbm.Booster(model_str=model).current_iteration()
    unseen: list[NDArray[np.float64] | None] = [None] * len(values)
    for learn, judge in GroupKFold(min(_FOLDS, count)).split(values, groups=patients):
        text = with_more_trees(model, values[learn], target[learn], STEPS[-1], options)
        booster = lightgbm.Booster(model_str=text)
        scores = [
            booster.predict(values[judge], raw_score=True, num_iteration=own_rounds + rounds, num_threads=1)
            for rounds in STEPS
        ]
        for row, of_row in zip(judge, np.stack(scores, axis=1), strict=True):
            unseen[int(row)] = of_row
    at_steps = np.stack([scores for scores in unseen if scores is not None])
    losses = [loss(at_steps[:, index], target) for index in range(len(STEPS))]
    best = int(np.argmin(losses))
    if best == 0:
        raise WorseModelError(
            f"What was learned does not help on patients that were not learned from (loss {losses[0]:.3f} before, "
            f"{min(losses[1:]):.3f} after); nothing was written. More cases are needed."
        )
    final = with_more_trees(model, values, target, STEPS[best], options)
    return Grown(final, STEPS[best], at_steps[:, best], losses[0], losses[best])
