"""What lies over an image is drawn where that image is shown, whatever module is open."""

import numpy as np
import pytest

from MicrocalcAISlicer import lesionboxes, results
from mrml.panel_runs import with_overlays
from stand_ins import application


@pytest.fixture
def follower(slicer):
    """What Slicer's start makes; its timer is fired by the tests."""
    application.startWithWidgets()
    from MicrocalcAISlicer import ownviews

    follower = ownviews.Follower()
    yield follower
    follower.removeObservers()


@pytest.fixture
def settle(follower):
    """Let the events that wait be handled, and tell whether any did."""

    def settle():
        waited = follower._timer.isActive()
        follower._timer.stop()
        if waited:
            follower.onTimer()
        return waited

    return settle


def drawn_in(node):
    """IDs of the views that draw a node."""
    displayNode = node.GetDisplayNode()
    return list(displayNode.GetViewNodeIDs()) if displayNode.GetVisibility() else None


def test_outlines_and_boxes_follow_their_image_from_view_to_view(settle, make_volume, make_view, described):
    left, right = make_volume("L CC"), make_volume("R CC")
    leftView, leftComposite = make_view("MG1", left)
    rightView, _ = make_view("MG2", right)
    from MicrocalcAISlicer.logic import MicrocalcAILogic

    shownLeft, shownRight = (MicrocalcAILogic().showAnalysis(with_overlays(described), node) for node in (left, right))
    assert settle()
    for shown, view in ((shownLeft, leftView), (shownRight, rightView)):
        for node in (shown.segmentationNode, *lesionboxes.findBoxes(shown.segmentationNode)):
            assert drawn_in(node) == [view.GetID()]
    leftComposite.SetBackgroundVolumeID(right.GetID())
    assert settle()
    assert drawn_in(shownLeft.segmentationNode) is None
    assert drawn_in(shownRight.segmentationNode) == [leftView.GetID(), rightView.GetID()]
    leftComposite.SetBackgroundVolumeID(left.GetID())
    settle()
    assert drawn_in(shownLeft.segmentationNode) == [leftView.GetID()]


def test_an_empty_view_shows_no_outlines(settle, make_volume, make_view, described):
    volume = make_volume("L CC")
    view, _ = make_view("MG1", volume)
    make_view("MG2")
    shown = results.showResults(described, volume)
    settle()
    assert drawn_in(shown.segmentationNode) == [view.GetID()]


def test_outlines_that_the_reader_hid_stay_hidden(settle, make_volume, make_view, described):
    volume, other = make_volume("L CC"), make_volume("R CC")
    _, composite = make_view("MG1", volume)
    shown = results.showResults(described, volume)
    shown.segmentationNode.GetDisplayNode().SetVisibility(False)
    for node in (other, volume):
        composite.SetBackgroundVolumeID(node.GetID())
        settle()
        assert drawn_in(shown.segmentationNode) is None
    shown.segmentationNode.GetDisplayNode().SetVisibility(True)
    assert drawn_in(shown.segmentationNode) is not None


def test_what_waits_for_its_view_comes_back_after_saving_and_opening_the_scene(
    slicer, settle, make_volume, make_view, described, reopened
):
    volume, other = make_volume("L CC"), make_volume("R CC")
    make_view("MG1", other)
    shown = results.showResults(described, volume)
    settle()
    assert drawn_in(shown.segmentationNode) is None
    reopened()
    assert settle()
    volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "L CC")
    (composite,) = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(volume.GetID())
    assert settle()
    assert drawn_in(results.findResults(volume).segmentationNode) is not None


def test_views_that_show_what_they_showed_change_no_node(settle, make_volume, make_view, described):
    volume = make_volume("L CC")
    _, composite = make_view("MG1", volume)
    shown = results.showResults(described, volume)
    settle()
    before = shown.segmentationNode.GetDisplayNode().GetMTime()
    composite.SetForegroundOpacity(0.7)
    assert settle()
    assert shown.segmentationNode.GetDisplayNode().GetMTime() == before


def test_segmentations_of_others_are_left_alone(slicer, settle, make_volume, make_view):
    volume = make_volume("L CC")
    make_view("MG1", volume)
    own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    own.CreateDefaultDisplayNodes()
    own.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    settle()
    assert drawn_in(own) == []  # everywhere


def test_a_segmentation_that_was_laid_over_an_image_is_drawn_with_it(slicer, settle, make_volume, make_view):
    volume, other = make_volume("L CC"), make_volume("R CC")
    view, _ = make_view("MG1", volume)
    make_view("MG2", other)
    truth = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    truth.CreateDefaultDisplayNodes()
    results.layOver(truth, volume)
    settle()
    assert drawn_in(truth) == [view.GetID()]
    assert results.findResults(volume) is None


def test_closing_the_scene_says_nothing_of_display_nodes(slicer, follower, make_volume, described):
    displayNodes = []
    for name in ("L CC", "R CC"):
        shown = results.showResults(described, make_volume(name))
        displayNodes.append(shown.segmentationNode.GetDisplayNode())
    said = []
    for node in displayNodes:
        node.AddObserver("ModifiedEvent", lambda caller, event: said.append(caller))

    def change(caller, event):  # as the segment selector of Slicer's controller bar does while nodes go away
        for node in displayNodes:
            node.SetOpacity2DFill(0.123)

    tag = slicer.mrmlScene.AddObserver(slicer.mrmlScene.StartCloseEvent, change, -1.0)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.RemoveObserver(tag)
    assert said == []
    assert np.isclose(displayNodes[0].GetOpacity2DFill(), 0.123)
