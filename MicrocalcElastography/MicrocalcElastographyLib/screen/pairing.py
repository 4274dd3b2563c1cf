"""The same B-mode image shown a second time without color: where it lies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from ..geometry import Rectangle

FloatArray = NDArray[np.float32]

_SMALLEST_CORRELATION = 0.85
_AROUND_BOX_PX = 6  # outline of the box, left out of the comparison
_HALF = 2  # the search runs at half resolution


class Pairing(NamedTuple):
    """Rows and columns from the color panel to its B-mode twin, and how well both agree outside the box (to 1)."""

    rows: int
    columns: int
    correlation: float


def find_paired_b_mode(gray: NDArray[np.uint8], panel: Rectangle, box: Rectangle) -> Pairing | None:
    """Find the second copy of a panel's B-mode image anywhere on the screen.

    Parameters
    ----------
    gray : uint8 array, shape (rows, columns)
    panel, box : Rectangle
        The panel with color and the elastography box in it, which is left out of the comparison.

    Returns
    -------
    Pairing or None
        None when nothing on the screen correlates with the panel.
    """
    own_box = box.shifted(panel.top - box.top, panel.left - box.left)
    outside = np.ones((panel.height, panel.width), dtype=np.float32)
    hole = box.grown(_AROUND_BOX_PX).intersection(panel).shifted(-panel.top, -panel.left)
    outside[hole.slices] = 0.0
    image = gray.astype(np.float32)
    compared = _halved(outside) > 0.99
    if not compared.any():
        return None
    coarse = _correlation(_halved(image), _halved(image[panel.slices]), compared)
    row0, column0 = panel.top // _HALF, panel.left // _HALF
    # Twins do not overlap: leave out the panel itself.
    rows, columns = np.ogrid[: coarse.shape[0], : coarse.shape[1]]
    itself = (np.abs(rows - row0) < 0.8 * panel.height / _HALF) & (
        np.abs(columns - column0) < 0.8 * panel.width / _HALF
    )
    if itself.all():
        return None
    coarse[itself] = -1.0
    top, left = (int(place) * _HALF for place in np.unravel_index(int(coarse.argmax()), coarse.shape))
    best = max(
        (
            Pairing(row - panel.top, column - panel.left, _agreement(image, panel, outside > 0, row, column))
            for row in range(top - _HALF, top + _HALF + 2)
            for column in range(left - _HALF, left + _HALF + 2)
            if Rectangle(row, column, row + panel.height, column + panel.width).inside_frame(*gray.shape)
            and Rectangle(row, column, row + box.height, column + box.width).intersection(own_box).area == 0
        ),
        key=lambda pairing: pairing.correlation,
        default=None,
    )
    return best if best is not None and best.correlation >= _SMALLEST_CORRELATION else None


def _halved(image: FloatArray) -> FloatArray:
    rows, columns = (length // _HALF * _HALF for length in image.shape)
    blocks = image[:rows, :columns].reshape(rows // _HALF, _HALF, columns // _HALF, _HALF)
    halved: FloatArray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return halved


def _correlation(image: FloatArray, template: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """Correlation of the used part of the template with every place of the image that holds it whole."""
    count = float(used.sum())
    weights = used.astype(np.float32)
    centered = np.where(used, template - template[used].mean(), 0.0).astype(np.float32)
    shape = [next_fast_len(length, real=True) for length in image.shape]
    valid = tuple(slice(0, length - part + 1) for length, part in zip(image.shape, template.shape, strict=True))
    spectra = [rfft2(part, shape) for part in (image, image**2)]
    mask_spectrum = np.conj(rfft2(weights, shape))
    products = irfft2(spectra[0] * np.conj(rfft2(centered, shape)), shape)[valid]
    sums = irfft2(spectra[0] * mask_spectrum, shape)[valid]
    squares = irfft2(spectra[1] * mask_spectrum, shape)[valid]
    spread = np.sqrt(np.maximum(squares - sums**2 / count, count))
    correlation: FloatArray = products / (spread * max(float(np.linalg.norm(centered)), 1.0))
    return correlation


def _agreement(image: FloatArray, panel: Rectangle, used: NDArray[np.bool_], row: int, column: int) -> float:
    here = image[panel.slices][used]
    there = image[row : row + panel.height, column : column + panel.width][used]
    return float(np.corrcoef(here, there)[0, 1]) if here.std() > 0 and there.std() > 0 else 0.0
