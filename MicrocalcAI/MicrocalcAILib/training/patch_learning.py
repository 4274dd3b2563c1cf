"""How a patch network learns: epochs of batches with augmentation, early stopping, and judging without it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..base.errors import ParameterError
from ..base.progress import Progress
from ..networks.patch_networks import Architecture
from ..networks.runtime import Runtime
from ..statistics import auc
from .checkpoint import TrainingState, optimizer_tensors, restore_optimizer
from .patches import QUANTUM, PatchSet

if TYPE_CHECKING:
    import torch

_GAIN, _NOISE = (0.85, 1.2), 0.15  # of augmentation, in units of local contrast
_JUDGED_AT_ONCE = 64


@dataclass(frozen=True)
class PatchTraining:
    """How a patch network is trained; the defaults are the paper's where it states them.

    Parameters
    ----------
    architecture : Architecture
    start : str or None
        Model folder (or name) whose weights training starts from; None for fresh weights.
    epochs, patience : int
        At most so many epochs; fewer when the validation loss has not fallen for ``patience`` of them.
    batch : int
    learning_rate : float
    augment : bool
        Turn, mirror, move and slightly rescale the patches in each epoch.
    balanced : bool
        Weight both classes equally.
    only_where : str or None
        Name of a detection network in the catalogue: heatmaps show the trained one only where that one sees
        microcalcifications.
    seed : int
        Of the division into splits, the fresh weights and the order of patches.
    """

    architecture: Architecture = field(default_factory=Architecture)
    start: str | None = None
    epochs: int = 40
    patience: int = 6
    batch: int = 16
    learning_rate: float = 1e-4
    augment: bool = True
    balanced: bool = False
    only_where: str | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch) < 1 or not 0 < self.learning_rate < 1:
            raise ParameterError("Epochs, patience and batch are at least 1, and the learning rate is between 0 and 1.")


def judge(network: torch.nn.Module, patches: PatchSet, runtime: Runtime) -> NDArray[np.float64]:
    """Probability of the second class for each patch, shape (patches,)."""
    return _softmax(_logits(network, patches, runtime))[:, 1]


def fit(
    network: torch.nn.Module,
    train: PatchSet,
    validation: PatchSet,
    task: str,
    training: PatchTraining,
    runtime: Runtime,
    checkpoint: Path,
    fingerprint: str,
    progress: Progress,
) -> TrainingState:
    """Epochs until validation has stopped getting better; continues from the checkpoint when it is of this training."""
    import torch

    # moments of weights that train in float32 whatever the precision of activations
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate, fused=True)
    state = TrainingState.load(checkpoint, fingerprint)
    if state is None:
        state = TrainingState(0, network.state_dict(), copy.deepcopy(network.state_dict()), {})
    else:
        network.load_state_dict(state.network)
        restore_optimizer(optimizer, state.optimizer)
    targets = train.target(task)
    weights = _class_weights(targets) if training.balanced else np.ones(2)
    batches = -(-len(train) // training.batch)
    while state.epoch < training.epochs and not _stopped(state.history, training.patience):
        rng = np.random.default_rng([training.seed, state.epoch])
        torch.manual_seed(int(rng.integers(2**31)))  # dropout
        network.train()
        order, total = rng.permutation(len(train)), 0.0
        for number in range(batches):
            progress("training", state.epoch * batches + number, training.epochs * batches)
            rows = order[number * training.batch : (number + 1) * training.batch]
            values = _augmented(train, rows, rng) if training.augment else _middle(train, rows)
            wanted = np.stack([1 - targets[rows], targets[rows]], axis=1)
            loss = _step(network, optimizer, values, wanted, weights, runtime)
            total += loss * len(rows)
        logits = _logits(network, validation, runtime)
        validation_loss = round(_cross_entropy(logits, validation.target(task)), 5)
        is_best = all(validation_loss < row["validation_loss"] for row in state.history)
        state.epoch += 1
        state.history.append(
            {
                "epoch": state.epoch,
                "training_loss": round(total / len(train), 5),
                "validation_loss": validation_loss,
                "validation_auc": round(auc(validation.outcome(task), _softmax(logits)[:, 1]).value, 5),
            }
        )
        state.network = network.state_dict()
        if is_best:
            state.best = copy.deepcopy(state.network)
        state.optimizer = optimizer_tensors(optimizer)
        state.save(checkpoint, fingerprint)
    progress("training", training.epochs * batches, training.epochs * batches)
    return state


def _step(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    values: NDArray[np.float32],
    wanted: NDArray[np.float32],
    weights: NDArray[np.float64],
    runtime: Runtime,
) -> float:
    import torch

    inputs = torch.from_numpy(values[:, np.newaxis]).to(runtime.device, memory_format=torch.channels_last)
    targets = torch.from_numpy(wanted).to(runtime.device)
    with torch.autocast(runtime.device, torch.bfloat16, enabled=runtime.precision == "bfloat16"):
        logits = network(inputs)
    class_weights = torch.tensor(weights, dtype=torch.float32, device=runtime.device)
    loss = torch.nn.functional.cross_entropy(logits.float(), targets, class_weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _stopped(history: list[dict[str, Any]], patience: int) -> bool:
    losses = [row["validation_loss"] for row in history]
    return len(losses) > patience and min(losses[:-patience]) <= min(losses[-patience:])


def _augmented(patches: PatchSet, rows: NDArray[np.intp], rng: Generator) -> NDArray[np.float32]:
    """Patches turned, mirrored and moved at random, with another contrast and a little noise."""
    side, shift = patches.input.side, patches.shift
    values = np.empty((len(rows), side, side), np.float32)
    for index, row in enumerate(rows):
        down, right = rng.integers(0, 2 * shift + 1, 2)
        patch = patches.values[row, down : down + side, right : right + side]
        patch = np.rot90(patch, int(rng.integers(4)))
        values[index] = patch[:, ::-1] if rng.random() < 0.5 else patch
    gain = np.exp(rng.uniform(np.log(_GAIN[0]), np.log(_GAIN[1]), (len(rows), 1, 1))).astype(np.float32)
    noise = rng.standard_normal(values.shape, np.float32)
    noise *= rng.uniform(0, _NOISE, (len(rows), 1, 1)).astype(np.float32)
    return np.asarray(values * (QUANTUM * gain) + noise, np.float32)


def _middle(patches: PatchSet, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """Patches as they are, without the margin for moving them."""
    inner = slice(patches.shift, patches.shift + patches.input.side)
    return np.asarray(patches.values[rows, inner, inner], np.float32) * np.float32(QUANTUM)


def _logits(network: torch.nn.Module, patches: PatchSet, runtime: Runtime) -> NDArray[np.float64]:
    import torch

    placed, found = runtime.place(network), []
    for first in range(0, len(patches), _JUDGED_AT_ONCE):
        rows = np.arange(first, min(first + _JUDGED_AT_ONCE, len(patches)))
        with runtime.inference():
            values = torch.from_numpy(_middle(patches, rows)[:, np.newaxis])
            values = values.to(runtime.device, memory_format=torch.channels_last)
            found.append(placed(values).float().cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import softmax

    return np.asarray(softmax(logits, axis=1))


def _cross_entropy(logits: NDArray[np.float64], target: NDArray[np.float32]) -> float:
    from scipy.special import log_softmax

    logs = log_softmax(logits, axis=1)
    return float(-((1 - target) * logs[:, 0] + target * logs[:, 1]).mean())


def _class_weights(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inverse to the share of each class, 1 on average."""
    share = float(targets.mean())
    return 0.5 / np.array([1 - share, share])
