"""Finding color bars: long narrow areas whose color changes along them and not across them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Rectangle, rectangle_of
from ..screen.edges import without_blurred_edges
from ..screen.panels import color_mask

_SHORTEST_PX, _NARROWEST_PX = 40, 3
_LENGTH_TO_WIDTH = 3.0
_FILLED = 0.75  # share of its rectangle that is colored
_UNEVEN = 12.0  # largest difference across the bar, in gray levels
_COLOR_PATH = 200.0  # length of the way the color takes through RGB along the bar, in gray levels
_FAR_APART = 60.0  # distance of the two most different colors, in gray levels


def find_color_bars(frame: NDArray[np.uint8]) -> list[Rectangle]:
    """Rectangles of the color bars on a screen, the longest first.

    Upright and lying bars are found anywhere; gray bars are not color bars.
    """
    labels, _ = ndimage.label(color_mask(frame))
    bars = []
    for number, found in enumerate(ndimage.find_objects(labels), start=1):
        place = rectangle_of(found)
        long_side, short_side = max(place.height, place.width), min(place.height, place.width)
        if long_side < _SHORTEST_PX or short_side < _NARROWEST_PX or long_side < _LENGTH_TO_WIDTH * short_side:
            continue
        if (labels[found] == number).mean() >= _FILLED and _changes_only_along(frame, place):
            bars.append(without_blurred_edges(frame[found].max(axis=2).astype(np.float64), place))
    return sorted(bars, key=lambda bar: -max(bar.height, bar.width))


def along_bar(frame: NDArray[np.uint8], bar: Rectangle) -> NDArray[np.float64]:
    """The bar's middle half as float array, shape (length, breadth, 3), from its top or left end on."""
    part = frame[bar.slices].astype(np.float64)
    if bar.width > bar.height:
        part = part.transpose(1, 0, 2)
    margin = part.shape[1] // 4
    return part[:, margin : part.shape[1] - margin]


def _changes_only_along(frame: NDArray[np.uint8], place: Rectangle) -> bool:
    part = along_bar(frame, place)
    colors = np.median(part, axis=1)
    across = np.median(np.abs(part - colors[:, None]).max(axis=(1, 2)))
    # Every eighth of the bar, so that noise does not lengthen the way.
    steps = colors[np.linspace(0, len(colors) - 1, 9).astype(int)]
    path = np.linalg.norm(np.diff(steps, axis=0), axis=1).sum()
    distances = np.linalg.norm(steps[:, None] - steps[None], axis=2)
    return bool(across <= _UNEVEN and path >= _COLOR_PATH and distances.max() >= _FAR_APART)
