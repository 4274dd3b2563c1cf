"""Calculations compiled for this computer in a child process, so that no click waits for it."""

from __future__ import annotations

from slicer.i18n import tr as _

from MicrocalcAILib.base.kernel_cache import are_compiled
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess, AnalysisProcessError
from MicrocalcSlicerShared.childrun import ChildRun, StartProcess


class KernelPreparation:
    """Runs ``microcalc prepare`` in the background where that was never done.

    Parameters
    ----------
    startProcess : callable
        Starts a child process with the arguments that follow ``python``.
    """

    def __init__(self, startProcess: StartProcess = AnalysisProcess):
        self._startProcess = startProcess
        self._run: ChildRun | None = None
        self._hasFailed = False

    @property
    def isRunning(self) -> bool:
        """Whether calculations are being compiled now."""
        return self._run is not None

    @property
    def sentence(self) -> str:
        """How far it is; empty when nothing is being compiled."""
        if self._run is None:
            return ""
        return _("Calculations are being compiled, once for this computer: {count} so far.").format(
            count=self._run.done
        )

    def begin(self) -> None:
        """Start, unless everything is compiled already, it runs, or it failed in this session."""
        if self._run is None and not self._hasFailed and not are_compiled():
            self._run = ChildRun(["-m", "MicrocalcAILib", "prepare", "--json-progress"], self._startProcess)

    def update(self) -> str:
        """Take in what the child has said; gives what to tell the user, empty at the end."""
        if self._run is None:
            return ""
        try:
            if self._run.update():
                self._run = None
        except AnalysisProcessError as error:
            self._run, self._hasFailed = None, True
            return _("Calculations were not compiled ahead; the first analysis will do it. {reason}").format(
                reason=error
            )
        return self.sentence

    def stop(self) -> None:
        """End the child process; what it has compiled stays."""
        if self._run is not None:
            self._run.cancel()
            self._run = None


preparation = KernelPreparation()
"""The one of this application: the panel begins it, the segment-editor effect waits for it."""
