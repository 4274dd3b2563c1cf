"""Tables in: CSV, TSV and XLSX as people really save them; every cell stays text and keeps its row number."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from MicrocalcAILib.base.errors import MicrocalcError

from .wording import file_name

LARGEST_FILE_BYTES = 64 * 2**20
LARGEST_UNPACKED_BYTES = 512 * 2**20
LARGEST_ROW_COUNT = 200_000
DELIMITERS = ",;\t|"
MISSING_WORDS = frozenset({"", "na", "n/a", "n.a.", "nan", "null", "-", "--", "–", "—", "?", ".", "missing", "#n/a"})
_BROKEN_CELLS = frozenset({"#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!"})


class TableError(MicrocalcError):
    """The table of lesions cannot be read, or holds something that cannot be."""


def name_rows(rows: Iterable[int], at_most: int = 8) -> str:
    """Row numbers for people: ``row 5`` or ``rows 5, 9, 12 and 4 more``."""
    numbers = sorted(set(rows))
    shown = ", ".join(str(number) for number in numbers[:at_most])
    more = f" and {len(numbers) - at_most} more" if len(numbers) > at_most else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"


def read_table(paths: Sequence[Path], sheet: str | None = None) -> pd.DataFrame:
    """Read one or several tables with a header line, as text.

    Several tables (readings accumulated in separate files) are joined one below the other.

    Parameters
    ----------
    paths : sequence of Path
        ``.csv``, ``.tsv``, ``.txt`` (comma, semicolon, tab or bar; UTF-8, UTF-16,
        GB18030 or Windows-1252) or ``.xlsx``.
    sheet : str, optional
        Name of the XLSX sheet; the first one without it.

    Returns
    -------
    DataFrame of str, missing cells are ``None``
        The index is the row's number as a spreadsheet program shows it (the header is row 1; rows of a second table
        go on counting).

    Raises
    ------
    TableError
        When a file is not a readable table; the sentence names the reason.
    """
    if not paths:
        raise TableError("No table was given; please name a CSV, TSV or XLSX file.")
    tables: list[pd.DataFrame] = []
    offset = 0
    for path in paths:
        table = _read_one(Path(path), sheet)
        tables.append(table.set_axis(table.index + offset))
        offset = int(tables[-1].index[-1])
    joined = pd.concat(tables, sort=False).astype(object)
    return joined.where(joined.notna(), None)


def _read_one(path: Path, sheet: str | None) -> pd.DataFrame:
    if not path.is_file():
        raise TableError(f"There is no file “{path.name}”; please check its name and folder.")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise TableError(f"“{path.name}” is over {LARGEST_FILE_BYTES // 2**20} MiB, too large for a lesion table.")
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        rows = _rows_of_workbook(path, sheet)
    elif suffix in {".csv", ".tsv", ".txt"}:
        rows = _rows_of_text(path)
    else:
        raise TableError(f"“{path.name}” is not a CSV, TSV or XLSX file; please save the table as one of these.")
    return _table_of_rows(path.name, rows)


def _rows_of_text(path: Path) -> list[list[str]]:
    text = _decoded(path)
    if "\0" in text:
        raise TableError(f"“{path.name}” is not a text table; please save it as CSV UTF-8.")
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=lambda mark: len(next(csv.reader([first_line], delimiter=mark))))
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise TableError(f"“{path.name}” is not a sound CSV table ({error}); please save it again.") from error


def _decoded(path: Path) -> str:
    """Text of a file in UTF-8, UTF-16 (with or without its mark), GB18030 or Windows-1252."""
    data = path.read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: tuple[str, ...] = ("utf-16",)
    elif len(data) % 2 == 0 and data.count(0) > len(data) / 4:
        encodings = ("utf-16-le",) if data[1::2].count(0) > data[::2].count(0) else ("utf-16-be",)
    else:
        encodings = ("utf-8-sig", "gb18030", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "gb18030" or _is_chinese(text):
            return text
    raise TableError(f"“{path.name}” is not readable as text; please save it as CSV UTF-8.")


def _is_chinese(text: str) -> bool:
    """True when most Chinese characters stand beside another one.

    Umlauts of Windows-1252 read as GB18030 become single Chinese characters inside Latin words.
    """
    runs = [len(run) for run in re.findall("[\u4e00-\u9fff]+", text)]
    return sum(length for length in runs if length > 1) > sum(runs) / 2


def _rows_of_workbook(path: Path, sheet: str | None) -> list[list[str]]:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED_BYTES:
                raise TableError(f"“{path.name}” unpacks to an unreasonable size and was not opened.")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except TableError:
        raise
    except Exception as error:  # openpyxl raises many kinds for a damaged workbook
        raise TableError(f"“{path.name}” is damaged or not an Excel workbook; please save it again as XLSX.") from error
    try:
        if not workbook.worksheets:
            raise TableError(f"“{path.name}” holds no sheet with cells.")
        if sheet is not None and sheet not in workbook.sheetnames:
            raise TableError(f"“{path.name}” has no sheet “{sheet}”; it has: {', '.join(workbook.sheetnames)}.")
        worksheet = workbook[sheet] if sheet is not None else workbook.worksheets[0]
        rows: list[list[str]] = []
        for row in worksheet.iter_rows(values_only=True):
            if len(rows) > LARGEST_ROW_COUNT:
                break
            rows.append([_text_of_cell(cell) for cell in row])
        return rows
    except TableError:
        raise
    except Exception as error:  # the sheet inside a sound archive may be cut off, which shows only while it is read
        raise TableError(f"“{path.name}” is damaged; please save it again as XLSX.") from error
    finally:
        workbook.close()


def _text_of_cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime.datetime | datetime.date):
        return cell.isoformat()
    return str(cell)


def _table_of_rows(name: str, rows: list[list[str]]) -> pd.DataFrame:
    if len(rows) > LARGEST_ROW_COUNT:
        raise TableError(f"“{name}” has more than {LARGEST_ROW_COUNT:,} rows, too many for a lesion table.")
    header_row = next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), None)
    if header_row is None:
        raise TableError(f"“{name}” is empty.")
    header = [" ".join(cell.split()) for cell in rows[header_row]]
    body = {
        number + 1: [_value_of_text(cell) for cell in row]
        for number, row in enumerate(rows)
        if number > header_row and any(cell.strip() for cell in row)
    }
    if not body:
        raise TableError(f"“{name}” has a header line but no rows below it.")
    too_long = [number for number, row in body.items() if any(cell is not None for cell in row[len(header) :])]
    if too_long:
        raise TableError(f"“{name}” has more cells than headings in {name_rows(too_long)}; please check the delimiter.")
    width = len(header)
    table = pd.DataFrame.from_dict(
        {number: (row + [None] * width)[:width] for number, row in body.items()}, orient="index", dtype=object
    )
    unnamed_with_values = [
        position for position, title in enumerate(header) if not title and table[position].notna().any()
    ]
    if unnamed_with_values:
        raise TableError(f"“{name}” has values in a column without a heading (column {unnamed_with_values[0] + 1}).")
    kept = [position for position, title in enumerate(header) if title]
    titles = [header[position] for position in kept]
    plain = [file_name(title) for title in titles]
    repeated = [title for title, word in zip(titles, plain, strict=True) if plain.count(word) > 1]
    if repeated:
        raise TableError(f"“{name}” has two headings that read “{repeated[0]}”; please rename one.")
    if len(titles) < 2:
        raise TableError(f"“{name}” has one column only; an outcome and at least one measurement are needed.")
    table = table[kept].set_axis(titles, axis=1)
    broken = table.index[table.apply(lambda column: column.map(_is_broken)).any(axis=1)]
    if len(broken):
        raise TableError(f"“{name}” holds spreadsheet error values such as #DIV/0! in {name_rows(broken)}.")
    return table


def _value_of_text(text: str) -> str | None:
    text = " ".join(text.split())
    return None if text.lower() in MISSING_WORDS else text


def _is_broken(cell: object) -> bool:
    return isinstance(cell, str) and cell.lower() in _BROKEN_CELLS
