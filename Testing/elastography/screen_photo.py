"""A screen as a camera sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from MicrocalcElastographyLib.screen.perspective import perspective_coefficients

CORNERS = ((80.0, 60.0), (900.0, 90.0), (880.0, 1130.0), (100.0, 1170.0))
"""x and y of the screen's corners on the photo: upper left, upper right, lower right, lower left."""


def photo_of(rgb: NDArray[np.uint8], desk: tuple[int, int, int] = (90, 90, 90)) -> Image.Image:
    """The screen from a slight angle, on a desk of that color."""
    rows, columns = rgb.shape[:2]
    upright = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], dtype=float)
    way = perspective_coefficients(np.array(CORNERS), upright).tolist()
    return Image.fromarray(rgb).transform(
        (980, 1240), Image.Transform.PERSPECTIVE, way, Image.Resampling.BICUBIC, fillcolor=desk
    )
