"""Features of clusters: arrangement, entry point, catalogue."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.features_examples import SPACING_MM, simulated_specks, table_of
from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.features import (
    Histograms,
    Moments,
    calcification_features,
    cluster_features,
    estimate_nipple,
    feature_catalogue,
)
from MicrocalcAILib.features.distribution import DISTRIBUTION_FEATURES


def specks_at(
    places: list[tuple[int, int]], size: int = 1, spacing_mm: tuple[float, float] = SPACING_MM
) -> tuple[np.ndarray, pd.DataFrame]:
    """Square calcifications with their first pixel at the given rows and columns, one cluster."""
    labels = np.zeros((120, 120), np.int32)
    for label, (row, column) in enumerate(places, start=1):
        labels[row : row + size, column : column + size] = label
    return labels, table_of(labels, spacing_mm)


def arrangement(
    places: list[tuple[int, int]],
    size: int = 1,
    spacing_mm: tuple[float, float] = SPACING_MM,
    nipple: tuple[float, float] | None = None,
) -> dict[str, float]:
    labels, table = specks_at(places, size, spacing_mm)
    columns = [f"distribution_{name}" for name in DISTRIBUTION_FEATURES]
    values = cluster_features(labels, table, spacing_mm, nipple=nipple)[columns].to_numpy()[0]
    return dict(zip(DISTRIBUTION_FEATURES, values.tolist(), strict=True))


def test_a_square_of_four_has_the_values_computed_by_hand() -> None:
    found = arrangement([(10, 10), (10, 30), (30, 10), (30, 30)], size=2)
    side, pixel = 20 * 0.07, 0.07
    hull = (side + 2 * pixel) ** 2
    expected = {
        "count": 4,
        "area_mean_mm2": 4 * pixel**2,
        "area_sd_mm2": 0,
        "coordinate_correlation": 0,
        "pairwise_distance_mean_mm": side * (4 + 2 * np.sqrt(2)) / 6,
        "extent_mm": np.sqrt(2 * hull),
        "hull_area_mm2": hull,
        "hull_perimeter_mm": 4 * np.sqrt(hull),
        "hull_circularity": np.pi / 4,
        "density_per_cm2": 400 / (hull + 4 * np.sqrt(hull) + np.pi),
        "axis_major_mm": 2 * side,
        "elongation": 0,
        "linearity": 0,
        "nearest_neighbor_mean_mm": side,
        "nearest_neighbor_sd_mm": 0,
        "tree_edge_mean_mm": side,
        "tree_path_share": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-7)


def test_a_line_is_recognized_in_any_direction() -> None:
    along_an_axis = arrangement([(50, 10), (50, 30), (50, 60), (50, 100)])
    oblique = arrangement([(10, 10), (30, 30), (60, 60), (100, 100)])
    bent = arrangement([(10, 10), (30, 90), (60, 20), (100, 100)])
    for line in (along_an_axis, oblique):
        assert line["elongation"] == pytest.approx(1, abs=1e-6)
        assert line["linearity"] == pytest.approx(1)
        assert line["tree_path_share"] == pytest.approx(1)
    assert along_an_axis["coordinate_correlation"] == 0
    assert oblique["coordinate_correlation"] == pytest.approx(1)
    assert bent["elongation"] < 0.8


def test_a_side_branch_lowers_the_path_share() -> None:
    """A T of arms 2, 2 and 1 mm, roughly: the longest path is 4 of 5."""
    found = arrangement([(50, 50), (50, 80), (50, 20), (65, 50)])
    assert found["tree_path_share"] == pytest.approx(60 / 75)


def test_one_calcification_is_defined() -> None:
    found = arrangement([(40, 40)], size=2, nipple=(40.5, 100.5))
    assert np.isfinite(list(found.values())).all()
    assert found["hull_area_mm2"] == pytest.approx(0.14**2)
    assert found["extent_mm"] == pytest.approx(0.14 * np.sqrt(2))
    assert found["nipple_distance_mm"] == pytest.approx(60 * 0.07)
    for name in ("area_sd_mm2", "pairwise_distance_mean_mm", "elongation", "linearity", "nearest_neighbor_cv"):
        assert found[name] == 0
    assert (found["tree_path_share"], found["nipple_angle_deg"]) == (1, 45)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000), count=st.integers(1, 12))
def test_every_arrangement_is_defined(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    places = {(int(row), int(column)) for row, column in random.integers(0, 40, (count, 2)) * 3}
    found = arrangement(sorted(places), nipple=(60.0, 119.0))
    assert np.isfinite(list(found.values())).all()
    assert 0 <= found["elongation"] <= 1
    assert 0 <= found["linearity"] <= 1
    assert 0 < found["tree_path_share"] <= 1 + 1e-9
    assert 0 <= found["nipple_angle_deg"] <= 90
    assert -1 - 1e-9 <= found["coordinate_correlation"] <= 1 + 1e-9
    assert found["nearest_neighbor_max_mm"] <= found["tree_edge_max_mm"] + 1e-9
    assert found["pairwise_distance_mean_mm"] <= found["extent_mm"]


def test_lengths_are_in_millimeters_also_when_pixels_are_not_square() -> None:
    found = arrangement([(10, 10), (10, 40), (50, 10)], spacing_mm=(0.05, 0.1))
    distances = np.array([3.0, 2.0, np.hypot(3.0, 2.0)])
    assert found["pairwise_distance_mean_mm"] == pytest.approx(distances.mean())
    triangle, pixel = 3.0 * 2.0 / 2, 0.1 * 0.05
    assert found["hull_area_mm2"] == pytest.approx(triangle + pixel + 3.0 * 0.05 + 2.0 * 0.1)


def test_the_axis_points_to_the_nipple_or_across() -> None:
    line = [(50, 10), (50, 30), (50, 60), (50, 100)]
    assert arrangement(line, nipple=(50.0, 110.0))["nipple_angle_deg"] == pytest.approx(0, abs=1e-4)
    assert arrangement(line, nipple=(110.0, 50.0))["nipple_angle_deg"] == pytest.approx(90, abs=1e-4)
    unknown = arrangement(line)
    assert np.isnan(unknown["nipple_angle_deg"])
    assert np.isnan(unknown["nipple_distance_mm"])


@pytest.mark.parametrize(("side", "expected"), [("left", (50, 60)), ("right", (50, 59))])
def test_the_nipple_is_estimated_at_the_tip_of_the_breast(side: str, expected: tuple[float, float]) -> None:
    rows, columns = np.mgrid[:101, :120]
    from_wall = columns if side == "left" else 119 - columns
    breast = (rows - 50) ** 2 / 45**2 + from_wall**2 / 60**2 <= 1
    assert estimate_nipple(breast, side, (0.7, 0.7)) == pytest.approx(expected)
    assert estimate_nipple(np.zeros((5, 5), np.bool_), side, (0.7, 0.7)) is None


def image_with_two_clusters() -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    pixels, labels = simulated_specks(count=40, shape=(300, 300))
    table = table_of(labels)
    table["cluster_id"] = np.where(table["column"] < 120, 2, np.where(table["column"] < 220, 5, 0))
    return pixels, labels, table


def test_there_is_one_row_per_cluster_and_singles_have_none() -> None:
    pixels, labels, table = image_with_two_clusters()
    features = calcification_features(pixels, labels, table, SPACING_MM)
    result = cluster_features(labels, table, SPACING_MM, features, Histograms.fit(features), nipple=(150.0, 299.0))
    assert list(result.index) == [2, 5]
    assert result.index.name == "cluster_id"
    assert np.isfinite(result.to_numpy()).all()
    assert list(result["distribution_count"]) == list(table.groupby("cluster_id").size().loc[[2, 5]])
    assert result.shape[1] == len(DISTRIBUTION_FEATURES) + 520 + 45


def test_a_cluster_does_not_depend_on_the_others() -> None:
    pixels, labels, table = image_with_two_clusters()
    features = calcification_features(pixels, labels, table, SPACING_MM)
    moments = Moments.fit(features)
    together = cluster_features(labels, table, SPACING_MM, features, moments)
    shuffled = table.sample(frac=1, random_state=1)
    alone = cluster_features(labels, shuffled[shuffled["cluster_id"] == 5], SPACING_MM, features, moments)
    pd.testing.assert_frame_equal(alone, together.loc[[5]], rtol=1e-9)


def test_no_cluster_gives_an_empty_table_with_every_column() -> None:
    pixels, labels, table = image_with_two_clusters()
    features = calcification_features(pixels, labels, table, SPACING_MM)
    for aggregation in (Histograms.fit(features), Moments.fit(features)):
        full = cluster_features(labels, table, SPACING_MM, features, aggregation)
        empty = cluster_features(labels, table.assign(cluster_id=0), SPACING_MM, features, aggregation)
        assert len(empty) == 0
        assert list(empty.columns) == list(full.columns)


def test_an_aggregation_without_features_is_refused() -> None:
    pixels, labels, table = image_with_two_clusters()
    features = calcification_features(pixels, labels, table, SPACING_MM)
    with pytest.raises(ParameterError, match="calcification_features"):
        cluster_features(labels, table, SPACING_MM, aggregation=Moments.fit(features))
    with pytest.raises(ModelError, match="region_area is missing"):
        cluster_features(labels, table, SPACING_MM, features.drop(columns="region_area"), Moments.fit(features))


def test_the_catalogue_explains_every_column() -> None:
    pixels, labels, table = image_with_two_clusters()
    features = calcification_features(pixels, labels, table, SPACING_MM)
    catalogue = feature_catalogue().set_index("name")
    assert catalogue.index.is_unique
    assert (catalogue["meaning"] != "").all()
    assert (catalogue["source"] != "").all()
    columns = set(features.columns)
    for aggregation in (Histograms.fit(features), Moments.fit(features)):
        columns |= set(cluster_features(labels, table, SPACING_MM, features, aggregation).columns)
    assert columns == set(catalogue.index)
