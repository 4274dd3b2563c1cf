"""Several images, one after the other: one that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from MicrocalcAILib.base.errors import MicrocalcError

from .analysisrun import AnalysisRun


@dataclass(frozen=True)
class Outcome:
    """How the analysis of an image ended.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
    results : ResultNodes or None
        None when it failed.
    error : str
        One sentence; empty when it succeeded.
    """

    volumeNode: object
    results: object | None
    error: str = ""


class AnalysisQueue:
    """Analyses of several volumes; moved on by :meth:`update`.

    Parameters
    ----------
    volumeNodes : sequence of vtkMRMLScalarVolumeNode
        At least one.
    startRun : callable
        Starts the analysis of one volume: gives an :class:`~.analysisrun.AnalysisRun`.
    """

    def __init__(self, volumeNodes: Sequence, startRun: Callable[[object], AnalysisRun]):
        self.total = len(volumeNodes)
        self.outcomes: list[Outcome] = []
        self._waiting = list(volumeNodes)
        self._startRun = startRun
        self._volumeNode = None
        self.run: AnalysisRun | None = None
        self._startNext()

    @property
    def position(self) -> int:
        """Number of the image that is analyzed now, from 1."""
        return min(len(self.outcomes) + 1, self.total)

    @property
    def stage(self) -> str:
        """What is being done with this image, in the library's words."""
        return "starting" if self.run is None else self.run.stage

    @property
    def share(self) -> float:
        """How much of all is done, 0 to 1."""
        return (len(self.outcomes) + (0.0 if self.run is None else self.run.share)) / self.total

    def update(self) -> bool:
        """Move on; True when every image has its outcome. Failures are outcomes, they are not raised."""
        if self.run is not None:
            try:
                if self.run.update():
                    self._end(self.run.results)
            except Exception as error:
                self._end(None, error)
        if self.run is None and self._waiting:
            self._startNext()
        return self.run is None and not self._waiting

    def cancel(self) -> None:
        """End the running analysis and forget the waiting ones; finished results stay."""
        self._waiting = []
        if self.run is not None:
            self.run.cancel()
            self.run = None

    def _startNext(self) -> None:
        self._volumeNode = self._waiting.pop(0)
        try:
            self.run = self._startRun(self._volumeNode)
        except Exception as error:
            self._end(None, error)

    def _end(self, results, error: Exception | None = None) -> None:
        if error is not None and not isinstance(error, MicrocalcError):
            logging.error("The analysis failed.", exc_info=error)
        self.outcomes.append(Outcome(self._volumeNode, results, "" if error is None else str(error) or repr(error)))
        self.run = None
