"""The outline of each selected speck: where its brightness has fallen about half way to the background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from ..base.ranks import value_of_rank
from .candidates import Candidates
from .surroundings import pixel_box, ring_steps, steps_from

_LEVEL = 0.45  # of the way from background to peak; measured best on simulated specks, near the half maximum
_SMOOTHING_MM = 0.035
_GROWTH_MM = 0.1  # how far an outline may leave its candidate


def outline(
    candidates: Candidates, chosen: NDArray[np.intp], pixels: NDArray[np.float32], spacing_mm: tuple[float, float]
) -> NDArray[np.int32]:
    """Label map of the chosen candidates; candidate ``i`` gets the label ``i + 1``.

    Each outline holds the pixels connected to the speck's brightest pixel that lie above the level between background
    (median of the ring around the candidate) and peak, not farther than ``_GROWTH_MM`` outside the candidate. Holes are
    filled unless another speck lies in them (an eggshell, or a ring or box drawn around specks). A pixel wanted by two
    specks goes to the first; every speck keeps its brightest pixel, so that candidates without common pixels all get
    their label.

    Parameters
    ----------
    candidates : Candidates
    chosen : int array
        Indices of the candidates that are calcifications.
    pixels : float32 array, shape (rows, columns)
    spacing_mm : (float, float)

    Returns
    -------
    int32 array, shape (rows, columns)
    """
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    labels = np.zeros(pixels.shape, np.int32)
    side = np.exp(-0.5 * (pixel_mm / _SMOOTHING_MM) ** 2)
    gap, margin = ring_steps(spacing_mm)
    _outline_each(
        pixels,
        candidates.rows,
        candidates.columns,
        candidates.starts,
        chosen,
        labels,
        np.float32(side / (1 + 2 * side)),
        gap,
        margin,
        max(round(_GROWTH_MM / pixel_mm), 1),
    )
    return labels


# Loops instead of operations on whole arrays, each of which takes half a second to compile.
@kernel
def _outline_each(pixels, rows, columns, starts, chosen, labels, side, gap, margin, growth):  # type: ignore[no-untyped-def]
    height, width = pixels.shape
    peaks = np.empty((len(chosen), 2), np.int64)
    for position in range(len(chosen)):  # the brightest pixels first: nobody else may take them
        index = chosen[position]
        first, last = starts[index], starts[index + 1]
        top, bottom, left, right = pixel_box(rows, columns, first, last)
        smooth = _smoothed(pixels, top, bottom, left, right, side)
        peaks[position, 0], peaks[position, 1], peak = rows[first], columns[first], -np.inf
        for i in range(first, last):
            r, c = rows[i], columns[i]
            if smooth[r - top, c - left] > peak and labels[r, c] == 0:
                peaks[position, 0], peaks[position, 1], peak = r, c, smooth[r - top, c - left]
        if labels[peaks[position, 0], peaks[position, 1]] == 0:
            labels[peaks[position, 0], peaks[position, 1]] = index + 1
    for position in range(len(chosen)):
        index = chosen[position]
        first, last = starts[index], starts[index + 1]
        top, bottom, left, right = pixel_box(rows, columns, first, last)
        top, bottom = max(top - margin, 0), min(bottom + margin, height)
        left, right = max(left - margin, 0), min(right + margin, width)
        own_rows, own_columns = np.empty(last - first, np.int64), np.empty(last - first, np.int64)
        for i in range(last - first):
            own_rows[i], own_columns[i] = rows[first + i] - top, columns[first + i] - left
        steps = steps_from(own_rows, own_columns, bottom - top, right - left, margin + 1)
        smooth = _smoothed(pixels, top, bottom, left, right, side)
        ring = np.empty(steps.size, np.float32)
        count, lowest = 0, np.inf
        for r in range(bottom - top):
            for c in range(right - left):
                lowest = min(lowest, smooth[r, c])
                if gap < steps[r, c] <= margin:
                    ring[count] = pixels[top + r, left + c]
                    count += 1
        background = _median(ring[:count]) if count else lowest
        peak_row, peak_column = peaks[position, 0] - top, peaks[position, 1] - left
        level = background + _LEVEL * (smooth[peak_row, peak_column] - background)
        allowed, others = np.zeros(steps.shape, np.bool_), np.zeros(steps.shape, np.bool_)
        for r in range(bottom - top):
            for c in range(right - left):
                allowed[r, c] = smooth[r, c] >= level and steps[r, c] <= growth
                owner = labels[top + r, left + c]
                others[r, c] = owner not in (0, index + 1)
        speck = _connected(allowed, peak_row, peak_column)
        speck[peak_row, peak_column] = True
        _fill_holes(speck, others)
        for r in range(bottom - top):
            for c in range(right - left):
                if speck[r, c] and labels[top + r, left + c] == 0:
                    labels[top + r, left + c] = index + 1


@kernel
def _median(values):  # type: ignore[no-untyped-def]
    """The median of some values, whose order it changes."""
    middle = len(values) // 2
    upper = value_of_rank(values, middle, 0, len(values) - 1)
    if len(values) % 2:
        return np.float64(upper)
    lower = values[0]
    for i in range(1, middle):
        lower = max(lower, values[i])
    return (lower + upper) / 2


@kernel
def _fill_holes(speck, others):  # type: ignore[no-untyped-def]
    """Fill, in place, the holes of a mask in which nothing of the others lies."""
    height, width = speck.shape
    seen = _reached_from_border(speck)
    for row in range(height):
        for column in range(width):
            if seen[row, column]:
                continue
            hole = [(row, column)]
            seen[row, column] = True
            is_free, position = True, 0
            while position < len(hole):
                r, c = hole[position]
                position += 1
                is_free &= not others[r, c]
                for y, x in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
                    if not seen[y, x]:  # a hole never touches the border of the window
                        seen[y, x] = True
                        hole.append((y, x))
            if is_free:
                for r, c in hole:
                    speck[r, c] = True


@kernel
def _smoothed(pixels, top, bottom, left, right, side):  # type: ignore[no-untyped-def]
    """A window of the image, lightly smoothed with the weights (side, 1 − 2 · side, side) along both axes."""
    height, width = pixels.shape
    across = np.empty((bottom - top + 2, right - left), np.float32)
    for r in range(across.shape[0]):
        row = min(max(top + r - 1, 0), height - 1)
        for c in range(left, right):
            before, after = pixels[row, max(c - 1, 0)], pixels[row, min(c + 1, width - 1)]
            across[r, c - left] = (1 - 2 * side) * pixels[row, c] + side * (before + after)
    smooth = np.empty((bottom - top, right - left), np.float64)
    for r in range(bottom - top):
        for c in range(right - left):
            smooth[r, c] = (1 - 2 * side) * across[r + 1, c] + side * (across[r, c] + across[r + 2, c])
    return smooth


@kernel
def _connected(allowed, row, column):  # type: ignore[no-untyped-def]
    """The 8-connected part of a mask that holds a pixel; empty when the pixel is not in it."""
    height, width = allowed.shape
    part = np.zeros((height, width), np.bool_)
    if not allowed[row, column]:
        return part
    stack = [(row, column)]
    part[row, column] = True
    while stack:
        r, c = stack.pop()
        for y in range(max(r - 1, 0), min(r + 2, height)):
            for x in range(max(c - 1, 0), min(c + 2, width)):
                if allowed[y, x] and not part[y, x]:
                    part[y, x] = True
                    stack.append((y, x))
    return part


@kernel
def _reached_from_border(speck):  # type: ignore[no-untyped-def]
    """The pixels of a mask, and those outside that reach the border of its window through 4 neighbors."""
    height, width = speck.shape
    part = speck.copy()
    stack = [(0, 0)]
    stack.pop()
    for r in range(height):
        for c in range(width):
            if not part[r, c] and (r in (0, height - 1) or c in (0, width - 1)):
                part[r, c] = True
                stack.append((r, c))
    while stack:
        r, c = stack.pop()
        for y, x in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= y < height and 0 <= x < width and not part[y, x]:
                part[y, x] = True
                stack.append((y, x))
    return part
