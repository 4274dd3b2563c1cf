"""An analysis under way: of one file, or of one volume of the scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from MicrocalcSlicerShared.childrun import ChildRun, StartProcess, TemporaryRun

from .inputvolume import fileName, writeVolume


class FileRun(ChildRun):
    """The analysis of one image file.

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
        self.share = 0.0  # of the whole analysis, 0 to 1; it never falls
        self._steps = 0  # of the whole analysis; 0 while unknown
        self._step = 0
        super().__init__(
            ["-m", "MicrocalcAILib", "analyze", str(image), "--output", str(output), "--json-progress", *options],
            startProcess,
        )

    def advance(self, stage: str, done: int, total: int) -> None:
        """Take in a report: about the whole analysis, whose steps the first of several counts, or about one step."""
        isNew = stage != self.stage
        super().advance(stage, done, total)
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


class AnalysisRun(TemporaryRun):
    """The analysis of one volume.

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
        self._volumeNode, self._options = volumeNode, options
        self._startProcess, self._onFinished = startProcess, onFinished
        super().__init__()

    @property
    def share(self) -> float:
        """How much of the analysis is done, 0 to 1."""
        return self.run.share

    def start(self, folder: Path) -> FileRun:
        image = folder / fileName(self._volumeNode)
        writeVolume(self._volumeNode, image)
        return FileRun(image, folder / "results", self._options, self._startProcess)

    def finish(self, resultFolder: Path):
        return self._onFinished(resultFolder)
