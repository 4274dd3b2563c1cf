"""Distances around, inside and between regions, against transforms of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from elastography.elastogram_examples import disk
from MicrocalcElastographyLib.measurement.regions import Region, depth_inside, gaps_mm, within_reach

Mask = NDArray[np.bool_]
SPACING = (0.25, 0.4)

masks = arrays(bool, (14, 17)).filter(lambda mask: bool(mask.any()))


@settings(max_examples=60, deadline=None)
@given(masks, st.floats(0.1, 6.0))
def test_what_is_within_reach_is_told_by_the_transform_of_the_whole_image(mask: Mask, reach: float) -> None:
    whole = distance_transform_edt(~mask, sampling=SPACING)
    assert np.array_equal(within_reach(mask, SPACING, reach), whole <= reach)


@settings(max_examples=60, deadline=None)
@given(masks, st.lists(st.floats(0.1, 6.0), min_size=2, max_size=3))
def test_one_region_answers_for_several_reaches_in_any_order(mask: Mask, reaches: list[float]) -> None:
    region, whole = Region(mask, "any"), distance_transform_edt(~mask, sampling=SPACING)
    for reach in reaches:
        assert np.array_equal(region.within_reach(SPACING, reach), whole <= reach)


@settings(max_examples=60, deadline=None)
@given(masks.filter(lambda mask: not mask.all()))
def test_depth_inside_is_the_transform_of_the_whole_image(mask: Mask) -> None:
    np.testing.assert_allclose(depth_inside(mask, SPACING), distance_transform_edt(mask, sampling=SPACING))


@settings(max_examples=60, deadline=None)
@given(masks, masks)
def test_gap_is_the_smallest_distance_of_any_two_pixels(first: Mask, second: Mask) -> None:
    expected = distance_transform_edt(~first, sampling=SPACING)[second].min()
    assert _gap(first, second) == pytest.approx(expected)


def test_gap_of_a_region_within_another_is_zero() -> None:
    outer, inner = disk((60, 60), (30, 30), 20).mask, disk((60, 60), (30, 30), 3).mask
    assert _gap(outer, inner) == _gap(inner, outer) == 0.0


def _gap(first: Mask, second: Mask) -> float:
    (gap,) = gaps_mm(Region(first, "first"), [Region(second, "second")], SPACING)
    return gap
