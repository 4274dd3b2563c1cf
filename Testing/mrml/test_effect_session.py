"""Edited segments and their tables, on real segmentations in a real scene."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import vtk

from editing_scene import editing_scene
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer import editing, results
from MicrocalcAISlicer.segmentimages import clusterSegments, segmentPixels
from MicrocalcSlicerShared.nodes import tableFrame
from mrml import editor_scene
from mrml.editor_scene import calcifications, clusters, marked_pixels, no_editor, unmarked_specks


@pytest.fixture
def session(slicer):
    return editor_scene.analyzed_session()


def paint(slicer, session, segment_id, rows, columns, value=1):
    """As any other effect of Slicer does it."""
    array = slicer.util.arrayFromSegmentBinaryLabelmap(session.segmentationNode, segment_id, session.volumeNode)
    array[0, rows, columns] = value
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, session.segmentationNode, segment_id, session.volumeNode)


def test_the_marks_of_results_are_the_calcifications_of_the_analysis(session):
    analysis = editing_scene().analysis
    np.testing.assert_array_equal(session.marks.labels, analysis.labels)
    assert session.marks.clusters == editing_scene().cluster_ids


def test_refreshing_untouched_results_changes_nothing(session):
    before = calcifications(session), clusters(session), results.wordsOf(session.segmentationNode)
    warnings = results.warningsOf(session.segmentationNode)
    editing.refreshAfterEdit(session.volumeNode)
    pd.testing.assert_frame_equal(calcifications(session)[before[0].columns], before[0])
    pd.testing.assert_frame_equal(clusters(session), before[1])
    assert results.wordsOf(session.segmentationNode) == before[2]
    assert results.warningsOf(session.segmentationNode) == warnings


def test_an_image_without_results_has_nothing_to_refresh(slicer, make_volume):
    assert editing.refreshAfterEdit(make_volume()) is None


def test_the_session_judges_the_image_as_the_analysis_does(slicer):
    volumeNode = editor_scene.add_volume()
    shown = results.showResults(editing_scene().analysis, volumeNode)
    finder = editing.sessionFor(volumeNode, shown.segmentationNode).finder
    np.testing.assert_array_equal(finder.mammogram.pixels, editing_scene().mammogram.pixels)
    assert (finder.mammogram.laterality, finder.mammogram.view) == ("L", "CC")
    assert finder.mammogram.spacing_mm == pytest.approx((0.07, 0.07))
    np.testing.assert_array_equal(finder.breast.mask, editing_scene().breast.mask)


def test_added_specks_join_the_cluster_nearby_and_are_marked_as_the_readers(session):
    tools = no_editor(session)
    added = unmarked_specks(session, lowest_contrast=3.0)[:3]
    targets = session.addSpecks(added, tools.reference, tools.modify)
    session.refresh()
    assert set(targets) <= {"MicrocalcCluster1", "MicrocalcCluster2", "MicrocalcSingles"}
    rows = calcifications(session)
    mine = rows[rows["source"] == "reader"]
    assert sorted(mine["probability"]) == pytest.approx(sorted(speck.probability for speck in added))
    counts = clusters(session).set_index("id")["count"]
    assert counts.to_dict() == rows[rows["cluster_id"] > 0]["cluster_id"].value_counts().to_dict()
    (note,) = [w for w in results.warningsOf(session.segmentationNode) if w.code == "edited-by-reader"]
    assert "added: 3, removed: 0" in note.message


def test_undo_and_redo_bring_segments_and_tables_back_exactly(session):
    tools = no_editor(session)
    session.refresh()
    before = calcifications(session), clusters(session), marked_pixels(session)
    tools.logic.SaveStateForUndo()
    session.removeCalcifications([int(before[0]["id"][2]), int(before[0]["id"][30])], tools.reference, tools.modify)
    session.refresh()
    after = calcifications(session), clusters(session), marked_pixels(session)
    assert len(after[0]) == len(before[0]) - 2
    for change, expected in ((tools.logic.Undo, before), (tools.logic.Redo, after), (tools.logic.Undo, before)):
        change()
        session.refresh()
        pd.testing.assert_frame_equal(calcifications(session), expected[0])
        pd.testing.assert_frame_equal(clusters(session), expected[1])
        assert marked_pixels(session) == expected[2]


def test_what_was_painted_with_another_effect_becomes_a_calcification_of_the_reader(slicer, session):
    rows, columns = np.mgrid[420:423, 200:204]
    paint(slicer, session, "MicrocalcCluster2", rows.ravel(), columns.ravel())
    editing.refreshAfterEdit(session.volumeNode)
    table = calcifications(session)
    (new,) = table[table["source"] == "reader"].to_dict("records")
    assert (new["row"], new["column"], new["cluster_id"]) == (421.0, 201.5, 2)
    assert new["area_mm2"] == pytest.approx(12 * 0.0049)
    assert new["id"] > editing_scene().analysis.calcifications["id"].max()


def test_an_outline_that_was_erased_in_part_is_measured_again_and_keeps_its_id(slicer, session):
    row = calcifications(session).sort_values("area_mm2").iloc[-1]
    segment = session.marks.segments[int(row["id"])]
    rows, columns = session.marks.pixels[int(row["id"])]
    top = rows == rows.min()
    paint(slicer, session, segment, rows[top], columns[top], 0)
    editing.refreshAfterEdit(session.volumeNode)
    after = calcifications(session).set_index("id")
    assert after.at[row["id"], "source"] == "edited"
    assert after.at[row["id"], "area_mm2"] == pytest.approx(row["area_mm2"] - top.sum() * 0.0049)
    assert len(after) == len(editing_scene().analysis.calcifications)


def test_a_cluster_that_was_erased_leaves_the_tables_and_its_number_is_not_used_again(slicer, session):
    empty = np.zeros((1, *session.shape), np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        empty, session.segmentationNode, "MicrocalcCluster1", session.volumeNode
    )
    editing.refreshAfterEdit(session.volumeNode)
    assert 1 not in set(clusters(session)["id"])
    assert [record["cluster_id"] for record in results.wordsOf(session.segmentationNode)] == [2]
    assert session.newCluster() == "MicrocalcCluster3"


def test_a_segmentation_without_analysis_gets_clusters_segments_and_tables(slicer):
    volumeNode = editor_scene.add_volume()
    segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    vessel = segmentationNode.GetSegmentation().AddEmptySegment("", "My vessel")
    session = editor_scene.ready(editing.sessionFor(volumeNode, segmentationNode))
    tools = no_editor(session)
    assert session.marks.pixels == {}
    expected = editing_scene().analysis
    faintest = float(expected.calcifications["probability"].min())
    specks = [
        speck
        for speck in session.finder.specks_in(lowest_probability=faintest)
        if expected.labels[speck.rows, speck.columns].any()
    ]
    session.addSpecks(specks, tools.reference, tools.modify)
    shown = session.refresh()
    assert shown == results.findResults(volumeNode)
    assert set(calcifications(session)["source"]) == {"reader"}
    assert len(calcifications(session)) == len(expected.calcifications)
    assert sorted(clusters(session)["count"]) == sorted(expected.clusters["count"])
    by_count = clusters(session).sort_values("count")["descriptor_risk"].to_numpy()
    drawn = editing_scene().drawn_by_a_reader.cluster_table
    np.testing.assert_allclose(by_count, drawn.sort_values("count")["descriptor_risk"], rtol=1e-6)
    assert vessel not in clusterSegments(segmentationNode)


def test_a_segment_of_the_user_becomes_a_cluster_when_specks_are_put_into_it(slicer, session):
    mine = session.segmentationNode.GetSegmentation().AddEmptySegment("", "Suspicious group")
    tools = no_editor(session)
    specks = unmarked_specks(session, lowest_contrast=3.0)[:2]
    assert session.addSpecks(specks, tools.reference, tools.modify, mine) == [mine]
    session.refresh()
    assert clusterSegments(session.segmentationNode)[mine] == 3
    row = clusters(session).set_index("id").loc[3]
    assert (row["name"], row["count"]) == ("Suspicious group", 2)


def test_grouping_again_undoes_odd_memberships_and_keeps_the_numbers(session):
    tools = no_editor(session)
    before = session.marks.clusters
    odd = [identifier for identifier, number in before.items() if number == 1][:2]
    pixels = [session.marks.pixels[identifier] for identifier in odd]
    session.removeCalcifications(odd, tools.reference, tools.modify)
    for rows, columns in pixels:
        tools.modify(
            "MicrocalcCluster2",
            editing.modifierImage(rows, columns, tools.reference, session.segmentationNode, session.volumeNode),
            True,
        )
    session.segmentsChanged()
    assert [session.marks.clusters[identifier] for identifier in odd] == [2, 2]
    assert session.groupAgain(tools.reference, tools.modify) == 2
    assert session.marks.clusters == before


def test_pixels_at_the_borders_of_the_image_are_marked_and_read_back(slicer, session):
    rows, columns = session.shape
    corners = (np.array([0, 0, rows - 1, rows - 1]), np.array([0, columns - 1, 0, columns - 1]))
    tools = no_editor(session)
    image = editing.modifierImage(*corners, tools.reference, session.segmentationNode, session.volumeNode)
    tools.modify(session.newCluster(), image, True)
    session.segmentsChanged()
    assert (session.marks.labels[corners] > 0).all()
    assert len(set(session.marks.labels[corners])) == 4


def rotated():
    angle = np.radians(25)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [np.sin(angle), 0, -np.cos(angle)], [0, -1, 0]]
    ) @ np.diag([0.07, 0.07, 1.0])
    matrix[:3, 3] = (10, -20, 30)
    return matrix


@pytest.mark.parametrize("matrix", [rotated(), np.diag([0.07, 0.07, 1.0, 1.0]), np.diag([0.07, -0.07, 2.0, 1.0])])
def test_edits_land_on_their_pixels_whatever_the_orientation(slicer, matrix):
    session = editor_scene.analyzed_session(matrix)
    (speck, *_) = unmarked_specks(session, lowest_contrast=3.0)
    tools = no_editor(session)
    session.addSpecks([speck], tools.reference, tools.modify)
    assert (session.marks.labels[speck.rows, speck.columns] > 0).all()
    world = np.array(session.worldOf(np.array([speck.peak], float)).GetPoint(0))
    assert session.pixelAt(world + matrix[:3, 2]) == pytest.approx(speck.peak, abs=1e-6)


def test_images_and_segmentations_under_transforms_stay_together(slicer, session):
    (speck, *_) = unmarked_specks(session, lowest_contrast=3.0)
    transforms = []
    for angle in (20, -35):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform = vtk.vtkTransform()
        transform.RotateZ(angle)
        transform.Translate(5, angle, 0)
        node.SetMatrixTransformToParent(transform.GetMatrix())
        transforms.append(node)
    session.volumeNode.SetAndObserveTransformNodeID(transforms[0].GetID())
    session.segmentationNode.SetAndObserveTransformNodeID(transforms[0].GetID())
    tools = no_editor(session)
    session.addSpecks([speck], tools.reference, tools.modify)
    assert (session.marks.labels[speck.rows, speck.columns] > 0).all()
    world = session.worldOf(np.array([speck.peak], float)).GetPoint(0)
    assert session.pixelAt(world) == pytest.approx(speck.peak, abs=1e-6)
    assert transforms[0].GetMatrixTransformToParent() is not None
    ((rows, columns, _),) = segmentPixels(session.segmentationNode, ["MicrocalcCluster1"], session.volumeNode)
    assert len(rows) > 0
    session.segmentationNode.SetAndObserveTransformNodeID(transforms[1].GetID())
    ((down, across, _),) = segmentPixels(session.segmentationNode, ["MicrocalcCluster1"], session.volumeNode)
    assert (down.tolist(), across.tolist()) != (rows.tolist(), columns.tolist())


def test_a_segmentation_on_a_finer_grid_is_edited_and_read_in_the_image(slicer):
    volumeNode = editor_scene.add_volume()
    pixels = np.zeros((1, *(2 * side for side in editing_scene().mammogram.pixels.shape)), np.uint8)
    fine = slicer.util.addVolumeFromArray(pixels, np.diag([-0.035, -0.035, 1.0, 1.0]), "grid")
    segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(fine)
    slicer.mrmlScene.RemoveNode(fine)
    session = editor_scene.ready(editing.sessionFor(volumeNode, segmentationNode))
    tools = no_editor(session)
    assert tools.reference.GetDimensions()[0] == 2 * session.shape[1]
    specks = unmarked_specks(session, lowest_probability=0.6)[:8]
    session.addSpecks(specks, tools.reference, tools.modify)
    marks = session.marks
    assert len(marks.pixels) == 8
    for speck in specks:
        found = marks.labels[speck.rows, speck.columns] > 0
        assert found.mean() > 0.7
        assert marks.labels[speck.peak] > 0


def test_a_volume_that_is_no_mammogram_is_refused(slicer):
    stack = slicer.util.addVolumeFromArray(np.zeros((5, 40, 30), np.uint16))
    segmentationNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    with pytest.raises(MicrocalcError, match="5 slices"):
        editing.sessionFor(stack, segmentationNode)


def test_a_changed_image_gets_a_new_session(slicer, session):
    assert editing.sessionFor(session.volumeNode, session.segmentationNode) is session
    slicer.util.arrayFromVolume(session.volumeNode)[0, 5, 5] += 1
    slicer.util.arrayFromVolumeModified(session.volumeNode)
    assert editing.sessionFor(session.volumeNode, session.segmentationNode) is not session


def test_a_new_analysis_of_the_same_image_gets_a_new_session(session):
    session.refresh()
    again = dataclasses.replace(
        editing_scene().analysis, provenance=editing_scene().analysis.provenance | {"created": "later"}
    )
    results.showResults(again, session.volumeNode)
    fresh = editing.sessionFor(session.volumeNode, session.segmentationNode)
    assert fresh is not session
    assert fresh.marks.clusters == editing_scene().cluster_ids


def test_results_of_another_image_are_not_edited(session):
    other = editor_scene.add_volume(name="Right CC")
    with pytest.raises(MicrocalcError, match="another image"):
        editing.sessionFor(other, session.segmentationNode)


def test_removed_calcifications_are_counted_until_they_come_back(session):
    tools = no_editor(session)
    tools.logic.SaveStateForUndo()
    session.removeCalcifications(list(session.marks.pixels)[:2], tools.reference, tools.modify)
    for _ in range(2):
        session.refresh()
        (note,) = [w for w in results.warningsOf(session.segmentationNode) if w.code == "edited-by-reader"]
        assert "removed: 2" in note.message
    tools.logic.Undo()
    session.refresh()
    assert "edited-by-reader" not in [w.code for w in results.warningsOf(session.segmentationNode)]


@pytest.mark.parametrize(
    ("rows", "columns", "sentence"),
    [(slice(50, 700), slice(0, 400), "cm²"), (slice(0, None, 2), slice(0, None, 2), "spots")],
)
def test_a_filled_breast_is_refused_in_words(slicer, session, rows, columns, sentence):
    before = len(calcifications(session))
    array = np.zeros((1, *session.shape), np.uint8)
    array[0, rows, columns] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        array, session.segmentationNode, "MicrocalcCluster1", session.volumeNode
    )
    with pytest.raises(MicrocalcError, match=sentence):
        editing.refreshAfterEdit(session.volumeNode)
    assert len(calcifications(session)) == before


def test_the_panel_opens_the_segment_editor_with_the_effect_on_the_results(slicer, session, monkeypatch):
    calls = {}

    class SegmentEditorWidget:
        def __getattr__(self, name):
            return lambda value: calls.update({name: value})

    widget = SimpleNamespace(self=lambda: SimpleNamespace(editor=SegmentEditorWidget()))
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: calls.update(module=name), raising=False)
    module = SimpleNamespace(widgetRepresentation=lambda: widget)
    monkeypatch.setattr(slicer.modules, "segmenteditor", module, raising=False)
    expected = {
        "module": "SegmentEditor",
        "setSegmentationNode": session.segmentationNode,
        "setSourceVolumeNode": session.volumeNode,
        "setCurrentSegmentID": "MicrocalcCluster2",
        "setActiveEffectByName": "Microcalcification",
    }
    editing.openSegmentEditor(session.volumeNode, cluster=2)
    assert list(calls.items()) == list(expected.items())  # in this order: the effect comes last
    del expected["setCurrentSegmentID"]
    for nobody in (None, 77):
        calls.clear()
        editing.openSegmentEditor(session.volumeNode, nobody)
        assert calls == expected
    with pytest.raises(MicrocalcError, match="analyze it first"):
        editing.openSegmentEditor(editor_scene.add_volume(name="Right CC"))


def test_a_table_that_was_saved_as_text_has_numbers_again(slicer, session, tmp_path):
    tableNode = results.resultsOf(session.segmentationNode).clustersTableNode
    before = tableFrame(tableNode)
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableStorageNode")
    storage.SetFileName(str(tmp_path / "clusters.tsv"))
    assert storage.WriteData(tableNode)
    again = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    assert storage.ReadData(again)
    pd.testing.assert_frame_equal(tableFrame(again)[before.columns], before, check_dtype=False, rtol=1e-4)


def test_words_of_changed_clusters_come_when_the_hand_rests_and_are_those_of_a_full_update(session):
    before = clusters(session).set_index("id")
    number = int(before.index[0])
    removed = next(each for each, cluster in session.marks.clusters.items() if cluster == number)
    edit = no_editor(session)
    session.removeCalcifications([removed], edit.reference, edit.modify)
    session.refresh(describes=False)
    quick = clusters(session).set_index("id")
    assert quick.loc[number, "count"] == before.loc[number, "count"] - 1
    assert quick.loc[number, "morphology"] in ("-", "")
    assert session.lacksWords
    session.refresh()
    assert not session.lacksWords
    described = clusters(session).set_index("id")
    assert described.loc[number, "morphology"] not in ("-", "")
    others = [each for each in before.index if each != number]
    assert list(described.loc[others, "morphology"]) == list(before.loc[others, "morphology"])
