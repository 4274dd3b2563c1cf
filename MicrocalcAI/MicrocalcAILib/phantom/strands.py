"""Ligaments, ducts and vessels of a simulated breast: thin bent lines of soft tissue."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from . import exposure
from .backgrounds import COARSE

# width (mm), how many, range of lengths (mm): fine septa seen on edge, ligaments, ducts, vessels
_STRANDS = ((0.2, 500, (4, 22)), (0.4, 220, (8, 35)), (0.9, 40, (10, 45)), (1.8, 6, (30, 80)))
_AREA_CM2 = 150.0  # the breast these numbers are for


def strands_mm(
    rng: Generator,
    breast: NDArray[np.bool_],
    nipple_mm: tuple[float, float],
    shape: tuple[int, int],
    spacing_mm: float,
) -> NDArray[np.float32]:
    """Thickness (mm) of soft tissue in strands, on a grid of ``shape``.

    Parameters
    ----------
    breast : bool array
        Where strands may lie, on the grid of every fourth pixel.
    nipple_mm : (float, float)
        (y, x); strands tend to run toward it.
    """
    total = exposure.stretched(_web(rng, (-(-shape[0] // 2), -(-shape[1] // 2)), 2 * spacing_mm), 2, shape)
    inside = np.argwhere(breast)
    area_cm2 = len(inside) * (COARSE * spacing_mm) ** 2 / 100
    for width_mm, count, length_mm in _STRANDS:
        line = np.zeros(shape, np.float32)
        sigma = width_mm / 2.5 / spacing_mm  # pixels
        for _ in range(round(count * area_cm2 / _AREA_CM2)):
            start_mm = inside[rng.integers(len(inside))] * COARSE * spacing_mm
            rows, columns, along = _bent_line(rng, start_mm, nipple_mm, rng.uniform(*length_mm), spacing_mm)
            keep = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
            # seen on edge a strand is thicker than wide; so weighted that the blurred line has this thickness
            thickness_mm = (0.8 + width_mm) * rng.uniform(0.3, 1.3)
            weight = thickness_mm * np.sqrt(2 * np.pi) * sigma / 1.5 * np.cos(np.pi * along) ** 0.5
            np.add.at(line, (rows[keep], columns[keep]), weight[keep].astype(np.float32))
        total += gaussian_filter(line, sigma, truncate=3)
    return total


def _web(rng: Generator, shape: tuple[int, int], pitch_mm: float) -> NDArray[np.float32]:
    """Thickness (mm) of septa seen on edge: the zero lines of smooth random fields, drawn out toward the nipple."""
    total = np.zeros(shape, np.float32)
    for width_mm, longest_mm, height_mm in ((0.25, 4.0, 1.5), (0.4, 8.0, 1.5)):
        field = exposure.power_law_texture(rng, shape, pitch_mm, 6.0, longest_mm, stretch=rng.uniform(1.5, 3.0))
        slope = np.hypot(*np.gradient(field, pitch_mm)) + 0.05
        presence = np.clip(0.2 + 0.5 * exposure.power_law_texture(rng, shape, pitch_mm, 4.0, longest_mm), 0, 1.5)
        total += height_mm * presence * np.exp(-((field / slope / (0.5 * width_mm)) ** 2))
    return total


def _bent_line(
    rng: Generator, start_mm: NDArray[np.float64], nipple_mm: tuple[float, float], length_mm: float, spacing_mm: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Pixels (rows, columns) of a line that tends to run toward the nipple, and the place along it (−0.5 to 0.5)."""
    heading = np.arctan2(nipple_mm[0] - start_mm[0], nipple_mm[1] - start_mm[1]) + rng.normal(0, 0.8)
    steps = max(int(1.5 * length_mm / spacing_mm), 2)
    along = np.linspace(-0.5, 0.5, steps)
    turned = heading + rng.normal(0, 0.4) * along + rng.normal(0, 0.12) * np.sin(2 * np.pi * along * rng.uniform(1, 3))
    path = np.cumsum([np.sin(turned), np.cos(turned)], axis=1) * length_mm / steps + start_mm[:, None]
    rows, columns = np.rint(path / spacing_mm).astype(np.intp)
    return rows, columns, along
