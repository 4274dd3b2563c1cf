"""Gray levels of many regions, numbered for the texture matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.kernels import kernel
from .regions import Regions


@dataclass(frozen=True)
class GrayLevels:
    """The gray levels that occur in each region.

    Parameters
    ----------
    levels : int32 array, as long as the regions' mask
        Gray level of each pixel, from 1; 0 outside the regions.
    positions : int32 array, as long as the regions' mask
        Each pixel's position in its region's part of ``grays``; outside the region that of the final 0.
    grays : float64 array
        The levels that occur, region after region, ascending, each region's part closed by a 0.
    gray_starts : int64 array, shape (regions + 1,)
        Where each region's part of ``grays`` starts.
    """

    levels: NDArray[np.int32]
    positions: NDArray[np.int32]
    grays: NDArray[np.float64]
    gray_starts: NDArray[np.int64]


def number_levels(levels: NDArray[np.int32], regions: Regions) -> GrayLevels:
    """Number the levels that occur in each region.

    Parameters
    ----------
    levels : int32 array, as long as ``regions.mask``
        Gray level of each pixel, from 1; 0 outside the regions.
    regions : Regions
    """
    positions = np.empty(len(levels), np.int32)
    grays = np.empty(np.count_nonzero(levels) + len(regions))
    gray_starts = np.zeros(len(regions) + 1, np.int64)
    _number(levels, regions.starts, int(levels.max(initial=0)), positions, grays, gray_starts)
    return GrayLevels(levels, positions, grays[: gray_starts[-1]], gray_starts)


@kernel
def _number(levels, starts, highest, positions, grays, gray_starts):  # type: ignore[no-untyped-def]
    order = np.zeros(highest + 1, np.int32)
    for index in range(len(starts) - 1):
        for place in range(starts[index], starts[index + 1]):
            order[levels[place]] = 1
        count = 0
        for level in range(1, highest + 1):
            if order[level]:
                order[level] = count
                grays[gray_starts[index] + count] = level
                count += 1
        order[0] = count
        grays[gray_starts[index] + count] = 0
        gray_starts[index + 1] = gray_starts[index] + count + 1
        for place in range(starts[index], starts[index + 1]):
            positions[place] = order[levels[place]]
        for level in range(highest + 1):
            order[level] = 0
