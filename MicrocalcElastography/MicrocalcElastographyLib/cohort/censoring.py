"""Values of which only a limit is known: “>300” in a cell, or a stiffness measured at the end of the scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.statistics.roc import auc_of

from .columns import ColumnMapping
from .numbers import limit_side
from .table import name_rows

_BOUNDED = ("elasticity", "elasticity_mean", "elasticity_max", "velocity", "stiffness_ratio")


def limit_sides(table: pd.DataFrame, mapping: ColumnMapping) -> pd.DataFrame:
    """Which cells are limits.

    Parameters
    ----------
    table : DataFrame
        Text cells, as from :func:`~.table.read_table`.

    Returns
    -------
    DataFrame of int, one row per row of the table
        A column for every variable with such cells: 1 when the value is known to lie at the number or above, -1 at it
        or below, 0 when it is known. A mark in the column ``bound`` holds for mean, maximum, speed and ratio.
    """
    marks = None if mapping.bound is None else table[mapping.bound].map(limit_side, na_action="ignore").fillna(0)
    found = {}
    for variable in mapping.variables:
        if variable.kind == "category":
            continue
        sides = table[variable.name].map(limit_side, na_action="ignore").fillna(0)
        if marks is not None and variable.key in _BOUNDED:
            sides = sides.where(sides != 0, marks).where(table[variable.name].notna(), 0)
        if sides.any():
            found[variable.name] = sides.astype(int)
    return pd.DataFrame(found, index=table.index)


def censoring_warnings(sides: pd.DataFrame) -> list[WarningRecord]:
    """One warning for each variable with limits among its values."""
    found = []
    for name in sides.columns:
        rows = name_rows(sides.index[sides[name] != 0])
        message = (
            f"“{name}” is only known to lie beyond a limit (such as “>300”) in {rows}; the limit itself was used. "
            "Ranks and cut-offs inside the limits are right, means and spread are not."
        )
        found.append(WarningRecord("censored-value", message))
    return found


def sides_of_lesions(sides: pd.DataFrame, lesions: pd.Series, order: pd.Index) -> pd.DataFrame:
    """One row per lesion: the mean of readings is a limit when one of them is."""
    grouped = sides.groupby(lesions.to_numpy(), sort=False)
    strongest = grouped.max().where(grouped.max() != 0, grouped.min())
    return strongest.reindex(order)


def auc_limits(
    malignant: NDArray[np.bool_], values: NDArray[np.float64], sides: NDArray[np.int64], is_high_suspicious: bool
) -> tuple[float, float]:
    """Smallest and largest area under the ROC curve that the unknown values allow.

    Parameters
    ----------
    malignant : bool array, shape (lesions,)
    values : float array, shape (lesions,)
        The limit where only that is known.
    sides : int array, shape (lesions,)
        See :func:`limit_sides`.
    """
    sign = 1 if is_high_suspicious else -1
    score, sides = sign * values, sign * sides
    lowest = np.where(sides < 0, score.min() - 1, score)
    highest = np.where(sides > 0, score.max() + 1, score)
    worst, best = np.where(malignant, lowest, highest), np.where(malignant, highest, lowest)
    return auc_of(malignant, worst), auc_of(malignant, best)
