"""One regressor that replaces several: taught by them, and by exact truth where they are wrong.

The teachers are the networks of an earlier regressor; what is learned from are simulated clusters in pieces of
mammograms, in the looks of many detectors (:mod:`.windows`). Where the teachers' mean agrees with the truth, or where
nobody knows it, the student learns to say what they say; where they miss a calcification or rate what is none, the
truth alone counts (Hinton et al. 2015, with the truth as the second teacher). A coarse map of groups is learned beside
and not written: only the levels that both share keep what it taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.progress import Progress, no_progress
from ..networks.catalogue import write_network
from ..networks.image import local_contrast, resampled
from ..networks.onnx_runtime import OnnxRuntime, onnx_file
from ..networks.pyramid import MeanNearness, PyramidRegressor
from ..networks.regressor import GRID_MM, KIND, ONNX_FILE, SCHEMA, SpeckRegressor
from ..networks.runtime import Runtime
from ..networks.tiles import run_in_tiles
from ..segmentation.candidates import find_candidates
from .backgrounds import BackgroundImage, numbered_backgrounds
from .checkpoint import TrainingState, fingerprint_of, optimizer_tensors, restore_optimizer
from .regressor import (
    RegressorExample,
    RegressorTraining,
    batch_of_crops,
    in_percent,
    most_misleading,
    nearness,
    network_card,
    regression_loss,
    take_step,
    what_is_unknown,
)
from .selector import what_candidates_are
from .windows import Window, windows_of

_MORPHOLOGIES = ("", "amorphous", "", "fine linear branching", "", "fine linear")  # in turn; "": as they occur
_TILE = 1024  # a window is one
_HARD = 150  # most misleading candidates of a window, from which the negatives are drawn
_GROUP_MM = 1.5  # around the members of a cluster it is a group
_TRUSTED = 0.5  # a teacher farther than this from the truth is wrong
_ROUND = 50  # steps between two checkpoints
NETWORK = "student"


@dataclass(frozen=True)
class Distillation:
    """How much is simulated and learned.

    Parameters
    ----------
    windows_per_background, simulated_backgrounds : int
    steps, batch, crop : int
        Optimizer steps, crops per step, side of a crop in grid pixels.
    learning_rate : float
        Highest of a one-cycle schedule (Adam).
    taught, grouping : float
        Weights of the teachers' word and of the coarse map of groups in the loss.
    start : str
        The teacher whose weights the student begins with.
    kept : float
        Share of those weights in the mean with the learned ones that is written: what was learned adds to what the
        teacher could, instead of replacing it (Wortsman et al., CVPR 2022).
    seed : int
    """

    windows_per_background: int = 12
    simulated_backgrounds: int = 3
    steps: int = 1000
    batch: int = 16
    crop: int = 128
    learning_rate: float = 1e-3
    taught: float = 2.0
    grouping: float = 0.3
    start: str = "fold2"
    kept: float = 0.5
    seed: int = 1

    @property
    def regression(self) -> RegressorTraining:
        """The target, and the crops."""
        return RegressorTraining(batch=self.batch, crop=self.crop, seed=self.seed)


@dataclass(frozen=True)
class DistilledExample(RegressorExample):
    """A window on the grid with what the teachers say about it (percent) and where its group lies (1, else 0)."""

    taught: NDArray[np.int8]
    group: NDArray[np.int8]

    @property
    def planes(self) -> tuple[tuple[NDArray[np.generic], float, float], ...]:
        """As in :class:`RegressorExample`."""
        return (*super().planes, (self.taught, 0.01, -1.0), (self.group, 1.0, 0.0))


def distill_regressor(
    backgrounds: Sequence[BackgroundImage],
    teacher: Path,
    output: Path,
    training: Distillation | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train one network on simulated windows with other networks as teachers, and write it; returns the card.

    Examples and checkpoints are kept beside the output, in a folder with ``.training`` added to its name: a training
    that was ended goes on there.

    Parameters
    ----------
    backgrounds : sequence of BackgroundImage
    teacher : Path
        Model folder of the regressor whose networks teach.
    output : Path
        Model folder to write.
    training : Distillation, optional
    progress : callable, optional

    Raises
    ------
    ParameterError
        When there is no such teacher to start from.
    ModelError, MissingPackageError
        When the teachers cannot be read, or without PyTorch and ONNX Runtime.
    """
    training = training or Distillation()
    teachers, judge = (SpeckRegressor.load(teacher, runtime) for runtime in (Runtime.choose("cpu"), OnnxRuntime()))
    if training.start not in teachers.members:
        raise ParameterError(
            f"There is no teacher “{training.start}” to start from; choose from: {', '.join(teachers.members)}."
        )
    work = Path(f"{output}.training")
    work.mkdir(parents=True, exist_ok=True)
    examples = _examples_of(backgrounds, judge, training, work, progress)
    student, losses = taught_network(examples, teachers, training, work / "checkpoint.safetensors", progress)
    seen = sorted({example.patient for example in examples})
    folds = [{"unseen_patients": [], "seen_patients": seen, "loss": losses}]
    card = network_card(folds, asdict(training)) | {
        "architecture": teachers.card["architecture"],
        "teachers": {"sha256": teachers.card.get("sha256", {}), "start": training.start},
    }
    stored = {ONNX_FILE: onnx_file(MeanNearness([student]), training.crop)}
    return write_network(output, KIND, SCHEMA, card, {NETWORK: student.state_dict()}, stored)


def _examples_of(
    backgrounds: Sequence[BackgroundImage],
    teachers: SpeckRegressor,
    training: Distillation,
    work: Path,
    progress: Progress,
) -> list[DistilledExample]:
    """Windows of every background, simulated or read from where an earlier run left them."""
    images = list(backgrounds)
    total = len(images) + training.simulated_backgrounds
    made_by = fingerprint_of(
        {
            "images": [image.path.name for image in images],
            "teachers": teachers.card.get("sha256", {}),
            "windows": training.windows_per_background,
            "simulated": training.simulated_backgrounds,
            "seed": training.seed,
        }
    )[:16]
    examples: list[DistilledExample] = []
    files = [work / f"windows-{made_by}-{number}.npz" for number in range(total)]
    if not all(file.is_file() for file in files):
        for number, background, patient in numbered_backgrounds(images, training.simulated_backgrounds, training.seed):
            progress("windows", number, total)
            if not files[number].is_file():
                made = [
                    window_example(window, patient, teachers, training)
                    for repeat in range(training.windows_per_background)
                    for window in windows_of(
                        background, 1, [training.seed, number, repeat, 6], _MORPHOLOGIES[repeat % len(_MORPHOLOGIES)]
                    )
                ]
                _write_examples(files[number], made)
    for file in files:
        examples += _read_examples(file)
    return examples


def window_example(window: Window, patient: str, teachers: SpeckRegressor, training: Distillation) -> DistilledExample:
    """A simulated window with what is known and what the teachers say of it."""
    mammogram, spacing_mm = window.mammogram, window.mammogram.spacing_mm
    grid = resampled(mammogram.pixels, spacing_mm, GRID_MM)
    inside = resampled(window.breast.mask, spacing_mm, GRID_MM, order=0).values > 0
    contrast = local_contrast(grid.values, inside, GRID_MM)
    taught, _ = run_in_tiles(contrast, np.ones_like(inside), teachers.network, teachers.runtime, teachers.reach, _TILE)
    target = nearness(window.labels, grid, spacing_mm, training.regression)

    candidates = find_candidates(mammogram.pixels, window.breast.mask, spacing_mm)
    truth = what_candidates_are(candidates, window.labels, spacing_mm)
    peaks = np.column_stack(grid.at(candidates.peak_rows, candidates.peak_columns)).astype(np.int32)
    if window.is_real:
        responses = candidates.responses[np.arange(len(candidates)), candidates.planes]
        truth[what_is_unknown(target, peaks, responses, taught[tuple(peaks.T)], truth)] = -1
    group = _group(window, grid.at, contrast.shape)
    return taught_example(contrast, target, taught, peaks, truth, patient, group)


def taught_example(
    contrast: NDArray[np.floating],
    target: NDArray[np.float32],
    taught: NDArray[np.floating],
    peaks: NDArray[np.int32],
    truth: NDArray[np.int8],
    patient: str,
    group: NDArray[np.int8],
) -> DistilledExample:
    """An example whose negatives are the candidates that mislead the teachers most.

    Parameters
    ----------
    contrast, target, taught : arrays, shape (rows, columns)
        On the grid; the target is −1 where the truth is unknown.
    peaks, truth : arrays, shape (candidates, 2) and (candidates,)
        On the grid; 1 calcification, 0 none, −1 neither or not known.
    patient : str
    group : int8 array, shape (rows, columns)
    """
    hardest = most_misleading(truth == 0, taught[tuple(peaks.T)], _HARD)
    return DistilledExample(
        contrast.astype(np.float16),
        in_percent(target),
        peaks[truth == 1],
        peaks[hardest],
        patient,
        in_percent(np.asarray(taught, np.float32)),
        group,
    )


def _group(window: Window, at: Any, shape: tuple[int, ...]) -> NDArray[np.int8]:
    rows, columns = np.nonzero(window.clustered[window.labels])
    if not len(rows):
        return np.zeros(shape, np.int8)
    apart = np.ones(shape, np.bool_)
    apart[at(rows, columns)] = False
    return (ndimage.distance_transform_edt(apart, sampling=GRID_MM) <= _GROUP_MM).astype(np.int8)


_ARRAYS = tuple(item.name for item in fields(DistilledExample) if item.name != "patient")


def _write_examples(path: Path, examples: Sequence[DistilledExample]) -> None:
    arrays = {f"{number}.{name}": getattr(example, name) for number, example in enumerate(examples) for name in _ARRAYS}
    patients = np.array([example.patient for example in examples])
    with replaced_on_success(path) as temporary, temporary.open("wb") as file:
        np.savez(file, patients=patients, **arrays)


def _read_examples(path: Path) -> list[DistilledExample]:
    with np.load(path, allow_pickle=False) as stored:
        return [
            DistilledExample(patient=str(patient), **{name: stored[f"{number}.{name}"] for name in _ARRAYS})
            for number, patient in enumerate(stored["patients"])
        ]


def taught_network(
    examples: Sequence[DistilledExample],
    teachers: SpeckRegressor,
    training: Distillation,
    checkpoint: Path,
    progress: Progress = no_progress,
) -> tuple[PyramidRegressor, list[float]]:
    """The network that is written, a mean of what was learned and of where it started; and the losses.

    Parameters
    ----------
    examples : sequence of DistilledExample
    teachers : SpeckRegressor
        On PyTorch.
    training : Distillation
    checkpoint : Path
        A training that was ended goes on from this file.
    progress : callable, optional
    """
    student, losses = _fit(examples, teachers, training, checkpoint, progress)
    start = teachers.members[training.start]
    _mix(student, start, training.kept)
    network = deepcopy(start)
    network.load_state_dict(_without_grouping(student))
    return network.eval(), losses


def _fit(
    examples: Sequence[DistilledExample],
    teachers: SpeckRegressor,
    training: Distillation,
    checkpoint: Path,
    progress: Progress,
) -> tuple[PyramidRegressor, list[float]]:
    precision = Runtime.choose("cpu").precision
    torch.manual_seed(training.seed)
    architecture = teachers.card["architecture"]
    student = PyramidRegressor(architecture["widths"], architecture["features"], is_grouping=True)
    student.load_state_dict(teachers.members[training.start].state_dict(), strict=False)
    student.train()
    optimizer = torch.optim.Adam(student.parameters(), training.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=training.steps, pct_start=0.1
    )
    made_by = fingerprint_of({**asdict(training), "examples": len(examples)})
    losses: list[float] = []
    done = 0
    state = TrainingState.load(checkpoint, made_by)
    if state is not None:
        losses, done = [row["loss"] for row in state.history], state.epoch * _ROUND
        for _ in range(done):  # without gradients only the schedule moves
            optimizer.step()
            schedule.step()
        student.load_state_dict(state.network)
        restore_optimizer(optimizer, state.optimizer)
    recent = []
    for step in range(done, training.steps):
        planes = batch_of_crops(examples, training.regression, np.random.default_rng([training.seed, step]))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits, groups = student.with_groups(planes[0])
        loss = distillation_loss(logits.float(), groups.float(), planes[1:], training)
        recent.append(take_step(loss, optimizer, schedule))
        if (step + 1) % _ROUND == 0 or step + 1 == training.steps:
            losses.append(round(float(np.mean(recent)), 4))
            recent = []
            history = [{"loss": loss} for loss in losses]
            TrainingState(len(losses), student.state_dict(), {}, optimizer_tensors(optimizer), history).save(
                checkpoint, made_by
            )
            progress(f"network, loss {losses[-1]}", step + 1, training.steps)
    return student.eval(), losses


def _mix(student: nn.Module, teacher: nn.Module, share: float) -> None:
    """Move every weight of the student that the teacher has, too, toward the teacher's by a share."""
    weights = student.state_dict()
    for name, value in teacher.state_dict().items():
        if value.is_floating_point():
            weights[name].lerp_(value, share)


def distillation_loss(
    logits: torch.Tensor, groups: torch.Tensor, wanted: Sequence[torch.Tensor], training: Distillation
) -> torch.Tensor:
    """The loss against the truth, plus cross-entropy against teachers that are not wrong, plus that of the groups.

    Parameters
    ----------
    logits : tensor, shape (batch, 1, rows, columns)
    groups : tensor, shape (batch, 1, coarse rows, coarse columns)
    wanted : sequence of tensors, each of the shape of ``logits``
        Target (negative: unknown), the teachers' mean (negative: nothing there), group (0 or 1), marks.
    training : Distillation
    """
    target, taught, group, marks = wanted
    loss = regression_loss(logits, target, marks)
    trusted = (taught >= 0) & ((target < 0) | ((taught - target).abs() < _TRUSTED))
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, taught.clamp(min=0), reduction="none")
    loss = loss + training.taught * entropy[trusted].sum() / trusted.sum().clamp(min=1)
    stride = logits.shape[-1] // groups.shape[-1]
    coarse = nn.functional.max_pool2d(group, stride)
    return loss + training.grouping * nn.functional.binary_cross_entropy_with_logits(groups, coarse)


def _without_grouping(student: PyramidRegressor) -> dict[str, torch.Tensor]:
    return {name: value for name, value in student.state_dict().items() if not name.startswith("grouping.")}
