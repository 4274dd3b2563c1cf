"""Borders of clouds: a line around each cluster that is amorphous by the words and tables as they are now."""

from __future__ import annotations

import numpy as np

from MicrocalcSlicerShared.nodes import removeNode, tableFrame

from .inputvolume import pixelToWorld
from .linemodels import drawLines
from .results import ResultNodes, clusterNumbers, imageRecord, volumeOf

_ROLE = "Microcalc.Clouds"  # node reference from the segmentation
_STATE = "Microcalc.CloudsState"  # attribute of the model: of which tables it is
_COLOR = (0.9, 0.9, 0.9)
_OPACITY = 0.6


def showClouds(results: ResultNodes):
    """Draw the borders of an image's clouds in place of the earlier ones.

    Returns
    -------
    vtkMRMLModelNode or None
        None where there are no clouds. It is not saved with the scene.
    """
    state = _stateOf(results)
    modelNode = findClouds(results.segmentationNode)
    if modelNode is not None and modelNode.GetAttribute(_STATE) == state:
        return modelNode  # views that follow each other ask often
    polygons = _polygons(results)
    if not polygons:
        removeClouds(results.segmentationNode)
        return None
    volumeNode = volumeOf(results)
    points = np.array([pixelToWorld(volumeNode, row, column) for polygon in polygons for row, column in polygon])
    joined = np.column_stack((np.arange(len(points) - 1), np.arange(1, len(points))))
    ends = np.cumsum([len(polygon) for polygon in polygons])[:-1] - 1  # from here no line leads to the next polygon
    modelNode = drawLines(results, _ROLE, "clouds", points, np.delete(joined, ends, axis=0), _COLOR, _OPACITY)
    modelNode.SetAttribute(_STATE, state)
    return modelNode


def findClouds(segmentationNode):
    """The borders that are drawn for an image, or None."""
    return segmentationNode.GetNodeReference(_ROLE)


def removeClouds(segmentationNode) -> None:
    """Remove the borders of an image's clouds, if there are any."""
    removeNode(findClouds(segmentationNode))


def _stateOf(results: ResultNodes) -> str:
    """When the tables were changed last."""
    return " ".join(str(node.GetMTime()) for node in (results.calcificationsTableNode, results.clustersTableNode))


def _polygons(results: ResultNodes) -> list[np.ndarray]:
    spacingMm = imageRecord(results.segmentationNode).get("spacing_mm")
    if spacingMm is None or not clusterNumbers(results.clustersTableNode):
        return []
    from MicrocalcAILib.lexicon.clouds import outline_clouds

    tables = (tableFrame(node) for node in (results.calcificationsTableNode, results.clustersTableNode))
    return [part for cloud in outline_clouds(*tables, tuple(spacingMm)) for part in cloud.parts]
