"""All slices of a map of values, for a measurement box that reaches over several of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError

from ..elastogram import Elastogram
from ..elastogram_volume import ElastogramVolume
from .arrays import is_array_file, read_array
from .reader import DEFAULT_BYTE_BUDGET, read_elastogram
from .value_maps import ValueMeaning, value_map


def read_slices(
    path: Path, elastogram: Elastogram, meaning: ValueMeaning, byte_budget: int = DEFAULT_BYTE_BUDGET
) -> ElastogramVolume | None:
    """The slices around one of them.

    Parameters
    ----------
    path : Path
    elastogram : Elastogram
        The slice that is measured, as read from this file.
    meaning : ValueMeaning
        What it was read with.
    byte_budget : int
        Largest memory.

    Returns
    -------
    ElastogramVolume or None
        None for a screen, and for a file of a single slice.

    Raises
    ------
    ParameterError
        When the distance of rows or of slices is not known, or the slices are too large.
    """
    source = elastogram.source
    count = int(source.get("slices") or source.get("frames") or 1)
    if elastogram.frame is not None or count < 2:
        return None
    between = source.get("slice_spacing_mm")
    if between is None or elastogram.spacing_mm is None:
        raise ParameterError(
            "The file does not tell the distance of its slices, so only one of them was measured; give it in "
            "millimeters (--slice-spacing) to measure over several."
        )
    if 4 * count * elastogram.values.size > byte_budget:
        raise ParameterError("The slices are larger than the memory that may be used for one file; only one was read.")
    measured = int(source.get("slice", source.get("frame", 0)))
    if is_array_file(path):
        return volume_of_arrays(read_array(path, byte_budget), meaning, elastogram, measured, float(between))
    slices: list[NDArray[np.float32]] = []
    number = 0
    for index in range(count):
        if index == measured:
            number = len(slices)
            slices.append(elastogram.values)
            continue
        try:
            slices.append(read_elastogram(path, index, meaning=meaning, byte_budget=byte_budget).values)
        except UnsupportedImageError:  # a frame of B-mode between those of elasticity
            continue
    return _volume(elastogram, slices, number, float(between))


def volume_of_arrays(
    arrays: NDArray[np.generic], meaning: ValueMeaning, elastogram: Elastogram, number: int, between_mm: float
) -> ElastogramVolume:
    """The volume of arrays of values, shape (slices, rows, columns), of which the elastogram is that of a number."""
    slices = [value_map(array, meaning, None, "", {}).values for array in arrays]
    return _volume(elastogram, slices, number, between_mm)


def _volume(
    elastogram: Elastogram, slices: list[NDArray[np.float32]], number: int, between_mm: float
) -> ElastogramVolume:
    assert elastogram.spacing_mm is not None
    spacing = (between_mm, *elastogram.spacing_mm)
    return ElastogramVolume(np.stack(slices), elastogram.unit, elastogram.direction, number, spacing)
