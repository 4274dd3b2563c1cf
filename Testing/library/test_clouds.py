"""Clouds: which clusters get an outline of their own, where it runs, and where it is shown and compared."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from MicrocalcAILib.analysis import CLOUDS_FILE, Analysis, load_analysis, save_analysis
from MicrocalcAILib.base.volumes import read_label_map
from MicrocalcAILib.evaluation.clouds import cloud_overlap, match_clouds
from MicrocalcAILib.evaluation.findings import Findings
from MicrocalcAILib.export.overlay import draw_clouds
from MicrocalcAILib.export.segmentation import write_clouds
from MicrocalcAILib.lexicon.clouds import CLOUD_COLUMNS, cloud_table, outline_clouds
from MicrocalcAILib.segmentation.tables import describe_clusters

SPACING_MM = 0.1
SHAPE = (300, 320)
RADIUS_MM = 4.0


def specks(count=60, center_mm=(15.0, 16.0), radius_mm=RADIUS_MM, probability=0.8, spacing_mm=SPACING_MM, cluster=1):
    """A table of specks strewn evenly over a disk (a sunflower's seeds)."""
    turn, out = np.arange(count) * np.pi * (3 - np.sqrt(5)), radius_mm * np.sqrt((np.arange(count) + 0.5) / count)
    y_mm, x_mm = center_mm[0] + out * np.sin(turn), center_mm[1] + out * np.cos(turn)
    row, column = np.round(y_mm / spacing_mm), np.round(x_mm / spacing_mm)
    place = {"row": row, "column": column, "x_mm": column * spacing_mm, "y_mm": row * spacing_mm}
    box = {"row_min": row - 1, "row_max": row + 1, "column_min": column - 1, "column_max": column + 1}
    measured = {"area_mm2": 9 * spacing_mm**2, "contrast_to_noise": 2.0, "probability": probability}
    rest = {"in_pectoral_muscle": False, "source": "machine"}
    return pd.DataFrame({"id": np.arange(1, count + 1), "cluster_id": cluster, **place, **box, **measured, **rest})


def clusters_of(table, morphology="amorphous", probability=0.7, spacing_mm=SPACING_MM):
    return describe_clusters(table, (spacing_mm, spacing_mm)).assign(
        morphology=morphology, morphology_probability=probability
    )


def clouds_of(table, spacing_mm=SPACING_MM, **words):
    return outline_clouds(table, clusters_of(table, spacing_mm=spacing_mm, **words), (spacing_mm, spacing_mm))


def label_map(table, shape=SHAPE):
    labels = np.zeros(shape, np.int32)
    for speck in table.itertuples():
        labels[int(speck.row_min) : int(speck.row_max) + 1, int(speck.column_min) : int(speck.column_max) + 1] = (
            speck.id
        )
    return labels


def analysis_of(table, shape=SHAPE, **words):
    return Analysis(label_map(table, shape), table, clusters_of(table, **words), (SPACING_MM, SPACING_MM), 90.0)


def test_the_specks_of_an_amorphous_cluster_lie_in_one_outline_little_larger_than_they():
    (cloud,) = clouds_of(specks())
    (part,) = cloud.parts
    distance_mm = np.hypot(*(part * SPACING_MM - (15.0, 16.0)).T)
    assert cloud.specks.tolist() == list(range(1, 61))
    assert distance_mm.min() >= RADIUS_MM
    assert distance_mm.max() <= RADIUS_MM + 1.5
    assert np.array_equal(part[0], part[-1])


@pytest.mark.parametrize("word", ["fine pleomorphic", "", None])
def test_other_words_make_no_cloud(word):
    assert clouds_of(specks(), morphology=word) == ()


def test_clusters_that_nobody_described_have_none():
    table = specks()
    assert outline_clouds(table, describe_clusters(table, (SPACING_MM, SPACING_MM)), (SPACING_MM, SPACING_MM)) == ()


def test_a_few_unsure_specks_are_a_cloud_only_where_a_reader_says_so():
    table = specks(20, probability=0.6)
    assert clouds_of(table) == ()
    assert len(clouds_of(table, probability=np.nan)) == 1


def test_an_uncertain_word_makes_no_cloud():
    assert clouds_of(specks(), probability=0.49) == ()


def test_the_word_that_a_reader_put_beside_the_suggested_one_holds():
    table, spacing_mm = specks(20, probability=0.6), (SPACING_MM, SPACING_MM)
    suggested = clusters_of(table, morphology="punctate")
    assert len(outline_clouds(table, suggested.assign(reader_morphology="amorphous"), spacing_mm)) == 1
    taken_back = clusters_of(specks()).assign(reader_morphology="punctate")
    assert outline_clouds(specks(), taken_back, spacing_mm) == ()
    for nothing in ("-", "", np.nan):
        assert len(outline_clouds(specks(), clusters_of(specks()).assign(reader_morphology=nothing), spacing_mm)) == 1


def test_a_rejected_cluster_has_no_cloud():
    clusters = clusters_of(specks())
    assert outline_clouds(specks(), clusters.assign(reader_decision="rejected"), (SPACING_MM, SPACING_MM)) == ()
    assert len(outline_clouds(specks(), clusters.assign(reader_decision="accepted"), (SPACING_MM, SPACING_MM))) == 1


def test_specks_that_a_reader_drew_count_fully():
    table = specks(20, probability=0.6)
    assert len(clouds_of(table.assign(source="reader"))) == 1


def test_specks_far_from_the_others_stay_outside():
    table = pd.concat([specks(), specks(2, (15.0, 24.0), 0.5).assign(id=[91, 92])], ignore_index=True)
    (cloud,) = clouds_of(table)
    assert len(cloud.parts) == 1
    assert not set(cloud.specks) & {91, 92}


def test_a_sparse_cloud_is_drawn_as_widely_as_it_lies():
    dense, sparse = (clouds_of(specks(radius_mm=radius))[0] for radius in (2.0, 8.0))
    assert len(dense.parts) == len(sparse.parts) == 1
    assert dense.area_mm2((SPACING_MM, SPACING_MM)) < 45
    assert sparse.area_mm2((SPACING_MM, SPACING_MM)) > 190


def test_pixels_of_another_size_give_the_same_cloud():
    areas = [clouds_of(specks(spacing_mm=mm), spacing_mm=mm)[0].area_mm2((mm, mm)) for mm in (0.05, 0.1)]
    assert areas[0] == pytest.approx(areas[1], rel=0.02)


def test_a_cloud_at_the_border_of_the_image_has_the_pixels_that_there_are():
    (cloud,) = clouds_of(specks(center_mm=(1.0, 1.0)))
    mask = cloud.mask(SHAPE)
    assert mask[0, 0]
    assert 0 < mask.sum() * SPACING_MM**2 < cloud.area_mm2((SPACING_MM, SPACING_MM))


def test_mask_and_table_tell_the_same_area_and_the_outline_is_well_known_text():
    table = specks()
    clouds = clouds_of(table)
    (row,) = cloud_table(clouds, table, (SPACING_MM, SPACING_MM)).to_dict("records")
    assert tuple(row) == CLOUD_COLUMNS
    rows, columns = np.nonzero(clouds[0].mask(SHAPE))
    assert row["area_mm2"] == pytest.approx(len(rows) * SPACING_MM**2, rel=0.01)
    assert (row["row_min"], row["row_max"]) == (rows.min(), rows.max())
    assert (row["column_min"], row["column_max"]) == (columns.min(), columns.max())
    assert (row["kind"], row["cluster_id"], row["count"]) == ("cloud", 1, 60)
    assert 8.0 <= row["extent_mm"] <= 11.0
    assert row["outline"].startswith("MULTIPOLYGON (((")
    assert row["outline"].endswith(")))")
    pairs = [pair.split() for pair in row["outline"][16:-3].split(", ")]
    assert float(pairs[0][0]) == pytest.approx(clouds[0].parts[0][0, 1] * SPACING_MM, abs=0.006)
    assert pairs[0] == pairs[-1]


def test_an_analysis_has_its_clouds_again_after_loading_and_none_after_another_word(tmp_path):
    analysis = analysis_of(specks())
    save_analysis(analysis, tmp_path)
    again = load_analysis(tmp_path)
    assert len(pd.read_csv(tmp_path / CLOUDS_FILE)) == 1
    assert np.allclose(again.clouds[0].parts[0], analysis.clouds[0].parts[0])
    assert len(again.calcifications) == 60
    assert again.clusters["count"].tolist() == [60]
    other = analysis.clusters.assign(morphology="punctate", morphology_probability=np.nan)
    assert dataclasses.replace(analysis, clusters=other).clouds == ()


def test_an_analysis_without_clouds_writes_no_file_of_them(tmp_path):
    save_analysis(analysis_of(specks(), morphology="punctate"), tmp_path)
    assert not (tmp_path / CLOUDS_FILE).exists()


def test_the_segment_of_a_cloud_leaves_the_pixels_to_the_specks(tmp_path):
    analysis = analysis_of(specks())
    write_clouds(analysis, tmp_path / "clouds.seg.nrrd")
    segment = read_label_map(tmp_path / "clouds.seg.nrrd")
    assert np.array_equal(segment == 1, analysis.clouds[0].mask(SHAPE) & (analysis.labels == 0))
    assert b"Segment0_Name:=Cloud of Cluster 1" in (tmp_path / "clouds.seg.nrrd").read_bytes()


def test_a_cloud_is_drawn_as_dashes_on_its_border_alone():
    clouds = clouds_of(specks())
    picture = Image.new("RGB", (2 * SHAPE[1], 2 * SHAPE[0]))
    draw_clouds(picture, clouds, (0, 0), (2.0, 2.0), (255, 204, 0))
    drawn = np.asarray(picture)[..., 0] > 0
    mask = np.kron(clouds[0].mask(SHAPE), np.ones((2, 2), bool))
    length = 2 * np.hypot(*np.diff(clouds[0].parts[0], axis=0).T).sum()
    assert 0.35 * length < drawn.sum() < 0.75 * length
    rows, columns = np.nonzero(drawn)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(mask, 3, mode="edge"), (7, 7))
    assert all(0 < near[row, column].mean() < 1 for row, column in zip(rows, columns, strict=True))


def test_true_clouds_are_compared_by_area_and_clouds_elsewhere_are_false():
    table = specks()
    truth = Findings(table, label_map(table))
    amorphous, other = (pd.Series({1: word}) for word in ("amorphous", "punctate"))
    spacing_mm = (SPACING_MM, SPACING_MM)
    hit = match_clouds(clouds_of(table), truth, amorphous, spacing_mm)
    missed = match_clouds((), truth, amorphous, spacing_mm)
    false = match_clouds(clouds_of(table), truth, other, spacing_mm)
    assert hit.truths["dice"].item() > 0.85
    assert hit.truths["covered"].item() > 0.95
    assert hit.truths["area_mm2"].item() == pytest.approx(np.pi * (RADIUS_MM + 0.5) ** 2, rel=0.15)
    assert (hit.found, hit.false, missed.found, false.false, len(false.truths)) == (1, 0, 0, 1, 0)
    summary = cloud_overlap([hit, missed, false])
    assert (summary["true"], summary["outlined"], summary["found"], summary["false"]) == (2, 1, 2, 1)
    assert summary["dice"]["mean"] == pytest.approx(hit.truths["dice"].item() / 2)
    assert summary["outlined_dice"]["mean"] == pytest.approx(hit.truths["dice"].item())


def test_a_set_without_clouds_is_a_result():
    table = specks()
    none = match_clouds((), Findings(table, label_map(table)), pd.Series({1: "round"}), (SPACING_MM, SPACING_MM))
    assert cloud_overlap([none])["dice"]["mean"] is None
