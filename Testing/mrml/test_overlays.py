"""Heatmaps, lesion boxes and cluster graphs as nodes that lie where the image has them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import vtk
import vtk.util.numpy_support

from MicrocalcAILib.networks.heatmap import LEVELS
from MicrocalcAISlicer import (
    cloudoutlines,
    clustergraph,
    inputvolume,
    lesionboxes,
    probabilitymaps,
    readercolumns,
    results,
)
from MicrocalcAISlicer.logic import MicrocalcAILogic
from mrml import panel_runs
from mrml.conftest import SHAPE, SPACING_MM
from mrml.panel_runs import with_overlays

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def show(analysis, volume):
    return MicrocalcAILogic().showAnalysis(analysis, volume).segmentationNode


@pytest.fixture
def overlaid(described):
    """Described clusters with a heatmap and two boxes."""
    return with_overlays(described)


@pytest.mark.parametrize("spacing_mm", [SPACING_MM, 1.0], ids=["its own spacing", "a spacing that was overruled"])
def test_cell_of_a_heatmap_lies_over_its_pixels(make_volume, overlaid, spacing_mm):
    volume = make_volume(ijk_to_ras=np.diag([-spacing_mm, -spacing_mm, 1.0, 1.0]))
    labelNode = probabilitymaps.findMap(show(overlaid, volume), "malignancy")
    cell = inputvolume.pixelToWorld(labelNode, 2, 5)
    np.testing.assert_allclose(cell, inputvolume.pixelToWorld(volume, 24.5, 54.5), atol=1e-6)


def test_heatmap_follows_the_direction_of_the_image(make_volume, described):
    directions = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    matrix = np.eye(4)
    matrix[:3, :3] = directions @ np.diag([SPACING_MM, SPACING_MM, 1.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    volume = make_volume(ijk_to_ras=matrix)
    origin = tuple((LPS @ matrix)[:3, 3])
    direction = tuple((LPS[:3, :3] @ directions).ravel())
    turned = with_overlays(dataclasses.replace(described, origin_lps_mm=origin, direction_lps=direction))
    labelNode = probabilitymaps.findMap(show(turned, volume), "malignancy")
    expected = inputvolume.pixelToWorld(volume, 34.5, 24.5)
    np.testing.assert_allclose(inputvolume.pixelToWorld(labelNode, 3, 2), expected, atol=1e-6)


def test_probabilities_are_kept_but_not_offered_as_an_image(slicer, volume, overlaid):
    (again,) = probabilitymaps.mapsOf(show(overlaid, volume))
    (heatmap,) = overlaid.heatmaps
    np.testing.assert_array_equal(again.probabilities, heatmap.probabilities)
    assert {**vars(again), "probabilities": None} == {**vars(heatmap), "probabilities": None}
    assert inputvolume.mammogramNodes() == [volume]


def test_new_heatmap_replaces_the_earlier_one_in_place(slicer, volume, overlaid):
    segmentationNode = show(overlaid, volume)
    first = probabilitymaps.findMap(segmentationNode, "malignancy")
    show(overlaid, volume)
    assert probabilitymaps.findMap(segmentationNode, "malignancy") is first
    assert len(slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")) == 1


def test_analysis_without_heatmaps_and_boxes_leaves_none_of_an_earlier_one(slicer, volume, described, overlaid):
    segmentationNode = show(overlaid, volume)
    show(described, volume)
    assert probabilitymaps.findMap(segmentationNode, "malignancy") is None
    assert lesionboxes.findBoxes(segmentationNode) == []
    for className in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLMarkupsROINode", "vtkMRMLLabelMapVolumeDisplayNode"):
        assert slicer.util.getNodesByClass(className) == []
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [volume]


def test_all_heatmaps_share_one_color_table(slicer, make_volume, overlaid):
    for name in ("R CC", "L CC"):
        show(overlaid, make_volume(name))
    nodes = [node for node in slicer.util.getNodesByClass("vtkMRMLColorTableNode") if node.GetName() == "Probability"]
    assert len(nodes) == 1


def test_slice_view_draws_levels_in_their_colors_and_nothing_below_the_threshold(slicer, volume, overlaid):
    """What Slicer's own slice pipeline blends, without a graphics card."""
    labelNode = probabilitymaps.findMap(show(overlaid, volume), "malignancy")
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    sliceNode = logic.AddSliceNode("Red")
    composite = logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetLabelVolumeID(labelNode.GetID())
    composite.SetLabelOpacity(1.0)
    rows, columns = SHAPE
    sliceNode.SetOrientationToAxial()
    sliceNode.SetDimensions(columns, rows, 1)
    sliceNode.SetFieldOfView(columns * SPACING_MM, rows * SPACING_MM, 1)
    sliceNode.JumpSliceByCentering(*inputvolume.pixelToWorld(volume, (rows - 1) / 2, (columns - 1) / 2))

    def drawn():
        logic.GetBlend().Update()
        scalars = logic.GetBlend().GetOutput().GetPointData().GetScalars()
        picture = vtk.util.numpy_support.vtk_to_numpy(scalars).reshape(rows, columns, -1)[::-1, :, :3]
        return [tuple(color) for color in picture[35, 15::10]]  # inside each cell of a row of the heatmap

    colors = [LEVELS[level - 1][1] for level in overlaid.heatmaps[0].labels[3, 1:]]
    probabilitymaps.setThreshold(0.0)
    assert drawn() == colors
    probabilitymaps.setThreshold(0.7)
    assert drawn()[-2:] == colors[-2:]
    assert not set(drawn()[:-2]) & set(colors)


def test_heatmap_colors_and_boxes_survive_saving_and_opening_the_scene(slicer, volume, overlaid, reopened):
    show(overlaid, volume)
    probabilitymaps.setThreshold(0.5)
    reopened()
    found = results.findResults(slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Right MLO"))
    labelNode = probabilitymaps.findMap(found.segmentationNode, "malignancy")
    colors = labelNode.GetDisplayNode().GetColorNode()
    assert colors is probabilitymaps.colorNode()
    assert (colors.GetColorName(1), colors.GetColorName(10)) == ("0 %–10 %", "90 %–100 %")
    color = [0.0] * 4
    colors.GetColor(5, color)
    assert color[3] == 0.0
    pd.testing.assert_frame_equal(lesionboxes.boxesOf(found.segmentationNode), overlaid.boxes)
    (again,) = probabilitymaps.mapsOf(found.segmentationNode)
    np.testing.assert_array_equal(again.probabilities, overlaid.heatmaps[0].probabilities)


def test_box_covers_its_pixels_and_is_locked(make_volume, overlaid):
    matrix = np.diag([0.05, -0.08, 1.0, 1.0])
    volume = make_volume(ijk_to_ras=matrix)
    node = lesionboxes.findBoxes(show(overlaid, volume))[0]
    np.testing.assert_allclose(node.GetCenterWorld(), inputvolume.pixelToWorld(volume, 44.0, 61.5), atol=1e-6)
    np.testing.assert_allclose(node.GetSize()[:2], (4 * 0.05, 9 * 0.08))
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    np.testing.assert_allclose(bounds[:4], (59.5 * 0.05, 63.5 * 0.05, -48.5 * 0.08, -39.5 * 0.08), atol=1e-6)
    assert node.GetLocked()


def test_new_boxes_replace_the_earlier_ones(slicer, volume, overlaid):
    show(overlaid, volume)
    fewer = dataclasses.replace(overlaid, boxes=overlaid.boxes[1:])
    assert [node.GetName() for node in lesionboxes.findBoxes(show(fewer, volume))] == ["lesion 41%, rather benign"]
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")) == 1


def test_graph_joins_the_calcifications_where_the_image_has_them(slicer, volume, described):
    shown = results.showResults(described, volume)
    graph = clustergraph.showGraph(shown, 1)
    points = slicer.util.arrayFromModelPoints(graph)
    expected = [inputvolume.pixelToWorld(volume, row, column) for row, column in ((6.0, 10.5), (9.5, 15.0))]
    np.testing.assert_allclose(points, expected, atol=1e-5)
    assert not graph.GetSaveWithScene()


@pytest.fixture
def cloudy(described):
    """The described clusters, the first of them with so many specks that it is a cloud."""
    rows, columns = (values.ravel() for values in np.mgrid[4:28:5, 6:42:5])
    labels = np.where(described.labels > 2, described.labels, 0)
    members = []
    for label, row, column in zip(range(11, 11 + len(rows)), rows, columns, strict=True):
        labels[row, column] = label
        box = {"row_min": row, "row_max": row, "column_min": column, "column_max": column}
        members.append({"id": label, "cluster_id": 1, "row": row, "column": column, **box, "area_mm2": SPACING_MM**2})
    kept = described.calcifications[described.calcifications["id"] > 2]
    new = pd.DataFrame(members).assign(diameter_mm=SPACING_MM, probability=0.9, in_pectoral_muscle=False)
    return dataclasses.replace(described, labels=labels, calcifications=pd.concat([kept, new], ignore_index=True))


def test_the_border_of_a_cloud_is_a_closed_line_where_the_image_has_it(slicer, volume, cloudy):
    shown = results.showResults(cloudy, volume)
    border = cloudoutlines.showClouds(shown)
    (cloud,) = cloudy.clouds
    (part,) = cloud.parts
    expected = [inputvolume.pixelToWorld(volume, row, column) for row, column in part]
    np.testing.assert_allclose(slicer.util.arrayFromModelPoints(border), expected, atol=1e-4)
    assert border.GetPolyData().GetNumberOfLines() == len(part) - 1
    assert not border.GetSaveWithScene()
    assert cloudoutlines.showClouds(shown) is border


def test_the_border_of_a_cloud_goes_with_its_word(slicer, volume, cloudy):
    shown = results.showResults(cloudy, volume)
    cloudoutlines.showClouds(shown)
    readercolumns.ReaderEdits().chooseWord(
        shown.clustersTableNode, 1, "morphology", "punctate", results.wordsOf(shown.segmentationNode)
    )
    assert cloudoutlines.showClouds(shown) is None
    assert cloudoutlines.findClouds(shown.segmentationNode) is None


def test_the_panel_tells_the_area_of_a_cloud_and_draws_it_with_the_outlines(slicer, panel, volume, cloudy):
    shown = panel_runs.show(panel, cloudy, volume)
    area = cloudy.clouds[0].area_mm2(cloudy.spacing_mm)
    assert f"cloud of {area:.0f} mm²" in panel.ui.clusterTable.item(0, 0).toolTip()
    assert cloudoutlines.findClouds(shown.segmentationNode) is not None
    panel.ui.outlinesCheckBox.setChecked(False)
    assert cloudoutlines.findClouds(shown.segmentationNode) is None


def test_results_without_clouds_have_no_border(slicer, volume, analysis):
    assert cloudoutlines.showClouds(results.showResults(analysis, volume)) is None
