"""Panels of ultrasound image on a screen, and the color boxes in them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Rectangle, rectangle_of
from ..ground import ground_color
from .edges import without_blurred_edges

Frame = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_NOT_BLACK = 12  # gray level of image
_NOT_BLANK = 4  # gray level of dark image; between panels a screen is black
_WINDOW_PX, _DENSE = 31, 0.55  # image fills its surroundings, text does not
_SMALLEST_PANEL_PX = 80
_BLANK_LINE = 0.3  # a row or column of a panel with less image than this separates panels
_COLORFUL = 20  # difference of the largest and smallest channel, in gray levels
_OUTLINE_PX = 5  # colored lines thinner than this are outlines, not boxes
_OUTLINE_SHARE = 0.12  # and so are areas nowhere thicker than this share of their place
_SMALLEST_BOX_PX = 16
_TINT_PX, _TINTED = 15, 6.0  # averaged over so many pixels, a tint of so many gray levels is color
_TINTED_SHARE = 0.12  # and so is this share of the tint inside the box
_PART_OF_BOX = 0.02  # a patch of color at least this large compared with the largest belongs to the same box


def brightest_channel(frame: Frame) -> NDArray[np.uint8]:
    """Gray image in which text of any color is bright."""
    # Channel by channel, because reducing an axis of three elements is several times slower.
    brightest: NDArray[np.uint8] = np.maximum(np.maximum(frame[..., 0], frame[..., 1]), frame[..., 2])
    return brightest


def color_mask(frame: Frame) -> Mask:
    """Pixels that are clearly colored."""
    return _colorfulness(frame) > _COLORFUL


def _colorfulness(frame: Frame) -> NDArray[np.uint8]:
    """Difference of the largest and smallest channel."""
    darkest = np.minimum(np.minimum(frame[..., 0], frame[..., 1]), frame[..., 2])
    difference: NDArray[np.uint8] = brightest_channel(frame) - darkest
    return difference


def _from_ground(frame: Frame) -> Frame:
    """Difference of each channel from the empty screen; the frame itself where that is black."""
    ground = ground_color(frame)
    difference: Frame = np.maximum(frame, ground) - np.minimum(frame, ground)
    return difference


def find_panels(frame: Frame) -> list[Rectangle]:
    """Rectangles filled with ultrasound image, largest first."""
    brightest = brightest_channel(_from_ground(frame))
    dense = ndimage.uniform_filter((brightest > _NOT_BLACK).astype(np.float32), _WINDOW_PX) > _DENSE
    not_blank = brightest > _NOT_BLANK
    labels, _ = ndimage.label(dense)
    panels: list[Rectangle] = []
    for found in ndimage.find_objects(labels):
        rough = rectangle_of(found)
        if min(rough.height, rough.width) >= _SMALLEST_PANEL_PX // 2:
            panels += _split(not_blank, rough.grown(_WINDOW_PX).intersection(Rectangle(0, 0, *dense.shape)))
    return sorted(panels, key=lambda panel: -panel.area)


def _split(not_blank: Mask, area: Rectangle) -> list[Rectangle]:
    """The panels of an area, cut apart along blank rows and columns."""
    pieces = [area]
    for axis in (1, 0, 1, 0):
        pieces = [part for piece in pieces for part in _split_along(not_blank, piece, axis)]
    return pieces


def _split_along(not_blank: Mask, area: Rectangle, axis: int) -> list[Rectangle]:
    filled = not_blank[area.slices].mean(axis=axis) > _BLANK_LINE
    # Single dark lines inside an image do not separate panels.
    filled = ndimage.binary_closing(np.pad(filled, 4), np.ones(4))[4:-4]
    edges = np.flatnonzero(np.diff(filled.astype(np.int8), prepend=0, append=0)).tolist()
    runs = [(start, stop) for start, stop in pairwise(edges) if filled[start] and stop - start >= _SMALLEST_PANEL_PX]
    if axis == 1:
        return [Rectangle(area.top + start, area.left, area.top + stop, area.right) for start, stop in runs]
    return [Rectangle(area.top, area.left + start, area.bottom, area.left + stop) for start, stop in runs]


def find_color_boxes(frame: Frame, panels: list[Rectangle], bars: list[Rectangle]) -> list[Rectangle]:
    """Solid areas of color, one rectangle for each panel that has one, largest first.

    Outlines and text are too thin to count. Without panels the whole frame is searched.
    """
    colored = color_mask(frame)
    for bar in bars:
        colored[bar.grown(4).intersection(Rectangle(0, 0, *colored.shape)).slices] = False
    colored = ndimage.binary_opening(colored, np.ones((_OUTLINE_PX, _OUTLINE_PX)))
    boxes = []
    for panel in panels or [Rectangle(0, 0, *colored.shape)]:
        labels, count = ndimage.label(colored[panel.slices])
        if count == 0:
            continue
        sizes = np.bincount(labels.ravel())[1:]
        parts = np.isin(labels, 1 + np.flatnonzero(sizes >= _PART_OF_BOX * sizes.max()))
        found = ndimage.find_objects(parts.astype(np.int8))[0]
        box = rectangle_of(found).shifted(panel.top, panel.left)
        if min(box.height, box.width) >= _SMALLEST_BOX_PX and _is_thick(parts[found]):
            whole = _grown_over_faint_color(frame, box, panel)
            boxes.append(without_blurred_edges(_colorfulness(frame[whole.slices]).astype(np.float64), whole))
    return sorted(boxes, key=lambda box: -box.area)


def _is_thick(parts: Mask) -> bool:
    """Whether an area is filled somewhere, however large it is shown; an enlarged outline is not."""
    thickness = round(_OUTLINE_SHARE * min(parts.shape))
    return bool(ndimage.distance_transform_cdt(np.pad(parts, 1), "chessboard").max() > thickness / 2)


def _grown_over_faint_color(frame: Frame, box: Rectangle, panel: Rectangle) -> Rectangle:
    """Move each side of a box outward as long as the next row or column still carries a tint.

    Under a weak overlay dark colors drown in the noise of single pixels; averaged along a row they show.
    """
    signed = frame[panel.slices].astype(np.float32)
    tint = ndimage.uniform_filter(signed[..., [0, 2]] - signed[..., [1]], (1, _TINT_PX, 1))
    across = ndimage.uniform_filter(signed[..., [0, 2]] - signed[..., [1]], (_TINT_PX, 1, 1))
    by_row, by_column = np.linalg.norm(tint, axis=2), np.linalg.norm(across, axis=2)
    inside = box.shifted(-panel.top, -panel.left)
    # Around strong colors even the ringing of a resized screen is tinted.
    least = max(_TINTED, _TINTED_SHARE * float(by_row[inside.slices].mean()))
    top, left, bottom, right = inside
    while top > 0 and by_row[top - 1, left:right].mean() > least:
        top -= 1
    while bottom < panel.height and by_row[bottom, left:right].mean() > least:
        bottom += 1
    while left > 0 and by_column[top:bottom, left - 1].mean() > least:
        left -= 1
    while right < panel.width and by_column[top:bottom, right].mean() > least:
        right += 1
    return Rectangle(top, left, bottom, right).shifted(panel.top, panel.left)


def panel_of(box: Rectangle, panels: list[Rectangle]) -> Rectangle | None:
    """The smallest panel that holds the middle of a box."""
    row, column = (round(middle) for middle in box.center)
    middle = Rectangle(row, column, row + 1, column + 1)
    holding = [panel for panel in panels if panel.contains(middle)]
    return min(holding, key=lambda panel: panel.area, default=None)
