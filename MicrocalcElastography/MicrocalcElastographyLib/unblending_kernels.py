"""Compiled loops of the un-blending: every pixel against the color table."""

from __future__ import annotations

import numpy as np
from numba import njit

_STRIDE = 8  # entries, where all of the table is looked at


@njit(cache=True, fastmath=True, inline="always")
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


@njit(cache=True, fastmath=True)
def match_pixels(parts, table, reach, starts, lowest, per_cell, far, smoothing, fractions, distances):  # type: ignore[no-untyped-def]
    """Nearest entry of a color table for every pixel, the pixels averaged over squares first.

    The entry in ``starts`` is improved in steps along the table, the first as long as ``reach`` says, each half as
    long.

    Parameters
    ----------
    parts : float32 array, shape (rows, columns, 3)
        Color of every pixel.
    table : float32 array, shape (entries, 3)
    reach : int16 array, shape (entries,)
        Entries, a power of two, after which the color has left a cell.
    starts : int16 array, shape (cells, cells, cells)
        Nearest entry to the middle of each cell.
    lowest, per_cell : float32 arrays, shape (3,)
        Corner of the first cell, and cells per unit.
    far : float
        Distance from the table beyond which all of it is looked at.
    smoothing : int
        Side of the square, odd; at the edges the outermost pixels are repeated.
    fractions : int16 array, distances : float32 array, shape (rows, columns)
        Number of the entry and distance from it, written.
    """
    rows, columns = parts.shape[:2]
    last, cells, half = len(table) - 1, starts.shape[0], smoothing // 2
    share = np.float32(1.0 / (smoothing * smoothing))
    sums = np.empty((columns + 2 * half, 3), np.float32)
    for row in range(rows):
        for column in range(columns):
            x, y, z = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for near in range(row - half, row + half + 1):
                kept = min(max(near, 0), rows - 1)
                x += parts[kept, column, 0]
                y += parts[kept, column, 1]
                z += parts[kept, column, 2]
            sums[column + half, 0], sums[column + half, 1], sums[column + half, 2] = x * share, y * share, z * share
        for pad in range(half):
            sums[pad] = sums[half]
            sums[columns + half + pad] = sums[columns + half - 1]
        for column in range(columns):
            x, y, z = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for near in range(column, column + smoothing):
                x += sums[near, 0]
                y += sums[near, 1]
                z += sums[near, 2]
            i = min(max(int((x - lowest[0]) * per_cell[0]), 0), cells - 1)
            j = min(max(int((y - lowest[1]) * per_cell[1]), 0), cells - 1)
            k = min(max(int((z - lowest[2]) * per_cell[2]), 0), cells - 1)
            best = int(starts[i, j, k])
            dx, dy, dz = x - table[best, 0], y - table[best, 1], z - table[best, 2]
            smallest = dx * dx + dy * dy + dz * dz
            best, smallest = _descended(x, y, z, table, best, smallest, int(reach[best]))
            if smallest > far * far and x * x + y * y > far * far:
                # The table may pass through the cell twice; gray pixels are void anyway.
                for other in range(0, last + 1, _STRIDE):
                    dx, dy, dz = x - table[other, 0], y - table[other, 1], z - table[other, 2]
                    distance = dx * dx + dy * dy + dz * dz
                    if distance < smallest:
                        best, smallest = other, distance
                best, smallest = _descended(x, y, z, table, best, smallest, _STRIDE // 2)
            fractions[row, column] = best
            distances[row, column] = np.sqrt(smallest)


@njit(cache=True, fastmath=True)
def halved_cells(starts, table, reach, lowest, width):  # type: ignore[no-untyped-def]
    """The nearest entry for cells half as wide, sought along the table from that of the cell they lie in.

    Parameters
    ----------
    starts : int16 array, shape (cells, cells, cells)
    table, reach
        As for `match_pixels`.
    lowest, width : float32 arrays, shape (3,)
        Corner of the first cell; width of a cell before it is halved.
    """
    cells = 2 * starts.shape[0]
    finer = np.empty((cells, cells, cells), np.int16)
    for i in range(cells):
        x = lowest[0] + (i + 0.5) * width[0] / 2
        for j in range(cells):
            y = lowest[1] + (j + 0.5) * width[1] / 2
            for k in range(cells):
                z = lowest[2] + (k + 0.5) * width[2] / 2
                best = int(starts[i // 2, j // 2, k // 2])
                smallest = (x - table[best, 0]) ** 2 + (y - table[best, 1]) ** 2 + (z - table[best, 2]) ** 2
                best, smallest = _descended(x, y, z, table, best, smallest, 2 * int(reach[best]))
                finer[i, j, k] = best
    return finer


@njit(cache=True, fastmath=True)
def nearest_distances(points, table, farthest):  # type: ignore[no-untyped-def]
    """Distance of each point (float32, shape (n, 3)) from the nearest row of a table, at most ``farthest``."""
    found = np.empty(len(points), np.float32)
    for number in range(len(points)):
        x, y, z = points[number]
        smallest = np.float32(farthest * farthest)
        for entry in range(len(table)):
            dx, dy, dz = x - table[entry, 0], y - table[entry, 1], z - table[entry, 2]
            smallest = min(smallest, dx * dx + dy * dy + dz * dz)
        found[number] = np.sqrt(smallest)
    return found


@njit(cache=True, fastmath=True)
def color_parts(colors, gray, axes, remaining, weight, firmness, parts, chroma, to_b_mode):  # type: ignore[no-untyped-def]
    """What is left of every pixel without its B-mode, seen along two chroma axes and the weighted gray axis.

    Parameters
    ----------
    colors : float32 or uint8 array, shape (rows, columns, 3)
    gray : float32 array, shape (rows, columns) or (1, 1) for one gray level everywhere
    axes : float32 array, shape (3, 3)
        Two chroma axes and the gray axis of RGB.
    remaining : float
        1 - opacity: share of the B-mode.
    weight, firmness : float
        Of the gray axis in ``parts`` and in ``to_b_mode``.
    parts : float32 array, shape (rows, columns, 3), written
    chroma, to_b_mode : float32 arrays, shape (rows, columns), written
        Distance from gray, and from the gray of the B-mode.
    """
    rows, columns = colors.shape[:2]
    single = gray.size == 1
    root = np.float32(np.sqrt(3.0))
    for row in range(rows):
        for column in range(columns):
            red, green, blue = (
                np.float32(colors[row, column, 0]), np.float32(colors[row, column, 1]),
                np.float32(colors[row, column, 2]),
            )  # fmt: skip
            x = axes[0, 0] * red + axes[0, 1] * green + axes[0, 2] * blue
            y = axes[1, 0] * red + axes[1, 1] * green + axes[1, 2] * blue
            z = axes[2, 0] * red + axes[2, 1] * green + axes[2, 2] * blue
            level = root * (gray[0, 0] if single else gray[row, column])
            parts[row, column, 0] = x
            parts[row, column, 1] = y
            parts[row, column, 2] = weight * (z - remaining * level)
            chroma[row, column] = np.sqrt(x * x + y * y)
            away = firmness * (z - level)
            to_b_mode[row, column] = np.sqrt(x * x + y * y + away * away)
