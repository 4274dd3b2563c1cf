"""Slice views: which of them show an image, and where they look."""

from __future__ import annotations

import numpy as np
import slicer

from .inputvolume import hasPixels, pixelToWorld


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


def showVolume(volumeNode, isFitted: bool = True) -> None:
    """Make an image visible: if no view on the screen shows it, all do, or in the layout of four its place does.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
        Nothing happens while its image data are missing: views fitted to nothing stay black.
    isFitted : bool
        False when the data came after the node: views that show it already are fitted again.
    """
    from .hanging import hangInItsPlace

    if not hasPixels(volumeNode) or (isFitted and _isOnScreen(volumeNode)):
        return
    displayNode = volumeNode.GetDisplayNode()
    if displayNode is not None and displayNode.GetAutoWindowLevel():
        displayNode.SetAutoWindowLevel(False)  # one that is older than the data keeps the window it began with
        displayNode.SetAutoWindowLevel(True)
    if not hangInItsPlace(volumeNode):
        slicer.util.setSliceViewerLayers(background=volumeNode, fit=slicer.app.layoutManager() is not None)


def useOneView() -> bool:
    """Change a layout that nobody chose to one view; return whether that was done.

    The layouts Slicer begins with show an image of one slice edge-on in two of three views.
    """
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return False
    layout = slicer.vtkMRMLLayoutNode
    begins = (layout.SlicerLayoutInitialView, layout.SlicerLayoutConventionalView, layout.SlicerLayoutFourUpView)
    if layoutManager.layoutLogic().GetLayoutNode().GetViewArrangement() not in begins:
        return False
    layoutManager.setLayout(layout.SlicerLayoutOneUpRedSliceView)
    slicer.app.processEvents()  # the view gets its size
    return True


def _isOnScreen(volumeNode) -> bool:
    """Whether a view shows the image that the layout shows; without a window every view counts."""
    inLayout = {sliceNode.GetID() for sliceNode, _composite in sliceViews() if sliceNode.IsMappedInLayout()}
    showing = [sliceNode for sliceNode, _composite in viewsShowing(volumeNode)]
    return any(sliceNode.GetID() in inLayout or not inLayout for sliceNode in showing)


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
