"""Region properties, against scikit-image."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from library.features_examples import SPACING_MM, real_specks, simulated_specks, table_of
from MicrocalcAILib.features import FeatureSettings, calcification_features
from MicrocalcAILib.features.shapes import REGION_PROPERTIES

RAW = FeatureSettings.pyradiomics_defaults()


def assert_equal_to_scikit_image(
    pixels: np.ndarray, labels: np.ndarray, spacing_mm: tuple[float, float], names: tuple[str, ...] = REGION_PROPERTIES
) -> None:
    ours = calcification_features(pixels, labels, table_of(labels, spacing_mm), spacing_mm, RAW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its convex hull of one row of pixels
        exact = pixels.astype(np.float64)  # its mean of float32 is rounded to float32
        theirs = pd.DataFrame(regionprops_table(labels, exact, properties=("label", *names), spacing=spacing_mm))
    assert list(ours.index) == list(theirs["label"])
    for name in names:
        found, expected = ours[f"region_{name}"].to_numpy(), theirs[name].to_numpy()
        if name == "orientation":  # of an elongated region, and the same after half a turn
            elongated = theirs["eccentricity"] > 1e-3
            turn = (found - expected)[elongated] / np.pi
            np.testing.assert_allclose(turn, np.round(turn), atol=1e-6)
        else:
            # What rounding leaves, in scikit-image, of a square root that is exactly 0.
            floor = 1e-7 if name in ("eccentricity", "axis_major_length", "axis_minor_length") else 1e-12
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=floor, err_msg=name)


@pytest.mark.parametrize("specks", [real_specks, simulated_specks])
def test_thirteen_properties_equal_scikit_image(specks) -> None:  # type: ignore[no-untyped-def]
    pixels, labels = specks()
    assert_equal_to_scikit_image(pixels, labels, SPACING_MM)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), share=st.floats(0.05, 0.9))
def test_thirteen_properties_equal_scikit_image_for_any_form(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    labels = np.zeros((30, 12), np.int32)
    for label in (1, 2, 3):  # with holes, notches and separate parts
        height, width = random.integers(1, 9, 2)
        part = random.random((height, width)) < share
        part[0, 0] = True
        labels[10 * label - 10 : 10 * label - 10 + height, :width][part] = label
    assert_equal_to_scikit_image(random.normal(size=labels.shape).astype(np.float32), labels, (0.085, 0.085))


def test_properties_follow_pixels_that_are_not_square() -> None:
    pixels, labels = simulated_specks(count=40, shape=(300, 300))
    names = tuple(name for name in REGION_PROPERTIES if name != "perimeter")  # scikit-image has none then
    assert_equal_to_scikit_image(pixels, labels, (0.05, 0.09), names)


def test_intensities_are_in_the_gray_scale_of_the_settings() -> None:
    pixels, labels = simulated_specks(count=10, shape=(200, 200))
    features = calcification_features(pixels, labels, table_of(labels), SPACING_MM)
    np.testing.assert_array_equal(features["region_intensity_max"], features["foreground_original_firstorder_Maximum"])
    assert 2 < features["region_intensity_mean"].median() < 20  # standard deviations above the surroundings
