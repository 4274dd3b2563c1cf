from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError
from MicrocalcElastographyLib.color_scale import ColorScale, bundled_color_scale, table_names
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.inversion import Inversion, InversionParameters, invert
from MicrocalcElastographyLib.unblending import estimate_opacity, match_colors

EXACT = InversionParameters(border_px=0, smoothing_px=1)


def speckle(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    parts = [ndimage.gaussian_filter(random.normal(size=shape), (1.0, 2.0)) for _ in range(2)]
    envelope = np.hypot(*parts)
    return np.clip(envelope / np.quantile(envelope, 0.99) * 200.0, 0, 255).astype(np.uint8)


def stiffness(shape: tuple[int, int], low: float, high: float, seed: int = 1) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 9.0)
    return low + (high - low) * (field - field.min()) / np.ptp(field)


def painted(
    values: NDArray[np.float64], b_mode: NDArray[np.uint8], scale: ColorScale, opacity: float
) -> NDArray[np.uint8]:
    gray = b_mode[..., None].astype(np.float64)
    return np.rint((1 - opacity) * gray + opacity * scale.colors_of(values)).astype(np.uint8)


def through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return np.array(Image.open(stream))


def error(inversion: Inversion, truth: NDArray[np.float64]) -> float:
    return float(np.abs(inversion.values - truth)[inversion.valid].mean())


@pytest.mark.parametrize("table", table_names())
@pytest.mark.parametrize(("opacity", "knowing"), [(1.0, "opacity"), (0.5, "both"), (0.3, "opacity"), (0.3, "b_mode")])
@pytest.mark.parametrize(("low", "high"), [(3.0, 12.0), (160.0, 179.0), (5.0, 175.0)])
def test_lossless_colors_give_the_values_back(
    table: str, opacity: float, knowing: str, low: float, high: float
) -> None:
    scale, b_mode, truth = bundled_color_scale(table, 0.0, 180.0), speckle((90, 110)), stiffness((90, 110), low, high)
    found = invert(
        painted(truth, b_mode, scale, opacity),
        scale,
        opacity=None if knowing == "b_mode" else opacity,
        b_mode=None if knowing == "opacity" else b_mode,
    )
    assert found.quality.effective_opacity == pytest.approx(opacity, abs=0.02)
    assert error(found, truth) < 0.6
    assert found.quality.void_fraction == 0.0
    assert found.quality.valid_fraction > 0.8


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_compressed_colors_give_the_values_back_within_the_compression(opacity: float) -> None:
    scale, truth = bundled_color_scale("supersonic", 0.0, 180.0), stiffness((128, 128), 5.0, 175.0)
    b_mode = speckle((128, 128))
    screen = through_jpeg(np.vstack([painted(truth, b_mode, scale, opacity), np.repeat(b_mode[..., None], 3, 2)]), 75)
    pair = screen[128:].mean(axis=2).astype(np.uint8)
    assert error(invert(screen[:128], scale, opacity=opacity), truth) < 2.5
    assert error(invert(screen[:128], scale, b_mode=pair), truth) < 2.5


def test_matching_is_the_nearest_blended_color() -> None:
    """Against brute force: a known B-mode without noise makes all three channels count alike."""
    scale, opacity = bundled_color_scale("turbo", 0.0, 100.0), 0.6
    b_mode = np.full((12, 12), 80, np.uint8)
    colors = painted(stiffness((12, 12), 0.0, 100.0), b_mode, scale, opacity)
    match = match_colors(colors, scale, opacity, b_mode, smoothing_px=1)
    table = (1 - opacity) * 80.0 + opacity * scale.resampled(2048)
    distance = np.linalg.norm(colors[:, :, None].astype(float) - table, axis=3)
    brute = (distance.argmin(axis=2) + 0.5) / 2048
    assert match.fractions == pytest.approx(brute, abs=0.02)
    assert match.distance_to_scale == pytest.approx(distance.min(axis=2), abs=1.0)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.25, 1.0), st.integers(0, 1000))
def test_the_opacity_follows_from_the_paired_b_mode(opacity: float, seed: int) -> None:
    scale, b_mode = bundled_color_scale("jet", 0.0, 180.0), speckle((40, 60), seed)
    estimate = estimate_opacity(painted(stiffness((40, 60), 2.0, 12.0, seed), b_mode, scale, opacity), scale, b_mode)
    assert estimate is not None
    assert estimate.opacity == pytest.approx(opacity, abs=0.03)


def test_a_box_of_many_colors_tells_its_opacity_by_itself() -> None:
    scale, truth = bundled_color_scale("supersonic", 0.0, 180.0), stiffness((80, 80), 5.0, 175.0)
    found = invert(painted(truth, speckle((80, 80)), scale, 0.45), scale)
    assert found.quality.opacity_source == "least residual"
    assert found.quality.effective_opacity == pytest.approx(0.45, abs=0.01)
    assert error(found, truth) < 0.8
    assert found.warnings == ()


@pytest.mark.parametrize("opacity", [0.8, 0.3])
def test_a_box_of_one_color_does_not_and_the_result_says_so(opacity: float) -> None:
    scale = bundled_color_scale("jet", 0.0, 180.0)
    found = invert(painted(stiffness((80, 80), 3.0, 12.0), speckle((80, 80)), scale, opacity), scale)
    assert [warning.code for warning in found.warnings] == ["opacity-uncertain"]
    low, high = found.quality.opacity_interval or (0.0, 0.0)
    assert high - low > 0.1 * opacity


def test_an_opacity_that_contradicts_the_paired_b_mode_is_reported() -> None:
    scale, b_mode = bundled_color_scale("jet", 0.0, 180.0), speckle((80, 80))
    colors = painted(stiffness((80, 80), 5.0, 175.0), b_mode, scale, 0.5)
    assert "opacity-disagrees" in [w.code for w in invert(colors, scale, opacity=0.9, b_mode=b_mode).warnings]
    assert invert(colors, scale, opacity=0.5, b_mode=b_mode).warnings == ()


@pytest.mark.parametrize("opacity", [1.0, 0.5, 0.3])
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("table", ["supersonic", "jet", "turbo", "viridis"])
def test_a_transparent_void_is_void_and_never_soft(opacity: float, paired: bool, table: str) -> None:
    scale, b_mode, truth = bundled_color_scale(table, 0.0, 180.0), speckle((80, 80)), stiffness((80, 80), 60.0, 170.0)
    colors = painted(truth, b_mode, scale, opacity)
    void = np.zeros((80, 80), bool)
    void[20:50, 30:70] = True
    colors[void] = b_mode[void][:, None]
    found = invert(colors, scale, opacity=opacity, b_mode=b_mode if paired else None, parameters=EXACT)
    assert not found.valid[void].any()
    assert np.isnan(found.values[void]).all()
    assert found.quality.void_fraction == pytest.approx(void.mean(), abs=0.005)
    # Nor does its border: colors mixed with a void could look soft.
    bordered = invert(colors, scale, opacity=opacity, b_mode=b_mode if paired else None)
    assert np.nanmin(bordered.values) > 50.0
    assert bordered.quality.border_fraction > 0.0


@pytest.mark.parametrize("paired", [True, False])
def test_a_black_void_is_not_taken_for_the_dark_soft_end_of_a_table(paired: bool) -> None:
    ramp = np.linspace(0.0, 255.0, 128)
    black_to_red_to_yellow = np.stack([np.minimum(2 * ramp, 255), np.maximum(2 * ramp - 255, 0), 0 * ramp], axis=1)
    scale = ColorScale(black_to_red_to_yellow, 0.0, 180.0, Unit.KILOPASCAL)
    colors = painted(np.full((40, 40), 120.0), np.zeros((40, 40), np.uint8), scale, 1.0)
    colors[10:30, 10:30] = 0
    found = invert(colors, scale, opacity=1.0, b_mode=speckle((40, 40)) if paired else None)
    assert not found.valid[10:30, 10:30].any()


def test_text_and_outlines_inside_the_box_carry_no_value() -> None:
    scale, b_mode, truth = bundled_color_scale("supersonic", 0.0, 180.0), speckle((80, 80)), stiffness((80, 80), 20, 60)
    colors = painted(truth, b_mode, scale, 0.8)
    colors[40:43, 10:70] = (255, 0, 255)
    colors[10:70, 20:22] = 255
    found = invert(colors, scale, opacity=0.8, b_mode=b_mode)
    assert not found.valid[40:43, 10:70].any()
    assert not found.valid[10:70, 20:22].any()
    assert error(found, truth) < 0.5
    assert found.quality.off_table_fraction > 0.03


def test_a_box_without_any_color_is_all_void_and_says_so() -> None:
    found = invert(np.repeat(speckle((30, 30))[..., None], 3, axis=2), bundled_color_scale("jet", 0.0, 180.0))
    assert not found.valid.any()
    assert found.quality.void_fraction == 1.0
    assert found.quality.off_table_residual is None
    assert "no-elasticity" in [warning.code for warning in found.warnings]


def test_colors_of_another_table_are_reported() -> None:
    b_mode, truth = speckle((60, 60)), stiffness((60, 60), 5.0, 175.0)
    foreign = painted(truth, b_mode, bundled_color_scale("viridis", 0.0, 180.0), 1.0)
    found = invert(foreign, bundled_color_scale("jet", 0.0, 180.0), opacity=1.0)
    assert {"off-table-colors", "no-elasticity", "colors-do-not-fit"} & {warning.code for warning in found.warnings}


def test_the_ends_of_the_scale_count_as_saturated() -> None:
    scale = bundled_color_scale("jet", 0.0, 180.0)
    truth = np.full((40, 40), 90.0)
    truth[:, :10], truth[:, 30:] = 400.0, 0.0
    quality = invert(painted(truth, speckle((40, 40)), scale, 1.0), scale, opacity=1.0, parameters=EXACT).quality
    assert quality.saturated_high_fraction == pytest.approx(0.25)
    assert quality.saturated_low_fraction == pytest.approx(0.25)


def test_nearest_color_matching_errs_where_unblending_does_not() -> None:
    scale, b_mode, truth = bundled_color_scale("viridis", 0.0, 180.0), speckle((80, 80)), stiffness((80, 80), 5, 175)
    colors = painted(truth, b_mode, scale, 0.5)
    table = scale.resampled(256)
    nearest = np.linalg.norm(colors[:, :, None].astype(float) - table, axis=3).argmin(axis=2)
    assert np.abs(scale.values((nearest + 0.5) / 256) - truth).mean() > 10.0
    assert error(invert(colors, scale, opacity=0.5), truth) < 0.6


def test_gray_scales_are_refused() -> None:
    ramp = np.repeat(np.linspace(0, 255, 64)[:, None], 3, axis=1)
    with pytest.raises(UnsupportedImageError, match="gray"):
        invert(np.zeros((20, 20, 3), np.uint8), ColorScale(ramp, 0.0, 180.0, Unit.KILOPASCAL))


@pytest.mark.parametrize("opacity", [0.0, 1.2, float("nan")])
def test_an_impossible_opacity_is_refused(opacity: float) -> None:
    with pytest.raises(ParameterError, match="opacity"):
        invert(np.zeros((20, 20, 3), np.uint8), bundled_color_scale("jet", 0.0, 180.0), opacity=opacity)


def test_a_b_mode_of_another_shape_and_a_tiny_box_are_refused() -> None:
    scale = bundled_color_scale("jet", 0.0, 180.0)
    with pytest.raises(ParameterError, match="shape"):
        invert(np.zeros((20, 20, 3), np.uint8), scale, b_mode=np.zeros((20, 21), np.uint8))
    with pytest.raises(ParameterError, match="too small"):
        invert(np.zeros((4, 20, 3), np.uint8), scale)


@pytest.mark.parametrize(
    "wrong", [{"off_table_limit": 0.0}, {"border_px": -1}, {"smoothing_px": 2}, {"saturation_share": 0.6}]
)
def test_parameters_outside_their_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        InversionParameters(**wrong)
