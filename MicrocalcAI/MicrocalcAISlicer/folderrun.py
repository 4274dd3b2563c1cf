"""A whole folder of images without the scene: a command of ``microcalc`` as a child process, and what it tells of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError
from MicrocalcSlicerShared.childrun import Process, StartProcess

FAILED = "failed"
_ALL_IMAGES = "images"  # the stage that counts them


class FolderCommand(ABC):
    """A command over all images below a folder, started by the making and moved on by :meth:`update`.

    Parameters
    ----------
    command : str
        As on the command line, e.g. ``analyze``.
    inputFolder, outputFolder : Path
    options : sequence of str
        Further options of the command.
    startProcess : callable

    Raises
    ------
    ParameterError
        When there is no such folder.
    """

    def __init__(
        self, command: str, inputFolder: Path, outputFolder: Path, options: Sequence[str], startProcess: StartProcess
    ):
        if not Path(inputFolder).is_dir():
            raise ParameterError(
                f"There is no folder “{Path(inputFolder).name}”; choose the one that holds the images."
            )
        self.rows: list[dict] = []  # cells of the summary: ``image``, ``status``, ``reason`` …
        paths = [str(inputFolder), "--output", str(outputFolder)]
        self._process: Process | None = startProcess(
            ["-m", "MicrocalcAILib", command, *paths, "--json-progress", *options]
        )

    def update(self) -> bool:
        """Move on; True when all is done. Failures of images are rows, they are not raised.

        Raises
        ------
        AnalysisProcessError
            When the run cannot start or go on: no image, no room, a model that is missing.
        """
        if self._process is None:
            return True
        try:
            for message in self._process.messages():
                if "error" in message and "image" not in message:
                    raise AnalysisProcessError(message["error"])
                self._take(message)
        except BaseException:
            self.cancel()
            raise
        if self._isDone():
            self.cancel()
        return self._process is None

    def cancel(self) -> None:
        """End the run; finished results stay. Does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    @abstractmethod
    def _take(self, message: dict) -> None:
        """Take in what the child said, if it is no error that ends the run."""

    @abstractmethod
    def _isDone(self) -> bool:
        """Whether the child has said all that it will."""

    def _addRow(self, message: dict) -> None:
        self.rows.append({"reason": message.get("error", ""), **message})


class FolderRun(FolderCommand):
    """The analysis of all images below a folder (``microcalc analyze``).

    Each image gets a folder of results at the same place below ``outputFolder``. Those whose results lie there already
    are left alone, so that an interrupted run goes on where it was. ``summary.csv`` has a row for each image.
    """

    def __init__(self, *arguments):
        self.total = 0  # 0 while unknown
        super().__init__("analyze", *arguments)

    @property
    def position(self) -> int:
        """Number of the image that is analyzed now, from 1."""
        return min(len(self.rows) + 1, self.total)

    def _take(self, message: dict) -> None:
        if message.get("stage") == _ALL_IMAGES:
            self.total = message["total"]
        elif "image" in message:
            self._addRow(message)

    def _isDone(self) -> bool:
        return bool(self.total) and len(self.rows) == self.total
