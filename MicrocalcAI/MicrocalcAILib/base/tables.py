"""Tables out and in as CSV: text that a spreadsheet program would take for a formula is written so that it is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported where it is used: who only writes rows, as the owner of workers, starts faster
    import pandas as pd

_FORMULA = re.compile(r"[=+\-@\t\r]")
_MARKED = re.compile(r"'(?=[=+\-@\t\r])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def write_table(table: pd.DataFrame, target: Path, *, index: bool = False, float_format: str | None = None) -> None:
    """Write a table as CSV (UTF-8, lines ended by a line feed).

    Text, headings and names of rows that begin like a formula (``= + - @``, tab, carriage return) get an apostrophe in
    front, as spreadsheet programs show text; numbers stay. :func:`read_table` takes the apostrophe away.

    Parameters
    ----------
    table : DataFrame
    target : Path
    index : bool
        Whether the names of the rows are written.
    float_format : str, optional
        As ``DataFrame.to_csv``.
    """
    target.write_text(table_text(table, index=index, float_format=float_format), encoding="utf-8", newline="")


def table_text(table: pd.DataFrame, *, index: bool = False, float_format: str | None = None) -> str:
    """The text that :func:`write_table` writes."""
    whole = table.reset_index() if index else table
    harmless = _mapped(whole, _without_formula)
    return str(harmless.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """Read a table that :func:`write_table` wrote; ``options`` as for ``pandas.read_csv``."""
    import pandas as pd

    return _mapped(pd.read_csv(path, **options), _as_given)


def text_without_formula(text: str) -> str:
    """One cell's text as :func:`write_table` writes it, for tables that are written row by row."""
    return "'" + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _mapped(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """A copy in which headings and the cells of columns that are no numbers are changed."""
    import pandas as pd
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

    changed = table.rename(columns=change)
    for position, kind in enumerate(changed.dtypes):  # tables of features have hundreds of columns of numbers
        if not (is_numeric_dtype(kind) or is_datetime64_any_dtype(kind)):
            column = changed.iloc[:, position]
            cells = pd.Series(column.astype(object).map(change).to_numpy(object), index=table.index, dtype=object)
            changed.isetitem(position, (cells.astype(column.dtype) if column.dtype == "string" else cells).array)
    return changed


def _without_formula(cell: Any) -> Any:
    return text_without_formula(cell).replace("\r", " ") if isinstance(cell, str) else cell  # else it would end a row


def _as_given(cell: Any) -> Any:
    return _MARKED.sub("", cell, count=1) if isinstance(cell, str) and _MARKED.match(cell) else cell
