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
    from skimage.filters import threshold_otsu

    step = max(1, max(pixels.shape) // 400)
    small = pixels[::step, ::step]
    seen = np.ones(small.shape, bool) if valid is None else valid[::step, ::step]
    values = small[seen]
    if values.size == 0 or values.min() == values.max():
        return Appearance()
    bright = seen & (small > threshold_otsu(values))
    dark = seen & ~bright

    roughness = np.abs(np.diff(small, axis=1))
    bright_roughness, dark_roughness = (
        float(np.median(roughness[part[:, 1:] & part[:, :-1]], axis=None)) if part.mean() > 0.1 else np.nan
        for part in (bright, dark)
    )
    negative = bright_roughness < 0.25 * dark_roughness

    breast = dark if negative else bright
    half = breast.shape[1] // 2
    left = np.count_nonzero(breast[:, :half])
    right = np.count_nonzero(breast[:, breast.shape[1] - half :])
    if abs(left - right) < 0.1 * (left + right):
        return Appearance(None, negative)
    return Appearance("left" if left > right else "right", negative)
