"""A whole folder of images, one after the other, without the scene: resumes, and writes a table of what happened."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.base.files import replaced_on_success, result_name
from MicrocalcSlicerShared.childrun import StartProcess

from .analysisrun import FileRun

SUMMARY_FILE = "summary.csv"
SUMMARY_COLUMNS = ("image", "status", "calcifications", "clusters", "highest_risk_by_words", "folder", "message")
ANALYZED, FINISHED_BEFORE, FAILED = "analyzed", "finished before", "failed"


def imageFiles(folder: Path) -> list[Path]:
    """The files below a folder that are images of a kind that is read, in the order of their names.

    Raises
    ------
    ParameterError
        When there is no such folder.
    """
    from MicrocalcAILib.reading.reader import file_kind

    folder = Path(folder)
    if not folder.is_dir():
        raise ParameterError(f"There is no folder “{folder.name}”; choose the folder that holds the images.")
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                file_kind(path)
            except (MicrocalcError, OSError):
                continue
            found.append(path)
    return found


class FolderRun:
    """The analysis of all images below a folder; moved on by :meth:`update`.

    Each image gets a folder of results at the same place below ``outputFolder``. Images that have a complete one
    are left alone, so that an interrupted run goes on where it was. ``summary.csv`` is written after every image.

    Parameters
    ----------
    inputFolder, outputFolder : Path
    options : sequence of str
        Options of ``analyze``.
    startProcess : callable

    Raises
    ------
    ParameterError
        When the folder does not exist or holds no image.
    """

    def __init__(self, inputFolder: Path, outputFolder: Path, options: Sequence[str], startProcess: StartProcess):
        self.inputFolder, self.outputFolder = Path(inputFolder), Path(outputFolder)
        ownResults = self.outputFolder.resolve()
        if ownResults == self.inputFolder.resolve():
            raise ParameterError("Results cannot be written among the images; choose another output folder.")
        images = [path for path in imageFiles(self.inputFolder) if ownResults not in path.resolve().parents]
        if not images:
            raise ParameterError(f"“{self.inputFolder.name}” holds no image that can be read.")
        self.rows: list[dict] = []
        self.total = len(images)
        self.run: FileRun | None = None
        self._waiting = images
        self._stems = Counter((path.parent, result_name(path)) for path in images)
        self._options = list(options)
        self._startProcess = startProcess
        self._image: Path | None = None

    @property
    def position(self) -> int:
        """Number of the image that is analyzed now, from 1."""
        return min(len(self.rows) + 1, self.total)

    def update(self) -> bool:
        """Move on; True when every image has its row. Failures are rows, they are not raised."""
        if self.run is not None:
            try:
                if self.run.update():
                    self._add(ANALYZED, self.run.resultFolder)
            except Exception as error:
                self._fail(error)
        while self.run is None and self._waiting:
            self._startNext()
        return self.run is None

    def cancel(self) -> None:
        """End the running analysis and forget the waiting ones; finished results stay."""
        self._waiting = []
        if self.run is not None:
            self.run.cancel()
            self.run = None

    def _startNext(self) -> None:
        from MicrocalcAILib.analysis import ANALYSIS_FILE

        self._image = self._waiting.pop(0)
        output = self.outputFolder / self._image.parent.relative_to(self.inputFolder)
        if self._stems[self._image.parent, result_name(self._image)] > 1:  # same name, other suffix
            output /= self._image.name
        folder = output / result_name(self._image)
        if (folder / ANALYSIS_FILE).is_file():
            self._add(FINISHED_BEFORE, folder)
            return
        try:
            self.run = FileRun(self._image, output, self._options, self._startProcess)
        except Exception as error:
            self._fail(error)

    def _add(self, status: str, folder: Path) -> None:
        from MicrocalcAILib.analysis import load_analysis

        self.run = None
        try:
            analysis = load_analysis(folder)
        except MicrocalcError as error:
            self._fail(error)
            return
        risks = analysis.clusters.get("descriptor_risk")
        highest = None if risks is None or risks.isna().all() else round(float(risks.max()), 4)
        self._write(
            status=status,
            calcifications=len(analysis.calcifications),
            clusters=len(analysis.clusters),
            highest_risk_by_words=highest,
            folder=folder.relative_to(self.outputFolder).as_posix(),
            message=" ".join(warning.message for warning in analysis.warnings),
        )

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, MicrocalcError):
            logging.error("The analysis failed.", exc_info=error)
        self.run = None
        self._write(status=FAILED, message=str(error) or repr(error))

    def _write(self, **cells) -> None:
        row = dict.fromkeys(SUMMARY_COLUMNS) | {"image": self._image.relative_to(self.inputFolder).as_posix()} | cells
        self.rows.append(row)
        with (
            replaced_on_success(self.outputFolder / SUMMARY_FILE) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, SUMMARY_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
