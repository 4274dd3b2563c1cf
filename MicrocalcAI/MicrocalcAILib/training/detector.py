"""Training of the lesion detector on tiles of stored images; stops and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..base.errors import ParameterError
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..evaluation.detection import EvaluatedImage, match_boxes
from ..evaluation.free_response import free_response_curve
from ..evaluation.matching import Matches
from ..networks.detector import LesionDetector, boxes_on_grid
from ..networks.runtime import Runtime
from .detector_images import DetectorImage, Tile, contrast_of, drawn_tile, read_images
from .detector_state import DetectorTraining, TrainingState

if TYPE_CHECKING:
    import torch

STAGE = "training"
_LARGEST_GRADIENT = 5.0
_VALIDATION_IMAGES = 24
_FALSE_BOXES = (0.5, 1.0)
_DECIDING = f"sensitivity at {_FALSE_BOXES[-1]:g} false boxes per image"


def train_detector(
    data: Path,
    output: Path,
    training: DetectorTraining,
    card: dict[str, Any],
    runtime: Runtime,
    work: Path | None = None,
    initial_weights: Path | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train a detector and write its model folder.

    Parameters
    ----------
    data : Path
        Folder of :func:`~.detector_images.store_images`.
    output : Path
        Model folder.
    training : DetectorTraining
    card : dict
        Name, training data and license for the card.
    runtime : Runtime
    work : Path, optional
        Gets a checkpoint and the learning curve after each epoch; ``output`` with ``.training`` added by default. A
        training that was stopped goes on from there.
    initial_weights : Path, optional
        ``weights.safetensors`` of a detector, or torchvision's Faster R-CNN with the same backbone as a safetensors
        file (the method starts from COCO's). What fits is taken over, and batch normalization stays as it was. Random
        weights by default.
    progress : callable, optional
        Called for each step; may raise ``Cancelled``.

    Returns
    -------
    dict
        The card as written.

    Raises
    ------
    ParameterError
        When there are no images, too few patients, or the checkpoint belongs to another training.
    ModelError
        When the initial weights belong to another network.
    """
    work = work or output.with_name(f"{output.name}.training")
    images = read_images(data, progress)
    if images[0].grid_mm != training.architecture.grid_mm:
        raise ParameterError(
            f"The images have a grid of {images[0].grid_mm:g} mm, the detector one of "
            f"{training.architecture.grid_mm:g} mm; give the images' grid."
        )
    learned, kept = _split(images, training)
    state = TrainingState.start(training, runtime, work, initial_weights)
    for epoch in range(state.epoch, training.epochs):
        if _stopped(state.curve, training.patience):
            break
        losses = _epoch(state, learned, training, runtime, epoch, progress)
        state.curve.append({"epoch": epoch + 1, "loss": losses, **_validated(state, kept, training, runtime)})
        state.epoch = epoch + 1
        if training.patience is not None and _best_epoch(state.curve) == epoch:
            state.best = {name: values.detach().clone() for name, values in state.network.state_dict().items()}
        state.save(work)
    if state.best:
        state.network.load_state_dict(state.best)
    model = LesionDetector(training.architecture, state.network.eval(), {})
    if training.false_boxes_per_image is not None:
        threshold = score_threshold(kept_matches(model, kept, runtime), training.false_boxes_per_image)
        threshold = max(threshold, training.architecture.score_threshold)
        model = replace(model, architecture=replace(training.architecture, score_threshold=threshold))
    return model.save(
        output,
        {
            **card,
            "training": asdict(training),
            "initial_weights": state.initial_weights,
            "images": len(images),
            "patients": len({image.patient for image in images}),
            "lesions": int(sum(len(image.boxes) for image in images)),
            "malignant_lesions": int(sum(image.malignant.sum() for image in images)),
            "validation_patients": sorted({image.patient for image in kept}),
            "learning_curve": state.curve,
            "runtime": runtime.provenance(),
            "provenance": provenance(),
        },
    )


def _best_epoch(curve: Sequence[dict[str, float]]) -> int:
    """The epoch, from 0, that found most on the kept patients; of several the one with the lowest loss."""
    return max(range(len(curve)), key=lambda epoch: (curve[epoch][_DECIDING], -curve[epoch]["loss"]))


def _stopped(curve: Sequence[dict[str, float]], patience: int | None) -> bool:
    return patience is not None and len(curve) > 0 and len(curve) - 1 - _best_epoch(curve) >= patience


def _split(
    images: Sequence[DetectorImage], training: DetectorTraining
) -> tuple[list[DetectorImage], list[DetectorImage]]:
    """Images to learn from, and those of the patients kept for the learning curve."""
    patients = sorted({image.patient for image in images})
    if len(patients) < 2:
        raise ParameterError("Training needs images of at least two patients; one is kept for the learning curve.")
    order = np.random.default_rng([training.seed, 0]).permutation(len(patients))
    chosen = {patients[number] for number in order[: max(round(training.validation_share * len(patients)), 1)]}
    kept = [image for image in images if image.patient in chosen]
    return [image for image in images if image.patient not in chosen], kept[:_VALIDATION_IMAGES]


def _epoch(
    state: TrainingState,
    images: Sequence[DetectorImage],
    training: DetectorTraining,
    runtime: Runtime,
    epoch: int,
    progress: Progress,
) -> float:
    """One epoch; returns the mean loss. The same epoch draws the same tiles, also after a restart."""
    import torch

    torch.manual_seed(training.seed * 100_003 + epoch)
    network = state.train()
    steps, total = training.steps_per_epoch, 0.0
    for number, (inputs, targets) in enumerate(_batches(images, training, runtime, epoch)):
        step = epoch * steps + number
        progress(STAGE, step, training.epochs * steps)
        for group in state.optimizer.param_groups:
            group["lr"] = training.learning_rate_at(step)
        with torch.autocast(runtime.device, torch.bfloat16, enabled=runtime.precision == "bfloat16"):
            losses = network(inputs, targets)
        loss = torch.stack(list(losses.values())).sum()
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        state.optimizer.step()
        total += float(loss.detach())
    progress(STAGE, (epoch + 1) * steps, training.epochs * steps)
    return total / steps


def _batches(
    images: Sequence[DetectorImage], training: DetectorTraining, runtime: Runtime, epoch: int
) -> Iterator[tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]]:
    import torch

    rng = np.random.default_rng([training.seed, 1, epoch])
    for _ in range(training.steps_per_epoch):
        chosen = rng.integers(len(images), size=training.batch)
        tiles = [drawn_tile(images[number], training.tile, training.near_lesion, rng) for number in chosen]
        inputs = [torch.from_numpy(tile.contrast)[None].to(runtime.device) for tile in tiles]
        yield inputs, [_target(tile, runtime) for tile in tiles]


def _target(tile: Tile, runtime: Runtime) -> dict[str, torch.Tensor]:
    import torch

    return {
        "boxes": torch.from_numpy(tile.boxes).to(runtime.device),
        "labels": torch.from_numpy(1 + tile.malignant.astype(np.int64)).to(runtime.device),
    }


def kept_matches(model: LesionDetector, images: Sequence[DetectorImage], runtime: Runtime) -> list[Matches]:
    """Which boxes hit the lesions of stored images."""
    matches = []
    for image in images:
        found = boxes_on_grid(contrast_of(image.contrast), model, runtime)
        boxes = pd.DataFrame(_inclusive(found.edges[:, [1, 0, 3, 2]]))
        boxes = boxes.assign(id=np.arange(1, len(boxes) + 1), score=found.scores, malignant_score=found.malignant)
        lesions = pd.DataFrame(_inclusive(image.boxes.astype(np.float64))).assign(malignant=image.malignant)
        area_cm2 = np.count_nonzero(image.contrast) * image.grid_mm**2 / 100
        matches.append(match_boxes(EvaluatedImage(image.name, image.patient, image.name, boxes, lesions, area_cm2)))
    return matches


def score_threshold(matches: Sequence[Matches], false_boxes_per_image: float) -> float:
    """The smallest score with no more false boxes than that on these images; 0 when all boxes give fewer."""
    curve = free_response_curve(matches, false_per_image=(false_boxes_per_image,), false_per_cm2=(), resamples=2)
    point = curve.operating_points.iloc[0]
    return min(float(point["threshold"]), 1.0) if point["reached"] else 0.0


def _validated(
    state: TrainingState, images: Sequence[DetectorImage], training: DetectorTraining, runtime: Runtime
) -> dict[str, float]:
    """Share of the kept patients' lesions that boxes hit, at a rate of false boxes per image."""
    matches = kept_matches(LesionDetector(training.architecture, state.network, {}), images, runtime)
    points = free_response_curve(matches, false_per_image=_FALSE_BOXES, false_per_cm2=(), resamples=2).operating_points
    reached = points["sensitivity"].fillna(points["sensitivity"].iloc[-1])  # fewer false boxes than asked for
    names = [*(f"sensitivity at {rate:g} false boxes per image" for rate in _FALSE_BOXES), "sensitivity of all boxes"]
    figures = dict(zip(names, reached.tolist(), strict=True))
    return {**figures, "false boxes per image": float(points["false_per_image"].iloc[-1])}


def _inclusive(boxes: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of first and last pixels from edges x1, y1, x2, y2."""
    return {
        "row_min": boxes[:, 1],
        "row_max": boxes[:, 3] - 1,
        "column_min": boxes[:, 0],
        "column_max": boxes[:, 2] - 1,
    }
