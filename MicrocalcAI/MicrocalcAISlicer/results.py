"""An Analysis as MRML nodes: a segmentation and two tables per volume. Others read and replace rows here.

The segmentation is the owner: it refers to the image, the tables, heatmaps and boxes, and remembers what fits in no
table (warnings, words with their probabilities, provenance). Everything survives saving and loading the scene.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
import vtk.util.numpy_support

from MicrocalcAILib.base.errors import ParameterError, ResultError, WarningRecord
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import addNode, fillTable, groupUnder, nothingLeftBehind, tableRows

from .readercolumns import carriedOver, columnsSaid

if TYPE_CHECKING:  # what these need may not be installed yet
    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.export.segmentation import Segment

_VOLUME = "Microcalc.Volume"  # node references from the segmentation
_CALCIFICATIONS = "Microcalc.CalcificationsTable"
_CLUSTERS = "Microcalc.ClustersTable"
_WARNINGS = "Microcalc.Warnings"  # attributes of the segmentation, JSON
_PROVENANCE = "Microcalc.Provenance"
WORDS = "Microcalc.Words"
_IMAGE = "Microcalc.Image"
EDITED_BY_READER = "edited-by-reader"  # code of the warning that results hold a reader's marks
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
            found = resultsOf(segmentationNode)
            if found is not None:
                return found
    return None


def segmentationsWithImage() -> list[tuple]:
    """(segmentation, volume) of all that lies over an image and says so: results, and what :func:`layOver` noted."""
    segmentations = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    pairs = ((node, node.GetNodeReference(_VOLUME)) for node in segmentations)
    return [(node, volumeNode) for node, volumeNode in pairs if volumeNode is not None]


def layOver(segmentationNode, volumeNode) -> None:
    """Note which image a segmentation belongs to, so that it is drawn only in the views that show it."""
    segmentationNode.SetNodeReferenceID(_VOLUME, volumeNode.GetID())


def resultsOf(segmentationNode) -> ResultNodes | None:
    """The results that a segmentation belongs to, or None."""
    tables = [segmentationNode.GetNodeReference(role) for role in (_CALCIFICATIONS, _CLUSTERS)]
    return None if None in tables else ResultNodes(segmentationNode, *tables, warningsOf(segmentationNode))


def adopt(segmentationNode, volumeNode, image: dict[str, Any]) -> ResultNodes:
    """Make a segmentation that a user drew the results of a volume: with empty tables, unless it has tables already.

    ``image`` is what :func:`imageRecord` returns then.
    """
    found = resultsOf(segmentationNode)
    if found is not None:
        return found
    tableNodes = []
    with nothingLeftBehind() as created:
        for role, kind in ((_CALCIFICATIONS, "calcification table"), (_CLUSTERS, "cluster table")):
            tableNode = addNode("vtkMRMLTableNode", f"{volumeNode.GetName()} {kind}", created)
            segmentationNode.SetNodeReferenceID(role, tableNode.GetID())
            tableNodes.append(tableNode)
        layOver(segmentationNode, volumeNode)
        segmentationNode.SetAttribute(_IMAGE, json.dumps(image))
    groupUnder(volumeNode, (segmentationNode, *tableNodes))
    return ResultNodes(segmentationNode, *tableNodes, ())


def volumeOf(results: ResultNodes):
    """The image that was analyzed, or None when it was removed."""
    return results.segmentationNode.GetNodeReference(_VOLUME)


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

    What an earlier analysis of the same volume showed is replaced in place; segments that a user added stay, and what
    a reader said about a cluster goes over to the cluster at the same place. Results whose outlines a reader edited
    are not overwritten but set aside, hidden and renamed, unless they were chosen as the output.

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
    clusters = carriedOver(clusterRows(earlier.clustersTableNode) if earlier else [], analysis.clusters)
    with nothingLeftBehind() as created:
        if segmentationNode is None and earlier is not None:
            if any(warning.code == EDITED_BY_READER for warning in earlier.warnings):
                _setAside(earlier)
            else:
                segmentationNode = earlier.segmentationNode
        if segmentationNode is None:
            segmentationNode = addNode("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} calcifications", created)
        tableNodes = []
        for role, kind, frame in (
            (_CALCIFICATIONS, "calcification table", analysis.calcifications),
            (_CLUSTERS, "cluster table", clusters),
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


def calcificationRows(results: ResultNodes) -> list[dict[str, float | str]]:
    """The rows of the table of calcifications; numbers as float, ``"-"`` for an empty text."""
    return tableRows(results.calcificationsTableNode)


def clusterRows(clustersTableNode) -> list[dict[str, float | str]]:
    """The rows of a cluster table, the reader's columns included; numbers as float, ``"-"`` for an empty text."""
    return tableRows(clustersTableNode)


def clusterNumbers(clustersTableNode) -> list[int]:
    """The numbers of the clusters of a table."""
    ids = clustersTableNode.GetTable().GetColumnByName("id")
    return [] if ids is None else [int(float(ids.GetValue(row))) for row in range(ids.GetNumberOfValues())]


def replaceRows(
    results: ResultNodes, calcifications: dict[str, np.ndarray], clusters: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Replace the content of both tables by other columns, after an edit of the outlines for example.

    What a reader said about a cluster is kept: for clusters whose ``id`` is in the table now, by that id. Returns the
    columns of the table of clusters as they are then.
    """
    said = columnsSaid(clusterRows(results.clustersTableNode), clusters["id"].tolist())
    fillTable(results.calcificationsTableNode, calcifications)
    fillTable(results.clustersTableNode, clusters | said)
    return clusters | said


def wordsOf(segmentationNode) -> list[dict[str, Any]]:
    """Per described cluster the record of its words: probabilities, evidence, codes, cohorts (``analysis.words``)."""
    return json.loads(segmentationNode.GetAttribute(WORDS) or "[]")


def replaceWords(segmentationNode, records: Iterable[dict[str, Any]]) -> None:
    """Replace the records of the words; see :func:`wordsOf`."""
    segmentationNode.SetAttribute(WORDS, json.dumps(list(records), ensure_ascii=False))


def warningsOf(segmentationNode) -> tuple[WarningRecord, ...]:
    """What the reader has to know about the results."""
    records = json.loads(segmentationNode.GetAttribute(_WARNINGS) or "[]")
    return tuple(WarningRecord(**record) for record in records)


def replaceWarnings(segmentationNode, warnings: Iterable[WarningRecord]) -> None:
    """Replace what :func:`warningsOf` returns."""
    records = [dataclasses.asdict(warning) for warning in warnings]
    segmentationNode.SetAttribute(_WARNINGS, json.dumps(records, ensure_ascii=False))


def provenanceOf(segmentationNode) -> dict[str, Any]:
    """Versions, parameters, models, timings of the analysis."""
    return json.loads(segmentationNode.GetAttribute(_PROVENANCE) or "{}")


def imageRecord(segmentationNode) -> dict[str, Any]:
    """``spacing_mm`` as used by the analysis, ``breast_area_cm2``, ``breast_box``; empty for foreign nodes."""
    return json.loads(segmentationNode.GetAttribute(_IMAGE) or "{}")


def _setAside(results: ResultNodes) -> None:
    """Keep edited results in the scene without calling them the image's results any longer."""
    for node in (results.segmentationNode, results.calcificationsTableNode, results.clustersTableNode):
        node.SetName(f"{node.GetName()} (edited, before the next analysis)")
    results.segmentationNode.RemoveNodeReferenceIDs(_VOLUME)
    results.segmentationNode.CreateDefaultDisplayNodes()
    results.segmentationNode.GetDisplayNode().SetVisibility(False)


def _fillSegmentation(segmentationNode, volumeNode, segments: list[Segment], indexImage: np.ndarray) -> None:
    if segmentationNode.GetDisplayNode() is None:
        segmentationNode.CreateDefaultDisplayNodes()
        displayNode = segmentationNode.GetDisplayNode()
        displayNode.SetOpacity2DFill(0.0)  # the speck itself stays visible
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
    layOver(segmentationNode, volumeNode)
    records = {
        _WARNINGS: [dataclasses.asdict(warning) for warning in analysis.warnings],
        _PROVENANCE: analysis.provenance,
        WORDS: list(analysis.words),
        _IMAGE: {
            "spacing_mm": analysis.spacing_mm,
            "breast_area_cm2": analysis.breast_area_cm2,
            "breast_box": analysis.breast_box,
        },
    }
    for name, record in records.items():
        segmentationNode.SetAttribute(name, json.dumps(record, ensure_ascii=False))
