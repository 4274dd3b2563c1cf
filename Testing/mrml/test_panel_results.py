"""What the panel does with results: the table, the reader's words and decisions, display, export."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from MicrocalcAISlicer import clustergraph, lesionboxes, probabilitymaps, results, views
from MicrocalcAISlicer.parameternode import Heatmap
from mrml.conftest import SHAPE, SPACING_MM
from mrml.panel_runs import finish, show, table, with_overlays


@pytest.fixture
def shown(panel, volume, described, make_view):
    """Described clusters of an image that a view shows, in the panel."""
    make_view("Red", volume)
    return show(panel, described, volume)


def rows(shown):
    return results.clusterRows(shown.clustersTableNode)


def choose(combo, name):
    """As a user picks an entry."""
    index = next(index for index in range(combo.count()) if combo.itemText(index).split("   ")[0] == name)
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def test_clusters_are_listed_with_size_words_risks_and_notice(panel, shown):
    assert table(panel) == [
        ["1", "2 × | 0.5 mm", "amorphous 70% | grouped 90%", "4B · 33% | 26–40%", "57%* | 53–64%", ""],
        ["2", "3 × | 0.6 mm", "vascular 70% | linear 100%", "2? · 13% | 10–17%", "28%* | 21–35%", ""],
    ]
    assert panel.ui.summaryLabel.text() == "6 calcifications, 2 clusters."
    assert panel.ui.noticeLabel.text() == "* Trained on simulated clusters only."
    assert "is assumed" in panel.ui.warningsLabel.text()


def test_clusters_without_words_are_listed_too(panel, volume, analysis):
    show(panel, analysis, volume)
    assert table(panel)[0] == ["1", "2 × | 0.5 mm", "– | –", "–", "–", ""]
    assert panel.ui.noticeLabel.isHidden()
    panel.ui.clusterTable.selectRow(0)
    assert panel.ui.evidenceLabel.isHidden()


def test_place_is_shown_where_it_is_known(panel, volume, described):
    described = dataclasses.replace(described, clusters=described.clusters.assign(clock_position=["10 o'clock", ""]))
    show(panel, described, volume)
    assert [row[0] for row in table(panel)] == ["1 | 10 o'clock", "2"]


def test_results_follow_the_selected_image(panel, make_volume, shown):
    second = make_volume("Right CC")
    panel.ui.inputSelector.setCurrentNode(second)
    assert table(panel) == []
    assert panel.ui.summaryLabel.text() == "Not analyzed yet."
    assert panel.ui.warningsLabel.isHidden()
    panel.ui.inputSelector.setCurrentNode(results.volumeOf(shown))
    assert len(table(panel)) == 2


def test_hovering_shows_the_evidence(panel, shown):
    text = panel.ui.clusterTable.item(0, 2).toolTip()
    for part in ("amorphous 70%, punctate 30%", "2 specks &lt;0.5 mm.", "21 %, cohort of amorphous", "shape +0.49"):
        assert part in text
    assert "⚠ Trained on simulated clusters only." in text


def test_selecting_a_cluster_goes_there_and_shows_its_evidence(slicer, panel, shown):
    (sliceNode, _), *_ = views.viewsShowing(results.volumeOf(shown))
    panel.ui.clusterTable.selectRow(1)
    center = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:2, 3]
    np.testing.assert_allclose(center, (-0.07 * 61.5, -0.07 * 44.0))
    assert min(sliceNode.GetFieldOfView()[:2]) == pytest.approx(20.0)
    assert panel.ui.evidenceLabel.text() == "3 specks <0.5 mm."
    assert "Cluster 2" in panel.ui.clusterLabel.text()


def test_click_on_the_selected_cluster_goes_there_again(slicer, panel, shown):
    (sliceNode, _), *_ = views.viewsShowing(results.volumeOf(shown))
    panel.ui.clusterTable.selectRow(0)
    sliceNode.JumpSliceByCentering(50.0, 50.0, 0.0)
    panel.ui.clusterTable.cellClicked.emit(0, 3)
    center = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:2, 3]
    np.testing.assert_allclose(center, (-0.07 * 13.0, -0.07 * 8.0))


def test_field_of_view_is_in_millimeters_of_the_breast_when_the_image_says_another_spacing(slicer, panel, described):
    volume = slicer.util.addVolumeFromArray(np.zeros((1, *SHAPE), np.uint8), np.diag([-1.0, -1.0, 1.0, 1.0]), "film")
    panel.parameters.inputVolume = volume
    sliceNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    sliceNode.SetLayoutName("Red")
    composite.SetLayoutName("Red")
    show(panel, described, volume)
    panel.ui.clusterTable.selectRow(0)
    assert min(sliceNode.GetFieldOfView()[:2]) == pytest.approx(20.0 / SPACING_MM)


def test_whole_image_comes_back_at_a_click(slicer, panel, shown):
    (sliceNode, _), *_ = views.viewsShowing(results.volumeOf(shown))
    sliceNode.SetFieldOfView(300.0, 200.0, 1.0)
    panel.ui.clusterTable.selectRow(1)
    panel.ui.wholeImageButton.click()
    across, down, _depth = sliceNode.GetFieldOfView()
    assert (across / down, down) == pytest.approx((1.5, SPACING_MM * SHAPE[0]))
    center = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())[:2, 3]
    np.testing.assert_allclose(center, (-SPACING_MM * 39.5, -SPACING_MM * 29.5))


def test_whole_image_is_shown_when_no_view_shows_it(panel, shown, make_volume):
    ((_, composite),) = views.sliceViews()
    composite.SetBackgroundVolumeID(make_volume("L CC").GetID())
    panel.ui.wholeImageButton.click()
    assert views.backgroundVolume(composite) is results.volumeOf(shown)


def test_finished_analysis_is_shown_when_no_view_shows_its_image(panel, volume, described, make_view):
    _, composite = make_view("Red")
    panel.enter()
    panel.onApplyButton()
    finish(panel, panel.logic.showAnalysis(described, volume))
    assert views.backgroundVolume(composite) is volume


def test_click_on_a_heading_sorts_and_keeps_the_selection(panel, shown):
    panel.ui.clusterTable.selectRow(0)

    def click(column):
        panel.ui.clusterTable.horizontalHeader().sectionClicked.emit(column)
        return [row[0] for row in table(panel)]

    assert click(1) == ["2", "1"]  # the largest first
    assert click(1) == ["1", "2"]
    assert click(3) == ["1", "2"]
    assert click(4) == ["1", "2"]
    assert click(4) == ["2", "1"]
    assert panel.clusters.selectedId == 1
    panel.ui.rejectButton.click()
    assert rows(shown)[0]["reader_decision"] == "rejected"
    assert rows(shown)[1].get("reader_decision") == "-"
    assert click(2) == ["1", "2"]  # by the word


def test_clusters_without_a_number_come_last(panel, volume, described):
    risks = described.clusters.assign(descriptor_risk=[float("nan"), 0.1])
    show(panel, dataclasses.replace(described, clusters=risks), volume)
    for _ in range(2):
        panel.ui.clusterTable.horizontalHeader().sectionClicked.emit(3)
        assert [row[0] for row in table(panel)] == ["2", "1"]


def test_outlines_are_edited_in_the_segment_editor(panel, shown, monkeypatch):
    from MicrocalcAISlicer import editing

    opened = []
    monkeypatch.setattr(editing, "openSegmentEditor", lambda *arguments: opened.append(arguments))
    panel.ui.editButton.click()
    panel.ui.clusterTable.selectRow(1)
    panel.ui.editButton.click()
    assert opened == [(results.volumeOf(shown), None), (results.volumeOf(shown), 2)]


def test_deleted_results_leave_an_empty_table(slicer, panel, shown):
    slicer.mrmlScene.RemoveNode(shown.segmentationNode)
    panel.ui.clusterTable.selectRow(1)
    panel.onSceneTimer()
    assert table(panel) == []


def test_readers_word_stands_beside_the_suggested_one_and_changes_the_risk(panel, shown):
    panel.ui.clusterTable.selectRow(0)
    panel.ui.readerEdit.setText("MM")
    choose(panel.ui.morphologyComboBox, "fine linear branching")
    first, second = rows(shown)
    assert (first["morphology"], first["reader_morphology"]) == ("amorphous", "fine linear branching")
    assert first["descriptor_risk"] == 0.33
    assert first["reader_risk_low"] < first["reader_risk"] < first["reader_risk_high"]
    assert first["reader_risk"] > 0.5
    assert first["reader"] == "MM"
    assert first["reader_time"].startswith("20")
    assert (second["reader_morphology"], second["reader"]) == ("-", "-")
    words, risk = table(panel)[0][2:4]
    assert words == "✎ fine linear branching | grouped 90%"
    assert risk.startswith("4C · ")
    assert panel.ui.clusterTable.item(0, 0).isSelected()
    assert "✎ fine linear branching" in panel.ui.clusterTable.item(0, 0).toolTip()


def test_typically_benign_word_of_the_reader_has_its_category_and_no_percentage(panel, shown):
    panel.ui.clusterTable.selectRow(0)
    choose(panel.ui.morphologyComboBox, "vascular")
    assert table(panel)[0][3] == "2 | benign"
    assert np.isnan(rows(shown)[0]["reader_risk"])
    assert rows(shown)[0]["reader_category"] == "2"
    assert rows(shown)[0]["descriptor_risk"] == 0.33


def test_choosing_the_suggested_word_takes_the_readers_back(panel, shown):
    panel.ui.clusterTable.selectRow(0)
    choose(panel.ui.morphologyComboBox, "round")
    choose(panel.ui.morphologyComboBox, "amorphous")
    assert rows(shown)[0]["reader_morphology"] == "-"
    assert np.isnan(rows(shown)[0]["reader_risk"])
    assert table(panel)[0][2:4] == ["amorphous 70% | grouped 90%", "4B · 33% | 26–40%"]


def test_accepting_and_rejecting_is_recorded_and_rejected_outlines_disappear(panel, shown):
    displayNode = shown.segmentationNode.GetDisplayNode()
    panel.ui.clusterTable.selectRow(1)
    panel.ui.rejectButton.click()
    assert rows(shown)[1]["reader_decision"] == "rejected"
    assert table(panel)[1][5] == "✗"
    assert panel.ui.summaryLabel.text().endswith("Accepted: 0, rejected: 1.")
    assert not displayNode.GetSegmentVisibility("MicrocalcCluster2")
    assert displayNode.GetSegmentVisibility("MicrocalcCluster1")
    panel.ui.acceptButton.click()
    assert rows(shown)[1]["reader_decision"] == "accepted"
    assert not panel.ui.rejectButton.isChecked()
    assert displayNode.GetSegmentVisibility("MicrocalcCluster2")
    panel.ui.acceptButton.click()
    assert rows(shown)[1]["reader_decision"] == "-"
    assert table(panel)[1][5] == ""


def test_undo_takes_back_one_edit_after_the_other(panel, shown):
    assert not panel.ui.undoButton.isEnabled()
    panel.ui.clusterTable.selectRow(0)
    choose(panel.ui.morphologyComboBox, "round")
    choose(panel.ui.distributionComboBox, "diffuse")
    panel.ui.rejectButton.click()
    assert "rejected" in panel.ui.undoButton.toolTip()
    panel.ui.undoButton.click()
    assert rows(shown)[0]["reader_decision"] == "-"
    assert shown.segmentationNode.GetDisplayNode().GetSegmentVisibility("MicrocalcCluster1")
    panel.ui.undoButton.click()
    assert (rows(shown)[0]["reader_morphology"], rows(shown)[0]["reader_distribution"]) == ("round", "-")
    panel.ui.undoButton.click()
    assert rows(shown)[0]["reader_morphology"] == "-"
    assert not panel.ui.undoButton.isEnabled()


def test_table_that_others_change_is_shown_at_once(panel, shown, described):
    fewer = described.clusters[:1].assign(count=7)
    panel.ui.clusterTable.selectRow(0)
    results.replaceRows(shown, dict(described.calcifications.items()), dict(fewer.items()))
    assert [row[1] for row in table(panel)] == ["7 × | 0.5 mm"]
    assert panel.clusters.selectedId == 1


def test_readers_edits_survive_saving_and_opening_the_scene(slicer, panel, shown, reopened):
    panel.ui.clusterTable.selectRow(0)
    panel.ui.readerEdit.setText('M "x"\tM')
    choose(panel.ui.morphologyComboBox, "round")
    panel.ui.clusterTable.selectRow(1)
    panel.ui.rejectButton.click()
    before = rows(shown)
    reopened()
    panel.enter()
    volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Right MLO")
    assert panel.ui.inputSelector.currentNode() is volume
    after = rows(results.findResults(volume))
    pd.testing.assert_frame_equal(pd.DataFrame(after), pd.DataFrame(before))
    assert after[0]["reader"] == "M 'x' M"
    assert table(panel)[0][2].startswith("✎ round")
    assert not results.findResults(volume).segmentationNode.GetDisplayNode().GetSegmentVisibility("MicrocalcCluster2")
    panel.ui.clusterTable.selectRow(0)
    choose(panel.ui.morphologyComboBox, "amorphous")  # tables of an opened scene can be edited on
    assert table(panel)[0][2].startswith("amorphous 70%")


def test_new_analysis_keeps_what_the_reader_said_about_the_cluster_at_that_place(panel, shown, described):
    panel.ui.clusterTable.selectRow(1)
    choose(panel.ui.morphologyComboBox, "round")
    panel.ui.acceptButton.click()
    swapped = described.clusters.iloc[::-1].assign(id=[1, 2], name=["Cluster 1", "Cluster 2"])
    renumbered = described.calcifications.assign(cluster_id=[2, 2, 1, 1, 1, 0])
    again = dataclasses.replace(described, clusters=swapped.reset_index(drop=True), calcifications=renumbered)
    panel.onApplyButton()
    finish(panel, panel.logic.showAnalysis(again, results.volumeOf(shown)))
    first, second = rows(shown)
    assert (first["reader_morphology"], first["reader_decision"]) == ("round", "accepted")
    assert (second["reader_morphology"], second["reader_decision"]) == ("-", "-")
    assert not panel.ui.undoButton.isEnabled()


def test_outlines_can_be_faded_and_hidden(panel, shown):
    displayNode = shown.segmentationNode.GetDisplayNode()
    panel.ui.outlineOpacitySlider.setValue(0.4)
    assert displayNode.GetOpacity2DOutline() == pytest.approx(0.4)
    panel.ui.outlinesCheckBox.setChecked(False)
    assert not displayNode.GetVisibility()
    assert not panel.ui.outlineOpacitySlider.isEnabled()


def test_outlines_are_drawn_only_where_their_image_is_shown(panel, make_volume, make_view, described):
    left, right = make_volume("L CC"), make_volume("R CC")
    leftView, leftComposite = make_view("MG1", left)
    rightView, _ = make_view("MG2", right)
    shownLeft, shownRight = (panel.logic.showAnalysis(described, node) for node in (left, right))
    panel.enter()
    leftDisplay, rightDisplay = (each.segmentationNode.GetDisplayNode() for each in (shownLeft, shownRight))
    assert list(leftDisplay.GetViewNodeIDs()) == [leftView.GetID()]
    assert list(rightDisplay.GetViewNodeIDs()) == [rightView.GetID()]
    leftComposite.SetBackgroundVolumeID(right.GetID())
    assert not leftDisplay.GetVisibility()
    assert list(rightDisplay.GetViewNodeIDs()) == [leftView.GetID(), rightView.GetID()]


def test_heatmap_is_shown_by_named_levels_and_its_threshold_and_opacity_are_live(
    slicer, panel, volume, described, make_view
):
    _, composite = make_view("Red", volume)
    described = with_overlays(described)
    probabilities = described.heatmaps[0].probabilities
    panel.enter()
    panel.parameters.malignancyHeatmap = True
    panel.onApplyButton()
    shown = panel.logic.showAnalysis(described, volume)
    finish(panel, shown)
    assert panel.parameters.heatmap is Heatmap.MALIGNANCY  # asked for, so shown
    labelNode = probabilitymaps.findMap(shown.segmentationNode, "malignancy")
    assert composite.GetLabelVolumeID() == labelNode.GetID()
    levels = slicer.util.arrayFromVolume(labelNode)[0]
    np.testing.assert_array_equal(levels[0], 0)
    np.testing.assert_array_equal(levels[1], np.floor(probabilities[1] * 10) + 1)
    colors = labelNode.GetDisplayNode().GetColorNode()
    assert colors.GetColorName(8) == "70 %–80 %"

    def opacities():
        color = [0.0] * 4
        return [colors.GetColor(level, color) and color[3] for level in range(11)]

    assert opacities() == [0, 0, *[1] * 9]
    panel.ui.heatmapThresholdSlider.setValue(0.7)
    assert opacities() == [0] * 8 + [1] * 3
    panel.ui.heatmapThresholdSlider.setValue(0.0)
    assert opacities() == [0] + [1] * 10
    panel.ui.heatmapOpacitySlider.setValue(0.25)
    assert composite.GetLabelOpacity() == pytest.approx(0.25)
    legend = slicer.modules.colors.logic().GetColorLegendDisplayNode(labelNode)
    assert legend.GetVisibility()
    assert legend.GetTitleText() == "Probability of malignancy"
    panel.ui.heatmapComboBox.setCurrentIndex(0)
    assert composite.GetLabelVolumeID() is None
    assert not legend.GetVisibility()


def test_label_layer_of_the_user_is_left_alone(slicer, panel, volume, described, make_view):
    _, composite = make_view("Red", volume)
    own = slicer.util.addVolumeFromArray(np.zeros((1, *SHAPE), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    composite.SetLabelVolumeID(own.GetID())
    show(panel, described, volume)
    panel.ui.outlineOpacitySlider.setValue(0.4)
    assert composite.GetLabelVolumeID() == own.GetID()


def test_lesion_boxes_can_be_hidden(panel, volume, described, make_view):
    make_view("Red", volume)
    shown = show(panel, with_overlays(described), volume)
    boxes = lesionboxes.findBoxes(shown.segmentationNode)
    assert [box.GetName() for box in boxes] == ["lesion 87%, rather malignant", "lesion 41%, rather benign"]
    assert all(box.GetDisplayNode().GetVisibility() for box in boxes)
    panel.ui.boxesCheckBox.setChecked(False)
    assert not any(box.GetDisplayNode().GetVisibility() for box in boxes)


def test_links_of_the_selected_cluster_are_drawn(panel, shown):
    panel.ui.clusterTable.selectRow(1)
    assert clustergraph.findGraph(shown.segmentationNode) is None
    panel.ui.graphCheckBox.setChecked(True)
    graph = clustergraph.findGraph(shown.segmentationNode)
    assert graph.GetPolyData().GetNumberOfLines() == 2
    panel.ui.clusterTable.selectRow(0)
    assert clustergraph.findGraph(shown.segmentationNode) is graph
    assert graph.GetPolyData().GetNumberOfLines() == 1
    assert graph.GetDisplayNode().GetSliceIntersectionThickness() == 1
    assert graph.GetDisplayNode().GetOpacity() < 0.5  # the specks under it have to be seen
    panel.ui.graphCheckBox.setChecked(False)
    assert clustergraph.findGraph(shown.segmentationNode) is None


def test_links_leave_the_views_with_the_panel_and_come_back_with_it(panel, shown):
    panel.ui.clusterTable.selectRow(1)
    panel.ui.graphCheckBox.setChecked(True)
    panel.exit()
    assert clustergraph.findGraph(shown.segmentationNode) is None
    panel.enter()
    assert clustergraph.findGraph(shown.segmentationNode).GetPolyData().GetNumberOfLines() == 2


def test_nothing_to_display_is_disabled_and_says_why(panel, make_volume):
    make_volume()
    panel.enter()
    for widget in (panel.ui.outlinesCheckBox, panel.ui.heatmapComboBox, panel.ui.boxesCheckBox, panel.ui.graphCheckBox):
        assert not widget.isEnabled()
        assert "nalyze" in widget.toolTip()


def test_export_writes_what_the_scene_shows_with_the_readers_edits(panel, shown, tmp_path):
    panel.ui.clusterTable.selectRow(0)
    panel.ui.readerEdit.setText("MM")
    choose(panel.ui.morphologyComboBox, "round")
    panel.ui.clusterTable.selectRow(1)
    panel.ui.rejectButton.click()
    assert not panel.ui.exportButton.isEnabled()
    assert "folder" in panel.ui.exportButton.toolTip()
    panel.ui.exportFolderEdit.setCurrentPath(str(tmp_path / "out"))
    panel.ui.exportButton.click()
    assert panel.ui.exportLabel.text() == "Written: Right MLO."
    folder = tmp_path / "out" / "Right MLO"
    clusters = pd.read_csv(folder / "clusters.csv")
    assert list(clusters["reader_morphology"].fillna("")) == ["round", ""]
    assert list(clusters["reader_decision"].fillna("")) == ["", "rejected"]
    assert list(clusters["morphology"]) == ["amorphous", "vascular"]
    words = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))["words"]
    assert words[0]["morphology"]["word"] == "round"
    assert words[0]["morphology"]["override"]["reader"] == "MM"
    assert words[1]["morphology"]["override"] is None
    assert (folder / "calcifications.seg.nrrd").is_file()
    assert Image.open(folder / "overlay.png").width > 500


def test_failed_export_is_said_in_the_panel_and_what_was_there_stays(panel, shown, tmp_path):
    precious = tmp_path / "Right MLO" / "notes.txt"
    precious.parent.mkdir()
    precious.write_text("mine", encoding="utf-8")
    panel.ui.exportFolderEdit.setCurrentPath(str(tmp_path))
    panel.ui.exportButton.click()
    assert panel.ui.exportLabel.text().startswith("The export failed:")
    assert precious.read_text(encoding="utf-8") == "mine"


def test_export_as_dicom_of_an_image_that_is_none_says_so_and_keeps_the_tables(panel, shown, tmp_path):
    panel.ui.exportFolderEdit.setCurrentPath(str(tmp_path))
    panel.ui.exportDicomCheckBox.click()
    panel.ui.exportButton.click()
    assert "load it from Slicer's DICOM database" in panel.ui.exportLabel.text()
    assert (tmp_path / "Right MLO" / "clusters.csv").is_file()
    assert not (tmp_path / "Right MLO" / "dicom").exists()
