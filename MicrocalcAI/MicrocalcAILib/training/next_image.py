"""Which image a reader should correct next: where a selector is least sure, or where two selectors disagree most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .corrections import Corrected


def expected_mistakes(probabilities: ArrayLike) -> float:
    """How many decisions about specks are expected to be wrong when each is decided by what is more likely.

    Parameters
    ----------
    probabilities : array_like of float, shape (specks,)
        Of being a calcification.
    """
    values = np.asarray(probabilities, float)
    return float(np.minimum(values, 1 - values).sum())


def expected_disagreement(first: ArrayLike, second: ArrayLike) -> float:
    """On how many specks two selectors are expected to decide differently."""
    return float(np.abs(np.asarray(first, float) - np.asarray(second, float)).sum())


def most_doubtful(images: Sequence[Corrected], probabilities: Sequence[NDArray[np.float64]], count: int) -> list[int]:
    """Indices of the images with the most expected mistakes, most doubtful first; specks that overlap count once.

    Parameters
    ----------
    images : sequence of Corrected
    probabilities : sequence of float arrays
        Of each image's candidates.
    count : int
    """
    from ..segmentation.selection import without_overlaps

    doubts = []
    for image, judged in zip(images, probabilities, strict=True):
        kept = without_overlaps(image.candidates, judged, image.labels.shape)
        doubts.append(expected_mistakes(judged[kept]))
    return [int(index) for index in np.argsort(-np.array(doubts), kind="stable")[:count]]
