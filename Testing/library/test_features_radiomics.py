"""Radiomics of calcifications and their surroundings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics.glcm import RadiomicsGLCM  # type: ignore[import-untyped]
from scipy import ndimage

from library.features_examples import SPACING_MM, real_specks, simulated_specks, table_of
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.features import CALCIFICATION_FEATURES, FeatureSettings, calcification_features
from MicrocalcAILib.features import calcifications as calcifications_module
from MicrocalcAILib.features.regions import surrounding_regions

RAW = FeatureSettings.pyradiomics_defaults()
# What rounding leaves of a value that is exactly 0, in pyradiomics; everywhere else 1e-6 relative has to hold.
ROUNDING = {"glcm_Imc2": 1e-7, "glcm_MCC": 1e-7, "shape2D_MinorAxisLength": 1e-8, "shape2D_Elongation": 1e-7}


def assert_equal_to_pyradiomics(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    for name in theirs.columns:
        floor = next((value for end, value in ROUNDING.items() if name.endswith(end)), 1e-12)
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=floor, err_msg=name)


def by_both_engines(
    pixels: np.ndarray, labels: np.ndarray, table: pd.DataFrame, chosen: FeatureSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    ours = calcification_features(pixels, labels, table, SPACING_MM, chosen)
    theirs = calcification_features(pixels, labels, table, SPACING_MM, replace(chosen, engine="pyradiomics"))
    return ours, theirs


def one_speck(mask: list[list[int]], values: list[list[int]] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """An image of 30 × 30 pixels with one calcification near its middle."""
    labels = np.zeros((30, 30), np.int32)
    height, width = np.shape(mask)
    labels[12 : 12 + height, 13 : 13 + width] = mask
    pixels = np.random.default_rng(0).integers(100, 200, labels.shape).astype(np.float32)
    if values is not None:
        pixels[12 : 12 + height, 13 : 13 + width] = values
    return pixels, labels


@pytest.mark.parametrize("chosen", [RAW, FeatureSettings(), FeatureSettings(bin_width=None, bin_count=16)])
def test_every_feature_equals_pyradiomics(chosen: FeatureSettings) -> None:
    for pixels, labels in (real_specks(), simulated_specks()):
        table = table_of(labels)
        table = table[(table["row_max"] > table["row_min"]) & (table["column_max"] > table["column_min"])][::12]
        ours, theirs = by_both_engines(pixels, labels, table, chosen)
        assert len(ours) > 15
        assert_equal_to_pyradiomics(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [RAW, FeatureSettings()])
def test_every_feature_equals_pyradiomics_on_hundreds_of_specks(chosen: FeatureSettings) -> None:
    compared = 0
    for pixels, labels in (real_specks(), simulated_specks(seed=1)):
        table = table_of(labels)
        table = table[(table["row_max"] > table["row_min"]) & (table["column_max"] > table["column_min"])][:220]
        assert_equal_to_pyradiomics(*by_both_engines(pixels, labels, table, chosen))
        compared += len(table)
    assert compared >= 300


@st.composite
def small_regions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    height, width, levels = draw(st.integers(2, 7)), draw(st.integers(2, 7)), draw(st.integers(1, 6))
    size = height * width
    mask = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(height, width)
    mask[0, 0] = mask[-1, -1] = True  # two rows and two columns at least
    gray = np.array(draw(st.lists(st.integers(0, levels), min_size=size, max_size=size))).reshape(height, width)
    return one_speck(mask.astype(int).tolist(), (25 * gray).tolist())


@settings(max_examples=30, deadline=None)
@given(small_regions())
def test_every_feature_equals_pyradiomics_on_regions_of_any_form(region: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, labels = region
    ours, theirs = by_both_engines(pixels, labels, table_of(labels), RAW)
    assert not ours.isna().any(axis=None)
    directions = cooccurrence_by_direction(pixels, labels)
    if directions is None:
        return  # no pair of neighbors: pyradiomics has no co-occurrence features
    theirs["foreground_original_glcm_Imc2"], theirs["foreground_original_glcm_MCC"] = documented_correlations(
        directions
    )
    assert_equal_to_pyradiomics(ours, theirs)


def cooccurrence_by_direction(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """pyradiomics' own matrices, shape (levels, levels, directions); None when there is no pair of neighbors."""
    family = RadiomicsGLCM(sitk.GetImageFromArray(pixels.astype(float)), sitk.GetImageFromArray(labels), binWidth=25)
    family._initCalculation()
    matrices = family.P_glcm[0]
    return None if matrices.size == 0 or np.isnan(matrices).any() else matrices


def documented_correlations(directions: np.ndarray) -> tuple[float, float]:
    """Imc2 and MCC as pyradiomics documents them: 0, not left out, where rounding makes the argument negative."""
    second, maximal = [], []
    for direction in range(directions.shape[2]):
        shares = directions[:, :, direction]
        marginal = shares.sum(axis=0)
        product = np.outer(marginal, marginal)
        information = np.sum(shares[shares > 0] * np.log2(shares[shares > 0] / product[shares > 0]))
        second.append(np.sqrt(max(1 - np.exp(-2 * information), 0)))
        if len(shares) == 1:
            maximal.append(1.0)
            continue
        ratio = np.divide(shares, marginal, out=np.zeros_like(shares), where=marginal > 0)
        eigenvalues = np.sort(np.linalg.eigvals(ratio.T @ ratio.T).real)  # Q = (P / p) (P / p) for symmetrical P
        maximal.append(np.sqrt(max(eigenvalues[-2], 0)))
    return float(np.mean(second)), float(np.mean(maximal))


@pytest.mark.parametrize("mask", [[[1]], [[1, 1, 1, 1]], [[1], [1]], [[1, 0], [0, 1]]])
@pytest.mark.parametrize("chosen", [RAW, FeatureSettings(), replace(RAW, engine="pyradiomics")])
def test_smallest_calcifications_have_every_feature(mask: list[list[int]], chosen: FeatureSettings) -> None:
    pixels, labels = one_speck(mask)
    features = calcification_features(pixels, labels, table_of(labels), SPACING_MM, chosen)
    assert np.isfinite(features.to_numpy()).all()


def test_one_pixel_has_the_documented_values() -> None:
    pixels, labels = one_speck([[1]], [[150]])
    features = calcification_features(pixels, labels, table_of(labels), SPACING_MM, RAW).iloc[0]
    expected = {
        "firstorder_Mean": 150,
        "firstorder_Variance": 0,
        "firstorder_Kurtosis": 0,
        "firstorder_Entropy": 0,
        "firstorder_RobustMeanAbsoluteDeviation": 0,
        "shape2D_PixelSurface": 0.07**2,
        "shape2D_MeshSurface": 0.07**2 / 2,
        "shape2D_MaximumDiameter": 0.07,
        "shape2D_MajorAxisLength": 0,
        "shape2D_Elongation": 1,
        "glcm_Contrast": 0,
        "glcm_Correlation": 1,
        "glcm_JointEnergy": 1,
        "glcm_MCC": 1,
        "glcm_Imc2": 0,
        "glrlm_RunPercentage": 1,
        "glrlm_ShortRunEmphasis": 1,
        "glszm_ZonePercentage": 1,
        "gldm_SmallDependenceEmphasis": 1,
        "ngtdm_Coarseness": 1e6,
        "ngtdm_Strength": 0,
    }
    found = {name: features[f"foreground_original_{name}"] for name in expected}
    assert found == pytest.approx(expected, abs=1e-15)


def test_a_flat_calcification_has_the_values_of_pyradiomics() -> None:
    pixels, labels = one_speck([[1, 1, 1], [1, 1, 1]], [[150, 150, 150], [150, 150, 150]])
    assert_equal_to_pyradiomics(*by_both_engines(pixels, labels, table_of(labels), RAW))


@given(factor=st.sampled_from([0.25, 0.5, 4.0, 16.0]), offset=st.integers(-2000, 2000))
@settings(max_examples=20, deadline=None)
def test_default_features_do_not_depend_on_bit_depth_and_offset(factor: float, offset: int) -> None:
    pixels, labels = simulated_specks(count=6, shape=(200, 200))
    table = table_of(labels)
    before = calcification_features(pixels, labels, table, SPACING_MM)
    after = calcification_features(pixels * np.float32(factor) + np.float32(offset), labels, table, SPACING_MM)
    pd.testing.assert_frame_equal(before, after, rtol=1e-12)


def test_features_of_raw_values_depend_on_the_bit_depth() -> None:
    pixels, labels = simulated_specks(count=20, shape=(300, 300))
    table = table_of(labels)
    name = "foreground_original_glcm_Contrast"
    twelve_bit, sixteen_bit = (
        calcification_features(pixels * np.float32(factor), labels, table, SPACING_MM, RAW)[name] for factor in (1, 16)
    )
    assert (sixteen_bit > 50 * twelve_bit).mean() > 0.5


def test_memory_layout_does_not_matter() -> None:
    pixels, labels = simulated_specks(count=10, shape=(200, 200))
    table = table_of(labels)
    expected = calcification_features(pixels, labels, table, SPACING_MM)
    pixels.flags.writeable = False
    turned = np.asfortranarray(labels).astype(np.int64)
    pd.testing.assert_frame_equal(calcification_features(pixels, turned, table, SPACING_MM), expected)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spacing=st.sampled_from([(0.07, 0.07), (0.05, 0.05), (0.1, 0.1), (0.05, 0.08)]),
    distance_mm=st.sampled_from([0.1, 0.35, 0.7]),
)
def test_surroundings_are_the_pixels_within_reach_that_are_no_calcification(
    seed: int, spacing: tuple[float, float], distance_mm: float
) -> None:
    random = np.random.default_rng(seed)
    labels, _ = ndimage.label(random.random((40, 30)) < 0.02, np.ones((3, 3)))
    labels = labels.astype(np.int32)
    tissue = random.random(labels.shape) < 0.9
    table = table_of(labels, spacing)
    boxes = table[["row_min", "row_max", "column_min", "column_max"]].to_numpy(np.int64)
    regions = surrounding_regions(labels, table["id"].to_numpy(np.int64), boxes, spacing, distance_mm, tissue)
    for index, label in enumerate(table["id"]):
        distance = ndimage.distance_transform_edt(labels != label, sampling=spacing)
        expected = (distance <= distance_mm + 1e-9) & (labels == 0) & tissue
        found = np.zeros((labels.shape[0] + 2, labels.shape[1] + 2), np.bool_)
        window = regions.window(index)
        top, left = regions.tops[index] + 1, regions.lefts[index] + 1
        found[top : top + window.shape[0], left : left + window.shape[1]] = window
        np.testing.assert_array_equal(found[1:-1, 1:-1], expected)


def test_background_ignores_the_pixels_of_every_calcification() -> None:
    pixels, labels = simulated_specks(count=60, shape=(300, 300))
    table = table_of(labels)
    brighter = np.where(labels > 0, pixels + 500, pixels).astype(np.float32)
    before = calcification_features(pixels, labels, table, SPACING_MM, RAW).filter(regex="^background_")
    after = calcification_features(brighter, labels, table, SPACING_MM, RAW).filter(regex="^background_")
    pd.testing.assert_frame_equal(before, after)


def test_a_calcification_without_surroundings_has_no_background_features() -> None:
    labels = np.ones((4, 4), np.int32)
    pixels = np.arange(16, dtype=np.float32).reshape(4, 4)
    for engine in ("microcalc", "pyradiomics"):
        features = calcification_features(pixels, labels, table_of(labels), SPACING_MM, replace(RAW, engine=engine))
        assert features.filter(regex="^background_").isna().all(axis=None)
        assert features.filter(regex="^(foreground|region)_").notna().all(axis=None)


def test_ids_keep_the_order_of_the_table() -> None:
    pixels, labels = simulated_specks(count=10, shape=(200, 200))
    table = table_of(labels)
    labels = np.where(labels > 0, labels * 7, 0).astype(np.int32)
    table["id"] *= 7
    forwards = calcification_features(pixels, labels, table, SPACING_MM)
    backwards = calcification_features(pixels, labels, table[::-1], SPACING_MM)
    assert list(backwards.index) == list(table["id"][::-1])
    pd.testing.assert_frame_equal(forwards, backwards.loc[forwards.index])


def test_batches_do_not_change_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = simulated_specks(count=20, shape=(300, 300))
    table = table_of(labels)
    at_once = calcification_features(pixels, labels, table, SPACING_MM)
    reported = []
    monkeypatch.setattr(calcifications_module, "_BATCH", 6)
    in_batches = calcification_features(
        pixels, labels, table, SPACING_MM, progress=lambda stage, done, total: reported.append((done, total))
    )
    pd.testing.assert_frame_equal(at_once, in_batches)
    assert reported == [(start, len(table)) for start in range(0, len(table), 6)]


def test_no_calcification_gives_an_empty_table_with_every_column() -> None:
    labels = np.zeros((20, 20), np.int32)
    features = calcification_features(np.zeros((20, 20), np.float32), labels, table_of(labels), SPACING_MM)
    assert features.shape == (0, len(CALCIFICATION_FEATURES))


def test_unusable_input_is_refused_with_a_sentence() -> None:
    pixels, labels = one_speck([[1, 1], [1, 1]])
    table = table_of(labels)
    with pytest.raises(ParameterError, match="same number of rows"):
        calcification_features(pixels[:-1], labels, table, SPACING_MM)
    with pytest.raises(ParameterError, match="number 5 has no pixel"):
        calcification_features(pixels, labels, table.assign(id=5), SPACING_MM)
    with pytest.raises(ParameterError, match="outside the image"):
        calcification_features(pixels, labels, table.assign(row_max=30), SPACING_MM)
    with pytest.raises(ParameterError, match="larger bin_width"):
        calcification_features(pixels, labels, table, SPACING_MM, replace(RAW, bin_width=1e-5))
    pixels[12, 13] = np.nan
    with pytest.raises(ParameterError, match="not finite"):
        calcification_features(pixels, labels, table, SPACING_MM)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gray_scale": "log"},
        {"engine": "nyxus"},
        {"bin_count": 16},
        {"bin_width": None},
        {"bin_width": -1.0},
        {"bin_width": None, "bin_count": 1},
        {"surroundings_mm": 0.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        FeatureSettings(**wrong)  # type: ignore[arg-type]
