"""Displacement refined by the echoes themselves: total least squares over each window and its neighboring lines.

Where the second frame, moved back by what is known, still differs from the first, the difference is the rest of the
displacement times the slope of the echoes. Both are noisy, slope and difference, so ordinary least squares would find
too little; total least squares (as for optical flow: Weber & Malik, IJCV 1995;14:67) takes the noise of both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .displacement import Displacement, StrainParameters

_ROUNDS, _LINES = 2, 3
_LARGEST_CHANGE = 0.5  # samples in a round: half of what the correlation can tell apart
# The slope is the mean of two central differences, the difference that of two samples: standard deviations of noise.
_SLOPE_TO_DIFFERENCE = np.sqrt(0.25 / 2.0)


def refined(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    displacement: Displacement,
    spacing_mm: float,
    parameters: StrainParameters,
) -> Displacement:
    """The displacement with its part of a sample found by total least squares.

    Parameters
    ----------
    before, after : float arrays, shape (samples, lines)
        As given to `track`.
    displacement : Displacement
        From `track`, right to about a sample.
    spacing_mm : float
        Between samples.
    parameters : StrainParameters
    """
    one, other = (frame.astype(np.float64) - frame.mean() for frame in (before, after))
    size = (2 * round(parameters.window_mm / spacing_mm / 2) + 1, _LINES)
    rows = displacement.rows.astype(np.intp)
    samples = displacement.samples.astype(np.float64)
    for _ in range(_ROUNDS):
        moved = _moved_back(other, samples, displacement.rows)
        slope = 0.5 * (np.gradient(one, axis=0) + np.gradient(moved, axis=0))
        difference = _SLOPE_TO_DIFFERENCE * (moved - one)
        slopes, products, differences = (
            ndimage.uniform_filter(part, size, mode="nearest")[rows]
            for part in (slope * slope, slope * difference, difference * difference)
        )
        # The smaller eigenvalue of the moments is the noise that both have.
        noise = 0.5 * (slopes + differences - np.hypot(slopes - differences, 2.0 * products))
        rest = products / np.maximum(slopes - noise, 1e-12) / _SLOPE_TO_DIFFERENCE
        samples = samples + np.clip(rest, -_LARGEST_CHANGE, _LARGEST_CHANGE)
    return Displacement(samples.astype(np.float32), displacement.correlation, displacement.rows)


def _moved_back(
    other: NDArray[np.float64], samples: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The second frame where the first one's samples lie in it."""
    every = np.arange(len(other), dtype=np.float64)
    moved = np.empty_like(other)
    for line in range(other.shape[1]):
        places = every - np.interp(every, rows, samples[:, line])
        moved[:, line] = ndimage.map_coordinates(other[:, line], places[None], order=3, mode="nearest")
    return moved
