"""Tables for the tests of the cohort statistics."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from MicrocalcElastographyLib.cohort.lesions import Cohort

MakeCohort = Callable[..., Cohort]


def as_cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table as :func:`read_table` gives it: text cells, None for missing, spreadsheet row numbers."""
    cells = table.astype(object).apply(lambda column: column.map(lambda cell: None if pd.isna(cell) else str(cell)))
    cells = cells.astype(object).where(cells.notna(), None)
    return cells.set_axis(range(2, len(table) + 2), axis=0)
