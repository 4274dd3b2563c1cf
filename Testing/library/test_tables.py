"""Tables that leave the library hold no formulas, and come back as they were."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from MicrocalcAILib.base.tables import read_table, table_text, text_without_formula, write_table

ROOT = Path(__file__).resolve().parents[2]
FORMULAS = ["=1+1", "+cmd", "-x", "@sum", "\tx", "\rx", '=HYPERLINK("x")', "-1;=2", "-"]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    assert text_without_formula(text) == "'" + text


@pytest.mark.parametrize("text", ["-1", "+0.5", "-1e-7", "-.5", "a=1", "", "L CC", "-inf", "'quoted'"])
def test_numbers_and_other_text_stay(text):
    assert text_without_formula(text) == text


def test_every_cell_heading_and_row_name_is_harmless_and_comes_back(tmp_path):
    names = [text for text in FORMULAS if "\r" not in text]
    table = pd.DataFrame({"=name": names, "value": [-float(row) for row in range(len(names))], "flag": True})
    table.index = pd.Index([f"@{row}" for row in range(len(table))], name="row")
    write_table(table, tmp_path / "a.csv", index=True)
    cells = re.findall(r'(?:^|,)"?([^,"\n]*)', (tmp_path / "a.csv").read_text("utf-8"))
    assert not [cell for cell in cells if cell[:1] in "=@" and cell]
    back = read_table(tmp_path / "a.csv").set_index("row")
    pd.testing.assert_frame_equal(back, table)


def test_numbers_are_written_as_before():
    table = pd.DataFrame({"a": [-1.5, math.nan, math.inf], "b": [-1, 2, 3], "c": [True, False, True]})
    assert table_text(table) == table.to_csv(index=False)
    assert table_text(table, float_format="%.3g") == table.to_csv(index=False, float_format="%.3g")


@pytest.mark.parametrize("columns", [[], ["id", "=x"]])
def test_empty_tables_are_written_and_read(tmp_path, columns):
    text = table_text(pd.DataFrame(columns=columns))
    assert text == ("id,'=x\n" if columns else "\n")


def test_every_table_is_written_by_the_one_writer():
    files = [path for name in ("MicrocalcAI", "MicrocalcElastography") for path in (ROOT / name).rglob("*.py")]
    users = {path.name for path in files if ".to_csv(" in path.read_text("utf-8")}
    assert users <= {"tables.py", "cohortrun.py"}  # the latter hands a table of the user's to a child process
