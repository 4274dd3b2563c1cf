"""How calcifications join into larger parts as each grows: graphs over 65 scales (Chen 2015; Marathe 2022).

At scale s every calcification is dilated by a digital disk of radius s × 0.07 mm, and two calcifications are joined
when their dilated masks overlap (share a pixel). On a detector of 0.07 mm pixels the disks are the familiar ones of
radius 0 to 64 pixels; on other grids the radius stays the same in mm and the disk holds the pixels within it. Nothing
is dilated: the scale at which two calcifications meet follows from the offsets of their outline pixels, exactly.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from .regions import Outlines

SCALES = 65
SCALE_STEP_MM = 0.07
TOPOLOGY_MEASURES = (
    "subgraphs",
    "mean_degree",
    "maximum_degree",
    "mean_eccentricity",
    "diameter",
    "mean_clustering",
    "giant_share",
    "isolated_share",
)
TOPOLOGY_FEATURES = tuple(f"topology_{measure}_{scale:02d}" for measure in TOPOLOGY_MEASURES for scale in range(SCALES))

_ONE = np.uint64(1)
# The top six bits of bit × this number differ for all 64 bits (Leiserson, Prokop & Randall 1998).
_ODD = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.argsort([((1 << place) * int(_ODD) % 2**64) >> 58 for place in range(64)])


def meeting_scales(outlines: Outlines, spacing_mm: tuple[float, float]) -> NDArray[np.int16]:
    """The first scale at which each pair of calcifications overlaps.

    Parameters
    ----------
    outlines : Outlines
        Of all calcifications.
    spacing_mm : (float, float)

    Returns
    -------
    int16 array, shape (calcifications, calcifications)
        0 to 64; ``SCALES`` for pairs that do not meet, and on the diagonal.
    """
    scales = np.full((len(outlines), len(outlines)), SCALES, np.int16)
    table = _scale_of_offset(float(spacing_mm[0]), float(spacing_mm[1]))
    _meet(outlines.rows, outlines.columns, outlines.starts, outlines.boxes, table, scales)
    return scales


def topology_features(scales: NDArray[np.int16]) -> NDArray[np.float64]:
    """Eight measures of the graph at each scale.

    Parameters
    ----------
    scales : int16 array, shape (calcifications, calcifications)
        From :func:`meeting_scales`, for the calcifications of one cluster (at least one).

    Returns
    -------
    float array, shape (520,)
        In the order of ``TOPOLOGY_FEATURES``: number of connected subgraphs; mean and maximum degree; mean eccentricity
        within the subgraphs (0 for an isolated calcification) and its maximum, the diameter; mean local clustering
        coefficient (0 below two neighbors); share of calcifications in the largest subgraph; share that is isolated.
    """
    measures = np.zeros((len(TOPOLOGY_MEASURES), SCALES))
    _graph_measures(np.ascontiguousarray(scales), measures)
    return measures.ravel()


@lru_cache(maxsize=8)
def _scale_of_offset(row_mm: float, column_mm: float) -> NDArray[np.int16]:
    """First scale at which disks around two pixels overlap, by the pixels' distance in rows and columns.

    Two disks share a pixel when the offset of their centers is the sum of two offsets within a disk. In each row such
    sums reach from −reach to +reach, and the reach shrinks with the distance in rows; so the scale does not fall when
    the pixels move apart in rows or in columns, and only outline pixels have to be compared.
    """
    tallest = int(np.floor((SCALES - 1) * SCALE_STEP_MM / row_mm + 1e-9))
    widest = int(np.floor((SCALES - 1) * SCALE_STEP_MM / column_mm + 1e-9))
    table = np.full((2 * tallest + 2, 2 * widest + 2), SCALES, np.int16)
    for scale in range(SCALES - 1, -1, -1):
        radius = scale * SCALE_STEP_MM
        height = int(np.floor(radius / row_mm + 1e-9))
        rows_mm = np.arange(-height, height + 1) * row_mm
        half_widths = np.floor(np.sqrt(np.maximum(radius**2 - rows_mm**2, 0)) / column_mm + 1e-9).astype(int)
        # Row offsets −height … height of both disks that add up to each distance (the disk is symmetrical).
        beyond = np.concatenate((half_widths, np.full(2 * height, -SCALES * len(table[0]))))
        reaches = (np.lib.stride_tricks.sliding_window_view(beyond, len(half_widths)) + half_widths).max(axis=1)
        for distance, reach in enumerate(reaches):
            table[distance, : reach + 1] = scale
    return table


@kernel
def _meet(rows, columns, starts, boxes, table, scales):  # type: ignore[no-untyped-def]
    for i in range(len(boxes)):
        for j in range(i):
            row_gap = max(boxes[i, 0] - boxes[j, 1], boxes[j, 0] - boxes[i, 1], 0)
            column_gap = max(boxes[i, 2] - boxes[j, 3], boxes[j, 2] - boxes[i, 3], 0)
            if row_gap >= table.shape[0] or column_gap >= table.shape[1]:
                continue
            possible = table[row_gap, column_gap]
            best = SCALES
            for p in range(starts[i], starts[i + 1]):
                if best <= possible:
                    break
                for q in range(starts[j], starts[j + 1]):
                    row, column = abs(rows[p] - rows[q]), abs(columns[p] - columns[q])
                    if row < table.shape[0] and column < table.shape[1]:
                        best = min(best, table[row, column])
            scales[i, j] = best
            scales[j, i] = best


@kernel
def _graph_measures(scales, measures):  # type: ignore[no-untyped-def]
    count = len(scales)
    words = (count + 63) // 64
    first_ends, second_ends, starts = _edges_by_scale(scales)
    # Sets of nodes are bits, 64 to a word. Neighbors lie close together in the table, so few words hold any.
    neighbors = np.zeros((count, words), np.uint64)
    members = np.zeros((count, words), np.uint64)  # of the subgraph with that number
    lowest, highest = np.full(count, words), np.full(count, -1)  # words that hold a neighbor
    part = np.arange(count)  # which subgraph each calcification belongs to
    part_size, sizes = np.ones(count, np.int64), np.empty(count, np.int64)
    degrees, triangles = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for i in range(count):
        members[i, i >> 6] = _ONE << np.uint64(i & 63)
    parts, largest = count, 1
    mean_eccentricity, diameter = 0.0, 0.0
    for scale in range(SCALES):
        for edge in range(starts[scale], starts[scale + 1]):
            i, j = first_ends[edge], second_ends[edge]
            for word in range(max(lowest[i], lowest[j]), min(highest[i], highest[j]) + 1):
                common = neighbors[i, word] & neighbors[j, word]
                while common:  # each triangle is counted once, with the last of its edges
                    bit = common & (~common + _ONE)
                    common ^= bit
                    triangles[i] += 1
                    triangles[j] += 1
                    triangles[(word << 6) + _place(bit)] += 1
            for node, other in ((i, j), (j, i)):
                degrees[node] += 1
                neighbors[node, other >> 6] |= _ONE << np.uint64(other & 63)
                lowest[node], highest[node] = min(lowest[node], other >> 6), max(highest[node], other >> 6)
            kept, merged = part[i], part[j]
            if kept != merged:
                for k in range(count):
                    if part[k] == merged:
                        part[k] = kept
                for word in range(words):
                    members[kept, word] |= members[merged, word]
                part_size[kept] += part_size[merged]
                largest = max(largest, part_size[kept])
                parts -= 1
        if starts[scale + 1] > starts[scale]:
            for i in range(count):
                sizes[i] = part_size[part[i]]
            mean_eccentricity, diameter = _eccentricities(neighbors, lowest, highest, degrees, sizes, part, members)
        most, isolated, clustering = 0, 0, 0.0
        for i in range(count):
            degree = degrees[i]
            most = max(most, degree)
            isolated += degree == 0
            if degree > 1:
                clustering += 2 * triangles[i] / (degree * (degree - 1))
        measures[0, scale] = parts
        measures[1, scale] = 2 * starts[scale + 1] / count
        measures[2, scale] = most
        measures[3, scale] = mean_eccentricity
        measures[4, scale] = diameter
        measures[5, scale] = clustering / count
        measures[6, scale] = largest / count
        measures[7, scale] = isolated / count


@kernel
def _edges_by_scale(scales):  # type: ignore[no-untyped-def]
    """Both ends of each edge, in the order of the scale at which it appears, and where each scale begins."""
    count = len(scales)
    starts = np.zeros(SCALES + 1, np.int64)
    for i in range(count):
        for j in range(i):
            if scales[i, j] < SCALES:
                starts[scales[i, j] + 1] += 1
    for scale in range(SCALES):
        starts[scale + 1] += starts[scale]
    free = starts.copy()
    first_ends, second_ends = np.empty(starts[SCALES], np.int64), np.empty(starts[SCALES], np.int64)
    for i in range(count):
        for j in range(i):
            scale = scales[i, j]
            if scale < SCALES:
                first_ends[free[scale]], second_ends[free[scale]] = i, j
                free[scale] += 1
    return first_ends, second_ends, starts


@kernel
def _eccentricities(neighbors, lowest, highest, degrees, sizes, part, members):  # type: ignore[no-untyped-def]
    """Mean and maximum eccentricity at one scale; ``sizes`` are those of each node's subgraph.

    Each breadth-first search bounds the eccentricity of all nodes of its subgraph; most are settled without a search of
    their own (Takes & Kosters 2013).
    """
    count = len(sizes)
    low, high = np.empty(count, np.int32), np.empty(count, np.int32)
    for i in range(count):
        # A node that is joined to all others has eccentricity 1, every other at least 2.
        low[i] = high[i] = min(sizes[i] - 1, 1)
        if degrees[i] < sizes[i] - 1:
            low[i], high[i] = 2, sizes[i] - 1
    distances = np.empty(count, np.int32)
    from_the_edge = True
    while True:
        source = np.int64(-1)  # not a literal, for which the search would be compiled once more
        for i in range(count):
            if low[i] < high[i] and (source < 0 or (high[i] > high[source] if from_the_edge else low[i] < low[source])):
                source = i
        if source < 0:
            break
        from_the_edge = not from_the_edge
        eccentricity = _search(source, neighbors, lowest, highest, members[part[source]], distances)
        for i in range(count):
            if distances[i] >= 0:
                low[i] = max(low[i], distances[i], eccentricity - distances[i])
                high[i] = min(high[i], eccentricity + distances[i])
        low[source] = high[source] = eccentricity
    total, diameter = 0, 0
    for i in range(count):
        total += low[i]
        diameter = max(diameter, low[i])
    return total / count, float(diameter)


@kernel
def _search(source, neighbors, lowest, highest, members, distances):  # type: ignore[no-untyped-def]
    """Steps from a node to each of its subgraph (−1: not of it), breadth first; returns the largest number of them."""
    words = neighbors.shape[1]
    seen, here, there = np.zeros(words, np.uint64), np.zeros(words, np.uint64), np.zeros(words, np.uint64)
    seen[source >> 6] = here[source >> 6] = _ONE << np.uint64(source & 63)
    distances[:] = -1
    distances[source] = 0
    steps = np.int32(0)
    unseen = True
    while unseen:
        there[:] = 0
        for word in range(words):
            waiting = here[word]
            if waiting == 0:
                continue
            while waiting:
                bit = waiting & (~waiting + _ONE)
                waiting ^= bit
                node = (word << 6) + _place(bit)
                for k in range(lowest[node], highest[node] + 1):
                    there[k] |= neighbors[node, k]
            missing = np.uint64(0)
            for k in range(words):
                missing |= members[k] & ~(seen[k] | there[k])
            if missing == 0:  # the others lead nowhere new
                unseen = False
                break
        steps += 1
        for word in range(words):
            new = there[word] & ~seen[word]
            seen[word] |= new
            here[word] = new
            while new:
                bit = new & (~new + _ONE)
                new ^= bit
                distances[(word << 6) + _place(bit)] = steps
    return steps


@kernel(inline="always")
def _place(bit):  # type: ignore[no-untyped-def]
    """Which bit of a word it is."""
    return _PLACES[(bit * _ODD) >> np.uint64(58)]
