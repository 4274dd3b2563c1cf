"""A selector that learns from corrected images: more trees on top of its own, rehearsed on simulation, judged unseen.

Before the trees, its network can learn, too. Corrected images and simulated ones weigh the same, so that what was
learned first is not forgotten. Before and after are compared on patients whose images the judged models did not see; a
selector that got worse is not written.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from ..base.errors import ParameterError
from ..base.model_folder import write_model_folder
from ..base.progress import Progress, no_progress
from ..base.trees import TreeEnsemble
from ..dataset.dataset import Dataset
from ..evaluation.matching import FALSE, HIT, IGNORED, Matches
from ..networks.catalogue import write_network
from ..networks.regressor import ONNX_FILE
from ..networks.runtime import require_torch
from ..phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from ..segmentation.selection import MODEL_FILES, with_neighborhood
from .comparison import compared
from .corrections import Base, Corrected, Judge, corrected_image, corrected_phantom
from .gone_on import gone_on_card
from .measured_candidates import thresholds_at
from .more_trees import WorseModelError, with_more_trees

_FOLDS, _INNER_FOLDS = 5, 2
_LARGEST_LOSS_ON_SIMULATION = 0.05


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


@dataclass(frozen=True)
class Material:
    """Images as a selector sees them: corrected ones, simulated ones that are rehearsed, and others that judge."""

    corrected: Sequence[Corrected]
    rehearsed: Sequence[Corrected] = ()
    judging: Sequence[Corrected] = ()


def adapt_selector(
    dataset: Dataset,
    output: Path,
    base_name: str | Path = "SpeckSelectorNetwork",
    adaptation: Adaptation | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Adapt a selector to the images of a dataset and write it; return its card.

    While a network learns, a folder beside the output, with ``.training`` added to its name, keeps its state: the same
    call goes on there after it was ended.

    Raises
    ------
    ParameterError
        When fewer than two patients have outlined calcifications, or nothing of them is a candidate.
    WorseModelError
        When it got worse on corrected images it had not seen, or forgot what it knew; nothing is written.
    ModelError, MissingPackageError
        When the selector cannot be read, or for a network without PyTorch or ONNX Runtime.
    """
    adaptation = adaptation or Adaptation()
    if not dataset.outlined:
        raise ParameterError(
            "No image of the dataset has its calcifications outlined one by one, which is what a selector learns from; "
            "boxes of lesions and outcomes are not enough."
        )
    base = Base.load(base_name)
    if adaptation.steps:
        require_torch()
    images = []
    for number, image in enumerate(dataset.outlined):
        progress("corrected images", number, len(dataset.outlined))
        images.append(corrected_image(image, base))
    progress("corrected images", len(images), len(images))
    _require_patients(images)
    rehearsed, judging = (
        list(simulated(base, adaptation.rehearsal, adaptation.frame_mm, [adaptation.seed, part], progress))
        for part in (0, 1)
    )
    before = after = Material(images, rehearsed, judging)
    work, tuned = Path(f"{output}.training"), None
    if adaptation.steps:
        from .adapt_network import TUNING, tuned_network

        training = replace(TUNING, steps=adaptation.steps, seed=adaptation.seed)
        tuned = tuned_network(base, images, training, adaptation.frame_mm, work, progress)
        after = Material(tuned.unseen, tuned.sees(rehearsed), tuned.sees(judging))
    models, comparison, unseen = adapt(base, before, after, adaptation, progress)
    _refuse_worse(comparison)
    learned = f"{len(images)} corrected images of {len({image.patient for image in images})} patients"
    card = gone_on_card(
        base.card,
        f"{learned}{', the network, too' if tuned else ''}.",
        operating_points=operating_points(unseen) or base.card["operating_points"],
        adaptation={
            **asdict(adaptation),
            "from": {"name": base.name, "sha256": base.card["sha256"]},
            "images": [{"name": image.name, "sha256": image.sha256} for image in dataset.outlined],
            "comparison": comparison,
        },
    )
    trees = {name: text.encode("utf-8") for name, text in zip(MODEL_FILES, models, strict=True)}
    if tuned is None:
        return write_model_folder(output, base.kind, base.schema, card, {**base.files, **trees})
    card = write_network(
        output,
        base.kind,
        base.schema,
        card | {"regressor": tuned.card},
        {"student": tuned.network.state_dict()},
        {**trees, ONNX_FILE: tuned.onnx},
    )
    shutil.rmtree(work)
    return card


def simulated(
    base: Base, count: int, frame_mm: tuple[float, float], seed: Sequence[int], progress: Progress = no_progress
) -> Any:
    """Simulated images as the selector sees them, one after the other."""
    for number in range(count):
        progress("simulated images", number, count)
        own = [*seed, number]
        background = power_law_background(own, BreastParameters(frame_mm=frame_mm))
        yield corrected_phantom(simulate(background, own, PhantomParameters()), base, f"simulated {own}")


def adapt(
    base: Base,
    before: Material,
    after: Material,
    adaptation: Adaptation,
    progress: Progress = no_progress,
) -> tuple[tuple[str, str], dict[str, Any], list[Matches]]:
    """The adapted ensembles, before against after, and what held-out judgments found.

    Parameters
    ----------
    base : Base
    before, after : Material
        The same images, as the base sees them and as the adapted selector will: alike unless the network learned.
    adaptation : Adaptation
    progress : callable, optional

    Raises
    ------
    ParameterError
        When there are fewer than two patients, or no calcification.
    """
    _require_patients(before.corrected)
    images, rehearsed = after.corrected, after.rehearsed
    patients = [image.patient for image in images]
    folds = list(GroupKFold(min(_FOLDS, len(set(patients)))).split(patients, groups=patients))
    found: list[Matches | None] = [None] * len(images)
    for number, (learn, judge) in enumerate(folds):
        progress("held-out judgments", number, len(folds))
        own = Judge(fit(base, [images[i] for i in learn], rehearsed, adaptation))
        for i in judge:
            found[i] = images[i].matches(images[i].judged_by(own))
    progress("held-out judgments", len(folds), len(folds))
    unseen = [match for match in found if match is not None]
    earlier = Judge(base.models)
    models = fit(base, images, rehearsed, adaptation)
    comparison = {"corrected": compared(_matches(before.corrected, earlier), unseen)}
    if before.judging:
        comparison["simulated"] = compared(_matches(before.judging, earlier), _matches(after.judging, Judge(models)))
    return models, comparison, unseen


def _matches(images: Sequence[Corrected], judge: Judge) -> list[Matches]:
    return [image.matches(image.judged_by(judge)) for image in images]


def _require_patients(images: Sequence[Corrected]) -> None:
    if len({image.patient for image in images}) < 2:
        raise ParameterError(
            "Adapting needs corrected images of at least two patients, so that before and after can be compared on "
            "images that were not learned from."
        )
    if not any((image.truth == 1).any() for image in images):
        raise ParameterError("No candidate of the corrected images is a calcification; there is nothing to learn.")


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


def operating_points(
    unseen: Sequence[Matches], rates: Sequence[float] = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
) -> list[dict[str, float]]:
    """For rates of false marks per cm²: threshold and sensitivity on images that were not learned from.

    Only rates at which at least three false marks are counted; empty when there are fewer than two such rates.
    """
    area = sum(match.breast_area_cm2 for match in unseen)
    false = np.concatenate([match.marks.loc[match.marks["outcome"] == FALSE, "probability"] for match in unseen])
    truths = [match.truths[match.truths["outcome"] != IGNORED] for match in unseen]
    hits = np.concatenate([table.loc[table["outcome"] == HIT, "probability"].to_numpy(float) for table in truths])
    count = max(sum(map(len, truths)), 1)
    points = [
        {
            "false_marks_per_cm2": rate,
            "threshold": threshold,
            "share_of_calcifications": round(float((hits >= threshold).sum()) / count, 4),
        }
        for rate, threshold in thresholds_at(false, area, rates, fewest=3)
    ]
    return points if len(points) > 1 else []


def _refuse_worse(comparison: dict[str, Any]) -> None:
    gain = comparison["corrected"]["mean_gain"] or 0.0
    if gain < 0:
        raise WorseModelError(
            f"The adapted selector finds less than before on corrected images it had not seen (mean gain {gain:+.3f}); "
            "nothing was written. Correct more images, or check the corrections."
        )
    loss = -(comparison.get("simulated", {}).get("mean_gain") or 0.0)
    if loss > _LARGEST_LOSS_ON_SIMULATION:
        raise WorseModelError(
            f"The adapted selector forgot what it knew: on simulated images it finds {loss:.3f} less; nothing was "
            "written. Rehearse more (--rehearsal), or correct more images."
        )
