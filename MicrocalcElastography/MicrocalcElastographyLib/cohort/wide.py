"""Tables with one column per reader or repeat (``Elasticity R1``, ``Elasticity R2``) turned into one row each."""

from __future__ import annotations

import re
from collections import defaultdict

import pandas as pd

from .quantities import words_of
from .table import TableError

READER = "reader"
REPEAT = "repeat"
_READER_MARK = re.compile(r"\b(?:reader|observer|radiologist|rater|r) ?([1-9]|[a-d])\b")
_REPEAT_MARK = re.compile(r"\b(?:repeat|measurement|acquisition|replicate|m) ?([1-9])\b")


def one_row_per_reading(table: pd.DataFrame) -> pd.DataFrame:
    """Stack the columns that differ only by a reader's or a repeat's mark in their heading.

    A table without such columns comes back unchanged. Otherwise the columns ``reader`` and/or ``repeat`` are added,
    the marked columns become one column per measurement, and every other cell is repeated; rows keep the number of the
    row they came from.

    Raises
    ------
    TableError
        When the table has marked columns and a column ``reader`` or ``repeat`` besides.
    """
    marks: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for name in table.columns:
        words = words_of(str(name))
        by_reader, by_repeat = _READER_MARK.search(words), _REPEAT_MARK.search(words)
        stem = " ".join(_REPEAT_MARK.sub(" ", _READER_MARK.sub(" ", words)).split())
        if stem and (by_reader or by_repeat):
            mark = (by_reader.group(1).upper() if by_reader else "", by_repeat.group(1) if by_repeat else "")
            marks[stem][mark] = str(name)
    wide = {stem: columns for stem, columns in marks.items() if len(columns) > 1}
    if not wide:
        return table
    has_reader = any(reader for columns in wide.values() for reader, _ in columns)
    has_repeat = any(repeat for columns in wide.values() for _, repeat in columns)
    for added, needed in ((READER, has_reader), (REPEAT, has_repeat)):
        if needed and added in table.columns:
            raise TableError(f"The table has a column “{added}” besides columns marked by {added}; please keep one.")
    marked = {name for columns in wide.values() for name in columns.values()}
    rest = table.drop(columns=list(marked))
    parts = []
    for reader, repeat in sorted({mark for columns in wide.values() for mark in columns}):
        part = rest.copy()
        if has_reader:
            part[READER] = reader
        if has_repeat:
            part[REPEAT] = repeat
        for stem, columns in wide.items():
            column = columns.get((reader, repeat))
            part[stem] = table[column] if column is not None else None
        parts.append(part)
    return pd.concat(parts).sort_index(kind="stable")
