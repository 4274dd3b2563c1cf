"""Networks over large images: overlapping tiles over the breast only, blended."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from ..base.progress import Progress, no_progress
from .runtime import Runtime, with_memory_fallback

_SMALLEST_TILE = 128

Tile = tuple[slice, slice]


def run_in_tiles(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    network: Callable[..., object],
    runtime: Runtime,
    tile: int = 512,
    overlap: int = 64,
    batch: int = 4,
    stage: str = "network",
    progress: Progress = no_progress,
) -> tuple[NDArray[np.float32], tuple[WarningRecord, ...]]:
    """A network's map of an image, made of overlapping tiles that touch the mask.

    Parameters
    ----------
    image : float32 array, shape (rows, columns)
    mask : bool array, same shape
        Tiles that hold none of it are not computed; the map is 0 there.
    network : torch.nn.Module
        Maps (batch, 1, tile, tile) to (batch, 1, tile, tile).
    runtime : Runtime
    tile, overlap : int
        In pixels. Weights of a tile fall to zero over the overlap; give it at least the network's reach.
    batch : int
        Tiles computed at once.
    stage, progress
        What to report.

    Returns
    -------
    map : float32 array, shape (rows, columns)
    warnings : tuple of WarningRecord
        When the memory of a GPU did not suffice.
    """

    def attempt(runtime: Runtime, tile: int) -> NDArray[np.float32]:
        return _run(image, mask, network, runtime, tile, min(overlap, tile // 2), batch, stage, progress)

    return with_memory_fallback(runtime, tile, _SMALLEST_TILE, attempt)


def _run(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    network: Callable[..., object],
    runtime: Runtime,
    tile: int,
    overlap: int,
    batch: int,
    stage: str,
    progress: Progress,
) -> NDArray[np.float32]:
    import torch

    placed = runtime.place(network)
    tiles = tiles_over(mask, tile, overlap)
    total = np.zeros(image.shape, np.float32)
    weight = np.zeros(image.shape, np.float32)
    window = _window(tile, overlap)
    for first in range(0, len(tiles), batch):
        progress(stage, first, len(tiles))
        chosen = tiles[first : first + batch]
        stack = np.zeros((len(chosen), 1, tile, tile), np.float32)
        for index, place in enumerate(chosen):
            part = image[place]
            padding = [(0, tile - part.shape[0]), (0, tile - part.shape[1])]
            stack[index, 0] = np.pad(part, padding, mode="edge")
        with runtime.inference():
            tensor = torch.from_numpy(stack).to(runtime.device, memory_format=torch.channels_last)
            maps = placed(tensor).float().cpu().numpy()[:, 0]
        for place, values in zip(chosen, maps, strict=True):
            rows, columns = total[place].shape
            total[place] += (values * window)[:rows, :columns]
            weight[place] += window[:rows, :columns]
    progress(stage, len(tiles), len(tiles))
    return np.divide(total, weight, out=total, where=weight > 0)


def tiles_over(mask: NDArray[np.bool_], tile: int, overlap: int) -> list[Tile]:
    """Tiles of at most ``tile`` pixels a side that overlap by at least ``overlap`` and cover the mask."""
    height, width = mask.shape
    tiles = [
        (slice(row, min(row + tile, height)), slice(column, min(column + tile, width)))
        for row in _starts(height, tile, overlap)
        for column in _starts(width, tile, overlap)
    ]
    return [window for window in tiles if mask[window].any()]


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of tiles that cover a length with at least that overlap."""
    if length <= tile:
        return [0]
    count = int(np.ceil((length - overlap) / (tile - overlap)))
    return [round(start) for start in np.linspace(0, length - tile, count)]


def _window(tile: int, overlap: int) -> NDArray[np.float32]:
    """1 inside, falling linearly towards 0 over the overlap; never 0, because borders of the image have one tile."""
    ramp = np.minimum(np.arange(1, tile + 1), np.arange(tile, 0, -1)) / max(overlap, 1)
    ramp = np.minimum(ramp, 1)
    return np.outer(ramp, ramp).astype(np.float32)
