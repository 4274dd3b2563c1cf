"""How calcifications join into larger parts as each grows: graphs over 65 scales (Chen 2015; Marathe 2022).

At scale s every calcification is dilated by a digital disk of radius s × 0.07 mm, and two calcifications are joined
when their dilated masks overlap (share a pixel). On a detector of 0.07 mm pixels the disks are the familiar ones of
radius 0 to 64 pixels; on other grids the radius stays the same in mm and the disk holds the pixels within it. Nothing
is dilated: the scale at which two calcifications meet follows from the offsets of their outline pixels, exactly.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
        for distance in range(2 * height + 1):
            # Row offsets −height … height of both disks that add up to the distance (the disk is symmetrical).
            reach = (half_widths[distance:] + half_widths[: len(half_widths) - distance]).max()
            table[distance, : reach + 1] = scale
    return table


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def _graph_measures(scales, measures):  # type: ignore[no-untyped-def]
    count = len(scales)
    # degrees[i, s] is the number of neighbors of i at scale s; the first so many of neighbors[i] are they.
    degrees, neighbors, edges_at = _neighbors_by_scale(scales)
    triangles = np.zeros((count, SCALES), np.int64)
    for i in range(count):
        for a in range(degrees[i, SCALES - 1]):
            j = neighbors[i, a]
            if j < i:
                continue
            for b in range(a):
                k = neighbors[i, b]
                scale = max(scales[i, j], scales[j, k])  # scales[i, k] is no larger than scales[i, j]
                if k > i and scale < SCALES:
                    triangles[i, scale] += 1
                    triangles[j, scale] += 1
                    triangles[k, scale] += 1

    part = np.arange(count)  # which subgraph each calcification belongs to
    part_size = np.ones(count, np.int64)
    parts, largest, edges = count, 1, 0
    mean_eccentricity, diameter = 0.0, 0.0
    for scale in range(SCALES):
        if edges_at[scale]:
            edges += edges_at[scale]
            for i in range(count):
                for a in range(degrees[i, scale - 1] if scale else 0, degrees[i, scale]):
                    kept, merged = part[i], part[neighbors[i, a]]
                    if kept != merged:
                        for k in range(count):
                            if part[k] == merged:
                                part[k] = kept
                        part_size[kept] += part_size[merged]
                        largest = max(largest, part_size[kept])
                        parts -= 1
            mean_eccentricity, diameter = _eccentricities(neighbors, degrees[:, scale], part_size[part])
        most, isolated, clustering = 0, 0, 0.0
        for i in range(count):
            if scale:
                triangles[i, scale] += triangles[i, scale - 1]
            degree = degrees[i, scale]
            most = max(most, degree)
            isolated += degree == 0
            if degree > 1:
                clustering += 2 * triangles[i, scale] / (degree * (degree - 1))
        measures[0, scale] = parts
        measures[1, scale] = 2 * edges / count
        measures[2, scale] = most
        measures[3, scale] = mean_eccentricity
        measures[4, scale] = diameter
        measures[5, scale] = clustering / count
        measures[6, scale] = largest / count
        measures[7, scale] = isolated / count


@njit(cache=True, nogil=True, error_model="numpy")
def _neighbors_by_scale(scales):  # type: ignore[no-untyped-def]
    """Neighbors of each node in the order in which they are met, their number and the number of edges per scale."""
    count = len(scales)
    degrees = np.zeros((count, SCALES), np.int64)
    neighbors = np.empty((count, count), np.int32)
    edges_at = np.zeros(SCALES, np.int64)
    for i in range(count):
        for j in range(count):
            if scales[i, j] < SCALES:
                degrees[i, scales[i, j]] += 1
                edges_at[scales[i, j]] += j > i
        free = np.zeros(SCALES, np.int64)
        for scale in range(1, SCALES):
            free[scale] = degrees[i, scale - 1]
            degrees[i, scale] += degrees[i, scale - 1]
        for j in range(count):
            if scales[i, j] < SCALES:
                neighbors[i, free[scales[i, j]]] = j
                free[scales[i, j]] += 1
    return degrees, neighbors, edges_at


@njit(cache=True, nogil=True, error_model="numpy")
def _eccentricities(neighbors, degrees, sizes):  # type: ignore[no-untyped-def]
    """Mean and maximum eccentricity at one scale; ``sizes`` are those of each node's subgraph.

    Each breadth-first search bounds the eccentricity of all nodes of its subgraph; most are settled without a search of
    their own (Takes & Kosters 2013).
    """
    count = len(sizes)
    low, high = np.empty(count, np.int64), np.empty(count, np.int64)
    for i in range(count):
        # A node that is joined to all others has eccentricity 1, every other at least 2.
        low[i] = high[i] = min(sizes[i] - 1, 1)
        if degrees[i] < sizes[i] - 1:
            low[i], high[i] = 2, sizes[i] - 1
    queue, distances = np.empty(count, np.int64), np.empty(count, np.int64)
    from_the_edge = True
    while True:
        source = -1
        for i in range(count):
            if low[i] < high[i] and (source < 0 or (high[i] > high[source] if from_the_edge else low[i] < low[source])):
                source = i
        if source < 0:
            break
        from_the_edge = not from_the_edge
        for i in range(count):
            distances[i] = -1
        queue[0], distances[source] = source, 0
        reached, position = 1, 0
        while reached < sizes[source]:
            here = queue[position]
            position += 1
            for a in range(degrees[here]):
                there = neighbors[here, a]
                if distances[there] < 0:
                    distances[there] = distances[here] + 1
                    queue[reached] = there
                    reached += 1
        eccentricity = distances[queue[reached - 1]]
        for k in range(reached):
            node = queue[k]
            low[node] = max(low[node], distances[node], eccentricity - distances[node])
            high[node] = min(high[node], eccentricity + distances[node])
        low[source] = high[source] = eccentricity
    return low.sum() / count, float(low.max())
