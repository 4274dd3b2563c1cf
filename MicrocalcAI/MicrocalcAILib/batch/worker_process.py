"""The owner of a worker: starts it, hands it jobs, ends it when it takes too long or too much, and replaces it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import MicrocalcError
from ..base.guarded import ISOLATED_VARIABLE
from ..base.progress import Cancelled, Progress
from .work import FAILED, FullDiskError, Job, as_line, job_message

_SECONDS_BETWEEN_LOOKS = 0.25
_SECONDS_TO_START = 600.0
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"),
)


class WorkerError(MicrocalcError):
    """The task cannot be done at all, with any item."""


@dataclass(frozen=True)
class TaskName:
    """A task by its dotted name ``module:Class``, and its JSON-ready options."""

    name: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What one item may take: wall-clock seconds, and MB of resident memory of its worker."""

    seconds: float
    memory_mb: float


class WorkerProcess:
    """One worker at a time, started when there is a job and kept for the next ones.

    Parameters
    ----------
    task : TaskName
    limits : Limits
    threads : int
        How many threads the worker's libraries may use.
    """

    def __init__(self, task: TaskName, limits: Limits, threads: int = 1):
        self._task, self._limits, self._threads = task, limits, threads
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._peak_mb = 0.0

    def run(self, job: Job, progress: Progress, is_cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The row of a job, see :func:`~.work.perform`; a crash, a hang or too much memory is one that failed.

        Raises
        ------
        WorkerError
            When the worker cannot be started, or the task refuses to begin.
        FullDiskError
        Cancelled
            Once ``is_cancelled`` says so; the worker is ended then.
        """
        if self._process is None or self._process.poll() is not None:
            self._start(is_cancelled)
        start = time.monotonic()
        self._peak_mb = 0.0
        self._send(job_message(job))
        try:
            while True:
                answer = self._answer(start + self._limits.seconds, is_cancelled)
                if "stage" in answer:
                    progress(**answer)
                elif "full" in answer:
                    raise FullDiskError(answer["full"])
                elif "row" in answer:
                    row: dict[str, Any] = answer["row"]
                    return row
        except _Ended as end:
            seconds = round(time.monotonic() - start, 2)
            return {"status": FAILED, "reason": str(end), "seconds": seconds, "peak_memory_mb": int(self._peak_mb)}

    def close(self) -> None:
        """End the worker and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill_tree(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10.0)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _start(self, is_cancelled: Callable[[], bool]) -> None:
        self.close()
        self._answers, self._peak_mb = queue.SimpleQueue(), 0.0
        with _interrupts_kept_from_children():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "MicrocalcAILib.batch.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=self._environment(),
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        threading.Thread(target=_read_answers, args=(self._process.stdout, self._answers), daemon=True).start()
        self._send(as_line({"name": self._task.name, "options": self._task.options}))
        try:
            answer = self._answer(time.monotonic() + _SECONDS_TO_START, is_cancelled)
        except _Ended as end:
            raise WorkerError(f"A worker could not be started. {end}") from end
        if "refused" in answer:
            self.close()
            raise WorkerError(answer["refused"])

    def _send(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has just ended; the missing answer says so
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _answer(self, deadline: float, is_cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The worker's next message; ends it, and raises _Ended, at the limits."""
        while True:
            if is_cancelled():
                self.close()
                raise Cancelled("Cancelled.")
            if time.monotonic() > deadline:
                self.close()
                raise _Ended(f"It took longer than {self._limits.seconds:g} seconds and was stopped (--time-limit).")
            self._peak_mb = max(self._peak_mb, self._memory_mb())
            if self._peak_mb > self._limits.memory_mb:
                self.close()
                raise _Ended(
                    f"It needed more than {self._limits.memory_mb / 1024:.1f} GB of memory and was stopped "
                    "(--memory-limit)."
                )
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=_SECONDS_BETWEEN_LOOKS)
                if answer is None:
                    raise _Ended(self._how_it_ended())
                return answer

    def _memory_mb(self) -> float:
        """Resident memory of the worker; listing the processes it started would cost more than watching is worth."""
        import psutil

        assert self._process is not None
        with contextlib.suppress(psutil.Error):
            return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20
        return 0.0

    def _how_it_ended(self) -> str:
        assert self._process is not None
        try:
            status = self._process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            status = 0
        self.close()
        if status in (-9, 137):
            return "The system ended the worker, most likely for lack of memory; use fewer workers."
        with contextlib.suppress(ValueError):
            return f"The worker crashed ({signal.Signals(-status).name}); the image is damaged, or a library is."
        return f"The worker ended unexpectedly (exit status {status})."

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ, PYTHONUTF8="1", PYTHONUNBUFFERED="1", OMP_WAIT_POLICY="PASSIVE")
        environment[ISOLATED_VARIABLE] = "1"  # decoders may run in it: it is one that may be lost
        environment |= dict.fromkeys(_THREAD_VARIABLES, str(self._threads))
        packages = {__name__.partition(".")[0], self._task.name.partition(":")[0].partition(".")[0]}
        folders = dict.fromkeys(_folder_of(package) for package in sorted(packages))
        environment["PYTHONPATH"] = os.pathsep.join([*folders, *filter(None, [environment.get("PYTHONPATH")])])
        return environment


class _Ended(Exception):
    """The worker is gone; the message is the sentence for the row."""


def _folder_of(package: str) -> str:
    """The folder from which a package is imported."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise WorkerError(f"The package “{package}” is not installed.")
    origin = Path(found.origin)
    return str(origin.parents[1] if origin.name == "__init__.py" else origin.parent)


def _read_answers(stream: Any, answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    with contextlib.suppress(ValueError, OSError):  # closed while it was read
        for line in stream:
            answers.put(json.loads(line))
    answers.put(None)


@contextlib.contextmanager
def _interrupts_kept_from_children() -> Any:
    """Ctrl-C reaches the whole foreground group; a child that is started here inherits the blocked signal."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: the child is a group of its own
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _kill_tree(pid: int) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.suspend()  # else it goes on with its work, or starts more, when what it waited for is killed
        for member in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                member.kill()
