"""A breast on a grid of about 0.4 mm: all that an exam needs of an image beside its findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion, edge_distance

GRID_MM = 0.4


@dataclass(frozen=True)
class CoarseBreast:
    """The breast of one image, reduced. Positions are (y, x) in mm from the center of the image's pixel (0, 0).

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Means of the image's pixels.
    mask, muscle : bool arrays of the same shape
        Breast, and the part of it that is pectoral muscle.
    skin_mm : float32 array of the same shape
        Distance to the skin line, 0 outside; image borders are no skin.
    cell_mm : (float, float)
        Row and column spacing of the grid.
    first_mm : (float, float)
        Position of the center of cell (0, 0).
    chest_wall_side : {"left", "right"} or None
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    muscle: NDArray[np.bool_]
    skin_mm: NDArray[np.float32]
    cell_mm: tuple[float, float]
    first_mm: tuple[float, float]
    chest_wall_side: str | None

    def cells(self, positions_mm: NDArray[np.float64]) -> NDArray[np.intp]:
        """Row and column of the cells that hold positions, shape (…, 2), moved to the border where they lie outside."""
        found = np.rint((np.asarray(positions_mm, float) - self.first_mm) / self.cell_mm).astype(np.intp)
        return np.clip(found, 0, np.array(self.mask.shape) - 1)

    def positions_mm(self, cells: NDArray) -> NDArray[np.float64]:
        """Positions of the centers of cells, shape (…, 2)."""
        return np.asarray(cells, float) * self.cell_mm + self.first_mm

    def mirrored(self) -> CoarseBreast:
        """The same with left and right exchanged; its positions count from the other side of the grid."""
        sides = {"left": "right", "right": "left"}
        pixels, mask, muscle, skin_mm = self.pixels, self.mask, self.muscle, self.skin_mm
        return CoarseBreast(
            np.ascontiguousarray(pixels[:, ::-1]),
            np.ascontiguousarray(mask[:, ::-1]),
            np.ascontiguousarray(muscle[:, ::-1]),
            np.ascontiguousarray(skin_mm[:, ::-1]),
            self.cell_mm,
            self.first_mm,
            sides.get(self.chest_wall_side or ""),
        )


def coarse_breast(mammogram: Mammogram, region: BreastRegion) -> CoarseBreast:
    """Reduce a mammogram and its breast to the grid."""
    skin = edge_distance(region, mammogram.spacing_mm, GRID_MM)
    steps = skin.steps
    starts = tuple(step // 2 for step in steps)
    inner = np.s_[starts[0] :: steps[0], starts[1] :: steps[1]]
    mask = region.mask[inner].copy()
    rows, columns = mask.shape
    reduced = np.asarray(Image.fromarray(mammogram.pixels).reduce((steps[1], steps[0])), np.float32)
    muscle = np.zeros_like(mask) if region.pectoral_muscle is None else region.pectoral_muscle[inner].copy()
    cell_mm = (steps[0] * mammogram.spacing_mm[0], steps[1] * mammogram.spacing_mm[1])
    first_mm = (
        (steps[0] - 1) / 2 * mammogram.spacing_mm[0],
        (steps[1] - 1) / 2 * mammogram.spacing_mm[1],
    )
    return CoarseBreast(
        reduced[:rows, :columns],
        mask,
        muscle,
        skin.grid_mm[:rows, :columns],
        cell_mm,
        first_mm,
        region.chest_wall_side,
    )
