"""The exams of a folder without the scene: ``microcalc analyze-exam`` as a child process, and the exams it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcSlicerShared.analysisprocess import AnalysisProcessError
from MicrocalcSlicerShared.childrun import Process, StartProcess


class ExamRun:
    """The analysis of all images below a folder and of the exams they make up; moved on by :meth:`update`.

    Parameters
    ----------
    inputFolder, outputFolder : Path
    options : sequence of str
        Options of ``analyze-exam``.
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
        self.rows: list[dict] = []  # of the images, as those of a FolderRun
        self.folders: list[Path] = []  # of the exams
        paths = [str(inputFolder), "--output", str(outputFolder)]
        self._process: Process | None = startProcess(
            ["-m", "MicrocalcAILib", "analyze-exam", *paths, "--json-progress", *options]
        )

    def update(self) -> bool:
        """Move on; True when every exam is written. Failures of images are rows, they are not raised.

        Raises
        ------
        AnalysisProcessError
            When the run cannot start or go on.
        """
        if self._process is None:
            return True
        try:
            for message in self._process.messages():
                self._take(message)
        except BaseException:
            self.cancel()
            raise
        return self._process is None

    def cancel(self) -> None:
        """End the run; finished results stay. Does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _take(self, message: dict) -> None:
        if "image" in message:
            if "status" in message:
                self.rows.append({"reason": message.get("error", ""), **message})
        elif "exam" in message:
            self.folders.append(Path(message["folder"]))
        elif "error" in message:
            raise AnalysisProcessError(message["error"])
        elif "result" in message:
            self.cancel()
