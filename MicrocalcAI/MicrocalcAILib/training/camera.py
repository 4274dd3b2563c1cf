"""Simulated mammograms as other detectors, films and processing would show them.

What learns from simulation alone learns its make: one sharpness, one noise, one tone. These changes are drawn over the
ranges that mammograms of other origin show, so that nothing can rely on them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ..networks.image import resampled
from ..reading.mammogram import Mammogram
from .augmentation import after_jpeg, sharpened

_COARSEST_MM = 0.14
_BRIGHTEST = 1.2  # times the brightest tissue
_MAD_TO_SD = 1.4826


def seen_by_another_camera(mammogram: Mammogram, breast: NDArray[np.bool_], rng: Generator) -> Mammogram:
    """The same breast with other pixels, tone, sharpness, noise and compression, each drawn by chance.

    Parameters
    ----------
    mammogram : Mammogram
    breast : bool array, shape (rows, columns)
    rng : Generator
    """
    pixels, spacing_mm = mammogram.pixels, mammogram.spacing_mm
    if rng.random() < 0.3 and min(spacing_mm) < _COARSEST_MM:
        coarse_mm = float(rng.uniform(min(spacing_mm), _COARSEST_MM))
        grid = resampled(pixels, spacing_mm, coarse_mm)
        breast = resampled(breast, spacing_mm, coarse_mm, order=0).values > 0.5
        pixels, spacing_mm = grid.values, (spacing_mm[0] * grid.scale[0], spacing_mm[1] * grid.scale[1])
    if not breast.any():
        return replace(mammogram, pixels=pixels, spacing_mm=spacing_mm)
    low, high = (float(level) for level in np.percentile(pixels[breast][::7], (0.1, 99.99)))
    values = np.clip((pixels - low) / max(high - low, 1e-6), 0, _BRIGHTEST)
    if rng.random() < 0.5:
        values = values ** np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.2:
        values = ndimage.gaussian_filter(values, rng.uniform(0.02, 0.06) / spacing_mm[0])
    if rng.random() < 0.4:
        values = sharpened(values, rng.uniform(0.1, 0.5) / spacing_mm[0], rng.uniform(0.2, 1.5))
    if rng.random() < 0.4:
        grain = rng.standard_normal(values.shape, dtype=np.float32)
        if rng.random() < 0.5:  # film grain and interpolated pixels are correlated
            grain = ndimage.gaussian_filter(grain, 0.6)
            grain /= grain.std()
        values = values + np.float32(rng.uniform(0.2, 0.8) * _noise(values, breast)) * grain
    if rng.random() < 0.35:
        values = after_jpeg(values / _BRIGHTEST, int(rng.integers(70, 96))) * np.float32(_BRIGHTEST)
    return replace(mammogram, pixels=values.astype(np.float32), spacing_mm=spacing_mm, display_window=None, valid=None)


def _noise(values: NDArray[np.float32], breast: NDArray[np.bool_]) -> float:
    """Robust standard deviation of neighboring pixels' differences, over √2."""
    differences = (values[1:] - values[:-1])[breast[1:]][::11]
    return float(_MAD_TO_SD * np.median(np.abs(differences)) / np.sqrt(2))
