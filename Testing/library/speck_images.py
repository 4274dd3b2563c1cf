"""Small mammogram-like images with specks at known places, for tests of the segmentation stages."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.reading import Mammogram

FINE_MM = 0.025  # the grid that images are drawn on before they are averaged to a pixel size


@lru_cache
def speck_image(
    pixel_mm: float, side_mm: float = 30.0, contrast: float = 60.0, seed: int = 0, specks: int = 40
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Tissue texture with round specks of 0.2 to 0.5 mm, averaged to the pixel size; white noise of SD 4 at 0.07 mm.

    Returns
    -------
    pixels : float32 array, positions_mm : (specks, 2) array of (y, x) from the corner, diameters_mm : (specks,) array
    """
    rng = np.random.default_rng(seed)
    fine = round(side_mm / FINE_MM)
    image = 500 + ndimage.zoom(rng.normal(0, 30, (16, 16)), fine / 16, order=3)[:fine, :fine]
    places = np.stack(np.meshgrid(*[np.linspace(3, side_mm - 3, 8)] * 2, indexing="ij"), -1).reshape(-1, 2)
    positions = places[rng.choice(len(places), specks, replace=False)] + rng.uniform(-0.5, 0.5, (specks, 2))
    diameters = rng.uniform(0.2, 0.5, specks)
    drawn = np.zeros((fine, fine))
    for (y, x), diameter in zip(positions / FINE_MM, diameters / FINE_MM, strict=True):
        top, left = int(y - diameter), int(x - diameter)
        row, column = np.ogrid[top : top + int(2 * diameter) + 2, left : left + int(2 * diameter) + 2]
        disk = np.hypot(row + 0.5 - y, column + 0.5 - x) <= diameter / 2
        drawn[top : top + disk.shape[0], left : left + disk.shape[1]][disk] = contrast
    image += ndimage.gaussian_filter(drawn, 0.06 / FINE_MM)
    count = round(side_mm / pixel_mm)
    edges = np.linspace(0, fine, count + 1).round().astype(int)
    sums = np.add.reduceat(np.add.reduceat(image, edges[:-1], 0), edges[:-1], 1)
    pixels = sums / (np.diff(edges)[:, None] * np.diff(edges)[None])
    pixels += rng.normal(0, 4 * 0.07 / pixel_mm, pixels.shape)
    return pixels.astype(np.float32), positions, diameters


def breast_with_specks(
    seed: int = 0, specks: int = 40, contrast: float = 120.0
) -> tuple[Mammogram, NDArray[np.float64]]:
    """A mammogram of 60 × 45 mm: a half-ellipse of tissue at the left, specks in a part of it."""
    texture, positions, _ = speck_image(0.07, seed=seed, specks=specks, contrast=contrast)
    pixels = np.full((860, 640), 10, np.float32)
    row, column = np.ogrid[:860, :640]
    breast = ((row - 430) / 400) ** 2 + (column / 560) ** 2 < 1
    pixels[breast] = 500 + np.random.default_rng(seed).normal(0, 4, int(breast.sum()))
    pixels[216 : 216 + texture.shape[0], 40 : 40 + texture.shape[1]] = texture
    pixels[~breast] = 10
    return Mammogram(pixels, (0.07, 0.07), laterality="L", view="CC"), positions + np.array((216 * 0.07, 40 * 0.07))


def speck_example(seed, patient):
    """Noise with bright disks, and the places of both, as the speck regressor learns from them (needs PyTorch)."""
    from MicrocalcAILib.networks.image import Grid
    from MicrocalcAILib.training.regressor import RegressorExample, RegressorTraining, nearness

    rng = np.random.default_rng(seed)
    contrast = rng.normal(0, 0.7, (160, 160)).astype(np.float32)
    places = rng.integers(20, 140, (12, 2))
    labels = np.zeros(contrast.shape, np.int32)
    for number, (row, column) in enumerate(places):
        contrast[row - 2 : row + 3, column - 2 : column + 3] += 3
        labels[row - 2 : row + 3, column - 2 : column + 3] = number + 1
    target = nearness(labels, Grid(contrast, 0.07, (0, 160, 0, 160), (1.0, 1.0)), (0.07, 0.07), RegressorTraining())
    return RegressorExample(
        contrast.astype(np.float16),
        np.rint(100 * target).astype(np.int8),
        places.astype(np.int32),
        rng.integers(20, 140, (30, 2)).astype(np.int32),
        patient,
    )
