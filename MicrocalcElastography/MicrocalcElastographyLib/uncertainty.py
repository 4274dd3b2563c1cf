"""How sure values are: standard deviations of pixels, and 95 % intervals of what is computed from a region."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_CORRELATED_PX = 64  # pixels of a block of lossy compression, whose errors are alike
_Z = 1.96


class Uncertainty(NamedTuple):
    """Standard deviations of every pixel, in its unit, float32, shape of the values.

    ``noise`` differs from place to place; ``common`` shifts all of a region.
    """

    noise: NDArray[np.float32]
    common: NDArray[np.float32]

    def scaled(self, factor: NDArray[np.floating]) -> Uncertainty:
        """In another unit, whose values change ``factor`` times as fast."""
        return Uncertainty((self.noise * factor).astype(np.float32), (self.common * factor).astype(np.float32))


def interval_of_mean(mean: float, uncertainty: Uncertainty, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of the mean of a region whose pixels all have values, from 0 up."""
    noise, common = _of_region(uncertainty, mask)
    away = _Z * float(np.hypot(common, noise / np.sqrt(_independent(mask))))
    return max(mean - away, 0.0), mean + away


def interval_of_maximum(maximum: float, uncertainty: Uncertainty, mask: NDArray[np.bool_]) -> tuple[float, float]:
    """95 % interval of the largest value of a region; noise makes the largest of many too large."""
    noise, common = _of_region(uncertainty, mask)
    highest = noise * float(np.sqrt(2.0 * np.log(max(_independent(mask), 1.0))))
    away = _Z * float(np.hypot(common, noise))
    return max(maximum - highest - away, 0.0), maximum + away


def interval_of_ratio(
    above: tuple[float, tuple[float, float]], below: tuple[float, tuple[float, float]]
) -> tuple[float, float]:
    """95 % interval of a quotient of two means (mean, interval), by the relative widths of both."""
    widths = [(high - low) / (2.0 * mean) for mean, (low, high) in (above, below)]
    ratio, width = above[0] / below[0], float(np.hypot(widths[0], widths[1]))
    return max(ratio * (1.0 - width), 0.0), ratio * (1.0 + width)


def _of_region(uncertainty: Uncertainty, mask: NDArray[np.bool_]) -> tuple[float, float]:
    noise = float(np.sqrt(np.mean(uncertainty.noise[mask].astype(np.float64) ** 2)))
    return noise, float(np.mean(uncertainty.common[mask], dtype=np.float64))


def _independent(mask: NDArray[np.bool_]) -> float:
    return max(float(np.count_nonzero(mask)) / _CORRELATED_PX, 1.0)
