"""Topology of 300 calcifications at 65 scales: computed from outlines, and by dilating the masks, in turns, in one run.

Brute force is the method as published: dilate every mask by a digital disk at every scale, join the masks that share a
pixel, measure the graph. Each dilation is a threshold on an exact distance transform in a window around its mask, much
faster than a structuring element of 129 × 129 pixels, and the graphs are measured with scipy.sparse.csgraph. A second
variant transforms each mask once and thresholds at every scale. CPU seconds of the process; the median of the rounds
for the fast method, one round each, in their middle, for the others.

Run from the root of the repository: ``python Testing/benchmarks/topology_benchmark.py [--count 300] [--rounds 5]``
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "MicrocalcAI"), str(ROOT / "Testing")]

from library.features_examples import SPACING_MM, simulated_specks, table_of  # noqa: E402
from MicrocalcAILib.features.regions import calcification_regions, outlines  # noqa: E402
from MicrocalcAILib.features.topology import SCALES, meeting_scales, topology_features  # noqa: E402


def from_outlines(labels: NDArray[np.int32], ids: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Our method."""
    return topology_features(meeting_scales(outlines(calcification_regions(labels, ids, boxes)), SPACING_MM))


def by_dilation(
    labels: NDArray[np.int32], ids: NDArray[np.int64], boxes: NDArray[np.int64], transform_once: bool
) -> NDArray[np.float64]:
    """The published method: 65 dilated masks of every calcification, and a graph for each scale."""
    reach = SCALES - 1
    padded = np.pad(labels, reach)
    measures = np.zeros((8, SCALES))
    windows = [
        (slice(top, bottom + 1 + 2 * reach), slice(left, right + 1 + 2 * reach)) for top, bottom, left, right in boxes
    ]

    def transform() -> list[NDArray[np.float64]]:
        return [
            ndimage.distance_transform_edt(padded[window] != label) for window, label in zip(windows, ids, strict=True)
        ]

    distances = transform()
    for scale in range(SCALES):
        if not transform_once:
            distances = transform()
        dilated = [distance <= scale for distance in distances]
        edges = np.zeros((len(ids), len(ids)), np.bool_)
        for index, window in enumerate(windows):
            for other in range(index):
                if overlap(dilated[index], window, dilated[other], windows[other]):
                    edges[index, other] = edges[other, index] = True
        measures[:, scale] = measure(edges)
    return measures.ravel()


def overlap(
    one: NDArray[np.bool_], one_window: tuple[slice, slice], other: NDArray[np.bool_], other_window: tuple[slice, slice]
) -> bool:
    """Whether two masks in their windows share a pixel."""
    shared = []
    for a, b in zip(one_window, other_window, strict=True):
        first, last = max(a.start, b.start), min(a.stop, b.stop)
        if first >= last:
            return False
        shared.append((first, last))
    parts = [
        mask[
            shared[0][0] - w[0].start : shared[0][1] - w[0].start, shared[1][0] - w[1].start : shared[1][1] - w[1].start
        ]
        for mask, w in ((one, one_window), (other, other_window))
    ]
    return bool((parts[0] & parts[1]).any())


def measure(edges: NDArray[np.bool_]) -> list[float]:
    """The eight measures of one graph."""
    count = len(edges)
    degrees = edges.sum(axis=1)
    graph = csr_array(edges.astype(np.int64))
    parts, part = connected_components(graph, directed=False)
    steps = shortest_path(graph, unweighted=True)
    eccentricities = np.where(np.isfinite(steps), steps, 0).max(axis=1)
    triangles = (graph @ graph).multiply(graph).sum(axis=1) / 2
    pairs = degrees * (degrees - 1) / 2
    clustering = np.divide(triangles, pairs, out=np.zeros(count), where=pairs > 0)
    return [
        parts,
        degrees.mean(),
        degrees.max(),
        eccentricities.mean(),
        eccentricities.max(),
        clustering.mean(),
        np.bincount(part).max() / count,
        (degrees == 0).mean(),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    _, labels = simulated_specks(count=arguments.count + 30, shape=(1100, 1000))
    table = table_of(labels)[: arguments.count]
    ids = table["id"].to_numpy(np.int64)
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    values = from_outlines(labels, ids, boxes)  # compiles

    fast, slow, difference = [], [], 0.0
    for turn in range(arguments.rounds):
        start = time.process_time()
        from_outlines(labels, ids, boxes)
        fast.append(time.process_time() - start)
        if turn == arguments.rounds // 2:
            for transform_once in (False, True):
                start = time.process_time()
                expected = by_dilation(labels, ids, boxes, transform_once)
                slow.append(time.process_time() - start)
                difference = max(difference, np.abs(values - expected).max())
    tracemalloc.start()
    from_outlines(labels, ids, boxes)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    print(f"{len(ids)} calcifications, 65 scales × 8 measures, largest difference {difference:.1e}")
    print(f"from the outlines: {np.median(fast):.4f} s of CPU, peak {peak:.1f} MB")
    for name, seconds in zip(("masks dilated at every scale", "masks transformed once"), slow, strict=True):
        print(f"{name}: {seconds:.1f} s of CPU, ratio {seconds / np.median(fast):.0f}")


if __name__ == "__main__":
    main()
