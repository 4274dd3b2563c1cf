"""One analysis under way: its child process, its temporary folder, and where it stands."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .analysisprocess import AnalysisProcessError
from .inputvolume import writeVolume

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.analysis import Analysis


class Process(Protocol):
    """What a run needs of a child process; :class:`~.analysisprocess.AnalysisProcess` is the real one."""

    def messages(self) -> list[dict]: ...

    def kill(self) -> None: ...


class AnalysisRun:
    """The analysis of one volume, started by its making and moved on by :meth:`update`.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
    options : sequence of str
        Options of ``analyze`` beside the image and the output folder.
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    loadAnalysis : callable
        Reads a result folder.
    onFinished : callable
        Gets the Analysis; what it returns is the run's ``results``.
    """

    def __init__(
        self,
        volumeNode,
        options: Sequence[str],
        startProcess: Callable[[Sequence[str]], Process],
        loadAnalysis: Callable[[Path], Analysis],
        onFinished: Callable,
    ):
        self.stage = "Starting"
        self.done = 0
        self.total = 0
        self.results = None
        self._loadAnalysis = loadAnalysis
        self._onFinished = onFinished
        self._process: Process | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="Microcalc-"))
        try:
            self._process = startProcess(self._arguments(volumeNode, options))
        except BaseException:
            self.cancel()
            raise

    def update(self) -> bool:
        """Take in what the child has said; True once ``results`` are there.

        Raises
        ------
        AnalysisProcessError
            When the analysis failed; everything is cleaned up then.
        """
        if self._process is None:
            return self.results is not None
        try:
            for message in self._process.messages():
                if "error" in message:
                    raise AnalysisProcessError(message["error"])
                if "result" in message:
                    self.results = self._onFinished(self._loadAnalysis(Path(message["result"])))
                    break
                self.stage, self.done, self.total = message["stage"], message["done"], message["total"]
        except BaseException:
            self.cancel()
            raise
        if self.results is not None:
            self.cancel()
        return self.results is not None

    def cancel(self) -> None:
        """End the child process and remove the temporary folder; does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _arguments(self, volumeNode, options: Sequence[str]) -> list[str]:
        image = self._folder / "mammogram.nrrd"
        writeVolume(volumeNode, image)
        output = self._folder / "results"
        return ["-m", "MicrocalcAILib", "analyze", str(image), "--output", str(output), "--json-progress", *options]
