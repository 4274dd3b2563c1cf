"""Lines over an image as a model that belongs to its results: links of a cluster, borders of clouds."""

from __future__ import annotations

import numpy as np
import vtk

from MicrocalcSlicerShared.nodes import addNode, nothingLeftBehind

from .results import ResultNodes, volumeOf


def drawLines(
    results: ResultNodes,
    role: str,
    name: str,
    positions: np.ndarray,
    links: np.ndarray,
    color: tuple[float, float, float],
    opacity: float,
):
    """Draw lines flat in an image; they replace those that were drawn for the same role.

    Parameters
    ----------
    results : ResultNodes
    role : str
        Of the reference from the segmentation to the model.
    name : str
        Comes after the image's in the name of the model.
    positions : float array, shape (points, 3)
        In RAS, mm.
    links : int array, shape (lines, 2)
        Indices of the points that each line joins.
    color, opacity
        The specks under the lines have to be seen.

    Returns
    -------
    vtkMRMLModelNode
        It is not saved with the scene.
    """
    modelNode = results.segmentationNode.GetNodeReference(role)
    if modelNode is None:
        with nothingLeftBehind() as created:
            modelNode = addNode("vtkMRMLModelNode", f"{volumeOf(results).GetName()} {name}", created)
            modelNode.SetSaveWithScene(False)
            modelNode.CreateDefaultDisplayNodes()
            displayNode = modelNode.GetDisplayNode()
            displayNode.SetSaveWithScene(False)
            displayNode.SetColor(*color)
            displayNode.SetVisibility2D(True)
            # Lines in the plane of the slice have no intersection with it; their projection is drawn.
            displayNode.SetSliceDisplayModeToProjection()
            displayNode.SetSliceIntersectionThickness(1)
            displayNode.SetOpacity(opacity)
            results.segmentationNode.SetNodeReferenceID(role, modelNode.GetID())
    modelNode.SetAndObservePolyData(_lines(positions, links))
    return modelNode


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
