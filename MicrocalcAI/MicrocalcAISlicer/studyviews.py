"""A case of a reader study in the scene: its images under blind names, results where allowed, the reader's marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.study.plan import ELASTOGRAMS
from MicrocalcSlicerShared.geometry import ijkToRas

from .mammogramloading import loadMammogram
from .showing import showVolume

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.study.reading import Reading

_STUDY_YEAR = "Microcalc.StudyYear"
_OTHERS = {"A": (0.34, 0.71, 0.91), "B": (0.90, 0.62, 0.0)}  # colors that every color vision tells apart


class StudyViews:
    """Shows one case at a time; another one takes its place.

    Parameters
    ----------
    logic : MicrocalcAILogic
        Shows results.
    onMarked : callable
        Gets ``image, row, column, item`` of a mark that was set (``item`` empty) or moved, and returns its name, row
        and column as they are kept, or None when it was refused.
    onUnmarked : callable
        Gets the image and the names of its marks that are left after one was taken away in the views.
    """

    def __init__(
        self,
        logic,
        onMarked: Callable[[int, float, float, str], tuple[str, float, float] | None],
        onUnmarked: Callable[[int, set[str]], None],
    ):
        self._logic = logic
        self._onMarked, self._onUnmarked = onMarked, onUnmarked
        self._nodes: list = []
        self._observed: list[tuple] = []
        self._isFilling = False
        self.volumeNodes: list = []
        self._markNodes: list = []

    def show(self, reading: Reading, marks: dict[str, dict]) -> None:
        """Show the open task of a reading with the marks that are there.

        Raises
        ------
        MicrocalcError
            When an image or a result cannot be read; the scene then holds nothing of the case.
        """
        from MicrocalcAILib.analysis import load_analysis

        self.clear()
        task = reading.current
        try:
            for number, path in enumerate(reading.images(task), start=1):
                name = reading.title(task) if reading.plan.blind_names else path.name
                load = loadElastogram if reading.plan.images == ELASTOGRAMS else loadMammogram
                volumeNode = load(path, f"{name} ({number})" if len(reading.images(task)) > 1 else name)
                self._keep(volumeNode)
                self.volumeNodes.append(volumeNode)
                if reading.plan.blind_dates:
                    volumeNode.RemoveAttribute(_STUDY_YEAR)
            for volumeNode, folder in zip(self.volumeNodes, reading.results(task), strict=False):
                shown = self._logic.showAnalysis(load_analysis(folder), volumeNode)
                for node in (shown.segmentationNode, shown.calcificationsTableNode, shown.clustersTableNode):
                    self._keep(node)
        except Exception:
            self.clear()
            raise
        self._hang(reading.plan.hanging)
        self.showMarks(marks)

    def showMarks(self, marks: dict[str, dict]) -> None:
        """Draw the marks, each with its score; what was drawn before goes."""
        self._isFilling = True
        try:
            for image, volumeNode in enumerate(self.volumeNodes):
                if image == len(self._markNodes):
                    self._markNodes.append(self._makeMarkNode(volumeNode))
                node = self._markNodes[image]
                node.RemoveAllControlPoints()
                _addMarks(node, volumeNode, image, marks)
        finally:
            self._isFilling = False

    def showOthers(self, readings: Sequence[dict[str, dict]]) -> None:
        """Draw the marks of the two readers whom an adjudicator compares, in a color each; they cannot be moved."""
        for (letter, color), marks in zip(_OTHERS.items(), readings, strict=False):
            for image, volumeNode in enumerate(self.volumeNodes):
                node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", letter)
                node.CreateDefaultDisplayNodes()
                self._keep(node)
                _addMarks(node, volumeNode, image, marks, f"{letter} ")
                node.SetLocked(True)
                display = node.GetDisplayNode()
                display.SetColor(color)
                display.SetSelectedColor(color)

    def startMarking(self, image: int) -> None:
        """Let the next clicks in the views mark places of an image.

        Raises
        ------
        ParameterError
            When no case is shown.
        """
        if not 0 <= image < len(self._markNodes):
            raise ParameterError("Open a case first.")
        selection = slicer.app.applicationLogic().GetSelectionNode()
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetActivePlaceNodeID(self._markNodes[image].GetID())
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        interaction.SetPlaceModePersistence(1)
        interaction.SetCurrentInteractionMode(interaction.Place)

    def stopMarking(self) -> None:
        """Clicks in the views mark nothing any more."""
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)

    def showImage(self, image: int) -> None:
        """Show another image of the case."""
        if 0 <= image < len(self.volumeNodes):
            showVolume(self.volumeNodes[image])

    def clear(self) -> None:
        """Take the case out of the scene."""
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        for node in self._nodes:
            if node.GetScene() is not None:
                slicer.mrmlScene.RemoveNode(node)
        self._nodes, self._observed, self._markNodes, self.volumeNodes = [], [], [], []

    def _keep(self, node) -> None:
        self._nodes.append(node)

    def _hang(self, hanging: str) -> None:
        if hanging == "four views" and len(self.volumeNodes) > 1:
            from .hanging import showFourViews

            showFourViews(self.volumeNodes)
        elif self.volumeNodes:
            showVolume(self.volumeNodes[0])

    def _makeMarkNode(self, volumeNode):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Marks"))
        node.CreateDefaultDisplayNodes()
        self._keep(node)
        for event, slot in (
            (node.PointPositionDefinedEvent, self._onPointsChanged),
            (node.PointEndInteractionEvent, self._onPointsChanged),
            (node.PointRemovedEvent, self._onPointRemoved),
        ):
            self._observed.append((node, node.AddObserver(event, slot)))
        return node

    def _onPointsChanged(self, node, _event) -> None:
        if self._isFilling or node not in self._markNodes:
            return
        image = self._markNodes.index(node)
        toIjk = np.linalg.inv(ijkToRas(self.volumeNodes[image]))
        for index in range(node.GetNumberOfControlPoints()):
            if node.GetNthControlPointPositionStatus(index) != node.PositionDefined:
                continue  # the point under the pointer, which is not set yet
            column, row = (toIjk @ [*node.GetNthControlPointPosition(index), 1.0])[:2]
            item = node.GetNthControlPointDescription(index) or ""
            kept = self._onMarked(image, float(row), float(column), item)
            if kept is not None:
                node.SetNthControlPointDescription(index, kept[0])
                self._move(node, index, _placeOf(self.volumeNodes[image], *kept[1:]))

    def _move(self, node, index: int, place) -> None:
        """Put a point where its mark is kept, which may be a speck beside the click."""
        if not np.allclose(node.GetNthControlPointPosition(index), place, atol=1e-3):
            self._isFilling = True
            node.SetNthControlPointPosition(index, *place)
            self._isFilling = False

    def _onPointRemoved(self, node, _event) -> None:
        if self._isFilling or node not in self._markNodes:
            return
        image = self._markNodes.index(node)
        left = {node.GetNthControlPointDescription(index) for index in range(node.GetNumberOfControlPoints())}
        self._onUnmarked(image, left)


def loadElastogram(path: Path, name: str):
    """Load a screen of elastography by the module that knows how.

    Raises
    ------
    MicrocalcError
        When the module is not there, or the file holds no screen.
    """
    try:
        logic = slicer.util.getModuleLogic("MicrocalcElastography")
    except RuntimeError as error:  # what Slicer raises for a module it does not know
        raise ParameterError(
            "Elastograms need the module Microcalc Elastography; install it, then open again."
        ) from error
    volumeNode = logic.load(path)
    volumeNode.SetName(name)
    return volumeNode


def _addMarks(node, volumeNode, image: int, marks: dict[str, dict], prefix: str = "") -> None:
    for item, mark in marks.items():
        if mark["image"] == image:
            place = vtk.vtkVector3d(*_placeOf(volumeNode, mark["row"], mark["column"]))
            index = node.AddControlPoint(place, f"{prefix}{mark['score']:g}")
            node.SetNthControlPointDescription(index, item)


def _placeOf(volumeNode, row: float, column: float):
    """Where a pixel lies, RAS in mm."""
    return (ijkToRas(volumeNode) @ [column, row, 0.0, 1.0])[:3]
