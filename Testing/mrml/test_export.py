"""From the scene to files: outlines, tables and reader's words as they are now."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from MicrocalcAILib.analysis import load_analysis
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer import lesionboxes, results, sceneexport
from MicrocalcAISlicer.logic import MicrocalcAILogic
from mrml.conftest import SPACING_MM
from mrml.panel_runs import with_overlays


def test_analysis_of_the_scene_is_the_one_that_was_shown(volume, described):
    again = sceneexport.analysisOf(results.showResults(described, volume))
    np.testing.assert_array_equal(again.labels, described.labels)
    pd.testing.assert_frame_equal(again.calcifications, described.calcifications, check_dtype=False)
    pd.testing.assert_frame_equal(again.clusters, described.clusters, check_dtype=False)
    assert again.words == described.words
    assert again.warnings == described.warnings
    assert again.provenance == described.provenance
    assert again.spacing_mm == described.spacing_mm
    assert again.breast_area_cm2 == described.breast_area_cm2


def test_whole_numbers_and_yes_or_no_stay_what_they_are(volume, described):
    again = sceneexport.analysisOf(results.showResults(described, volume))
    assert again.clusters["count"].dtype.kind == "i"
    assert again.clusters["positive_youden"].dtype == bool
    assert again.calcifications["in_pectoral_muscle"].dtype == bool


def test_analysis_of_an_opened_scene_is_the_one_that_was_saved(slicer, volume, described, reopened):
    results.showResults(described, volume)
    reopened()
    volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Right MLO")
    again = sceneexport.analysisOf(results.findResults(volume))
    np.testing.assert_array_equal(again.labels, described.labels)
    pd.testing.assert_frame_equal(again.clusters, described.clusters, check_dtype=False)


def test_calcifications_that_touch_keep_their_own_numbers(volume, described):
    labels = described.labels
    labels[46, 63] = 4
    labels[46, 61:63] = 5  # joins 5 to 4
    shown = results.showResults(described, volume)
    again = sceneexport.analysisOf(shown).labels
    assert set(np.unique(again)) == {0, 1, 2, 3, 4, 5, 6}
    np.testing.assert_array_equal(again > 0, labels > 0)
    assert (again != labels).sum() <= 1


def test_outline_without_a_row_is_left_out_and_said(slicer, volume, described):
    shown = results.showResults(described, volume)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, "MicrocalcCluster1", volume)
    mask[0, 50:52, 5:7] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, shown.segmentationNode, "MicrocalcCluster1", volume)
    again = sceneexport.analysisOf(shown)
    np.testing.assert_array_equal(again.labels, described.labels)
    assert again.warnings[-1].code == "outline-without-row"
    assert "(1)" in again.warnings[-1].message


def test_export_can_be_loaded_as_an_analysis_and_lies_where_the_image_lies(slicer, make_volume, described, tmp_path):
    matrix = np.diag([-SPACING_MM, -SPACING_MM, 1.0, 1.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    volume = make_volume("R/L: MLO", ijk_to_ras=matrix)
    origin = {"origin_lps_mm": (-10.0, 20.0, 30.0)}
    described = with_overlays(dataclasses.replace(described, **origin))
    shown = MicrocalcAILogic().showAnalysis(described, volume)
    folder = sceneexport.exportResults(shown, tmp_path / "out")
    assert folder.name == "R_L_ MLO"
    again = load_analysis(folder)
    np.testing.assert_array_equal(again.labels, described.labels)
    assert again.origin_lps_mm == pytest.approx(origin["origin_lps_mm"])
    assert list(again.clusters["name"]) == ["Cluster 1", "Cluster 2"]
    (written,), (original,) = again.heatmaps, described.heatmaps
    np.testing.assert_array_equal(written.probabilities, original.probabilities)
    assert written.origin_lps_mm == pytest.approx(original.origin_lps_mm)
    assert (written.model, written.threshold) == ("Patches", 0.4)
    assert (folder / "heatmap_malignancy_levels.nrrd").is_file()
    pd.testing.assert_frame_equal(again.boxes, described.boxes)


def test_box_that_the_reader_deleted_is_not_exported(slicer, volume, described):
    shown = MicrocalcAILogic().showAnalysis(with_overlays(described), volume)
    slicer.mrmlScene.RemoveNode(lesionboxes.findBoxes(shown.segmentationNode)[0])
    assert list(sceneexport.analysisOf(shown).boxes["class"]) == ["benign"]


def test_no_detector_and_no_box_are_told_apart(volume, described):
    boxes = with_overlays(described).boxes[:0]
    shown = MicrocalcAILogic().showAnalysis(dataclasses.replace(described, boxes=boxes), volume)
    assert list(sceneexport.analysisOf(shown).boxes.columns) == list(boxes.columns)
    MicrocalcAILogic().showAnalysis(described, volume)
    assert sceneexport.analysisOf(shown).boxes is None


def test_second_export_replaces_the_first_and_keeps_files_of_the_reader(volume, described, tmp_path):
    shown = results.showResults(described, volume)
    first = sceneexport.exportResults(shown, tmp_path)
    (first / "notes.txt").write_text("mine", encoding="utf-8")
    written = {path.name for path in first.iterdir()}
    assert sceneexport.exportResults(shown, tmp_path) == first
    assert {path.name for path in first.iterdir()} == written
    assert (first / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_results_without_their_image_cannot_be_exported(slicer, volume, described, tmp_path):
    shown = results.showResults(described, volume)
    slicer.mrmlScene.RemoveNode(volume)
    with pytest.raises(MicrocalcError, match="no longer in the scene"):
        sceneexport.exportResults(shown, tmp_path)
    assert list(tmp_path.iterdir()) == []
