"""How far a value read from a color may be off.

Noise averages out over a region, the rest does not: the opacity, the width of the bins of a bar, where its ends lie,
and colors that keep off the bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .color_scale import CHROMA_AND_GRAY, ColorScale
from .uncertainty import Uncertainty

_PARTS = 256
_SECANT = 4  # parts to either side over which the color is compared, so that single entries do not matter
_SMALLEST_SLOPE = 20.0  # gray levels over the whole scale; flatter parts tell nothing
_END_PX = 0.5  # standard deviation of the place of either end of a bar
_LEAST_NOISE = 0.3  # gray levels: rounding to whole levels
_OFF_BAR_SHARE = 0.5  # of the distance from the bar that may lie along it and be common to a region


def uncertainty_of(
    fractions: NDArray[np.float32],
    distance: NDArray[np.float32],
    valid: NDArray[np.bool_],
    scale: ColorScale,
    opacity: float,
    opacity_sd: float,
    with_brightness: bool,
) -> Uncertainty:
    """Uncertainty of matched colors.

    Parameters
    ----------
    fractions, distance : float32 arrays, shape (rows, columns)
        Places on the scale (0 to 1) and distances from it in gray levels.
    valid : bool array, shape (rows, columns)
    scale : ColorScale
    opacity, opacity_sd : float
    with_brightness : bool
        Whether the brightness of a color counts, not only its chroma.
    """
    colors = scale.resampled(_PARTS) @ CHROMA_AND_GRAY.T
    colors = colors if with_brightness else colors[:, :2]
    before = np.maximum(np.arange(_PARTS) - _SECANT, 0)
    behind = np.minimum(np.arange(_PARTS) + _SECANT, _PARTS - 1)
    way = (colors[behind] - colors[before]) * (_PARTS / (behind - before))[:, None]
    slope = np.maximum(np.linalg.norm(way, axis=1), _SMALLEST_SLOPE)
    off_bar = float(np.median(distance[valid])) if valid.any() else 0.0
    noise = np.hypot(off_bar, _LEAST_NOISE) / (opacity * slope)
    places = (np.arange(_PARTS) + 0.5) / _PARTS
    common = np.sqrt(
        (opacity_sd / opacity * np.abs((colors * way).sum(axis=1)) / slope**2) ** 2
        + _bin_widths(scale) ** 2 / 12.0
        + (_END_PX / len(scale.colors)) ** 2 * (places**2 + (1.0 - places) ** 2)
        + (_OFF_BAR_SHARE * off_bar / (opacity * slope)) ** 2
    )
    part = np.clip((fractions * _PARTS).astype(np.intp), 0, _PARTS - 1)
    extent = scale.high - scale.low
    return Uncertainty(
        np.where(valid, extent * noise[part], np.nan).astype(np.float32),
        np.where(valid, extent * common[part], np.nan).astype(np.float32),
    )


def _bin_widths(scale: ColorScale) -> NDArray[np.float64]:
    """Share of the scale that each part shares its color with, shape (256,)."""
    steps = np.linalg.norm(np.diff(scale.colors, axis=0), axis=1)
    way = steps.sum()
    count = len(scale.colors)
    # A bin is followed by a jump larger than a steady change of color would be.
    is_jump = steps > 3.0 * max(way / count, 1.0)
    run = np.concatenate([[0], np.cumsum(is_jump)])
    if run[-1] < 4 or steps[~is_jump].sum() > 0.5 * way:
        return np.full(_PARTS, 1.0 / count)
    widths = np.bincount(run)[run] / count
    found: NDArray[np.float64] = widths[np.arange(_PARTS) * count // _PARTS]
    return found
