"""The state of an unfinished training: one file that a later run continues from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.files import replaced_on_success

if TYPE_CHECKING:
    import torch

_NETWORK, _BEST, _OPTIMIZER = "network.", "best.", "optimizer."


@dataclass
class TrainingState:
    """Where a training stands after a whole epoch.

    Parameters
    ----------
    epoch : int
        Epochs that are done.
    network, best : dict
        Weights now, and those of the lowest validation loss.
    optimizer : dict
        Tensors of the optimizer's state, by ``PARAMETER.NAME``.
    history : list of dict
        One row per epoch: ``epoch``, ``training_loss``, ``validation_loss``, ``validation_auc``.
    """

    epoch: int
    network: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    history: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: Path, fingerprint: str) -> None:
        """Write the state; an older one is replaced when all is written."""
        from safetensors.torch import save

        parts = ((_NETWORK, self.network), (_BEST, self.best), (_OPTIMIZER, self.optimizer))
        tensors = {
            prefix + name: tensor.detach().cpu().contiguous().clone()
            for prefix, part in parts
            for name, tensor in part.items()
        }
        record = {"fingerprint": fingerprint, "epoch": str(self.epoch), "history": json.dumps(self.history)}
        with replaced_on_success(path) as temporary:
            temporary.write_bytes(save(tensors, metadata=record))

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> TrainingState | None:
        """The state of this very training; None when there is none, or it is damaged or of another training."""
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            return None
        parts: dict[str, dict[str, torch.Tensor]] = {_NETWORK: {}, _BEST: {}, _OPTIMIZER: {}}
        try:
            with safe_open(str(path), framework="pt") as file:
                record = file.metadata() or {}
                if record.get("fingerprint") != fingerprint:
                    return None
                for key in file.keys():  # noqa: SIM118 (not a dict)
                    prefix, _, name = key.partition(".")
                    parts[f"{prefix}."][name] = file.get_tensor(key)
            history = json.loads(record["history"])
            return cls(int(record["epoch"]), parts[_NETWORK], parts[_BEST], parts[_OPTIMIZER], history)
        except (OSError, SafetensorError, KeyError, ValueError):
            return None


def fingerprint_of(settings: Any, *contents: bytes) -> str:
    """SHA-256 of settings (JSON-ready) and data: equal for the same training only."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of an optimizer as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": tensor for number, entry in state.items() for name, tensor in entry.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put named tensors back, in the memory layout of the parameters."""
    import torch

    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".")
        parameter = parameters[int(number)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
