"""Radiomics of 300 calcifications and their surroundings: our engine and pyradiomics, in turns, in one run.

Both engines describe the same regions. pyradiomics gets a crop around each and no provenance (``additionalInfo``), its
fastest ordinary use; on whole images it is some hundred times slower still. CPU seconds of the process, median of the
rounds; memory is what a run adds. The largest difference between the values is printed too.

Run from the root of the repository: ``python Testing/benchmarks/radiomics_benchmark.py [--rounds 3]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "MicrocalcAI"), str(ROOT / "Testing")]

from benchmarks.turns import in_turns  # noqa: E402
from library.features_examples import SPACING_MM, simulated_specks, table_of  # noqa: E402
from MicrocalcAILib.features import FeatureSettings, calcification_features  # noqa: E402
from MicrocalcAILib.features.intensities import center_and_spread  # noqa: E402
from MicrocalcAILib.features.radiomics import pyradiomics_features, radiomics_features  # noqa: E402
from MicrocalcAILib.features.regions import Regions, calcification_regions, surrounding_regions  # noqa: E402
from MicrocalcAILib.features.shapes import Geometry  # noqa: E402

MakeRegions = Callable[[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]], Regions]
Engine = Callable[[], NDArray[np.float64]]


def specks() -> tuple[NDArray[np.float32], NDArray[np.int32], pd.DataFrame]:
    """Image, label map and table of 300 simulated calcifications."""
    pixels, labels = simulated_specks(count=420, shape=(2400, 1800))
    table = table_of(labels)
    return pixels, labels, table[table["area_mm2"] > 1.5 * SPACING_MM[0] * SPACING_MM[1]][:300]


FOREGROUND: MakeRegions = calcification_regions


def background(labels: NDArray[np.int32], ids: NDArray[np.int64], boxes: NDArray[np.int64]) -> Regions:
    """The surroundings of calcifications."""
    return surrounding_regions(labels, ids, boxes, SPACING_MM, 1.75)


def engines(
    pixels: NDArray[np.float32],
    labels: NDArray[np.int32],
    table: pd.DataFrame,
    make: MakeRegions,
    settings: FeatureSettings,
) -> tuple[Engine, Engine, Regions]:
    """Our engine, pyradiomics, and the regions that both describe."""
    ids = table["id"].to_numpy(np.int64)
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    made = make(labels, ids, boxes)
    centers, spreads = np.zeros(len(made)), np.ones(len(made))
    if settings.gray_scale == "surroundings":
        centers, spreads = center_and_spread(pixels, made)

    def ours() -> NDArray[np.float64]:
        found = make(labels, ids, boxes)  # pyradiomics is handed its masks, our engine makes them
        return radiomics_features(pixels, found, Geometry(found, SPACING_MM), centers, spreads, SPACING_MM, settings)

    def theirs() -> NDArray[np.float64]:
        return pyradiomics_features(pixels, made, centers, spreads, SPACING_MM, settings)

    return ours, theirs, made


def compare(name: str, ours: Engine, theirs: Engine, made: Regions, rounds: int) -> None:
    """Print CPU, memory and agreement of both engines on one kind of region."""
    costs = in_turns({"ours": ours, "theirs": theirs}, rounds)
    values, reference = costs["ours"].result, costs["theirs"].result
    known = ~np.isnan(reference)
    difference = np.abs(values - reference)[known] / np.maximum(np.abs(reference[known]), 1e-3)
    fast, slow = costs["ours"].cpu_seconds, costs["theirs"].cpu_seconds
    measured = int(known.any(axis=1).sum())
    print(
        f"{name:24} {len(made)} regions of {made.pixel_counts().mean():.0f} pixels: "
        f"{1e3 * fast / len(made):.3f} ms against {1e3 * slow / measured:.2f} ms of CPU each, "
        f"ratio {slow / measured / (fast / len(made)):.0f}; "
        f"added {costs['ours'].added_mb:.1f} against {costs['theirs'].added_mb:.1f} MB; "
        f"largest relative difference {difference.max():.1e} (of values above 0.001)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    pixels, labels, table = specks()
    for title, settings in (
        ("pyradiomics' defaults", FeatureSettings.pyradiomics_defaults()),
        ("Microcalc's defaults", FeatureSettings()),
    ):
        print(title)
        compare("  calcifications", *engines(pixels, labels, table, FOREGROUND, settings), rounds)
        compare("  surroundings", *engines(pixels, labels, table, background, settings), rounds)
    costs = in_turns({"all": lambda: calcification_features(pixels, labels, table, SPACING_MM)}, rounds)
    print(f"all 217 features of {len(table)} calcifications: {costs['all'].cpu_seconds:.3f} s of CPU")


if __name__ == "__main__":
    main()
