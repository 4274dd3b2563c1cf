"""Lesion boxes of the detector: locked regions of interest with class and score in their names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import groupUnder, nothingLeftBehind, removeNode

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd

_BOX = "Microcalc.Box"  # attribute of each node: its row as JSON
_COLUMNS = "Microcalc.BoxColumns"  # attribute of the segmentation, JSON; missing when no detector ran
_ROLE = "Microcalc.Box"  # node references from the segmentation
_COLORS = {"malignant": (1.0, 0.35, 0.25), "benign": (0.35, 0.75, 1.0)}
_OTHER_COLOR = (1.0, 0.85, 0.3)
_DEPTH_MM = 10.0  # through the image plane, so that the box is cut wherever the slice lies


def showBoxes(boxes: pd.DataFrame | None, volumeNode, segmentationNode) -> None:
    """Put the detector's boxes into the scene in place of the image's earlier ones.

    Parameters
    ----------
    boxes : DataFrame or None
        As in :class:`MicrocalcAILib.analysis.Analysis`; None when no detector ran.
    volumeNode, segmentationNode
    """
    earlier = findBoxes(segmentationNode)
    rows = [] if boxes is None else json.loads(boxes.to_json(orient="records"))
    with nothingLeftBehind() as created:
        for row in rows:
            _addBox(row, volumeNode, created)
        segmentationNode.RemoveNodeReferenceIDs(_ROLE)
        for index, node in enumerate(created):
            segmentationNode.SetNthNodeReferenceID(_ROLE, index, node.GetID())
    if boxes is None:
        segmentationNode.RemoveAttribute(_COLUMNS)
    else:
        segmentationNode.SetAttribute(_COLUMNS, json.dumps(list(boxes.columns)))
    for node in earlier:
        removeNode(node)
    groupUnder(volumeNode, created)


def findBoxes(segmentationNode) -> list:
    """The nodes of the boxes shown for an image."""
    count = segmentationNode.GetNumberOfNodeReferences(_ROLE)
    nodes = [segmentationNode.GetNthNodeReference(_ROLE, index) for index in range(count)]
    return [node for node in nodes if node is not None]


def boxesOf(segmentationNode) -> pd.DataFrame | None:
    """The boxes shown for an image, as the detector gave them; None when no detector ran."""
    import pandas as pd

    columns = segmentationNode.GetAttribute(_COLUMNS)
    if columns is None:
        return None
    texts = [node.GetAttribute(_BOX) for node in findBoxes(segmentationNode)]
    return pd.DataFrame([json.loads(text) for text in texts if text], columns=json.loads(columns))


def _addBox(row: dict[str, Any], volumeNode, created: list) -> None:
    # The name is drawn beside the box, so nothing is added to make it unique.
    name = f"lesion {row['score']:.0%}, rather {row['class']}"  # the score is that of a lesion, whatever its class
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
    created.append(node)
    node.SetAttribute(_BOX, json.dumps(row, ensure_ascii=False))
    matrix = ijkToRas(volumeNode)
    across, down, _ = np.linalg.norm(matrix[:3, :3], axis=0)
    top, bottom, left, right = (row[name] for name in ("row_min", "row_max", "column_min", "column_max"))
    center = matrix @ [(left + right) / 2, (top + bottom) / 2, 0.0, 1.0]
    objectToNode = np.eye(4)
    objectToNode[:3, :3] = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    objectToNode[:3, 3] = center[:3]
    node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(objectToNode))
    node.SetSize((right - left + 1) * across, (bottom - top + 1) * down, _DEPTH_MM)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    displayNode = node.GetDisplayNode()
    color = _COLORS.get(row["class"], _OTHER_COLOR)
    displayNode.SetColor(*color)
    displayNode.SetSelectedColor(*color)
    displayNode.SetFillVisibility(False)
    displayNode.SetHandlesInteractive(False)
    displayNode.SetPropertiesLabelVisibility(True)
    displayNode.SetPointLabelsVisibility(False)
