"""Simple pictures of a breast whose outline and muscle are known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.reading import Mammogram

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Picture:
    """A breast against the left border; gray values 0 (air) to about 200, not rounded."""

    pixels: NDArray[np.float64]
    breast: Mask
    muscle: Mask
    spacing_mm: float

    def mammogram(self, **other: object) -> Mammogram:
        return Mammogram(
            pixels=np.ascontiguousarray(self.pixels, np.float32), spacing_mm=(self.spacing_mm,) * 2, **other
        )


def picture(
    spacing_mm: float = 0.2, oblique: bool = False, noise: float = 0.5, height_mm: float = 200.0, seed: int = 3
) -> Picture:
    """An ellipse in CC; in MLO it is stretched to the upper border and carries a muscle, a wedge of 40 × 100 mm."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.arange(0, height_mm, spacing_mm), np.arange(0, 140, spacing_mm), indexing="ij")
    middle_mm = 100.0
    reach_mm = np.where(oblique & (y < middle_mm), 80 - 0.3 * (middle_mm - y), 80.0)
    down = np.where(oblique & (y < middle_mm), 0.0, (y - middle_mm) / 70)
    breast = (x / reach_mm) ** 2 + down**2 < 1
    # the image border is no skin
    depth_mm = ndimage.distance_transform_edt(np.pad(breast, 1, mode="edge"), sampling=spacing_mm)[1:-1, 1:-1]
    blobs = ndimage.zoom(rng.normal(size=(41, 29)), (y.shape[0] / 41, x.shape[1] / 29), order=3)
    tissue = 90 + 12 * blobs
    muscle = breast & (x / 40 + y / 100 < 1) & oblique
    tissue[muscle] += 50
    skin = 25 * np.exp(-(((depth_mm - 1.5) / 0.8) ** 2))
    pixels = breast * (np.minimum(1, 0.15 + depth_mm / 15) * tissue + skin) + rng.normal(0, noise, y.shape)
    return Picture(pixels, breast, muscle, spacing_mm)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)


def letters(pixels: NDArray[np.float64], row: int, column: int, stroke: int, height: int, level: float) -> Mask:
    """Burn in two letters made of thin strokes; return where."""
    where = np.zeros(pixels.shape, bool)
    for left in (column, column + height):
        where[row : row + height, left : left + stroke] = True
        where[row : row + stroke, left : left + height // 2] = True
        where[row + height - stroke : row + height, left : left + height // 2] = True
    pixels[where] = level
    return where
