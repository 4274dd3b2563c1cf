"""Which area of color is the elastogram of which color bar: the one whose colors lie on the bar."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..color_scale import CHROMA_AND_GRAY
from ..geometry import Rectangle

_HUES = 72
_NEIGHBORS = 2  # hues that lossy compression mixes
_COLORFUL = 14.0  # chroma from which a pixel has a hue, in gray levels
_MATCHED = 0.75  # a pair this nearly as good as the best is a rival


class Pair(NamedTuple):
    """A box and the bar whose colors it shows.

    ``is_doubtful`` when another pair fits nearly as well.
    """

    box: Rectangle
    bar: Rectangle | None
    is_doubtful: bool


def best_pair(frame: NDArray[np.uint8], boxes: Sequence[Rectangle], bars: Sequence[Rectangle]) -> Pair:
    """The box and the bar that belong together.

    A pair is as good as the area of the box that has hues of the bar, times its share of the box: outlines and text
    fill little of their place, a gray or foreign area has other hues. Whatever the opacity, it does not change a hue.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    boxes : sequence of Rectangle
        At least one, the likeliest first.
    bars : sequence of Rectangle
        The likeliest first; without any, the largest box is taken.
    """
    if not bars:
        return Pair(boxes[0], None, len(boxes) > 1)
    hues = {bar: _hues_of(frame[bar.slices]) for bar in bars}
    scores = {}
    for box, bar in product(boxes, bars):
        share = float(hues[bar][_hue_numbers(frame[box.slices])].mean())
        scores[box, bar] = share * share * box.area
    best = max(scores, key=lambda pair: scores[pair])
    other_boxes = [score for (box, _), score in scores.items() if box != best[0]]
    return Pair(*best, any(score > _MATCHED * scores[best] for score in other_boxes))


def _hues_of(colors: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which hues occur; the last entry stands for gray and is False."""
    counts = np.bincount(_hue_numbers(colors).ravel(), minlength=_HUES + 1)[:_HUES]
    occurs = counts > 0.002 * max(int(counts.sum()), 1)
    near = np.any([np.roll(occurs, shift) for shift in range(-_NEIGHBORS, _NEIGHBORS + 1)], axis=0)
    return np.append(near, False)


def _hue_numbers(colors: NDArray[np.uint8]) -> NDArray[np.intp]:
    chroma = colors @ CHROMA_AND_GRAY[:2].T
    angle = np.arctan2(chroma[..., 0], chroma[..., 1])
    number = ((angle + np.pi) / (2.0 * np.pi) * _HUES).astype(np.intp) % _HUES
    return np.where(np.hypot(chroma[..., 0], chroma[..., 1]) >= _COLORFUL, number, _HUES)
