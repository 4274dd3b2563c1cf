from __future__ import annotations

import numpy as np
import pytest

from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.color_scale import ColorScale, bundled_color_scale
from MicrocalcElastographyLib.color_uncertainty import uncertainty_of
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Elastogram, Quality, Unit
from MicrocalcElastographyLib.measurement import region_statistics
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.uncertainty import Uncertainty, interval_of_ratio

STATED = 0.95
LEAST_COVERAGE = 0.90


def coverage(parameters: PhantomParameters, knows_opacity: bool, is_paired: bool) -> tuple[list[bool], list[bool]]:
    """Whether the intervals of mean and maximum hold the truth, in squares all over one simulated screen."""
    screen = simulate_screen(parameters)
    assert screen.b_mode_panel is not None
    offset = (screen.b_mode_panel.top - screen.color_panel.top, screen.b_mode_panel.left - screen.color_panel.left)
    known = Calibration(
        box=screen.box,
        bar=screen.bar,
        values_at_ends=screen.values_at_ends,
        unit=Unit.KILOPASCAL,
        opacity=parameters.opacity if knows_opacity else None,
        b_mode_offset=offset if is_paired else None,
    )
    elastogram = elastogram_of_screen(ScreenFrame(screen.frame), known)
    means, maxima = [], []
    for top in range(8, elastogram.values.shape[0] - 24, 26):
        for left in range(8, elastogram.values.shape[1] - 24, 26):
            mask = np.zeros(elastogram.values.shape, dtype=bool)
            mask[top : top + 22, left : left + 22] = True
            truth = screen.values[mask & elastogram.valid]
            if truth.size < 300 or truth.min() < 2.0 or truth.max() > 170.0:  # the scale ends at 0 and 180
                continue
            found = region_statistics(elastogram, mask)
            assert found.mean_interval is not None
            assert found.maximum_interval is not None
            means.append(found.mean_interval[0] <= truth.mean() <= found.mean_interval[1])
            maxima.append(found.maximum_interval[0] <= truth.max() <= found.maximum_interval[1])
    return means, maxima


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Squares on six screens that differ in color table, opacity, compression and what is known of them."""
    cases = [
        ("supersonic", 1.0, None, True, True),
        ("jet", 0.8, 90, True, False),
        ("rainbow", 0.5, 75, True, True),
        ("turbo", 0.4, 75, True, False),
        ("spectrum", 0.5, 90, False, True),
        ("viridis", 0.5, 75, True, True),
    ]
    means, maxima = [], []
    for seed, (table, opacity, quality, knows_opacity, is_paired) in enumerate(cases):
        parameters = PhantomParameters(seed=seed, color_table=table, opacity=opacity, jpeg_quality=quality)
        held = coverage(parameters, knows_opacity, is_paired)
        means += held[0]
        maxima += held[1]
    assert len(means) > 100
    assert np.mean(means) >= LEAST_COVERAGE
    assert np.mean(maxima) >= LEAST_COVERAGE


def uncertainty_on(scale: ColorScale, opacity: float = 1.0, opacity_sd: float = 0.0, place: float = 0.5) -> Uncertainty:
    shape = (16, 16)
    return uncertainty_of(
        np.full(shape, place, np.float32), np.ones(shape, np.float32), np.ones(shape, bool), scale, opacity, opacity_sd,
        with_brightness=True,
    )  # fmt: skip


def test_a_weak_overlay_and_an_unsure_opacity_widen_the_interval() -> None:
    scale = bundled_color_scale("jet", 0.0, 180.0)
    assert uncertainty_on(scale, 0.4).noise.mean() > 2.0 * uncertainty_on(scale, 1.0).noise.mean()
    # At the dark blue end a value is told by how strong its color is.
    assert (
        uncertainty_on(scale, 0.5, 0.05, 0.06).common.mean() > 2.0 * uncertainty_on(scale, 0.5, 0.0, 0.06).common.mean()
    )


def test_a_bar_of_few_colors_is_only_as_sure_as_its_bins_are_narrow() -> None:
    smooth = bundled_color_scale("jet", 0.0, 180.0)
    bins = smooth.colors[(np.arange(256) * 12 // 256) * 21]
    coarse = ColorScale(bins, 0.0, 180.0, Unit.KILOPASCAL)
    assert uncertainty_on(coarse).common.mean() == pytest.approx(180.0 / 12 / np.sqrt(12), rel=0.2)
    assert uncertainty_on(smooth).common.mean() < 1.5


def test_intervals_follow_into_the_other_unit() -> None:
    values = np.full((10, 10), 48.0, np.float32)
    one = np.ones((10, 10), np.float32)
    elastogram = Elastogram(
        values, np.ones((10, 10), bool), Unit.KILOPASCAL, Quality(100, 0.0), uncertainty=Uncertainty(0 * one, 3 * one)
    )
    mask = np.ones((10, 10), bool)
    speed = region_statistics(elastogram.in_unit(Unit.METERS_PER_SECOND), mask)
    stiffness = region_statistics(elastogram, mask)
    assert stiffness.mean_interval == pytest.approx((48.0 - 1.96 * 3, 48.0 + 1.96 * 3))
    assert speed.mean == pytest.approx(4.0)
    assert speed.mean_interval == pytest.approx((4.0 - 1.96 / 8, 4.0 + 1.96 / 8))


def test_a_ratio_is_as_unsure_as_both_of_its_parts() -> None:
    assert interval_of_ratio((60.0, (54.0, 66.0)), (20.0, (20.0, 20.0))) == pytest.approx((2.7, 3.3))
    low, high = interval_of_ratio((60.0, (54.0, 66.0)), (20.0, (18.0, 22.0)))
    assert (low, high) == pytest.approx((3.0 - 0.3 * np.sqrt(2), 3.0 + 0.3 * np.sqrt(2)))
