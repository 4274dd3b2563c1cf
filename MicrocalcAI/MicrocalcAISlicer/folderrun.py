"""A whole folder of images without the scene: ``microcalc analyze`` as a child process, and the rows it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError
from MicrocalcSlicerShared.childrun import Process, StartProcess

FAILED = "failed"
_ALL_IMAGES = "images"  # the stage that counts them


class FolderRun:
    """The analysis of all images below a folder; moved on by :meth:`update`.

    Each image gets a folder of results at the same place below ``outputFolder``. Those whose results lie there already
    are left alone, so that an interrupted run goes on where it was. ``summary.csv`` has a row for each image.

    Parameters
    ----------
    inputFolder, outputFolder : Path
    options : sequence of str
        Options of ``analyze``.
    startProcess : callable

    Raises
    ------
    ParameterError
        When there is no such folder.
    """

    def __init__(self, inputFolder: Path, outputFolder: Path, options: Sequence[str], startProcess: StartProcess):
        if not Path(inputFolder).is_dir():
            raise ParameterError(
                f"There is no folder “{Path(inputFolder).name}”; choose the one that holds the images."
            )
        self.rows: list[dict] = []  # cells of the summary: ``image``, ``status``, ``reason`` …
        self.total = 0  # 0 while unknown
        paths = [str(inputFolder), "--output", str(outputFolder)]
        self._process: Process | None = startProcess(
            ["-m", "MicrocalcAILib", "analyze", *paths, "--json-progress", *options]
        )

    @property
    def position(self) -> int:
        """Number of the image that is analyzed now, from 1."""
        return min(len(self.rows) + 1, self.total)

    def update(self) -> bool:
        """Move on; True when every image has its row. Failures of images are rows, they are not raised.

        Raises
        ------
        AnalysisProcessError
            When the run cannot start or go on: no image, no room, a model that is missing.
        """
        if self._process is None:
            return True
        try:
            for message in self._process.messages():
                self._take(message)
        except BaseException:
            self.cancel()
            raise
        if self.total and len(self.rows) == self.total:
            self.cancel()
        return self._process is None

    def cancel(self) -> None:
        """End the run; finished results stay. Does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _take(self, message: dict) -> None:
        if message.get("stage") == _ALL_IMAGES:
            self.total = message["total"]
        elif "image" in message:
            self.rows.append({"reason": message.get("error", ""), **message})
        elif "error" in message:
            raise AnalysisProcessError(message["error"])
