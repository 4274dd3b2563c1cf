"""``microcalc elastography measure --regions TABLE``: many acquisitions, one row of a table each."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.base.provenance import sha256_of_file
from MicrocalcAILib.batch.inputs import absolute
from MicrocalcAILib.batch.plan import Item, result_folders
from MicrocalcAILib.batch.worker_process import TaskName
from MicrocalcAILib.commands import batch_options

from .measure_task import COLUMNS, SHARED

_MEGABYTES_PER_RESULT = 3.0


def run(arguments: argparse.Namespace) -> int:
    """Measure every row, each in a worker process, and gather the readings in one table."""
    reporter = batch_options.reporter_of(arguments, lambda row: str(row["found"]))
    try:
        if arguments.files or arguments.lesion is not None:
            raise ParameterError("With --regions, files and their regions stand in the table; leave them out here.")
        items = read_items(arguments.regions)
    except MicrocalcError as error:
        reporter.stopped(str(error))
        return 2
    shared = {name: _as_json(getattr(arguments, name)) for name in SHARED}
    task = TaskName("MicrocalcElastographyLib.commands.measure_task:MeasurementTask", shared)
    status = batch_options.run(items, task, arguments, reporter, _MEGABYTES_PER_RESULT)
    if status in (0, 1) and not _gather(items, arguments.output):
        print("microcalc: nothing was measured: no acquisition has a value on its lesion.", file=sys.stderr)
        return 1
    return status


def read_items(table: Path) -> list[Item]:
    """An item for each row of a table; files are named relative to the table's folder.

    Results are named by lesion, reader and repeat, never by the file.

    Raises
    ------
    ParameterError
        When it is no such table, or two rows are the same reading.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [{key: value.strip() for key, value in row.items() if value} for row in csv.DictReader(file)]
    except AttributeError:  # more cells than columns
        raise ParameterError(f"A row in the table “{table.name}” has too many cells; put “” around regions.") from None
    except (OSError, ValueError) as error:
        raise ParameterError(f"“{table.name}” cannot be read as a table; save it as CSV.") from error
    if not rows:
        raise ParameterError(f"“{table.name}” has no rows.")
    for row in rows:
        _check(row, table.name)
    readings = [(row.get("name", "lesion"), row.get("reader", ""), int(row.get("repeat", 1))) for row in rows]
    if repeated := [reading for reading in readings if readings.count(reading) > 1]:
        name, reader, repeat = repeated[0]
        raise ParameterError(f"Lesion “{name}”, reader “{reader}”, repeat {repeat} stands in the table twice.")
    names = [PurePosixPath(_file_name(reading)) for reading in readings]
    return [
        _item(row, absolute(table.parent / row["file"]), str(name), folder)
        for row, name, folder in zip(rows, names, result_folders(names), strict=True)
    ]


def _check(row: Mapping[str, str], table: str) -> None:
    unknown = sorted(row.keys() - COLUMNS.keys() - {"file"}, key=str)
    if unknown:
        raise ParameterError(f"“{table}” has an unknown column “{unknown[0]}”; known: file, {', '.join(COLUMNS)}.")
    for name in ("file", "lesion"):
        if name not in row:
            raise ParameterError(f"A row of “{table}” has no {name}; every row needs file and lesion.")
    for name, value in row.items():
        try:
            COLUMNS.get(name, str)(value)
        except ValueError:
            raise ParameterError(f"“{value}” in the column {name} of “{table}” is not a number.") from None


def _item(row: dict[str, str], path: Path, name: str, folder: str) -> Item:
    options = {key: value for key, value in row.items() if key != "file"}
    source = sha256(str([str(path), name]).encode()).hexdigest()[:32]
    return Item(path, name, folder, source, options={**options, "label_maps": _label_maps(options.values())})


def _label_maps(regions: Iterable[str]) -> list[str]:
    """Digests of the files that regions name: another label map is another measurement."""
    files = {Path(text) for region in regions for text in (region, region.rpartition(":")[0]) if text}
    return sorted(sha256_of_file(file) for file in files if file.is_file())


def _file_name(reading: tuple[str, str, int]) -> str:
    return re.sub(r"[^\w.-]+", "_", "_".join(str(part) for part in reading if part != ""))


def _as_json(value: Any) -> Any:
    return str(value.absolute()) if isinstance(value, Path) else value


def _gather(items: Sequence[Item], output: Path) -> bool:
    """Write the table of all readings; whether any of them has a value."""
    import pandas as pd

    from ..readings import VALUE_COLUMNS, one_row_per_lesion, read_readings, write_readings, write_table

    files = [output / item.folder / "readings.csv" for item in items]
    tables = [read_readings(file) for file in files if file.is_file()]
    if not tables:
        return False
    readings = pd.concat(tables, ignore_index=True)
    write_readings(readings, output / "readings.csv")
    write_table(one_row_per_lesion(readings), output / "lesions.csv")
    return bool(readings[list(VALUE_COLUMNS)].notna().to_numpy().any())
