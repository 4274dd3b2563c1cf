"""One reader's answers: a SQLite file to which entries are added, one transaction each, and nothing is ever changed.

What holds is the last entry of each question; all entries together are the audit trail. Files of one reader from two
machines merge without a conflict, because every entry has a name of its own.
"""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..base.errors import ParameterError, ResultError

SCHEMA = 1
SUFFIX = ".sqlite"
FOLDER = "readers"
UNREAD, BEGUN, PUT_OFF, DONE = "unread", "begun", "later", "finished"
"""How far a task is."""
_READER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tasks (
    position INTEGER PRIMARY KEY, session INTEGER NOT NULL, case_name TEXT NOT NULL, condition TEXT NOT NULL,
    training INTEGER NOT NULL
);
CREATE TABLE entries (
    id TEXT PRIMARY KEY, time TEXT NOT NULL, position INTEGER NOT NULL, question TEXT NOT NULL, item TEXT NOT NULL,
    value TEXT NOT NULL
);
CREATE INDEX entries_of_task ON entries (position, time);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
"""


@dataclass(frozen=True)
class Task:
    """One reading of one case in one condition; its position in the reader's list counts from 0."""

    position: int
    session: int
    case: str
    condition: str
    is_training: bool


@dataclass(frozen=True)
class Entry:
    """What a reader said or did at a time.

    Parameters
    ----------
    time : str
        ISO 8601, UTC.
    position : int
        Of the task.
    question : str
        Name of a question, or what was done: a word that begins with “:”.
    item : str
        Which of several answers, for marks; else empty.
    value : object
        JSON-ready; None takes an answer back.
    """

    time: str
    position: int
    question: str
    item: str
    value: Any


class ReaderFile:
    """A reader's file; see the module.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ResultError
        When there is no such file, it is damaged, or it was written by something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ResultError(f"There is no reader's file “{self.path.name}”; assign the reader first.")
        with _reported(self.path):
            self._base = _connected(self.path)
            about = dict(self._base.execute("SELECT name, value FROM about"))
            if about["schema"] != str(SCHEMA):
                raise ResultError(f"“{self.path.name}” was made for another version of Microcalc; this reads {SCHEMA}.")
            self.reader, self.plan_digest = about["reader"], about["plan"]
            self.adjudicates = tuple(json.loads(about["adjudicates"]))
            rows = self._base.execute(
                "SELECT position, session, case_name, condition, training FROM tasks ORDER BY position"
            )
            self.tasks = tuple(
                Task(at, session, case, condition, bool(training)) for at, session, case, condition, training in rows
            )

    @classmethod
    def create(
        cls,
        path: Path,
        reader: str,
        plan_digest: str,
        tasks: Sequence[tuple[int, str, str, bool]],
        adjudicates: Sequence[str] = (),
    ) -> ReaderFile:
        """A new file.

        Parameters
        ----------
        path : Path
        reader : str
            Letters, digits, “-” and “_”.
        plan_digest : str
        tasks : sequence of (session, case, condition, is training)
        adjudicates : sequence of str
            The readers whose disagreements this one settles.

        Raises
        ------
        ParameterError
            When the reader's name cannot be used.
        ResultError
            When there is a file already.
        """
        path = Path(path)
        if not _READER.fullmatch(reader):
            raise ParameterError("A reader is named by up to 40 letters, digits, “-” and “_”; initials are enough.")
        if path.exists():
            raise ResultError(f"The reader “{reader}” has a list of cases already; choose another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
        try:
            with _reported(path):
                base = _connected(temporary)
                base.executescript(f"BEGIN; {_TABLES} COMMIT;")
                base.execute("BEGIN")
                about = {"schema": str(SCHEMA), "reader": reader, "plan": plan_digest, "created": _time_of(_now())}
                about["adjudicates"] = json.dumps(list(adjudicates))
                base.executemany("INSERT INTO about VALUES (?, ?)", about.items())
                base.executemany(
                    "INSERT INTO tasks VALUES (?, ?, ?, ?, ?)",
                    [(number, *task[:3], int(task[3])) for number, task in enumerate(tasks)],
                )
                base.execute("COMMIT")
                base.close()  # the last connection writes everything into the file itself
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return cls(path)

    def close(self) -> None:
        """Close the file; everything was written before."""
        self._base.close()

    def add(self, position: int, question: str, value: Any, item: str = "", time: datetime | None = None) -> None:
        """Write one entry; when this returns, it survives a crash and a loss of power.

        Parameters
        ----------
        position : int
            Of the task.
        question, item, value
            As in :class:`Entry`.
        time : datetime, optional
            Now, when not given; never earlier than the file's last entry, whatever the clock does.
        """
        with _reported(self.path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                last = self._base.execute("SELECT max(time) FROM entries").fetchone()[0]
                moment = (time or _now()).astimezone(UTC)
                if last is not None:
                    moment = max(moment, datetime.fromisoformat(last) + timedelta(microseconds=1))
                written = json.dumps(value, ensure_ascii=False, allow_nan=False)
                row = (uuid.uuid4().hex, _time_of(moment), position, question, item, written)
                self._base.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
                self._base.execute("COMMIT")
            except BaseException:
                self._base.execute("ROLLBACK")
                raise

    def entries(self, position: int | None = None) -> list[Entry]:
        """All entries of a task, or of the file, in the order of time."""
        where, given = ("", ()) if position is None else (" WHERE position = ?", (position,))
        with _reported(self.path):
            rows = self._base.execute(
                f"SELECT time, position, question, item, value FROM entries{where} ORDER BY time, id", given
            )
            return [Entry(time, at, asked, item, json.loads(value)) for time, at, asked, item, value in rows]

    def merge(self, other: ReaderFile) -> int:
        """Add the entries of the same reader's file from another machine; return how many were new.

        Raises
        ------
        ResultError
            When the other file is of another reader or another list of cases.
        """
        if (other.reader, other.plan_digest, other.tasks) != (self.reader, self.plan_digest, self.tasks):
            raise ResultError(
                f"“{other.path.name}” is not the file of the reader “{self.reader}” in this study; nothing was taken."
            )
        with _reported(self.path):
            self._base.execute("BEGIN IMMEDIATE")
            try:
                before = self._base.total_changes
                rows = other._base.execute("SELECT id, time, position, question, item, value FROM entries")
                self._base.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)
                self._base.execute("COMMIT")
                return self._base.total_changes - before
            except BaseException:
                self._base.execute("ROLLBACK")
                raise

    def save_copy(self, path: Path) -> None:
        """Write a whole copy, also while the file is in use; it replaces an earlier copy."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
        try:
            with _reported(path):
                copy = sqlite3.connect(temporary)
                self._base.backup(copy)
                copy.close()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def reader_path(study: Path, reader: str) -> Path:
    """Where a study keeps a reader's file."""
    return Path(study) / FOLDER / f"{reader}{SUFFIX}"


def reader_files(study: Path) -> list[Path]:
    """The files of all readers of a study, by name."""
    return sorted(path for path in (Path(study) / FOLDER).glob(f"*{SUFFIX}") if not path.name.startswith("."))


def _connected(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")  # a commit is on the disk
    return base


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, KeyError, ValueError) as error:
        raise ResultError(
            f"The reader's file “{path.name}” cannot be read or written ({type(error).__name__}); restore a copy, or "
            "close the program that uses it."
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _time_of(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
