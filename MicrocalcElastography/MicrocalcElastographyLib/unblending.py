"""Taking the gray B-mode image out of blended colors, and finding how strongly they were blended.

A scanner shows ``pixel = (1 - opacity) * gray B-mode + opacity * color of the value``. Seen along the gray axis of RGB
the B-mode moves a pixel, seen across it (in chroma) it does not. Every pixel is therefore matched to the color table in
chroma, and along the gray axis as firmly as its B-mode brightness is known: fully with a paired B-mode panel or at an
opacity of 100 %, hardly at all otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from .color_scale import CHROMA_AND_GRAY, ColorScale

_STEPS = 2048  # values told apart on the color scale
_B_MODE_MEAN, _B_MODE_SD = 70.0, 50.0  # gray levels expected of a B-mode pixel when there is no paired panel
_NOISE = 2.0  # standard deviation of a pixel of a lossy frame, in gray levels
_NOISE_LAG = 4  # pixels; farther than the correlation of JPEG noise, nearer than elasticity changes
_SAME_COLOR = 1e-6
_COLORLESS = 6.0  # chroma below which a pixel counts as gray, in gray levels
_SEARCHED_OPACITIES = np.linspace(0.1, 1.0, 37)
_SMALLEST_TOLERANCE = 0.5  # residuals that differ by less fit equally well, in gray levels
_FARTHEST = 20.0  # gray levels; a pixel farther from the scale than this counts as if it were at this distance
_SAMPLE = 3000  # pixels that decide the opacity

FloatArray = NDArray[np.float64]


class Match(NamedTuple):
    """Where on the color scale each pixel lies (``fractions``, 0 to 1), how far from it, and how far from gray B-mode.

    Distances are in 8-bit gray levels of the frame.
    """

    fractions: FloatArray
    distance_to_scale: FloatArray
    distance_to_b_mode: FloatArray
    colorless: NDArray[np.bool_]


class OpacityEstimate(NamedTuple):
    """Best opacity and the interval of opacities that explain the colors almost as well."""

    opacity: float
    interval: tuple[float, float]


def match_colors(
    colors: NDArray[np.uint8], scale: ColorScale, opacity: float, b_mode: NDArray[np.uint8] | None, smoothing_px: int
) -> Match:
    """Nearest entry of the blended color scale for every pixel.

    Parameters
    ----------
    colors : uint8 array, shape (rows, columns, 3)
    scale : ColorScale
    opacity : float
    b_mode : uint8 array, shape (rows, columns), or None
        Gray level of the paired B-mode panel at the same pixels.
    smoothing_px : int
        What is left when the B-mode is taken away is averaged over squares of this size; 1 for none.
    """
    points = colors @ CHROMA_AND_GRAY.T
    if b_mode is None:
        gray = np.full(colors.shape[:2], _B_MODE_MEAN)
        blend_sd, b_mode_sd = (1.0 - opacity) * _B_MODE_SD, _B_MODE_SD
    else:
        gray = b_mode.astype(np.float64)
        blend_sd = b_mode_sd = _pair_noise(points[..., 2] / np.sqrt(3.0) - (1.0 - opacity) * gray)
    gray_axis = np.sqrt(3.0) * gray

    weight = _firmness(blend_sd)
    table = opacity * (scale.resampled(_STEPS) @ CHROMA_AND_GRAY.T)
    table[:, 2] *= weight
    blended_color = points.copy()
    blended_color[..., 2] = weight * (points[..., 2] - (1.0 - opacity) * gray_axis)
    blended_color = ndimage.uniform_filter(blended_color, (smoothing_px, smoothing_px, 1))
    distance, index = cKDTree(table).query(blended_color)

    chroma = np.hypot(points[..., 0], points[..., 1])
    to_b_mode = np.hypot(chroma, _firmness(b_mode_sd) * (points[..., 2] - gray_axis))
    return Match(_middles_of_plateaus(table)[index], distance, to_b_mode, chroma < _COLORLESS)


def _firmness(gray_sd: float) -> float:
    """Weight of the gray axis against chroma when gray levels are uncertain by ``gray_sd``."""
    return _NOISE / float(np.hypot(_NOISE, np.sqrt(3.0) * gray_sd))


def _pair_noise(color_part: FloatArray) -> float:
    """Noise of what is left of the gray level once the paired B-mode is taken away, robust, in gray levels.

    The color part is smooth, so its differences over a few pixels are noise: lossy compression codes the speckle of
    the two panels differently.
    """
    lag = min(_NOISE_LAG, min(color_part.shape) - 1)
    differences = np.concatenate(
        [(color_part[lag:] - color_part[:-lag]).ravel(), (color_part[:, lag:] - color_part[:, :-lag]).ravel()]
    )
    return float(1.4826 * np.median(np.abs(differences)) / np.sqrt(2.0))


def _middles_of_plateaus(table: FloatArray) -> FloatArray:
    """Fraction of the scale each entry stands for; a run of equal colors stands for its middle."""
    fractions = (np.arange(len(table)) + 0.5) / len(table)
    run = np.cumsum(np.linalg.norm(np.diff(table, axis=0, prepend=table[:1]), axis=1) > _SAME_COLOR)
    middles: FloatArray = (np.bincount(run, fractions) / np.bincount(run))[run]
    return middles


def estimate_opacity(
    colors: NDArray[np.uint8], scale: ColorScale, b_mode: NDArray[np.uint8] | None
) -> OpacityEstimate | None:
    """The opacity at which the colors lie closest to the blended color scale; None when no pixel has color.

    Parameters as for `match_colors`. Without ``b_mode`` only chroma counts, and a box of few colors fits many
    opacities: the interval tells.
    """
    points = colors.reshape(-1, 3) @ CHROMA_AND_GRAY.T
    colorful = np.flatnonzero(np.hypot(points[:, 0], points[:, 1]) >= _COLORLESS)
    if colorful.size == 0:
        return None
    colorful = colorful[np.linspace(0, colorful.size - 1, min(_SAMPLE, colorful.size)).astype(np.intp)]
    points = points[colorful]
    table = scale.resampled(_STEPS // 4) @ CHROMA_AND_GRAY.T
    axes = slice(0, 2) if b_mode is None else slice(0, 3)
    gray = np.zeros_like(points)
    if b_mode is not None:
        gray[:, 2] = np.sqrt(3.0) * b_mode.reshape(-1)[colorful]

    def distances(opacity: float) -> FloatArray:
        blended = points - (1.0 - opacity) * gray
        distance: FloatArray = cKDTree(opacity * table[:, axes]).query(blended[:, axes])[0]
        return np.minimum(distance, _FARTHEST)

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
