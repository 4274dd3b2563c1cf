"""The specks of a case's image under a reader's marks, outlined as the analysis and the effect outline them."""

from __future__ import annotations

import functools
from pathlib import Path

from ..base.parameters import ReadingParameters
from ..base.resources import resource_path
from ..editing.specks import Speck, SpeckFinder
from ..reading.mammogram import Mammogram
from ..reading.reader import read_mammogram
from ..segmentation.breast import find_breast
from ..segmentation.selection import MeasurementSelector

_IMAGES_KEPT = 4  # of one case in four views


def speck_at(path: Path, row: float, column: float) -> Speck | None:
    """The speck within 0.35 mm of a place, None where there is none; the first call for an image takes seconds.

    Parameters
    ----------
    path : Path
        Of a mammogram.
    row, column : float
        Pixels.

    Raises
    ------
    MicrocalcError
        When the image cannot be read.
    """
    return _finder(Path(path)).speck_at(row, column).speck


def read_case_image(path: Path) -> Mammogram:
    """A case's mammogram with the spacing that its file knows, else the usual one, with a warning."""
    return read_mammogram(path, None, ReadingParameters().assumed_spacing_mm)


def speck_finder(mammogram: Mammogram) -> SpeckFinder:
    """The specks of a mammogram that was read; takes seconds."""
    return SpeckFinder(mammogram, find_breast(mammogram), _selector())


@functools.lru_cache(_IMAGES_KEPT)
def _finder(path: Path) -> SpeckFinder:
    return speck_finder(read_case_image(path))


@functools.cache
def _selector() -> MeasurementSelector:
    return MeasurementSelector.load(resource_path("Models/SpeckSelector"))
