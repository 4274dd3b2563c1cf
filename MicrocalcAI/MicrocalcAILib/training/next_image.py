"""Which images a reader should correct next: those about which a selector is least sure, or two selectors disagree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..editing.doubt import expected_disagreement, expected_mistakes
from ..segmentation.selection import without_overlaps
from .corrections import Corrected


def doubts(
    images: Sequence[Corrected],
    probabilities: Sequence[NDArray[np.float64]],
    others: Sequence[NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """How many decisions about each image are expected to be wrong or disputed, shape (images,).

    Parameters
    ----------
    images : sequence of Corrected
    probabilities : sequence of float arrays
        Of each image's candidates; of those that overlap the more probable one counts.
    others : sequence of float arrays, optional
        What another selector says; the doubt is then the expected disagreement.
    """
    found = []
    for index, (image, judged) in enumerate(zip(images, probabilities, strict=True)):
        kept = without_overlaps(image.candidates, judged, image.labels.shape)
        if others is None:
            found.append(expected_mistakes(judged[kept]))
        else:
            found.append(expected_disagreement(judged[kept], others[index][kept]))
    return np.array(found)


def most_doubtful(images: Sequence[Corrected], probabilities: Sequence[NDArray[np.float64]], count: int) -> list[int]:
    """Indices of the images with the most expected mistakes, most doubtful first."""
    return [int(index) for index in np.argsort(-doubts(images, probabilities), kind="stable")[:count]]


def doubtful_and_varied(
    images: Sequence[Corrected],
    doubt: NDArray[np.float64],
    probabilities: Sequence[NDArray[np.float64]],
    count: int,
    corrected: Sequence[int] = (),
) -> list[int]:
    """Indices of doubtful images that differ from those that are corrected: by turns doubt × distance decides.

    The distance is that between the mean measurements of the images' candidates, each weighted by its doubt, in
    standard deviations over the images.

    Parameters
    ----------
    images : sequence of Corrected
        All of a pool.
    doubt : float array, shape (images,)
        Of :func:`doubts`.
    probabilities : sequence of float arrays
    count : int
    corrected : sequence of int
        Indices of those that are corrected already.
    """
    means = []
    for image, judged in zip(images, probabilities, strict=True):
        weights = np.minimum(judged, 1 - judged) + 1e-9
        means.append(weights @ image.values.to_numpy(float) / weights.sum())
    places = np.array(means)
    places = (places - places.mean(axis=0)) / np.maximum(places.std(axis=0), 1e-9)
    chosen = list(corrected)
    for _ in range(count):
        distance = np.ones(len(images))
        if chosen:
            distance = np.linalg.norm(places[:, None] - places[None, chosen], axis=2).min(axis=1)
        worth = np.where(np.isin(np.arange(len(images)), chosen), -np.inf, doubt * distance)
        chosen.append(int(worth.argmax()))
    return chosen[len(corrected) :]
