"""Other looks of the same image: film, other vendors' sharpening, JPEG, blur and noise. For training of networks.

Every network learns on simulated calcifications; what real images do to a speck on its way to the file is drawn here.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.float32]


def altered_look(pixels: Pixels, spacing_mm: float, rng: Generator, chance: float = 0.4) -> Pixels:
    """Each of the alterations with the same chance, in the order in which they happen to an image.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
        Brighter = more attenuating; any gain and offset.
    spacing_mm : float
    rng : Generator
    chance : float
        Of each alteration, in [0, 1].

    Returns
    -------
    float32 array, same shape
        On another scale of grey values: with the pixels' lowest and highest percentile at 0 and 1.
    """
    low, high = (float(value) for value in np.percentile(pixels[::8, ::8], (0.1, 99.9)))
    values = ((pixels - low) / max(high - low, 1e-6)).astype(np.float32)
    alterations: tuple[Callable[[Pixels, float, Generator], Pixels], ...] = (
        _blurred,
        _noisy,
        _curved,
        _sharpened,
        _jpeg,
    )
    for alteration in alterations:
        if rng.random() < chance:
            values = alteration(values, spacing_mm, rng)
    return values


def _blurred(values: Pixels, spacing_mm: float, rng: Generator) -> Pixels:
    """A larger focal spot or a coarser scanner."""
    return ndimage.gaussian_filter(values, rng.uniform(0.02, 0.07) / spacing_mm, truncate=3)


def _noisy(values: Pixels, spacing_mm: float, rng: Generator) -> Pixels:
    """A lower dose: white noise up to as strong as the image's own."""
    fine = values[::3, ::3] - ndimage.uniform_filter(values, 3)[::3, ::3]
    own = 1.4826 * float(np.median(np.abs(fine[values[::3, ::3] > 0.1]))) if (values > 0.1).any() else 0.0
    return values + rng.normal(0, rng.uniform(0.2, 1.0) * own, values.shape).astype(np.float32)


def _curved(values: Pixels, spacing_mm: float, rng: Generator) -> Pixels:
    """A film's or a display's characteristic curve."""
    exponent = np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    return np.power(np.clip(values, 0, None), exponent).astype(np.float32)


def _sharpened(values: Pixels, spacing_mm: float, rng: Generator) -> Pixels:
    """A vendor's edge enhancement."""
    return sharpened(values, rng.uniform(0.1, 0.6) / spacing_mm, rng.uniform(0.2, 1.2))


def _jpeg(values: Pixels, spacing_mm: float, rng: Generator) -> Pixels:
    """Eight bits and lossy compression."""
    return after_jpeg(values, int(rng.integers(60, 96)))


def sharpened(values: Pixels, sigma_px: float, strength: float) -> Pixels:
    """Unsharp masking: the image plus ``strength`` times what a Gaussian blur takes from it."""
    smooth = ndimage.gaussian_filter(values, sigma_px, truncate=3)
    return values + np.float32(strength) * (values - smooth)


def after_jpeg(values: Pixels, quality: int) -> Pixels:
    """Values between 0 and 1 after eight bits and the losses of JPEG of that quality (1 to 95)."""
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32) / np.float32(255)
