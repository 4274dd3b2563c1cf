"""A small compressed breast with VICTRE's tissue labels, of simple shapes, and its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

VOXEL_MM = 0.5


def labeled_breast() -> NDArray[np.uint8]:
    """Labels: height 36 mm between paddles, 100 mm medial to lateral, 62 mm chest wall to nipple; gland on one side."""
    z, y, x = np.meshgrid(*(np.arange(0, length, VOXEL_MM) for length in (36, 100, 62)), indexing="ij")
    breast = ((y - 50) / 45) ** 2 + x / 55 + ((z - 18) / 16) ** 4 < 1
    labels = np.where(breast, 1, 0)
    inside = ndimage.binary_erosion(np.pad(breast, ((0, 0), (0, 0), (3, 0)), mode="edge"), iterations=3)[:, :, 3:]
    labels[breast & ~inside] = 2
    labels[((y - 65) / 15) ** 2 + ((x - 28) / 12) ** 2 + ((z - 18) / 9) ** 2 < 1] = 29
    labels[(np.abs(y - 50) < 0.5) & (x < 50) & (np.abs(z - 18) < 0.5)] = 125
    labels[((y - 50) ** 2 + (z - 18) ** 2 < 16) & (x > 48) & (x < 58)] = 33
    labels[np.abs(z - 18) > 17] = 50
    return labels.astype(np.uint8)


def written_breast(folder: Path, labels: NDArray[np.uint8] | None = None, spacing: float = VOXEL_MM) -> Path:
    """A MetaImage header with its voxels beside it, as VICTRE writes them."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(labeled_breast() if labels is None else labels)
    image.SetSpacing((VOXEL_MM, VOXEL_MM, spacing))
    sitk.WriteImage(image, str(folder / "pc_7_crop.mhd"))
    return folder / "pc_7_crop.mhd"
