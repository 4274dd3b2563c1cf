"""Bringing an image onto the screen, in the layout that the reader has or in one view."""

from __future__ import annotations

import slicer

from .hanging import hangInItsPlace
from .inputvolume import hasPixels
from .views import sliceViews, viewsShowing


def showVolume(volumeNode, isFitted: bool = True) -> None:
    """Make an image visible: if no view on the screen shows it, all do, or in the layout of four its place does.

    Parameters
    ----------
    volumeNode : vtkMRMLScalarVolumeNode
        Nothing happens while its image data are missing: views fitted to nothing stay black.
    isFitted : bool
        False when the data came after the node: views that show it already are fitted again.
    """
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
