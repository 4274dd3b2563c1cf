"""How colors look with the three common color vision deficiencies, and how far apart they are then.

Simulation: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009), severity 1.0, on linear RGB.
Distance: CIEDE2000 (scikit-image); about 2 is a difference that is just noticed.
"""

import itertools

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def seen(colors, vision):
    """Colors (red, green, blue; 0 to 1; shape (…, 3)) as they look with a kind of color vision."""
    colors = np.asarray(colors, float)
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ VISION[vision].T, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def smallest_difference(colors, steps=1):
    """The smallest CIEDE2000 difference of two colors at least ``steps`` apart in the list, by kind of vision."""
    found = {}
    for vision in VISION:
        lab = rgb2lab(seen(np.asarray(colors, float)[np.newaxis], vision))[0]
        pairs = [(i, j) for i, j in itertools.combinations(range(len(lab)), 2) if j - i >= steps]
        found[vision] = float(min(deltaE_ciede2000(lab[i], lab[j]) for i, j in pairs))
    return found


def contrast(first, second):
    """Contrast of two colors (red, green, blue; 0 to 1) after WCAG 2.2: 1 to 21."""
    luminance = []
    for color in (first, second):
        color = np.asarray(color, float)
        linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
        luminance.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(luminance) + 0.05) / (min(luminance) + 0.05)
