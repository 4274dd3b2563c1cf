"""Which image a reader should correct next: the one where a selector is least sure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..editing.doubt import expected_mistakes
from ..segmentation.selection import without_overlaps
from .corrections import Corrected


def most_doubtful(images: Sequence[Corrected], probabilities: Sequence[NDArray[np.float64]], count: int) -> list[int]:
    """Indices of the images with the most expected mistakes, most doubtful first; specks that overlap count once.

    Parameters
    ----------
    images : sequence of Corrected
    probabilities : sequence of float arrays
        Of each image's candidates.
    count : int
    """
    doubts = []
    for image, judged in zip(images, probabilities, strict=True):
        kept = without_overlaps(image.candidates, judged, image.labels.shape)
        doubts.append(expected_mistakes(judged[kept]))
    return [int(index) for index in np.argsort(-np.array(doubts), kind="stable")[:count]]
