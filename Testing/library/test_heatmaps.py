"""Heatmaps without networks: geometry, levels, files, pictures, features of clusters. None of it needs PyTorch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.export.heatmap_picture import write_heatmap_picture
from MicrocalcAILib.networks.heatmap import LEVELS, Heatmap, deep_features
from MicrocalcAILib.reading import Mammogram

ROTATED = (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


def heatmap(**changes):
    values = np.array([[np.nan, 0.05, 0.95], [0.1, 0.55, 1.0]], np.float32)
    given = {
        "task": "detection",
        "probabilities": values,
        "spacing_mm": (7.84, 7.84),
        "first_center_mm": (10.0, 20.0),
        "patch_mm": 7.84,
        "image_origin_lps_mm": (1.0, 2.0, 3.0),
        "model": "Some network",
        "sha256": "ab",
        "threshold": 0.6,
    }
    return Heatmap(**{**given, **changes})


def calcifications(*rows):
    return pd.DataFrame(rows, columns=["cluster_id", "y_mm", "x_mm"])


def test_there_are_ten_levels_from_dark_to_bright():
    assert len(LEVELS) == 10
    assert LEVELS[0][0] == "0 %–10 %"
    assert LEVELS[9][0] == "90 %–100 %"
    brightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for _, (red, green, blue) in LEVELS]
    assert brightness == sorted(brightness)


def test_labels_are_tenths_of_probability_and_zero_outside_the_breast():
    assert heatmap().labels.tolist() == [[0, 1, 10], [2, 6, 10]]
    assert heatmap().labels.dtype == np.uint8


@given(st.floats(0, 1, width=32))
def test_a_probability_lies_in_the_range_that_its_level_names(probability):
    label = int(heatmap(probabilities=np.full((1, 1), probability, np.float32)).labels[0, 0])
    assert (label - 1) / 10 - 1e-6 <= probability <= label / 10 + 1e-6


def test_probabilities_outside_zero_to_one_and_unknown_tasks_are_refused():
    with pytest.raises(ParameterError, match="between 0 and 1"):
        heatmap(probabilities=np.full((1, 1), 1.2, np.float32))
    with pytest.raises(ParameterError, match="Unknown task"):
        heatmap(task="segmentation")


def test_positive_patches_are_counted_from_the_threshold_of_the_network():
    assert heatmap().positive_patches() == 2
    assert heatmap(threshold=0.55).positive_patches() == 3
    assert heatmap(threshold=None).positive_patches() == 3  # from 0.5


def test_the_origin_follows_the_directions_of_the_image():
    assert heatmap().origin_lps_mm == (21.0, 12.0, 3.0)
    assert heatmap(direction_lps=ROTATED).origin_lps_mm == (11.0, 22.0, 3.0)


def test_what_is_saved_is_loaded_again(tmp_path):
    saved = heatmap(notice="Trained on simulation.", direction_lps=ROTATED)
    saved.save(tmp_path)
    loaded = Heatmap.load(tmp_path, "detection")
    np.testing.assert_array_equal(loaded.probabilities, saved.probabilities)
    for name in ("task", "patch_mm", "first_center_mm", "image_origin_lps_mm", "direction_lps", "model", "sha256"):
        assert getattr(loaded, name) == getattr(saved, name), name
    assert (loaded.threshold, loaded.notice) == (saved.threshold, saved.notice)
    assert loaded.spacing_mm == pytest.approx(saved.spacing_mm)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "heatmap_detection.nrrd",
        "heatmap_detection_levels.nrrd",
    ]


def test_files_place_each_cell_where_its_patch_lies(tmp_path):
    heatmap().save(tmp_path)
    for name in ("heatmap_detection.nrrd", "heatmap_detection_levels.nrrd"):
        image = sitk.ReadImage(str(tmp_path / name))
        assert image.TransformIndexToPhysicalPoint((2, 1, 0)) == pytest.approx((21 + 2 * 7.84, 12 + 7.84, 3))
    levels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "heatmap_detection_levels.nrrd")))
    np.testing.assert_array_equal(levels[0], heatmap().labels)


@pytest.mark.parametrize("content", [None, b"NRRD0004\nno heatmap"])
def test_a_missing_or_foreign_file_is_named_in_one_sentence(tmp_path, content):
    if content is not None:
        (tmp_path / "heatmap_detection.nrrd").write_bytes(content)
    with pytest.raises(ResultError, match="is not a heatmap"):
        Heatmap.load(tmp_path, "detection")


def test_a_cluster_has_the_largest_and_the_mean_probability_of_its_patches():
    # in the cells (0, 2), (1, 1); a single one in (1, 2); a cluster outside the breast
    found = calcifications((1, 10, 35), (1, 17, 28), (0, 18, 36), (2, 10, 20))
    table = heatmap().cluster_features(found)
    assert list(table.columns) == ["deep_detection_maximum", "deep_detection_mean"]
    assert table.loc[1].tolist() == pytest.approx([0.95, 0.75])
    assert table.loc[2].isna().all()


def test_with_overlapping_patches_every_patch_that_holds_a_calcification_counts():
    values = np.linspace(0.1, 0.5, 5, dtype=np.float32)[np.newaxis]
    overlapping = heatmap(probabilities=values, spacing_mm=(2.0, 2.0), first_center_mm=(0.0, 0.0), patch_mm=4.0)
    table = overlapping.cluster_features(calcifications((1, 0.0, 3.0)))  # centers at 2 and 4 reach it, as do 1 and 5
    assert table.loc[1].tolist() == pytest.approx([0.3, 0.25])


def test_an_image_without_clusters_has_no_features():
    table = heatmap().cluster_features(calcifications((0, 10, 35)))
    assert table.empty
    assert list(table.columns) == ["deep_detection_maximum", "deep_detection_mean"]


def test_features_of_several_heatmaps_stand_side_by_side():
    table = deep_features([heatmap(), heatmap(task="malignancy")], calcifications((1, 17, 28)))
    assert table.index.name == "cluster_id"
    assert table.shape == (1, 4)
    assert all(name.startswith("deep_") for name in table.columns)


def test_the_picture_tints_patches_and_leaves_what_is_outside_the_breast(tmp_path):
    pixels = np.full((400, 700), 100, np.float32)
    mammogram = Mammogram(pixels, (0.1, 0.1), display_window=(100.0, 100.0))
    values = np.array([[np.nan, 0.02, 0.98]], np.float32)
    drawn = heatmap(probabilities=values, spacing_mm=(10.0, 10.0), first_center_mm=(10.0, 10.0), patch_mm=10.0)
    write_heatmap_picture(mammogram, drawn, tmp_path / "heatmap_detection.png")
    picture = np.asarray(Image.open(tmp_path / "heatmap_detection.png").convert("RGB")).astype(int)
    middle = picture[picture.shape[0] // 2]
    assert (middle[:, 0] - middle[:, 2]).max() > 50, "yellow where it is likely"
    assert (middle[:, 2] - middle[:, 1]).max() > 8, "violet where it is not"
    gray = (middle[:, 0] == middle[:, 1]) & (middle[:, 1] == middle[:, 2]) & (middle[:, 0] > 110)
    assert gray.sum() > picture.shape[1] // 3, "the plain mammogram beside it"


def test_a_heatmap_without_a_breast_is_drawn_all_the_same(tmp_path):
    mammogram = Mammogram(np.zeros((50, 40), np.float32), (0.5, 0.5))
    empty = heatmap(probabilities=np.full((1, 1), np.nan, np.float32))
    write_heatmap_picture(mammogram, empty, tmp_path / "heatmap_detection.png")
    assert (tmp_path / "heatmap_detection.png").is_file()


def test_heatmaps_do_not_import_pytorch():
    modules = "MicrocalcAILib.networks.heatmap, MicrocalcAILib.commands.train_patches"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    library = Path(sys.modules["MicrocalcAILib"].__file__ or "").parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=library)
