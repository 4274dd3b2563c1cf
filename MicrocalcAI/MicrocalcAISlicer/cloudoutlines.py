"""Borders of clouds: a line around each cluster that is amorphous by the words and tables as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from MicrocalcSlicerShared.nodes import removeNode, tableFrame

from .inputvolume import pixelToWorld
from .linemodels import drawLines
from .results import ResultNodes, clusterNumbers, imageRecord, volumeOf

if TYPE_CHECKING:  # what this needs may not be installed yet
    from MicrocalcAILib.lexicon.clouds import Cloud

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
    polygons = [part for cloud in _clouds(results) for part in cloud.parts]
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


def areasMm2(results: ResultNodes) -> dict[int, float]:
    """Area of each cloud, by the number of its cluster."""
    clouds = _clouds(results)
    return {cloud.cluster_id: cloud.area_mm2(tuple(_spacingMm(results))) for cloud in clouds}


def findClouds(segmentationNode):
    """The borders that are drawn for an image, or None."""
    return segmentationNode.GetNodeReference(_ROLE)


def removeClouds(segmentationNode) -> None:
    """Remove the borders of an image's clouds, if there are any."""
    removeNode(findClouds(segmentationNode))


def _stateOf(results: ResultNodes) -> str:
    """When the tables were changed last."""
    return " ".join(str(node.GetMTime()) for node in (results.calcificationsTableNode, results.clustersTableNode))


def _clouds(results: ResultNodes) -> tuple[Cloud, ...]:
    spacingMm = _spacingMm(results)
    if spacingMm is None or not clusterNumbers(results.clustersTableNode):
        return ()
    try:
        from MicrocalcAILib.lexicon.clouds import outline_clouds
    except ImportError:  # a scene with results may be opened before the packages are installed
        return ()
    tables = (tableFrame(node) for node in (results.calcificationsTableNode, results.clustersTableNode))
    return outline_clouds(*tables, tuple(spacingMm))


def _spacingMm(results: ResultNodes) -> list[float] | None:
    """As the analysis used it; None where a user's own segmentation says nothing."""
    return imageRecord(results.segmentationNode).get("spacing_mm")
