"""Sums over everything within some millimeters of each place, without a list of pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel

_CELLS_PER_RADIUS = 2  # smaller cells: fewer places are looked at in vain, more cells are visited


def sums_around(
    places_mm: NDArray[np.float64],
    sources_mm: NDArray[np.float64],
    weights: NDArray[np.float64],
    radii_mm: tuple[float, ...],
    beyond_mm: float = -1.0,
    levels: NDArray[np.float64] | None = None,
    thresholds: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Sum of the weights of the sources within each radius of each place.

    Sources lie in a grid of cells, so memory follows the number of places and time that of the pairs which are close.

    Parameters
    ----------
    places_mm : float array, shape (places, 2)
    sources_mm : float array, shape (sources, 2)
        May hold the places themselves, which are then counted as well.
    weights : float array, shape (sources,)
    radii_mm : tuple of floats, ascending
        A source at exactly this distance counts.
    beyond_mm : float
        Sources up to this distance do not count.
    levels : float array, shape (sources,), optional
    thresholds : float array, shape (places, sums), optional
        Each sum holds the sources whose level is not below the place's threshold; one sum of all sources by default.

    Returns
    -------
    float array, shape (places, radii, sums)
    """
    if levels is None or thresholds is None:
        levels, thresholds = np.zeros(len(sources_mm)), np.zeros((len(places_mm), 1))
    sums = np.zeros((len(places_mm), len(radii_mm), thresholds.shape[1]))
    if sums.size == 0 or len(sources_mm) == 0:
        return sums
    side = radii_mm[-1] / _CELLS_PER_RADIUS
    corner = sources_mm.min(axis=0)
    cells = ((sources_mm - corner) / side).astype(np.int64)
    down, across = (int(extent) for extent in cells.max(axis=0) + 1)
    numbers = cells[:, 0] * across + cells[:, 1]
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(down * across + 1))
    _add_up(
        np.ascontiguousarray(places_mm, np.float64),
        np.floor((places_mm - corner) / side).astype(np.int64),
        np.ascontiguousarray(sources_mm[order], np.float64),
        np.asarray(weights, np.float64)[order],
        np.asarray(levels, np.float64)[order],
        np.ascontiguousarray(thresholds, np.float64),
        starts,
        (down, across),
        np.array(radii_mm, np.float64),
        float(beyond_mm),
        sums,
    )
    return sums


@kernel
def _add_up(places, cells, sources, weights, levels, thresholds, starts, shape, radii, beyond, sums):  # type: ignore[no-untyped-def]
    down, across = shape
    farthest = radii[-1] * radii[-1]
    for i in range(len(places)):
        y, x = places[i, 0], places[i, 1]
        first = max(cells[i, 1] - _CELLS_PER_RADIUS, 0)
        last = min(cells[i, 1] + _CELLS_PER_RADIUS, across - 1)
        if first > last:
            continue
        for row in range(max(cells[i, 0] - _CELLS_PER_RADIUS, 0), min(cells[i, 0] + _CELLS_PER_RADIUS, down - 1) + 1):
            for j in range(starts[row * across + first], starts[row * across + last + 1]):
                dy, dx = sources[j, 0] - y, sources[j, 1] - x
                squared = dy * dy + dx * dx
                if squared > farthest:
                    continue
                distance = np.sqrt(squared)
                if distance <= beyond:
                    continue
                for r in range(len(radii)):
                    if distance <= radii[r]:
                        for t in range(thresholds.shape[1]):
                            if levels[j] >= thresholds[i, t]:
                                sums[i, r, t] += weights[j]
