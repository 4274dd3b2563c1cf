"""How far tissue moved along the beam between two echo frames.

Windows of the first frame are compared with the second by normalized cross-correlation. The lag of every window is then
chosen jointly along each line by dynamic programming (as Rivaz et al., IEEE TMI 2008;27:1373), which the neighboring
lines take part in, so that single windows cannot jump to another wave; a parabola gives the part of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.parameters import check_range

Floats = NDArray[np.float32]

_LONGEST_STEP = 3  # samples that the lag changes at most from one window to the next
_SMALLEST_SAMPLES, _SMALLEST_LINES = 64, 4


@dataclass(frozen=True)
class StrainParameters:
    """How displacement and strain are estimated.

    Parameters
    ----------
    window_mm : float
        Length of the windows that are compared; some ten wavelengths.
    hop_mm : float
        Distance of the windows.
    largest_strain : float
        Compression beyond which nothing is looked for, as a share (0.03 is 3 %).
    smoothness : float
        Price of a change of lag by one sample, squared, between neighboring windows, against a correlation of 1.
    slope_mm : float
        Length over which the slope of the displacement is fitted.
    slope_lines : int
        Lines that are fitted together, odd.
    smallest_correlation : float
        Windows that agree less carry no value.
    """

    window_mm: float = 1.5
    hop_mm: float = 0.25
    largest_strain: float = 0.03
    smoothness: float = 0.05
    slope_mm: float = 3.0
    slope_lines: int = 5
    smallest_correlation: float = 0.7

    def __post_init__(self) -> None:
        check_range("window_mm", self.window_mm, 0.2, 10.0, "mm")
        check_range("hop_mm", self.hop_mm, 0.02, 5.0, "mm")
        check_range("largest_strain", self.largest_strain, 0.001, 0.1)
        check_range("smoothness", self.smoothness, 0.0, 10.0)
        check_range("slope_mm", self.slope_mm, 0.5, 20.0, "mm")
        check_range("smallest_correlation", self.smallest_correlation, 0.0, 1.0)
        if self.slope_lines not in range(1, 32, 2):
            raise ParameterError(f"The slope is fitted over 1, 3, 5 … 31 lines, not {self.slope_lines}.")


@dataclass(frozen=True)
class Displacement:
    """Displacement along the beam.

    Parameters
    ----------
    samples : float32 array, shape (windows, lines)
        How many samples nearer to the probe each window lies in the second frame (negative: farther).
    correlation : float32 array, shape (windows, lines)
        Of the window with what it became, to 1: the quality.
    rows : float array, shape (windows,)
        Sample of the first frame in the middle of each window.
    """

    samples: Floats
    correlation: Floats
    rows: NDArray[np.float64]


def track(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    spacing_mm: float,
    parameters: StrainParameters = StrainParameters(),
) -> Displacement:
    """Displacement by correlation and dynamic programming.

    Parameters
    ----------
    before, after : float arrays, shape (samples, lines)
        Echo lines, the probe at the first sample: radio-frequency data, or a B-mode envelope (less exact).
    spacing_mm : float
        Between samples.
    parameters : StrainParameters

    Raises
    ------
    ParameterError
        When the frames differ in shape or are too small.
    """
    correlations, lags, rows = _correlations(before, after, spacing_mm, parameters)
    # Neighboring lines vote too: three lines see nearly the same displacement.
    cost = 1.0 - ndimage.uniform_filter1d(correlations, 3, axis=1, mode="nearest")
    return _at(correlations, lags, rows, _smoothest(cost, parameters.smoothness))


def track_by_correlation_alone(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    spacing_mm: float,
    parameters: StrainParameters = StrainParameters(),
) -> Displacement:
    """Displacement by the largest correlation of each window for itself; to compare with. Arguments as for `track`."""
    correlations, lags, rows = _correlations(before, after, spacing_mm, parameters)
    return _at(correlations, lags, rows, correlations.argmax(axis=2))


def _correlations(
    before: NDArray[np.floating], after: NDArray[np.floating], spacing_mm: float, parameters: StrainParameters
) -> tuple[Floats, NDArray[np.intp], NDArray[np.float64]]:
    """Normalized correlation of each window with each lag, shape (windows, lines, lags), the lags, and the rows."""
    if before.shape != after.shape or before.ndim != 2:
        raise ParameterError("The two frames have to be of one shape, samples along the beam × lines.")
    if before.shape[0] < _SMALLEST_SAMPLES or before.shape[1] < _SMALLEST_LINES:
        raise ParameterError(
            f"The frames are too small: at least {_SMALLEST_SAMPLES} samples and {_SMALLEST_LINES} lines are needed."
        )
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise ParameterError("The frames hold values that are no numbers; export them again.")
    check_range("spacing_mm", spacing_mm, 0.001, 1.0, "mm")
    size = 2 * round(parameters.window_mm / spacing_mm / 2) + 1
    hop = max(round(parameters.hop_mm / spacing_mm), 1)
    farthest = int(np.ceil(parameters.largest_strain * len(before))) + 1
    rows = np.arange(size // 2, len(before) - size // 2, hop)
    if size >= len(before) // 2 or len(rows) < 3:
        raise ParameterError("The frames are shorter than a few windows; give shorter windows.")
    lags = np.arange(-farthest, farthest + 1)
    one = before.astype(np.float32) - np.float32(before.mean())
    other = after.astype(np.float32) - np.float32(after.mean())
    own_energy = ndimage.uniform_filter1d(one * one, size, axis=0, mode="constant")[rows]
    padded = np.pad(other, ((farthest, farthest), (0, 0)))
    energy = ndimage.uniform_filter1d(padded * padded, size, axis=0, mode="constant")
    found = np.empty((len(rows), before.shape[1], len(lags)), dtype=np.float32)
    for number, lag in enumerate(lags):
        # A window that moved toward the probe by ``lag`` is found so many samples earlier.
        start = farthest - lag
        shifted = padded[start : start + len(one)]
        product = ndimage.uniform_filter1d(one * shifted, size, axis=0, mode="constant")[rows]
        found[..., number] = product / np.sqrt(np.maximum(own_energy * energy[start + rows], 1e-20))
    return found, lags, rows.astype(np.float64)


def _smoothest(cost: Floats, smoothness: float) -> NDArray[np.intp]:
    """Number of the lag of every window: the cheapest way down each line, shape (windows, lines)."""
    windows, lines, lags = cost.shape
    steps = np.arange(-_LONGEST_STEP, _LONGEST_STEP + 1)
    total = cost[0].astype(np.float64)
    came_from = np.zeros((windows, lines, lags), dtype=np.int8)
    for window in range(1, windows):
        padded = np.pad(total, ((0, 0), (_LONGEST_STEP, _LONGEST_STEP)), constant_values=np.inf)
        ways = np.stack(
            [padded[:, _LONGEST_STEP + step : _LONGEST_STEP + step + lags] + smoothness * step**2 for step in steps]
        )
        best = ways.argmin(axis=0)
        came_from[window] = steps[best]
        total = np.take_along_axis(ways, best[None], axis=0)[0] + cost[window]
    chosen = np.empty((windows, lines), dtype=np.intp)
    chosen[-1] = total.argmin(axis=1)
    for window in range(windows - 1, 0, -1):
        chosen[window - 1] = chosen[window] + came_from[window, np.arange(lines), chosen[window]]
    return chosen


def _at(
    correlations: Floats, lags: NDArray[np.intp], rows: NDArray[np.float64], chosen: NDArray[np.intp]
) -> Displacement:
    """Displacement to a part of a sample, by the parabola through the correlations around the lag chosen."""
    middle = np.clip(chosen, 1, len(lags) - 2)[..., None]
    below, here, above = (np.take_along_axis(correlations, middle + step, axis=2)[..., 0] for step in (-1, 0, 1))
    bend = below - 2.0 * here + above
    part = np.where(bend < -1e-6, 0.5 * (below - above) / np.minimum(bend, -1e-6), 0.0)
    samples = lags[middle[..., 0]] + np.clip(part, -1.0, 1.0)
    return Displacement(samples.astype(np.float32), here.astype(np.float32), rows)
