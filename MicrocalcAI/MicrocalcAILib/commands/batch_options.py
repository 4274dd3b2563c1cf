"""What all commands for many files have in common: their options, how they report, how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import MicrocalcError, ParameterError
from ..base.json_progress import JsonProgress
from ..base.kernel_cache import COMPILING, COMPILING_NOTE
from ..base.progress import Cancelled
from ..batch.plan import Item
from ..batch.run import Reporter, run_batch
from ..batch.work import DONE, FAILED, FINISHED_BEFORE
from ..batch.worker_process import Limits, TaskName
from ..batch.workers import Workers

CANCELLED = 130
ALL_IMAGES = "images"
"""The stage that counts images in JSON lines."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run over many files."""
    group = parser.add_argument_group("many files")
    group.add_argument("--fresh", action="store_true", help="work on files again whose results are there already")
    group.add_argument("--workers", type=int, metavar="N", help="processes (default: by cores and memory at hand)")
    group.add_argument(
        "--time-limit", type=float, default=1800.0, metavar="SECONDS", help="for one file (default: 1800)"
    )
    group.add_argument(
        "--memory-limit", type=float, metavar="GB", help="for one worker (default: its share of what is at hand)"
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="use the machines of a Dask cluster, e.g. tcp://host:8786"
    )
    group.add_argument("--json-progress", action="store_true", help="report progress as JSON lines (for programs)")


def reporter_of(arguments: argparse.Namespace, found: Callable[[dict[str, Any]], str]) -> BatchReporter:
    """For a program, or for a person, who is told what was ``found`` by the row of an item."""
    return JsonReporter() if arguments.json_progress else TextReporter(found)


def run(
    items: Sequence[Item],
    task: TaskName,
    arguments: argparse.Namespace,
    reporter: BatchReporter,
    megabytes_per_result: float,
) -> int:
    """Work on all items; exit status 0 when all went well, 1 when some failed, 2 when nothing could be done."""
    try:
        workers, limits = _workers(arguments, len(items))
        rows = run_batch(
            items, arguments.output, task, workers, limits, reporter, arguments.fresh, megabytes_per_result
        )
    except (Cancelled, KeyboardInterrupt):
        reporter.stopped("Cancelled.")
        return CANCELLED
    except MicrocalcError as error:
        reporter.stopped(str(error))
        return 2
    reporter.finished(rows)
    return 1 if any(row["status"] == FAILED for row in rows) else 0


def _workers(arguments: argparse.Namespace, items: int) -> tuple[Workers, Limits]:
    from ..batch import capacity
    from ..batch.cluster import ClusterWorkers
    from ..batch.workers import LocalWorkers

    if arguments.time_limit <= 0 or (arguments.memory_limit or 1) <= 0:
        raise ParameterError("--time-limit and --memory-limit are positive numbers.")
    count = capacity.default_workers(items) if arguments.workers is None else arguments.workers
    capacity.check_workers(count)
    if arguments.memory_limit is None:
        memory_mb = capacity.default_memory_limit_mb(count)
    else:
        memory_mb = arguments.memory_limit * 1024
    workers: Workers = ClusterWorkers(arguments.scheduler) if arguments.scheduler else LocalWorkers(count)
    return workers, Limits(arguments.time_limit, memory_mb)


class BatchReporter(Reporter):
    """Tells how a run goes and how it ended."""

    def stopped(self, sentence: str) -> None:
        """The run ended before its end."""
        raise NotImplementedError

    def finished(self, rows: Sequence[dict[str, Any]]) -> None:
        """Every item has its row."""
        raise NotImplementedError


class TextReporter(BatchReporter):
    """One line for each item on standard output, refusals on standard error, a bar on a terminal."""

    def __init__(self, found: Callable[[dict[str, Any]], str]) -> None:
        self._found = found
        self._bar: Any = None
        self._has_compiled = False

    def starts(self, total: int) -> None:
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="file", dynamic_ncols=True, file=sys.stderr)

    def begins(self, item: Item) -> None:
        pass

    def progress(self, item: Item, stage: str, done: int, total: int) -> None:
        if stage == COMPILING and not self._has_compiled:
            self._has_compiled = True
            self._say(COMPILING_NOTE, sys.stderr)
        if self._bar is not None:
            self._bar.set_postfix_str(stage)

    def ended(self, item: Item, row: dict[str, Any], folder: Path) -> None:
        if row["status"] == DONE:
            self._say(f"{item.name}: {self._found(row)} → {folder}")
            for note in row["warnings"]:
                self._say(f"  Note: {note}")
        elif row["status"] == FINISHED_BEFORE:
            self._say(f"{item.name}: finished before, {self._found(row)} → {folder}")
        else:
            self._say(f"{item.name}: {row['status']}: {row['reason']}", sys.stderr)
        if self._bar is not None:
            self._bar.update()

    def stopped(self, sentence: str) -> None:
        self._close()
        print(sentence, file=sys.stderr, flush=True)

    def finished(self, rows: Sequence[dict[str, Any]]) -> None:
        self._close()
        if len(rows) > 1:
            statuses = [row["status"] for row in rows]
            print(", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)), flush=True)

    def _say(self, line: str, stream: Any = None) -> None:
        stream = stream or sys.stdout
        if self._bar is not None:
            self._bar.write(line, file=stream)
        else:
            print(line, file=stream, flush=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class JsonReporter(BatchReporter):
    """One JSON object per line on standard output.

    ``{"pid"}`` first; ``{"stage": "images", "done", "total"}`` before the first and after each image; per image
    ``{"image"}``, ``{"stage", "done", "total"}`` …, and ``{"result", "image", "status", …}`` with the cells of its row,
    or ``{"error", "image", "status"}``. The work cancels itself when its parent is gone.
    """

    def __init__(self) -> None:
        self._lines = JsonProgress()
        self._done = self._total = 0

    def starts(self, total: int) -> None:
        self._total = total
        self._lines(ALL_IMAGES, 0, total)

    def begins(self, item: Item) -> None:
        self._lines.say(image=item.name)

    def progress(self, item: Item, stage: str, done: int, total: int) -> None:
        self._lines(stage, done, total)

    def ended(self, item: Item, row: dict[str, Any], folder: Path) -> None:
        self._done += 1
        self._lines(ALL_IMAGES, self._done, self._total)
        if row["status"] in (DONE, FINISHED_BEFORE):
            self._lines.say(result=str(folder), image=item.name, folder=item.folder, **row)
        else:
            self._lines.say(error=row["reason"], image=item.name, status=row["status"])

    def stopped(self, sentence: str) -> None:
        self._lines.say(error=sentence)

    def finished(self, rows: Sequence[dict[str, Any]]) -> None:
        pass
