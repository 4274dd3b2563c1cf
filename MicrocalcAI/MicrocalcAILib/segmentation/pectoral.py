"""The pectoral muscle on oblique views: a bright wedge in the upper corner at the chest wall.

A straight edge is searched for by gathering gradients along lines (Karssemeijer, Phys Med Biol 1998;43:365), checked
for what a muscle looks like, and bent by the path of steepest steps near it (dynamic programming).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from .background import Grid, Mask

OBLIQUE_VIEWS = ("MLO", "ML", "LMO", "LM", "SIO")
CELL_MM = 1.0
"""The muscle is searched for on a grid of about this pixel size."""
BLUR_MM = 2.0
STEP_WIDTH_MM = 6.0
"""A step is the change of brightness (0 to 1) over this distance."""
SKIN_MARGIN_MM = 6.0
"""Closer to the skin there is always a step, and it is not the muscle's."""
SHORTEST_EDGE_MM = 35.0
LEAST_WIDTH_MM = 20.0
"""Where a muscle is seen, the breast reaches the upper image border over at least this length."""
SLANTS = np.tan(np.deg2rad((12.0, 50.0)))
"""Range of the angle between the muscle's edge and the chest wall."""
USUAL_DEPTH_MM = 100.0
"""How far down the chest wall the muscle usually reaches, give or take the same distance."""
BEND_MM = 12.0
"""The muscle may bulge this far from a straight line."""


@dataclass(frozen=True)
class Evidence:
    """What makes a wedge a muscle.

    Parameters
    ----------
    step : float
        Mean step of brightness across the edge.
    consistency : float
        Mean difference between both sides of the edge over its standard deviation along the edge.
    surplus : float
        How much brighter the wedge is than the rest of the breast.
    part : float
        Area of the wedge over the area of the breast.
    """

    step: float
    consistency: float
    surplus: float
    part: float

    def is_enough(self, is_oblique: bool) -> bool:
        """Whether a muscle is there; more is asked for when nobody says that the view is oblique."""
        if is_oblique:
            return self.step > 0.10 and self.consistency > 0.6 and self.surplus > 0 and self.part < 0.45
        return self.step > 0.14 and self.consistency > 1.5 and self.surplus > 0.15 and self.part < 0.35


def find_pectoral_muscle(
    grid: Grid, breast: Mask, pixel_mm: tuple[float, float], chest_wall_side: str, view: str | None
) -> Mask | None:
    """Mark the pectoral muscle on an oblique or lateral view.

    Parameters
    ----------
    grid : float32 array, shape (rows, columns)
        Mammogram, brighter = more attenuating.
    breast : bool array of the same shape
        Not empty.
    pixel_mm : (float, float)
        Row and column spacing of ``grid``.
    chest_wall_side : {"left", "right"}
    view : str or None
        View position. Other views than oblique and lateral ones have no wedge; None (unknown) asks for more evidence.

    Returns
    -------
    bool array of the same shape, or None
        The part of ``breast`` that is muscle; None when no muscle stands out.
    """
    if view is not None and view not in OBLIQUE_VIEWS:
        return None
    if chest_wall_side == "right":
        mirrored = find_pectoral_muscle(grid[:, ::-1], breast[:, ::-1], pixel_mm, "left", view)
        return None if mirrored is None else mirrored[:, ::-1]
    rows, columns = np.flatnonzero(breast.any(axis=1)), np.flatnonzero(breast.any(axis=0))
    width_mm = np.count_nonzero(breast[rows[0]]) * pixel_mm[1]
    if width_mm < LEAST_WIDTH_MM or rows[0] * pixel_mm[0] > LEAST_WIDTH_MM:
        return None
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    brightness, inside, cell_mm = _brightness(grid[window], breast[window], pixel_mm)
    is_deep = ndimage.distance_transform_edt(inside, sampling=cell_mm) > SKIN_MARGIN_MM
    gradient = [
        STEP_WIDTH_MM * np.where(is_deep, part, np.nan) for part in np.gradient(brightness, cell_mm[0], cell_mm[1])
    ]
    line = _straight_edge(gradient, cell_mm, width_mm)
    if line is None or not _evidence(brightness, inside, cell_mm, *line).is_enough(view is not None):
        return None
    edge = _bent_edge(gradient, cell_mm, *line[:2])
    # the corner of the wedge lies far outside, so that it reaches the image borders
    outline = [(-1e3, -1e3), *((x / pixel_mm[1], y / pixel_mm[0]) for y, x in edge)]
    wedge = Image.new("1", (columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]))
    ImageDraw.Draw(wedge).polygon(outline, fill=1)
    muscle = np.zeros(breast.shape, bool)
    muscle[window] = np.asarray(wedge) & breast[window]
    return muscle


def _brightness(
    grid: Grid, breast: Mask, pixel_mm: tuple[float, float]
) -> tuple[NDArray[np.float64], Mask, tuple[float, float]]:
    """The blurred breast on a coarser grid, 0 to 1; where that is breast; the spacing of the coarser grid.

    Brightness is the mean of the gray value and of its rank, so that raw, processed and film images look alike.
    """
    steps = [max(1, round(CELL_MM / length)) for length in pixel_mm]
    cell_mm = (steps[0] * pixel_mm[0], steps[1] * pixel_mm[1])
    rows, columns = (max(1, length // step) for length, step in zip(grid.shape, steps, strict=True))
    crop = slice(rows * steps[0]), slice(columns * steps[1])
    cells = (rows, steps[0], columns, steps[1])
    weight = breast[crop].reshape(cells).mean(axis=(1, 3))
    total = np.where(breast, grid, 0)[crop].reshape(cells).mean(axis=(1, 3), dtype=np.float64)
    sigma = [BLUR_MM / length for length in cell_mm]
    blurred = ndimage.gaussian_filter(total, sigma) / np.maximum(ndimage.gaussian_filter(weight, sigma), 1e-3)
    inside = weight > 0.5
    ordered = np.sort(blurred[inside])
    rank = np.searchsorted(ordered, blurred) / max(1, ordered.size)
    low, high = np.percentile(ordered, (2, 99.5)) if ordered.size else (0.0, 0.0)
    gray = np.clip((blurred - low) / (high - low), 0, 1) if high > low else np.zeros_like(blurred)
    return 0.5 * (rank + gray), inside, cell_mm


def _straight_edge(
    gradient: list[NDArray[np.float64]], cell_mm: tuple[float, float], width_mm: float
) -> tuple[float, float, float] | None:
    """The best line from the upper border to the chest wall.

    Its distance in mm from the corner, down the chest wall and across the upper border, and the mean step over it.
    """
    rows, columns = gradient[0].shape
    down, across = np.meshgrid(
        np.arange(30.0, 1.3 * rows * cell_mm[0], 4.0), np.arange(18.0, 0.95 * width_mm, 2.0), indexing="ij"
    )
    is_slanted = (across > SLANTS[0] * down) & (across < SLANTS[1] * down)
    down, across = down[is_slanted][:, np.newaxis], across[is_slanted][:, np.newaxis]
    if not down.size:
        return None
    share = np.linspace(0.0, 1.0, 80)
    y, x = np.rint(down * share / cell_mm[0]).astype(int), np.rint(across * (1 - share) / cell_mm[1]).astype(int)
    flat = np.minimum(y, rows - 1) * columns + np.minimum(x, columns - 1)
    length = np.hypot(down, across)
    # brightness falls along the normal that points away from the corner
    step = -(gradient[0].ravel()[flat] * across + gradient[1].ravel()[flat] * down) / length
    known = np.isfinite(step) & (y < rows)
    count = np.maximum(np.count_nonzero(known, axis=1), 1)
    mean_step = np.where(known, np.clip(step, -0.3, 0.5), 0).sum(axis=1) / count
    length_mm = length[:, 0] * count / share.size
    usual = np.exp(-0.5 * ((down[:, 0] - USUAL_DEPTH_MM) / USUAL_DEPTH_MM) ** 2)
    score = np.where(length_mm > SHORTEST_EDGE_MM, mean_step * np.sqrt(np.minimum(length_mm, 100.0)) * usual, 0.0)
    best = int(score.argmax())
    return (float(down[best, 0]), float(across[best, 0]), float(mean_step[best])) if score[best] > 0 else None


def _evidence(
    brightness: NDArray[np.float64],
    inside: Mask,
    cell_mm: tuple[float, float],
    down_mm: float,
    across_mm: float,
    step: float,
) -> Evidence:
    """Look at the wedge that a line cuts off."""
    y, x = (np.arange(count) * length for count, length in zip(brightness.shape, cell_mm, strict=True))
    is_wedge = inside & (y[:, np.newaxis] / down_mm + x / across_mm < 1)
    is_rest = inside & ~is_wedge
    length = np.hypot(down_mm, across_mm)
    share = np.linspace(0.0, 1.0, 80)[:, np.newaxis]
    sides = []
    for offset in (np.arange(-9.0, -2.0, 2.0), np.arange(3.0, 10.0, 2.0)):
        rows = (down_mm * share + offset * across_mm / length) / cell_mm[0]
        columns = (across_mm * (1 - share) + offset * down_mm / length) / cell_mm[1]
        values = ndimage.map_coordinates(
            np.where(inside, brightness, np.nan), [rows, columns], order=0, mode="constant", cval=np.nan
        )
        sides.append(values.mean(axis=1))
    difference = sides[0] - sides[1]
    difference = difference[np.isfinite(difference)]
    if difference.size < 10 or not is_wedge.any() or not is_rest.any():
        return Evidence(step, 0.0, 0.0, 1.0)
    return Evidence(
        step=step,
        consistency=float(difference.mean() / max(difference.std(), 1e-6)),
        surplus=float(brightness[is_wedge].mean() - brightness[is_rest].mean()),
        part=float(np.count_nonzero(is_wedge) / np.count_nonzero(inside)),
    )


def _bent_edge(
    gradient: list[NDArray[np.float64]], cell_mm: tuple[float, float], down_mm: float, across_mm: float
) -> NDArray[np.float64]:
    """The path of steepest steps near a line: points (y, x) in mm, from beyond one image border to beyond the other."""
    length = np.hypot(down_mm, across_mm)
    along = np.array([down_mm, -across_mm]) / length
    normal = np.array([across_mm, down_mm]) / length
    position = np.arange(-0.15 * length, 1.15 * length, 1.0)
    offset = np.arange(-BEND_MM, BEND_MM + 0.25, 0.5)
    start = np.array([0.0, across_mm])
    points = start + position[:, np.newaxis, np.newaxis] * along + offset[:, np.newaxis] * normal
    index = np.moveaxis(points / cell_mm, -1, 0)
    down, across = (ndimage.map_coordinates(part, index, order=1, cval=np.nan) for part in gradient)
    step = -(down * normal[0] + across * normal[1])
    reward = np.clip(np.nan_to_num(step), -0.3, 0.5) - 0.15 * (offset / BEND_MM) ** 2
    path = ndimage.gaussian_filter1d(offset[_best_path(reward)], 4.0, mode="nearest")
    return np.asarray(start + position[:, np.newaxis] * along + path[:, np.newaxis] * normal)


def _best_path(reward: NDArray[np.float64]) -> NDArray[np.intp]:
    """Column per row, at most one column aside from row to row, with the greatest total reward."""
    total = reward[0]
    moves = np.zeros(reward.shape, np.intp)
    columns = np.arange(reward.shape[1])
    for row in range(1, len(reward)):
        beside = np.pad(total - 0.04, 1, constant_values=-np.inf)
        choices = np.stack([beside[:-2], total, beside[2:]])
        choice = choices.argmax(axis=0)
        moves[row] = choice - 1
        total = choices[choice, columns] + reward[row]
    path = np.empty(len(reward), np.intp)
    path[-1] = total.argmax()
    for row in range(len(reward) - 1, 0, -1):
        path[row - 1] = path[row] + moves[row, path[row]]
    return path
