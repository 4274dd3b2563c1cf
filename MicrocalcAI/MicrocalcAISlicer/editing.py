"""A reader's edits of the calcifications of an image: segments in, label map to the library, tables and words out.

The segmentation is what holds; the tables are made to follow it. So undo, painting with any other effect and loading
an old scene need nothing special: refresh, and the tables are right.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
import vtk.util.numpy_support

from MicrocalcAILib.base.errors import ParameterError

from . import results
from .calcificationmarks import MarkReader, Marks, Pixels, centersOf
from .editedtables import EditedTables
from .inputvolume import checkVolume, fileName, hasPlausibleSpacing, ijkToRas, worldToPixel, writeVolume
from .segmentimages import (
    addClusterSegment,
    clusterOfSegment,
    clusterSegments,
    makeClusterSegment,
    modifierImage,
)

if TYPE_CHECKING:  # what these need may not be installed yet
    from MicrocalcAILib.base.parameters import AnalysisParameters
    from MicrocalcAILib.editing.specks import Speck, SpeckFinder

EFFECT_NAME = "Microcalcification"

Modify = Callable[[str, object, bool], None]  # segment ID, vtkOrientedImageData, whether to add or to remove

_SESSIONS_KEPT = 4  # the views of a study
_sessions: dict = {}  # EditingSession by the ID of its segmentation node


def sessionFor(volumeNode, segmentationNode) -> EditingSession:
    """The editing session of an image and a segmentation; the last few are kept.

    Raises
    ------
    MicrocalcError
        When the volume is no mammogram, or the segmentation belongs to another image.
    """
    identifier = segmentationNode.GetID()
    session = _sessions.pop(identifier, None)
    if session is None or not session.fits(volumeNode, segmentationNode):
        session = EditingSession(volumeNode, segmentationNode)
    _sessions[identifier] = session  # the last one in the order of use
    for oldest in list(_sessions)[:-_SESSIONS_KEPT]:
        del _sessions[oldest]
    return session


def refreshAfterEdit(volumeNode) -> results.ResultNodes | None:
    """Bring tables and words of an image in step with its segments, however these were edited.

    Returns
    -------
    ResultNodes or None
        None when the image has no results.

    Raises
    ------
    MicrocalcError
    """
    shown = results.findResults(volumeNode)
    return None if shown is None else sessionFor(volumeNode, shown.segmentationNode).refresh()


def openSegmentEditor(volumeNode, cluster: int | None = None) -> None:
    """Go to Slicer's Segment Editor with the effect on the calcifications of an image.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
    cluster : int, optional
        Number of the cluster whose segment is selected.

    Raises
    ------
    ParameterError
        When the image has no results.
    """
    shown = results.findResults(volumeNode)
    if shown is None:
        raise ParameterError("This image has no results to edit; analyze it first.")
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(shown.segmentationNode)
    editor.setSourceVolumeNode(volumeNode)
    for segmentId, number in clusterSegments(shown.segmentationNode).items():
        if number == cluster:
            editor.setCurrentSegmentID(segmentId)
    editor.setActiveEffectByName(EFFECT_NAME)


class EditingSession:
    """The calcifications of one image under a reader's hands.

    Nothing is computed when it is made; the first use of ``finder`` judges the whole image once (about a second).
    """

    def __init__(self, volumeNode, segmentationNode):
        checkVolume(volumeNode, spacingMm=1.0)
        shown = results.resultsOf(segmentationNode)
        if shown is not None and results.volumeOf(shown) not in (None, volumeNode):
            raise ParameterError(
                "This segmentation holds the calcifications of another image; choose that of this one."
            )
        self.volumeNode = volumeNode
        self.segmentationNode = segmentationNode
        self._state = _stateOf(volumeNode, segmentationNode)
        self._reader = MarkReader(volumeNode, segmentationNode)
        self._tables = EditedTables(volumeNode, segmentationNode)
        self._finder: SpeckFinder | None = None

    def fits(self, volumeNode, segmentationNode) -> bool:
        """Whether this is still the session of these nodes: with the same image and the same analysis."""
        return (
            volumeNode is self.volumeNode
            and segmentationNode is self.segmentationNode
            and self._state == _stateOf(volumeNode, segmentationNode)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        columns, rows, _ = self.volumeNode.GetImageData().GetDimensions()
        return rows, columns

    @property
    def spacingMm(self) -> tuple[float, float]:
        """Spacing between rows and between columns, as the analysis used it.

        Raises
        ------
        ParameterError
            When neither the image nor its results know one that a mammogram can have.
        """
        recorded = results.imageRecord(self.segmentationNode).get("spacing_mm")
        if recorded:
            return recorded[0], recorded[1]
        checkVolume(self.volumeNode)
        across, down = self.volumeNode.GetSpacing()[:2]
        return down, across

    @property
    def isReady(self) -> bool:
        """Whether the image has been judged, so that finding a speck takes no time."""
        return self._finder is not None

    @property
    def finder(self) -> SpeckFinder:
        """Finds specks; made at the first use, with everything else that the first mark would wait for."""
        if self._finder is None:
            self._finder = self._makeFinder()
            _ = self._finder.nipple
            self._tables.prepare(self.marks, self._finder)
        return self._finder

    @property
    def marks(self) -> Marks:
        """What is marked now; read anew after :meth:`segmentsChanged`."""
        return self._reader.marks

    def segmentsChanged(self) -> None:
        """Tell that the segments may have been modified."""
        self._reader.segmentsChanged()

    def pixelAt(self, world) -> tuple[float, float]:
        """(row, column) of a position in the world (RAS), its distance from the image plane ignored."""
        return worldToPixel(self.volumeNode, world)

    def isInside(self, row: float, column: float) -> bool:
        """Whether a position lies in the image."""
        rows, columns = self.shape
        return -0.5 <= row < rows - 0.5 and -0.5 <= column < columns - 0.5

    def worldOf(self, positions: np.ndarray) -> vtk.vtkPoints:
        """World positions (RAS) of pixels (row, column), shape (points, 2)."""
        matrix = ijkToRas(self.volumeNode)
        local = vtk.vtkPoints()
        coordinates = positions[:, ::-1] @ matrix[:3, :2].T + matrix[:3, 3]
        local.SetData(vtk.util.numpy_support.numpy_to_vtk(coordinates, deep=True))
        transformNode = self.volumeNode.GetParentTransformNode()
        if transformNode is None:
            return local
        world, toWorld = vtk.vtkPoints(), vtk.vtkGeneralTransform()
        world.SetDataTypeToDouble()
        transformNode.GetTransformToWorld(toWorld)
        toWorld.TransformPoints(local, world)
        return world

    def addSpecks(self, specks: list[Speck], referenceImage, modify: Modify, segmentId: str = "") -> list[str]:
        """Mark specks as calcifications.

        Parameters
        ----------
        specks : list of Speck
            From ``finder``.
        referenceImage : vtkOrientedImageData
            In the frame of the segmentation, as the segment editor's modifier label map.
        modify : callable
            Modifies one segment; the segment editor's own function, so that its masks are respected.
        segmentId : str
            Where they go. If empty, each joins the cluster it is linked to; enough of them form a new cluster, with
            the single ones they link; the rest are single.

        Returns
        -------
        list of str
            IDs of the segments that received them.
        """
        added = self._reader.reserve([(speck.rows, speck.columns) for speck in specks])
        if segmentId:
            if clusterOfSegment(self.segmentationNode, segmentId) is None:
                makeClusterSegment(self.segmentationNode, segmentId, self._nextClusterNumber())
            clusters = dict.fromkeys(added, clusterOfSegment(self.segmentationNode, segmentId))
        else:
            clusters = self._placed(added)
        return self._move(clusters, added, referenceImage, modify)

    def removeCalcifications(self, identifiers: list[int], referenceImage, modify: Modify) -> None:
        """Take marks away; other parameters as in :meth:`addSpecks`."""
        marks = self.marks
        for segmentId in dict.fromkeys(marks.segments[identifier] for identifier in identifiers):
            own = [marks.pixels[each] for each in identifiers if marks.segments[each] == segmentId]
            self._modify(segmentId, own, False, referenceImage, modify)
        self.segmentsChanged()

    def newCluster(self) -> str:
        """Add an empty segment for a new cluster and return its ID."""
        return addClusterSegment(self.segmentationNode, self._nextClusterNumber())

    def groupAgain(self, referenceImage, modify: Modify) -> int:
        """Group all calcifications as an analysis would; groups keep their numbers. Return how many moved."""
        from MicrocalcAILib.editing.placement import regroup

        marks = self.marks
        numbers = np.array(list(marks.clusters.values()), np.int64)
        positionsMm = centersOf(marks.pixels) * self.spacingMm
        weights = np.ones(len(numbers))
        grouped = regroup(positionsMm, weights, numbers, self._parameters().clusters, self._nextClusterNumber())
        moved = {
            identifier: int(number)
            for (identifier, before), number in zip(marks.clusters.items(), grouped, strict=True)
            if number != before
        }
        self._move(moved, {}, referenceImage, modify)
        return len(moved)

    @property
    def lacksWords(self) -> bool:
        """Whether clusters that changed wait for their words; :meth:`refresh` gives them."""
        return self._tables.lacksWords

    def refresh(self, describes: bool = True) -> results.ResultNodes:
        """Make tables and words follow the segments.

        A segmentation without tables gets them. What a reader said about a cluster stays with its number.

        Parameters
        ----------
        describes : bool
            False leaves the words and estimates of clusters that changed for later, and takes the marks as they are
            known: for whoever calls :meth:`segmentsChanged` at every change.
        """
        if describes:
            self.segmentsChanged()
        return self._tables.follow(self.marks, self.finder, describes)

    def _placed(self, added: dict[int, Pixels]) -> dict[int, int]:
        """Clusters of new calcifications, and of single ones that go with them."""
        from MicrocalcAILib.editing.placement import place

        before = self.marks.clusters | dict.fromkeys(added, 0)
        placed = place(
            centersOf(self.marks.pixels | added) * self.spacingMm,
            np.array(list(before.values()), np.int64),
            np.array([identifier in added for identifier in before]),
            self._parameters().clusters,
            self._nextClusterNumber(),
        )
        after = dict(zip(before, placed.tolist(), strict=True))
        return {each: number for each, number in after.items() if each in added or number != before[each]}

    def _move(self, clusters: dict[int, int], added: dict[int, Pixels], referenceImage, modify: Modify) -> list[str]:
        """Bring calcifications, new ones or marked ones, into the segments of clusters; make those that are missing."""
        pixels = self.marks.pixels | added
        marked = [identifier for identifier in clusters if identifier not in added]
        self.removeCalcifications(marked, referenceImage, modify)
        segmentOf = {number: segment for segment, number in clusterSegments(self.segmentationNode).items()}
        targets = []
        for number in sorted(set(clusters.values())):
            target = segmentOf.get(number) or addClusterSegment(self.segmentationNode, number)
            own = [pixels[identifier] for identifier in clusters if clusters[identifier] == number]
            self._modify(target, own, True, referenceImage, modify)
            targets.append(target)
        self.segmentsChanged()
        return targets

    def _modify(self, segmentId: str, pixels: list[Pixels], adds: bool, referenceImage, modify: Modify) -> None:
        rows, columns = (np.concatenate(part) for part in zip(*pixels, strict=True))
        modify(segmentId, modifierImage(rows, columns, referenceImage, self.segmentationNode, self.volumeNode), adds)

    def _nextClusterNumber(self) -> int:
        shown = results.resultsOf(self.segmentationNode)
        inTable = [] if shown is None else results.clusterNumbers(shown.clustersTableNode)
        return 1 + max([0, *clusterSegments(self.segmentationNode).values(), *inTable])

    def _makeFinder(self) -> SpeckFinder:
        from MicrocalcAILib.base.resources import resource_path
        from MicrocalcAILib.editing.specks import SpeckFinder
        from MicrocalcAILib.reading import read_mammogram
        from MicrocalcAILib.segmentation.breast import find_breast
        from MicrocalcAILib.segmentation.selection import MeasurementSelector

        parameters = self._parameters()
        given = None if hasPlausibleSpacing(self.volumeNode) else self.spacingMm
        with tempfile.TemporaryDirectory(prefix="Microcalc-") as folder:
            image = Path(folder) / fileName(self.volumeNode)  # read as the analysis reads it
            writeVolume(self.volumeNode, image)
            mammogram = read_mammogram(image, spacing_mm=given, assumed_spacing_mm=self.spacingMm)
        breast = find_breast(mammogram, parameters.breast)
        selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
        return SpeckFinder(mammogram, breast, selector, parameters.candidates)

    def _parameters(self) -> AnalysisParameters:
        from MicrocalcAILib.base.parameters import AnalysisParameters

        recorded = results.provenanceOf(self.segmentationNode).get("parameters", {})
        try:
            return AnalysisParameters.from_dict(recorded)
        except ParameterError:  # written by another version
            return AnalysisParameters()


def _stateOf(volumeNode, segmentationNode) -> tuple:
    created = results.provenanceOf(segmentationNode).get("created")
    return volumeNode.GetImageData().GetMTime(), ijkToRas(volumeNode).tobytes(), created
