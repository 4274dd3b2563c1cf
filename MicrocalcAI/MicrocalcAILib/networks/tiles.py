"""Networks over large images: tiles over the breast only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from ..base.progress import Progress, no_progress
from .runtime import Runtime, with_memory_fallback

if TYPE_CHECKING:
    from .onnx_runtime import OnnxRuntime

_SMALLEST_TILE = 256

Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Reach:
    """What a network's value at a pixel depends on.

    Parameters
    ----------
    stride : int
        Of its deepest level, in pixels: shifted by that much, the input gives the shifted output.
    margin : int
        Farthest pixel that counts, rounded up to a multiple of ``stride``.
    """

    stride: int
    margin: int


def run_in_tiles(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    network: Any,
    runtime: Runtime | OnnxRuntime,
    reach: Reach,
    tile: int = 512,
    stage: str = "network",
    progress: Progress = no_progress,
) -> tuple[NDArray[np.float32], tuple[WarningRecord, ...]]:
    """A network's map of an image where the mask is, made of tiles that follow the mask.

    Tiles begin at multiples of the stride and are computed with all that the network reaches around them: the map is
    the one of the whole image.

    Parameters
    ----------
    image : float32 array, shape (rows, columns)
    mask : bool array, same shape
        Tiles that hold none of it are not computed; the map is 0 there.
    network
        Of the runtime; maps (1, 1, rows, columns) to the same shape.
    runtime : Runtime or OnnxRuntime
    reach : Reach
        Of the network.
    tile : int
        Longest side of what is computed at once, in pixels. The memory grows with its square; the smaller it is, the
        more is computed twice, around the tiles (512 instead of 640: 14 % more, and 160 MB less for the selector).
    stage, progress
        What to report.

    Returns
    -------
    map : float32 array, shape (rows, columns)
    warnings : tuple of WarningRecord
        When the memory of a GPU did not suffice.
    """

    def attempt(runtime: Runtime | OnnxRuntime, tile: int) -> NDArray[np.float32]:
        evaluate = runtime.evaluator(network)
        tiles = tiles_following(mask, max(tile - 2 * reach.margin, reach.stride), reach.stride)
        found = np.zeros(image.shape, np.float32)
        for number, place in enumerate(tiles):
            progress(stage, number, len(tiles))
            around, inner = _surroundings(place, image.shape, reach)
            part = image[around]
            padding = [(0, -length % reach.stride) for length in part.shape]
            found[place] = evaluate(np.pad(part, padding, mode="edge")[None, None])[0, 0][inner]
        progress(stage, len(tiles), len(tiles))
        return found

    return with_memory_fallback(runtime, tile, _SMALLEST_TILE, attempt)


def tiles_following(mask: NDArray[np.bool_], side: int, stride: int) -> list[Tile]:
    """Tiles of at most ``side`` pixels that begin at multiples of ``stride`` and cover the mask, not much more.

    Bands of rows, each cut to the columns that the mask has there and divided evenly.
    """
    side = max(side // stride, 1) * stride
    occupied = np.flatnonzero(mask.any(axis=1))
    tiles: list[Tile] = []
    if not occupied.size:
        return tiles
    for top in range(int(occupied[0]) // stride * stride, int(occupied[-1]) + 1, side):
        rows = slice(top, min(top + side, mask.shape[0]))
        columns = np.flatnonzero(mask[rows].any(axis=0))
        if not columns.size:
            continue
        left, right = int(columns[0]) // stride * stride, int(columns[-1]) + 1
        width = math.ceil((right - left) / math.ceil((right - left) / side) / stride) * stride
        tiles += [(rows, slice(first, min(first + width, right))) for first in range(left, right, width)]
    return [tile for tile in tiles if mask[tile].any()]


def _surroundings(place: Tile, shape: tuple[int, ...], reach: Reach) -> tuple[Tile, Tile]:
    """A tile with all that the network reaches around it, and the tile within that."""
    around, inner = [], []
    for part, length in zip(place, shape, strict=True):
        first = max(part.start - reach.margin, 0)
        last = min(math.ceil(part.stop / reach.stride) * reach.stride + reach.margin, length)
        around.append(slice(first, last))
        inner.append(slice(part.start - first, part.stop - first))
    return (around[0], around[1]), (inner[0], inner[1])


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
