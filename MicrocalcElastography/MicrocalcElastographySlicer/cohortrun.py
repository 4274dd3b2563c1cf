"""A study under way in a child process: a long bootstrap never holds Slicer up, and Cancel works at once."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from MicrocalcAISlicer.analysisrun import Process, answerOf
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess

from .cohortnodes import tableOfNode

REPORT_FOLDER = "microcalc_study"
_LIBRARY_FOLDER = Path(__file__).resolve().parent.parent
# In the source tree both libraries lie in folders of their own, and the child knows only that of MicrocalcAI.
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from MicrocalcAILib.cli import main; sys.exit(main())"


@dataclasses.dataclass(frozen=True)
class StudyRequest:
    """What is asked of a study; every column that is not named is guessed from the headings.

    Parameters
    ----------
    outcome, lesion, patient, reader, repeat : str
        Columns; empty = guessed.
    malignantValues, parameters, ignored : tuple of str
        Values of the outcome that mean malignant; columns tested as parameters; columns left out.
    resamples : int or None
        Bootstrap samples; None takes the library's default.
    """

    outcome: str = ""
    malignantValues: tuple[str, ...] = ()
    lesion: str = ""
    patient: str = ""
    reader: str = ""
    repeat: str = ""
    parameters: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    resamples: int | None = None

    def options(self) -> list[str]:
        """For the command line. ``--name=value`` keeps columns whose name begins with a hyphen apart from options."""
        options = [
            f"--{name}={getattr(self, name)}"
            for name in ("outcome", "lesion", "patient", "reader", "repeat")
            if getattr(self, name)
        ]
        lists = {"malignant": self.malignantValues, "parameter": self.parameters, "ignore": self.ignored}
        for name, values in lists.items():
            if values:
                options += [f"--{name}", *values]
        return options if self.resamples is None else [*options, f"--resamples={self.resamples}"]


@dataclasses.dataclass(frozen=True)
class StudySource:
    """A table that a child process can read.

    Parameters
    ----------
    path : Path
    title : str
    study : str
        What tells one study from another; no folder names, because it is kept in the scene.
    """

    path: Path
    title: str
    study: str

    @staticmethod
    def keyOf(source) -> str:
        """What tells a table node or a file from others."""
        if isinstance(source, (str, Path)):
            return hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()
        return source.GetID()

    @classmethod
    def of(cls, source, folder: Path) -> StudySource:
        """The file, or the table node written into ``folder``.

        Raises
        ------
        ParameterError
            When the table node is empty.
        """
        if isinstance(source, (str, Path)):
            path = Path(source)
            return cls(path, path.stem, cls.keyOf(source))
        path = folder / "cohort.csv"
        tableOfNode(source).to_csv(path, index=False)
        return cls(path, source.GetName(), cls.keyOf(source))


class CohortRun:
    """The analysis of a study, started by its making and moved on by :meth:`update`.

    Parameters
    ----------
    source : vtkMRMLTableNode or path
    request : StudyRequest
    reportFolder : Path or None
        Where the report stays, in a folder ``microcalc_study`` that is replaced; None keeps none.
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    onFinished : callable
        Gets the folder of the study and its source; what it returns is the run's ``results``.
    """

    def __init__(
        self,
        source,
        request: StudyRequest,
        reportFolder: Path | None,
        onFinished: Callable,
        startProcess: Callable[[Sequence[str]], Process] = AnalysisProcess,
    ):
        self.stage = "starting"
        self.done = 0
        self.total = 0
        self.results = None
        self._onFinished = onFinished
        self._process: Process | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="Microcalc-"))
        try:
            self._source = StudySource.of(source, self._folder)
            output = (reportFolder or self._folder) / REPORT_FOLDER
            self._process = startProcess(
                ["-c", _MAIN, str(_LIBRARY_FOLDER), "cohort", "analyze", str(self._source.path), "--output",
                 str(output), f"--title={self._source.title}", "--json-progress", *request.options()]
            )  # fmt: skip
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
            answer = answerOf(self._process, self._advance)
            if answer is not None:
                self.results = self._onFinished(Path(answer["result"]), self._source)
        except BaseException:
            self.cancel()
            raise
        if self.results is not None:
            self.cancel()
        return self.results is not None

    def _advance(self, stage: str, done: int, total: int) -> None:
        self.stage, self.done, self.total = stage, done, total

    def cancel(self) -> None:
        """End the child process and remove the temporary folder; does nothing after the end."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)
