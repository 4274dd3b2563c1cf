"""Small elastograms and regions for the tests of measurement, scores and protocol."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from MicrocalcElastographyLib.elastogram import Direction, Elastogram, Quality, Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.measurement import Region

SPACING_MM = (0.25, 0.25)


def elastogram_of(
    values: ArrayLike,
    unit: Unit = Unit.KILOPASCAL,
    direction: Direction | None = None,
    value_range: tuple[float, float] | None = None,
    spacing_mm: tuple[float, float] | None = SPACING_MM,
    b_mode: NDArray[np.uint8] | None = None,
) -> Elastogram:
    """A map of values, NaN where void."""
    array = np.asarray(values, np.float32)
    usual = Direction.SOFTER_IS_HIGHER if unit == Unit.STRAIN else Direction.STIFFER_IS_HIGHER
    valid = np.isfinite(array)
    return Elastogram(
        values=array,
        valid=valid,
        unit=unit,
        quality=Quality(pixels=array.size, void_fraction=float(1 - valid.mean())),
        direction=direction or usual,
        value_range=value_range,
        spacing_mm=spacing_mm,
        b_mode=b_mode,
    )


def screen_with_box(
    frame_shape: tuple[int, int], box: Rectangle, panel: Rectangle, value: float = 10.0, **changes: object
) -> Elastogram:
    """A box of one value on a screen with a panel."""
    values = np.full((box.height, box.width), value, np.float32)
    settings: dict[str, object] = {
        "values": values,
        "valid": np.ones(values.shape, dtype=bool),
        "unit": Unit.KILOPASCAL,
        "quality": Quality(pixels=values.size, void_fraction=0.0),
        "spacing_mm": SPACING_MM,
        "box": box,
        "panel": panel,
        "frame": np.zeros((*frame_shape, 3), np.uint8),
        "value_range": (0.0, 180.0),
        **changes,
    }
    return Elastogram(**settings)  # type: ignore[arg-type]


def disk(shape: tuple[int, int], center: tuple[float, float], radius: float) -> Region:
    """Pixels within a distance of a center, as a region."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return Region((rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2, "disk")
