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
    """What a network's value at a pixel depends on: the cells of its deepest level that it looks at, and around them.

    Parameters
    ----------
    stride : int
        Side of a cell in pixels: shifted by that much, the input gives the shifted output.
    margin : int
        Farthest pixel that counts for a cell, from its first pixel in each direction, rounded up to a multiple of
        ``stride``.
    overlook : int
        Pixels to each side whose cells a value looks at, because of what the network does behind its coarse levels.
    """

    stride: int
    margin: int
    overlook: int = 0


def run_in_tiles(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    network: Any,
    runtime: Runtime | OnnxRuntime,
    reach: Reach,
    tile: int = 640,
    stage: str = "network",
    progress: Progress = no_progress,
) -> tuple[NDArray[np.float32], tuple[WarningRecord, ...]]:
    """A network's map of an image where the mask is, made of tiles that follow the mask.

    Tiles are computed with all that the network reaches around them: the map is the one of the whole image.

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
        Side of the largest square that is computed at once, in pixels. The memory grows with its square; the smaller it
        is, the more is computed twice, around the tiles.
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
        tiles = tiles_following(mask, max(tile, 2 * reach.margin + reach.stride), reach)
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


def tiles_following(mask: NDArray[np.bool_], side: int, reach: Reach) -> list[Tile]:
    """Tiles that cover the mask, not much more.

    They begin ``overlook`` pixels behind a multiple of the stride: the neighbors of their pixels lie in cells that the
    margin surrounds anyway, and two tiles look at the same cell where they meet. Bands of rows, each as high and cut
    into as many columns as costs least for the part of the mask in it, and each tile cut to the rows that the mask has
    there.

    Parameters
    ----------
    mask : bool array, shape (rows, columns)
    side : int
        With what the network reaches around it, a tile has at most the area of a square of that side.
    reach : Reach
    """
    margin = reach.margin // reach.stride
    edges = [_edges(length, reach) for length in mask.shape]
    blocks = mask
    for axis in (0, 1):
        blocks = np.logical_or.reduceat(blocks, edges[axis][:-1], axis=axis)
    occupied = np.flatnonzero(blocks.any(axis=1)).tolist()
    tiles: list[Tile] = []
    top, end = (occupied[0], occupied[-1] + 1) if occupied else (0, 0)
    while top < end:
        bottom, left, right, count = _cheapest_band(blocks, top, end, margin, (side // reach.stride) ** 2)
        width = -(-(right - left) // count)
        for first in range(left, right, width):
            last = min(first + width, right)
            rows = top + np.flatnonzero(blocks[top:bottom, first:last].any(axis=1))
            if rows.size:
                down = slice(edges[0][rows[0]], edges[0][rows[-1] + 1])
                tiles.append((down, slice(edges[1][first], edges[1][last])))
        top = bottom
    return tiles


def _edges(length: int, reach: Reach) -> list[int]:
    """Where blocks of the stride's size begin along an axis, and the end of the last one."""
    return [0, *range(reach.stride + reach.overlook, length, reach.stride), length]


def _cheapest_band(blocks: NDArray[np.bool_], top: int, end: int, margin: int, area: int) -> tuple[int, int, int, int]:
    """Last row + 1 of the band that begins at ``top``, its first column and last column + 1, and how many tiles it has.

    All in blocks of the stride's size; the one with the least to compute for each block of the mask in it.
    """
    height, width = blocks.shape
    left, right, covered = width, 0, 0
    cheapest, best = np.inf, (top + 1, 0, width, width)
    for bottom in range(top + 1, end + 1):
        columns = np.flatnonzero(blocks[bottom - 1])
        if columns.size:
            left, right = min(left, int(columns[0])), max(right, int(columns[-1]) + 1)
            covered += columns.size
        room = area // (bottom - top + 2 * margin) - 2 * margin
        if not covered:
            continue
        if room < 1:
            break
        count = -(-(right - left) // room)
        rows = bottom - top + min(top, margin) + min(height - bottom, margin)
        across = right - left + min(left, margin) + min(width - right, margin) + 2 * margin * (count - 1)
        if rows * across <= cheapest * covered:
            cheapest, best = rows * across / covered, (bottom, left, right, count)
    return best


def _surroundings(place: Tile, shape: tuple[int, ...], reach: Reach) -> tuple[Tile, Tile]:
    """A tile with all that the network reaches around it, and the tile within that."""
    around, inner = [], []
    for part, length in zip(place, shape, strict=True):
        first = max(part.start - reach.overlook - reach.margin, 0)
        cells = math.ceil((part.stop - reach.overlook) / reach.stride)
        last = min(cells * reach.stride + reach.margin, length)
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
