"""How doubtful the judgments about an image are: what tells which image a reader should correct next."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def expected_mistakes(probabilities: ArrayLike) -> float:
    """How many decisions about specks are expected to be wrong when each is decided by what is more likely.

    Parameters
    ----------
    probabilities : array_like of float, shape (specks,)
        Of being a calcification.
    """
    values = np.asarray(probabilities, float)
    return float(np.minimum(values, 1 - values).sum())
