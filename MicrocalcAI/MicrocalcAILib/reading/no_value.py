"""Pixels without a value: padding, which is the air around the breast, and marks, under which the breast goes on.

A file marks both in the same way. What touches the border of the image and is broad is padding; arrows, boxes, letters
and holes are marks, also where they reach into the padding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_GRID_MM = 0.5
_BROAD_MM = 5.0  # padding narrower than this is a mark, unless it lies along the border
_AROUND_MM = 0.5  # a mark is filled with the mean of its surroundings, weighted over this distance


def padding_of(valid: Mask | None, spacing_mm: tuple[float, float]) -> Mask | None:
    """The pixels without a value that are the air around the breast; None when there are none.

    Parameters
    ----------
    valid : bool array, shape (rows, columns), or None
        False where pixels have no value.
    spacing_mm : (float, float)
    """
    from scipy import ndimage

    if valid is None or valid.all():
        return None
    steps = tuple(max(1, int(_GRID_MM / length)) for length in spacing_mm)
    sampling = [step * length for step, length in zip(steps, spacing_mm, strict=True)]
    margin = int(np.ceil(_BROAD_MM / min(sampling))) + 1
    empty = np.pad(~valid[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]], margin, constant_values=True)
    core = ndimage.distance_transform_edt(empty, sampling=sampling) > _BROAD_MM / 2
    outer, _ = ndimage.label(core)
    core = outer == outer[0, 0]  # what is connected to the outside of the image
    broad = ndimage.distance_transform_edt(~core, sampling=sampling) <= _BROAD_MM / 2 + 1.5 * max(sampling)
    inner = broad[margin:-margin, margin:-margin]
    rows, columns = (np.arange(size) // step for size, step in zip(valid.shape, steps, strict=True))
    last_row, last_column = (size - 1 for size in inner.shape)
    padding = inner[np.minimum(rows, last_row)][:, np.minimum(columns, last_column)] & ~valid
    return padding if padding.any() else None


def fill_pixels_without_value(
    pixels: NDArray[np.float32], valid: Mask, padding: Mask | None, spacing_mm: tuple[float, float]
) -> None:
    """Give padding the smallest valid value, and marks the mean of the image around them; in place.

    A mark filled like that has no edge that a detector of specks or of the skin could see.
    """
    from scipy import ndimage

    if padding is not None:
        pixels[padding] = pixels[valid].min()
    marks = ~valid if padding is None else ~valid & ~padding
    sigmas = [_AROUND_MM / length for length in spacing_mm]
    margins = [int(np.ceil(4 * sigma)) for sigma in sigmas]
    for place in _places(marks, margins):
        window = pixels[place]
        known, holes = valid[place], marks[place]
        weights = known.astype(np.float32)
        total = ndimage.gaussian_filter(np.where(known, window, 0), sigmas, mode="constant")
        weights = ndimage.gaussian_filter(weights, sigmas, mode="constant")
        smooth = np.divide(total, weights, out=np.zeros_like(total), where=weights > 1e-3)
        nearest = ndimage.distance_transform_edt(
            ~(known | (weights > 1e-3)), return_distances=False, return_indices=True
        )
        window[holes] = smooth[tuple(nearest)][holes]


def _places(marks: Mask, margins: list[int]) -> list[tuple[slice, ...]]:
    """Windows around the connected parts of a mask, with a margin."""
    from scipy import ndimage

    labels, _ = ndimage.label(marks, structure=np.ones((3, 3)))
    return [
        tuple(slice(max(0, side.start - margin), side.stop + margin) for side, margin in zip(box, margins, strict=True))
        for box in ndimage.find_objects(labels)
    ]
