"""The heatmap of a mammogram: a patch network over a grid of patches that covers the breast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ParameterError, WarningRecord
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .heatmap import Heatmap
from .image import Grid, breast_in_contrast
from .judged_patches import patch_probabilities, slides, sliding_probabilities
from .patch_networks import PatchInput, PatchModel
from .runtime import Runtime, with_memory_fallback

LARGEST_CONTRAST = 5.25  # stronger local contrast is cut to this
_BATCH = 128  # patches computed at once
_BAND = 32  # or steps of the network, where it is slid
_LEAST_BREAST = 0.05  # share of a cell that has to be breast


@dataclass(frozen=True)
class SeenImage:
    """A mammogram as patch networks see it.

    Parameters
    ----------
    grid : Grid
        Local contrast of the breast's box, 0 outside the breast.
    inside : bool array, shape of the grid
        The breast.
    """

    grid: Grid
    inside: NDArray[np.bool_]


def seen_image(
    pixels: NDArray[np.float32], breast: NDArray[np.bool_], spacing_mm: tuple[float, float], seen: PatchInput
) -> SeenImage:
    """What a patch network sees of a mammogram (blur, normalization and resizing of the paper).

    The image is smoothed and resampled to one spacing, and expressed in units of its local noise.

    Parameters
    ----------
    pixels, breast : arrays, shape (rows, columns)
        The breast holds at least one pixel.
    spacing_mm : (float, float)
    seen : PatchInput
    """
    grid, inside = breast_in_contrast(pixels, breast, spacing_mm, seen.grid_mm)
    np.clip(grid.values, -LARGEST_CONTRAST, LARGEST_CONTRAST, out=grid.values)
    grid.values[~inside] = 0
    return SeenImage(grid, inside)


def patch_heatmap(
    mammogram: Mammogram,
    breast: BreastRegion,
    model: PatchModel,
    stride_mm: float | None = None,
    runtime: Runtime | None = None,
    progress: Progress = no_progress,
    drawn: Iterable[Heatmap] = (),
) -> tuple[Heatmap, tuple[WarningRecord, ...]]:
    """Probability of each patch of the breast.

    The detection network is slid over the image where the stride allows it; that of malignancy, whose answers change
    more with what lies beyond a patch, sees patches cut out.

    Parameters
    ----------
    mammogram : Mammogram
    breast : BreastRegion
        Patches whose cell lies outside are not computed.
    model : PatchModel
        Where it names a detection network, patches in which that one sees nothing stay NaN.
    stride_mm : float, optional
        Distance of neighboring patches, rounded to the network's grid; a patch's side by default and at most, so that
        patches touch (as in the paper). Strides that divide it repeat these patches and add others between.
    runtime : Runtime, optional
        The best there is by default.
    progress : callable, optional
        Called with the stage ``heatmap`` after each batch; may raise ``Cancelled``.
    drawn : iterable of Heatmap
        Of the same mammogram and breast with the same stride: what the detection network said in one of them is not
        computed again.

    Returns
    -------
    heatmap : Heatmap
        Without a breast: one cell, NaN.
    warnings : tuple of WarningRecord
        When the memory of a GPU did not suffice.

    Raises
    ------
    ParameterError
        When the stride is below the network's grid.
    """
    runtime = runtime or Runtime.choose()
    seen = model.input
    stride = seen.side if stride_mm is None else min(round(stride_mm / seen.grid_mm), seen.side)
    if stride < 1:
        raise ParameterError(f"The stride of a heatmap is at least {seen.grid_mm:g} mm, the grid of its network.")
    if not breast.mask.any():
        return _heatmap(mammogram, model, np.full((1, 1), np.nan, np.float32), (stride, stride), (0.0, 0.0)), ()
    image = seen_image(mammogram.pixels, breast.mask, mammogram.spacing_mm, seen)
    starts = [patch_starts(length, seen.side, stride) for length in image.inside.shape]
    cells = share_of_cells(image.inside, starts, seen.side, stride) >= _LEAST_BREAST
    values = np.full(cells.shape, np.nan, np.float32)
    warnings: list[WarningRecord] = []
    known = {heatmap.sha256: heatmap.probabilities for heatmap in drawn if heatmap.task == "detection"}
    for judge in filter(None, (model.only_where, model)):
        earlier = None if judge is model else known.get(judge.sha256)
        if earlier is not None and earlier.shape == cells.shape:
            values[cells] = earlier[cells]
        else:
            slid = judge.task == "detection" and slides(judge, stride)
            judged, size = (sliding_probabilities, _BAND) if slid else (patch_probabilities, _BATCH)
            rows, columns = np.nonzero(cells)
            corners = np.column_stack((starts[0][rows], starts[1][columns]))
            attempt = partial(_attempt, judged, image.grid.values, corners, judge, progress)
            values[cells], more = with_memory_fallback(runtime, size, 4, attempt)
            warnings += more
        if judge is not model:
            cells = values >= (judge.threshold or 0.5)
            values[~cells] = np.nan
    # center of cell (0, 0) on the grid, then in pixels of the image, then in mm
    centers = [starts[axis][0] + (seen.side - 1) / 2 for axis in (0, 1)]
    first_px = [image.grid.box[2 * axis] + (centers[axis] + 0.5) * image.grid.scale[axis] - 0.5 for axis in (0, 1)]
    strides_px = (stride * image.grid.scale[0], stride * image.grid.scale[1])
    return _heatmap(mammogram, model, values, strides_px, (first_px[0], first_px[1])), tuple(dict.fromkeys(warnings))


def _attempt(
    judged: Callable[..., NDArray[np.float32]],
    values: NDArray[np.float32],
    corners: NDArray[np.integer],
    model: PatchModel,
    progress: Progress,
    runtime: Runtime,
    size: int,
) -> NDArray[np.float32]:
    return judged(values, corners, model, runtime, size, progress)


def patch_starts(length: int, side: int, stride: int) -> NDArray[np.intp]:
    """First pixels of patches, multiples of the stride, whose cells (of the stride's size) cover a length."""
    before = math.ceil((side - stride) / 2 / stride)
    count = math.ceil((length - (side - stride) / 2) / stride) + before
    return np.arange(-before, max(count - before, 1)) * stride


def share_of_cells(
    inside: NDArray[np.bool_], starts: list[NDArray[np.intp]], side: int, stride: int
) -> NDArray[np.float64]:
    """Share of each cell, the stride's square in the middle of its patch, that is breast."""
    total = np.pad(inside.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
    margin = (side - stride) // 2
    first, last = (
        [np.clip(starts[axis] + margin + added, 0, inside.shape[axis]) for axis in (0, 1)] for added in (0, stride)
    )
    corner = total[np.ix_(last[0], last[1])] + total[np.ix_(first[0], first[1])]
    return (corner - total[np.ix_(first[0], last[1])] - total[np.ix_(last[0], first[1])]) / stride**2


def _heatmap(
    mammogram: Mammogram,
    model: PatchModel,
    values: NDArray[np.float32],
    strides_px: tuple[float, float],
    first_px: tuple[float, float],
) -> Heatmap:
    row_mm, column_mm = mammogram.spacing_mm
    return Heatmap(
        task=model.task,
        probabilities=values,
        spacing_mm=(strides_px[0] * row_mm, strides_px[1] * column_mm),
        first_center_mm=(first_px[0] * row_mm, first_px[1] * column_mm),
        patch_mm=model.input.patch_mm,
        image_origin_lps_mm=mammogram.origin_lps_mm,
        direction_lps=mammogram.direction_lps,
        model=str(model.card.get("name", "")),
        sha256=model.sha256,
        threshold=model.threshold,
        notice=model.notice,
    )
