"""Whole phantoms: what the truth says must be what the pixels show, in any background."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label

from library.victre_examples import written_breast
from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError
from MicrocalcAILib.phantom import (
    BreastParameters,
    PhantomParameters,
    ProjectionParameters,
    image_background,
    power_law_background,
    read_victre_volume,
    simulate,
    victre_background,
)
from MicrocalcAILib.phantom.calcifications import MORPHOLOGIES
from MicrocalcAILib.phantom.distractors import drawn_distractor
from MicrocalcAILib.phantom.imaging import NOISE_TILE, noise_map
from MicrocalcAILib.reading import Mammogram
from real_data import more_data

SMALL = BreastParameters(spacing_mm=0.1, frame_mm=(150.0, 110.0))
QUIET = PhantomParameters(distractors=(0, 0))
SEPARATE = tuple(name for name, morphology in MORPHOLOGIES.items() if not morphology.is_cloud)


@pytest.fixture(scope="module")
def breast():
    return power_law_background([1, 0], SMALL)


@pytest.fixture(scope="module")
def phantom(breast):
    return simulate(breast, [1, 0], replace(QUIET, clusters=(3, 3), singles=(6, 6), morphologies=SEPARATE))


def eight_bit_image() -> Mammogram:
    """A blurred half disk in 8 bits, as a stand-in for a JPEG of unknown processing."""
    y, x = np.mgrid[:900, :700]
    noise = np.random.default_rng(0).normal(0, 3, y.shape)
    values = np.where((y - 450) ** 2 + x**2 < 400**2, 120 + noise, 0)
    return Mammogram(np.clip(np.round(values), 0, 200).astype(np.float32), (0.1, 0.1))


def test_the_same_seed_gives_the_same_phantom_and_another_seed_another(breast):
    first, again, other = (simulate(breast, seed) for seed in ([5, 1], [5, 1], [5, 2]))
    np.testing.assert_array_equal(first.mammogram.pixels, again.mammogram.pixels)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.calcifications.equals(again.calcifications)
    assert not np.array_equal(first.mammogram.pixels, other.mammogram.pixels)


def test_every_row_has_its_label_and_every_label_its_row(phantom):
    assert sorted(phantom.calcifications["id"]) == sorted(set(np.unique(phantom.labels)) - {0})
    assert phantom.labels.dtype == np.int32


def test_the_table_describes_the_labels(phantom):
    spacing_mm = phantom.mammogram.spacing_mm[0]
    for row in phantom.calcifications.itertuples():
        points = np.argwhere(phantom.labels == row.id)
        assert (row.row, row.column) == pytest.approx(points.mean(axis=0))
        assert row.area_mm2 == pytest.approx(len(points) * spacing_mm**2)
        assert (row.x_mm, row.y_mm) == pytest.approx((row.column * spacing_mm, row.row * spacing_mm))
        farthest = np.linalg.norm(points[:, None] - points, axis=2).max() * spacing_mm
        assert row.length_mm == pytest.approx(farthest + spacing_mm, rel=0.05)


def test_clusters_count_their_members_and_singles_have_none(phantom):
    sizes = phantom.calcifications.groupby("cluster_id").size()
    assert phantom.clusters.set_index("id")["count"].to_dict() == sizes.drop(0).to_dict()
    assert sizes[0] == 6
    for cluster in phantom.clusters.itertuples():
        assert cluster.distribution in MORPHOLOGIES[cluster.morphology].distributions
        members = phantom.calcifications.query("cluster_id == @cluster.id")
        points = members[["y_mm", "x_mm"]].to_numpy()
        farthest = np.linalg.norm(points[:, None] - points, axis=2).max()
        assert cluster.extent_mm == pytest.approx(farthest, rel=0.005)


def test_no_two_calcifications_outside_clouds_touch(phantom):
    assert label(phantom.labels > 0, np.ones((3, 3)))[1] >= len(phantom.calcifications)
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        moved = np.roll(phantom.labels, shift, (0, 1))
        both = (moved > 0) & (phantom.labels > 0)
        assert (moved[both] == phantom.labels[both]).all()


def test_pixels_far_from_calcifications_are_those_of_the_background(breast, phantom):
    changed = phantom.mammogram.pixels != breast.mammogram.pixels
    away_mm = distance_transform_edt(phantom.labels == 0) * breast.spacing_mm
    assert changed.any()
    assert away_mm[changed].max() < 1.5  # the soft rest below 30 % of the thickness, and the blur


def test_the_peak_over_the_noise_is_what_the_table_says(breast):
    noise = noise_map(breast.mammogram.pixels, breast.breast, breast.spacing_mm, breast.step)
    # without rounding and without a white limit the signal can be measured exactly
    free = replace(breast, step=0.0, white=1e9)
    for seed in range(4):
        phantom = simulate(free, seed, replace(QUIET, clusters=(0, 0), singles=(1, 1)))
        added = phantom.mammogram.pixels - breast.mammogram.pixels
        row, column = np.unravel_index(np.argmax(added), added.shape)
        nearby = [
            noise[(row + r) // NOISE_TILE, (column + c) // NOISE_TILE] for r in (-40, 0, 40) for c in (-40, 0, 40)
        ]
        ratio = float(phantom.calcifications["contrast_to_noise"].iloc[0])
        assert np.isclose(added.max() / np.array(nearby), ratio, rtol=1e-3).any()


def test_contrast_stays_in_the_asked_range(breast):
    asked = replace(QUIET, clusters=(2, 2), morphologies=("punctate", "fine pleomorphic"), contrast_to_noise=(5.0, 9.0))
    table = simulate(breast, 3, replace(asked, singles=(0, 0))).calcifications
    assert len(table) > 5
    assert table["contrast_to_noise"].between(5.0, 9.0).all()


def test_calcifications_are_brighter_than_their_surroundings(phantom, breast):
    added = phantom.mammogram.pixels - breast.mammogram.pixels
    assert (added >= 0).all()
    for row in phantom.calcifications.query("contrast_to_noise > 4").itertuples():
        assert added[phantom.labels == row.id].max() > 0


def test_centers_lie_in_the_breast_away_from_the_skin():
    oblique = power_law_background([2, 0], replace(SMALL, view="MLO"))
    table = simulate(oblique, 1, replace(QUIET, clusters=(3, 3), morphologies=("punctate",))).calcifications
    depth_mm = distance_transform_edt(np.pad(oblique.breast, ((0, 0), (1, 1)), mode="edge"))[:, 1:-1] * 0.1
    rows, columns = table["row"].round().astype(int), table["column"].round().astype(int)
    assert len(table) > 10
    assert (depth_mm[rows, columns] > 4).all()
    assert not oblique.excluded[rows, columns].any()


@pytest.mark.parametrize("name", MORPHOLOGIES)
def test_every_morphology_can_be_asked_for(breast, name):
    phantom = simulate(breast, 4, replace(QUIET, clusters=(1, 1), singles=(0, 0), morphologies=(name,)))
    assert phantom.clusters["morphology"].tolist() == [name]
    allowed = {name, *(companion for companion, _ in MORPHOLOGIES[name].companions)}
    assert set(phantom.calcifications["morphology"]) <= allowed


def cloud(breast, seed: int, contrast_to_noise: float = 20.0):
    asked = replace(QUIET, clusters=(1, 1), singles=(0, 0), morphologies=("amorphous",), distributions=("grouped",))
    return simulate(breast, seed, replace(asked, contrast_to_noise=(2.0, contrast_to_noise)))


def test_the_specks_of_a_cloud_run_into_each_other_and_each_keeps_pixels_of_its_own(breast):
    together = 0
    for seed in range(3):
        phantom = cloud(breast, seed)
        together += len(phantom.calcifications) - label(phantom.labels > 0, np.ones((3, 3)))[1]
        areas = np.bincount(phantom.labels.ravel(), minlength=len(phantom.calcifications) + 1)[1:]
        np.testing.assert_allclose(phantom.calcifications["area_mm2"], areas * breast.spacing_mm**2)
        assert areas.min() >= 1
        assert len(phantom.calcifications) > 12
    assert together > 10


def test_a_cloud_shines_between_its_specks(breast):
    free = replace(breast, step=0.0, white=1e9)
    phantom = cloud(free, 2)
    added = phantom.mammogram.pixels - breast.mammogram.pixels
    away_mm = distance_transform_edt(phantom.labels == 0) * breast.spacing_mm
    between = (away_mm > 0.3) & (away_mm < 0.6)
    assert (added[between] > 0).mean() > 0.9
    assert np.median(added[between]) < np.median(added[phantom.labels > 0])


def test_casts_fill_branching_ducts_over_many_millimeters(breast):
    asked = replace(QUIET, clusters=(1, 1), singles=(0, 0), morphologies=("fine linear branching",))
    lengths_mm = [
        simulate(breast, seed, replace(asked, distributions=("segmental",))).calcifications["length_mm"].max()
        for seed in range(4)
    ]
    assert max(lengths_mm) > 8
    assert np.median(lengths_mm) > 4


@pytest.mark.parametrize("name", ["grouped", "linear", "segmental", "regional", "diffuse"])
def test_every_distribution_can_be_asked_for(breast, name):
    asked = replace(QUIET, clusters=(1, 1), singles=(0, 0), distributions=(name,))
    assert simulate(breast, 5, asked).clusters["distribution"].tolist() == [name]


def test_clusters_can_be_given_one_by_one(breast):
    pairs = [("vascular", "linear"), ("round", "grouped"), ("vascular", "linear")]
    clusters = simulate(breast, [1, 3], replace(QUIET, singles=(0, 0)), pairs).clusters
    assert list(zip(clusters["morphology"], clusters["distribution"], strict=True)) == pairs


def test_nothing_inserted_leaves_the_image_alone_and_the_tables_empty(breast):
    phantom = simulate(breast, 6, replace(QUIET, clusters=(0, 0), singles=(0, 0)))
    np.testing.assert_array_equal(phantom.mammogram.pixels, breast.mammogram.pixels)
    assert not phantom.labels.any()
    assert len(phantom.calcifications) == len(phantom.clusters) == 0
    assert "contrast_to_noise" in phantom.calcifications
    assert "distribution" in phantom.clusters


def test_distractors_change_pixels_but_have_no_label(breast):
    asked = PhantomParameters(clusters=(0, 0), singles=(0, 0), distractors=(8, 8))
    phantom = simulate(breast, 7, asked)
    assert (phantom.mammogram.pixels != breast.mammogram.pixels).any()
    assert not phantom.labels.any()
    assert 1 <= len(phantom.parameters["distractors"]) <= 8


def test_every_kind_of_distractor_can_be_drawn():
    rng = np.random.default_rng(0)
    drawn = [drawn_distractor(rng, 0.07, 0.05) for _ in range(150)]
    kinds = {"hot pixel", "dust", "dead line", "scratch", "vessel", "fold", "small mass"}
    assert {name for name, _ in drawn} == kinds
    for _, distractor in drawn:
        assert np.abs(distractor.signal).max() == pytest.approx(1)


def test_real_images_get_no_distractors_unless_asked_for():
    background = image_background(eight_bit_image())
    assert simulate(background, 1).parameters["distractors"] == []


def test_an_eight_bit_image_stays_on_its_grey_levels_and_within_its_range():
    background = image_background(eight_bit_image())
    phantom = simulate(background, 2, PhantomParameters(clusters=(2, 2), contrast_to_noise=(10, 40)))
    pixels = phantom.mammogram.pixels
    assert background.step == 1
    np.testing.assert_array_equal(pixels, np.round(pixels))
    assert pixels.max() <= eight_bit_image().pixels.max()
    assert (pixels[phantom.labels > 0] > eight_bit_image().pixels[phantom.labels > 0]).mean() > 0.9


def test_the_nipple_of_an_image_is_its_point_farthest_from_the_chest_wall():
    image = eight_bit_image()
    assert image_background(image).nipple == pytest.approx((450, 400), abs=15)
    mirrored = replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))
    assert image_background(mirrored).nipple == pytest.approx((450, 299), abs=15)


def test_an_image_without_a_breast_is_refused():
    blank = Mammogram(np.zeros((400, 300), np.float32), (0.1, 0.1))
    with pytest.raises(ParameterError, match="No breast"):
        simulate(image_background(blank), 1)


def test_oblong_pixels_are_refused():
    with pytest.raises(ParameterError, match="square"):
        image_background(Mammogram(np.zeros((40, 30), np.float32), (0.1, 0.2)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"morphologies": ("spiculated",)}, "Unknown morphology"),
        ({"distributions": ("everywhere",)}, "Unknown distribution"),
        ({"morphologies": ("vascular",), "distributions": ("diffuse",)}, "not seen in"),
        ({"clusters": (3, 1)}, "clusters"),
        ({"contrast_to_noise": (0.0, 5.0)}, "above 0"),
    ],
)
def test_impossible_wishes_are_refused_with_a_reason(change, words):
    with pytest.raises(ParameterError, match=words):
        PhantomParameters(**change)


def test_the_record_says_that_it_is_simulated_and_can_be_written_as_json(phantom):
    record = json.loads(json.dumps(phantom.parameters))
    assert record["simulated"] is True
    assert record["seed"] == [1, 0]
    assert record["background"]["kind"] == "power-law"
    assert record["spacing_mm"] == [0.1, 0.1]
    assert phantom.mammogram.source["kind"] == "simulated"


def test_a_simulated_breast_has_twelve_bits_black_air_and_a_known_position():
    for seed in range(3):
        background = power_law_background([3, seed], SMALL)
        pixels = background.mammogram.pixels
        assert pixels.shape == (1500, 1100)
        np.testing.assert_array_equal(pixels, np.round(pixels))
        assert pixels.max() <= 4095
        assert (pixels[~background.breast] == 0).all()
        chest_wall = 0 if background.mammogram.chest_wall_side == "left" else -1
        assert background.breast[:, chest_wall].sum() > background.breast[:, -1 - chest_wall].sum()
        assert (background.mammogram.laterality == "L") == (background.mammogram.chest_wall_side == "left")
        row, column = (round(value) for value in background.nipple)
        assert background.breast[row - 40 : row + 40, column - 40 : column + 40].any()


def test_more_glandular_tissue_makes_a_brighter_breast():
    def glandular_signal(density: float) -> float:
        background = power_law_background([4, 0], replace(SMALL, density=(density, density)))
        # against the darkest fat, in units of attenuation
        values = background.mammogram.pixels[background.breast]
        return float((values.mean() - np.percentile(values, 2)) / background.parameters["grey_per_attenuation"])

    assert glandular_signal(0.4) > 1.3 * glandular_signal(0.1)


def test_an_oblique_view_shows_the_pectoral_muscle_above_at_the_chest_wall():
    background = power_law_background([5, 0], replace(SMALL, view="MLO"))
    assert background.excluded is not None
    rows, columns = np.nonzero(background.excluded)
    assert rows.mean() < 0.4 * background.breast.shape[0]
    side = columns.mean() < background.breast.shape[1] / 2
    assert side == (background.mammogram.chest_wall_side == "left")


def test_an_unknown_view_is_refused():
    with pytest.raises(ParameterError, match="CC or MLO"):
        BreastParameters(view="ML")


@pytest.fixture(scope="module", params=["small", "of VICTRE"])
def volume(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("victre")
    if request.param == "small":
        return read_victre_volume(written_breast(folder))
    shutil.copy(more_data("victre/pc_1_crop.mhd"), folder)
    with gzip.open(more_data("victre/pc_1_crop.raw.gz")) as packed:
        (folder / "pc_1_crop.raw").write_bytes(packed.read())
    return read_victre_volume(folder / "pc_1_crop.mhd")


def test_the_projected_volume_is_a_breast_with_its_nipple_at_the_tip(volume):
    background = victre_background(volume, [1, 0], ProjectionParameters(spacing_mm=0.1))
    again = victre_background(volume, [1, 0], ProjectionParameters(spacing_mm=0.1))
    np.testing.assert_array_equal(background.mammogram.pixels, again.mammogram.pixels)
    pixels = background.mammogram.pixels
    if background.mammogram.laterality == "R":
        pixels, nipple_column = pixels[:, ::-1], pixels.shape[1] - 1 - background.nipple[1]
    else:
        nipple_column = background.nipple[1]
    tip = np.flatnonzero((pixels > 0).any(axis=0)).max()
    assert 0 <= tip - nipple_column < 60
    rows = np.flatnonzero(pixels[:, tip - 10] > 0)
    assert abs(rows.mean() - background.nipple[0]) < 60
    assert (pixels[:, 0] > 0).sum() > 500


def test_a_volume_can_be_seen_from_different_angles(volume):
    first, second = (victre_background(volume, [2, seed], ProjectionParameters(spacing_mm=0.2)) for seed in (0, 1))
    assert first.parameters["drawn"] != second.parameters["drawn"]
    assert first.mammogram.pixels.shape != second.mammogram.pixels.shape


def test_glandular_tissue_is_bright_where_it_lies(tmp_path):
    straight = ProjectionParameters(spacing_mm=0.2, magnification=(1.0, 1.0), tilt_degrees=0.0, glandular=(1.0, 1.0))
    background = victre_background(read_victre_volume(written_breast(tmp_path)), [4, 0], straight)
    pixels = background.mammogram.pixels
    if background.mammogram.laterality == "R":
        pixels = pixels[:, ::-1]
    if background.parameters["drawn"]["upside_down"]:
        pixels = pixels[::-1]
    gland, mirrored = (pixels[round(y / 0.2) - 15 : round(y / 0.2) + 15, 125:155] for y in (65.0, 35.0))
    assert gland.mean() > mirrored.mean() + 3 * mirrored.std()


@pytest.mark.parametrize(
    ("labels", "spacing", "reason"),
    [
        (np.full((8, 9, 10), 77, np.uint8), 0.5, "labels"),
        (np.ones((8, 9, 10), np.uint8), 0.5, "nipple"),
        (None, 0.7, "cubic voxels"),
    ],
)
def test_another_volume_than_a_labeled_breast_is_refused(tmp_path, labels, spacing, reason):
    with pytest.raises(ParameterError, match=reason):
        read_victre_volume(written_breast(tmp_path, labels, spacing))


def test_a_header_without_its_voxels_is_refused_with_the_remedy(tmp_path):
    path = written_breast(tmp_path)
    path.with_suffix(".raw").unlink()
    with pytest.raises(UnreadableImageError, match="in the same folder"):
        read_victre_volume(path)
