"""Workers on the machines of a Dask cluster: the same jobs in the same worker processes, handed out by Dask.

Dask moves jobs and rows as text; images and results are read and written by path, on storage that all machines share.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..base.errors import MicrocalcError, MissingPackageError, ParameterError
from ..base.progress import no_progress
from .work import FullDiskError, Job
from .worker_process import Limits, TaskName, WorkerError, WorkerProcess
from .workers import Listener, Row, Rows

_JOBS_PER_SLOT = 3
_SECONDS_TO_CONNECT = 30
_workers: dict[int, tuple[str, WorkerProcess]] = {}
"""In a process of Dask: what each of its threads owns, and the task and limits it was made for."""


class ClusterWorkers:
    """The workers that are connected to the Dask scheduler at ``address``, also those that come later."""

    def __init__(self, address: str):
        self.address = address

    def rows(self, task: TaskName, jobs: Sequence[Job], limits: Limits, listener: Listener) -> Rows:
        """See :meth:`.workers.Workers.rows`. A worker that is lost loses nothing: its jobs go to the others.

        Raises
        ------
        ParameterError
            When no scheduler answers.
        MissingPackageError
            Without Dask.
        """
        try:
            from distributed import Client, as_completed
        except ImportError as error:
            raise MissingPackageError("--scheduler needs Dask; run “pip install microcalc[cluster]”.") from error
        setting = json.dumps({"task": asdict(task), "limits": asdict(limits)}, sort_keys=True)
        try:
            client = Client(self.address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ParameterError(f"No Dask scheduler answers at {self.address}; check the address.") from error
        with client:
            waiting = iter(enumerate(jobs))
            futures: dict[Any, int] = {}
            running = as_completed(loop=client.loop)

            def hand_out() -> None:
                slots = sum(client.nthreads().values())
                while len(futures) < max(1, _JOBS_PER_SLOT * slots):
                    index, job = next(waiting, (-1, None))
                    if job is None:
                        return
                    future = client.submit(run_job, setting, json.dumps(asdict(job)), pure=False)
                    futures[future] = index
                    running.add(future)
                    listener.begins(index)

            try:
                hand_out()
                for future in running:
                    index = futures.pop(future)
                    row = _row_of(future)
                    hand_out()
                    yield index, row
            finally:
                with contextlib.suppress(Exception):  # the scheduler may be gone
                    client.cancel(list(futures))
                    client.run(close_workers)


def run_job(setting: str, job: str) -> str:
    """The outcome of a job as JSON; runs in a thread of a Dask worker, which keeps its worker process for the next."""
    thread = threading.get_ident()
    known, worker = _workers.get(thread, ("", None))
    if worker is None or known != setting:
        if worker is not None:
            worker.close()
        made = json.loads(setting)
        worker = WorkerProcess(TaskName(**made["task"]), Limits(**made["limits"]))
        _workers[thread] = (setting, worker)
    try:
        return json.dumps({"row": worker.run(Job(**json.loads(job)), no_progress)})
    except FullDiskError as error:
        return json.dumps({"full": str(error)})
    except MicrocalcError as error:
        return json.dumps({"refused": str(error)})


def close_workers() -> None:
    """End the worker processes of this process of Dask."""
    while _workers:
        _workers.popitem()[1][1].close()


def _row_of(future: Any) -> Row:
    from distributed import CancelledError, KilledWorker

    try:
        outcome = json.loads(future.result())
    except KilledWorker:
        return {"status": "failed", "reason": "The machines that worked on it were lost again and again."}
    except (CancelledError, OSError) as error:
        raise WorkerError("The Dask scheduler is gone; start it and give the same command again.") from error
    if "full" in outcome:
        raise FullDiskError(outcome["full"])
    if "refused" in outcome:
        raise WorkerError(outcome["refused"])
    row: Row = outcome["row"]
    return row
