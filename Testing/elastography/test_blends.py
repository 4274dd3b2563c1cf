"""Colors laid over the B-mode image in other ways than in display levels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from MicrocalcElastographyLib.blends import Blend, follows_brightness, likeliest_blend, recovered
from MicrocalcElastographyLib.color_scale import bundled_color_scale
from MicrocalcElastographyLib.inversion import invert

GAMMA = 2.2
SCALE = bundled_color_scale("jet", 0.0, 180.0)


def smooth(low: float, high: float) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:90, :110]
    return low + (high - low) * (0.5 + 0.5 * np.sin(rows / 19.0) * np.cos(columns / 23.0))


def speckled(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(15, 190, size=(90, 110)).astype(np.uint8)


def blended(values: NDArray[np.float64], gray: NDArray[np.uint8], opacity: float, blend: Blend) -> NDArray[np.uint8]:
    color, level = SCALE.colors_of(values), gray[..., None].astype(np.float64)
    if blend is Blend.LINEAR_LIGHT:
        light = (1 - opacity) * (level / 255) ** GAMMA + opacity * (color / 255) ** GAMMA
        shown = 255 * light ** (1 / GAMMA)
    elif blend is Blend.MODULATED:
        shown = color * (1 - (1 - opacity) * (1 - level / 255))
    else:
        shown = (1 - opacity) * level + opacity * color
    return np.rint(shown).astype(np.uint8)


@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize("knows_opacity", [True, False])
def test_any_way_of_blending_gives_the_values_back_with_the_paired_b_mode(blend: Blend, knows_opacity: bool) -> None:
    truth, gray = smooth(10.0, 170.0), speckled()
    colors = blended(truth, gray, 0.6, blend)
    found = invert(colors, SCALE, opacity=0.6 if knows_opacity else None, b_mode=gray)
    assert found.valid.mean() > 0.8
    assert np.abs(found.values - truth)[found.valid].mean() < 1.5
    assert found.quality.effective_opacity == pytest.approx(0.6, abs=0.03)
    assert ("blend-unusual" in [warning.code for warning in found.warnings]) == (blend is not Blend.DISPLAY)


@pytest.mark.parametrize("blend", list(Blend))
def test_what_was_blended_is_recovered(blend: Blend) -> None:
    truth, gray = smooth(30.0, 150.0), speckled(1)
    back = recovered(blended(truth, gray, 0.7, blend), gray, 0.7, blend)
    assert np.abs(back - SCALE.colors_of(truth)).mean() < 3.0


def test_the_usual_way_needs_no_other() -> None:
    truth, gray = smooth(10.0, 170.0), speckled(2)
    assert likeliest_blend(blended(truth, gray, 0.5, Blend.DISPLAY), gray, SCALE, 0.5) is None
    assert likeliest_blend(blended(truth, gray, 0.5, Blend.DISPLAY), gray, SCALE, None) is None


def test_colors_that_keep_off_the_bar_where_it_is_bright_are_noticed() -> None:
    random = np.random.default_rng(0)
    brightness = random.integers(0, 255, 4000)
    follows = (0.08 * brightness + random.normal(0, 1, 4000)).astype(np.float32)
    assert follows_brightness(np.abs(follows), brightness)
    assert not follows_brightness(np.abs(random.normal(9, 3, 4000)).astype(np.float32), brightness)
    assert not follows_brightness(np.full(4000, 1.0, np.float32), brightness)
