"""The detection heatmap of a full mammogram: batches against one patch after the other, alternating in the same run.

    PYTHONPATH=MicrocalcAI:Testing python Testing/benchmarks/heatmap_benchmark.py

prints CPU seconds of each run, their ratio, how far the probabilities differ, and the memory each adds over the loaded
image. One by one is what a script does that cuts a patch, runs the network and goes on: float32, the usual memory
layout. Both use the bundled network, the same patches of the breast, and one thread.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.candidates_benchmark import SPACING_MM, mammogram
from benchmarks.turns import added_mb
from MicrocalcAILib.networks.heatmap_inference import patch_heatmap, seen_image
from MicrocalcAILib.networks.judged_patches import cut
from MicrocalcAILib.networks.patch_networks import Architecture, PatchModel
from MicrocalcAILib.networks.runtime import Runtime
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import BreastRegion

RUNS = 3


def batches(image: Mammogram, breast: BreastRegion, model: PatchModel) -> NDArray[np.float32]:
    """The library's way, everything included."""
    heatmap, _ = patch_heatmap(image, breast, model)
    return heatmap.probabilities


def one_by_one(image: Mammogram, breast: BreastRegion, model: PatchModel) -> NDArray[np.float32]:
    """A patch, the network, the next patch."""
    view = seen_image(image.pixels, breast.mask, image.spacing_mm, model.input)
    side = model.input.side
    shape = [-(-length // side) for length in view.inside.shape]
    found = np.full(shape, np.nan, np.float32)
    network = Architecture(**model.card["architecture"]).build().eval()
    network.load_state_dict(model.network.state_dict())
    for row, column in np.ndindex(*shape):
        if cut(view.inside, row * side, column * side, (side, side)).mean() >= 0.05:
            patch = cut(view.grid.values, row * side, column * side, (side, side))
            with torch.no_grad():
                found[row, column] = network(torch.from_numpy(patch)[None, None]).softmax(dim=1)[0, 1]
    return found


WAYS = {"batches": batches, "one by one": one_by_one}


def loaded() -> tuple[Mammogram, BreastRegion, PatchModel]:
    """The benchmark's mammogram, its breast, and the bundled network."""
    pixels, mask = mammogram()
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    area_cm2 = float(mask.sum()) * SPACING_MM[0] * SPACING_MM[1] / 100
    return (
        Mammogram(pixels, SPACING_MM),
        BreastRegion(mask, box, "left", None, area_cm2),
        PatchModel.load("PatchDetection"),
    )


def compare(title: str, image: Mammogram, breast: BreastRegion, model: PatchModel) -> None:
    """Time both ways in turn and print what they cost."""
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    found: dict[str, NDArray[np.float32]] = {}
    before = []  # resampling and local contrast, the same for both
    for run in range(RUNS):
        start = time.process_time()
        seen_image(image.pixels, breast.mask, image.spacing_mm, model.input)
        before.append(time.process_time() - start)
        for way, function in WAYS.items():
            start = time.process_time()
            found[way] = function(image, breast, model)
            times[way].append(time.process_time() - start)
        print(f"run {run + 1}: " + ", ".join(f"{way} {values[-1]:.2f} s" for way, values in times.items()) + " CPU")
    whole = {way: statistics.median(values) for way, values in times.items()}
    shared = statistics.median(before)
    network = {way: whole[way] - shared for way in WAYS}
    patches = int(np.isfinite(found["batches"]).sum())
    difference = np.nanmax(np.abs(found["batches"] - found["one by one"]))
    print(f"{title}: heatmap {whole['batches']:.2f} s CPU, of which {shared:.2f} s before the network")
    each = ", ".join(f"{way} {1000 * seconds / patches:.2f} ms per patch" for way, seconds in network.items())
    print(f"{title}: {each}, {patches} patches; probabilities differ by at most {difference:.4f}")
    print(f"{title}: ratio of the network's part {network['one by one'] / network['batches']:.1f}")


def main() -> None:
    torch.set_num_threads(1)
    image, breast, model = loaded()
    print(f"{image.pixels.shape} pixels, {Runtime.choose()}")
    compare("bundled AlexNet", image, breast, model)
    original = PatchModel({**model.card, "architecture": asdict(Architecture())}, Architecture().build().eval())
    compare("AlexNet of the original size (fresh weights)", image, breast, original)
    for way in WAYS:
        added = added_mb(partial(WAYS[way], image, breast, model))
        print(f"memory added with the bundled AlexNet, {way}: {added:.0f} MB")


if __name__ == "__main__":
    main()
