"""Soft tissue that shines behind a cluster: the haze of a cloud, the strand that specks lie on.

It carries no label: what shines is not calcified, or too fine to be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_REACH = 3  # standard deviations


@dataclass(frozen=True)
class Glow:
    """A patch of the image that is brighter.

    Parameters
    ----------
    row, column : int
        Where the patch's first pixel lies in the image; may be outside.
    signal : float32 array
        Greatest value 1.
    share : float
        Its greatest brightness over that of the cluster's specks.
    """

    row: int
    column: int
    signal: NDArray[np.float32]
    share: float


def haze(rng: Generator, points: NDArray[np.float64], spacing_mm: float) -> Glow:
    """A haze as dense as the specks at ``points`` (row, column; pixels) are."""
    return _glow(points, rng.uniform(0.4, 1.2) / spacing_mm, rng.uniform(0.1, 0.7))


def strand(rng: Generator, points: NDArray[np.float64], spacing_mm: float) -> Glow:
    """A strand of soft tissue through specks that lie along a line."""
    center = points.mean(axis=0)
    axis = np.linalg.eigh(np.cov((points - center).T))[1][:, 1]
    reach = 1.2 * float(np.abs((points - center) @ axis).max())
    line = center + np.arange(-reach, reach, 0.5)[:, None] * axis
    return _glow(line, rng.uniform(0.15, 0.5) / spacing_mm, rng.uniform(0.2, 0.8))


def _glow(points: NDArray[np.float64], sigma: float, share: float) -> Glow:
    """Points blurred by a Gaussian of ``sigma`` pixels."""
    margin = int(np.ceil(_REACH * sigma)) + 1
    first = np.floor(points.min(axis=0)).astype(int) - margin
    signal = np.zeros(np.ceil(points.max(axis=0)).astype(int) + margin + 1 - first, np.float32)
    np.add.at(signal, tuple(np.rint(points - first).astype(int).T), 1)
    signal = gaussian_filter(signal, sigma, mode="constant", truncate=_REACH)
    return Glow(int(first[0]), int(first[1]), signal / signal.max(), share)
