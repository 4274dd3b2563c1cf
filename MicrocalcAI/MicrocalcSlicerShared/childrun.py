"""Work under way in a child process: where it stands, and what is left of it when it ends, fails or is canceled."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from .analysisprocess import AnalysisProcessError


class Process(Protocol):
    """What a run needs of a child process; :class:`~.analysisprocess.AnalysisProcess` is the real one."""

    def messages(self) -> list[dict]: ...

    def kill(self) -> None: ...


StartProcess = Callable[[Sequence[str]], Process]


class ChildRun:
    """One child process, started by the making and moved on by :meth:`update`.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``python``; the child reports in JSON lines.
    startProcess : callable
        Starts a child process with such arguments.
    """

    def __init__(self, arguments: Sequence[str], startProcess: StartProcess):
        self.stage = "starting"
        self.done = 0
        self.total = 0  # of this stage; 0 while unknown
        self.message: dict = {}  # what the child said about its result
        self.resultFolder: Path | None = None
        self._process: Process | None = startProcess(arguments)

    def update(self) -> bool:
        """Take in what the child has said; True once ``resultFolder`` is there.

        Raises
        ------
        AnalysisProcessError
            When the child said that it failed, or ended without a word; it is gone then.
        """
        if self._process is None:
            return self.resultFolder is not None
        try:
            for message in self._process.messages():
                if "error" in message:
                    raise AnalysisProcessError(message["error"])
                if "result" in message:
                    self.message, self.resultFolder = message, Path(message["result"])
                    break
                if "stage" in message:
                    self.advance(message["stage"], message["done"], message["total"])
        except BaseException:
            self.cancel()
            raise
        if self.resultFolder is not None:
            self.cancel()
        return self.resultFolder is not None

    def advance(self, stage: str, done: int, total: int) -> None:
        """Take in a report of progress."""
        self.stage, self.done, self.total = stage, done, total

    def cancel(self) -> None:
        """End the child process; does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None


class TemporaryRun(ABC):
    """A child process with a temporary folder, and results made of what it leaves; moved on by :meth:`update`.

    Started by the making. Whatever happens, child and folder are gone afterwards.
    """

    def __init__(self):
        self.results = None
        self.run: ChildRun | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="Microcalc-"))
        try:
            self.run = self.start(self._folder)
        except BaseException:
            self.cancel()
            raise

    @abstractmethod
    def start(self, folder: Path) -> ChildRun:
        """Write what the child needs into the temporary folder, and start it."""

    @abstractmethod
    def finish(self, resultFolder: Path):
        """The results, made of the folder that the child has written."""

    @property
    def stage(self) -> str:
        """What is being done now, in the library's words."""
        return self.run.stage

    @property
    def done(self) -> int:
        """How much of this stage is done, of ``total``."""
        return self.run.done

    @property
    def total(self) -> int:
        """Of this stage; 0 while unknown."""
        return self.run.total

    def update(self) -> bool:
        """Take in what the child has said; True once ``results`` are there.

        Raises
        ------
        AnalysisProcessError
            When the work failed; everything is cleaned up then.
        """
        if self.results is not None:
            return True
        try:
            if self.run.update():
                self.results = self.finish(self.run.resultFolder)
        except BaseException:
            self.cancel()
            raise
        if self.results is not None:
            self.cancel()
        return self.results is not None

    def cancel(self) -> None:
        """End the child process and remove the temporary folder; does nothing after the end."""
        if self.run is not None:
            self.run.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)
