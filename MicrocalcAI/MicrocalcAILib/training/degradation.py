"""Images as other detectors, films and archives would have made them, so that networks fit images of others, too."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from ..networks.image import resampled
from .augmentation import after_jpeg, sharpened

_PIXEL_MM = (0.05, 0.2)  # of detectors and of scanned film
_FINER_PIXELS = 2.0  # fine pixels are more common: exponent of the drawn share of the range
_NOISE = (0.0, 1.0)  # added, in standard deviations of the fine structure that is there
_GAMMA = (0.6, 1.7)
_SHARPENING, _SHARPENING_MM = (0.3, 1.5), (0.15, 0.5)
_JPEG_QUALITY = (60, 95)
_ZOOM = (0.85, 1.2)  # pixel sizes on record are off by magnification and by assumption
_BRIGHTEST = 1.15  # times the brightest tissue
_CHANCE = 0.5  # of each change


def degraded(
    pixels: NDArray[np.float32], spacing_mm: float, rng: Generator
) -> tuple[NDArray[np.float32], float, tuple[float, float]]:
    """An image after a random choice of changes: coarser pixels, noise, film-like curve, sharpening, JPEG, wrong scale.

    Parameters
    ----------
    pixels : float32 array, shape (rows, columns)
    spacing_mm : float
        Of square pixels.
    rng : Generator

    Returns
    -------
    pixels : float32 array, shape (new rows, new columns)
    spacing_mm : float
        What the file would say.
    scale : (float, float)
        Old rows per new row, old columns per new column.
    """
    changes = rng.random(6) < _CHANCE
    scale = (1.0, 1.0)
    pixel_mm = _PIXEL_MM[0] * (_PIXEL_MM[1] / _PIXEL_MM[0]) ** (rng.random() ** _FINER_PIXELS)
    if changes[0] and pixel_mm > spacing_mm:
        grid = resampled(pixels, (spacing_mm, spacing_mm), pixel_mm)
        pixels, scale, spacing_mm = grid.values, grid.scale, pixel_mm
    if changes[1]:
        fine = pixels - ndimage.gaussian_filter(pixels, 1.5, truncate=3)
        sd = 1.4826 * float(np.median(np.abs(fine[::3, ::3])))
        pixels = pixels + rng.normal(0, rng.uniform(*_NOISE) * sd, pixels.shape).astype(np.float32)
    low, high = np.percentile(pixels[::5, ::5], (0.5, 99.9))
    pixels = np.clip((pixels - low) / max(high - low, 1e-6), 0, _BRIGHTEST)
    if changes[2]:
        pixels = pixels ** np.float32(np.exp(rng.uniform(*np.log(_GAMMA))))
    if changes[3]:
        pixels = sharpened(pixels, rng.uniform(*_SHARPENING_MM) / spacing_mm, rng.uniform(*_SHARPENING))
    if changes[4]:
        pixels = after_jpeg(pixels / _BRIGHTEST, int(rng.integers(_JPEG_QUALITY[0], _JPEG_QUALITY[1] + 1)))
    if changes[5]:
        spacing_mm *= float(rng.uniform(*_ZOOM))
    return np.ascontiguousarray(pixels, np.float32), spacing_mm, scale
