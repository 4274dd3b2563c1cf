"""The compiled inner loops of the candidate stage: shapes and peaks of a band of rows, connected parts."""

from __future__ import annotations

import numpy as np

from ..base.kernels import kernel

_SHAPE_RATIO = 1.4  # |det| / trace² of the Hessian (HDoGReg)


@kernel(fastmath=True)
def judge_band(band, noise_columns, noise_positions, mask, outline_threshold, peak_threshold, shape_bits, first_row):  # type: ignore[no-untyped-def]
    """Mark the shape of each plane (bit k) and list the peaks of a band.

    ``noise_columns`` is the noise of each plane at every column, for the rows of the noise grid; ``noise_positions``
    are the band's rows on that grid. Returns positions (plane, row, column) and, for each, DoG/N of every plane and N
    of plane 0.
    """
    scales, cells, width = noise_columns.shape
    rows = len(noise_positions)
    positions = np.empty((64, 3), np.int32)
    values = np.empty((64, scales + 1), np.float32)
    level = np.empty((scales, width), np.float32)
    margin = np.empty(width, np.float32)
    count = 0
    for i in range(rows):
        position = min(max(noise_positions[i], 0.0), cells - 1.0)
        low = int(position)
        fraction = np.float32(position - low)
        bits = shape_bits[i]
        for k in range(scales):
            nearer, farther, here = noise_columns[k, low], noise_columns[k, min(low + 1, cells - 1)], level[k]
            for c in range(width):
                here[c] = nearer[c] + fraction * (farther[c] - nearer[c])
        for k in range(scales):
            _shape_margin(band[k, i], band[k, i + 1], band[k, i + 2], level[k], outline_threshold, margin)
            bit = np.uint8(1 << k)
            here = band[k, i + 1]
            noise = level[k]
            for c in range(1, width - 1):
                if margin[c] > 0:
                    bits[c] |= bit
            for c in range(1, width - 1):
                center = here[c]
                if center < peak_threshold * noise[c] or not mask[i, c] or noise[c] <= 0:
                    continue
                highest = True
                for other in range(max(k - 1, 0), min(k + 2, scales)):
                    for row in range(i, i + 3):
                        for column in range(c - 1, c + 2):
                            if band[other, row, column] > center:
                                highest = False
                if not highest:
                    continue
                if count == positions.shape[0]:
                    positions = np.concatenate((positions, np.empty_like(positions)))
                    values = np.concatenate((values, np.empty_like(values)))
                positions[count, 0] = k
                positions[count, 1] = first_row + i
                positions[count, 2] = c
                for other in range(scales):
                    measurable = level[other, c] > 0  # a constant image has planes without any noise
                    values[count, other] = band[other, i + 1, c] / level[other, c] if measurable else 0
                values[count, scales] = level[0, c]
                count += 1
    return positions[:count].copy(), values[:count].copy()


@kernel(fastmath=True)
def _shape_margin(above, here, below, noise, outline_threshold, margin):  # type: ignore[no-untyped-def]
    """Positive where a row of a plane is bright and convex (branch-free, so that it runs on vector registers)."""
    inner = len(here) - 2
    up_left, up, up_right = above[:inner], above[1 : 1 + inner], above[2:]
    left, center, right = here[:inner], here[1 : 1 + inner], here[2:]
    down_left, down, down_right = below[:inner], below[1 : 1 + inner], below[2:]
    level, result = noise[1 : 1 + inner], margin[1 : 1 + inner]
    for c in range(inner):
        twice = center[c] + center[c]
        along_rows = up[c] + down[c] - twice
        along_columns = left[c] + right[c] - twice
        mixed = np.float32(0.25) * (down_right[c] - down_left[c] - up_right[c] + up_left[c])
        trace = along_rows + along_columns
        determinant = along_rows * along_columns - mixed * mixed
        convex = min(-trace, np.float32(_SHAPE_RATIO) * trace * trace - abs(determinant))
        result[c] = min(convex, center[c] - outline_threshold * level[c])


@kernel
def grow(shape_bits, peaks, largest):  # type: ignore[no-untyped-def]
    """Connected part (8 neighbors) of each peak in the shape of its plane; later peaks of the same part are absorbed.

    Uses bit 4 + k of ``shape_bits`` to remember visited pixels. Parts above ``largest`` pixels are dropped.
    """
    height, width = shape_bits.shape
    rows = np.empty(4096, np.int32)
    columns = np.empty(4096, np.int32)
    starts = np.zeros(len(peaks) + 1, np.int64)
    seeds = np.empty(len(peaks), np.int64)
    kept = 0
    end = 0
    for seed in range(len(peaks)):
        shape = np.uint8(1 << peaks[seed, 0])
        visited = np.uint8(16 << peaks[seed, 0])
        row, column = peaks[seed, 1], peaks[seed, 2]
        if not shape_bits[row, column] & shape or shape_bits[row, column] & visited:
            continue
        start = end
        rows[end], columns[end] = row, column
        shape_bits[row, column] |= visited
        end += 1
        next_pixel = start
        while next_pixel < end:
            row, column = rows[next_pixel], columns[next_pixel]
            next_pixel += 1
            if end + 8 > len(rows):
                rows = np.concatenate((rows, np.empty_like(rows)))
                columns = np.concatenate((columns, np.empty_like(columns)))
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    bits = shape_bits[r, c]
                    if bits & shape and not bits & visited:
                        shape_bits[r, c] = bits | visited
                        rows[end], columns[end] = r, c
                        end += 1
        if end - start > largest:
            end = start
            continue
        seeds[kept] = seed
        kept += 1
        starts[kept] = end
    return rows[:end].copy(), columns[:end].copy(), starts[: kept + 1].copy(), seeds[:kept].copy()
