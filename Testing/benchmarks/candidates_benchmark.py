"""Candidate stage against the same formulas written with scikit-image, alternating on one simulated mammogram.

    PYTHONPATH=MicrocalcAI:Testing python Testing/benchmarks/candidates_benchmark.py

prints CPU seconds of each run, their ratio, the memory each adds over the loaded image, and the Dice coefficient of the
pixels found. Both get the breast's bounding box; both use one thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.turns import in_turns
from MicrocalcAILib.base.parameters import CandidateParameters
from MicrocalcAILib.segmentation.candidates import find_candidates
from references.candidates import dice, with_scikit_image

SHAPE, SPACING_MM = (3328, 4084), (0.07, 0.07)


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


def main() -> None:
    pixels, mask = mammogram()
    parameters = CandidateParameters()
    costs = in_turns(
        {
            "ours": lambda: find_candidates(pixels, mask, SPACING_MM, parameters),
            "scikit-image": lambda: with_scikit_image(pixels, mask, SPACING_MM, parameters),
        }
    )
    ours, theirs = costs["ours"], costs["scikit-image"]
    print(f"median: ours {ours.cpu_seconds:.3f} s, scikit-image {theirs.cpu_seconds:.2f} s CPU")
    print(f"ratio: {theirs.cpu_seconds / ours.cpu_seconds:.1f} times less CPU")
    print(f"candidates: ours {len(ours.result)}, scikit-image {len(theirs.result)}")
    print(f"Dice of their pixels {dice(ours.result, theirs.result):.4f}")
    print(f"memory added: ours {ours.added_mb:.0f} MB, scikit-image {theirs.added_mb:.0f} MB")


if __name__ == "__main__":
    main()
