"""One-slice volumes as NRRD files: how images and label maps leave the library, and label maps come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import replaced_on_success


def write_volume(
    array: NDArray[Any],
    spacing_mm: tuple[float, float],
    origin_lps_mm: Sequence[float],
    direction_lps: Sequence[float],
    path: Path,
    header: Mapping[str, str] | None = None,
) -> None:
    """Write a compressed NRRD of one slice, thickness 1 mm.

    Parameters
    ----------
    array : array, shape (rows, columns)
    spacing_mm : (float, float)
        Between rows, between columns.
    origin_lps_mm, direction_lps
        As in :class:`~MicrocalcAILib.reading.mammogram.Mammogram`.
    path : Path
        Written under a temporary name and renamed.
    header : mapping, optional
        Further key–value pairs of the header.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array[np.newaxis])
    image.SetSpacing((spacing_mm[1], spacing_mm[0], 1.0))
    image.SetOrigin(tuple(origin_lps_mm))
    image.SetDirection(tuple(direction_lps))
    for key, value in (header or {}).items():
        image.SetMetaData(key, value)
    with replaced_on_success(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)


def read_label_map(path: Path) -> NDArray[np.int32]:
    """Labels of a one-slice label map, shape (rows, columns).

    Raises
    ------
    RuntimeError
        When the file is no image (SimpleITK's own error).
    """
    import SimpleITK as sitk

    array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return array.reshape(array.shape[-2:]).astype(np.int32)
