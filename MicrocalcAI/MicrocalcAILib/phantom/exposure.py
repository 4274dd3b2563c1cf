"""From attenuation to the pixels of a For Presentation image: quanta, noise, thickness equalization, grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, zoom

# Linear attenuation coefficients at about 20 keV, per mm. Fat and fibroglandular tissue: Johns and Yaffe, Phys Med Biol
# 1987;32:675. Muscle: NIST XAAMDI (0.8205 cm²/g × 1.05 g/cm³). Skin, nipple and vessels are set between the last two.
FAT, GLANDULAR, SKIN, MUSCLE, VESSEL = 0.0456, 0.0802, 0.082, 0.0862, 0.084

BITS_STORED = 12
WHITE = float((1 << BITS_STORED) - 1)
# A semi-automatic exposure leaves some 4 × 10⁵ quanta per mm² behind the breast (100 µGy at the detector, absorbed
# share included); per pixel of 0.07 mm this is a relative noise of 2 %.
QUANTA_PER_MM2 = 4e5
# detail (mm) and the part of the coarser contrast that the display takes away, so that detail shows in dense breast too
COMPRESSION = ((8.0, 0.4), (2.0, 0.3))
SLOW_STEP = 8  # pixels


@dataclass(frozen=True)
class Exposure:
    """A simulated exposure: 12-bit grey levels, and how they were reached.

    Parameters
    ----------
    pixels : float32 array of whole numbers, 0 to 4095
    display_window : (float, float)
        Center and width.
    grey_per_attenuation : float
        Grey levels per unit of log-attenuation.
    """

    pixels: NDArray[np.float32]
    display_window: tuple[float, float]
    grey_per_attenuation: float


def expose(
    rng: Generator,
    attenuation: NDArray[np.float32],
    thickness_mm: NDArray[np.float32],
    spacing_mm: float,
    noise_blur_pixels: float,
) -> Exposure:
    """Image a map of line integrals.

    Parameters
    ----------
    attenuation : float32 array
        Line integral of the attenuation coefficient for every pixel.
    thickness_mm : float32 array
        Tissue crossed; 0 in air, which becomes black.
    noise_blur_pixels : float
        Standard deviation of the Gaussian that correlates the noise of neighboring pixels (spread of light or charge).
    """
    breast = thickness_mm > 0
    deepest = float(thickness_mm.max())
    deep = thickness_mm > 0.95 * deepest
    reference = float(np.median(attenuation[deep]))
    quanta = QUANTA_PER_MM2 * spacing_mm**2 * np.exp(reference - attenuation)
    noise = gaussian_filter(rng.standard_normal(attenuation.shape, np.float32), noise_blur_pixels, truncate=3)
    noise /= noise.std()
    # the falling thickness at the rim is mostly compensated, as vendors' processing does
    equalized = attenuation + noise / np.sqrt(quanta) - 0.9 * FAT * (thickness_mm - deepest)
    for detail_mm, part in COMPRESSION:
        equalized -= part * _slow_part(equalized, breast, detail_mm / spacing_mm)
    darkest, brightest = np.percentile(equalized[deep], [0.5, 99.8])
    black, white = float(darkest) - 0.45, float(brightest) + 0.35
    gain = WHITE / (white - black)
    pixels = np.where(breast, np.clip(np.round((equalized - black) * gain), 0, WHITE), 0).astype(np.float32)
    low, high = np.percentile(pixels[breast], [1, 99.5])
    low, high = 0.7 * float(low), min(float(high) * 1.15, WHITE)
    return Exposure(pixels, (round((low + high) / 2), round(high - low)), gain)


def _slow_part(image: NDArray[np.float32], breast: NDArray[np.bool_], sigma_pixels: float) -> NDArray[np.float32]:
    """The image smoothed by a Gaussian, from breast pixels alone."""
    coarse = np.s_[::SLOW_STEP, ::SLOW_STEP]
    sigma = sigma_pixels / SLOW_STEP
    weight = gaussian_filter(breast[coarse].astype(np.float32), sigma)
    slow = gaussian_filter(np.where(breast[coarse], image[coarse], 0), sigma) / np.maximum(weight, 1e-3)
    return stretched(slow, SLOW_STEP, image.shape)


def stretched(coarse: NDArray[np.float32], factor: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A map of every ``factor``-th pixel brought back to ``shape`` by linear interpolation."""
    cut = coarse[: -(-shape[0] // factor), : -(-shape[1] // factor)]
    fine = zoom(cut, factor, order=1, grid_mode=True, mode="nearest")
    return np.asarray(fine[: shape[0], : shape[1]], np.float32)


def power_law_texture(
    rng: Generator,
    shape: tuple[int, int],
    spacing_mm: float,
    exponent: float,
    longest_mm: float = 80.0,
    stretch: float = 1.0,
) -> NDArray[np.float32]:
    """Gaussian random field with mean 0, standard deviation 1 and a power spectrum proportional to 1 / f^exponent.

    ``stretch`` draws the texture out from left to right.

    Mammograms have exponents of about 3 (Burgess, Jacobson and Judy, Med Phys 2001;28:419).
    """
    rows, columns = (fft.next_fast_len(length, real=True) for length in shape)
    spectrum = fft.rfft2(rng.standard_normal((rows, columns), np.float32))
    frequency = np.hypot(
        fft.fftfreq(rows, spacing_mm)[:, None].astype(np.float32),
        stretch * fft.rfftfreq(columns, spacing_mm).astype(np.float32),
    )
    spectrum *= np.maximum(frequency, 1 / longest_mm) ** np.float32(-exponent / 2)
    spectrum[0, 0] = 0
    field = fft.irfft2(spectrum, s=(rows, columns))[: shape[0], : shape[1]]
    return np.asarray(field / field.std(), np.float32)
