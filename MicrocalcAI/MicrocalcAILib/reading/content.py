"""What every file reader hands over: one channel of pixels and what the file itself says about them."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import MicrocalcError, UnreadableImageError, UnsupportedImageError, WarningRecord
from ..base.limits import check_size as check_size
from .admission import AdmissionCard, Statement

IDENTITY_DIRECTION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class FileSpacing:
    """The pixel spacing as the file states it.

    Parameters
    ----------
    mm : (float, float) or None
        Between rows, between columns, in the plane of the breast; None when the file does not say.
    source : str
        In words, where the numbers come from.
    remark : str
        What the file says without being reliable enough to measure with; a sentence, or empty.
    warnings : tuple of WarningRecord
    statements : tuple of Statement
        Every number of the file that bears on the spacing.
    magnification : float or None
        Size at the detector over size in the breast; None when the file does not say.
    """

    mm: tuple[float, float] | None = None
    source: str = ""
    remark: str = ""
    warnings: tuple[WarningRecord, ...] = ()
    statements: tuple[Statement, ...] = ()
    magnification: float | None = None


@dataclass(frozen=True)
class ImageContent:
    """One image as read, before the spacing is chosen and the chest wall is looked for.

    ``pixels`` is float32, brighter = more attenuating; the other fields are those of
    :class:`MicrocalcAILib.reading.mammogram.Mammogram`. ``admission`` says what only the file's reader can know: kind,
    sources of side and view, bits, padding, polarity, integrity.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_] | None
    spacing: FileSpacing
    source: dict[str, Any]
    laterality: str | None = None
    view: str | None = None
    view_modifiers: tuple[str, ...] = ()
    stated_chest_wall_side: str | None = None
    display_window: tuple[float, float] | None = None
    origin_lps_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction_lps: tuple[float, ...] = IDENTITY_DIRECTION
    warnings: list[WarningRecord] = field(default_factory=list)
    admission: AdmissionCard = field(default_factory=AdmissionCard)


def gray_channel(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None, list[WarningRecord]]:
    """One channel from samples of shape (rows, columns, channels): gray, gray + alpha, RGB or RGB + alpha.

    A gray picture stored as RGB gives its green channel, unchanged. Colored marks on up to 1 % of the pixels are
    masked with a warning.

    Returns
    -------
    plane : array, shape (rows, columns)
    valid : bool array or None
        False where the picture is transparent or colored.
    warnings : list of WarningRecord

    Raises
    ------
    UnsupportedImageError
        When the picture is really colored.
    """
    channels = samples.shape[-1]
    valid: NDArray[np.bool_] | None = None
    warnings: list[WarningRecord] = []
    if channels in (2, 4):
        opaque = samples[..., -1] > 0
        valid = None if opaque.all() else opaque
    if channels <= 2:
        return samples[..., 0], valid, warnings
    if channels > 4:
        raise UnsupportedImageError(f"The picture has {channels} channels; a mammogram has one.")
    red, green, blue = np.moveaxis(samples[..., :3], -1, 0)
    lowest, highest = (extreme(extreme(red, green), blue) for extreme in (np.minimum, np.maximum))
    # JPEG stores color differences coarsely: gray comes back with channels a few of 255 levels apart.
    levels = np.iinfo(samples.dtype).max if samples.dtype.kind in "iu" else float(samples.max())
    colored = highest - lowest > levels * 6 / 255
    if colored.mean() > 0.01:
        raise UnsupportedImageError(
            "This is a color picture, not a mammogram; export the image in grayscale, without color overlays."
        )
    if colored.any():
        valid = ~colored if valid is None else valid & ~colored
        warnings.append(
            WarningRecord("color-marks", "The picture holds colored marks; the pixels under them are not analyzed.")
        )
    return green, valid, warnings


def direction_of_itk(image: Any) -> tuple[float, ...]:
    """Direction cosines of a SimpleITK image as nine numbers, also of a two-dimensional image."""
    direction = image.GetDirection()
    if len(direction) == 4:
        return (direction[0], direction[1], 0.0, direction[2], direction[3], 0.0, 0.0, 0.0, 1.0)
    return tuple(direction)


@contextmanager
def damage_reported(kind: str) -> Iterator[None]:
    """Turn whatever a parser throws at malformed bytes into one sentence, and keep its own warnings quiet.

    Those warnings quote values of the file, which may be patient data.
    """
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            yield
    except (MicrocalcError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableImageError(f"The {kind} file is damaged or cut off; please export it again.") from error
