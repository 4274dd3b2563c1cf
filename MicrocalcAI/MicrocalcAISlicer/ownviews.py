"""What lies over an image is drawn only in the views that show that image, whether the panel is open or not."""

from __future__ import annotations

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from . import cloudoutlines, clustergraph, exammarkups, lesionboxes, results
from .views import sliceViews, viewsShowing

_WAITS = "Microcalc.WaitsForView"  # attribute of a display node that is hidden only because no view shows its image
_follower = None


def show(displayNode, isWanted: bool, volumeNode) -> None:
    """Draw something in the views that show its image, and nowhere else; nodes that fit already stay untouched.

    Parameters
    ----------
    displayNode : vtkMRMLDisplayNode
    isWanted : bool
        Whether the reader wants to see it at all; remembered while no view shows the image.
    volumeNode : vtkMRMLScalarVolumeNode
        The image it lies over.
    """
    # An empty list of views means all views: where no view shows the image only the visibility hides it.
    identifiers = [sliceNode.GetID() for sliceNode, _composite in viewsShowing(volumeNode)]
    canBeSeen = bool(identifiers) or not sliceViews()
    with slicer.util.NodeModify(displayNode):
        if bool(displayNode.GetVisibility()) != (isWanted and canBeSeen):
            displayNode.SetVisibility(isWanted and canBeSeen)
        if list(displayNode.GetViewNodeIDs() or ()) != identifiers:
            displayNode.SetViewNodeIDs(identifiers)
        if _waits(displayNode) != (isWanted and not canBeSeen):
            displayNode.SetAttribute(_WAITS, "yes" if isWanted and not canBeSeen else None)


def follow() -> None:
    """Bring everything that lies over an image into the views that show the image now."""
    lying = exammarkups.markupsWithImage()
    for segmentationNode, volumeNode in results.segmentationsWithImage():
        boxes = lesionboxes.findBoxes(segmentationNode)
        lines = clustergraph.findGraph(segmentationNode), cloudoutlines.findClouds(segmentationNode)
        lying += [(node, volumeNode) for node in (segmentationNode, *boxes, *lines) if node is not None]
    for node, volumeNode in lying:
        displayNode = node.GetDisplayNode()
        if displayNode is not None:
            show(displayNode, bool(displayNode.GetVisibility()) or _waits(displayNode), volumeNode)


def startFollowing() -> None:
    """Follow the views from now on; called when Slicer has started."""
    global _follower
    if _follower is None:
        _follower = Follower()


class Follower(VTKObservationMixin):
    """Calls :func:`follow` a moment after a view shows another image, or nodes came or went."""

    def __init__(self):
        VTKObservationMixin.__init__(self)
        self._timer = qt.QTimer()  # many events come together, and some in the middle of other changes
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.onTimer)
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self.onChanged)
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self._timer.start()

    def onChanged(self, caller=None, event=None):
        if not self._timer.isActive():
            self._timer.start()

    def onTimer(self):
        if slicer.mrmlScene.IsBatchProcessing():
            return  # its end starts the timer again
        for _sliceNode, composite in sliceViews():
            if not self.hasObserver(composite, vtk.vtkCommand.ModifiedEvent, self.onChanged):
                self.addObserver(composite, vtk.vtkCommand.ModifiedEvent, self.onChanged)
        follow()

    def onSceneStartClose(self, caller, event):
        """Slicer's segment selector asks for items of segments that are gone when a display node changes then."""
        for segmentationNode, _volumeNode in results.segmentationsWithImage():
            if segmentationNode.GetDisplayNode() is not None:
                segmentationNode.GetDisplayNode().SetDisableModifiedEvent(1)


def _waits(displayNode) -> bool:
    return displayNode.GetAttribute(_WAITS) is not None
