"""``summary.csv``: one row for each input, in the order of the plan."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.files import replaced_on_success
from ..base.tables import text_without_formula
from .plan import SUMMARY_FILE, Item
from .work import DONE, FINISHED_BEFORE

_FIRST = ("image", "status", "reason", "folder")
_LAST = ("seconds", "cpu_seconds", "peak_memory_mb")
_SECONDS_BETWEEN_WRITES = 20.0


class Summary:
    """The table of a run; written now and then while it grows, and at the end.

    Parameters
    ----------
    items : sequence of Item
    output : Path
    """

    def __init__(self, items: Sequence[Item], output: Path):
        self._items, self._output = items, Path(output)
        self._rows: dict[int, dict[str, Any]] = {}
        self._written_at = time.monotonic()
        self._is_written = False

    def add(self, index: int, row: dict[str, Any]) -> None:
        """Take in the row of an item."""
        item = self._items[index]
        has_results = row["status"] in (DONE, FINISHED_BEFORE)
        self._rows[index] = {"image": item.name, "folder": item.folder if has_results else "", **row}
        self._is_written = False
        if time.monotonic() - self._written_at > _SECONDS_BETWEEN_WRITES:
            self.write()

    def rows(self) -> list[dict[str, Any]]:
        """The rows that there are, in the order of the items."""
        return [self._rows[index] for index in sorted(self._rows)]

    def is_complete(self) -> bool:
        """Whether every item has its row."""
        return len(self._rows) == len(self._items)

    def write(self) -> None:
        """Write what there is."""
        if self._is_written:
            return
        rows = self.rows()
        own = dict.fromkeys(name for row in rows for name in row if name not in _FIRST + _LAST)
        with (
            replaced_on_success(self._output / SUMMARY_FILE) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, [*_FIRST, *own, *_LAST], restval="")
            writer.writeheader()
            writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
        self._written_at, self._is_written = time.monotonic(), True


def _text(value: Any) -> Any:
    joined = " ".join(value) if isinstance(value, list) else value
    return text_without_formula(joined) if isinstance(joined, str) else joined
