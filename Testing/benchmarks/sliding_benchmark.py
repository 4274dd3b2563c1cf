"""The detection network slid over an image against patches cut out of it, alternating on the same images.

    PYTHONPATH=MicrocalcAI python Testing/benchmarks/sliding_benchmark.py [FOLDER]

takes the simulated images of ``make figures`` (``out/held-out``) and prints for each the CPU seconds of both ways at
patches every 2.24 mm (one thread), how their probabilities go together, and the area under the curve of each: does a
patch hold a true calcification?
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from MicrocalcAILib.base.volumes import read_label_map
from MicrocalcAILib.networks.heatmap_inference import SeenImage, patch_starts, seen_image, share_of_cells
from MicrocalcAILib.networks.judged_patches import STEP, cut, patch_probabilities, sliding_probabilities
from MicrocalcAILib.networks.patch_networks import PatchModel
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAILib.segmentation.breast import find_breast


def compare(name: str, folder: Path, model: PatchModel) -> tuple[float, ...]:
    """Seconds of both ways, correlation, and both areas of one image; printed, too."""
    mammogram = read_mammogram(folder / "nrrd" / f"{name}.nrrd")
    image = seen_image(mammogram.pixels, find_breast(mammogram).mask, mammogram.spacing_mm, model.input)
    side, runtime = model.input.side, Runtime("cpu")
    starts = [patch_starts(length, side, STEP) for length in image.inside.shape]
    cells = share_of_cells(image.inside, starts, side, STEP) >= 0.05
    rows, columns = np.nonzero(cells)
    corners = np.column_stack((starts[0][rows], starts[1][columns]))

    start = time.process_time()
    alone = patch_probabilities(image.grid.values, corners, model, runtime)
    middle = time.process_time()
    slid = sliding_probabilities(image.grid.values, corners, model, runtime)
    seconds = middle - start, time.process_time() - middle

    true = calcifications(read_label_map(folder / "truth" / name / "labels.nrrd"), image)
    holds = np.array([cut(true, row, column, (side, side)).any() for row, column in corners])
    areas = roc_auc_score(holds, alone), roc_auc_score(holds, slid)
    correlation = float(np.corrcoef(alone, slid)[0, 1])
    print(
        f"{name}: {len(corners)} patches, cut out {seconds[0]:.2f} s, slid {seconds[1]:.2f} s CPU, "
        f"ratio {seconds[0] / seconds[1]:.1f}; r {correlation:.2f}; area {areas[0]:.3f} cut out, {areas[1]:.3f} slid",
        flush=True,
    )
    return *seconds, correlation, *areas


def calcifications(labels: np.ndarray, image: SeenImage) -> np.ndarray:
    """Pixels of calcifications on the grid that the network sees."""
    true = np.zeros(image.inside.shape, bool)
    true[image.grid.at(*np.nonzero(labels))] = True
    return true


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/held-out")
    names = sorted(path.stem for path in (folder / "nrrd").glob("*.nrrd"))
    if not names:
        print(f"“{folder}” holds no simulated images; run “make figures” first.")
        return
    model = PatchModel.load("PatchDetection")
    results = np.array([compare(name, folder, model) for name in names])
    cut_out, slid, correlation, *areas = results.mean(axis=0)
    print(
        f"mean of {len(names)} images: cut out {cut_out:.2f} s, slid {slid:.2f} s CPU, ratio {cut_out / slid:.1f}; "
        f"r {correlation:.2f}; area {areas[0]:.3f} cut out, {areas[1]:.3f} slid; higher slid in "
        f"{int((results[:, 4] > results[:, 3]).sum())}"
    )


if __name__ == "__main__":
    main()
