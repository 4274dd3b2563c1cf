"""The breast mask on pictures with known truth and on a real mammogram."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.breast_samples import Picture, letters, overlap, picture
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.parameters import BreastParameters
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.segmentation.breast import edge_distance, find_breast
from real_data import film


@pytest.fixture(scope="module")
def craniocaudal() -> Picture:
    return picture()


@pytest.fixture(scope="module")
def real_mammogram() -> Mammogram:
    return film("rmlo")


def changed(original: Picture, pixels: np.ndarray) -> Mammogram:
    return dataclasses.replace(original, pixels=pixels).mammogram()


def test_breast_with_its_skin_is_found(craniocaudal: Picture) -> None:
    region = find_breast(craniocaudal.mammogram())
    assert overlap(region.mask, craniocaudal.breast) >= 0.98
    assert region.chest_wall_side == "left"
    assert region.warnings == ()
    assert region.area_cm2 == pytest.approx(craniocaudal.breast.sum() * 0.0004, rel=0.02)


def test_box_just_holds_the_mask(craniocaudal: Picture) -> None:
    region = find_breast(craniocaudal.mammogram())
    assert region.mask[region.box].sum() == region.mask.sum()
    assert all(region.mask[region.box][edge].any() for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]))


@pytest.mark.parametrize("spacing_mm", [0.1, 0.15, 0.2])
def test_pixel_spacing_does_not_move_the_outline(craniocaudal: Picture, spacing_mm: float) -> None:
    sample = picture(spacing_mm)
    region = find_breast(sample.mammogram())
    assert overlap(region.mask, sample.breast) >= 0.98
    assert region.area_cm2 == pytest.approx(find_breast(craniocaudal.mammogram()).area_cm2, rel=0.01)


def test_finest_pixels_give_the_same_outline(craniocaudal: Picture) -> None:
    region = find_breast(craniocaudal.mammogram())
    four = np.ones((4, 4), np.float32)
    fine = find_breast(Mammogram(np.kron(craniocaudal.pixels.astype(np.float32), four), (0.05, 0.05)))
    assert overlap(fine.mask[2::4, 2::4], region.mask) >= 0.99


def test_mirrored_image_gives_mirrored_mask(craniocaudal: Picture) -> None:
    region = find_breast(craniocaudal.mammogram())
    mirrored = find_breast(changed(craniocaudal, craniocaudal.pixels[:, ::-1]))
    assert overlap(mirrored.mask[:, ::-1], region.mask) >= 0.995
    assert mirrored.chest_wall_side == "right"


@given(gain=st.floats(0.01, 1000), offset=st.floats(-1000, 50000))
@settings(max_examples=10, deadline=None)
def test_gain_and_offset_do_not_move_the_outline(craniocaudal: Picture, gain: float, offset: float) -> None:
    region = find_breast(craniocaudal.mammogram())
    other = find_breast(changed(craniocaudal, gain * craniocaudal.pixels + offset * gain))
    assert overlap(other.mask, region.mask) >= 0.995


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_bit_depth_does_not_move_the_outline(craniocaudal: Picture, bits: int) -> None:
    region = find_breast(craniocaudal.mammogram())
    gray = np.clip(craniocaudal.pixels / craniocaudal.pixels.max(), 0, 1)
    other = find_breast(changed(craniocaudal, np.round(gray * (2**bits - 1))))
    assert overlap(other.mask, region.mask) >= 0.99


@pytest.mark.parametrize("is_logarithmic", [False, True])
def test_raw_images_with_uneven_air_are_understood(craniocaudal: Picture, is_logarithmic: bool) -> None:
    rows, columns = craniocaudal.pixels.shape
    heel = 1 - 0.15 * np.linspace(-1, 1, rows)[:, np.newaxis] ** 2 - 0.1 * np.linspace(0, 1, columns)
    counts = 12000 * heel * np.exp(-craniocaudal.pixels / 60)
    counts = np.random.default_rng(1).normal(counts, np.sqrt(counts))
    raw = -1000 * np.log(np.maximum(counts, 1)) + 9500 if is_logarithmic else 16383 - counts
    assert overlap(find_breast(changed(craniocaudal, raw)).mask, craniocaudal.breast) >= 0.98


def test_label_in_the_air_is_left_out(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    label = letters(pixels, row=50, column=550, stroke=8, height=50, level=255)
    mask = find_breast(changed(craniocaudal, pixels)).mask
    assert not (mask & label).any()
    assert overlap(mask, craniocaudal.breast) >= 0.98


def test_label_that_touches_the_breast_is_cut_off(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    nipple = int(np.flatnonzero(craniocaudal.breast[500])[-1])
    label = letters(pixels, row=500, column=nipple + 30, stroke=8, height=60, level=255)
    label[526:534, nipple - 4 : nipple + 30] = True
    pixels[label] = 255
    mask = find_breast(changed(craniocaudal, pixels)).mask
    assert np.count_nonzero(mask & label & ~craniocaudal.breast) < 0.1 * np.count_nonzero(label)
    assert overlap(mask, craniocaudal.breast) >= 0.98


def test_marker_beside_the_skin_is_left_out(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    y, x = np.indices(pixels.shape)
    nipple = int(np.flatnonzero(craniocaudal.breast[500])[-1])
    marker = (y - 500) ** 2 + (x - nipple - 20) ** 2 < 8**2
    pixels[marker] = 300
    assert not (find_breast(changed(craniocaudal, pixels)).mask & marker).any()


def test_bright_clip_inside_the_breast_leaves_no_hole(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    pixels[480:500, 150:160] = 4000
    pixels[520:540, 150:160] = -50
    mask = find_breast(changed(craniocaudal, pixels)).mask
    assert mask[480:540, 150:160].all()
    assert overlap(mask, craniocaudal.breast) >= 0.98


def test_white_frame_is_left_out(craniocaudal: Picture) -> None:
    pixels, frame = craniocaudal.pixels.copy(), np.ones(craniocaudal.pixels.shape, bool)
    frame[15:-15, 15:-15] = False
    pixels[frame] = 255
    mask = find_breast(changed(craniocaudal, pixels)).mask
    assert not (mask & frame).any()
    assert overlap(mask, craniocaudal.breast & ~frame) >= 0.98


def test_light_leak_along_the_chest_wall_is_left_out(craniocaudal: Picture) -> None:
    columns = np.arange(craniocaudal.pixels.shape[1])
    leak = 60 * np.exp(-columns / 15.0)
    mask = find_breast(changed(craniocaudal, craniocaudal.pixels + leak)).mask
    assert overlap(mask, craniocaudal.breast) >= 0.97
    assert np.count_nonzero(mask & ~craniocaudal.breast) < 0.01 * np.count_nonzero(craniocaudal.breast)


def test_abdomen_apart_from_the_breast_is_left_out(craniocaudal: Picture) -> None:
    pixels, abdomen = craniocaudal.pixels.copy(), np.zeros(craniocaudal.pixels.shape, bool)
    abdomen[900:, :60] = True
    pixels[abdomen] = 220
    assert not (find_breast(changed(craniocaudal, pixels)).mask & abdomen).any()


def test_faint_nipple_in_profile_is_kept(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    y, x = np.indices(pixels.shape)
    tip = int(np.flatnonzero(craniocaudal.breast[500])[-1])
    nipple = ((y - 500) ** 2 + (x - tip) ** 2 < 30**2) & ~craniocaudal.breast
    pixels[nipple] += 5
    mask = find_breast(changed(craniocaudal, pixels)).mask
    assert np.count_nonzero(mask & nipple) > 0.9 * np.count_nonzero(nipple)


def test_padding_is_never_breast_and_does_not_disturb(craniocaudal: Picture) -> None:
    valid = np.ones(craniocaudal.pixels.shape, bool)
    valid[:60], valid[:, 650:] = False, False
    pixels = np.where(valid, craniocaudal.pixels + 400, 0)
    region = find_breast(dataclasses.replace(craniocaudal, pixels=pixels).mammogram(valid=valid))
    assert not (region.mask & ~valid).any()
    assert overlap(region.mask, craniocaudal.breast & valid) >= 0.98


def test_unmarked_darker_padding_does_not_disturb(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels + 400
    pixels[:60] = 0
    pixels[-20:] = 0
    assert overlap(find_breast(changed(craniocaudal, pixels)).mask, craniocaudal.breast) >= 0.98


def test_breast_that_fills_the_frame_is_taken_whole(craniocaudal: Picture) -> None:
    spot = np.ascontiguousarray(craniocaudal.pixels[350:650, 20:300])
    region = find_breast(changed(craniocaudal, spot))
    assert region.mask.all()
    assert [warning.code for warning in region.warnings] == ["no-background-found"]
    assert region.chest_wall_side is None
    assert region.pectoral_muscle is None


def test_file_tells_the_chest_wall_where_pixels_do_not(craniocaudal: Picture) -> None:
    spot = dataclasses.replace(craniocaudal, pixels=craniocaudal.pixels[350:650, 20:300])
    assert find_breast(spot.mammogram(chest_wall_side="right")).chest_wall_side == "right"


def test_spot_view_with_a_corner_of_air(craniocaudal: Picture) -> None:
    window = np.s_[100:450, 150:450]
    region = find_breast(changed(craniocaudal, np.ascontiguousarray(craniocaudal.pixels[window])))
    assert overlap(region.mask, craniocaudal.breast[window]) >= 0.95


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((1, 1), 7.0),
        np.zeros((500, 400)),
        np.random.default_rng(0).normal(100, 5, (500, 400)),
        np.random.default_rng(0).normal(100, 5, (500, 400)) + np.linspace(0, 50, 400),
    ],
    ids=["one pixel", "constant", "noise", "noise on a slope"],
)
def test_blank_image_has_no_breast(pixels: np.ndarray) -> None:
    region = find_breast(Mammogram(pixels.astype(np.float32), (0.1, 0.1)))
    assert not region.mask.any()
    assert region.box == (slice(0, 0), slice(0, 0))
    assert region.area_cm2 == 0
    assert region.chest_wall_side is None
    assert [warning.code for warning in region.warnings] == ["no-breast-found"]


def test_label_alone_is_no_breast() -> None:
    pixels = np.random.default_rng(0).normal(0, 0.5, (800, 600))
    letters(pixels, row=100, column=300, stroke=10, height=60, level=255)
    region = find_breast(Mammogram(pixels.astype(np.float32), (0.2, 0.2)))
    assert not region.mask.any()
    assert [warning.code for warning in region.warnings] == ["no-breast-found"]


def test_image_without_a_valid_pixel_has_no_breast() -> None:
    pixels = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)
    assert not find_breast(Mammogram(pixels, (0.1, 0.1), valid=np.zeros((50, 50), bool))).mask.any()


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([2, 3, 256, 65536]),
)
@settings(max_examples=60, deadline=None)
def test_tiny_images_are_answered(shape: tuple[int, int], seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.cumsum(rng.integers(0, levels, shape), axis=1).astype(np.float32)
    region = find_breast(Mammogram(pixels, (0.1, 0.1), view="MLO"))
    assert region.mask.shape == shape
    assert region.mask.any() == (not any(warning.code == "no-breast-found" for warning in region.warnings))


def test_uneven_spacing_is_respected(craniocaudal: Picture) -> None:
    rows_halved = Mammogram(np.ascontiguousarray(craniocaudal.pixels[::2], np.float32), (0.4, 0.2))
    region = find_breast(rows_halved)
    assert overlap(region.mask, craniocaudal.breast[::2]) >= 0.98
    assert region.area_cm2 == pytest.approx(craniocaudal.breast.sum() * 0.0004, rel=0.02)


def test_distance_to_the_skin_grows_towards_the_chest_wall(craniocaudal: Picture) -> None:
    region = find_breast(craniocaudal.mammogram())
    distance = edge_distance(region, (0.2, 0.2))
    tip = int(np.flatnonzero(craniocaudal.breast[500])[-1])
    columns = np.array([tip + 20, tip - 50, tip - 150, tip - 250])
    assert distance.at(np.full(4, 500), columns) == pytest.approx([0, 10, 30, 50], abs=1.0)
    assert distance.at(500, 0) == pytest.approx(70, abs=1.5)
    assert distance.grid_mm.dtype == np.float32


def test_dark_strip_at_the_chest_wall_is_no_skin(craniocaudal: Picture) -> None:
    pixels = craniocaudal.pixels.copy()
    pixels[:, :15] = 0
    region = find_breast(changed(craniocaudal, pixels))
    assert not region.mask[:, :10].any()
    assert edge_distance(region, (0.2, 0.2)).at(500, 17) == pytest.approx(68, abs=2)


def test_frame_filled_by_breast_has_no_skin(craniocaudal: Picture) -> None:
    region = find_breast(changed(craniocaudal, np.ascontiguousarray(craniocaudal.pixels[350:650, 20:300])))
    diagonal_mm = 0.2 * np.hypot(300, 280)
    assert edge_distance(region, (0.2, 0.2)).at([10, 150], [10, 150]) == pytest.approx(diagonal_mm, rel=0.01)


@pytest.mark.parametrize(
    "wrong", [{"grid_mm": 0.0}, {"tissue_ratio": 0.9}, {"noise_factor": 0.0}, {"skin_ratio": 0.1, "tissue_ratio": 0.05}]
)
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        BreastParameters(**wrong)


def test_real_mammogram_is_outlined(real_mammogram: Mammogram) -> None:
    region = find_breast(real_mammogram)
    assert region.chest_wall_side == "right"
    assert region.area_cm2 == pytest.approx(119.3, rel=0.02)
    for row, column, is_breast in (
        (2250, 1900, True),  # glandular tissue
        (600, 2700, True),  # the pectoral muscle
        (2000, 1440, True),  # just inside the skin
        (2000, 1370, False),  # just outside
        (450, 330, False),  # the label
        (1500, 20, False),  # the bright edge of the film
        (4200, 2880, False),  # below the breast
    ):
        assert region.mask[row, column] == is_breast, (row, column)


def test_real_mammogram_mirrored_and_half_size_agrees(real_mammogram: Mammogram) -> None:
    region = find_breast(real_mammogram)
    mirrored = dataclasses.replace(real_mammogram, pixels=np.ascontiguousarray(real_mammogram.pixels[:, ::-1]))
    assert overlap(find_breast(mirrored).mask[:, ::-1], region.mask) >= 0.995
    halved = real_mammogram.pixels.reshape(2268, 2, 1460, 2).mean(axis=(1, 3))
    half = find_breast(Mammogram(halved, (0.1, 0.1), view="MLO"))
    assert overlap(np.kron(half.mask, np.ones((2, 2), bool)), region.mask) >= 0.995
