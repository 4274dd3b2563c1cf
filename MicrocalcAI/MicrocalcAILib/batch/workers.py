"""Who does the jobs: workers on this computer; one thread each owns a worker and takes the next job when it is free."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Sequence
from typing import Any, Protocol

from ..base.errors import MicrocalcError
from ..base.progress import Cancelled
from .capacity import cores
from .work import Job
from .worker_process import Limits, TaskName, WorkerProcess

Row = dict[str, Any]
Rows = Generator[tuple[int, Row], None, None]
_SECONDS_BETWEEN_LOOKS = 0.2


class Listener(Protocol):
    """Hears of the jobs, by their place in the list; may raise Cancelled."""

    def begins(self, index: int) -> None: ...

    def progress(self, index: int, stage: str, done: int, total: int) -> None: ...


class Workers(Protocol):
    """Those who do the jobs."""

    def rows(
        self, task: TaskName, jobs: Sequence[Job], limits: Limits, listener: Listener
    ) -> Generator[tuple[int, Row]]:
        """The place of each job in the list and its row, in the order in which they end.

        Raises
        ------
        WorkerError, FullDiskError
            When going on is of no use.
        """
        ...


class LocalWorkers:
    """``count`` workers on this computer, which share its cores. Closing the iterator of rows ends them all."""

    def __init__(self, count: int):
        self.count = count

    def rows(
        self, task: TaskName, jobs: Sequence[Job], limits: Limits, listener: Listener
    ) -> Generator[tuple[int, Row]]:
        """See :meth:`Workers.rows`."""
        waiting: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for entry in enumerate(jobs):
            waiting.put(entry)
        news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        stop = threading.Event()
        count = min(self.count, len(jobs))
        threads = max(1, cores() // max(count, 1))

        def serve() -> None:
            worker = WorkerProcess(task, limits, threads)
            try:
                while not stop.is_set():
                    index, job = waiting.get_nowait()
                    news.put(("begins", (index,)))

                    def report(stage: str, done: int, total: int, index: int = index) -> None:
                        news.put(("progress", (index, stage, done, total)))

                    news.put(("row", (index, worker.run(job, report, stop.is_set))))
            except (queue.Empty, Cancelled):
                pass
            except Exception as error:
                news.put(("error", error))
            finally:
                worker.close()

        servants = [threading.Thread(target=serve, daemon=True) for _ in range(count)]
        for servant in servants:
            servant.start()
        try:
            ended = 0
            while ended < len(jobs):
                try:
                    kind, content = news.get(timeout=_SECONDS_BETWEEN_LOOKS)  # with a time, so that Ctrl-C is heard
                except queue.Empty:
                    continue
                if kind == "begins":
                    listener.begins(*content)
                elif kind == "progress":
                    listener.progress(*content)
                elif kind == "row":
                    ended += 1
                    yield content
                else:
                    error: MicrocalcError = content
                    raise error
        finally:
            stop.set()
            for servant in servants:
                servant.join()
