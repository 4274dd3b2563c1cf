"""What a patch network says of patches of an image: cut out one by one, or slid over the image.

Slid, the layers before the pooling run once over the image instead of once for each patch (Long et al., CVPR 2015),
because neighboring patches share most of what they need: a quarter of the time for patches of 112 pixels every 32. The
numbers are not those of patches cut out: at its borders a patch sees what lies beyond instead of zeros.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..base.progress import Progress, no_progress
from .patch_networks import PatchModel
from .runtime import Runtime

Number = TypeVar("Number", bound=np.generic)
STAGE = "heatmap"
STEP = 32
"""Pixels from one feature to the next before the pooling, in every architecture."""
# Steps that the features of a patch see beyond it: at most 66, 217 and 449 pixels, padding of every layer counted.
_BEYOND = {"alexnet": 3, "resnet18": 7, "resnet34": 15}


def patch_probabilities(
    values: NDArray[np.float32],
    corners: NDArray[np.integer],
    model: PatchModel,
    runtime: Runtime,
    batch: int = 128,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Probability of the network's second class for patches cut out of an image.

    Parameters
    ----------
    values : float32 array, shape (rows, columns)
        Local contrast on the network's grid; 0 is taken beyond its borders.
    corners : int array, shape (patches, 2)
        First row and column of each patch; may lie outside.
    model : PatchModel
    runtime : Runtime
    batch : int
        Patches computed at once.
    progress : callable, optional
        Called with the stage :data:`STAGE` after each batch; may raise ``Cancelled``.

    Returns
    -------
    float32 array, shape (patches,)
    """
    import torch

    network = runtime.place(model.network)
    side = model.input.side
    found = np.empty(len(corners), np.float32)
    stack = np.empty((batch, 1, side, side), np.float32)
    for first in range(0, len(corners), batch):
        progress(STAGE, first, len(corners))
        part = corners[first : first + batch]
        for index, (row, column) in enumerate(part):
            stack[index, 0] = cut(values, int(row), int(column), (side, side))
        with runtime.inference():
            tensor = torch.from_numpy(stack[: len(part)]).to(runtime.device, memory_format=torch.channels_last)
            found[first : first + batch] = network(tensor).float().softmax(dim=1)[:, 1].cpu().numpy()
    progress(STAGE, len(corners), len(corners))
    return found


def slides(model: PatchModel, stride: int) -> bool:
    """Whether a network can be slid by this stride (pixels of its grid): by whole features, and patches overlap."""
    return stride % STEP == 0 and stride < model.input.side and model.card["architecture"]["name"] in _BEYOND


def sliding_probabilities(
    values: NDArray[np.float32],
    corners: NDArray[np.integer],
    model: PatchModel,
    runtime: Runtime,
    band: int = 32,
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """As :func:`patch_probabilities`, by a network that :func:`slides`, for corners that lie whole steps apart.

    Parameters
    ----------
    values, corners, model, runtime
    band : int
        Height of what is computed at once, in steps; more takes more memory. The numbers do not depend on it.
    progress : callable, optional
        After each band.
    """
    import torch

    network = runtime.place(model.network)
    pooling = next(index for index, layer in enumerate(network) if isinstance(layer, torch.nn.AdaptiveAvgPool2d))
    features_of, judgment = network[:pooling], network[pooling:]
    side, margin = model.input.side, _BEYOND[model.card["architecture"]["name"]]
    found, done = np.empty(len(corners), np.float32), 0
    bands = corners[:, 0] // (band * STEP)
    for number in np.unique(bands):
        progress(STAGE, done, len(corners))
        own = np.flatnonzero(bands == number)
        down, right = corners[own].T
        corner = int(down.min()) - margin * STEP, int(right.min()) - margin * STEP
        shape = [int(np.ptp(places)) + side + 2 * margin * STEP for places in (down, right)]
        with runtime.inference():
            strip = torch.from_numpy(cut(values, *corner, (shape[0], shape[1])))[None, None].to(runtime.device)
            span = features_of(strip[..., :side, :side]).shape[-1]
            windows = features_of(strip)[0].unfold(1, span, 1).unfold(2, span, 1)
            of_patches = windows[:, (down - corner[0]) // STEP, (right - corner[1]) // STEP].transpose(0, 1)
            judged = judgment(of_patches.contiguous()).float().softmax(dim=1)[:, 1]
        found[own] = judged.cpu().numpy()
        done += len(own)
    progress(STAGE, done, len(corners))
    return found


def cut(values: NDArray[Number], row: int, column: int, shape: tuple[int, int]) -> NDArray[Number]:
    """The part of an image that begins at a row and a column, 0 beyond the image."""
    part = np.zeros(shape, values.dtype)
    inside = values[max(row, 0) : max(row + shape[0], 0), max(column, 0) : max(column + shape[1], 0)]
    down, right = max(-row, 0), max(-column, 0)
    part[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
    return part
