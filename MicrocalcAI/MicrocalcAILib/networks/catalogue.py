"""The catalogue of networks: a folder each, with weights (safetensors) and a card.

Networks come with the library (``Models``); users add their own by dropping a folder into :func:`user_folder`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import ModelError
from ..base.model_folder import CARD_FILE, read_model_files, write_model_folder
from ..base.resources import resource_path

if TYPE_CHECKING:
    import torch

WEIGHTS_SUFFIX = ".safetensors"
BUNDLED_HEATMAPS = {"detection": "PatchDetection", "malignancy": "PatchMalignancy"}
BUNDLED_DETECTOR = "LesionDetector"
"""What the words of the command line and of the panel stand for."""


def user_folder() -> Path:
    """Where users put networks of their own: ``MICROCALC_MODELS`` or ``.microcalc/models`` in the home folder."""
    return Path(os.environ.get("MICROCALC_MODELS") or Path.home() / ".microcalc" / "models")


def find_network(name: str | Path) -> Path:
    """The folder of a network, by its path, or by its folder's name in the catalogue.

    A mere name is looked up in the catalogue alone, never in the working directory, and the name of a bundled network
    always means that one; a path is a ``Path``, or text with a separator in it.

    Raises
    ------
    ModelError
        When there is none; the message names those that are there.
    """
    given = Path(name)
    is_path = isinstance(name, Path) or str(name) != given.name
    if is_path and (given / CARD_FILE).is_file():
        return given
    folders = _folders()
    if str(name) not in folders:
        known = ", ".join(sorted(folders)) or "none"
        raise ModelError(f"There is no model “{given.name}”; give the path of a model folder or one of: {known}.")
    return folders[str(name)]


def networks(kind: str) -> dict[str, dict[str, Any]]:
    """The cards of the networks of one kind, by their folders' names; bundled ones before the user's namesakes."""
    cards = {}
    for name, folder in _folders().items():
        try:
            card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(card, dict) and card.get("kind") == kind:
            cards[name] = card
    return cards


def read_network(name: str | Path, kind: str, schema: int) -> tuple[dict[str, Any], dict[str, dict[str, torch.Tensor]]]:
    """The card of a network, and its weights by the name of their file without suffix, in float32.

    Raises
    ------
    ModelError
        When a file is missing or altered, or the network is of another kind or version.
    MissingPackageError
        Without PyTorch.
    """
    card, files = read_model_files(find_network(name), kind, schema)
    return card, weights_in(files)


def weights_in(files: Mapping[str, bytes]) -> dict[str, dict[str, torch.Tensor]]:
    """The weights among the files of a model folder, by the name of their file without suffix, in float32.

    Raises
    ------
    ModelError
        When a file is damaged.
    MissingPackageError
        Without PyTorch.
    """
    from .runtime import require_torch

    require_torch()
    from safetensors import SafetensorError
    from safetensors.torch import load

    weights = {}
    for file, content in files.items():
        if file.endswith(WEIGHTS_SUFFIX):
            try:
                tensors = load(content)
            except (SafetensorError, ValueError, KeyError) as error:
                raise ModelError(f"The weights “{file}” cannot be read; restore them.") from error
            weights[file.removesuffix(WEIGHTS_SUFFIX)] = {
                key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()
            }
    return weights


def write_network(
    folder: Path,
    kind: str,
    schema: int,
    card: Mapping[str, Any],
    weights: Mapping[str, Mapping[str, torch.Tensor]],
    more_files: Mapping[str, bytes] | None = None,
    half_precision: bool = False,
) -> dict[str, Any]:
    """Write a network's folder; returns the card as written.

    Parameters
    ----------
    folder, kind, schema, card
        As in :func:`~MicrocalcAILib.base.model_folder.write_model_folder`.
    weights : mapping, name -> state dict
    more_files : mapping, name -> content, optional
    half_precision : bool
        Store floating-point weights as float16: half the size; evaluate the network as stored.
    """
    import torch
    from safetensors.torch import save

    files = dict(more_files or {})
    for name, state in weights.items():
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
        if half_precision:
            tensors = {
                key: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
                for key, tensor in tensors.items()
            }
        files[f"{name}{WEIGHTS_SUFFIX}"] = save(tensors)
    return write_model_folder(folder, kind, schema, card, files)


def load_weights(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Put weights into a network; ModelError when they do not fit its architecture."""
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ModelError(f"The weights of “{name}” do not fit its architecture; train it again.") from error


def _folders() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for parent in (user_folder(), resource_path("Models")):
        if parent.is_dir():
            found |= {folder.name: folder for folder in sorted(parent.iterdir()) if (folder / CARD_FILE).is_file()}
    return found
