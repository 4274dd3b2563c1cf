"""The background of a speck: a ring around it, beyond the reach of its own blur."""

from __future__ import annotations

import numpy as np

from ..base.kernels import kernel

_GAP_MM = 0.15  # the speck's own blur
_WIDTH_MM = 0.6


def ring_steps(spacing_mm: tuple[float, float]) -> tuple[int, int]:
    """Pixels (city-block) from a speck after which its ring begins and at which it ends."""
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    gap = max(round(_GAP_MM / pixel_mm), 1)
    return gap, gap + max(round(_WIDTH_MM / pixel_mm), 2)


@kernel
def pixel_box(rows, columns, first, last):  # type: ignore[no-untyped-def]
    """First row, last row + 1, first column, last column + 1 of the pixels ``first`` to ``last`` − 1 of a list."""
    top, bottom, left, right = rows[first], rows[first], columns[first], columns[first]
    for i in range(first, last):
        top, bottom = min(top, rows[i]), max(bottom, rows[i])
        left, right = min(left, columns[i]), max(right, columns[i])
    return np.int64(top), np.int64(bottom) + 1, np.int64(left), np.int64(right) + 1


@kernel
def steps_from(rows, columns, height, width, farthest):  # type: ignore[no-untyped-def]
    """City-block distance of each pixel of a window from a speck, in pixels, up to ``farthest``."""
    steps = np.full((height, width), farthest, np.int32)
    first, last = height, -1
    for i in range(len(rows)):
        steps[rows[i], columns[i]] = 0
        first, last = min(first, rows[i]), max(last, rows[i])
    for r in range(first, last + 1):  # in each row of the speck from both sides
        near = farthest
        for c in range(width):
            near = min(near + 1, steps[r, c])
            steps[r, c] = near
        near = farthest
        for c in range(width - 1, -1, -1):
            near = min(near + 1, steps[r, c])
            steps[r, c] = near
    for r in range(first + 1, height):  # then whole rows from above and from below, on vector registers
        here, above = steps[r], steps[r - 1]
        for c in range(width):
            here[c] = min(here[c], np.int32(above[c] + 1))
    for r in range(last - 1, -1, -1):
        here, below = steps[r], steps[r + 1]
        for c in range(width):
            here[c] = min(here[c], np.int32(below[c] + 1))
    return steps
