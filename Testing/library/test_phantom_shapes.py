"""Single calcifications and their arrangement: what the lexicon says about size, form and distribution."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize

from MicrocalcAILib.phantom import distributions, shapes
from MicrocalcAILib.phantom.calcifications import MORPHOLOGIES, Setting
from MicrocalcAILib.phantom.imaging import THICKNESS_FRACTION

PITCH_MM = 0.0175


def drawn(name: str, seed: int, lateral: bool = False) -> np.ndarray:
    return MORPHOLOGIES[name].draw(np.random.default_rng(seed), Setting(PITCH_MM, 0.3, lateral))


def extent(thickness: np.ndarray):
    (region,) = regionprops((thickness >= THICKNESS_FRACTION * thickness.max()).astype(int))
    return region


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.0), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_a_sphere_is_as_thick_as_its_chord(radius_mm, y_mm, x_mm):
    thickness = shapes.spheres(np.array([[y_mm, x_mm]]), np.array([radius_mm]), PITCH_MM)
    axis = (np.arange(len(thickness)) - len(thickness) // 2) * PITCH_MM
    squared = radius_mm**2 - (axis[:, None] - y_mm) ** 2 - (axis - x_mm) ** 2
    np.testing.assert_allclose(thickness, 2 * np.sqrt(np.maximum(squared, 0)), atol=1e-5)


def test_overlapping_spheres_do_not_add_up():
    one = shapes.spheres(np.array([[0.0, 0.0]]), np.array([0.2]), PITCH_MM)
    two = shapes.spheres(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([0.2, 0.2]), PITCH_MM)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", MORPHOLOGIES)
@pytest.mark.parametrize("lateral", [False, True])
def test_every_morphology_is_a_centered_map_of_positive_thickness(name, lateral):
    for seed in range(5):
        thickness = drawn(name, seed, lateral)
        assert thickness.dtype == np.float32
        assert thickness.shape[0] == thickness.shape[1]
        assert thickness.shape[0] % 2 == 1
        assert np.isfinite(thickness).all()
        assert thickness.min() == 0
        assert 0.05 < thickness.max() < 15
        border = np.concatenate([thickness[0], thickness[-1], thickness[:, 0], thickness[:, -1]])
        assert border.max() < THICKNESS_FRACTION * thickness.max()


@pytest.mark.parametrize(
    ("name", "smallest_mm", "largest_mm"),
    [
        ("punctate", 0.1, 0.5),
        ("round", 0.45, 1.1),
        ("fine pleomorphic", 0.08, 0.8),
        ("coarse heterogeneous", 0.3, 1.7),
        ("fine linear", 0.4, 3.0),
        ("large rod-like", 2.0, 11.0),
        ("rim", 0.8, 15.0),
        ("popcorn", 1.5, 10.0),
    ],
)
def test_sizes_follow_the_lexicon(name, smallest_mm, largest_mm):
    lengths_mm = [extent(drawn(name, seed)).axis_major_length * PITCH_MM for seed in range(25)]
    assert smallest_mm <= min(lengths_mm)
    assert max(lengths_mm) <= largest_mm


def test_fine_linear_calcifications_are_long_and_narrower_than_half_a_millimeter():
    for seed in range(10):
        region = extent(drawn("fine linear", seed))
        assert region.axis_major_length > 2 * region.axis_minor_length
        width_mm = region.area / skeletonize(region.image).sum() * PITCH_MM
        assert width_mm < 0.5


def test_branching_calcifications_have_three_ends_or_more_and_linear_ones_two():
    def ends(thickness: np.ndarray) -> int:
        skeleton = np.pad(skeletonize(thickness > 0), 1)
        neighbors = sum(np.roll(np.roll(skeleton, down, 0), right, 1) for down in (-1, 0, 1) for right in (-1, 0, 1))
        return int((skeleton & (neighbors == 2)).sum())

    branching = [ends(drawn("fine linear branching", seed)) for seed in range(10)]
    assert np.median(branching) >= 3
    straight = [ends(drawn("large rod-like", seed)) for seed in range(10)]
    assert np.median(straight) == 2


def test_rims_are_lucent_in_the_middle_and_round_ones_are_not():
    def middle_to_peak(name: str, seed: int) -> float:
        thickness = drawn(name, seed)
        middle = len(thickness) // 2
        return float(thickness[middle - 1 : middle + 2, middle - 1 : middle + 2].mean() / thickness.max())

    assert max(middle_to_peak("rim", seed) for seed in range(10)) < 0.7
    assert min(middle_to_peak("round", seed) for seed in range(10)) > 0.95


def test_milk_of_calcium_lies_at_the_bottom_in_lateral_views_and_is_a_smudge_in_cc():
    for seed in range(5):
        cup = drawn("milk of calcium", seed, lateral=True)
        rows = np.flatnonzero((cup > 0).any(axis=1))
        assert rows.min() > len(cup) // 2 - 1  # the fluid level is at or below the middle
        widest = (cup > 0).sum(axis=1).argmax()
        assert widest - rows.min() < 0.3 * len(rows) + 1  # flat above, round below
        smudge = drawn("milk of calcium", seed)
        assert (smudge[: len(smudge) // 2] > 0).any()


def test_amorphous_calcifications_have_softer_margins_than_punctate_ones():
    def share_near_the_peak(name: str) -> float:
        maps = [drawn(name, seed) for seed in range(15)]
        return float(np.mean([(m > 0.7 * m.max()).sum() / (m > 0.05 * m.max()).sum() for m in maps]))

    assert share_near_the_peak("amorphous") < 0.6 * share_near_the_peak("punctate")


def test_lobes_hang_together():
    for seed in range(10):
        assert label(drawn("popcorn", seed) > 0).max() == 1


def points_of(name, count=80, seed=1, center_mm=(100.0, 40.0), nipple_mm=(100.0, 100.0)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    place = distributions.Place(np.array(center_mm), np.array(nipple_mm), lambda rng: rng.uniform([20, 0], [180, 90]))
    layouts = {"vessel": distributions.vessel, "duct tree": distributions.duct_tree, **distributions.DISTRIBUTIONS}
    layout = layouts[name]
    return np.array([site.point_mm for site in islice(layout(rng, place), count)])


def spread(points: np.ndarray) -> np.ndarray:
    """Standard deviations along the principal axes, greatest first."""
    return np.sqrt(np.linalg.eigvalsh(np.cov(points.T))[::-1])


@pytest.mark.parametrize("seed", range(8))
def test_a_group_fits_into_two_centimeters_and_a_region_does_not(seed):
    grouped = points_of("grouped", seed=seed)
    assert np.linalg.norm(grouped[:, None] - grouped, axis=2).max() <= 20
    regional = points_of("regional", seed=seed)
    assert np.linalg.norm(regional[:, None] - regional, axis=2).max() > 20


@pytest.mark.parametrize("seed", range(8))
def test_a_line_is_long_and_thin_and_points_to_the_nipple(seed):
    points = points_of("linear", seed=seed)
    longest, across = spread(points)
    assert longest > 3 * across
    axis = np.linalg.eigh(np.cov(points.T))[1][:, 1]
    assert abs(axis[1]) > 0.8  # the nipple lies to the right of the center


@pytest.mark.parametrize("seed", range(8))
def test_a_segment_is_a_wedge_seen_from_the_nipple(seed):
    away = np.array([100.0, 100.0]) - points_of("segmental", seed=seed)
    angles = np.arctan2(away[:, 0], away[:, 1])
    assert np.ptp(angles) < 0.85
    assert np.ptp(np.hypot(*away.T)) > 15


def test_diffuse_calcifications_reach_all_parts_of_the_breast():
    points = points_of("diffuse")
    assert np.ptp(points[:, 0]) > 120
    assert np.ptp(points[:, 1]) > 70


@pytest.mark.parametrize("seed", range(5))
def test_a_duct_tree_has_side_branches_that_leave_a_stem_toward_the_nipple(seed):
    points = points_of("duct tree", count=300, seed=seed)
    longest, across = spread(points)
    assert longest > 3
    assert across > 0.5  # a stem alone has the 0.1 mm of its scatter and its bend
    nearest = np.sort(np.linalg.norm(points[:, None] - points, axis=2), axis=1)[:, 1:4]
    assert np.median(nearest) < 1  # lines, not an area


@pytest.mark.parametrize("seed", range(5))
def test_a_vessel_has_two_parallel_walls(seed):
    points = points_of("vessel", count=300, seed=seed)
    # the distances across a short piece of the course fall into two groups, a caliber apart
    piece = points[np.argsort(points @ np.linalg.eigh(np.cov(points.T))[1][:, 1])][140:160]
    across = np.sort(piece @ np.linalg.eigh(np.cov(points.T))[1][:, 0])
    assert np.diff(across).max() > 0.4
