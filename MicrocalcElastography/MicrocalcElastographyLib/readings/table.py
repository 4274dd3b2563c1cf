"""The table of readings, which `microcalc cohort analyze` reads too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from MicrocalcAILib.base import tables
from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.base.files import replaced_on_success

from .reading import KEY_COLUMNS, QUALITY_COLUMNS, QUANTITY_COLUMNS, TEXT_COLUMNS, Reading

DECIMALS = 4


def table_of(readings: Sequence[Reading]) -> pd.DataFrame:
    """One row per reading, columns as the fields of `Reading`."""
    table = pd.DataFrame([asdict(reading) for reading in readings], columns=[field.name for field in fields(Reading)])
    numbers = [*QUANTITY_COLUMNS, *QUALITY_COLUMNS]
    table[numbers] = table[numbers].astype(float).round(DECIMALS)
    return table


def read_readings(path: Path) -> pd.DataFrame:
    """A table of readings; columns a person added are kept as they are.

    Raises
    ------
    ResultError
        When it is not such a table.
    """
    try:
        table = tables.read_table(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        if missing := [name for name in (*KEY_COLUMNS, *QUANTITY_COLUMNS) if name not in table.columns]:
            raise ResultError(f"“{path.name}” is not a table of readings: it has no column “{missing[0]}”.")
        for name in {*QUALITY_COLUMNS, *TEXT_COLUMNS} - set(table.columns):
            table[name] = ""
        for name in (*QUANTITY_COLUMNS, *QUALITY_COLUMNS):
            table[name] = pd.to_numeric(table[name].where(table[name].str.strip() != ""))
        table["repeat"] = table["repeat"].astype(int)
    except (OSError, ValueError) as error:
        raise ResultError(f"“{path.name}” cannot be read as a table of readings; save it as CSV again.") from error
    _refuse_duplicates(table)
    return table


def write_readings(table: pd.DataFrame, path: Path) -> None:
    """Write a table of readings as CSV, whole or not at all."""
    _refuse_duplicates(table)
    whole = table.astype({name: "Int64" for name in ("elasticity_score", "tsukuba_score") if _is_whole(table, name)})
    write_table(whole, path)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write any table as CSV, whole or not at all."""
    with replaced_on_success(path) as temporary:
        tables.write_table(table, temporary)


def with_readings(path: Path, readings: Sequence[Reading]) -> pd.DataFrame:
    """The table of a file, which may not exist yet, with readings added; nothing is written.

    Raises
    ------
    ResultError
        When lesion, reader and repeat stand in it already, or it is not a table of readings.
    """
    added = table_of(readings)
    table = pd.concat([read_readings(path), added], ignore_index=True) if path.is_file() else added
    _refuse_duplicates(table)
    return table


def _is_whole(table: pd.DataFrame, name: str) -> bool:
    values = table[name].dropna()
    return bool((values == values.round()).all())


def _refuse_duplicates(table: pd.DataFrame) -> None:
    repeated = table[table.duplicated(list(KEY_COLUMNS))]
    if len(repeated):
        first = repeated.iloc[0]
        raise ResultError(
            f"Lesion “{first['lesion']}”, reader “{first['reader']}”, repeat {first['repeat']} was read before; "
            "choose another reader or repeat, or remove the old row."
        )
