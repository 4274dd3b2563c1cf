"""Candidate stage against the same formulas written with scikit-image, alternating on one simulated mammogram.

    PYTHONPATH=MicrocalcAI:Testing python Testing/benchmarks/candidates_benchmark.py

prints CPU seconds of each run, their ratio, the memory each adds over the loaded image, and the Dice coefficient of the
pixels found. Both get the breast's bounding box; both use one thread.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.segmentation.candidates import find_candidates
from references.candidates import dice, with_scikit_image

SHAPE, SPACING_MM, RUNS = (3328, 4084), (0.07, 0.07), 3


def mammogram() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Smooth tissue, noise and 250 specks in a half-ellipse of 40 % of the frame, 16-bit grey values."""
    rng = np.random.default_rng(3)
    row, column = np.ogrid[: SHAPE[0], : SHAPE[1]]
    mask = ((row - 1664) / 1600) ** 2 + (column / 2000) ** 2 < 1
    tissue = sum(
        ndimage.zoom(rng.normal(size=(SHAPE[0] // step + 2, SHAPE[1] // step + 2)), step, order=1)[
            : SHAPE[0], : SHAPE[1]
        ]
        * step**1.5
        for step in (8, 32, 128)
    )
    image = np.where(mask, 20000 + 3 * tissue, 500).astype(np.float32)
    specks = np.zeros(SHAPE, np.float32)
    inside = np.argwhere(mask[50:-50:7, 50:-50:7]) * 7 + 50
    for r, c in inside[rng.choice(len(inside), 250, replace=False)]:
        size = rng.integers(1, 5)
        specks[r : r + size, c : c + size] = rng.uniform(1500, 6000)
    image += ndimage.gaussian_filter(specks, 0.8)
    image += rng.normal(0, 300, SHAPE).astype(np.float32)
    return np.clip(np.rint(image), 0, 65535).astype(np.float32), mask


def added_megabytes(which: str) -> float:
    """Peak memory that one run adds over the loaded image, in a process of its own."""
    output = subprocess.run([sys.executable, __file__, which], check=True, capture_output=True, text=True)
    return float(output.stdout)


def _measure_memory(which: str) -> None:
    pixels, mask = mammogram()
    stage = find_candidates if which == "ours" else with_scikit_image
    small = (slice(1500, 1800), slice(0, 300))
    stage(pixels[small].copy(), mask[small].copy(), SPACING_MM, CandidateParameters())  # imports, compiled code
    ballast = np.ones(int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - _resident_bytes()), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stage(pixels, mask, SPACING_MM, CandidateParameters())
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, flush=True)
    del ballast


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * resource.getpagesize()


def main() -> None:
    pixels, mask = mammogram()
    parameters = CandidateParameters()
    find_candidates(pixels, mask, SPACING_MM, parameters)  # compile
    times: dict[str, list[float]] = {"ours": [], "scikit-image": []}
    for run in range(RUNS):
        start = time.process_time()
        ours = find_candidates(pixels, mask, SPACING_MM, parameters)
        times["ours"].append(time.process_time() - start)
        start = time.process_time()
        theirs = with_scikit_image(pixels, mask, SPACING_MM, parameters)
        times["scikit-image"].append(time.process_time() - start)
        print(f"run {run + 1}: ours {times['ours'][-1]:.3f} s, scikit-image {times['scikit-image'][-1]:.2f} s CPU")
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"median: ours {medians['ours']:.3f} s, scikit-image {medians['scikit-image']:.2f} s CPU")
    print(f"ratio: {medians['scikit-image'] / medians['ours']:.1f} times less CPU")
    print(f"candidates: ours {len(ours)}, scikit-image {len(theirs)}; Dice of their pixels {dice(ours, theirs):.4f}")
    print(f"memory added: ours {added_megabytes('ours'):.0f} MB, scikit-image {added_megabytes('scikit-image'):.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _measure_memory(sys.argv[1])
    else:
        main()
