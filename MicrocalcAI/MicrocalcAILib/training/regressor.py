"""Training of the pyramid regressor: how near is a calcification (HDoGReg's second stage, Marasinou et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.model_selection import GroupKFold
from torch import nn

from ..base.errors import ParameterError
from ..base.parameters import AnalysisParameters
from ..base.progress import Progress, no_progress
from ..base.provenance import provenance
from ..networks.catalogue import write_network
from ..networks.image import Grid, local_contrast, resampled
from ..networks.onnx_runtime import onnx_file
from ..networks.pyramid import MeanNearness, PyramidRegressor
from ..networks.regressor import GRID_MM, KIND, ONNX_FILE, SCHEMA
from ..networks.runtime import Runtime
from ..phantom import Phantom, PhantomParameters, simulate
from ..pipeline import measure_candidates
from ..segmentation.breast import find_breast
from ..segmentation.candidates import find_candidates
from ..segmentation.selection import MeasurementSelector
from .augmentation import altered_look
from .backgrounds import BackgroundImage, numbered_backgrounds
from .selector import is_unlabeled, what_candidates_are

_MARGIN_MM = 6.0  # kept around the breast's box
_WIDTHS, _FEATURES = [16, 32, 48, 64, 96], 24
_HARD = 400  # most misleading candidates of a phantom, from which the negatives are drawn
_UNKNOWN_RADIUS_MM = 0.5  # around bright specks of real images that may be calcifications nobody labeled


@dataclass(frozen=True)
class RegressorTraining:
    """How much is simulated and learned.

    Parameters
    ----------
    phantoms_per_background, simulated_backgrounds : int
    folds : int
        One network per fold of patients; each is judged on the patients it did not see. All run together later.
    steps, batch, crop : int
        Optimizer steps of each network, crops per step, side of a crop in grid pixels (a multiple of 16).
    learning_rate : float
        Highest of a one-cycle schedule (Adam).
    reach_mm, steepness : float
        ξ and α of the target ``(exp(α (1 − d / ξ)) − 1) / (exp(α) − 1)`` for distance d < ξ to the nearest
        calcification.
    seed : int
    """

    phantoms_per_background: int = 12
    simulated_backgrounds: int = 8
    folds: int = 3
    steps: int = 3000
    batch: int = 32
    crop: int = 128
    learning_rate: float = 2e-3
    reach_mm: float = 0.7
    steepness: float = 1.0
    seed: int = 1


@dataclass(frozen=True)
class RegressorExample:
    """One phantom on the grid: contrast, target in percent (−1: unknown), places worth a crop (row, column)."""

    contrast: NDArray[np.float16]
    target: NDArray[np.int8]
    calcifications: NDArray[np.int32]
    others: NDArray[np.int32]
    patient: str

    @property
    def planes(self) -> tuple[tuple[NDArray[np.generic], float, float], ...]:
        """Images of the grid's shape: what is stored, its unit, and what lies beyond its edges."""
        return (self.contrast, 1.0, 0.0), (self.target, 0.01, -1.0)


def regressor_examples(
    backgrounds: list[BackgroundImage],
    training: RegressorTraining,
    selector: MeasurementSelector,
    progress: Progress = no_progress,
) -> Iterator[RegressorExample]:
    """Simulated calcifications in real and simulated backgrounds, in varied looks, on the network's grid.

    Parameters
    ----------
    backgrounds : list of BackgroundImage
    training : RegressorTraining
    selector : MeasurementSelector
        Tells which specks of the backgrounds mislead, and which may be calcifications that nobody labeled.
    progress : callable, optional
    """
    total = (len(backgrounds) + training.simulated_backgrounds) * training.phantoms_per_background
    for number, background, patient in numbered_backgrounds(backgrounds, training.simulated_backgrounds, training.seed):
        for repeat in range(training.phantoms_per_background):
            progress("phantoms", number * training.phantoms_per_background + repeat, total)
            seed = [training.seed, number, repeat, 4]
            phantom = simulate(background, seed, PhantomParameters())
            yield _example(phantom, patient, training, selector, np.random.default_rng(seed))


def train_regressor(
    backgrounds: list[BackgroundImage],
    output: Path,
    selector: MeasurementSelector,
    training: RegressorTraining | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train one network per fold of patients and write them with a card; returns the card.

    Raises
    ------
    ParameterError
        When there are fewer patients than folds.
    """
    training = training or RegressorTraining()
    examples = list(regressor_examples(backgrounds, training, selector, progress))
    return fit_regressor(examples, output, training, progress)


def fit_regressor(
    examples: Sequence[RegressorExample], output: Path, training: RegressorTraining, progress: Progress = no_progress
) -> dict[str, Any]:
    """Train on examples that are there; see :func:`train_regressor`."""
    patients = [example.patient for example in examples]
    if len(set(patients)) < training.folds:
        raise ParameterError(
            f"{training.folds} folds need as many patients; the backgrounds show {len(set(patients))}."
        )
    networks, folds = [], []
    for fold, (learn, judge) in enumerate(GroupKFold(training.folds).split(patients, groups=patients)):
        network, losses = _fit([examples[i] for i in learn], training, fold, progress)
        networks.append(network)
        folds.append(
            {
                "unseen_patients": sorted({patients[i] for i in judge}),
                "loss": losses,
                "unseen_loss": _loss_on([examples[i] for i in judge], network, training),
            }
        )
    weights = {f"fold{fold}": network.state_dict() for fold, network in enumerate(networks)}
    stored = {ONNX_FILE: onnx_file(MeanNearness(networks), training.crop)}
    return write_network(output, KIND, SCHEMA, network_card(folds, asdict(training)), weights, stored)


def network_card(folds: list[dict[str, Any]], training: dict[str, Any]) -> dict[str, Any]:
    """Card of a regressor: what it is, which patients its networks saw, and how they were trained."""
    return {
        "name": "Speck regressor",
        "description": "Nearness of a calcification at every pixel, from local contrast.",
        "architecture": {"name": "feature pyramid regressor", "widths": _WIDTHS, "features": _FEATURES},
        "grid_mm": GRID_MM,
        "intensities": "asinh of the detail finer than 1.2 mm in units of the local noise",
        "folds": folds,
        "training": training,
        "license": "Apache-2.0",
        "provenance": provenance(),
    }


def nearness(
    labels: NDArray[np.integer], grid: Grid, spacing_mm: tuple[float, float], training: RegressorTraining
) -> NDArray[np.float32]:
    """Target of the regression on a grid: 1 on a calcification, falling to 0 at ``reach_mm`` from its edge."""
    rows, columns = np.nonzero(labels)
    inside = (rows >= grid.box[0]) & (rows < grid.box[1]) & (columns >= grid.box[2]) & (columns < grid.box[3])
    marked = np.zeros(grid.values.shape, np.bool_)
    marked[grid.at(rows[inside], columns[inside])] = True
    if not marked.any():
        return np.zeros(grid.values.shape, np.float32)
    distance_mm = ndimage.distance_transform_edt(~marked, sampling=grid.spacing_mm)
    rest = np.clip(1 - distance_mm / training.reach_mm, 0, None)
    return (np.expm1(training.steepness * rest) / np.expm1(training.steepness)).astype(np.float32)


def _example(
    phantom: Phantom, patient: str, training: RegressorTraining, selector: MeasurementSelector, rng: Generator
) -> RegressorExample:
    mammogram, spacing_mm = phantom.mammogram, phantom.mammogram.spacing_mm
    breast = find_breast(mammogram)
    candidates = find_candidates(mammogram.pixels, breast.mask, spacing_mm, AnalysisParameters().candidates)
    measurements = measure_candidates(mammogram, breast, candidates)
    probabilities = selector.probabilities(measurements, candidates.positions_mm(spacing_mm))
    truth = what_candidates_are(candidates, phantom.labels, spacing_mm)

    pixels = altered_look(mammogram.pixels, spacing_mm[0], rng)
    zoom = float(np.exp(rng.uniform(-0.2, 0.2)))  # specks of other sizes, pixels of other sizes
    box = _box(breast.mask, _MARGIN_MM / spacing_mm[0])
    grid = resampled(pixels, (spacing_mm[0] * zoom, spacing_mm[1] * zoom), GRID_MM, box)
    inside = resampled(breast.mask, (spacing_mm[0] * zoom, spacing_mm[1] * zoom), GRID_MM, box, order=0).values > 0
    target = nearness(phantom.labels, grid, spacing_mm, training)
    negative = truth == 0
    if phantom.parameters["background"]["kind"] == "image":
        peaks = np.column_stack(grid.at(candidates.peak_rows, candidates.peak_columns))
        negative &= ~what_is_unknown(target, peaks, measurements["response"].to_numpy(), probabilities, truth)
    hardest = most_misleading(negative, probabilities, _HARD)
    places = [
        np.column_stack(grid.at(candidates.peak_rows[chosen], candidates.peak_columns[chosen])).astype(np.int32)
        for chosen in (truth == 1, hardest)
    ]
    contrast = local_contrast(grid.values, inside, GRID_MM)
    return RegressorExample(contrast.astype(np.float16), in_percent(target), places[0], places[1], patient)


def in_percent(target: NDArray[np.float32]) -> NDArray[np.int8]:
    """A target as examples keep it: whole percent, −1 where it is not known."""
    return np.where(target < 0, -1, np.rint(100 * target)).astype(np.int8)


def most_misleading(negative: NDArray[np.bool_], rated: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Numbers of so many candidates that are none and are rated highest, from which negatives are drawn."""
    return np.flatnonzero(negative)[np.argsort(-rated[negative])[:count]]


def what_is_unknown(
    target: NDArray[np.float32],
    peaks: NDArray[np.integer],
    responses: NDArray[np.floating],
    probabilities: NDArray[np.floating],
    truth: NDArray[np.int8],
) -> NDArray[np.bool_]:
    """Candidates of a real image that may be calcifications nobody labeled; the target around them becomes −1.

    Parameters
    ----------
    target : float32 array, shape (rows, columns)
        Changed in place where it is 0.
    peaks : int array, shape (candidates, 2)
        On the grid of the target.
    responses, probabilities, truth : arrays, shape (candidates,)
        As in :func:`~MicrocalcAILib.training.selector.is_unlabeled`.
    """
    unknown = is_unlabeled(responses, probabilities, truth)
    radius = int(np.ceil(_UNKNOWN_RADIUS_MM / GRID_MM))
    for row, column in peaks[unknown]:
        around = target[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1]
        around[around == 0] = -1
    return unknown


def _box(mask: NDArray[np.bool_], margin: float) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return (0, mask.shape[0], 0, mask.shape[1])
    return (
        max(int(rows[0] - margin), 0),
        min(int(rows[-1] + margin) + 1, mask.shape[0]),
        max(int(columns[0] - margin), 0),
        min(int(columns[-1] + margin) + 1, mask.shape[1]),
    )


def _fit(
    examples: Sequence[RegressorExample], training: RegressorTraining, fold: int, progress: Progress
) -> tuple[nn.Module, list[float]]:
    torch.manual_seed(training.seed + fold)
    rng = np.random.default_rng([training.seed, fold])
    network = PyramidRegressor(_WIDTHS, _FEATURES).to(memory_format=torch.channels_last).train()
    is_fast_in_bfloat16 = Runtime.choose("cpu").precision == "bfloat16"
    optimizer = torch.optim.Adam(network.parameters(), training.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=training.steps)
    losses, recent = [], []
    for step in range(training.steps):
        contrast, target, marks = batch_of_crops(examples, training, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_fast_in_bfloat16):
            logits = network(contrast)
        recent.append(take_step(regression_loss(logits.float(), target, marks), optimizer, schedule))
        if (step + 1) % 100 == 0:
            losses.append(round(float(np.mean(recent)), 4))
            recent = []
            progress(f"network {fold + 1}, loss {losses[-1]}", step + 1, training.steps)
    return network.eval(), losses


def take_step(
    loss: torch.Tensor, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> float:
    """Move weights and learning rate on by one step; returns the loss."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    return loss.item()


def regression_loss(logits: torch.Tensor, target: torch.Tensor, marks: torch.Tensor) -> torch.Tensor:
    """Soft Dice (HDoGReg) plus cross-entropy over the known pixels, plus cross-entropy at the peaks of candidates.

    The last term is what selection needs: a calcification's peak above that of everything that looks like one.

    Parameters
    ----------
    logits : tensor, shape (batch, 1, rows, columns)
    target : tensor, same shape
        In [0, 1]; negative where the truth is unknown.
    marks : tensor, same shape
        1 at peaks of calcifications, 0 at peaks of other candidates, −1 elsewhere.
    """
    known = target >= 0
    wanted = target.clamp(min=0)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")[known].sum()
    entropy = entropy / known.sum().clamp(min=1)
    predicted = torch.sigmoid(logits) * known
    dice = 1 - 2 * (predicted * wanted).sum() / ((predicted**2).sum() + (wanted**2).sum() + 1.0)
    loss = dice + 2 * entropy
    marked = marks >= 0
    if marked.any():
        loss = loss + nn.functional.binary_cross_entropy_with_logits(logits[marked], marks[marked])
    return loss


def _loss_on(examples: Sequence[RegressorExample], network: nn.Module, training: RegressorTraining) -> float:
    rng = np.random.default_rng(training.seed)
    with torch.inference_mode():
        batches = [batch_of_crops(examples, training, rng) for _ in range(20)]
        losses = [regression_loss(network(contrast), target, marks) for contrast, target, marks in batches]
    return round(float(torch.stack(losses).mean()), 4)


def batch_of_crops(
    examples: Sequence[RegressorExample], training: RegressorTraining, rng: Generator
) -> tuple[torch.Tensor, ...]:
    """Crops around calcifications and around what misleads, turned and mirrored: the examples' planes, and marks.

    Parameters
    ----------
    examples : sequence of RegressorExample
    training : RegressorTraining
        Says how many crops, and their side.
    rng : Generator

    Returns
    -------
    tuple of tensors, each of shape (batch, 1, side, side)
        Contrast, target, what else the examples hold, and 1 at peaks of calcifications, 0 at other peaks, else −1.
    """
    side = training.crop
    fills = [fill for _, _, fill in examples[0].planes]
    batch = np.empty((len(fills) + 1, training.batch, 1, side, side), np.float32)
    for plane, fill in zip(batch, (*fills, -1.0), strict=True):
        plane[:] = fill
    for index in range(training.batch):
        example = examples[int(rng.integers(len(examples)))]
        wanted = example.calcifications if rng.random() < 0.5 else example.others
        if not len(wanted):
            wanted = example.others if len(example.others) else np.array([np.array(example.contrast.shape) // 2])
        corner = wanted[rng.integers(len(wanted))] + rng.integers(-side // 3, side // 3 + 1, 2) - side // 2
        first = np.maximum(corner, 0)
        last = np.minimum(corner + side, example.contrast.shape)
        window = np.s_[first[0] : last[0], first[1] : last[1]]
        place = np.s_[first[0] - corner[0] : last[0] - corner[0], first[1] - corner[1] : last[1] - corner[1]]
        for plane, (values, unit, _) in zip(batch, example.planes, strict=False):
            plane[index, 0][place] = values[window].astype(np.float32) * np.float32(unit)
        for truth, peaks in ((0, example.others), (1, example.calcifications)):
            inside = peaks[((peaks >= first) & (peaks < last)).all(axis=1)] - corner
            batch[-1, index, 0][inside[:, 0], inside[:, 1]] = truth
        turned = np.rot90(batch[:, index, 0], int(rng.integers(4)), axes=(1, 2))
        batch[:, index, 0] = (turned[:, :, ::-1] if rng.integers(2) else turned).copy()
        batch[0, index] *= rng.uniform(0.8, 1.2)
    contrast, *others = (torch.from_numpy(plane) for plane in batch)
    return (contrast.to(memory_format=torch.channels_last), *others)
