"""What the importers of public sets share: finding files and tables, reading masks, drawing outlines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from skimage.draw import polygon

from ..base.errors import ParameterError
from ..reading.reader import read_mammogram
from .dataset import BOX

_EIGHT_NEIGHBORS = np.ones((3, 3), int)


def find_table(folder: Path, patterns: Sequence[str], what: str) -> Path:
    """The first file below a folder whose name fits one of the patterns, in their order.

    Raises
    ------
    ParameterError
    """
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            return path
    raise ParameterError(f"“{folder.name}” lacks {what}: “{patterns[0]}” was not found below it.")


def read_source_table(path: Path, columns: Sequence[str], separator: str = ",") -> pd.DataFrame:
    """A CSV or Excel table as text, its headings without blanks around them and in lower case.

    Raises
    ------
    ParameterError
        When it cannot be read or lacks a column.
    """
    try:
        if path.suffix.lower() in (".xlsx", ".xls"):
            table = pd.read_excel(path, dtype=str)
        else:
            table = pd.read_csv(path, dtype=str, sep=separator, encoding="utf-8-sig")
    except (OSError, ValueError, ImportError) as error:
        raise ParameterError(f"The table “{path.name}” cannot be read ({type(error).__name__}).") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    for column in columns:
        if column not in table:
            raise ParameterError(f"The table “{path.name}” lacks the column “{column}”.")
    return table.fillna("").apply(lambda column: column.str.strip())


def shape_of(path: Path) -> tuple[int, int]:
    """Rows and columns of an image; MicrocalcError when it cannot be read."""
    rows, columns = read_mammogram(path, spacing_mm=0.07).pixels.shape
    return rows, columns


def read_mask(path: Path) -> NDArray[np.bool_]:
    """What a mask marks; MicrocalcError when it cannot be read."""
    from PIL import Image

    if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"):
        try:
            with Image.open(path) as picture:
                gray = np.asarray(picture.convert("L"))
        except (OSError, ValueError) as error:
            raise ParameterError(f"The mask “{path.name}” cannot be read.") from error
    else:
        gray = read_mammogram(path, spacing_mm=0.07).pixels
    return np.asarray(gray > (float(gray.min()) + float(gray.max())) / 2) if gray.min() < gray.max() else gray > 0


def parts_of(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Every connected part (8 neighbors) with a label of its own."""
    return np.asarray(ndimage.label(mask, _EIGHT_NEIGHBORS)[0], np.int32)


def draw(labels: NDArray[np.int32], label: int, rows: ArrayLike, columns: ArrayLike) -> None:
    """Draw a closed outline, or a point, with a label where there is none yet; what lies outside is left out."""
    shape = labels.shape
    rows, columns = np.asarray(rows, float), np.asarray(columns, float)
    if len(rows) > 2:
        inside = polygon(rows, columns, shape)
        free = labels[inside] == 0
        labels[inside[0][free], inside[1][free]] = label
    for row, column in zip(np.rint(rows).astype(int), np.rint(columns).astype(int), strict=True):
        if 0 <= row < shape[0] and 0 <= column < shape[1] and labels[row, column] == 0:
            labels[row, column] = label


def box_of(rows: ArrayLike, columns: ArrayLike) -> dict[str, float]:
    """The bounding box of points."""
    ends = (np.min(rows), np.max(rows), np.min(columns), np.max(columns))
    return dict(zip(BOX, map(float, ends), strict=True))
