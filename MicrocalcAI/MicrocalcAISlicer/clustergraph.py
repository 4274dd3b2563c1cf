"""The graph of a cluster: which calcifications the single link joins, drawn as lines over the image."""

from __future__ import annotations

import numpy as np

from MicrocalcSlicerShared.nodes import removeNode

from .inputvolume import pixelToWorld
from .linemodels import drawLines
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
    return drawLines(results, _ROLE, "cluster graph", positions, spanning_links(positions), _COLOR, _OPACITY)


def findGraph(segmentationNode):
    """The graph that is drawn for an image, or None."""
    return segmentationNode.GetNodeReference(_ROLE)


def removeGraph(segmentationNode) -> None:
    """Remove the graph of an image, if there is one."""
    removeNode(findGraph(segmentationNode))
