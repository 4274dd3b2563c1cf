"""Taking the gray B-mode image out of blended colors, and finding how strongly they were blended.

A scanner shows ``pixel = (1 - opacity) * gray B-mode + opacity * color of the value``. Seen along the gray axis of RGB
the B-mode moves a pixel, seen across it (in chroma) it does not. Every pixel is therefore matched to the color table in
chroma, and along the gray axis as firmly as its B-mode brightness is known: fully with a paired B-mode panel or at an
opacity of 100 %, hardly at all otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from .color_scale import CHROMA_AND_GRAY, ColorScale

_STEPS = 2048  # values told apart on the color scale
_B_MODE_MEAN, _B_MODE_SD = 70.0, 50.0  # gray levels expected of a B-mode pixel when there is no paired panel
_NOISE = 2.0  # standard deviation of a pixel of a lossy frame, in gray levels
_NOISE_LAG = 4  # pixels; farther than the correlation of JPEG noise, nearer than elasticity changes
_SAME_COLOR = 1e-6
_COLORLESS = 6.0  # chroma below which a pixel counts as gray, in gray levels
_FAR = 6.0  # gray levels; at full opacity a color farther from the entry found may lie nearer to another part
_CELLS, _LOOKUP_MARGIN = (
    32,
    8.0,
)  # cells along each axis of the look-up before they are halved, and gray levels around the table
_NOISE_ROWS, _LEAST_NOISE = 24, 0.05  # rows that tell the noise of a pair; gray levels
_SEARCHED_OPACITIES = np.linspace(0.1, 1.0, 37)
_SMALLEST_TOLERANCE = 0.5  # residuals that differ by less fit equally well, in gray levels
_FARTHEST = 20.0  # gray levels; a pixel farther from the scale than this counts as if it were at this distance
_SAMPLE = 1500  # pixels that decide the opacity
_ON_THE_BAR, _ON_THE_BAR_WITHIN = 4.0, 0.03  # colors so near the bar itself are opaque, to within so much opacity


class Match(NamedTuple):
    """Where on the color scale each pixel lies (``fractions``, 0 to 1), how far from it, and how far from gray B-mode.

    Distances are in 8-bit gray levels of the frame.
    """

    fractions: NDArray[np.float32]
    distance_to_scale: NDArray[np.float32]
    distance_to_b_mode: NDArray[np.float32]
    colorless: NDArray[np.bool_]


class OpacityEstimate(NamedTuple):
    """Best opacity and the interval of opacities that explain the colors almost as well."""

    opacity: float
    interval: tuple[float, float]


def match_colors(
    colors: NDArray[np.uint8] | NDArray[np.float32],
    scale: ColorScale,
    opacity: float,
    b_mode: NDArray[np.uint8] | None,
    smoothing_px: int,
) -> Match:
    """Nearest entry of the blended color scale for every pixel.

    A look-up of 64³ cells gives the entry to begin with, which is built once for each table, opacity and firmness.

    Parameters
    ----------
    colors : uint8 or float32 array, shape (rows, columns, 3)
    scale : ColorScale
    opacity : float
    b_mode : uint8 array, shape (rows, columns), or None
        Gray level of the paired B-mode panel at the same pixels.
    smoothing_px : int
        What is left when the B-mode is taken away is averaged over squares of this size; 1 for none.
    """
    from .unblending_kernels import color_parts, match_pixels

    if b_mode is None:
        gray = np.full((1, 1), _B_MODE_MEAN, dtype=np.float32)
        blend_sd, b_mode_sd = (1.0 - opacity) * _B_MODE_SD, _B_MODE_SD
    else:
        gray = b_mode.astype(np.float32)
        blend_sd = b_mode_sd = _pair_noise(colors, gray, opacity)
    weight = _firmness(blend_sd)
    lookup = _lookup(scale.resampled(_STEPS).tobytes(), round(opacity, 4), weight)
    shape = colors.shape[:2]
    parts = np.empty((*shape, 3), dtype=np.float32)
    chroma, to_b_mode, distance = (np.empty(shape, dtype=np.float32) for _ in range(3))
    index = np.empty(shape, dtype=np.int16)
    axes = CHROMA_AND_GRAY.astype(np.float32)
    color_parts(colors, gray, axes, 1.0 - opacity, weight, _firmness(b_mode_sd), parts, chroma, to_b_mode)
    match_pixels(
        parts, lookup.table, lookup.reach, lookup.starts, lookup.lowest, lookup.per_cell, np.float32(_FAR * opacity),
        smoothing_px, index, distance,
    )  # fmt: skip
    return Match(lookup.fractions[index], distance, to_b_mode, chroma < _COLORLESS)


class _Lookup(NamedTuple):
    """A blended table without repeated colors, the fraction of the scale of each entry, and where to begin."""

    table: NDArray[np.float32]
    reach: NDArray[np.int16]
    fractions: NDArray[np.float32]
    starts: NDArray[np.int16]
    lowest: NDArray[np.float32]
    per_cell: NDArray[np.float32]


@lru_cache(maxsize=16)
def _lookup(colors: bytes, opacity: float, weight: float) -> _Lookup:
    from .unblending_kernels import halved_cells

    table = opacity * (np.frombuffer(colors).reshape(-1, 3) @ CHROMA_AND_GRAY.T)
    table[:, 2] *= weight
    fractions = (np.arange(len(table)) + 0.5) / len(table)
    is_new = np.linalg.norm(np.diff(table, axis=0, prepend=np.inf), axis=1) > _SAME_COLOR
    run = np.cumsum(is_new) - 1
    # A run of equal colors stands for its middle.
    middles = np.bincount(run, fractions) / np.bincount(run)
    table = table[is_new]
    lowest, highest = table.min(axis=0) - _LOOKUP_MARGIN, table.max(axis=0) + _LOOKUP_MARGIN
    width = (highest - lowest) / _CELLS
    cells = [start + (np.arange(_CELLS) + 0.5) * step for start, step in zip(lowest, width, strict=True)]
    nearest = cKDTree(table).query(np.stack(np.meshgrid(*cells, indexing="ij"), axis=-1).reshape(-1, 3))[1]
    reach = _reach(table, 0.25 * float(np.linalg.norm(width)))
    single, corner = table.astype(np.float32), lowest.astype(np.float32)
    starts = halved_cells(
        nearest.reshape(_CELLS, _CELLS, _CELLS).astype(np.int16), single, reach, corner, width.astype(np.float32)
    )
    per_cell = (2.0 / width).astype(np.float32)
    return _Lookup(single, reach, middles.astype(np.float32), starts, corner, per_cell)


def _reach(table: NDArray[np.float64], distance: float) -> NDArray[np.int16]:
    """Entries, a power of two up to 256, after which the way along a table is longer than a distance."""
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(table, axis=0), axis=1))])
    entries = np.arange(len(way))
    before = entries - np.searchsorted(way, way - distance)
    behind = np.searchsorted(way, way + distance) - entries
    found: NDArray[np.int16] = (2 ** np.ceil(np.log2(np.clip(np.maximum(before, behind), 1, 256)))).astype(np.int16)
    return found


def _firmness(gray_sd: float) -> float:
    """Weight of the gray axis against chroma when gray levels are uncertain by ``gray_sd``."""
    return _NOISE / float(np.hypot(_NOISE, np.sqrt(3.0) * gray_sd))


def _pair_noise(colors: NDArray[Any], gray: NDArray[np.float32], opacity: float) -> float:
    """Noise of what is left of the gray level once the paired B-mode is taken away, robust, in gray levels.

    The color part is smooth, so its differences over a few pixels are noise: lossy compression codes the speckle of
    the two panels differently. Rounded to a tenth of itself, so that like frames share a look-up.
    """
    step = max(1, colors.shape[0] // _NOISE_ROWS)
    rows = colors[::step].astype(np.float32).mean(axis=2) - np.float32(1.0 - opacity) * gray[::step]
    lag = min(_NOISE_LAG, rows.shape[1] - 1)
    noise = 1.4826 * float(np.median(np.abs(rows[:, lag:] - rows[:, :-lag]))) / np.sqrt(2.0)
    return float(1.1 ** round(np.log(max(noise, _LEAST_NOISE)) / np.log(1.1)))


def estimate_opacity(
    colors: NDArray[np.uint8], scale: ColorScale, b_mode: NDArray[np.uint8] | None
) -> OpacityEstimate | None:
    """The opacity at which the colors lie closest to the blended color scale; None when no pixel has color.

    Parameters as for `match_colors`. Without ``b_mode`` only chroma counts, and a box of few colors fits many
    opacities: the interval tells.
    """
    from .unblending_kernels import nearest_distances

    points = colors.reshape(-1, 3) @ CHROMA_AND_GRAY.T
    colorful = np.flatnonzero(np.hypot(points[:, 0], points[:, 1]) >= _COLORLESS)
    if colorful.size == 0:
        return None
    colorful = colorful[np.linspace(0, colorful.size - 1, min(_SAMPLE, colorful.size)).astype(np.intp)]
    points = points[colorful].astype(np.float32)
    table = (scale.resampled(_STEPS // 4) @ CHROMA_AND_GRAY.T).astype(np.float32)
    if b_mode is None:
        on_bar = nearest_distances(points, table, _FARTHEST)
        if float(np.quantile(on_bar, 0.75)) <= _ON_THE_BAR:
            # Speckle would scatter the colors along the gray axis.
            return OpacityEstimate(1.0, (1.0 - _ON_THE_BAR_WITHIN, 1.0))
        points[:, 2] = table[:, 2] = 0.0
    gray = np.zeros_like(points)
    if b_mode is not None:
        gray[:, 2] = np.sqrt(3.0) * b_mode.reshape(-1)[colorful]

    def distances(opacity: float) -> NDArray[np.float32]:
        blended = points - np.float32(1.0 - opacity) * gray
        found: NDArray[np.float32] = nearest_distances(blended, np.float32(opacity) * table, _FARTHEST)
        return found

    all_distances = np.array([distances(opacity) for opacity in _SEARCHED_OPACITIES])
    # Text and outlines fit at no opacity; what does not fit at the best one is left out.
    fitting = all_distances[int((all_distances**2).mean(axis=1).argmin())] < _FARTHEST
    if not fitting.any():
        return None

    def residual(opacity: float) -> float:
        return float(np.sqrt((distances(opacity)[fitting] ** 2).mean()))

    residuals = np.sqrt((all_distances[:, fitting] ** 2).mean(axis=1))
    best = int(residuals.argmin())
    bounds = _SEARCHED_OPACITIES[max(best - 1, 0)], _SEARCHED_OPACITIES[min(best + 1, len(residuals) - 1)]
    refined = minimize_scalar(residual, bounds=bounds, method="bounded", options={"xatol": 0.002})
    opacity, smallest = float(_SEARCHED_OPACITIES[best]), float(residuals[best])
    if refined.fun < smallest:
        opacity, smallest = float(refined.x), float(refined.fun)
    tolerance = max(_SMALLEST_TOLERANCE, 0.5 * smallest)
    close = _SEARCHED_OPACITIES[residuals <= smallest + tolerance]
    interval = (min(opacity, float(close.min(initial=1.0))), max(opacity, float(close.max(initial=0.0))))
    return OpacityEstimate(opacity, interval)
