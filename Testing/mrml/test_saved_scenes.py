"""Scenes that were saved in one of our layouts, opened in an application that has just been started."""

import numpy as np
import pytest

from MicrocalcAISlicer import hanging, lesionboxes, ownviews, probabilitymaps, results
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcElastographySlicer import views
from MicrocalcSlicerShared.nodes import tableFrame
from mrml.panel_runs import with_overlays


@pytest.fixture
def fresh_application(slicer):
    """Make the layout node forget what it was told, as when Slicer is started anew; then what runs at its start."""

    def start():
        for node in slicer.util.getNodesByClass("vtkMRMLLayoutNode"):
            slicer.mrmlScene.RemoveNode(node)
        node = slicer.vtkMRMLLayoutNode()
        node.SetSingletonTag("vtkMRMLLayoutNode")  # as Slicer's layout logic makes it
        slicer.mrmlScene.AddNode(node)
        hanging.registerLayout()
        views.registerLayout()
        return node

    yield start
    for node in slicer.util.getNodesByClass("vtkMRMLLayoutNode"):
        slicer.mrmlScene.RemoveNode(node)


def rounded(tableNode):
    """The rows of a table with the five digits that Slicer's table files are sure to keep."""
    rows = tableFrame(tableNode).to_dict("records")
    return [{key: f"{cell:.5g}" if isinstance(cell, float) else str(cell) for key, cell in row.items()} for row in rows]


def everything(slicer, volume):
    """All that a reader sees of an image's results, as plain values."""
    shown = results.findResults(volume)
    segmentation = shown.segmentationNode.GetSegmentation()
    identifiers = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    seen = {
        "image": slicer.util.arrayFromVolume(volume).tolist(),
        "segments": {
            identifier: (
                segmentation.GetSegment(identifier).GetName(),
                [round(part, 4) for part in segmentation.GetSegment(identifier).GetColor()],
                slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, identifier, volume).tolist(),
            )
            for identifier in identifiers
        },
        "calcifications": rounded(shown.calcificationsTableNode),
        "clusters": rounded(shown.clustersTableNode),
        "words": results.wordsOf(shown.segmentationNode),
        "warnings": shown.warnings,
        "provenance": results.provenanceOf(shown.segmentationNode),
        "boxes": sorted(node.GetName() for node in lesionboxes.findBoxes(shown.segmentationNode)),
    }
    heatmap = probabilitymaps.findMap(shown.segmentationNode, "malignancy")
    seen["heatmap"] = np.nan_to_num(slicer.util.arrayFromVolume(heatmap)).tolist()
    seen["visible in"] = [
        slicer.mrmlScene.GetNodeByID(identifier).GetLayoutName()
        for identifier in shown.segmentationNode.GetDisplayNode().GetViewNodeIDs()
    ]
    return seen


def test_a_scene_saved_twice_in_the_layout_of_four_opens_in_it_and_shows_what_it_showed(
    slicer, fresh_application, make_volume, make_view, described, reopened
):
    node = fresh_application()
    node.SetViewArrangement(hanging.LAYOUT_ID)
    volume = make_volume("R CC")
    names = [place.name for place in hanging.PLACES]
    for name in names:
        make_view(name, volume if name == names[0] else None)
    MicrocalcAILogic().showAnalysis(with_overlays(described), volume)
    ownviews.follow()
    before = everything(slicer, volume)
    assert before["visible in"] == [names[0]]
    for _ in range(2):
        reopened(restart=fresh_application)
        node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        assert node.GetViewArrangement() == hanging.LAYOUT_ID
        assert node.GetCurrentLayoutDescription() == hanging.layoutDescription()
        ownviews.follow()
        volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "R CC")
        assert everything(slicer, volume) == before


def test_the_layout_of_two_that_was_asked_for_before_it_was_known_is_no_empty_area(slicer, fresh_application):
    for node in slicer.util.getNodesByClass("vtkMRMLLayoutNode"):
        slicer.mrmlScene.RemoveNode(node)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    node.SetViewArrangement(views.LAYOUT_ID)
    assert not node.GetCurrentLayoutDescription()
    views.registerLayout()
    assert views.B_MODE_VIEW in node.GetCurrentLayoutDescription()
