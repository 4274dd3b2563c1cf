"""The process that works on items: ``python -m MicrocalcAILib.batch.worker``.

Its first line on standard input names the task and its options, each further one is a :class:`~.work.Job`. It answers
in JSON lines: ``{"ready"}``, ``{"stage", "done", "total"}`` …, ``{"row"}``; or ``{"refused"}``, when the task cannot be
done at all, ``{"full"}`` when there is no room. It ends when standard input ends, even in the middle of its work.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import sys
import threading
from typing import Any, BinaryIO

from ..base.errors import MicrocalcError
from ..base.light_imports import import_scipy_without_documentation
from .work import FullDiskError, Job, Task, as_line, perform


def main() -> None:
    """Serve until standard input ends."""
    # Imports, models and compiled kernels are many objects that stay; looking for garbage among them, again and again
    # until the first job is done, takes a twentieth of its processor time.
    gc.disable()
    answers = _private_standard_output()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()

    def say(**message: Any) -> None:
        answers.write(as_line(message))
        answers.flush()

    def progress(stage: str, done: int, total: int) -> None:
        say(stage=stage, done=done, total=total)

    try:
        task = make_task(**json.loads(lines.get()))
    except MicrocalcError as error:
        say(refused=str(error))
        return
    say(ready=True)
    while True:
        job = Job(**json.loads(lines.get()))
        try:
            say(row=perform(task, job, progress))
        except FullDiskError as error:
            say(full=str(error))
        gc.enable()


def make_task(name: str, options: dict[str, Any]) -> Task:
    """The task with the dotted name ``module:Class``."""
    import_scipy_without_documentation()  # every task uses SciPy; nobody asks a worker for help
    module, _, kind = name.partition(":")
    task: Task = getattr(importlib.import_module(module), kind)(options)
    return task


def _private_standard_output() -> BinaryIO:
    """Where answers go; what libraries print goes to standard error instead."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read_lines(lines: queue.SimpleQueue[bytes]) -> None:
    for line in sys.stdin.buffer:
        lines.put(line)
    os._exit(0)  # the owner is gone, or has no more jobs


if __name__ == "__main__":
    main()
