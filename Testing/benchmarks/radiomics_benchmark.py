"""Radiomics of 300 calcifications and their surroundings: our engine and pyradiomics, in turns, in one run.

Both engines describe the same regions. pyradiomics gets a crop around each and no provenance (``additionalInfo``), its
fastest ordinary use; on whole images it is some hundred times slower still. CPU seconds of the process, median of the
rounds; peak memory is what numpy allocates above the image. The largest difference between the values is printed too.

Run from the root of the repository: ``python Testing/benchmarks/radiomics_benchmark.py [--rounds 3]``
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "MicrocalcAI"), str(ROOT / "Testing")]

from library.features_examples import SPACING_MM, simulated_specks, table_of  # noqa: E402
from MicrocalcAILib.features import FeatureSettings, calcification_features  # noqa: E402
from MicrocalcAILib.features.intensities import center_and_spread  # noqa: E402
from MicrocalcAILib.features.radiomics import pyradiomics_features, radiomics_features  # noqa: E402
from MicrocalcAILib.features.regions import Regions, calcification_regions, surrounding_regions  # noqa: E402
from MicrocalcAILib.features.shapes import Geometry  # noqa: E402


def cpu_seconds(work: Callable[[], NDArray[np.float64]]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def peak_megabytes(work: Callable[[], NDArray[np.float64]]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak


def compare(
    name: str, pixels: NDArray[np.float32], regions: Callable[[], Regions], settings: FeatureSettings, rounds: int
) -> None:
    """Print CPU, memory and agreement of both engines on one kind of region."""
    made = regions()
    centers, spreads = np.zeros(len(made)), np.ones(len(made))
    if settings.gray_scale == "surroundings":
        centers, spreads = center_and_spread(pixels, made)

    def ours() -> NDArray[np.float64]:
        found = regions()  # pyradiomics is handed its masks, our engine makes them
        return radiomics_features(pixels, found, Geometry(found, SPACING_MM), centers, spreads, SPACING_MM, settings)

    def theirs() -> NDArray[np.float64]:
        return pyradiomics_features(pixels, made, centers, spreads, SPACING_MM, settings)

    values, reference = ours(), theirs()  # compiles, and warms both up
    known = ~np.isnan(reference)
    difference = np.abs(values - reference)[known] / np.maximum(np.abs(reference[known]), 1e-3)
    seconds = np.array([(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)])
    fast, slow = np.median(seconds, axis=0)
    measured = int(known.any(axis=1).sum())
    print(
        f"{name:24} {len(made)} regions of {made.pixel_counts().mean():.0f} pixels: "
        f"{1e3 * fast / len(made):.3f} ms against {1e3 * slow / measured:.2f} ms of CPU each, "
        f"ratio {slow / measured / (fast / len(made)):.0f}; "
        f"peak {peak_megabytes(ours):.1f} against {peak_megabytes(theirs):.1f} MB; "
        f"largest relative difference {difference.max():.1e} (of values above 0.001)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pixels, labels = simulated_specks(count=420, shape=(2400, 1800))
    table = table_of(labels)
    table = table[table["area_mm2"] > 1.5 * SPACING_MM[0] * SPACING_MM[1]][:300]
    ids = table["id"].to_numpy(np.int64)
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)

    def foreground() -> Regions:
        return calcification_regions(labels, ids, boxes)

    def background() -> Regions:
        return surrounding_regions(labels, ids, boxes, SPACING_MM, 1.75)

    for title, settings in (
        ("pyradiomics' defaults", FeatureSettings.pyradiomics_defaults()),
        ("Microcalc's defaults", FeatureSettings()),
    ):
        print(title)
        compare("  calcifications", pixels, foreground, settings, arguments.rounds)
        compare("  surroundings", pixels, background, settings, arguments.rounds)
    seconds = [
        cpu_seconds(lambda: calcification_features(pixels, labels, table, SPACING_MM).to_numpy())
        for _ in range(arguments.rounds)
    ]
    print(f"calcification_features, all 217 features of {len(table)} calcifications: {np.median(seconds):.3f} s of CPU")


if __name__ == "__main__":
    main()
