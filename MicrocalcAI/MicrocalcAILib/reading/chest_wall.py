"""What the pixels themselves say: at which side the chest wall lies, and whether the picture is a negative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Appearance(NamedTuple):
    """What a look at the whole picture tells.

    Parameters
    ----------
    chest_wall_side : {"left", "right"} or None
        The half that holds more of the bright part; None when both hold as much.
    negative : bool
        The bright part is smoother than the dark part, as air is smoother than a breast: the picture is probably
        inverted, and then the breast lies at the other side.
    """

    chest_wall_side: str | None = None
    negative: bool = False


def appearance(pixels: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> Appearance:
    """Split a thinned-out copy of the image at Otsu's threshold and compare its bright and its dark part."""
    step = max(1, max(pixels.shape) // 400)
    small = pixels[::step, ::step]
    seen = np.ones(small.shape, bool) if valid is None else valid[::step, ::step]
    values = small[seen]
    if values.size == 0 or values.min() == values.max():
        return Appearance()
    bright = seen & (small > _otsu_threshold(values))
    dark = seen & ~bright

    negative = _roughness(small, bright) < 0.25 * _roughness(small, dark)

    breast = dark if negative else bright
    half = breast.shape[1] // 2
    left = np.count_nonzero(breast[:, :half])
    right = np.count_nonzero(breast[:, breast.shape[1] - half :])
    if abs(left - right) < 0.1 * (left + right):
        return Appearance(None, negative)
    return Appearance("left" if left > right else "right", negative)


def _roughness(pixels: NDArray[np.float32], part: NDArray[np.bool_]) -> float:
    """Median difference of neighbors inside a part of the image; no number where the part is small or speckled."""
    pairs = part[:, 1:] & part[:, :-1]
    if part.mean() <= 0.1 or not pairs.any():
        return float("nan")
    return float(np.median(np.abs(np.diff(pixels, axis=1))[pairs]))


def _otsu_threshold(values: NDArray[np.float32]) -> float:
    """Otsu's threshold, as ITK finds it in 256 bins; loading ITK for it takes 90 MB and longer than reading the file.

    Images are looked at before scikit-image is installed (in Slicer).
    """
    lowest, highest = float(values.min()), float(values.max())
    edges = np.linspace(lowest, highest + (highest - lowest) / (100 * 256), 257)  # ITK's margin at the upper end
    counts = np.histogram(values, edges)[0]
    below = np.cumsum(counts)[:-1] / values.size
    sums = np.cumsum(counts * (edges[:-1] + edges[1:]) / 2) / values.size
    between_classes = (sums[-1] * below - sums[:-1]) ** 2 / (below * (1 - below))
    return float(edges[1 + np.argmax(between_classes)])
