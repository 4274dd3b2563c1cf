"""Topology of 300 calcifications at 65 scales: computed from outlines, and by dilating the masks, in turns, in one run.

Brute force is the method as published: dilate every mask by a digital disk at every scale, join the masks that share a
pixel, measure the graph. Each dilation is a threshold on an exact distance transform in a window around its mask, much
faster than a structuring element of 129 × 129 pixels, and the graphs are measured with scipy.sparse.csgraph. A second
variant transforms each mask once and thresholds at every scale. CPU seconds of the process, the median of the rounds.

Run from the root of the repository: ``python Testing/benchmarks/topology_benchmark.py [--count 300] [--rounds 1]``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "MicrocalcAI"), str(ROOT / "Testing")]

from benchmarks.turns import in_turns  # noqa: E402
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


def places(count: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Label map, ids and boxes of simulated calcifications."""
    _, labels = simulated_specks(count=count + 30, shape=(1100, 1000))
    table = table_of(labels)[:count]
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    return labels, table["id"].to_numpy(np.int64), boxes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    labels, ids, boxes = places(arguments.count)
    costs = in_turns(
        {
            "from the outlines": lambda: from_outlines(labels, ids, boxes),
            "masks dilated at every scale": lambda: by_dilation(labels, ids, boxes, transform_once=False),
            "masks transformed once": lambda: by_dilation(labels, ids, boxes, transform_once=True),
        },
        arguments.rounds,
    )
    ours = costs["from the outlines"]
    for name, cost in costs.items():
        print(
            f"{name}: {cost.cpu_seconds:.4f} s of CPU, ratio {cost.cpu_seconds / ours.cpu_seconds:.0f}, "
            f"{cost.added_mb:.1f} MB; largest difference {np.abs(cost.result - ours.result).max():.1e}"
        )


if __name__ == "__main__":
    main()
