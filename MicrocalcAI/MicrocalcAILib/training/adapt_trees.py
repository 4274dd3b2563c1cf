"""The two ensembles of a selector with trees added that learned from corrected images and rehearsed simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ..base.errors import ParameterError
from ..base.trees import TreeEnsemble
from ..segmentation.selection import with_neighborhood
from .corrections import Base, Corrected
from .more_trees import with_more_trees

_INNER_FOLDS = 2


@dataclass(frozen=True)
class Adaptation:
    """How much is added and rehearsed.

    Parameters
    ----------
    trees : int
        Added to each of the two ensembles.
    rehearsal : int
        Simulated images that are learned along; as many others judge what was forgotten. 0: none.
    frame_mm : (float, float)
        Height and width of the simulated images.
    seed : int
    steps : int
        Of the network's training, a few hundred; 0: it stays as it is.
    """

    trees: int = 80
    rehearsal: int = 4
    frame_mm: tuple[float, float] = (233.0, 179.0)
    seed: int = 1
    steps: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.trees <= 1000 and 0 <= self.rehearsal <= 1000 and self.seed >= 0 and self.steps >= 0):
            raise ParameterError("An adaptation adds 1 to 1000 trees, rehearses 0 to 1000 images, and takes steps.")


def fit(
    base: Base, images: Sequence[Corrected], rehearsed: Sequence[Corrected], adaptation: Adaptation
) -> tuple[str, str]:
    """Both ensembles with more trees; the second learns from judgments by trees that did not see the image."""
    everything = [*images, *rehearsed]
    weights = _weights(images, rehearsed)
    alone = [image.values.to_numpy(np.float64) for image in everything]
    first = _more_trees(base.models[0], alone, everything, weights, adaptation)
    together = [
        with_neighborhood(values, judged, image.positions_mm)
        for values, judged, image in zip(
            alone, _unseen_first(base, alone, everything, weights, adaptation), everything, strict=True
        )
    ]
    return first, _more_trees(base.models[1], together, everything, weights, adaptation)


def _unseen_first(
    base: Base,
    alone: Sequence[NDArray[np.float64]],
    images: Sequence[Corrected],
    weights: Sequence[float],
    adaptation: Adaptation,
) -> list[NDArray[np.float64]]:
    """First judgments of each image by trees that learned from other patients."""
    patients = [image.patient for image in images]
    judged: list[NDArray[np.float64]] = [np.empty(0)] * len(images)
    count = min(_INNER_FOLDS, len(set(patients)))
    if count < 2:
        ensemble = TreeEnsemble(base.models[0])
        return [ensemble.predict(values) for values in alone]
    for learn, unseen in GroupKFold(count).split(patients, groups=patients):
        model = _more_trees(
            base.models[0],
            [alone[i] for i in learn],
            [images[i] for i in learn],
            [weights[i] for i in learn],
            adaptation,
        )
        ensemble = TreeEnsemble(model)
        for i in unseen:
            judged[i] = ensemble.predict(alone[i])
    return judged


def _weights(images: Sequence[Corrected], rehearsed: Sequence[Corrected]) -> list[float]:
    """Of one candidate of each image: corrected and simulated images weigh the same in all."""
    counts = [sum(int((image.truth >= 0).sum()) for image in part) for part in (images, rehearsed)]
    if not rehearsed:
        return [1.0] * len(images)
    shares = [sum(counts) / (2 * max(count, 1)) for count in counts]
    return [*[shares[0]] * len(images), *[shares[1]] * len(rehearsed)]


def _more_trees(
    model: str,
    values: Sequence[NDArray[np.float64]],
    images: Sequence[Corrected],
    weights: Sequence[float],
    adaptation: Adaptation,
) -> str:
    used = [image.truth >= 0 for image in images]
    options: dict[str, Any] = {"objective": "binary", "seed": adaptation.seed}
    rising = _monotone_constraints(model)
    if rising:
        options["monotone_constraints"] = rising
    return with_more_trees(
        model,
        np.concatenate([table[chosen] for table, chosen in zip(values, used, strict=True)]),
        np.concatenate([image.truth[chosen] for image, chosen in zip(images, used, strict=True)]),
        adaptation.trees,
        options,
        np.concatenate([np.full(int(chosen.sum()), w) for chosen, w in zip(used, weights, strict=True)]),
    )


def _monotone_constraints(model: str) -> list[int]:
    """Which features may only raise the probability, as the model's text says."""
    for line in model.splitlines():
        name, _, text = line.partition("=")
        if name == "monotone_constraints":
            return [int(word) for word in text.split()]
        if name == "Tree":
            break
    return []
