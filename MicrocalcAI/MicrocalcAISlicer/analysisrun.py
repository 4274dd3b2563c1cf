"""An analysis under way: its child process, its temporary folder, and where it stands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError

from .inputvolume import fileName, writeVolume


class Process(Protocol):
    """What a run needs of a child process; :class:`~.analysisprocess.AnalysisProcess` is the real one."""

    def messages(self) -> list[dict]: ...

    def kill(self) -> None: ...


StartProcess = Callable[[Sequence[str]], Process]


def answerOf(process: Process, advance: Callable[[str, int, int], None]) -> dict | None:
    """The message with the child's result, or None while it works; its reports of progress go to ``advance``.

    Raises
    ------
    AnalysisProcessError
        When the child said that it failed, or ended without a word.
    """
    for message in process.messages():
        if "error" in message:
            raise AnalysisProcessError(message["error"])
        if "result" in message:
            return message
        if "stage" in message:
            advance(message["stage"], message["done"], message["total"])
    return None


class FileRun:
    """The analysis of one image file, started by its making and moved on by :meth:`update`.

    Parameters
    ----------
    image : Path
    output : Path
        Folder in which the image's folder of results is made.
    options : sequence of str
        Options of ``analyze`` beside the image and the output folder.
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    """

    def __init__(self, image: Path, output: Path, options: Sequence[str], startProcess: StartProcess):
        self.stage = "starting"
        self.share = 0.0  # of the whole analysis, 0 to 1; it never falls
        self._steps = 0  # of the whole analysis; 0 while unknown
        self._step = 0
        self.message: dict = {}  # what the child said about its result
        self.resultFolder: Path | None = None
        self._process: Process | None = startProcess(
            ["-m", "MicrocalcAILib", "analyze", str(image), "--output", str(output), "--json-progress", *options]
        )

    def update(self) -> bool:
        """Take in what the child has said; True once ``resultFolder`` is there.

        Raises
        ------
        AnalysisProcessError
            When the analysis failed; the child is gone then.
        """
        if self._process is None:
            return self.resultFolder is not None
        try:
            answer = answerOf(self._process, self._advance)
        except BaseException:
            self.cancel()
            raise
        if answer is not None:
            self.message, self.resultFolder = answer, Path(answer["result"])
            self.cancel()
        return self.resultFolder is not None

    def _advance(self, stage: str, done: int, total: int) -> None:
        """Take in a report: about the whole analysis, whose steps the first of several counts, or about one step."""
        isNew, self.stage = stage != self.stage, stage
        if self._steps == 0 and total > 1:
            self._steps = total
        if self._steps == 0:
            return
        within = 0.0
        if total == self._steps and isNew and done >= self._step:
            self._step = done
        elif total > 0:
            within = done / total
        self.share = min(max(self.share, (self._step + within) / self._steps), 1.0)

    def cancel(self) -> None:
        """End the child process; does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None


class AnalysisRun:
    """The analysis of one volume, started by its making and moved on by :meth:`update`.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
    options : sequence of str
        Options of ``analyze`` beside the image and the output folder.
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    onFinished : callable
        Gets the folder of results; what it returns is the run's ``results``. The folder is removed afterwards.
    """

    def __init__(
        self, volumeNode, options: Sequence[str], startProcess: StartProcess, onFinished: Callable[[Path], object]
    ):
        self.results = None
        self._onFinished = onFinished
        self._run: FileRun | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="Microcalc-"))
        try:
            image = self._folder / fileName(volumeNode)
            writeVolume(volumeNode, image)
            self._run = FileRun(image, self._folder / "results", options, startProcess)
        except BaseException:
            self.cancel()
            raise

    @property
    def stage(self) -> str:
        """What is being done now, in the library's words."""
        return self._run.stage

    @property
    def share(self) -> float:
        """How much of the analysis is done, 0 to 1."""
        return self._run.share

    def update(self) -> bool:
        """Take in what the child has said; True once ``results`` are there.

        Raises
        ------
        AnalysisProcessError
            When the analysis failed; everything is cleaned up then.
        """
        if self.results is not None:
            return True
        try:
            if self._run.update():
                self.results = self._onFinished(self._run.resultFolder)
        except BaseException:
            self.cancel()
            raise
        if self.results is not None:
            self.cancel()
        return self.results is not None

    def cancel(self) -> None:
        """End the child process and remove the temporary folder; does nothing after the end."""
        if self._run is not None:
            self._run.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)
