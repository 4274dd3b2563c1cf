"""An Analysis as MRML nodes: one segmentation and two tables per volume."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
import vtk.util.numpy_support

from MicrocalcAILib.errors import ParameterError, ResultError, WarningRecord

from .inputvolume import ijkToRas, pixelToWorld
from .nodes import addNode, fillTable, groupUnder, nothingLeftBehind, tableRows

if TYPE_CHECKING:  # what these need may not be installed yet
    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.export.segmentation import Segment

_VOLUME = "Microcalc.Volume"  # node references from the segmentation
_CALCIFICATIONS = "Microcalc.CalcificationsTable"
_CLUSTERS = "Microcalc.ClustersTable"
_WARNINGS = "Microcalc.Warnings"  # attributes of the segmentation, JSON
_PROVENANCE = "Microcalc.Provenance"
_SEGMENT_ID_PREFIX = "Microcalc"  # as in the library; segments with other IDs are the user's


@dataclasses.dataclass(frozen=True)
class ResultNodes:
    """The nodes that show one analysis, and the warnings that belong to it."""

    segmentationNode: object
    calcificationsTableNode: object
    clustersTableNode: object
    warnings: tuple[WarningRecord, ...]


def findResults(volumeNode) -> ResultNodes | None:
    """The results shown for this volume, or None. Works after a scene was saved and loaded."""
    for segmentationNode in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if segmentationNode.GetNodeReference(_VOLUME) is volumeNode:
            tables = [segmentationNode.GetNodeReference(role) for role in (_CALCIFICATIONS, _CLUSTERS)]
            if None not in tables:
                records = json.loads(segmentationNode.GetAttribute(_WARNINGS) or "[]")
                return ResultNodes(segmentationNode, *tables, tuple(WarningRecord(**record) for record in records))
    return None


def checkOutput(volumeNode, segmentationNode) -> None:
    """Refuse to write into a segmentation that belongs to another volume.

    Raises
    ------
    ParameterError
    """
    owner = segmentationNode.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())
    if owner is not None and owner is not volumeNode:
        raise ParameterError("The output segmentation belongs to another image; choose another one, or none.")


def showResults(analysis: Analysis, volumeNode, segmentationNode=None) -> ResultNodes:
    """Show an analysis in the scene: a segment per cluster, one for single calcifications, and two tables.

    What an earlier analysis of the same volume showed is replaced in place; segments that a user added stay.

    Parameters
    ----------
    analysis : Analysis
    volumeNode : vtkMRMLScalarVolumeNode
        The analyzed volume; results lie in its frame and under its parent transform.
    segmentationNode : vtkMRMLSegmentationNode, optional
        Where to write; otherwise the volume's earlier results, or a new node.

    Raises
    ------
    ResultError
        When the analysis is not of this volume.
    """
    from MicrocalcAILib.export.segmentation import segments as clusterSegments

    columns, rows, _ = volumeNode.GetImageData().GetDimensions()
    if analysis.labels.shape != (rows, columns):
        raise ResultError("The result belongs to an image of another size; analyze this image again.")
    indexImage, segments = clusterSegments(analysis)

    earlier = findResults(volumeNode)
    with nothingLeftBehind() as created:
        if segmentationNode is None:
            segmentationNode = earlier.segmentationNode if earlier else None
        if segmentationNode is None:
            segmentationNode = addNode("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} calcifications", created)
        tableNodes = []
        for role, kind, frame in (
            (_CALCIFICATIONS, "calcification table", analysis.calcifications),
            (_CLUSTERS, "cluster table", analysis.clusters),
        ):
            tableNode = segmentationNode.GetNodeReference(role)
            if tableNode is None:
                tableNode = addNode("vtkMRMLTableNode", f"{volumeNode.GetName()} {kind}", created)
            fillTable(tableNode, frame)
            segmentationNode.SetNodeReferenceID(role, tableNode.GetID())
            tableNodes.append(tableNode)
        _fillSegmentation(segmentationNode, volumeNode, segments, indexImage)
        _describe(segmentationNode, volumeNode, analysis)
    groupUnder(volumeNode, (segmentationNode, *tableNodes))
    return ResultNodes(segmentationNode, *tableNodes, analysis.warnings)


def clusterRows(clustersTableNode) -> list[dict[str, float | str]]:
    """The rows of a cluster table; numbers as float."""
    return tableRows(clustersTableNode)


def centerViews(volumeNode, row: float, column: float, fieldOfViewMm: float) -> None:
    """Center the slice views on a pixel and zoom so that their shorter side shows ``fieldOfViewMm``."""
    sliceNodeClass = slicer.vtkMRMLSliceNode
    world = pixelToWorld(volumeNode, row, column)
    sliceNodeClass.JumpAllSlices(slicer.mrmlScene, *world, sliceNodeClass.CenteredJumpSlice)
    for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        across, down, depth = sliceNode.GetFieldOfView()
        scale = fieldOfViewMm / min(across, down)
        sliceNode.SetFieldOfView(across * scale, down * scale, depth)


def _fillSegmentation(segmentationNode, volumeNode, segments: list[Segment], indexImage: np.ndarray) -> None:
    if segmentationNode.GetDisplayNode() is None:
        segmentationNode.CreateDefaultDisplayNodes()
        displayNode = segmentationNode.GetDisplayNode()
        displayNode.SetOpacity2DFill(0.3)
        displayNode.SetSliceIntersectionThickness(2)
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    segmentation = segmentationNode.GetSegmentation()
    with slicer.util.NodeModify(segmentationNode):
        for identifier in [segmentation.GetNthSegmentID(i) for i in range(segmentation.GetNumberOfSegments())]:
            if identifier.startswith(_SEGMENT_ID_PREFIX):
                segmentation.RemoveSegment(identifier)
        if not indexImage.any():
            return
        # All segments share one label image, as Slicer itself stores segments that do not overlap.
        labelImage = _orientedImage(indexImage, volumeNode)
        representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        for description in segments:
            segment = slicer.vtkSegment()
            segment.SetName(description.name)
            segment.SetColor(description.color)
            segment.SetLabelValue(description.value)
            segment.AddRepresentation(representation, labelImage)
            segment.SetTag(segment.GetTerminologyEntryTagName(), description.terminology)
            segmentation.AddSegment(segment, description.identifier)


def _orientedImage(indexImage: np.ndarray, volumeNode):
    """The box of ``indexImage`` that holds anything, as an image that lies where the volume lies."""
    occupiedRows, occupiedColumns = np.nonzero(indexImage.any(axis=1))[0], np.nonzero(indexImage.any(axis=0))[0]
    top, bottom, left, right = occupiedRows[0], occupiedRows[-1], occupiedColumns[0], occupiedColumns[-1]
    image = slicer.vtkOrientedImageData()
    image.SetExtent(int(left), int(right), int(top), int(bottom), 0, 0)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    values = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    values[:] = indexImage[top : bottom + 1, left : right + 1].ravel()
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijkToRas(volumeNode)))
    return image


def _describe(segmentationNode, volumeNode, analysis: Analysis) -> None:
    segmentationNode.SetNodeReferenceID(_VOLUME, volumeNode.GetID())
    records = [dataclasses.asdict(warning) for warning in analysis.warnings]
    segmentationNode.SetAttribute(_WARNINGS, json.dumps(records, ensure_ascii=False))
    segmentationNode.SetAttribute(_PROVENANCE, json.dumps(analysis.provenance, ensure_ascii=False))
