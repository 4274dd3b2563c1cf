"""Bright things that are no calcifications: defects of detector and film, vessel walls, skin folds, small masses.

They carry no label, so that whatever learns from phantoms learns to reject them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from . import shapes


@dataclass(frozen=True)
class Distractor:
    """Its shape on the pixel grid (greatest value 1) and its contrast-to-noise ratio."""

    signal: NDArray[np.float32]
    contrast_to_noise: float


def drawn_distractor(rng: Generator, spacing_mm: float, blur_sigma_mm: float) -> tuple[str, Distractor]:
    """Name and shape of one random distractor."""
    name = str(rng.choice(list(_KINDS), p=[weight for weight, _ in _KINDS.values()]))
    signal, contrast = _KINDS[name][1](rng, spacing_mm, blur_sigma_mm / spacing_mm)
    return name, Distractor((signal / np.abs(signal).max()).astype(np.float32), contrast)


_Drawing = tuple[NDArray, float]


def _hot_pixel(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    return np.ones((1, 1)), rng.choice([-1, 1, 1]) * rng.uniform(6, 40)


def _dust(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    """Grains on the screen or the film: as sharp as the pixels, a few to many, over up to 2 cm."""
    reach = int(rng.uniform(1, 10) / spacing_mm)
    grains = np.zeros((2 * reach + 1, 2 * reach + 1))
    for row, column in rng.integers(0, 2 * reach + 1, (int(rng.integers(1, 13)), 2)):
        height, width = np.maximum(rng.uniform(0.05, 0.25, 2) / spacing_mm, 1).astype(int)
        grains[row : row + height, column : column + width] = rng.uniform(0.5, 1)
    return grains, rng.uniform(4, 20)


def _dead_line(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    line = np.ones((int(rng.integers(20, 400)), 1))
    return (line if rng.random() < 0.5 else line.T), rng.choice([-1, 1]) * rng.uniform(2, 8)


def _scratch(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    length_mm = rng.uniform(3, 20)
    points, _ = shapes.path(rng, length_mm, rng.uniform(0, np.pi), 0.1, spacing_mm / 2)
    reach = int(np.abs(points).max() / spacing_mm) + 2
    line = np.zeros((2 * reach + 1, 2 * reach + 1))
    line[tuple((np.rint(points / spacing_mm).astype(int) + reach).T)] = 1
    return line, rng.uniform(3, 15)


def _vessel(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    length_mm, caliber_mm = rng.uniform(15, 40), rng.uniform(0.8, 2.5)
    points, _ = shapes.path(rng, length_mm, rng.uniform(0, np.pi), 1.0, caliber_mm / 6)
    outer = shapes.spheres(points, np.full(len(points), caliber_mm / 2), spacing_mm)
    inner = shapes.spheres(points, np.full(len(points), 0.4 * caliber_mm), spacing_mm)
    lumen = np.pad(inner, (len(outer) - len(inner)) // 2)
    return _faded(gaussian_filter(outer - 0.7 * lumen, blur_pixels), rng), rng.uniform(1.5, 4)


def _fold(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    length_mm, width_mm = rng.uniform(15, 45), rng.uniform(0.4, 1.5)
    points, _ = shapes.path(rng, length_mm, rng.uniform(0, np.pi), 0.6, width_mm / 4)
    body = shapes.spheres(points, np.full(len(points), width_mm / 2), spacing_mm)
    return _faded(gaussian_filter(body, blur_pixels + 0.2 * width_mm / spacing_mm), rng), rng.uniform(2, 5)


def _small_mass(rng: Generator, spacing_mm: float, blur_pixels: float) -> _Drawing:
    diameter_mm = rng.uniform(2.5, 8)
    body = shapes.blob(rng, diameter_mm, spacing_mm, roughness=0.12, aspect=rng.uniform(0.6, 1))
    return gaussian_filter(body, max(0.05 * diameter_mm / spacing_mm, blur_pixels)), rng.uniform(2, 6)


def _faded(signal: NDArray, rng: Generator) -> NDArray:
    """Stronger at one side than at the other, and uneven in between."""
    rows, columns = (np.linspace(-1, 1, length) for length in signal.shape)
    angle = rng.uniform(0, 2 * np.pi)
    tilt = rows[:, None] * np.sin(angle) + columns * np.cos(angle)
    return signal * np.clip(0.6 + 0.5 * tilt, 0.1, 1)


_KINDS: dict[str, tuple[float, Callable[[Generator, float, float], _Drawing]]] = {
    "hot pixel": (0.2, _hot_pixel),
    "dust": (0.1, _dust),
    "dead line": (0.05, _dead_line),
    "scratch": (0.1, _scratch),
    "vessel": (0.2, _vessel),
    "fold": (0.15, _fold),
    "small mass": (0.2, _small_mass),
}
