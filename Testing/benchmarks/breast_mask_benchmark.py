"""How well and how fast the breast and the pectoral muscle are found, on simulated mammograms with exact truth.

Run from the root of the repository: ``python Testing/benchmarks/breast_mask_benchmark.py [--images 20]``
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "MicrocalcAI"))

from MicrocalcAILib.phantom.power_law import BreastParameters, power_law_background
from MicrocalcAILib.segmentation.breast import find_breast


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float(np.count_nonzero(one & other) / max(1, int(np.count_nonzero(one | other))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20, help="simulated mammograms per view")
    parser.add_argument("--spacing-mm", type=float, default=0.07)
    arguments = parser.parse_args()
    for view, named in (("CC", True), ("CC", False), ("MLO", True), ("MLO", False)):
        breast, muscle, seconds, found = [], [], [], 0
        for seed in range(arguments.images):
            background = power_law_background(seed, BreastParameters(view=view, spacing_mm=arguments.spacing_mm))
            mammogram = background.mammogram if named else replace(background.mammogram, view=None)
            start = time.process_time()
            region = find_breast(mammogram)
            seconds.append(time.process_time() - start)
            breast.append(overlap(region.mask, background.breast))
            if region.pectoral_muscle is not None:
                found += 1
                if background.excluded is not None:
                    muscle.append(overlap(region.pectoral_muscle, background.excluded & background.breast))
        tracemalloc.start()
        find_breast(mammogram)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        print(
            f"{view}, view {'known' if named else 'unknown'}: {arguments.images} images of {mammogram.pixels.shape}; "
            f"breast overlap median {np.median(breast):.4f}, least {np.min(breast):.4f}; muscle in {found}"
            + (f", overlap median {np.median(muscle):.3f}, least {np.min(muscle):.3f}" if muscle else "")
            + f"; {np.median(seconds):.3f} s CPU, {peak:.0f} MiB added at the peak"
        )


if __name__ == "__main__":
    main()
