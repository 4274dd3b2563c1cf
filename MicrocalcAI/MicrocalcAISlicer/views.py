"""Slice views: which of them show an image, and where they look."""

from __future__ import annotations

import numpy as np
import slicer

from .inputvolume import pixelToWorld


def sliceViews() -> list[tuple]:
    """(slice node, composite node) of every slice view."""
    composites = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    return [
        (sliceNode, composites[sliceNode.GetLayoutName()])
        for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode")
        if sliceNode.GetLayoutName() in composites
    ]


def backgroundVolume(compositeNode):
    """The image that a view shows, or None."""
    identifier = compositeNode.GetBackgroundVolumeID()
    return slicer.mrmlScene.GetNodeByID(identifier) if identifier else None


def viewsShowing(volumeNode) -> list[tuple]:
    """(slice node, composite node) of the views whose background is this image."""
    return [(view, composite) for view, composite in sliceViews() if backgroundVolume(composite) is volumeNode]


def centerViews(volumeNode, row: float, column: float, fieldOfViewMm: float) -> None:
    """Center the views that show an image on one of its pixels; their shorter side shows ``fieldOfViewMm``."""
    world = pixelToWorld(volumeNode, row, column)
    for sliceNode, _composite in viewsShowing(volumeNode):
        sliceNode.JumpSliceByCentering(*world)
        across, down, depth = sliceNode.GetFieldOfView()
        scale = fieldOfViewMm / min(across, down)
        sliceNode.SetFieldOfView(across * scale, down * scale, depth)


def fitViews(volumeNode) -> None:
    """Let the views that show an image show all of it."""
    columns, rows, _ = volumeNode.GetImageData().GetDimensions()
    ends = [(row, column) for row in (-0.5, rows - 0.5) for column in (-0.5, columns - 0.5)]
    corners = np.array([pixelToWorld(volumeNode, row, column) for row, column in ends])
    for sliceNode, _composite in viewsShowing(volumeNode):
        axes = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:3, :3]
        width, height, _depth = np.ptp(corners @ axes, axis=0)
        across, down, depth = sliceNode.GetFieldOfView()
        scale = max(width / across, height / down)
        sliceNode.SetFieldOfView(across * scale, down * scale, depth)
        sliceNode.JumpSliceByCentering(*corners.mean(axis=0))
