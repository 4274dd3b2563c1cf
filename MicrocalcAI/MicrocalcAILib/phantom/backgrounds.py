"""What calcifications are inserted into: a real image or a simulated one, with its breast and its nipple."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..base.errors import ParameterError
from ..reading.mammogram import Mammogram
from ..segmentation.breast import find_breast
from ..segmentation.candidates import find_candidates
from .imaging import noise_blur_mm

COARSE = 4  # the breast is handled on a grid of every fourth pixel
_BRIGHT = 12.0  # peak of a speck over the noise that may be a calcification nobody labeled
_BRIGHT_MARGIN_MM = 0.2
SKIN_MARGIN_MM = 5.0  # calcifications stay this far from the skin line
FRAME_MARGIN_MM = 2.0  # and this far from the edge of the image


@dataclass(frozen=True)
class Background:
    """An image without (known) calcifications.

    Parameters
    ----------
    mammogram : Mammogram
    breast : bool array, shape (rows, columns)
    nipple : (float, float)
        Row and column, in pixels; ducts run toward it.
    kind : str
        ``image``, ``power-law`` or ``victre``.
    step : float
        Width of one grey level: inserted pixels are rounded to it.
    white : float
        The greatest pixel value; brighter ones are clipped.
    excluded : bool array or None
        Where nothing is inserted although it is breast, e.g. the pectoral muscle.
    parameters : dict
        How it was made. JSON-ready.
    """

    mammogram: Mammogram
    breast: NDArray[np.bool_]
    nipple: tuple[float, float]
    kind: str
    step: float
    white: float
    excluded: NDArray[np.bool_] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def spacing_mm(self) -> float:
        """Side of the (square) pixels."""
        return self.mammogram.spacing_mm[0]

    @cached_property
    def depth_mm(self) -> NDArray[np.float32]:
        """Distance to the skin line on the coarse grid; 0 where nothing may be inserted."""
        breast = self.breast[::COARSE, ::COARSE]
        pixel_mm = COARSE * self.spacing_mm
        depth = distance_transform_edt(breast, sampling=pixel_mm).astype(np.float32)
        margin = int(np.ceil(FRAME_MARGIN_MM / pixel_mm))
        for edge in (np.s_[:margin], np.s_[-margin:], np.s_[:, :margin], np.s_[:, -margin:]):
            depth[edge] = 0
        if self.excluded is not None:
            depth[self.excluded[::COARSE, ::COARSE]] = 0
        return depth

    def holds(self, y_mm: float, x_mm: float) -> bool:
        """Whether a calcification may be centered there."""
        row, column = (round(value / (COARSE * self.spacing_mm)) for value in (y_mm, x_mm))
        rows, columns = self.depth_mm.shape
        return 0 <= row < rows and 0 <= column < columns and bool(self.depth_mm[row, column] >= SKIN_MARGIN_MM)

    @cached_property
    def noise_blur_mm(self) -> float:
        """How far the image's noise is correlated (see :func:`~.imaging.noise_blur_mm`), in the deepest breast."""
        row, column = np.unravel_index(np.argmax(self.depth_mm), self.depth_mm.shape)
        rows, columns = (slice(max(COARSE * int(k) - 200, 0), COARSE * int(k) + 200) for k in (row, column))
        return noise_blur_mm(self.mammogram.pixels[rows, columns], self.spacing_mm)

    @cached_property
    def bright_specks(self) -> list[tuple[int, int, int, int]]:
        """Boxes (row_min, row_max, column_min, column_max; inclusive) around specks that were there before.

        Specks whose difference-of-Gaussians peak is at least 12 times the local noise. In a real image they may be
        calcifications that nobody labeled: neither true nor false.
        """
        spacing_mm = self.mammogram.spacing_mm
        found = find_candidates(self.mammogram.pixels, self.breast, spacing_mm)
        bright = found.responses[np.arange(len(found)), found.planes] >= _BRIGHT
        margin = round(_BRIGHT_MARGIN_MM / self.spacing_mm)
        boxes = []
        for index in np.flatnonzero(bright):
            own = slice(found.starts[index], found.starts[index + 1])
            rows, columns = found.rows[own], found.columns[own]
            boxes.append(
                (
                    int(rows.min()) - margin,
                    int(rows.max()) + margin,
                    int(columns.min()) - margin,
                    int(columns.max()) + margin,
                )
            )
        return boxes

    @cached_property
    def _inside(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.depth_mm >= SKIN_MARGIN_MM)

    def random_point_mm(self, rng: Generator) -> NDArray[np.float64]:
        """A random (y, x) in mm where a calcification may be centered.

        Raises
        ------
        ParameterError
            When the image shows no breast that is large enough.
        """
        if not len(self._inside):
            raise ParameterError(
                "No breast tissue deeper than 5 mm was found in the background; choose an image that shows a breast."
            )
        row, column = np.unravel_index(rng.choice(self._inside), self.depth_mm.shape)
        return np.array([row, column]) * COARSE * self.spacing_mm


def image_background(mammogram: Mammogram) -> Background:
    """Any image as a background.

    Parameters
    ----------
    mammogram : Mammogram
        Its pixels keep their grey levels; its noise and its sharpness stay as they are.

    Raises
    ------
    ParameterError
        When the pixels are not square.
    """
    row_mm, column_mm = mammogram.spacing_mm
    if abs(row_mm - column_mm) > 0.01 * row_mm:
        raise ParameterError(f"A background needs square pixels; these measure {row_mm:g} × {column_mm:g} mm.")
    region = find_breast(mammogram)
    return Background(
        mammogram=replace(mammogram, chest_wall_side=region.chest_wall_side or mammogram.chest_wall_side),
        breast=region.mask,
        nipple=nipple_of(region.mask, region.chest_wall_side),
        kind="image",
        step=grey_step(mammogram.pixels),
        white=float(mammogram.pixels.max()),
        excluded=region.pectoral_muscle,
        parameters={
            "source": {key: mammogram.source[key] for key in ("kind", "sha256") if key in mammogram.source},
            "spacing_source": mammogram.spacing_source,
        },
    )


def nipple_of(breast: NDArray[np.bool_], chest_wall_side: str | None) -> tuple[float, float]:
    """Estimate of the nipple: the breast's point farthest from the chest wall (row, column)."""
    coarse = breast[::COARSE, ::COARSE]
    if not coarse.any():
        return (breast.shape[0] / 2, breast.shape[1] / 2)
    columns = np.arange(coarse.shape[1])
    weight = coarse.sum(axis=0)
    tip = columns[weight > 0].min() if chest_wall_side == "right" else columns[weight > 0].max()
    rows = np.flatnonzero(coarse[:, tip])
    return (COARSE * float(rows.mean()), COARSE * float(tip))


def grey_step(pixels: NDArray[np.float32]) -> float:
    """Distance between neighboring grey levels, 0 for an image that is not quantized."""
    levels = np.unique(pixels[::3, ::3])
    return float(np.diff(levels).min()) if 1 < len(levels) <= 1 << 16 else 0.0
