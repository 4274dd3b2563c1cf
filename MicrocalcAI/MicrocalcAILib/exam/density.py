"""Breast density: the share of the breast's area that is dense, and the category a share usually goes with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .coarse import CoarseBreast

METHOD = (
    "Area-based: inside the skin and outside the pectoral muscle, gray values are freed of the thinner rim; what lies "
    "above fat by more than 40 % of the range from fat (the layer under the skin) to the brightest tissue is dense. "
    "The limits of the categories were set on 16 sample images. It depends on the image processing, and is no volume; "
    "scanned films are not measured."
)
SCANNED = {"film", "secondary-capture"}
"""Kinds of image whose gray curve is not the one that the limits were set on."""
SKIN_MM, FAT_LAYER_MM, RIM_MM = 4.0, 12.0, 20.0
DENSE_FROM = 0.4
"""Of the range from fat to the brightest tissue."""
CATEGORIES = (("A", 9.0), ("B", 16.0), ("C", 22.0), ("D", 100.0))
"""Category and the highest percent density that goes with it."""


@dataclass(frozen=True)
class Density:
    """Density of a breast in one view.

    Parameters
    ----------
    percent : float
        Dense area over the area measured.
    category : {"A", "B", "C", "D"}
    """

    percent: float
    category: str

    @classmethod
    def of(cls, percent: float) -> Density:
        """With the category that a share goes with."""
        return cls(percent, next(name for name, most in CATEGORIES if percent <= most))

    @property
    def is_dense(self) -> bool:
        """Category C or D: calcifications and masses hide more easily."""
        return self.category in "CD"


def density_of(breast: CoarseBreast) -> Density | None:
    """Percent density; None where too little of the breast can be measured, or it has no structure."""
    measured = breast.mask & ~breast.muscle & (breast.skin_mm > SKIN_MM)
    measured = ndimage.binary_erosion(measured, iterations=max(1, round(1.0 / breast.cell_mm[0])))
    if np.count_nonzero(measured) * breast.cell_mm[0] * breast.cell_mm[1] < 500:
        return None
    flat = _without_rim(breast, measured)[measured]
    layer = breast.pixels[measured & (breast.skin_mm < FAT_LAYER_MM)]
    fat, brightest = np.percentile(layer if len(layer) else flat, 40), np.percentile(flat, 99.5)
    if not brightest > fat:
        return None
    threshold = fat + DENSE_FROM * (brightest - fat)
    return Density.of(100 * float(np.mean(flat > threshold)))


def _without_rim(breast: CoarseBreast, measured: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Gray values with the fat at every depth brought to the level of the fat far from the skin."""
    depth = np.minimum(breast.skin_mm, RIM_MM).astype(int)
    deepest = int(depth[measured].max())
    fat = np.array(
        [
            np.percentile(values, 15) if len(values := breast.pixels[measured & (depth == level)]) > 20 else np.nan
            for level in range(deepest + 1)
        ]
    )
    known = np.flatnonzero(~np.isnan(fat))
    level = np.interp(np.arange(deepest + 1), known, np.maximum.accumulate(fat[known]))
    found: NDArray[np.float32] = breast.pixels + (level[-1] - level)[np.minimum(depth, deepest)].astype(np.float32)
    return found
