"""MicrocalcAI's logic: from a volume node to result nodes, with or without a graphical user interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess
from MicrocalcSlicerShared.childrun import StartProcess

from . import inputvolume, lesionboxes, probabilitymaps, region, results
from .analysisqueue import AnalysisQueue, Outcome
from .analysisrun import AnalysisRun
from .examrun import ExamRun
from .folderrun import FolderRun
from .options import AnalysisOptions

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.exam.exam import Exam

_SECONDS_BETWEEN_LOOKS = 0.05


def _loadAnalysis(folder: Path) -> Analysis:
    from MicrocalcAILib.analysis import load_analysis

    return load_analysis(folder)


class MicrocalcAILogic(ScriptedLoadableModuleLogic):
    """Find, outline, group and describe the calcifications of mammograms. Needs no graphical user interface.

    Parameters
    ----------
    startProcess, loadAnalysis : callable
        Collaborators: how a child process is started, how a result folder is read.
    """

    def __init__(
        self,
        startProcess: StartProcess = AnalysisProcess,
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
        **options,
    ) -> results.ResultNodes | AnalysisRun:
        """Analyze a mammogram in a child process and show the results.

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
        **options
            ``heatmaps``, ``detector``, ``device``, ``selector``, ``classifier``: see
            :class:`.options.AnalysisOptions`.

        Raises
        ------
        MicrocalcError
            With one sentence that says what is wrong and what to do. The scene is then as it was before.
        """
        self.checkInput(volumeNode, spacingMm, outputSegmentationNode)
        arguments = AnalysisOptions(spacingMm, falseMarksPerCm2, **options).arguments()

        def onFinished(folder: Path) -> results.ResultNodes:
            return self.showAnalysis(self._loadAnalysis(folder), volumeNode, roiNode, outputSegmentationNode)

        run = AnalysisRun(volumeNode, arguments, self._startProcess, onFinished)
        return _finished(run).results if waitForCompletion else run

    def processImages(
        self, volumeNodes: Sequence, waitForCompletion: bool = True, spacingMm: float | None = None, **arguments
    ) -> list[Outcome] | AnalysisQueue:
        """Analyze several mammograms, one after the other; one that fails does not stop the others.

        Parameters
        ----------
        volumeNodes : sequence of vtkMRMLScalarVolumeNode
        waitForCompletion : bool
            Wait and return an :class:`.analysisqueue.Outcome` per image; otherwise return the
            :class:`.analysisqueue.AnalysisQueue` at once, whose ``update()`` has to be called until it is True.
        spacingMm : float, optional
            Pixel spacing in mm of those images that do not know their own.
        **arguments
            As in :meth:`process`.

        Raises
        ------
        ParameterError
            When there is no image. What goes wrong with an image is its outcome.
        """
        if not volumeNodes:
            raise ParameterError("Select at least one mammogram.")

        def startRun(volumeNode) -> AnalysisRun:
            own = inputvolume.hasPlausibleSpacing(volumeNode)
            return self.process(volumeNode, spacingMm=None if own else spacingMm, waitForCompletion=False, **arguments)

        queue = AnalysisQueue(volumeNodes, startRun)
        return _finished(queue).outcomes if waitForCompletion else queue

    def processFolder(
        self,
        inputFolder: str | Path,
        outputFolder: str | Path,
        spacingMm: float | None = None,
        falseMarksPerCm2: float | None = None,
        waitForCompletion: bool = True,
        **options,
    ) -> list[dict] | FolderRun:
        """Analyze all images below a folder, without the scene; an interrupted run goes on where it was.

        Parameters
        ----------
        inputFolder : str or Path
            Every file below it that is an image is analyzed.
        outputFolder : str or Path
            Gets a folder of results per image (tables, segmentation, picture, JSON) at the same place, and
            ``summary.csv`` with one row per file. Results made from the same image by the same method are left alone.
        spacingMm : float, optional
            Pixel spacing in mm; wins over what the files say.
        falseMarksPerCm2 : float, optional
            Operating point: expected false marks per cm² of breast.
        waitForCompletion : bool
            Wait and return the rows of the summary; otherwise return the :class:`.folderrun.FolderRun` at once, whose
            ``update()`` has to be called until it is True.
        **options
            As in :class:`.options.AnalysisOptions`.

        Raises
        ------
        ParameterError, AnalysisProcessError
            When there is no folder, no file in it, or no room for results. An image that fails is a row with its
            reason.
        """
        arguments = AnalysisOptions(spacingMm, falseMarksPerCm2, **options).arguments()
        run = FolderRun(Path(inputFolder), Path(outputFolder), arguments, self._startProcess)
        return _finished(run).rows if waitForCompletion else run

    def processExam(
        self,
        inputFolder: str | Path,
        outputFolder: str | Path,
        spacingMm: float | None = None,
        falseMarksPerCm2: float | None = None,
        waitForCompletion: bool = True,
        **options,
    ) -> list[Exam] | ExamRun:
        """Analyze all images below a folder and put them together as exams, without the scene.

        Parameters
        ----------
        inputFolder, outputFolder, spacingMm, falseMarksPerCm2
            As in :meth:`processFolder`; ``outputFolder`` gets ``images`` and ``exams``.
        waitForCompletion : bool
            Wait and return the exams, each patient's earliest first; otherwise return the :class:`.examrun.ExamRun` at
            once, whose ``update()`` has to be called until it is True.
        **options
            As in :class:`.options.AnalysisOptions`.

        Raises
        ------
        ParameterError, AnalysisProcessError
            As :meth:`processFolder`. An image that fails is missing in its exam, which says so.
        """
        arguments = AnalysisOptions(spacingMm, falseMarksPerCm2, **options).arguments()
        run = ExamRun(Path(inputFolder), Path(outputFolder), arguments, self._startProcess)
        if not waitForCompletion:
            return run
        from MicrocalcAILib.exam.exam import load_exam

        return [load_exam(folder) for folder in _finished(run).folders]

    def checkInput(self, volumeNode, spacingMm: float | None = None, outputSegmentationNode=None) -> None:
        """Raise a MicrocalcError, whose sentence says what is missing, unless the analysis can start."""
        inputvolume.checkVolume(volumeNode, spacingMm)
        if outputSegmentationNode is not None:
            results.checkOutput(volumeNode, outputSegmentationNode)

    def showAnalysis(
        self, analysis: Analysis, volumeNode, roiNode=None, outputSegmentationNode=None
    ) -> results.ResultNodes:
        """Show the analysis of a volume in the scene: see :func:`.results.showResults`, and its heatmaps and boxes.

        What an earlier analysis of this volume showed is replaced, so that all is of one analysis.

        Raises
        ------
        ResultError
            When the volume is gone or of another size.
        """
        if volumeNode.GetScene() is None:
            raise ResultError("The image was removed from the scene while it was analyzed; load it again.")
        if roiNode is not None and roiNode.GetScene() is not None:
            analysis = region.restrictToRegion(analysis, volumeNode, roiNode)
        if outputSegmentationNode is not None and outputSegmentationNode.GetScene() is None:
            outputSegmentationNode = None
        shown = results.showResults(analysis, volumeNode, outputSegmentationNode)
        probabilitymaps.showMaps(analysis, volumeNode, shown.segmentationNode)
        lesionboxes.showBoxes(analysis.boxes, volumeNode, shown.segmentationNode)
        return shown

    def findResults(self, volumeNode) -> results.ResultNodes | None:
        """The results shown for a volume, or None."""
        return results.findResults(volumeNode)


def _finished(run):
    """Wait for a run; whatever happens, its child process is gone afterwards."""
    try:
        while not run.update():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    finally:
        run.cancel()
    return run
