"""Settings of a detector's training, and its state: what a checkpoint holds, and where a training starts."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..base.errors import ModelError, ParameterError
from ..base.files import replaced_on_success
from ..base.tables import write_table
from ..networks.detector import untrained_network
from ..networks.detector_architecture import DetectorArchitecture
from ..networks.runtime import Runtime

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
CURVE = "learning_curve.csv"
_WARM_UP = 0.05  # share of the steps over which the learning rate of AdamW rises


@dataclass(frozen=True)
class DetectorTraining:
    """How the detector learns; the published settings by default.

    Parameters
    ----------
    architecture : DetectorArchitecture
    optimizer : {"sgd", "adamw"}
        ``sgd`` with momentum 0.9, its learning rate multiplied by 0.3 every ten epochs: published, for weights that
        come from somewhere. ``adamw`` with a rise and a fall along a cosine: for a start from nothing.
    learning_rate, weight_decay : float
    epochs, tiles_per_epoch, batch : int
    tile : int
        Rows and columns of a tile, in grid pixels.
    near_lesion : float
        Share of the tiles that are chosen to show a lesion, where the image has one.
    validation_share : float
        Share of the patients that are kept for the learning curve.
    false_boxes_per_image : float or None
        The detector gives boxes from the score at which the kept patients have this many false ones; None keeps the
        architecture's threshold.
    patience : int or None
        Epochs without more lesions found on the kept patients before the end; the best weights are kept then. None: all
        epochs, and the last weights.
    seed : int
    """

    architecture: DetectorArchitecture = field(default_factory=DetectorArchitecture)
    optimizer: str = "sgd"
    learning_rate: float = 0.005
    weight_decay: float = 5e-4
    epochs: int = 50
    tiles_per_epoch: int = 1000
    batch: int = 1
    tile: int = 640
    near_lesion: float = 0.7
    validation_share: float = 0.12
    false_boxes_per_image: float | None = None
    patience: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.optimizer not in ("sgd", "adamw"):
            raise ParameterError(f"Unknown optimizer “{self.optimizer}”; choose sgd or adamw.")
        if min(self.epochs, self.tiles_per_epoch, self.batch) < 1 or self.tile < 64 or self.tile % 32:
            raise ParameterError(
                "Give at least one epoch, tile and batch, and tiles of 64 pixels or more in steps of 32."
            )

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.tiles_per_epoch / self.batch)

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0 over all epochs."""
        if self.optimizer == "sgd":
            return self.learning_rate * 0.3 ** (step // self.steps_per_epoch // 10)
        done = step / (self.epochs * self.steps_per_epoch)
        if done < _WARM_UP:
            return self.learning_rate * (0.05 + 0.95 * done / _WARM_UP)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP))) / 2)


PUBLISHED = DetectorTraining()
LIGHT = DetectorTraining(
    DetectorArchitecture(backbone="light"),
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=0.02,
    epochs=24,
    tiles_per_epoch=500,
    batch=4,
    tile=384,
    false_boxes_per_image=1.0,
)


@dataclass
class TrainingState:
    """Everything that a checkpoint holds.

    Parameters
    ----------
    network, optimizer
    settings : str
        Of the training and its initial weights, as JSON; a checkpoint of others is refused.
    initial_weights : str or None
        SHA-256 of the file that the network started from; its batch normalization then stays as it was.
    epoch : int
        How many are done.
    curve : list of dict
        Loss and validation of each.
    best : dict
        Weights of the best epoch, where a training may stop early.
    """

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    settings: str
    initial_weights: str | None
    epoch: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def start(
        cls, training: DetectorTraining, runtime: Runtime, work: Path, initial_weights: Path | None
    ) -> TrainingState:
        """A new training, or the one that a checkpoint holds."""
        import torch

        torch.manual_seed(training.seed)
        network = untrained_network(training.architecture)
        digest = None
        if initial_weights is not None:
            digest = sha256(initial_weights.read_bytes()).hexdigest()
            _start_from(network, initial_weights)
        network = network.to(runtime.device, memory_format=torch.channels_last)
        optimizer: torch.optim.Optimizer
        if training.optimizer == "sgd":
            optimizer = torch.optim.SGD(
                network.parameters(), training.learning_rate, momentum=0.9, weight_decay=training.weight_decay
            )
        else:
            optimizer = torch.optim.AdamW(
                network.parameters(), training.learning_rate, weight_decay=training.weight_decay
            )
        settings = json.dumps({**asdict(training), "initial_weights": digest}, sort_keys=True)
        state = cls(network, optimizer, settings, digest)
        if (work / CHECKPOINT).is_file():
            state._resume(work / CHECKPOINT, runtime)
        return state

    def train(self) -> torch.nn.Module:
        """The network in training mode."""
        import torch

        self.network.train()
        if self.initial_weights is not None:
            for part in self.network.modules():
                if isinstance(part, torch.nn.BatchNorm2d):
                    part.eval()
        return self.network

    def save(self, work: Path) -> None:
        """Write the checkpoint and the learning curve."""
        from safetensors.torch import save

        tensors = {f"network.{name}": values for name, values in self.network.state_dict().items()}
        tensors |= {f"best.{name}": values for name, values in self.best.items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in values.items()}
        stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        notes = {"settings": self.settings, "epoch": str(self.epoch), "curve": json.dumps(self.curve)}
        work.mkdir(parents=True, exist_ok=True)
        with replaced_on_success(work / CHECKPOINT) as temporary:
            temporary.write_bytes(save(stored, metadata=notes))
        with replaced_on_success(work / CURVE) as temporary:
            write_table(pd.DataFrame(self.curve), temporary)

    def _resume(self, path: Path, runtime: Runtime) -> None:
        from safetensors import safe_open

        with safe_open(path, "pt", device=runtime.device) as stored:
            notes = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        if notes.get("settings") != self.settings:
            raise ParameterError(
                "The checkpoint belongs to a training with other settings; delete it or choose another work folder."
            )
        self.network.load_state_dict(
            {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}
        )
        self.best = {name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")}
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, number, moment = name.split(".")
                moments.setdefault(int(number), {})[moment] = tensor
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**state, "state": moments})
        self.epoch, self.curve = int(notes["epoch"]), json.loads(notes["curve"])


def _start_from(network: torch.nn.Module, path: Path) -> None:
    """Take over the weights that fit by name and shape: of a detector of ours, or of torchvision's (classes differ)."""
    from safetensors.torch import load_file

    try:
        given = load_file(path)
    except Exception as error:  # safetensors raises its own kinds for damaged files
        raise ModelError("The initial weights cannot be read; give a safetensors file.") from error
    own = network.state_dict()
    fitting = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    if not any(name.startswith("backbone.") for name in fitting):
        raise ModelError("The initial weights belong to another network; give those of a detector with that backbone.")
    network.load_state_dict(fitting, strict=False)
