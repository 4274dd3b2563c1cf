"""Regions, their statistics, the stiffest box, ratios and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from elastography.elastogram_examples import disk, elastogram_of, screen_with_box
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import Direction, Elastogram, Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.measurement import (
    BoxShape,
    LesionRegions,
    MeasurementParameters,
    Region,
    box_at,
    longest_diameter_mm,
    measure,
    region_statistics,
    size_ratio,
    stiffest_box,
)
from MicrocalcElastographyLib.measurement.regions import ring_around
from MicrocalcElastographyLib.measurement.stiffest import centers_on, footprint

PARAMETERS = MeasurementParameters()


def brute_force_stiffest(
    elastogram: Elastogram, where: NDArray[np.bool_], window: NDArray[np.bool_], share: float
) -> float | None:
    """Stiffest mean of the valid pixels under the window, trying every position."""
    height, width = window.shape
    means = []
    for top in range(where.shape[0] - height + 1):
        for left in range(where.shape[1] - width + 1):
            if not where[top + (height - 1) // 2, left + (width - 1) // 2]:
                continue
            values = elastogram.values[top : top + height, left : left + width][window].astype(np.float64)
            values = values[np.isfinite(values)]
            if values.size and values.size >= share * window.sum() - 1e-9:
                means.append(values.mean())
    if not means:
        return None
    return max(means) if elastogram.direction is Direction.STIFFER_IS_HIGHER else min(means)


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(3, 14), st.integers(3, 14)),
    size_mm=st.sampled_from([0.25, 0.5, 0.8, 1.0, 1.5]),
    row_mm=st.sampled_from([0.2, 0.25]),
    box_shape=st.sampled_from(list(BoxShape)),
    share=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    softer_is_higher=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_the_stiffest_box_equals_trying_every_position(
    shape: tuple[int, int],
    size_mm: float,
    row_mm: float,
    box_shape: BoxShape,
    share: float,
    softer_is_higher: bool,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    values = random.uniform(0.0, 300.0, shape)
    values[random.random(shape) < random.choice([0.0, 0.2, 0.6])] = np.nan
    unit = Unit.STRAIN if softer_is_higher else Unit.KILOPASCAL
    elastogram = elastogram_of(values, unit, spacing_mm=(row_mm, 0.25))
    where = random.random(shape) < 0.7

    found = stiffest_box(elastogram, where, size_mm, box_shape, share)

    window = footprint(size_mm, box_shape, (row_mm, 0.25))
    expected = brute_force_stiffest(elastogram, where, window, share)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.mask.sum() == window.sum()
        assert region_statistics(elastogram, found.mask).mean == pytest.approx(expected, rel=1e-9)


def test_the_stiffest_box_finds_a_stiff_rim_outside_the_outline() -> None:
    values = np.full((60, 60), 20.0)
    lesion = disk((60, 60), (30, 30), 10)
    values[lesion.mask] = 50.0
    values[26:34, 40:48] = 120.0  # 2 mm × 2 mm just right of the outline
    elastogram = elastogram_of(values)

    measured = measure(elastogram, LesionRegions(lesion), PARAMETERS)
    without_rim = measure(elastogram, LesionRegions(lesion), MeasurementParameters(rim_mm=0.0))

    assert measured.box is not None
    assert measured.box_statistics is not None
    # At least a quarter of the box is lesion (50 kPa), the rest is rim.
    assert measured.box_statistics.mean == pytest.approx(0.25 * 50.0 + 0.75 * 120.0, abs=3.0)
    assert measured.box_inside_share is not None
    assert measured.box_inside_share >= 0.25
    assert measured.box.size_mm == (2.0, 2.0)
    assert "box-mostly-outside-lesion" in [warning.code for warning in measured.warnings]
    assert without_rim.box_statistics is not None
    assert without_rim.box_statistics.mean is not None
    assert without_rim.box_statistics.mean < 120.0


def test_of_equally_stiff_positions_the_middle_one_is_taken() -> None:
    elastogram = elastogram_of(np.full((41, 41), 33.3))
    box = stiffest_box(elastogram, np.ones((41, 41), dtype=bool), 1.25, BoxShape.SQUARE, 1.0)
    assert box is not None
    assert box.center == (20.0, 20.0)


def test_a_void_is_never_measured_as_soft() -> None:
    values = np.full((40, 40), 80.0)
    values[:, 20:] = np.nan
    elastogram = elastogram_of(values)
    statistics = region_statistics(elastogram, np.ones((40, 40), dtype=bool))
    assert (statistics.mean, statistics.minimum, statistics.void_share) == (80.0, 80.0, 0.5)
    all_void = region_statistics(elastogram, np.arange(40) >= np.full((40, 1), 25))
    assert (all_void.mean, all_void.minimum, all_void.valid_pixels) == (None, None, 0)
    assert all_void.void_share == 1.0


def test_a_lesion_without_values_gets_no_box_and_says_why() -> None:
    values = np.full((60, 60), 15.0)
    lesion = disk((60, 60), (30, 30), 12)
    values[lesion.mask] = np.nan
    measured = measure(elastogram_of(values), LesionRegions(lesion), MeasurementParameters(rim_mm=0.0))
    assert measured.box is None
    assert measured.box_statistics is None
    assert "no-measurement-box" in [warning.code for warning in measured.warnings]


def test_a_void_cancer_in_soft_tissue_has_no_value_and_is_not_as_soft_as_its_surroundings() -> None:
    values = np.full((80, 80), 20.0)
    lesion, fat = disk((80, 80), (40, 40), 10), disk((80, 80), (10, 10), 5)
    values[lesion.mask] = np.nan
    measured = measure(elastogram_of(values), LesionRegions(lesion, fat=fat))
    assert measured.box is None
    assert measured.measured is None
    assert measured.stiffness_ratio is None
    by_hand = measure(elastogram_of(values), LesionRegions(lesion, fat=fat), box_center=(40.0, 56.0))
    assert by_hand.box is not None
    assert by_hand.box_statistics is None
    for found in (measured, by_hand):
        (sentence,) = (warning.message for warning in found.warnings if warning.code == "no-measurement-box")
        assert sentence.startswith("No value: void.")


def test_the_rest_of_a_mostly_void_lesion_is_a_lower_bound() -> None:
    values = np.full((80, 80), 20.0)
    lesion = disk((80, 80), (40, 40), 16)
    values[disk((80, 80), (40, 40), 13).mask] = np.nan
    measured = measure(elastogram_of(values), LesionRegions(lesion), MeasurementParameters(box_mm=1.0))
    assert measured.box_statistics is not None
    assert measured.is_lower_bound
    assert "lesion-mostly-void" in [warning.code for warning in measured.warnings]


def test_values_at_the_stiff_end_of_the_scale_are_lower_bounds_and_at_the_soft_end_none() -> None:
    lesion = disk((60, 60), (30, 30), 10)
    for value, is_bound in ((180.0, True), (90.0, False), (0.0, False)):
        values = np.full((60, 60), 20.0)
        values[lesion.mask] = value
        measured = measure(elastogram_of(values, value_range=(0.0, 180.0)), LesionRegions(lesion))
        assert measured.is_lower_bound is is_bound


def test_the_share_of_the_box_inside_a_small_lesion_is_told() -> None:
    values = np.full((60, 60), 20.0)
    lesion = disk((60, 60), (30, 30), 2)
    values[lesion.mask] = 90.0
    measured = measure(elastogram_of(values), LesionRegions(lesion))
    assert measured.box is not None
    assert measured.box_inside_share == pytest.approx((measured.box.mask & lesion.mask).sum() / measured.box.mask.sum())
    assert measured.box_inside_share == pytest.approx(13 / 64)
    assert "lesion-smaller-than-box" in [warning.code for warning in measured.warnings]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.25, 0.6, 1.0]))
def test_boxes_with_enough_lesion_under_them_equal_trying_every_position(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    counted = random.random((14, 17)) < random.choice([0.02, 0.3, 0.8])
    window = footprint(1.5, BoxShape.CIRCLE, (0.25, 0.3))
    height, width = window.shape
    expected = np.zeros_like(counted)
    fewest = max(share * min(window.sum(), counted.sum()), 1)
    for row in range(14 - height + 1):
        for column in range(17 - width + 1):
            under = np.count_nonzero(counted[row : row + height, column : column + width] & window)
            expected[row + (height - 1) // 2, column + (width - 1) // 2] = under >= fewest - 1e-9
    assert np.array_equal(centers_on(counted, window, share), expected)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), pixels=st.integers(2, 60))
def test_statistics_agree_with_numpy(seed: int, pixels: int) -> None:
    random = np.random.default_rng(seed)
    values = random.uniform(0.0, 180.0, (10, 10)).astype(np.float32)
    mask = np.zeros((10, 10), dtype=bool)
    mask.flat[random.choice(100, pixels, replace=False)] = True
    found = region_statistics(elastogram_of(values, value_range=(0.0, 180.0)), mask)
    chosen = values[mask].astype(np.float64)
    assert found.mean == pytest.approx(chosen.mean())
    assert found.standard_deviation == pytest.approx(chosen.std(ddof=1))
    assert found.median == pytest.approx(np.median(chosen))
    assert found.interquartile_range == pytest.approx(np.subtract(*np.percentile(chosen, [75, 25])))
    assert (found.minimum, found.maximum) == (chosen.min(), chosen.max())
    assert found.area_mm2 == pytest.approx(pixels * 0.0625)
    assert found.saturated_share == pytest.approx(((chosen >= 172.8) | (chosen <= 1.8)).mean())


def test_a_map_without_scale_has_no_saturation() -> None:
    found = region_statistics(elastogram_of(np.ones((4, 4))), np.ones((4, 4), dtype=bool))
    assert found.saturated_share is None


def test_speeds_are_converted_before_they_are_averaged() -> None:
    values = np.full((40, 40), 2.0)
    values[:, 20:] = 6.0
    lesion = Region(np.ones((40, 40), dtype=bool), "everything")
    measured = measure(elastogram_of(values, Unit.METERS_PER_SECOND), LesionRegions(lesion), PARAMETERS)
    assert measured.elastogram.unit == Unit.KILOPASCAL
    assert measured.lesion_statistics.mean == pytest.approx((12.0 + 108.0) / 2)  # not 3 · 4² = 48
    assert measured.lesion_speed is not None
    assert measured.lesion_speed.mean == pytest.approx(4.0)


def lesion_and_fat(lesion_value: float, fat_value: float) -> tuple[NDArray[np.float64], LesionRegions]:
    values = np.full((60, 80), (lesion_value + fat_value) / 2)
    lesion, fat = disk((60, 80), (30, 50), 10), disk((60, 80), (30, 15), 6)
    values[lesion.mask], values[fat.mask] = lesion_value, fat_value
    return values, LesionRegions(lesion, fat)


def test_the_stiffness_ratio_is_the_box_over_fat_and_a_stiffness_map_has_no_strain_ratio() -> None:
    values, regions = lesion_and_fat(90.0, 12.0)
    measured = measure(elastogram_of(values), regions, PARAMETERS)
    assert measured.stiffness_ratio == pytest.approx(7.5)
    assert measured.stiffness_ratio_lesion == pytest.approx(7.5)
    assert measured.strain_ratio is None


def test_the_strain_ratio_is_fat_over_lesion_and_a_strain_map_has_no_stiffness() -> None:
    values, regions = lesion_and_fat(0.2, 0.5)
    measured = measure(elastogram_of(values, Unit.STRAIN), regions, PARAMETERS)
    assert measured.strain_ratio == pytest.approx(2.5)
    assert measured.stiffness_ratio is None
    assert measured.box_speed is None
    assert measured.as_dict()["unit"] == "strain"


def test_the_strain_ratio_is_turned_round_when_values_rise_with_stiffness() -> None:
    values, regions = lesion_and_fat(5.0, 2.0)
    elastogram = elastogram_of(values, Unit.STRAIN, Direction.STIFFER_IS_HIGHER)
    measured = measure(elastogram, regions, PARAMETERS)
    assert measured.strain_ratio == pytest.approx(2.5)
    assert "strain-ratio-of-stiffness" in [warning.code for warning in measured.warnings]


def test_a_ratio_to_zero_does_not_exist() -> None:
    values, regions = lesion_and_fat(0.0, 0.5)
    measured = measure(elastogram_of(values, Unit.STRAIN), regions, PARAMETERS)
    assert measured.strain_ratio is None
    assert "ratio-undefined" in [warning.code for warning in measured.warnings]


def test_the_size_ratio_compares_lengths_and_areas() -> None:
    small, large = np.zeros((40, 40), dtype=bool), np.zeros((40, 40), dtype=bool)
    small[10:20, 10:20], large[5:25, 10:20] = True, True
    ratio = size_ratio(large, small, (0.1, 0.1))
    assert ratio.area == pytest.approx(2.0)
    assert ratio.length == pytest.approx(np.hypot(2, 1) / np.hypot(1, 1))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_longest_diameter_is_that_of_all_pixel_corners(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((7, 9)) < 0.2
    mask[random.integers(7), random.integers(9)] = True
    pixels = np.argwhere(mask)
    corners = np.concatenate([pixels + offset for offset in ((0, 0), (0, 1), (1, 0), (1, 1))]) * (0.3, 0.1)
    expected = np.linalg.norm(corners[:, None] - corners[None], axis=2).max()
    assert longest_diameter_mm(mask, (0.3, 0.1)) == pytest.approx(expected)


def test_the_ring_is_the_tissue_within_its_width() -> None:
    elastogram = elastogram_of(np.zeros((61, 61)), spacing_mm=(0.5, 0.25))
    lesion = Region(np.zeros((61, 61), dtype=bool), "one pixel")
    lesion.mask[30, 30] = True
    ring = ring_around(elastogram, lesion, 3.0)
    assert not (ring.mask & lesion.mask).any()
    assert ring.mask[36, 30]
    assert not ring.mask[37, 30]
    assert ring.mask[30, 42]
    assert not ring.mask[30, 43]


def test_a_box_placed_by_hand_stays_where_it_was_put() -> None:
    elastogram = elastogram_of(np.arange(1600.0).reshape(40, 40))
    box = box_at(elastogram, (9.5, 19.5), 2.0, BoxShape.SQUARE)
    assert box.center == (9.5, 19.5)
    assert not box.automatic
    assert np.argwhere(box.mask).min(axis=0).tolist() == [6, 16]
    with pytest.raises(ParameterError, match="move it inside"):
        box_at(elastogram, (1.0, 19.5), 2.0, BoxShape.SQUARE)


def test_a_hand_placed_box_is_counted_in_pixels_of_the_screen() -> None:
    elastogram = screen_with_box((100, 120), Rectangle(20, 30, 80, 100), Rectangle(10, 10, 95, 115))
    lesion = disk((100, 120), (50, 65), 8)
    measured = measure(elastogram, LesionRegions(lesion), PARAMETERS, box_center=(49.5, 64.5))
    assert measured.box is not None
    assert measured.box.center == (29.5, 34.5)
    assert measured.lesion_depth_mm == pytest.approx((50 - 10) * 0.25)


def test_a_round_box_covers_its_circle() -> None:
    window = footprint(2.0, BoxShape.CIRCLE, (0.05, 0.1))
    assert window.shape == (40, 20)
    assert window.sum() * 0.05 * 0.1 == pytest.approx(np.pi, rel=0.02)


def test_a_lesion_outside_the_box_is_refused_and_a_part_outside_is_reported() -> None:
    elastogram = screen_with_box((100, 120), Rectangle(20, 30, 80, 100), Rectangle(0, 0, 100, 120))
    with pytest.raises(ParameterError, match=r"x 30 to 99 and y 20 to 79"):
        measure(elastogram, LesionRegions(disk((100, 120), (5, 5), 3)), PARAMETERS)
    measured = measure(elastogram, LesionRegions(disk((100, 120), (50, 98), 8)), PARAMETERS)
    assert "lesion-outside-box" in [warning.code for warning in measured.warnings]
    assert measured.lesion_area_mm2 > measured.lesion_statistics.area_mm2  # type: ignore[operator]


def test_a_region_of_another_image_is_refused() -> None:
    elastogram = elastogram_of(np.ones((40, 40)))
    with pytest.raises(ParameterError, match="fat region"):
        measure(elastogram, LesionRegions(disk((40, 40), (20, 20), 5), disk((50, 40), (20, 20), 5)), PARAMETERS)
    with pytest.raises(ParameterError, match="lesion region"):
        measure(elastogram, LesionRegions(Region(np.zeros((40, 40), dtype=bool), "nothing")), PARAMETERS)


def test_without_pixel_size_nothing_is_measured() -> None:
    elastogram = elastogram_of(np.ones((20, 20)), spacing_mm=None)
    with pytest.raises(ParameterError, match="size of a pixel"):
        measure(elastogram, LesionRegions(disk((20, 20), (10, 10), 4)), PARAMETERS)


def test_saturated_measurements_are_called_bounds() -> None:
    values, regions = lesion_and_fat(180.0, 12.0)
    measured = measure(elastogram_of(values, value_range=(0.0, 180.0)), regions, PARAMETERS)
    assert "saturated" in [warning.code for warning in measured.warnings]


@pytest.mark.parametrize("changes", [{"box_mm": 0.0}, {"rim_mm": -1.0}, {"smallest_valid_share": 0.0}])
def test_impossible_parameters_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        MeasurementParameters(**changes)  # type: ignore[arg-type]


def test_the_middle_of_a_box_in_the_image_places_the_same_box_by_hand() -> None:
    rng = np.random.default_rng(3)
    frame, box = (120, 140), Rectangle(20, 30, 100, 120)
    values = rng.uniform(10, 100, (box.height, box.width)).astype(np.float32)
    elastogram = screen_with_box(frame, box, Rectangle(0, 0, *frame), values=values)
    lesion = LesionRegions(disk(frame, (60, 70), 15))
    stiffest = measure(elastogram, lesion)
    again = measure(elastogram, lesion, box_center=stiffest.box_center_in_image)
    assert stiffest.box is not None
    assert again.box is not None
    np.testing.assert_array_equal(again.box.mask, stiffest.box.mask)
    assert not again.box.automatic
