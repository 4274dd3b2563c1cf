"""Sizes of regions, and the ratio of a lesion's size on the elastogram to its size on B-mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SizeRatio:
    """Size of a lesion on the elastogram / its size on the B-mode image.

    Parameters
    ----------
    length : float
        Ratio of the longest diameters.
    area : float
        Ratio of the areas.
    elastogram_length_mm, b_mode_length_mm, elastogram_area_mm2, b_mode_area_mm2 : float
    """

    length: float
    area: float
    elastogram_length_mm: float
    b_mode_length_mm: float
    elastogram_area_mm2: float
    b_mode_area_mm2: float


def size_ratio(
    on_elastogram: NDArray[np.bool_], on_b_mode: NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> SizeRatio:
    """Compare two outlines of the same lesion, neither empty."""
    lengths = [longest_diameter_mm(mask, spacing_mm) for mask in (on_elastogram, on_b_mode)]
    areas = [float(np.count_nonzero(mask)) * spacing_mm[0] * spacing_mm[1] for mask in (on_elastogram, on_b_mode)]
    return SizeRatio(lengths[0] / lengths[1], areas[0] / areas[1], *lengths, *areas)


def longest_diameter_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> float:
    """Largest distance between two points of a region, pixel edges included, in mm; 0 for an empty one."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return 0.0
    # Only the outermost pixels of each row can be corners of the hull, and of these their outer corners.
    part = mask[rows]
    left, right = part.argmax(axis=1), part.shape[1] - part[:, ::-1].argmax(axis=1)
    corners = np.concatenate([np.stack([rows + down, ends], axis=1) for ends in (left, right) for down in (0, 1)])
    points = corners * spacing_mm
    return float(pdist(points[ConvexHull(points).vertices]).max())
