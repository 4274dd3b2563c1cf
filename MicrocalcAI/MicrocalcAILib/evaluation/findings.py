"""The calcifications of one image, found or true, as the comparison sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from ..base.errors import ParameterError

_NUMBERS = ("id", "cluster_id", "row", "column", "probability", "area_mm2", "contrast_to_noise")


@dataclass(frozen=True)
class Findings:
    """Calcifications of one image: a table, and the label map they are drawn in.

    Parameters
    ----------
    calcifications : DataFrame
        One row per calcification with ``id`` (1, 2, …), ``row`` and ``column`` of the center (pixels, fractions
        allowed). Used when there: ``cluster_id`` (0: in no cluster), ``probability``, ``area_mm2``, ``morphology``,
        ``contrast_to_noise``.
    labels : integer array, shape (rows, columns), or None
        Every pixel's ``id``, 0 where there is no calcification. None when only positions are known: overlaps are then
        zero. A calcification may have no pixel (hidden under another); a pixel may not have an unknown id.

    Raises
    ------
    ParameterError
        When a column is missing, an id is repeated or below 1, a number is not finite, or table and map disagree.
    """

    calcifications: pd.DataFrame
    labels: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        missing = {"id", "row", "column"} - set(self.calcifications.columns)
        if missing:
            raise ParameterError(f"The table of calcifications lacks the column “{min(missing)}”.")
        for name in _NUMBERS:
            column = self.calcifications.get(name, np.zeros(0))
            if len(column) and not is_numeric_dtype(column):
                raise ParameterError(f"The table of calcifications holds a word in its column of numbers “{name}”.")
        if not np.isfinite(self.calcifications["id"].to_numpy(float)).all():
            raise ParameterError("The table of calcifications holds a row without an id.")
        ids = self.ids
        if ids.size != np.unique(ids).size or (ids < 1).any():
            raise ParameterError("The ids of calcifications must be positive and different from each other.")
        numeric = [name for name in ("row", "column", "probability") if name in self.calcifications]
        if not np.isfinite(self.calcifications[numeric].to_numpy(float)).all():
            raise ParameterError(f"The table of calcifications holds an empty number among {', '.join(numeric)}.")
        if self.labels is not None:
            if self.labels.ndim != 2:
                raise ParameterError(f"A label map has rows and columns; this one has the shape {self.labels.shape}.")
            unknown = np.setdiff1d(self.labels[self.labels != 0], ids)
            if unknown.size:
                raise ParameterError(f"The label map holds the id {unknown[0]}, which the table does not.")

    @classmethod
    def from_labels(cls, labels: NDArray[np.integer], spacing_mm: tuple[float, float]) -> Findings:
        """Findings of a label map alone, e.g. a reader's segmentation: centers of mass and areas by label."""
        rows, columns = np.nonzero(labels)
        ids, which = np.unique(labels[rows, columns], return_inverse=True)
        pixels = np.bincount(which, minlength=ids.size)
        table = pd.DataFrame(
            {
                "id": ids,
                "row": np.bincount(which, rows, minlength=ids.size) / pixels,
                "column": np.bincount(which, columns, minlength=ids.size) / pixels,
                "area_mm2": pixels * spacing_mm[0] * spacing_mm[1],
            }
        )
        return cls(table, labels)

    @property
    def ids(self) -> NDArray[np.int64]:
        return self.calcifications["id"].to_numpy(np.int64)

    def numbers(self, column: str, default: float) -> NDArray[np.float64]:
        """A column as float64, shape (calcifications,); ``default`` throughout when the table does not have it."""
        if column not in self.calcifications:
            return np.full(len(self.calcifications), default)
        return self.calcifications[column].to_numpy(np.float64)

    def centers_mm(self, spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
        """Centers (y, x) in mm from the center of pixel (0, 0), shape (calcifications, 2)."""
        return self.calcifications[["row", "column"]].to_numpy(np.float64) * np.asarray(spacing_mm)

    @cached_property
    def pixel_counts(self) -> NDArray[np.int64]:
        """Pixels of each calcification in the label map, shape (calcifications,); 0 without a map."""
        if self.labels is None:
            return np.zeros(len(self.calcifications), np.int64)
        ids, counts = np.unique(self.labels[self.labels != 0], return_counts=True)
        return pd.Series(counts, index=ids).reindex(self.ids, fill_value=0).to_numpy(np.int64)
