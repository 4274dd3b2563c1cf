"""A run: every item gets its row, whatever happens to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from .capacity import check_disk
from .output import output_folder, tidy
from .plan import Item
from .summary import Summary
from .work import FAILED, Job
from .worker_process import Limits, TaskName
from .workers import Workers


class Reporter(Protocol):
    """Tells a person or a program how the run goes; may raise Cancelled."""

    def starts(self, total: int) -> None: ...

    def begins(self, item: Item) -> None: ...

    def progress(self, item: Item, stage: str, done: int, total: int) -> None: ...

    def ended(self, item: Item, row: dict[str, Any], folder: Path) -> None: ...


def run_batch(
    items: Sequence[Item],
    output: Path,
    task: TaskName,
    workers: Workers,
    limits: Limits,
    reporter: Reporter,
    fresh: bool = False,
    megabytes_per_result: float = 0.0,
) -> list[dict[str, Any]]:
    """Work on all items; those whose results lie there already, made from the same by the same, are left as they are.

    Parameters
    ----------
    items : sequence of Item
    output : Path
        Gets a folder of results for each item, and ``summary.csv``.
    task : TaskName
    workers : Workers
    limits : Limits
        For each item.
    reporter : Reporter
    fresh : bool
        Do all again.
    megabytes_per_result : float
        What the results of one item take on the disk, to check before the start.

    Returns
    -------
    list of dict
        The rows of the summary, in the order of the items.

    Raises
    ------
    MicrocalcError
        When the run cannot start or cannot go on. The summary then holds the rows so far.
    Cancelled
    """
    output = Path(output)
    with output_folder(output):
        there = tidy(output, [item.folder for item in items])
        check_disk(output, sum(fresh or item.folder not in there for item in items), megabytes_per_result)
        summary = Summary(items, output)
        reporter.starts(len(items))

        def take(index: int, row: dict[str, Any]) -> None:
            summary.add(index, row)
            if summary.is_complete():  # whoever hears of the last row may end this process
                summary.write()
            reporter.ended(items[index], row, output / items[index].folder)

        try:
            sound = [index for index, item in enumerate(items) if not item.problem]
            for index, item in enumerate(items):
                if item.problem:
                    take(index, {"status": FAILED, "reason": item.problem})
            jobs = [_job(items[index], output, fresh) for index in sound]
            results = workers.rows(task, jobs, limits, _Relay([items[index] for index in sound], reporter))
            try:
                for number, row in results:
                    take(sound[number], row)
            finally:
                results.close()
        finally:
            summary.write()
            tidy(output, [item.folder for item in items])  # what workers were writing when they were ended
        return summary.rows()


def _job(item: Item, output: Path, fresh: bool) -> Job:
    return Job(str(item.path), str((output / item.folder).absolute()), item.source, item.named, fresh, item.options)


class _Relay:
    """Hears of jobs by number and tells of items."""

    def __init__(self, items: Sequence[Item], reporter: Reporter):
        self._items, self._reporter = items, reporter

    def begins(self, index: int) -> None:
        self._reporter.begins(self._items[index])

    def progress(self, index: int, stage: str, done: int, total: int) -> None:
        self._reporter.progress(self._items[index], stage, done, total)
