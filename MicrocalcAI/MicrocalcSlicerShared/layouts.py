"""Layouts of our own, known to Slicer from its start: a scene that was saved in one opens in it."""

from __future__ import annotations

import slicer


def layoutNode():
    """The node that says which layout is shown; None where there is neither a window nor a scene with one."""
    layoutManager = slicer.app.layoutManager()
    if layoutManager is not None:
        return layoutManager.layoutLogic().GetLayoutNode()
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def describe(layoutId: int, description: str) -> None:
    """Tell Slicer what a layout looks like; if it is asked for already, its empty area becomes the layout now."""
    node = layoutNode()
    if node is None or node.IsLayoutDescription(layoutId):
        return
    node.AddLayoutDescription(layoutId, description)
    if node.GetViewArrangement() == layoutId:
        node.SetViewArrangement(layoutId)
