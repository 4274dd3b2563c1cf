"""Straight lines drawn into the pixels: the cross of a stereotactic image, boxes around findings, rulers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_THICKEST_MM = 1.2
_SHORTEST_MM = 4.0  # of a stroke along rows or columns
_SHORTEST_OBLIQUE_MM = 10.0  # longer, because a rod-like calcification may lie at any angle
_FLATNESS = 0.005  # of the image's range: lossy compression moves drawn values a little
_STROKES = 0.8  # share of a drawing that its straight strokes cover
_FRAME_MM = 5.0
_BLEEDING_PX = 2  # softened edges beside a stroke
_BLOCK_PX = 8  # side of the blocks in which long parts are looked for first
_MOST_OF_IMAGE, _MOST_PARTS = 0.02, 100  # where more is that bright, the gray values themselves are cut off


def drawn_lines(pixels: NDArray[np.float32], valid: Mask | None, spacing_mm: tuple[float, float]) -> Mask | None:
    """Where straight thin strokes of the highest value of the image lie, with their soft edges; None where none does.

    Frames along the border of the image are no drawing: films have them.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Finite where valid.
    valid : bool array or None
    spacing_mm : (float, float)
    """
    from scipy import ndimage

    seen = pixels if valid is None else pixels[valid]
    lowest, highest = float(seen.min()), float(seen.max())
    if lowest == highest:
        return None
    bright = pixels >= highest - _FLATNESS * (highest - lowest)
    if valid is not None:
        bright &= valid
    if bright.mean() > _MOST_OF_IMAGE:
        return None
    long_parts = _long_parts(bright, spacing_mm)
    if len(long_parts) > _MOST_PARTS:
        return None
    drawn = np.zeros(pixels.shape, bool)
    for place, part in long_parts:
        if _is_drawing(part, spacing_mm) and not _is_frame(part, place, pixels.shape, spacing_mm):
            drawn[place] |= part
    if not drawn.any():
        return None
    return np.asarray(ndimage.binary_dilation(drawn, np.ones((3, 3)), iterations=_BLEEDING_PX))


def _long_parts(bright: Mask, spacing_mm: tuple[float, float]) -> list[tuple[tuple[slice, ...], Mask]]:
    """Connected parts (8 neighbors) of at least the shortest stroke's length: their boxes, and the parts in them.

    Parts that are connected lie in connected blocks of pixels, so that most of the image is labeled block by block.
    """
    rows, columns = np.nonzero(bright)
    blocks = np.zeros([-(-length // _BLOCK_PX) for length in bright.shape], np.bool_)
    blocks[rows // _BLOCK_PX, columns // _BLOCK_PX] = True
    found = []
    for number, place, block_labels in _labeled(blocks, spacing_mm, _BLOCK_PX):
        window = tuple(slice(side.start * _BLOCK_PX, side.stop * _BLOCK_PX) for side in place)
        theirs = bright[window]
        kept = (block_labels == number).repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
        theirs = theirs & kept[: theirs.shape[0], : theirs.shape[1]]
        for inner, box, labels in _labeled(theirs, spacing_mm, 1):
            whole = tuple(
                slice(outer.start + side.start, outer.start + side.stop)
                for outer, side in zip(window, box, strict=True)
            )
            found.append((whole, labels == inner))
    return found


def _labeled(
    mask: Mask, spacing_mm: tuple[float, float], pixels: int
) -> Iterator[tuple[int, tuple[slice, ...], NDArray[np.int32]]]:
    """Number, box and labels in the box of each connected part that may be as long as the shortest stroke."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        lengths = [(side.stop - side.start) * pixels * mm for side, mm in zip(place, spacing_mm, strict=True)]
        if max(lengths) >= _SHORTEST_MM:
            yield number, place, labels[place]


def _is_drawing(part: Mask, spacing_mm: tuple[float, float]) -> bool:
    from scipy import ndimage

    thickness = 2 * ndimage.distance_transform_edt(np.pad(part, 1), sampling=spacing_mm).max()
    if thickness > _THICKEST_MM + min(spacing_mm):
        return False
    strokes = _runs(part.T, _SHORTEST_MM / spacing_mm[0]).T | _runs(part, _SHORTEST_MM / spacing_mm[1])
    if np.count_nonzero(strokes) >= _STROKES * np.count_nonzero(part):
        return True
    points = np.argwhere(part) * spacing_mm
    along = points @ np.linalg.eigh(np.cov(points.T))[1]
    width, length = np.ptp(along, axis=0)
    return bool(length >= _SHORTEST_OBLIQUE_MM and width <= _THICKEST_MM)


def _runs(part: Mask, shortest: float) -> Mask:
    """The pixels of a mask that lie in unbroken rows of at least that many pixels."""
    edges = np.diff(np.pad(part, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, stops = np.nonzero(edges == -1)
    long = stops - starts >= shortest
    marks = np.zeros((part.shape[0], part.shape[1] + 1), np.int32)
    np.add.at(marks, (rows[long], starts[long]), 1)
    np.add.at(marks, (rows[long], stops[long]), -1)
    return np.cumsum(marks, axis=1)[:, :-1] > 0


def _is_frame(part: Mask, place: tuple[slice, ...], shape: tuple[int, ...], spacing_mm: tuple[float, float]) -> bool:
    """Whether most of it lies along the border of the image."""
    rows, columns = np.nonzero(part)
    from_border = []
    for positions, side, size, length in zip((rows, columns), place, shape, spacing_mm, strict=True):
        positions = positions + side.start
        from_border.append(np.minimum(positions, size - 1 - positions) * length)
    return bool((np.minimum(*from_border) < _FRAME_MM).mean() > 0.9)
