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
_CELLS, _LOOKUP_MARGIN = 32**3, 8.0  # of the look-up before they are halved; gray levels around the table
_NOISE_ROWS, _LEAST_NOISE = 24, 0.05  # rows that tell the noise of a pair; gray levels
_SEARCHED_OPACITIES = np.linspace(0.1, 1.0, 37)
_SMALLEST_TOLERANCE = 0.5  # residuals that differ by less fit equally well, in gray levels
_FARTHEST = 20.0  # gray levels; a pixel farther from the scale than this counts as if it were at this distance
_SAMPLE = 1500  # pixels that decide the opacity
_LOOKED_AT = 20_000  # pixels among which they are sought first
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

    A look-up of some 64³ cells gives the entry to begin with, which is built once for each table, opacity and firmness.

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
    from .unblending_kernels import match_pixels

    if b_mode is None:
        gray = np.full((1, 1), _B_MODE_MEAN, dtype=np.float32)
        blend_sd, b_mode_sd = (1.0 - opacity) * _B_MODE_SD, _B_MODE_SD
    else:
        gray = b_mode.astype(np.float32)
        blend_sd = b_mode_sd = _pair_noise(colors, gray, opacity)
    weight = _firmness(blend_sd)
    lookup = _lookup(scale.resampled(_STEPS).tobytes(), round(opacity, 4), weight)
    blend = (np.float32(1.0 - opacity), np.float32(weight), np.float32(_firmness(b_mode_sd)))
    fractions, distance, chroma, to_b_mode = (np.empty(colors.shape[:2], dtype=np.float32) for _ in range(4))
    axes = CHROMA_AND_GRAY.astype(np.float32)
    far = np.float32(_FAR * opacity)
    match_pixels(colors, gray, axes, blend, lookup, far, smoothing_px, fractions, distance, chroma, to_b_mode)
    return Match(fractions, distance, to_b_mode, chroma < _COLORLESS)


class _Lookup(NamedTuple):
    """A blended table without repeated colors and where to begin in it; see `unblending_kernels.match_pixels`."""

    table: NDArray[np.float32]
    places: NDArray[np.float32]
    lines: NDArray[np.float32]
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
    width = float(np.cbrt(np.prod(highest - lowest) / _CELLS))
    counts = np.ceil((highest - lowest) / width).astype(np.intp)
    cells = [start + (np.arange(count) + 0.5) * width for start, count in zip(lowest, counts, strict=True)]
    nearest = cKDTree(table).query(np.stack(np.meshgrid(*cells, indexing="ij"), axis=-1).reshape(-1, 3))[1]
    reach = _reach(table, 0.25 * np.sqrt(3.0) * width)
    single, corner = table.astype(np.float32), lowest.astype(np.float32)
    starts = halved_cells(
        nearest.reshape(counts).astype(np.int16), single, reach, corner, np.full(3, width, np.float32)
    )
    per_cell = np.full(3, 2.0 / width, np.float32)
    return _Lookup(single, middles.astype(np.float32), _lines(table), starts, corner, per_cell)


def _lines(table: NDArray[np.float64]) -> NDArray[np.float32]:
    """For each entry, x, y, z and constant of the function that tells where its straight continuation comes closest."""
    entries = np.arange(len(table))
    behind, before = np.minimum(entries + 1, len(table) - 1), np.maximum(entries - 1, 0)
    way = (table[behind] - table[before]) / (behind - before)[:, None]
    way /= np.maximum((way**2).sum(axis=1), _SAME_COLOR)[:, None]
    # One half, because places are cut to whole entries.
    found: NDArray[np.float32] = np.column_stack([way, entries + 0.5 - (way * table).sum(axis=1)]).astype(np.float32)
    return found


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

    colorful = _colorful_pixels(colors.reshape(-1, 3))
    if colorful.size == 0:
        return None
    colorful = colorful[np.linspace(0, colorful.size - 1, min(_SAMPLE, colorful.size)).astype(np.intp)]
    points = (colors.reshape(-1, 3)[colorful] @ CHROMA_AND_GRAY.T).astype(np.float32)
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


def _colorful_pixels(colors: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Numbers of the pixels (shape (n, 3)) that are not gray; of a large box with much color only some of them."""
    for step in (max(1, len(colors) // _LOOKED_AT), 1):
        chroma = colors[::step] @ CHROMA_AND_GRAY[:2].T
        found = step * np.flatnonzero(np.hypot(chroma[:, 0], chroma[:, 1]) >= _COLORLESS)
        if found.size >= _SAMPLE:
            break
    return found
