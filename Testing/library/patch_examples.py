"""Small patches, images and networks for the tests of patch networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage

from MicrocalcAILib.networks.heatmap import TASKS
from MicrocalcAILib.networks.patch_networks import PatchInput
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.training.annotations import AnnotatedImage
from MicrocalcAILib.training.patches import PatchSet

SIDE = 64
ENDS = ["row_min", "row_max", "column_min", "column_max"]


def toy_patches(patients=10, per_patient=12, seed=0):
    """Noise, half of it with bright dots; of these every second is malignant and has larger dots."""
    rng = np.random.default_rng(seed)
    values, rows = [], []
    for number in range(patients * per_patient):
        shown, malignant = number % 2 == 0, number % 4 == 0
        patch = rng.normal(0, 15, (SIDE + 8, SIDE + 8))
        if shown:
            dots = np.zeros_like(patch)
            dots[tuple(rng.integers(12, SIDE - 4, (2, 12)))] = 1
            patch += 100 * ndimage.maximum_filter(dots, 7 if malignant else 3)
        values.append(np.clip(patch, -126, 126).round().astype(np.int8))
        patient = f"patient {number // per_patient}"
        outcome = float(malignant) if shown else np.nan
        rows.append((f"image of {patient}", patient, "", "real", shown, outcome, outcome, 0.0, 0.0))
    names = ["image", "patient", "split", "background", "calcifications", "malignant", "expected", "row", "column"]
    return PatchSet(np.stack(values), pd.DataFrame(rows, columns=names), PatchInput(side=SIDE), 4, {})


def annotated_image(boxes, shape=(900, 700), spacing_mm=0.07, breast_columns=500, **known):
    """Noise with a breast on the left and annotated boxes; every box is a group of its own unless told."""
    rng = np.random.default_rng(3)
    breast = np.zeros(shape, bool)
    breast[:, :breast_columns] = True
    pixels = np.where(breast, rng.normal(1000, 10, shape), 0).astype(np.float32)
    marks = pd.DataFrame(boxes, columns=ENDS, dtype=float)
    marks["row"], marks["column"] = marks[ENDS[:2]].mean(axis=1), marks[ENDS[2:]].mean(axis=1)
    for name, default in (("group", range(len(marks))), ("malignant", np.nan), ("expected", np.nan)):
        marks[name] = known.pop(name, default)
    return AnnotatedImage("image", "patient", Mammogram(pixels, (spacing_mm, spacing_mm)), breast, marks, **known)


def brightness_card(task="detection", side=32, grid_mm=0.1):
    """The card of a network that :func:`brightness_network` stands for."""
    assert task in TASKS
    seen = {"grid_mm": grid_mm, "side": side, "intensities": "local-contrast"}
    return {"name": "Brightness", "task": task, "input": seen, "sha256": {"network.safetensors": "0" * 64}}


def brightness_network():
    """The more bright pixels a patch has, the larger its probability."""
    from torch import nn, stack

    class Brightness(nn.Module):
        def forward(self, values):
            share = (values > 3).float().mean(dim=(1, 2, 3))
            return stack([0 * share, 200 * share - 4], dim=1)

    return Brightness()
