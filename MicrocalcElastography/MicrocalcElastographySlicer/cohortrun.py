"""A study under way in a child process: a long bootstrap never holds Slicer up, and Cancel works at once."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

from MicrocalcSlicerShared.analysisprocess import AnalysisProcess
from MicrocalcSlicerShared.childrun import ChildRun, StartProcess, TemporaryRun

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


class CohortRun(TemporaryRun):
    """The analysis of a study.

    Parameters
    ----------
    source : vtkMRMLTableNode or path
    request : StudyRequest
    reportFolder : Path or None
        Where the report stays, in a folder ``microcalc_study`` that is replaced; None keeps none.
    onFinished : callable
        Gets the folder of the study and its source; what it returns is the run's ``results``.
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    """

    def __init__(
        self,
        source,
        request: StudyRequest,
        reportFolder: Path | None,
        onFinished: Callable,
        startProcess: StartProcess = AnalysisProcess,
    ):
        self._asked, self._request, self._reportFolder = source, request, reportFolder
        self._onFinished, self._startProcess = onFinished, startProcess
        super().__init__()

    def start(self, folder: Path) -> ChildRun:
        self._source = StudySource.of(self._asked, folder)
        output = (self._reportFolder or folder) / REPORT_FOLDER
        return ChildRun(
            ["-c", _MAIN, str(_LIBRARY_FOLDER), "cohort", "analyze", str(self._source.path), "--output", str(output),
             f"--title={self._source.title}", "--json-progress", *self._request.options()],
            self._startProcess,
        )  # fmt: skip

    def finish(self, resultFolder: Path):
        return self._onFinished(resultFolder, self._source)
