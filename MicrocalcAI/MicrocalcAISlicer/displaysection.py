"""The panel's display section: outlines, heatmap, boxes and links in the views that show their image."""

import slicer
from slicer.i18n import tr as _

from MicrocalcSlicerShared.panel import enable

from . import cloudoutlines, clustergraph, lesionboxes, ownviews, probabilitymaps
from .parameternode import Heatmap
from .results import findResults, volumeOf
from .views import viewsShowing


class DisplaySection:
    """Applies the display parameters to all analyzed images; each is drawn only in the views that show it."""

    def __init__(self, ui):
        self.ui = ui
        self._isApplying = False
        self._lastHeatmap = None  # that was shown before it was hidden with the key

    def toggleHeatmap(self, parameters):
        """Hide the heatmap, or show the one of the selected image that was shown last, else the first it has."""
        if parameters.heatmap is not Heatmap.NONE:
            self._lastHeatmap = parameters.heatmap
            parameters.heatmap = Heatmap.NONE
            return
        results = findResults(parameters.inputVolume) if parameters.inputVolume is not None else None
        if results is not None:
            wanted = [each for each in (self._lastHeatmap, *Heatmap) if each not in (None, Heatmap.NONE)]
            segmentationNode = results.segmentationNode
            drawn = [each for each in wanted if probabilitymaps.findMap(segmentationNode, each.value) is not None]
            parameters.heatmap = drawn[0] if drawn else Heatmap.NONE

    def apply(self, parameters, selectedId):
        """Show everything as the parameters say; ``selectedId`` is the cluster whose links are drawn."""
        if self._isApplying:
            return  # called by what this does to the views
        self._isApplying = True
        try:
            probabilitymaps.setThreshold(parameters.heatmapThreshold)
            for results in _allResults():
                self._applyTo(results, parameters, selectedId)
            self._enable(parameters)
        finally:
            self._isApplying = False

    def removeGraphs(self):
        """Take the links out of the views: another module is shown, and they would lie over what is done there."""
        for results in _allResults():
            clustergraph.removeGraph(results.segmentationNode)

    def _applyTo(self, results, parameters, selectedId):
        volumeNode, segmentationNode = volumeOf(results), results.segmentationNode
        views = viewsShowing(volumeNode)

        displayNode = segmentationNode.GetDisplayNode()
        if displayNode is not None:
            displayNode.SetOpacity2DOutline(parameters.outlineOpacity)
            ownviews.show(displayNode, parameters.showOutlines, volumeNode)
        clouds = cloudoutlines.showClouds(results) if parameters.showOutlines else None
        if clouds is None:
            cloudoutlines.removeClouds(segmentationNode)
        else:
            ownviews.show(clouds.GetDisplayNode(), True, volumeNode)
        for node in lesionboxes.findBoxes(segmentationNode):
            ownviews.show(node.GetDisplayNode(), parameters.showBoxes, volumeNode)

        if parameters.showGraph and selectedId is not None and volumeNode is parameters.inputVolume:
            graph = clustergraph.showGraph(results, selectedId)
            ownviews.show(graph.GetDisplayNode(), True, volumeNode)
        else:
            clustergraph.removeGraph(segmentationNode)

        chosen = parameters.heatmap
        maps = {task: probabilitymaps.findMap(segmentationNode, task) for task in probabilitymaps.TASKS}
        shown = maps.get(chosen.value)
        ours = {node.GetID() for node in maps.values() if node is not None}
        for _sliceNode, composite in views:
            if shown is not None:
                composite.SetLabelVolumeID(shown.GetID())
                composite.SetLabelOpacity(parameters.heatmapOpacity)
            elif composite.GetLabelVolumeID() in ours:
                composite.SetLabelVolumeID(None)
        for node in filter(None, maps.values()):
            isShown = node is shown and bool(views)
            title = _("Probability of {what}").format(what=_meaning(chosen)) if isShown else ""
            probabilitymaps.showLegend(node, title)

    def _enable(self, parameters):
        results = findResults(parameters.inputVolume) if parameters.inputVolume is not None else None
        hasMap = results is not None and any(
            probabilitymaps.findMap(results.segmentationNode, task) for task in probabilitymaps.TASKS
        )
        hasBoxes = results is not None and bool(lesionboxes.findBoxes(results.segmentationNode))
        analyze = "" if results else _("Analyze the image first.")
        ui = self.ui
        enable(ui.outlinesCheckBox, analyze, _("Draw the outlines of the calcifications."))
        ui.outlineOpacitySlider.setEnabled(results is not None and parameters.showOutlines)
        noMap = "" if hasMap else _("There is no heatmap of this image; tick one above and analyze.")
        enable(ui.heatmapComboBox, noMap, _("Which heatmap lies over the image."))
        isShown = hasMap and parameters.heatmap is not Heatmap.NONE
        ui.heatmapOpacitySlider.setEnabled(isShown)
        ui.heatmapThresholdSlider.setEnabled(isShown)
        noBoxes = "" if hasBoxes else _("There are no lesion boxes of this image; tick them above and analyze.")
        enable(ui.boxesCheckBox, noBoxes, _("Draw the boxes of the lesion detector with class and score."))
        enable(ui.graphCheckBox, analyze, _("Draw the shortest links that hold the selected cluster together."))


def _allResults():
    volumeNodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return list(filter(None, (findResults(volumeNode) for volumeNode in volumeNodes)))


def _meaning(heatmap):
    return {Heatmap.DETECTION: _("calcifications"), Heatmap.MALIGNANCY: _("malignancy")}.get(heatmap, "")
