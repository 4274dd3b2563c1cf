"""B-mode and stiffness side by side in two linked slice views, outlines only over their image, and charts."""

from __future__ import annotations

import slicer

from MicrocalcSlicerShared import layouts

B_MODE_VIEW, STIFFNESS_VIEW = "MicrocalcBMode", "MicrocalcStiffness"
LAYOUT_ID = 91850
_LAYOUT = f"""<layout type="horizontal">
 <item><view class="vtkMRMLSliceNode" singletontag="{B_MODE_VIEW}">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">B</property>
  <property name="viewcolor" action="default">#8C8C96</property>
 </view></item>
 <item><view class="vtkMRMLSliceNode" singletontag="{STIFFNESS_VIEW}">
  <property name="orientation" action="default">Axial</property>
  <property name="viewlabel" action="default">E</property>
  <property name="viewcolor" action="default">#D95F0E</property>
 </view></item>
</layout>"""


def showScreen(volumeNode) -> None:
    """Show a screen that is not converted yet, in every view."""
    slicer.util.setSliceViewerLayers(background=volumeNode, foreground=None, fit=True)


def showSideBySide(nodes) -> None:
    """Show an elastogram: B-mode on the left, the values with their colors over it on the right, both linked.

    Parameters
    ----------
    nodes : ElastogramNodes
    """
    _useLayout()
    background = nodes.bModeNode or nodes.screenNode
    layers = {B_MODE_VIEW: (background or nodes.valueNode, None), STIFFNESS_VIEW: (background, nodes.valueNode)}
    composites = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}
    if not layers.keys() <= composites.keys():  # without a layout of our own every view shows both
        slicer.util.setSliceViewerLayers(
            background=background or nodes.valueNode,
            foreground=nodes.valueNode if background is not None else None,
            foregroundOpacity=1.0,
            fit=True,
        )
        return
    for name, (back, front) in layers.items():
        composite = composites[name]
        composite.SetBackgroundVolumeID(None if back is None else back.GetID())
        composite.SetForegroundVolumeID(None if front is None else front.GetID())
        composite.SetForegroundOpacity(1.0)
        composite.SetLinkedControl(True)
        composite.SetHotLinkedControl(True)
    _fit(layers)
    _linkCursors()


def showOnlyOver(node, volumeNodes) -> None:
    """Let an outline be drawn only in the views that show one of these images; elsewhere it would float over nothing.

    Without such a view nothing is changed. The choice is saved with the scene.

    Parameters
    ----------
    node : markups or segmentation node
    volumeNodes : sequence of volume nodes
    """
    _drawOnlyIn(node, _viewsShowing(volumeNodes))


def showOnlySideBySide(node, volumeNodes) -> None:
    """:func:`showOnlyOver`, in the two views of an elastogram alone where they show it: others may be emptied."""
    showing = _viewsShowing(volumeNodes)
    own = [view for view in showing if view.GetLayoutName() in (B_MODE_VIEW, STIFFNESS_VIEW)]
    _drawOnlyIn(node, own or showing)


def _viewsShowing(volumeNodes) -> list:
    """Slice nodes of the views with one of these images in the background or the foreground."""
    identifiers = {volumeNode.GetID() for volumeNode in volumeNodes}
    names = {
        composite.GetLayoutName()
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        if {composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()} & identifiers
    }
    return [view for view in slicer.util.getNodesByClass("vtkMRMLSliceNode") if view.GetLayoutName() in names]


def _drawOnlyIn(node, sliceNodes) -> None:
    identifiers = [sliceNode.GetID() for sliceNode in sliceNodes]
    for index in range(node.GetNumberOfDisplayNodes()) if identifiers else ():
        displayNode = node.GetNthDisplayNode(index)
        if list(displayNode.GetViewNodeIDs()) != identifiers:
            displayNode.SetViewNodeIDs(identifiers)


def showChart(chartNode) -> None:
    """Show a chart in the layout; without a window it becomes the active one."""
    if slicer.app.layoutManager() is None:
        slicer.app.applicationLogic().GetSelectionNode().SetActivePlotChartID(chartNode.GetID())
        return
    slicer.modules.plots.logic().ShowChartInLayout(chartNode)
    _placeLegend(_plotWidget())


def placeLegendOf(chartNodes) -> None:
    """Place the legend again when the plot view shows one of these charts, as after opening a scene."""
    plotWidget = _plotWidget()
    if plotWidget is not None and plotWidget.mrmlPlotViewNode().GetPlotChartNodeID() in {
        chartNode.GetID() for chartNode in chartNodes
    }:
        _placeLegend(plotWidget)


def _plotWidget():
    layoutManager = slicer.app.layoutManager()
    return None if layoutManager is None else layoutManager.plotWidget(0)


def _placeLegend(plotWidget) -> None:
    """At the bottom right, where the curves of a study leave room; the place is the view's and is never saved."""
    import vtkmodules.vtkChartsCore  # noqa: F401, for Python to know what a legend is

    legend = plotWidget.plotView().chart().GetLegend()
    legend.SetHorizontalAlignment(legend.RIGHT)
    legend.SetVerticalAlignment(legend.BOTTOM)


def registerLayout() -> None:
    """Tell Slicer what the layout of two views looks like; a scene that was saved in it opens in it then."""
    layouts.describe(LAYOUT_ID, _LAYOUT)


def _useLayout() -> None:
    registerLayout()
    node = layouts.layoutNode()
    if node is not None:
        node.SetViewArrangement(LAYOUT_ID)


def _fit(names) -> None:
    layoutManager = slicer.app.layoutManager()
    slicer.app.processEvents()  # the new views get their sizes
    for name in names:
        sliceWidget = None if layoutManager is None else layoutManager.sliceWidget(name)
        if sliceWidget is not None:
            sliceWidget.sliceLogic().FitSliceToBackground()


def _linkCursors() -> None:
    """Shift and the mouse move a cross-hair through both views."""
    crosshairNode = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if crosshairNode is not None:
        crosshairNode.SetCrosshairMode(crosshairNode.ShowBasic)
