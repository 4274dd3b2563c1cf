"""MicrocalcAI's logic: from a volume node to result nodes, with or without a graphical user interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MicrocalcAILib.errors import ResultError

from . import inputvolume, region, results
from .analysisprocess import AnalysisProcess
from .analysisrun import AnalysisRun, Process

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.analysis import Analysis

_SECONDS_BETWEEN_LOOKS = 0.05


def _loadAnalysis(folder: Path) -> Analysis:
    from MicrocalcAILib.analysis import load_analysis

    return load_analysis(folder)


class MicrocalcAILogic(ScriptedLoadableModuleLogic):
    """Find, outline and group the calcifications of a mammogram in the scene.

    Parameters
    ----------
    startProcess, loadAnalysis : callable
        Collaborators: how a child process is started, how a result folder is read.
    """

    def __init__(
        self,
        startProcess: Callable[[Sequence[str]], Process] = AnalysisProcess,
        loadAnalysis: Callable[[Path], Analysis] = _loadAnalysis,
    ):
        super().__init__()
        self._startProcess = startProcess
        self._loadAnalysis = loadAnalysis

    def process(
        self,
        volumeNode,
        spacingMm: float | None = None,
        roiNode=None,
        falseMarksPerCm2: float | None = None,
        outputSegmentationNode=None,
        waitForCompletion: bool = True,
    ) -> results.ResultNodes | AnalysisRun:
        """Analyze a mammogram in a child process and show the results. Needs no graphical user interface.

        Parameters
        ----------
        volumeNode : vtkMRMLScalarVolumeNode
            One mammographic view: one slice, any scalar type, brighter = more attenuating.
        spacingMm : float, optional
            Pixel spacing in mm, for images that do not know their own.
        roiNode : vtkMRMLMarkupsROINode, optional
            Show only what lies inside; see :func:`.region.restrictToRegion`.
        falseMarksPerCm2 : float, optional
            Operating point: expected false marks per cm² of breast; the library's default otherwise.
        outputSegmentationNode : vtkMRMLSegmentationNode, optional
            Where to write; otherwise the volume's earlier results are replaced, or a node is made.
        waitForCompletion : bool
            Wait for the results and return them; otherwise return an :class:`.analysisrun.AnalysisRun` at once. Call
            its ``update()`` from time to time until it is True, and read ``results``; ``cancel()`` ends it.

        Raises
        ------
        MicrocalcError
            With one sentence that says what is wrong and what to do. The scene is then as it was before.
        """
        self.checkInput(volumeNode, spacingMm, outputSegmentationNode)
        options = [] if spacingMm is None else ["--spacing", f"{spacingMm:.6g}"]
        if falseMarksPerCm2 is not None:
            options += ["--false-marks", f"{falseMarksPerCm2:.6g}"]

        def onFinished(analysis: Analysis) -> results.ResultNodes:
            return self.showAnalysis(analysis, volumeNode, roiNode, outputSegmentationNode)

        run = AnalysisRun(volumeNode, options, self._startProcess, self._loadAnalysis, onFinished)
        if not waitForCompletion:
            return run
        try:
            while not run.update():
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            run.cancel()
        return run.results

    def checkInput(self, volumeNode, spacingMm: float | None = None, outputSegmentationNode=None) -> None:
        """Raise a MicrocalcError, whose sentence says what is missing, unless the analysis can start."""
        inputvolume.checkVolume(volumeNode, spacingMm)
        if outputSegmentationNode is not None:
            results.checkOutput(volumeNode, outputSegmentationNode)

    def showAnalysis(
        self, analysis: Analysis, volumeNode, roiNode=None, outputSegmentationNode=None
    ) -> results.ResultNodes:
        """Show the analysis of a volume in the scene; see :func:`.results.showResults`."""
        if volumeNode.GetScene() is None:
            raise ResultError("The image was removed from the scene while it was analyzed; load it again.")
        if roiNode is not None:
            analysis = region.restrictToRegion(analysis, volumeNode, roiNode)
        if outputSegmentationNode is not None and outputSegmentationNode.GetScene() is None:
            outputSegmentationNode = None
        return results.showResults(analysis, volumeNode, outputSegmentationNode)

    def findResults(self, volumeNode) -> results.ResultNodes | None:
        """The results shown for a volume, or None."""
        return results.findResults(volumeNode)
