"""The stiffest cube or sphere of a lesion over the slices of a volume, beside the box in one of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..elastogram import Direction
from ..elastogram_volume import ElastogramVolume
from .regions import middle_of, within_reach
from .stiffest import TIE, BoxShape, Mask, centers_on, footprint, window_sums

SOLIDS = {BoxShape.SQUARE: "cube", BoxShape.CIRCLE: "sphere"}
"""What a measurement box becomes over several slices."""


@dataclass(frozen=True)
class Block:
    """The stiffest cube or sphere and what lies in it.

    Parameters
    ----------
    solid : str
        ``cube`` or ``sphere``.
    size_mm : (float, float, float)
        Over slices, rows, columns; whole pixels.
    center : (float, float, float)
        Slice, row and column.
    searched : (int, int)
        First and last slice on which its middle could lie.
    mean, maximum, minimum, standard_deviation : float
        In ``unit``, of the pixels with a value.
    valid_share : float
        Share of its pixels that carry one, 0 to 1.
    """

    solid: str
    size_mm: tuple[float, float, float]
    center: tuple[float, float, float]
    searched: tuple[int, int]
    unit: str
    mean: float
    maximum: float
    minimum: float
    standard_deviation: float
    valid_share: float

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @property
    def words(self) -> str:
        """Solid, size and slice."""
        return f"stiffest {self.size_mm[1]:.1f} mm {self.solid} over the slices, in slice {self.center[0]:g}"


def stiffest_block(
    volume: ElastogramVolume,
    lesion: Mask,
    reach_mm: tuple[float, float],
    size_mm: float,
    shape: BoxShape,
    shares: tuple[float, float],
) -> Block | None:
    """The position with the stiffest mean over the slices of a lesion, the exact extreme.

    Parameters
    ----------
    volume : ElastogramVolume
    lesion : bool array, shape (rows, columns)
        Outline in the slice that is measured, taken for that of all slices.
    reach_mm : (float, float)
        How far from that slice, and from the outline, the middle of the block may lie.
    size_mm, shape
        Side of the cube (square) or diameter of the sphere (circle).
    shares : (float, float)
        Smallest share of the block that carries a value, and of its middle slice (of the outline where that is
        smaller) that is lesion with a value.

    Returns
    -------
    Block or None
        None when no position has enough values, or the slices are farther apart than it is large. Of equally stiff
        ones that nearest to the slice measured, then that nearest to the middle of the outline.
    """
    if size_mm < max(volume.spacing_mm):
        return None
    solid = footprint(size_mm, shape, volume.spacing_mm)
    thick, slices = len(solid), len(volume.values)
    if any(length > limit for length, limit in zip(solid.shape, volume.values.shape, strict=True)):
        return None
    before = (thick - 1) // 2
    far = int(reach_mm[0] / volume.spacing_mm[0])
    middles = range(max(volume.number - far, before), min(volume.number + far, slices - thick + before) + 1)
    valid = np.isfinite(volume.values)
    filled = np.where(valid, volume.values, 0.0).astype(np.float64)
    near = within_reach(lesion, volume.spacing_mm[1:], reach_mm[1])
    middle_row, middle_column = middle_of(lesion)
    sign = 1.0 if volume.direction is Direction.STIFFER_IS_HIGHER else -1.0
    first_row, first_column = ((length - 1) // 2 for length in solid.shape[1:])
    best: tuple[float, float, float] | None = None
    place = (0, 0, 0)
    for middle in middles:
        top = middle - before
        counts = _sums(valid[top : top + thick].astype(np.float64), solid)
        sums = _sums(filled[top : top + thick], solid)
        usable = near & centers_on(lesion & valid[middle], solid[before], shares[1])
        rows, columns = counts.shape
        allowed = usable[first_row : first_row + rows, first_column : first_column + columns]
        allowed = allowed & (counts >= max(np.ceil(shares[0] * solid.sum() - 1e-9), 1))
        if not allowed.any():
            continue
        found = np.flatnonzero(allowed)
        stiffness = sign * sums.ravel()[found] / counts.ravel()[found]
        tie = TIE * max(float(np.abs(stiffness).max()), 1.0)
        down, right = np.divmod(found[stiffness >= stiffness.max() - tie], columns)
        distance = (down + first_row - middle_row) ** 2 + (right + first_column - middle_column) ** 2
        nearest = int(distance.argmin())
        rank = (float(stiffness.max()), -abs(middle - volume.number), -float(distance[nearest]))
        if best is None or (rank[0] > best[0] + tie) or (rank[0] > best[0] - tie and rank[1:] > best[1:]):
            best, place = rank, (top, int(down[nearest]), int(right[nearest]))
    if best is None:
        return None
    inside = tuple(slice(start, start + length) for start, length in zip(place, solid.shape, strict=True))
    measured = volume.values[inside][solid & valid[inside]].astype(np.float64)
    return Block(
        solid=SOLIDS[shape],
        size_mm=tuple(n * length for n, length in zip(solid.shape, volume.spacing_mm, strict=True)),
        center=tuple(start + (n - 1) / 2 for start, n in zip(place, solid.shape, strict=True)),
        searched=(middles[0], middles[-1]),
        unit=str(volume.unit),
        mean=float(measured.mean()),
        maximum=float(measured.max()),
        minimum=float(measured.min()),
        standard_deviation=float(measured.std(ddof=1)) if measured.size > 1 else 0.0,
        valid_share=measured.size / int(solid.sum()),
    )


def _sums(slices: NDArray[np.float64], solid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sums under a solid as thick as the slices, at every position in the plane where it lies wholly inside."""
    total: NDArray[np.float64] = np.sum([window_sums(*pair) for pair in zip(slices, solid, strict=True)], axis=0)
    return total
