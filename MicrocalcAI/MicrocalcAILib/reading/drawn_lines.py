"""Straight lines drawn into the pixels: the cross of a stereotactic image, boxes around findings, rulers."""

from __future__ import annotations

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
    labels, _ = ndimage.label(bright, structure=np.ones((3, 3)))
    long_parts = [
        (number, place)
        for number, place in enumerate(ndimage.find_objects(labels), 1)
        if max((side.stop - side.start) * length for side, length in zip(place, spacing_mm, strict=True))
        >= _SHORTEST_MM
    ]
    if len(long_parts) > _MOST_PARTS:
        return None
    drawn = np.zeros(pixels.shape, bool)
    for number, place in long_parts:
        part = labels[place] == number
        if _is_drawing(part, spacing_mm) and not _is_frame(part, place, pixels.shape, spacing_mm):
            drawn[place] |= part
    if not drawn.any():
        return None
    return np.asarray(ndimage.binary_dilation(drawn, np.ones((3, 3)), iterations=_BLEEDING_PX))


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
