"""An analysis as segmentation and tables in a real MRML scene."""

import dataclasses

import numpy as np
import pytest
import vtk

from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAISlicer import results

SPACING = (0.05, 0.08, 1.5)


def segment_ids(segmentationNode):
    segmentation = segmentationNode.GetSegmentation()
    return [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]


def segment_names(segmentationNode):
    segmentation = segmentationNode.GetSegmentation()
    return [segmentation.GetSegment(identifier).GetName() for identifier in segment_ids(segmentationNode)]


def column(tableNode, name):
    return [row[name] for row in results.clusterRows(tableNode)]


def node_ids(slicer):
    """Everything in the scene that a user sees or saves."""
    collection = slicer.mrmlScene.GetNodes()
    return {collection.GetItemAsObject(index).GetID() for index in range(collection.GetNumberOfItems())}


def rotation(degrees, axis):
    angle = np.radians(degrees)
    first, second = [index for index in range(3) if index != axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix


def ijk_to_ras(directions):
    matrix = np.eye(4)
    matrix[:3, :3] = directions @ np.diag(SPACING)
    matrix[:3, 3] = (12.5, -40.0, 7.25)
    return matrix


ORIENTATIONS = {
    "axial": np.diag([-1.0, -1.0, 1.0]),
    "flipped columns": np.diag([1.0, -1.0, 1.0]),
    "flipped rows": np.diag([-1.0, 1.0, 1.0]),
    "sagittal": np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "oblique": rotation(35, 0) @ rotation(-50, 2),
    "oblique, left-handed": rotation(20, 1) @ np.diag([1.0, 1.0, -1.0]),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_pixel_of_a_segment_lies_where_the_volume_has_it(slicer, make_volume, analysis, orientation):
    matrix = ijk_to_ras(ORIENTATIONS[orientation])
    shown = results.showResults(analysis, make_volume(ijk_to_ras=matrix))

    owner = np.zeros(analysis.labels.max() + 1, int)
    owner[analysis.calcifications["id"]] = analysis.calcifications["cluster_id"]
    for cluster, identifier in ((1, "MicrocalcCluster1"), (2, "MicrocalcCluster2"), (0, "MicrocalcSingles")):
        rows, columns = np.nonzero((analysis.labels > 0) & (owner[analysis.labels] == cluster))
        expected = matrix @ [columns, rows, np.zeros(len(rows)), np.ones(len(rows))]
        found = positions_in_segment(slicer, shown.segmentationNode, identifier)
        assert len(found) == len(rows)
        np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected[:3].T, axis=0), atol=1e-6)


def positions_in_segment(slicer, segmentationNode, identifier):
    """World positions of a segment's pixels, from what the segmentation stores and nothing else."""
    image = slicer.vtkOrientedImageData()
    segmentationNode.GetBinaryLabelmapRepresentation(identifier, image)
    imageToWorld = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(imageToWorld)
    i0, i1, j0, j1, k0, k1 = image.GetExtent()
    found = []
    for k in range(k0, k1 + 1):
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                if image.GetScalarComponentAsDouble(i, j, k, 0):
                    found.append(imageToWorld.MultiplyPoint((i, j, k, 1))[:3])
    return np.array(found)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_segments_are_exact_for_every_scalar_type(slicer, make_volume, analysis, dtype):
    volume = make_volume(dtype=dtype)
    shown = results.showResults(analysis, volume)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, "MicrocalcCluster2", volume)[0]
    np.testing.assert_array_equal(mask > 0, np.isin(analysis.labels, [3, 4, 5]))


def test_each_cluster_is_one_named_colored_segment_and_singles_are_another(slicer, volume, analysis):
    segmentationNode = results.showResults(analysis, volume).segmentationNode
    assert segment_names(segmentationNode) == ["Cluster 1", "Cluster 2", "Singles"]
    segmentation = segmentationNode.GetSegmentation()
    colors = {segmentation.GetSegment(identifier).GetColor() for identifier in segment_ids(segmentationNode)}
    assert len(colors) == 3
    reference = segmentationNode.GetNodeReference(segmentationNode.GetReferenceImageGeometryReferenceRole())
    assert reference is volume


def test_segments_say_in_standard_codes_what_they_are(slicer, volume, analysis):
    segmentation = results.showResults(analysis, volume).segmentationNode.GetSegmentation()
    text = segmentation.GetSegment("MicrocalcSingles").GetTerminology()
    entry = slicer.vtkSlicerTerminologyEntry()
    assert slicer.modules.terminologies.logic().DeserializeTerminologyEntry(text, entry)
    assert entry.GetTypeObject().GetCodeValue() == "129770007"
    assert entry.GetTypeObject().GetCodingSchemeDesignator() == "SCT"
    assert entry.GetRegionObject().GetCodeMeaning() == "Breast"


def test_tables_hold_the_values_of_the_analysis(slicer, volume, analysis):
    shown = results.showResults(analysis, volume)
    assert column(shown.calcificationsTableNode, "id") == [1, 2, 3, 4, 5, 6]
    assert column(shown.calcificationsTableNode, "probability") == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert column(shown.clustersTableNode, "name") == ["Cluster 1", "Cluster 2"]
    assert column(shown.clustersTableNode, "extent_mm") == [0.5, 0.6]


def test_tables_survive_their_file(slicer, volume, analysis, tmp_path):
    hostile = ' a\t"quoted"\nname'
    analysis = dataclasses.replace(analysis, clusters=analysis.clusters.assign(name=[hostile, ""]))
    tableNode = results.showResults(analysis, volume).clustersTableNode
    assert column(tableNode, "name") == ["a 'quoted' name", "-"]

    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableStorageNode")
    storage.SetFileName(str(tmp_path / "clusters.tsv"))
    assert storage.WriteData(tableNode)
    again = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    assert storage.ReadData(again)
    assert [str(cell) for cell in column(again, "name")] == ["a 'quoted' name", "-"]
    assert [float(cell) for cell in column(again, "extent_mm")] == [0.5, 0.6]


def test_warnings_and_provenance_travel_with_the_segmentation(slicer, volume, analysis):
    shown = results.showResults(analysis, volume)
    assert shown.warnings == analysis.warnings
    assert results.findResults(volume).warnings == analysis.warnings
    assert '"microcalc": "0.1.0"' in shown.segmentationNode.GetAttribute("Microcalc.Provenance")


def test_results_are_found_after_the_scene_was_saved_and_loaded(slicer, volume, analysis):
    results.showResults(analysis, volume)
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    slicer.mrmlScene.SetSaveToXMLString(0)
    slicer.mrmlScene.SetLoadFromXMLString(0)
    found = results.findResults(slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Right MLO"))
    assert found.warnings == analysis.warnings
    assert found.clustersTableNode.GetName() == "Right MLO cluster table"


def test_running_again_replaces_its_own_results_in_place(slicer, volume, analysis):
    first = results.showResults(analysis, volume)
    before = node_ids(slicer)
    fewer = dataclasses.replace(
        analysis,
        labels=np.where(analysis.labels >= 3, 0, analysis.labels),
        calcifications=analysis.calcifications[:2],
        clusters=analysis.clusters[:1],
    )
    second = results.showResults(fewer, volume)
    assert second.segmentationNode is first.segmentationNode
    assert node_ids(slicer) == before
    assert segment_names(second.segmentationNode) == ["Cluster 1"]
    assert column(second.calcificationsTableNode, "id") == [1, 2]


def test_running_again_sets_results_aside_that_a_reader_edited(slicer, volume, analysis):
    edited = results.showResults(analysis, volume)
    note = results.WarningRecord(results.EDITED_BY_READER, "Marked by a reader.")
    results.replaceWarnings(edited.segmentationNode, [note])
    before = segment_names(edited.segmentationNode)
    again = results.showResults(analysis, volume)
    assert results.findResults(volume).segmentationNode is again.segmentationNode is not edited.segmentationNode
    assert segment_names(edited.segmentationNode) == before
    assert "edited" in edited.segmentationNode.GetName()
    assert not edited.segmentationNode.GetDisplayNode().GetVisibility()
    assert edited.clustersTableNode is not again.clustersTableNode


def test_running_again_keeps_segments_that_the_user_added(slicer, volume, analysis):
    segmentationNode = results.showResults(analysis, volume).segmentationNode
    mine = segmentationNode.GetSegmentation().AddEmptySegment("", "My vessel")
    mask = np.zeros((1, *analysis.labels.shape), np.uint8)
    mask[0, 20:25, 30:50] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, segmentationNode, mine, volume)
    results.showResults(analysis, volume)
    assert sorted(segment_names(segmentationNode)) == ["Cluster 1", "Cluster 2", "My vessel", "Singles"]
    kept = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, mine, volume)
    np.testing.assert_array_equal(kept, mask)


def test_each_image_has_its_own_results(slicer, make_volume, analysis):
    left, right = make_volume("Left CC"), make_volume("Right CC")
    shownLeft, shownRight = results.showResults(analysis, left), results.showResults(analysis, right)
    assert shownLeft.segmentationNode is not shownRight.segmentationNode
    assert results.findResults(left).segmentationNode is shownLeft.segmentationNode
    assert shownRight.segmentationNode.GetName() == "Right CC calcifications"


def test_images_of_the_same_name_get_distinct_result_names(slicer, make_volume, analysis):
    names = [results.showResults(analysis, make_volume("MG")).segmentationNode.GetName() for _ in range(2)]
    assert len(set(names)) == 2


def test_results_go_into_the_segmentation_that_is_given(slicer, volume, analysis):
    given = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    assert results.showResults(analysis, volume, given).segmentationNode is given
    assert segment_names(given) == ["Cluster 1", "Cluster 2", "Singles"]


def test_segmentation_of_another_image_is_refused(slicer, make_volume, analysis):
    other = results.showResults(analysis, make_volume("Left CC"))
    with pytest.raises(ParameterError, match="another image"):
        results.checkOutput(make_volume("Right CC"), other.segmentationNode)


def test_image_without_calcifications_gives_empty_results(slicer, volume, analysis):
    empty = dataclasses.replace(
        analysis,
        labels=np.zeros_like(analysis.labels),
        calcifications=analysis.calcifications[:0],
        clusters=analysis.clusters[:0],
    )
    shown = results.showResults(empty, volume)
    assert segment_ids(shown.segmentationNode) == []
    assert shown.clustersTableNode.GetNumberOfRows() == 0
    assert results.clusterRows(shown.clustersTableNode) == []


def test_result_of_another_size_is_refused_and_leaves_nothing_behind(slicer, make_volume, analysis):
    volume = make_volume(shape=(61, 80))
    before = node_ids(slicer)
    with pytest.raises(ResultError, match="another size"):
        results.showResults(analysis, volume)
    assert node_ids(slicer) == before


def test_broken_analysis_leaves_nothing_behind(slicer, volume, analysis):
    before = node_ids(slicer)
    broken = dataclasses.replace(analysis, provenance={"unwritable": object()})
    with pytest.raises(TypeError):
        results.showResults(broken, volume)
    assert node_ids(slicer) == before


def test_results_follow_the_parent_transform_of_the_image(slicer, volume, analysis):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (5.0, -3.0, 2.0)
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volume.SetAndObserveTransformNodeID(transform.GetID())
    assert results.showResults(analysis, volume).segmentationNode.GetParentTransformNode() is transform


def test_results_are_grouped_under_the_image(slicer, volume, analysis):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), volume)
    shown = results.showResults(analysis, volume)
    for node in (shown.segmentationNode, shown.calcificationsTableNode, shown.clustersTableNode):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == item
