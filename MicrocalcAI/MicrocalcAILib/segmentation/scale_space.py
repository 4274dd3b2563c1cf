"""Difference-of-Gaussians planes of an image part, band by band and compiled.

Nothing of the image's full size is ever stored: a band of rows is filtered, judged and forgotten
(HDoGReg's first stage, Marasinou et al. 2021, restated in millimeters and in units of local noise).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel

BAND_ROWS = 64
_TRUNCATE = 4.0  # kernels end at 4 σ, as scipy.ndimage.gaussian_filter does
_AT_ONCE = 4  # taps that are added with one visit to memory


def gaussian_kernels(
    sigmas_px: NDArray[np.floating], truncate: float = _TRUNCATE
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Right halves of normalized sampled Gaussians.

    Parameters
    ----------
    sigmas_px : float array, shape (levels,)
    truncate : float
        Kernels end at that many σ.

    Returns
    -------
    kernels : float32 array, shape (levels, largest radius + 1); ``kernels[k, j]`` is the weight at distance j pixels
    radii : int64 array, shape (levels,)
    """
    radii = (truncate * np.asarray(sigmas_px) + 0.5).astype(np.int64)
    kernels = np.zeros((len(radii), int(radii.max()) + 1), np.float32)
    for level, (sigma, radius) in enumerate(zip(sigmas_px, radii, strict=True)):
        weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
        kernels[level, : radius + 1] = weights / (2 * weights.sum() - weights[0])
    return kernels, radii


@kernel(fastmath=True)
def difference_of_gaussians(pixels, rows, first_column, last_column, kernels, radii, gain, planes):  # type: ignore[no-untyped-def]
    """Fill ``planes[k, i, :]`` with ``(G_k − G_{k+1}) · gain`` of image row ``rows[i]``, columns first to last.

    Image edges are continued with their nearest pixel.
    """
    height, width = pixels.shape
    levels, taps = kernels.shape
    reach = (taps + _AT_ONCE - 2) // _AT_ONCE * _AT_ONCE
    weights = np.zeros((levels, reach + 1), np.float32)  # as far as a whole number of steps goes
    for level in range(levels):
        for tap in range(taps):
            weights[level, tap] = kernels[level, tap]
    part = last_column - first_column
    vertical = np.empty(part + 2 * reach, np.float32)
    previous = np.empty(part, np.float32)
    current = np.empty(part, np.float32)
    inside_first = max(first_column - reach, 0)
    inside_last = min(last_column + reach, width)
    offset = inside_first - (first_column - reach)
    count = inside_last - inside_first
    inside = vertical[offset : offset + count]
    for i in range(rows.shape[0]):
        row = min(max(rows[i], 0), height - 1)
        here = pixels[row, inside_first:inside_last]
        for level in range(levels):
            center = weights[level, 0]
            for c in range(count):
                inside[c] = center * here[c]
            for tap in range(1, radii[level] + 1, _AT_ONCE):
                _add_taps(
                    inside,
                    weights[level, tap : tap + _AT_ONCE],
                    pixels[max(row - tap, 0), inside_first:inside_last],
                    pixels[min(row + tap, height - 1), inside_first:inside_last],
                    pixels[max(row - tap - 1, 0), inside_first:inside_last],
                    pixels[min(row + tap + 1, height - 1), inside_first:inside_last],
                    pixels[max(row - tap - 2, 0), inside_first:inside_last],
                    pixels[min(row + tap + 2, height - 1), inside_first:inside_last],
                    pixels[max(row - tap - 3, 0), inside_first:inside_last],
                    pixels[min(row + tap + 3, height - 1), inside_first:inside_last],
                )
            for c in range(offset):
                vertical[c] = inside[0]
            for c in range(offset + count, len(vertical)):
                vertical[c] = inside[count - 1]
            middle = vertical[reach : reach + part]
            for c in range(part):
                current[c] = center * middle[c]
            for tap in range(1, radii[level] + 1, _AT_ONCE):
                left, right = reach - tap, reach + tap
                _add_taps(
                    current,
                    weights[level, tap : tap + _AT_ONCE],
                    vertical[left : left + part],
                    vertical[right : right + part],
                    vertical[left - 1 : left - 1 + part],
                    vertical[right + 1 : right + 1 + part],
                    vertical[left - 2 : left - 2 + part],
                    vertical[right + 2 : right + 2 + part],
                    vertical[left - 3 : left - 3 + part],
                    vertical[right + 3 : right + 3 + part],
                )
            if level > 0:
                plane = planes[level - 1, i]
                for c in range(part):
                    plane[c] = (previous[c] - current[c]) * gain
            previous, current = current, previous


@kernel(fastmath=True)
def _add_taps(sums, weights, before0, after0, before1, after1, before2, after2, before3, after3):  # type: ignore[no-untyped-def]
    """Add four taps of a symmetrical kernel to each sum, which is read and written once for all of them."""
    weight0, weight1, weight2, weight3 = weights[0], weights[1], weights[2], weights[3]
    for c in range(len(sums)):
        total = sums[c] + weight0 * (before0[c] + after0[c])
        total += weight1 * (before1[c] + after1[c])
        total += weight2 * (before2[c] + after2[c])
        sums[c] = total + weight3 * (before3[c] + after3[c])
