"""What a reader drew around as an image of pixels: oracle of the areas' tests, opponent of their benchmark."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.draw import polygon


def painted_area(
    path: ArrayLike, shape: tuple[int, int], spacing_mm: tuple[float, float], width_mm: float = 0.0
) -> NDArray[np.bool_]:
    """The closed path filled, and a disk of ``width_mm`` painted at every pixel it passes; shape (rows, columns)."""
    points = np.asarray(path, np.float64).reshape(-1, 2)
    mask = np.zeros(shape, np.bool_)
    if len(points) == 0:
        return mask
    if len(points) > 2:
        mask[polygon(points[:, 0], points[:, 1], shape)] = True
    reach = np.ceil(width_mm / np.asarray(spacing_mm)).astype(np.int64)
    down, across = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    disk = np.hypot(down * spacing_mm[0], across * spacing_mm[1]) <= width_mm + 1e-9
    passed = [points[:1]]
    for start, end in itertools.pairwise(points):
        passed.append(np.linspace(start, end, int(np.ceil(np.abs(end - start).max())) + 1))
    places = np.unique(np.round(np.concatenate(passed)).astype(np.int64), axis=0)
    near = (places[:, None] + np.column_stack((down[disk], across[disk]))[None]).reshape(-1, 2)
    near = near[((near >= 0) & (near < shape)).all(axis=1)]
    mask[near[:, 0], near[:, 1]] = True
    return mask
