"""What lies around the breast in a mammogram: the air, light leaks at the edge of a film, frames.

Everything here works on the reduced grid of ``breast.find_breast``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

Mask = NDArray[np.bool_]
Grid = NDArray[np.float32]
Window = tuple[slice, slice]

DARK_RATIO = 0.05
"""Lower than this part of bright tissue, nothing but air is expected."""
SMALLEST_AIR = 0.08
"""Part of the image that is air at the least, unless the breast fills the frame."""
MOST_BETWEEN = 0.75
"""Most that may lie between air and tissue: slope of the air over the contrast, plus area of skin over area of air."""
LEAST_CORRELATION = 0.3
"""Neighbors in an image of anything at all are correlated at least so much."""


def without_empty_borders(grid: Grid, inside: Mask) -> Mask:
    """Leave out rows and columns at the borders that hold nothing but the lowest value: padding that no file marks."""
    has_content = inside & (grid > grid[inside].min(initial=np.inf))
    rows, columns = np.flatnonzero(has_content.any(axis=1)), np.flatnonzero(has_content.any(axis=0))
    result = np.zeros_like(inside)
    if rows.size:
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        result[box] = inside[box]
    return result


def is_structureless(grid: Grid, inside: Mask) -> bool:
    """Whether an image is blank: constant but for a few pixels, or nothing but noise."""
    low, high = np.percentile(grid[inside], (0.1, 99.9))
    if low == high:
        return True
    surface, _ = _fit_surface(grid, inside)
    residual = np.clip(grid, low, high) - surface
    difference = np.diff(residual, axis=1)[inside[:, 1:] & inside[:, :-1]]
    variance = float(np.var(residual[inside]))
    if variance == 0 or not difference.size:
        return variance == 0
    return 1 - float(np.mean(difference**2)) / (2 * variance) < LEAST_CORRELATION


def signal_above_air(grid: Grid, inside: Mask, flatness_ratio: float) -> tuple[Grid, float] | None:
    """Subtract the air, a smooth surface; return the signal above it and its noise (one standard deviation).

    The dark side of an Otsu threshold is tried first; when it is not air, its own dark side is tried next. Air has
    little noise and slope, is darker than the rest by a clear step, and is not tiny. None when nothing is like that:
    the breast fills the frame.
    """
    low, ceiling = np.percentile(grid[inside], (0.1, 99.9))
    for _ in range(3):
        values = np.clip(grid[inside & (grid <= ceiling)], low, ceiling)
        if values.size < 50 or values.min() == values.max():
            return None
        ceiling = threshold_otsu(values)
        dark = inside & (grid <= ceiling)
        surface, noise = _fit_surface(grid, dark)
        contrast = np.median(grid[inside & (grid > ceiling)]) - np.median(surface[dark])
        signal = grid - surface
        height = signal[inside] / contrast
        air, skin = np.mean(height < 0.1), np.mean((height > 0.1) & (height < 0.4))
        slope = np.ptp(surface[dark]) / contrast
        if noise <= flatness_ratio * contrast and air > SMALLEST_AIR and skin / air + slope < MOST_BETWEEN:
            return signal, noise
    return None


def _fit_surface(grid: Grid, where: Mask) -> tuple[Grid, float]:
    """Fit a quadratic surface to the bulk of some pixels; return it and the noise around it."""
    rows, columns = np.nonzero(where)
    step = max(1, rows.size // 5000)
    rows, columns = rows[::step], columns[::step]
    values = grid[rows, columns].astype(np.float64)
    center, half = np.array(grid.shape) / 2, max(grid.shape) / 2

    y, x = (rows - center[0]) / half, (columns - center[1]) / half
    design = np.column_stack((np.ones_like(x), y, x, y * y, x * y, x * x))
    coefficients = np.array([np.median(values), 0, 0, 0, 0, 0])
    keep = np.ones(values.size, bool)
    for _ in range(6):
        residual = np.abs(values - design @ coefficients)
        noise = 1.4826 * float(np.median(residual[keep]))
        keep = residual <= 3 * noise + 1e-6 * abs(coefficients[0])
        if np.count_nonzero(keep) < 30:
            break
        coefficients = np.linalg.lstsq(design[keep], values[keep], rcond=None)[0]
    constant, along_y, along_x, along_yy, along_xy, along_xx = coefficients
    y, x = (np.arange(grid.shape[0]) - center[0]) / half, (np.arange(grid.shape[1]) - center[1]) / half
    surface = np.multiply.outer(y, along_xy * x)
    surface += (constant + along_y * y + along_yy * y * y)[:, np.newaxis]
    surface += along_x * x + along_xx * x * x
    return np.clip(surface, values.min(), values.max()).astype(np.float32), noise


def remove_film_borders(signal: Grid, strip: tuple[int, int]) -> tuple[Grid, Window, float]:
    """Set frames and light leaks along the borders to zero.

    Parameters
    ----------
    signal : float32 array
        Height above the air.
    strip : (int, int)
        Greatest width of a border, in rows and in columns.

    Returns
    -------
    signal : float32 array
    window : (slice, slice)
        What lies inside the frames and inside the lines at the borders that are dark over their whole length.
    contrast : float
        Median height of tissue.
    """
    cleaned = signal.copy()
    strip = (min(strip[0], signal.shape[0] // 4), min(strip[1], signal.shape[1] // 4))
    middle = signal[strip[0] : signal.shape[0] - strip[0], strip[1] : signal.shape[1] - strip[1]]
    tissue = middle[middle > max(0.0, 0.3 * float(np.percentile(middle, 99)))]
    if not tissue.size:
        tissue = signal[signal > 0]
    contrast, bright = np.percentile(tissue, (50, 90)) if tissue.size else (np.inf, np.inf)
    frames = []
    for axis in (0, 1):
        lines = np.moveaxis(cleaned, axis, 1)
        frames += [_clean_border(lines, bright, strip[axis]), _clean_border(lines[:, ::-1], bright, strip[axis])]
    window = slice(frames[0], signal.shape[0] - frames[1]), slice(frames[2], signal.shape[1] - frames[3])
    return cleaned, window, float(contrast)


def _clean_border(lines: Grid, bright: float, width: int) -> int:
    """Clean one border in place; every line runs from that border inwards. Return the width of the frame.

    A frame is bright and alike on all lines. Lines that are dark farther in show what the border alone adds: a frame,
    too, when they lie at both ends of the border, otherwise a light leak, which is taken off these lines only.
    """
    if width < 2:
        return 0
    band = lines[:, :width]
    low, profile, high = np.percentile(band, (10, 50, 90), axis=0)
    is_frame = (low >= bright) & (high - low < 0.1 * profile)
    is_dark = lines[:, width : 2 * width].max(axis=1) < DARK_RATIO * bright
    if np.count_nonzero(is_dark) >= max(5, 0.05 * len(lines)):
        low, lower, profile = np.percentile(band[is_dark], (10, 25, 50), axis=0)
        half = len(lines) // 2
        if is_dark.mean() > 0.5 or min(is_dark[:half].mean(), is_dark[half:].mean()) > 0.2:
            is_alike = (low > 0.75 * profile) & (np.mean(band >= 0.75 * profile, axis=0) > 0.85)
            is_frame |= is_alike & (profile > 0.5 * bright)
        spread = profile - lower
        if profile[0] > DARK_RATIO * bright and spread[1:].max() <= 0.25 * profile[0]:
            most = profile + np.minimum(4 * spread, 0.3 * profile) + 0.02 * bright
            band[is_dark[:, np.newaxis] & (band <= most)] = 0
    frame = int(np.flatnonzero(is_frame)[-1]) + 1 if is_frame.any() else 0
    band[:, :frame] = 0
    has_tissue = (band > DARK_RATIO * bright).any(axis=0)
    return int(np.argmax(has_tissue)) if has_tissue.any() else frame
