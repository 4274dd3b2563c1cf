"""Heatmaps as color-mapped label volumes: level 1 is 0–10 %, level 10 is 90–100 %, 0 lies outside the breast.

Beside each lies a hidden volume with the probabilities themselves, so that nothing is lost on the way to an export.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import addNode, groupUnder, nothingLeftBehind, removeNode

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.analysis import Analysis
    from MicrocalcAILib.networks.heatmap import Heatmap

TASKS = ("detection", "malignancy")
_LEVELS = "Microcalc.Heatmap."  # node references from the segmentation; the task follows
_PROBABILITIES = "Microcalc.Probabilities."
_RECORD = "Microcalc.Heatmap"  # attribute of the label volume: everything but the probabilities, JSON
_COLORS = "Microcalc.Colors"  # attribute of our color tables; a singleton would outlive its scene and spoil the next


def showMaps(analysis: Analysis, volumeNode, segmentationNode) -> None:
    """Put heatmaps into the scene in place of the image's earlier ones. They are not displayed by that."""
    row_mm, column_mm = analysis.spacing_mm
    pixelToLps = _matrix((column_mm, row_mm), analysis.direction_lps, analysis.origin_lps_mm)
    for task in set(TASKS) - {heatmap.task for heatmap in analysis.heatmaps}:
        for role in (_LEVELS, _PROBABILITIES):
            removeNode(segmentationNode.GetNodeReference(role + task))
    for heatmap in analysis.heatmaps:
        down_mm, across_mm = heatmap.spacing_mm
        gridToLps = _matrix((across_mm, down_mm), heatmap.direction_lps, heatmap.origin_lps_mm)
        # By way of the image's pixels: the analysis may have used another spacing than the volume says.
        gridToRas = slicer.util.vtkMatrixFromArray(ijkToRas(volumeNode) @ np.linalg.inv(pixelToLps) @ gridToLps)
        name = f"{volumeNode.GetName()} {heatmap.task} heatmap"
        with nothingLeftBehind() as created:
            nodes = [
                _filled(segmentationNode, role + heatmap.task, className, name, array, created)
                for role, className, array in (
                    (_LEVELS, "vtkMRMLLabelMapVolumeNode", heatmap.labels),
                    (_PROBABILITIES, "vtkMRMLScalarVolumeNode", heatmap.probabilities.astype(np.float32)),
                )
            ]
            for node in nodes:
                node.SetIJKToRASMatrix(gridToRas)
                node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
            labelNode, probabilityNode = nodes
            probabilityNode.SetHideFromEditors(True)
            record = {key: value for key, value in vars(heatmap).items() if key != "probabilities"}
            labelNode.SetAttribute(_RECORD, json.dumps(record, ensure_ascii=False))
            labelNode.CreateDefaultDisplayNodes()
            labelNode.GetDisplayNode().SetAndObserveColorNodeID(colorNode().GetID())
        groupUnder(volumeNode, (labelNode,))


def mapsOf(segmentationNode) -> tuple[Heatmap, ...]:
    """The heatmaps of an image as the analysis made them."""
    from MicrocalcAILib.networks.heatmap import Heatmap

    found = []
    for task in TASKS:
        labelNode = segmentationNode.GetNodeReference(_LEVELS + task)
        probabilityNode = segmentationNode.GetNodeReference(_PROBABILITIES + task)
        if labelNode is not None and probabilityNode is not None:
            record = json.loads(labelNode.GetAttribute(_RECORD))
            lists = {key: tuple(value) for key, value in record.items() if isinstance(value, list)}
            probabilities = slicer.util.arrayFromVolume(probabilityNode)[0].copy()
            found.append(Heatmap(probabilities=probabilities, **record | lists))
    return tuple(found)


def _filled(segmentationNode, role: str, className: str, name: str, array: np.ndarray, created: list):
    """The node that the segmentation refers to in this role, made when there is none, with new voxels."""
    node = segmentationNode.GetNodeReference(role)
    if node is None:
        node = addNode(className, name, created)
        segmentationNode.SetNodeReferenceID(role, node.GetID())
    slicer.util.updateVolumeFromArray(node, array[np.newaxis])
    return node


def _matrix(spacing, direction, origin) -> np.ndarray:
    """Grid (column, row, 0) to LPS in mm, (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(direction, (3, 3)) @ np.diag([*spacing, 1.0])
    matrix[:3, 3] = origin
    return matrix


def findMap(segmentationNode, task: str):
    """The label volume that holds a heatmap, or None."""
    return segmentationNode.GetNodeReference(_LEVELS + task)


def colorNode():
    """The scene's color table of probabilities; made when there is none."""
    from MicrocalcAILib.networks.heatmap import LEVELS

    for node in _colorNodes():
        return node
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLColorTableNode")
    node.UnRegister(None)
    node.SetName("Probability")
    node.SetAttribute(_COLORS, "probability")
    node.SetTypeToUser()
    node.SetNumberOfColors(1 + len(LEVELS))
    node.SetColor(0, "outside", 0.0, 0.0, 0.0, 0.0)
    for level, (name, color) in enumerate(LEVELS, start=1):
        node.SetColor(level, name, *(part / 255 for part in color), 1.0)
    return slicer.mrmlScene.AddNode(node)


def setThreshold(probability: float) -> None:
    """Make levels whose lower end lies below a probability (0 to 1) transparent, in all heatmaps of the scene."""
    for node in _colorNodes():  # several when scenes were merged
        with slicer.util.NodeModify(node):
            count = node.GetNumberOfColors() - 1
            for level in range(1, count + 1):
                shown = (level - 1) / count >= probability - 1e-6
                color = [0.0] * 4
                node.GetColor(level, color)
                if color[3] != float(shown):
                    node.SetColor(level, node.GetColorName(level), *color[:3], float(shown))


def _colorNodes() -> list:
    return [node for node in slicer.util.getNodesByClass("vtkMRMLColorTableNode") if node.GetAttribute(_COLORS)]


def showLegend(labelNode, title: str) -> None:
    """Show the legend of a heatmap, or hide it when the title is empty."""
    logic = slicer.modules.colors.logic()
    legend = logic.GetColorLegendDisplayNode(labelNode)
    if legend is None:
        if not title:
            return
        legend = logic.AddDefaultColorLegendDisplayNode(labelNode)
        legend.SetUseColorNamesForLabels(True)
    legend.SetTitleText(title)
    legend.SetVisibility(bool(title))
