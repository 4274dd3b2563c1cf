"""Finding color bars: long narrow areas whose color changes along them and not across them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Rectangle, rectangle_of
from ..ground import ground_color
from ..screen.edges import without_blurred_edges
from ..screen.panels import color_mask

_SHORTEST_PX, _NARROWEST_PX = 40, 3
_LENGTH_TO_WIDTH = 3.0
_FILLED = 0.75  # share of its rectangle that is colored
_SOLID = 0.5  # of a row or column, for it to be part of the bar
_UNEVEN = 18.0  # largest difference across the bar, in gray levels
_COLOR_PATH = 200.0  # length of the way the color takes through RGB along the bar, in gray levels
_LONGER_WAY = 2.0
_FAR_APART = 60.0  # distance of the two most different colors, in gray levels
_SHORTEST_PART_PX = 12  # of a bar: where it is pale or dark it is not colored
_SEEN = 14  # difference from the empty screen by which a part without color is seen, in gray levels
_BESIDE_PX, _ALONE = 3, 0.6  # so far beside a bar, on either side, this share of it has another color
_UNSEEN = 0.25  # of its colored part: so much of a bar may have the color of the empty screen
_LEAST_BEYOND_PX, _LEAST_BEYOND = 3, 0.02  # pixels, and share of a bar, that may be missing at an end
_CONTINUED = 0.8  # of the lines beyond an end up to a label are bar, where the bar goes on
_LARGEST_STEP = 40  # between neighboring rows of a bar, in gray levels; its frame is farther off


def find_color_bars(frame: NDArray[np.uint8]) -> list[Rectangle]:
    """Rectangles of the color bars on a screen, the longest first.

    Upright and lying bars are found anywhere, with their pale and dark parts as far as these differ from the empty
    screen; gray bars are not color bars.
    """
    ground = ground_color(frame)
    difference = np.abs(frame.astype(np.int16) - ground).max(axis=2)
    # Lossy compression tints the empty screen around a bar.
    labels, _ = ndimage.label(color_mask(frame) & (difference > 2 * _SEEN))
    bars: list[Rectangle] = []
    for number, found in enumerate(ndimage.find_objects(labels), start=1):
        part = _solid(labels[found] == number, rectangle_of(found))
        long_side, short_side = max(part.height, part.width), min(part.height, part.width)
        if (
            long_side < _SHORTEST_PART_PX
            or short_side < _NARROWEST_PX
            or (labels[part.slices] == number).mean() < _FILLED
        ):
            continue
        place = _continued_along(frame, part, ground)
        long_side, short_side = max(place.height, place.width), min(place.height, place.width)
        if long_side < _SHORTEST_PX or long_side < _LENGTH_TO_WIDTH * short_side:
            continue
        if not _changes_only_along(frame, place) or not _stands_alone(frame, place):
            continue
        if any(bar.intersection(place).area > 0 for bar in bars):
            continue
        bars.append(without_blurred_edges(difference[place.slices].astype(np.float64), place))
    return sorted(bars, key=lambda bar: -max(bar.height, bar.width))


def _solid(mask: NDArray[np.bool_], place: Rectangle) -> Rectangle:
    """The place without rows and columns at its edges that are filled less than half."""
    for axis in (1, 0):
        filled = np.flatnonzero(mask.mean(axis=axis) >= _SOLID)
        if not filled.size:
            return place
        first, last = int(filled[0]), int(filled[-1]) + 1
        if axis == 1:
            mask, place = mask[first:last], place._replace(top=place.top + first, bottom=place.top + last)
        else:
            mask, place = mask[:, first:last], place._replace(left=place.left + first, right=place.left + last)
    return place


def _continued_along(frame: NDArray[np.uint8], part: Rectangle, ground: NDArray[np.uint8]) -> Rectangle:
    """A colored part of a bar with what continues it evenly at either end: pale, gray or dark, but not empty screen."""
    is_upright = part.height > part.width
    margin = min(part.height, part.width) // 3
    if is_upright:
        lines = frame[:, part.left + margin : part.right - margin].astype(np.int16)
        first, last = part.top, part.bottom
    else:
        lines = frame[part.top + margin : part.bottom - margin].astype(np.int16).transpose(1, 0, 2)
        first, last = part.left, part.right
    colors = np.median(lines, axis=1)
    is_even = (lines.max(axis=1) - lines.min(axis=1)).max(axis=1) <= _UNEVEN
    is_seen = np.abs(colors - ground).max(axis=1) > _SEEN
    is_smooth = np.append(np.abs(np.diff(colors, axis=0)).max(axis=1) <= _LARGEST_STEP, False)
    reach = round(_UNSEEN * (last - first))
    last += _run(is_seen[last:], is_even[last:] & is_smooth[last - 1 : -1], reach)
    first -= _run(is_seen[:first][::-1], (is_even & is_smooth)[:first][::-1], reach)
    return part._replace(top=first, bottom=last) if is_upright else part._replace(left=first, right=last)


def continued_to(frame: NDArray[np.uint8], bar: Rectangle, part: tuple[float, float]) -> Rectangle:
    """The bar with as much beyond its ends as is even and not empty screen, where its labels say that it goes on.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    bar : Rectangle
    part : (float, float)
        What the labels span: 0 is the first end of the bar, 1 its last.
    """
    ground = ground_color(frame).astype(np.int16)
    is_upright = bar.height >= bar.width
    first, last = (bar.top, bar.bottom) if is_upright else (bar.left, bar.right)
    length, end = last - first, frame.shape[0 if is_upright else 1]
    start, stop = max(round(first + part[0] * length), 0), min(round(first + part[1] * length), end)
    lines = along_bar(frame, _with_ends(bar, start, stop))
    is_seen = np.abs(np.median(lines, axis=1) - ground).max(axis=1) > _SEEN
    is_bar = is_seen & ((lines.max(axis=1) - lines.min(axis=1)).max(axis=1) <= 2 * _UNEVEN)
    least = max(_LEAST_BEYOND_PX, _LEAST_BEYOND * length)
    if first - start >= least and is_bar[: first - start].mean() >= _CONTINUED:
        first = start
    if stop - last >= least and is_bar[last - start :].mean() >= _CONTINUED:
        last = stop
    return _with_ends(bar, first, last)


def _with_ends(bar: Rectangle, first: int, last: int) -> Rectangle:
    is_upright = bar.height >= bar.width
    return bar._replace(top=first, bottom=last) if is_upright else bar._replace(left=first, right=last)


def along_bar(frame: NDArray[np.uint8], bar: Rectangle) -> NDArray[np.float64]:
    """The bar's middle third as float array, shape (length, breadth, 3), from its top or left end on."""
    part = frame[bar.slices].astype(np.float64)
    if bar.width > bar.height:
        part = part.transpose(1, 0, 2)
    margin = part.shape[1] // 3
    return part[:, margin : part.shape[1] - margin]


def _run(is_seen: NDArray[np.bool_], goes_on: NDArray[np.bool_], reach: int) -> int:
    """Lines from the first on that go on evenly, up to the last that is seen.

    At most ``reach`` are unseen in a row, and twice as many seen ones follow: a label above a bar is lower.
    """
    length = start = 0
    for number, (seen, on) in enumerate(zip(is_seen.tolist(), goes_on.tolist(), strict=True)):
        if not on or start - length > reach:
            break
        if not seen:
            start = number + 1
        elif number + 1 - start >= 2 * (start - length):
            length = number + 1
    return length


def _changes_only_along(frame: NDArray[np.uint8], place: Rectangle) -> bool:
    part = along_bar(frame, place)
    colors = np.median(part, axis=1)
    across = np.median(np.abs(part - colors[:, None]).max(axis=(1, 2)))
    # Every eighth of the bar, so that noise does not lengthen the way.
    steps = colors[np.linspace(0, len(colors) - 1, 9).astype(int)]
    path, finer_path = (
        np.linalg.norm(np.diff(colors[np.linspace(0, len(colors) - 1, count).astype(int)], axis=0), axis=1).sum()
        for count in (9, 33)
    )
    distances = np.linalg.norm(steps[:, None] - steps[None], axis=2)
    # The way of an outline over speckle grows with the places it is looked at.
    is_smooth = finer_path <= _LONGER_WAY * path
    return bool(across <= _UNEVEN and path >= _COLOR_PATH and is_smooth and distances.max() >= _FAR_APART)


def _stands_alone(frame: NDArray[np.uint8], place: Rectangle) -> bool:
    """Whether what lies beside the long sides differs; a strip of an elastogram goes on there."""
    colors = np.median(along_bar(frame, place), axis=1)
    upright = place.height >= place.width
    first, last = (place.left, place.right - 1) if upright else (place.top, place.bottom - 1)
    end = frame.shape[1 if upright else 0] - 1
    for beside in (max(first - _BESIDE_PX, 0), min(last + _BESIDE_PX, end)):
        line = frame[place.top : place.bottom, beside] if upright else frame[beside, place.left : place.right]
        if (np.abs(line - colors).max(axis=1) > _SEEN).mean() < _ALONE:
            return False
    return True
