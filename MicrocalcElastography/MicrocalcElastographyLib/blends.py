"""How a scanner laid the colors over its B-mode image: in display levels, in linear light, or modulated by it.

With the paired B-mode panel the way can be told and undone pixel by pixel; without it, only that it is unusual.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .color_scale import ColorScale

_GAMMA = 2.2
_OPACITIES, _FINER = np.linspace(0.2, 1.0, 17), np.linspace(-0.04, 0.04, 9)
_AVERAGED_PX, _COLORFUL = 5, 12
_SAMPLE, _TABLE = 1200, 256  # pixels and colors that decide
_FARTHEST = 20.0  # gray levels; text and outlines count as if they were at this distance
_UNUSUAL, _BETTER = 3.0, 0.5  # residual that calls for another way, and the share of it that another way may leave
_CLASSES, _EXPLAINED, _SMALLEST_RESIDUAL = 8, 0.25, 4.0

Floats = NDArray[np.float32]


class Blend(StrEnum):
    """The formula behind a pixel; ``a`` is the opacity, ``g`` the B-mode, ``c`` the color."""

    DISPLAY = "in display levels"
    """(1 - a) g + a c"""
    LINEAR_LIGHT = "in linear light"
    """The same with every level to the power of 2.2."""
    MODULATED = "modulated by the B-mode"
    """c (1 - (1 - a) (1 - g / 255))"""


class BlendEstimate(NamedTuple):
    """The way of blending, the opacity, and the median distance of the colors from the bar, in gray levels."""

    blend: Blend
    opacity: float
    residual: float


def recovered(colors: NDArray[Any], b_mode: NDArray[Any], opacity: float, blend: Blend) -> Floats:
    """The colors before they were blended.

    Parameters
    ----------
    colors : array, shape (..., 3)
    b_mode : array, shape (...)
        Gray level at the same pixels.
    opacity : float
        Above 0 to 1.
    blend : Blend
    """
    shown, gray = colors.astype(np.float32), b_mode.astype(np.float32)[..., None]
    if blend is Blend.MODULATED:
        share = np.maximum(1.0 - (1.0 - opacity) * (1.0 - gray / 255.0), 0.05)
        return np.clip(shown / share, 0.0, 300.0).astype(np.float32)
    if blend is Blend.DISPLAY:
        return ((shown - (1.0 - opacity) * gray) / opacity).astype(np.float32)
    light = ((shown / 255.0) ** _GAMMA - (1.0 - opacity) * (gray / 255.0) ** _GAMMA) / opacity
    back: Floats = (255.0 * np.clip(light, 0.0, 1.5) ** (1.0 / _GAMMA)).astype(np.float32)
    return back


def likeliest_blend(
    colors: NDArray[np.uint8], b_mode: NDArray[np.uint8], scale: ColorScale, opacity: float | None
) -> BlendEstimate | None:
    """The way of blending that brings the colors onto the bar, or None when display levels do.

    Parameters
    ----------
    colors : uint8 array, shape (rows, columns, 3)
    b_mode : uint8 array, shape (rows, columns)
    scale : ColorScale
    opacity : float or None
        None tries several.
    """
    colorful = np.flatnonzero(np.ptp(colors, axis=2).ravel() > _COLORFUL)
    if colorful.size < _CLASSES:
        return None
    chosen = colorful[np.linspace(0, colorful.size - 1, min(_SAMPLE, colorful.size)).astype(np.intp)]
    table = np.ascontiguousarray(scale.resampled(_TABLE), dtype=np.float32)

    def best_of(blend: Blend) -> BlendEstimate:
        points, gray = _averaged(colors, b_mode, blend)
        points, gray = points.reshape(-1, 3)[chosen], gray.ravel()[chosen]

        def tried(opacities: NDArray[np.float64]) -> BlendEstimate:
            return min(
                (
                    BlendEstimate(blend, float(share), _residual(recovered(points, gray, share, blend), table, share))
                    for share in opacities
                ),
                key=lambda found: found.residual,
            )

        if opacity is not None:
            return tried(np.array([opacity]))
        near = tried(_OPACITIES).opacity
        return tried(np.clip(near + _FINER, 0.1, 1.0))

    usual, *others = (best_of(blend) for blend in Blend)
    best = min(others, key=lambda found: found.residual)
    if usual.residual < _UNUSUAL or best.residual > _BETTER * usual.residual:
        return None
    return best


def _averaged(colors: NDArray[np.uint8], b_mode: NDArray[np.uint8], blend: Blend) -> tuple[Floats, Floats]:
    """Both images averaged over a few pixels, because lossy compression codes the speckle of two panels differently."""
    shown, gray = colors.astype(np.float32), b_mode.astype(np.float32)
    if blend is Blend.LINEAR_LIGHT:
        shown, gray = (255.0 * (part / 255.0) ** _GAMMA for part in (shown, gray))
    shown = ndimage.uniform_filter(shown, (_AVERAGED_PX, _AVERAGED_PX, 1))
    gray = ndimage.uniform_filter(gray, _AVERAGED_PX)
    if blend is Blend.LINEAR_LIGHT:
        shown, gray = (255.0 * (part / 255.0) ** (1.0 / _GAMMA) for part in (shown, gray))
    return shown, gray


def _residual(points: Floats, table: Floats, opacity: float) -> float:
    from .unblending_kernels import nearest_distances

    return float(np.median(nearest_distances(np.ascontiguousarray(points), table, _FARTHEST / opacity))) * opacity


def follows_brightness(distance: Floats, brightness: NDArray[Any]) -> bool:
    """Whether colors lie the farther from the bar the brighter (or darker) they are: a sign of another blend.

    Parameters
    ----------
    distance : float array, shape (n,)
        Of pixels with a value, in gray levels.
    brightness : array, shape (n,)
    """
    if distance.size < 10 * _CLASSES or float(distance.mean()) < _SMALLEST_RESIDUAL:
        return False
    order = np.argsort(brightness, kind="stable")
    means = np.array([part.mean() for part in np.array_split(distance[order], _CLASSES)])
    return float(means.var()) > _EXPLAINED * float(distance.var())
