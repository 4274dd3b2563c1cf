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
from sklearn.model_selection import GroupKFold

from ..base.errors import ParameterError
from ..base.model_folder import write_model_folder
from ..base.progress import Progress, no_progress
from ..dataset.dataset import Dataset
from ..evaluation.matching import FALSE, HIT, IGNORED, Matches
from ..networks.catalogue import write_network
from ..networks.regressor import ONNX_FILE
from ..networks.runtime import require_torch
from ..phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from ..segmentation.selection import MODEL_FILES
from .adapt_trees import Adaptation, fit
from .comparison import compared
from .corrections import Base, Corrected, Judge, corrected_image, corrected_phantom
from .gone_on import gone_on_card
from .measured_candidates import thresholds_at
from .more_trees import WorseModelError

_FOLDS = 5
_LARGEST_LOSS_ON_SIMULATION = 0.05


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
    points = operating_points(unseen)
    learned = f"{len(images)} corrected images of {len({image.patient for image in images})} patients"
    card = gone_on_card(
        base.card,
        f"{learned}{', the network, too' if tuned else ''}.",
        operating_points=points or base.card["operating_points"],
        adaptation={
            **asdict(adaptation),
            "from": {"name": base.name, "sha256": base.card["sha256"]},
            "images": [{"name": image.name, "sha256": image.sha256} for image in dataset.outlined],
            "comparison": comparison,
        },
    )
    if points:
        card.pop("operating_points_measured_on", None)
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
