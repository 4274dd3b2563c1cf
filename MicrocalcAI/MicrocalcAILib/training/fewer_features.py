"""The network of a selector at a lower cost: its levels are added in fewer features.

Between the levels and the head of a pyramid there is nothing but additions, so what the head's convolution hardly looks
at need not be computed. The weights that lose least where candidates lie are those of a singular value decomposition
(a layer as the product of two smaller ones: Denton et al., NeurIPS 2014); the first of the two matrices disappears in
the projections of the levels. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..base.errors import ModelError, ParameterError
from ..base.model_folder import read_model_files
from ..base.progress import Progress, no_progress
from ..networks.catalogue import find_network, write_network
from ..networks.image import breast_in_contrast
from ..networks.onnx_runtime import onnx_file
from ..networks.pyramid import MeanNearness, PyramidRegressor
from ..networks.regressor import GRID_MM, ONNX_FILE, SpeckRegressor
from ..networks.runtime import Runtime
from ..networks.selector import KIND, SCHEMA
from ..networks.tiles import tiles_over
from ..phantom import PhantomParameters, simulate
from ..segmentation.breast import find_breast
from ..segmentation.candidates import find_candidates
from ..segmentation.selection import MODEL_FILES
from .backgrounds import BackgroundImage, numbered_backgrounds

_SMALLEST_SHARE = 1e-9  # of the variance; directions with less of it count as that much
_TILE = 512  # side of what is looked at at once, in grid pixels


@dataclass(frozen=True)
class FewerFeatures:
    """How many features remain, and what is looked at to choose them.

    Parameters
    ----------
    features : int
        8 are what processors calculate at once.
    simulated_backgrounds : int
        Power-law backgrounds beside the given ones; one phantom in each.
    seed : int
    """

    features: int = 8
    simulated_backgrounds: int = 3
    seed: int = 1


def reduce_selector(
    selector: str | Path,
    backgrounds: Sequence[BackgroundImage],
    output: Path,
    reduction: FewerFeatures | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Write a selector whose network adds its levels in fewer features; its trees stay. Returns the card.

    Parameters
    ----------
    selector : str or Path
        Model folder or name of a selector with one network.
    backgrounds : sequence of BackgroundImage
        Calcifications are simulated in them.
    output : Path
        Model folder to write.
    reduction : FewerFeatures, optional
    progress : callable, optional

    Raises
    ------
    ParameterError
        When the network has no more features than that already.
    ModelError, MissingPackageError
        When the selector cannot be read or has several networks, or without PyTorch.
    """
    reduction = reduction or FewerFeatures()
    card, files = read_model_files(find_network(selector), KIND, SCHEMA)
    card.pop("origin")  # where this one lay
    regressor = SpeckRegressor.from_files(card["regressor"], files, Runtime.choose("cpu"))
    if len(regressor.members) != 1:
        raise ModelError("Only a selector with one network can be reduced; train one network in place of several.")
    ((name, network),) = regressor.members.items()
    network.eval()
    architecture = regressor.card["architecture"]
    if not 1 <= reduction.features < architecture["features"]:
        raise ParameterError(f"Give a number of features from 1 to {architecture['features'] - 1}.")
    mean, covariance = _merged_features(network, regressor.reach.stride, backgrounds, reduction, progress)
    reduced, lost = with_fewer_features(network, architecture["widths"], reduction.features, mean, covariance)
    regressor_card = {name: value for name, value in regressor.card.items() if name != "sha256"} | {
        "architecture": architecture | {"features": reduction.features},
        "reduction": {**asdict(reduction), "from": card["sha256"], "lost_share": round(lost, 5)},
    }
    stored = {file: files[file] for file in MODEL_FILES} | {ONNX_FILE: onnx_file(MeanNearness([reduced]), _TILE)}
    return write_network(
        output, KIND, SCHEMA, card | {"regressor": regressor_card}, {name: reduced.state_dict()}, stored
    )


def with_fewer_features(
    network: PyramidRegressor,
    widths: Sequence[int],
    features: int,
    mean: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> tuple[PyramidRegressor, float]:
    """A network of fewer features that says nearly the same, and what is lost.

    Parameters
    ----------
    network : PyramidRegressor
    widths : sequence of int
        Of its levels.
    features : int
        That remain.
    mean : float array, shape (features of the network,)
    covariance : float array, shape (features of the network, features of the network)
        Of the merged features, where the map is read.

    Returns
    -------
    reduced : PyramidRegressor
    lost : float
        Share of the variance in front of the head's first nonlinearity.
    """
    head = network.head[0].weight.detach().double().numpy()  # outputs, features, 3, 3
    looks = head.transpose(0, 2, 3, 1).reshape(-1, head.shape[1])
    variances, directions = np.linalg.eigh(covariance / np.trace(covariance))
    root = np.sqrt(np.maximum(variances, _SMALLEST_SHARE))
    left, strength, right = np.linalg.svd(looks @ (directions * root), full_matrices=False)
    mixed = (right[:features] / root) @ directions.T
    kept = (left[:, :features] * strength[:features]).reshape(head.shape[0], 3, 3, features).transpose(0, 3, 1, 2)

    reduced = PyramidRegressor(widths, features)
    weights = network.state_dict()
    weights["head.0.weight"] = torch.from_numpy(kept.astype(np.float32))
    of_the_mean = head.sum(axis=(2, 3)) @ mean - kept.sum(axis=(2, 3)) @ (mixed @ mean)
    weights["head.0.bias"] = weights["head.0.bias"] + torch.from_numpy(of_the_mean.astype(np.float32))
    for level in range(len(widths)):
        for part in ("weight", "bias"):
            name = f"projections.{level}.{part}"
            value = np.tensordot(mixed, weights[name].double().numpy(), axes=1)
            weights[name] = torch.from_numpy(value.astype(np.float32))
    reduced.load_state_dict(weights)
    return reduced.eval(), float((strength[features:] ** 2).sum() / (strength**2).sum())


def _merged_features(
    network: PyramidRegressor,
    stride: int,
    backgrounds: Sequence[BackgroundImage],
    reduction: FewerFeatures,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the merged features over the candidates of simulated images and their neighbors."""
    total = len(backgrounds) + reduction.simulated_backgrounds
    features = network.head[0].in_channels
    products: NDArray[np.float64] = np.zeros((features + 1, features + 1))  # the last feature is 1
    for number, background, _ in numbered_backgrounds(backgrounds, reduction.simulated_backgrounds, reduction.seed):
        progress("phantoms", number, total)
        mammogram = simulate(background, [reduction.seed, number, 7], PhantomParameters()).mammogram
        breast = find_breast(mammogram)
        candidates = find_candidates(mammogram.pixels, breast.mask, mammogram.spacing_mm)
        contrast, inside = breast_in_contrast(mammogram.pixels, breast.mask, mammogram.spacing_mm, GRID_MM)
        is_read = np.zeros(inside.shape, np.bool_)
        is_read[contrast.at(candidates.rows, candidates.columns)] = True
        is_read = ndimage.binary_dilation(is_read, np.ones((3, 3), np.bool_))
        for place in tiles_over(is_read, _TILE, 0):
            part, read = (
                np.pad(image[place], [(0, -side % stride) for side in image[place].shape])
                for image in (contrast.values, is_read)
            )
            with torch.inference_mode():
                merged = network.merged(torch.from_numpy(part)[None, None])[0].double().numpy()
            seen = np.pad(merged[:, read], ((0, 1), (0, 0)), constant_values=1)
            products += seen @ seen.T
    progress("phantoms", total, total)
    products /= max(products[-1, -1], 1)
    mean = products[:-1, -1]
    return mean, products[:-1, :-1] - np.outer(mean, mean)
