"""Compiled loops of the un-blending: every pixel against the color table."""

from __future__ import annotations

import numpy as np

from MicrocalcAILib.base.kernels import kernel

_STRIDE = 8  # entries, where all of the table is looked at
_STEPS = (np.int32(2), np.int32(1))  # entries
_ZERO = np.float32(0.0)


@kernel(fastmath=True, inline="always")
def _descended(x, y, z, table, best, smallest, size):  # type: ignore[no-untyped-def]
    """A nearer entry, in steps along the table that are halved each time, and its squared distance."""
    last = len(table) - 1
    while size > 0:
        middle = best
        for other in (max(middle - size, 0), min(middle + size, last)):
            dx, dy, dz = x - table[other, 0], y - table[other, 1], z - table[other, 2]
            distance = dx * dx + dy * dy + dz * dz
            if distance < smallest:
                best, smallest = other, distance
        size >>= 1
    return best, smallest


@kernel(fastmath=True, inline="always")
def _begun(mean, starts, lowest, per_cell, found):  # type: ignore[no-untyped-def]
    """Numbers of the entries with which a row of pixels begins: those of their cells, written to ``found``."""
    flat = starts.ravel()
    rows, columns, layers = starts.shape
    for pixel in range(len(found)):
        i = np.uint32(min(max((mean[0, pixel] - lowest[0]) * per_cell[0], _ZERO), np.float32(rows - 1)))
        j = np.uint32(min(max((mean[1, pixel] - lowest[1]) * per_cell[1], _ZERO), np.float32(columns - 1)))
        k = np.uint32(min(max((mean[2, pixel] - lowest[2]) * per_cell[2], _ZERO), np.float32(layers - 1)))
        found[pixel] = flat[(i * np.uint32(columns) + j) * np.uint32(layers) + k]


@kernel(fastmath=True, inline="always")
def _square_away(mean, pixel, table, entry):  # type: ignore[no-untyped-def]
    """Squared distance of a pixel from an entry."""
    dx, dy, dz = mean[0, pixel] - table[entry, 0], mean[1, pixel] - table[entry, 1], mean[2, pixel] - table[entry, 2]
    return dx * dx + dy * dy + dz * dz


@kernel(fastmath=True, inline="always")
def _improved(mean, table, lines, found, squares):  # type: ignore[no-untyped-def]
    """Nearer entries for a row of pixels, and their squared distances, both written.

    First where the straight continuation of the table comes closest, then in steps that are halved each time. Loops
    over a row without branches, so that a processor does several pixels at once.
    """
    last = len(table) - 1
    for pixel in range(len(found)):
        entry = np.uint32(found[pixel])
        squares[pixel] = _square_away(mean, pixel, table, entry)
        along = (
            lines[entry, 3] + mean[0, pixel] * lines[entry, 0] + mean[1, pixel] * lines[entry, 1]
            + mean[2, pixel] * lines[entry, 2]
        )  # fmt: skip
        other = np.uint32(min(max(along, _ZERO), np.float32(last)))
        square = _square_away(mean, pixel, table, other)
        found[pixel] = other if square < squares[pixel] else entry
        squares[pixel] = min(square, squares[pixel])
    for step in _STEPS:
        for pixel in range(len(found)):
            entry = np.int32(found[pixel])
            below, above = np.uint32(max(entry - step, np.int32(0))), np.uint32(min(entry + step, np.int32(last)))
            square, higher = _square_away(mean, pixel, table, below), _square_away(mean, pixel, table, above)
            other = below if square < higher else above
            square = min(square, higher)
            found[pixel] = other if square < squares[pixel] else np.uint32(entry)
            squares[pixel] = min(square, squares[pixel])


@kernel(fastmath=True)
def _looked_at_all(mean, pixel, table, found, squares):  # type: ignore[no-untyped-def]
    """The nearest entry for a pixel wherever it lies on the table, written."""
    best, smallest = int(found[pixel]), squares[pixel]
    for other in range(0, len(table), _STRIDE):
        square = _square_away(mean, pixel, table, other)
        if square < smallest:
            best, smallest = other, square
    best, smallest = _descended(mean[0, pixel], mean[1, pixel], mean[2, pixel], table, best, smallest, _STRIDE // 2)
    found[pixel], squares[pixel] = best, smallest


@kernel(fastmath=True, inline="always")
def _row_parts(colors, gray, axes, remaining, weight, firmness, row, parts, chroma, to_b_mode):  # type: ignore[no-untyped-def]
    """What is left of a row of pixels without its B-mode, seen along two chroma axes and the weighted gray axis."""
    single = gray.size == 1
    root = np.float32(np.sqrt(3.0))
    for column in range(colors.shape[1]):
        red, green, blue = (
            np.float32(colors[row, column, 0]), np.float32(colors[row, column, 1]),
            np.float32(colors[row, column, 2]),
        )  # fmt: skip
        x = axes[0, 0] * red + axes[0, 1] * green + axes[0, 2] * blue
        y = axes[1, 0] * red + axes[1, 1] * green + axes[1, 2] * blue
        z = axes[2, 0] * red + axes[2, 1] * green + axes[2, 2] * blue
        level = root * (gray[0, 0] if single else gray[row, column])
        parts[0, column], parts[1, column], parts[2, column] = x, y, weight * (z - remaining * level)
        away = firmness * (z - level)
        chroma[row, column] = np.sqrt(x * x + y * y)
        to_b_mode[row, column] = np.sqrt(x * x + y * y + away * away)


@kernel(fastmath=True)
def match_pixels(colors, gray, axes, blend, lookup, far, smoothing, fractions, distances, chroma, to_b_mode):  # type: ignore[no-untyped-def]
    """Nearest entry of a color table for every pixel, what is left without the B-mode averaged over squares first.

    The entry in ``starts`` is improved along the table.

    Parameters
    ----------
    colors : float32 or uint8 array, shape (rows, columns, 3)
    gray : float32 array, shape (rows, columns) or (1, 1) for one gray level everywhere
    axes : float32 array, shape (3, 3)
        Two chroma axes and the gray axis of RGB.
    blend : (float, float, float)
        Share of the B-mode (1 - opacity); weight of the gray axis in the match, and in ``to_b_mode``.
    lookup : tuple
        ``table`` (float32, shape (entries, 3)); ``places`` (float32, shape (entries,)): of the entries on the scale,
        0 to 1; ``lines`` (float32, shape (entries, 4)): x, y, z and constant of the function that tells the entry
        where the straight continuation of the table comes closest to a color, plus one half; ``starts`` (int16, three
        axes): nearest entry to the middle of each cell; ``lowest`` and ``per_cell`` (float32, shape (3,)): corner of
        the first cell, and cells per unit.
    far : float
        Distance from the table beyond which all of it is looked at.
    smoothing : int
        Side of the square, odd; at the edges the outermost pixels are repeated.
    fractions, distances, chroma, to_b_mode : float32 arrays, shape (rows, columns)
        Place of the nearest entry on the scale; distance from it, from gray, and from the gray of the B-mode; written.
    """
    table, places, lines, starts, lowest, per_cell = lookup
    remaining, weight, firmness = blend
    rows, columns = colors.shape[:2]
    half = smoothing // 2
    share = np.float32(1.0 / (smoothing * smoothing))
    ring = np.empty((smoothing, 3, columns), np.float32)
    sums = np.empty((3, columns + 2 * half), np.float32)
    mean = np.empty((3, columns), np.float32)
    found, squares = np.empty(columns, np.uint32), np.empty(columns, np.float32)
    known = 0
    for row in range(rows):
        while known <= min(row + half, rows - 1):
            _row_parts(
                colors, gray, axes, remaining, weight, firmness, known, ring[known % smoothing], chroma, to_b_mode
            )
            known += 1
        sums[:] = 0.0
        mean[:] = 0.0
        for near in range(row - half, row + half + 1):
            line = ring[min(max(near, 0), rows - 1) % smoothing]
            for axis in range(3):
                for column in range(columns):
                    sums[axis, column + half] += line[axis, column]
        for axis in range(3):
            for pad in range(half):
                sums[axis, pad] = sums[axis, half]
                sums[axis, columns + half + pad] = sums[axis, columns + half - 1]
            for shift in range(smoothing):
                for column in range(columns):
                    mean[axis, column] += share * sums[axis, column + shift]
        _begun(mean, starts, lowest, per_cell, found)
        _improved(mean, table, lines, found, squares)
        for column in range(columns):
            # The table may pass through the cell twice; gray pixels are void anyway.
            if squares[column] > far * far and chroma[row, column] > far:
                _looked_at_all(mean, column, table, found, squares)
        for column in range(columns):
            fractions[row, column] = places[found[column]]
            distances[row, column] = np.sqrt(squares[column])


@kernel(fastmath=True)
def halved_cells(starts, table, reach, lowest, width):  # type: ignore[no-untyped-def]
    """The nearest entry for cells half as wide, sought along the table from that of the cell they lie in.

    Parameters
    ----------
    starts : int16 array, three axes
    table, reach
        As for `match_pixels`.
    lowest, width : float32 arrays, shape (3,)
        Corner of the first cell; width of a cell before it is halved.
    """
    cells = (2 * starts.shape[0], 2 * starts.shape[1], 2 * starts.shape[2])
    finer = np.empty(cells, np.int16)
    for i in range(cells[0]):
        x = lowest[0] + (i + 0.5) * width[0] / 2
        for j in range(cells[1]):
            y = lowest[1] + (j + 0.5) * width[1] / 2
            for k in range(cells[2]):
                z = lowest[2] + (k + 0.5) * width[2] / 2
                best = int(starts[i // 2, j // 2, k // 2])
                smallest = (x - table[best, 0]) ** 2 + (y - table[best, 1]) ** 2 + (z - table[best, 2]) ** 2
                best, smallest = _descended(x, y, z, table, best, smallest, 2 * int(reach[best]))
                finer[i, j, k] = best
    return finer


@kernel(fastmath=True)
def nearest_distances(points, table, farthest):  # type: ignore[no-untyped-def]
    """Distance of each point (float32, shape (n, 3)) from the nearest row of a table, at most ``farthest``."""
    found = np.empty(len(points), np.float32)
    # Channel by channel, so that a processor compares several entries at once.
    reds, greens, blues = table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
    for number in range(len(points)):
        x, y, z = points[number, 0], points[number, 1], points[number, 2]
        smallest = np.float32(farthest * farthest)
        for entry in range(len(reds)):
            dx, dy, dz = x - reds[entry], y - greens[entry], z - blues[entry]
            smallest = min(smallest, dx * dx + dy * dy + dz * dz)
        found[number] = np.sqrt(smallest)
    return found
