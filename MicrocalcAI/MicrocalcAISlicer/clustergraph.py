"""The graph of a cluster: which calcifications the single link joins, drawn as lines over the image."""

from __future__ import annotations

import numpy as np
import vtk

from MicrocalcSlicerShared.nodes import addNode, nothingLeftBehind, removeNode

from .inputvolume import pixelToWorld
from .results import ResultNodes, calcificationRows, volumeOf

_ROLE = "Microcalc.ClusterGraph"  # node reference from the segmentation
_COLOR = (1.0, 0.9, 0.2)
_OPACITY = 0.35  # the specks under the links have to be seen


def showGraph(results: ResultNodes, clusterId: int):
    """Draw the shortest links that hold a cluster together; they replace those of another cluster of the image.

    Returns
    -------
    vtkMRMLModelNode
        One line per link, flat in the image; it is not saved with the scene.
    """
    from MicrocalcAILib.segmentation.clusters import spanning_links

    volumeNode = volumeOf(results)
    members = [row for row in calcificationRows(results) if row["cluster_id"] == clusterId]
    positions = np.array([pixelToWorld(volumeNode, row["row"], row["column"]) for row in members]).reshape(-1, 3)
    lines = _lines(positions, spanning_links(positions))
    modelNode = results.segmentationNode.GetNodeReference(_ROLE)
    if modelNode is None:
        with nothingLeftBehind() as created:
            modelNode = addNode("vtkMRMLModelNode", f"{volumeNode.GetName()} cluster graph", created)
            modelNode.SetSaveWithScene(False)
            modelNode.CreateDefaultDisplayNodes()
            displayNode = modelNode.GetDisplayNode()
            displayNode.SetSaveWithScene(False)
            displayNode.SetColor(*_COLOR)
            displayNode.SetVisibility2D(True)
            # Lines in the plane of the slice have no intersection with it; their projection is drawn.
            displayNode.SetSliceDisplayModeToProjection()
            displayNode.SetSliceIntersectionThickness(1)
            displayNode.SetOpacity(_OPACITY)
            results.segmentationNode.SetNodeReferenceID(_ROLE, modelNode.GetID())
    modelNode.SetAndObservePolyData(lines)
    return modelNode


def findGraph(segmentationNode):
    """The graph that is drawn for an image, or None."""
    return segmentationNode.GetNodeReference(_ROLE)


def removeGraph(segmentationNode) -> None:
    """Remove the graph of an image, if there is one."""
    removeNode(findGraph(segmentationNode))


def _lines(positions: np.ndarray, links: np.ndarray):
    points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    for position in positions:
        points.InsertNextPoint(*position)
    for first, second in links:
        cells.InsertNextCell(2)
        cells.InsertCellPoint(int(first))
        cells.InsertCellPoint(int(second))
    polyData = vtk.vtkPolyData()
    polyData.SetPoints(points)
    polyData.SetLines(cells)
    return polyData
