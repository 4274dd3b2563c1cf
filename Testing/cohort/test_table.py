"""Reading tables as people save them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from MicrocalcElastographyLib.cohort import table
from MicrocalcElastographyLib.cohort.table import TableError, name_rows, read_table

Write = Callable[..., Path]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_every_usual_delimiter_gives_the_same_table(write_csv: Write, mark: str) -> None:
    found = read_table([write_csv(f"outcome{mark}elasticity\nbenign{mark}40\nmalignant{mark}80\n")])
    assert found.to_dict("list") == {"outcome": ["benign", "malignant"], "elasticity": ["40", "80"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("outcome;Größe\nbenign;5\n".encode(encoding))
    assert list(read_table([path]).columns) == ["outcome", "Größe"]


def test_a_table_from_a_chinese_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("病理,弹性模量(kPa),备注\n良性,40,囊肿\n恶性,80,导管原位癌\n".encode("gb18030"))
    assert list(read_table([path]).columns) == ["病理", "弹性模量(kPa)", "备注"]


def test_rows_keep_the_number_a_spreadsheet_shows_although_empty_lines_are_skipped(write_csv: Write) -> None:
    found = read_table([write_csv("outcome,elasticity\nbenign,40\n,\n\nmalignant,80\n")])
    assert list(found.index) == [2, 5]


@pytest.mark.parametrize("word", ["", "NA", "n/a", "NaN", "-", "–", "?", "#N/A", "Missing"])
def test_words_for_a_missing_value_become_none(write_csv: Write, word: str) -> None:
    found = read_table([write_csv(f"outcome,elasticity\nbenign,{word}\nmalignant,80\n")])
    assert found["elasticity"].tolist() == [None, "80"]


def test_several_tables_are_joined_below_each_other(write_csv: Write) -> None:
    first = write_csv("outcome,elasticity\nbenign,40\n", "a.csv")
    second = write_csv("elasticity,outcome,age\n80,malignant,50\n", "b.csv")
    found = read_table([first, second])
    assert found["elasticity"].tolist() == ["40", "80"]
    assert found["age"].tolist() == [None, "50"]
    assert list(found.index) == [2, 4]


def test_workbook_numbers_come_without_needless_decimals_and_the_sheet_may_be_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["nothing", "here"])
    sheet = book.create_sheet("Lesions")
    for row in (["outcome", "score", "elasticity"], ["benign", 2.0, 40.5], ["malignant", None, 80]):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    found = read_table([tmp_path / "t.xlsx"], "Lesions")
    assert found["score"].tolist() == ["2", None]
    assert found["elasticity"].tolist() == ["40.5", "80"]
    with pytest.raises(TableError, match="no sheet “Other”; it has: Sheet, Lesions"):
        read_table([tmp_path / "t.xlsx"], "Other")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("outcome,elasticity\n", "no rows"),
        ("outcome\nbenign\n", "one column only"),
        ("outcome,E-max,E max\nbenign,1,2\n", "two headings that read “E-max”"),
        ("outcome,elasticity\nbenign,40,99\n", "more cells than headings in row 2"),
        ("outcome,,elasticity\nbenign,9,40\n", "without a heading"),
        ("outcome,elasticity\nbenign,#DIV/0!\n", "spreadsheet error values such as #DIV/0! in row 2"),
        ('outcome,elasticity\nbenign,"40\n', "not a sound CSV"),
        ("outcome,elas\0ticity\nbenign,40\n", "not a text table"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_the_reason(write_csv: Write, text: str, reason: str) -> None:
    with pytest.raises(TableError, match=reason):
        read_table([write_csv(text)])


def test_missing_files_foreign_formats_and_damaged_workbooks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no file “a\.csv”"):
        read_table([tmp_path / "a.csv"])
    (tmp_path / "a.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(TableError, match="not a CSV, TSV or XLSX"):
        read_table([tmp_path / "a.xls"])
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(TableError, match="damaged or not an Excel workbook"):
        read_table([tmp_path / "a.xlsx"])
    book = openpyxl.Workbook()
    for row in range(50):
        book.active.append(["benign", row])
    book.save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "half.xlsx", "w") as half:
        for entry in whole.infolist():
            data = whole.read(entry)
            half.writestr(entry, data[: len(data) // 2] if "sheet1" in entry.filename else data)
    with pytest.raises(TableError, match="damaged; please save it again"):
        read_table([tmp_path / "half.xlsx"])
    with pytest.raises(TableError, match="No table was given"):
        read_table([])


def test_a_workbook_that_unpacks_to_a_monstrous_size_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "LARGEST_UNPACKED_BYTES", 2**20)
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (2**20 + 1))
    assert path.stat().st_size < 10_000
    with pytest.raises(TableError, match="unreasonable size"):
        read_table([path])


def test_the_message_names_the_file_but_not_its_folder(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        read_table([tmp_path / "patients" / "t.csv"])
    assert str(tmp_path) not in str(caught.value)


def test_many_rows_are_counted_instead_of_listed() -> None:
    assert name_rows([3]) == "row 3"
    assert name_rows([9, 2, 2]) == "rows 2, 9"
    assert name_rows(range(1, 13)) == "rows 1, 2, 3, 4, 5, 6, 7, 8 and 4 more"
