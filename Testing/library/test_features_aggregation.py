"""From many calcifications to a fixed number of features."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from library.features_examples import SPACING_MM, simulated_specks, table_of
from MicrocalcAILib.base.errors import ModelError, ParameterError
from MicrocalcAILib.features import Aggregation, Histograms, Moments, aggregation_from_json, calcification_features


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    pixels, labels = simulated_specks(count=90, shape=(500, 500))
    return calcification_features(pixels, labels, table_of(labels), SPACING_MM)


def two_kinds() -> pd.DataFrame:
    """Calcifications of two clearly different kinds in every set: ids 0–9 and 10–29."""
    random = np.random.default_rng(0)
    kind = np.repeat([0.0, 1.0], [10, 20])[:, None]
    values = 1000 * kind + random.normal(size=(30, 6))
    columns = ["foreground_a", "foreground_b", "region_a", "region_b", "background_a", "background_b"]
    return pd.DataFrame(values, columns=columns)


def test_histograms_count_the_kinds_of_each_cluster() -> None:
    table = two_kinds()
    fitted = Histograms.fit(table, words=2)
    clusters = np.array([1] * 5 + [2] * 5 + [1] * 15 + [2] * 5)  # cluster 1: 5 of 20 of the first kind; 2: 5 of 10
    result = fitted.transform(table, clusters)
    for name in ("foreground", "region", "background"):
        shares = result[[f"{name}_share_00", f"{name}_share_01"]]
        np.testing.assert_allclose(sorted(shares.loc[1]), [0.25, 0.75])
        np.testing.assert_allclose(sorted(shares.loc[2]), [0.5, 0.5])


def test_each_set_of_shares_adds_up_to_one(features: pd.DataFrame) -> None:
    clusters = np.arange(len(features)) % 3 + 1
    result = Histograms.fit(features).transform(features, clusters)
    assert result.shape == (3, 45)
    for name in ("foreground", "region", "background"):
        np.testing.assert_allclose(result.filter(regex=f"^{name}_share_").sum(axis=1), 1)


def test_the_unit_of_a_feature_does_not_decide(features: pd.DataFrame) -> None:
    clusters = np.arange(len(features)) % 3 + 1
    scaled = features.assign(region_area=features["region_area"] * 1e6)
    expected = Histograms.fit(features).transform(features, clusters)
    pd.testing.assert_frame_equal(Histograms.fit(scaled).transform(scaled, clusters), expected)


def test_moments_are_mean_and_standard_deviation() -> None:
    table = two_kinds()
    clusters = np.repeat([4, 3], [10, 20])
    result = Moments.fit(table).transform(table, clusters)
    assert list(result.index) == [3, 4]
    values = table["region_a"].to_numpy()
    np.testing.assert_allclose(result["region_a_mean"], [values[10:].mean(), values[:10].mean()])
    np.testing.assert_allclose(result["region_a_sd"], [values[10:].std(), values[:10].std()])
    assert result.shape == (2, 12)


def test_a_cluster_of_one_has_no_spread() -> None:
    table = two_kinds()[:1]
    result = Moments(list(table.columns)).transform(table, [1])
    assert (result.filter(regex="_sd$") == 0).all(axis=None)


def test_what_was_learned_survives_json(features: pd.DataFrame) -> None:
    clusters = np.arange(len(features)) % 3 + 1
    fitted: Aggregation
    for fitted in (Histograms.fit(features, words=7, seed=3), Moments.fit(features)):
        restored = aggregation_from_json(json.loads(json.dumps(fitted.to_json())))
        pd.testing.assert_frame_equal(restored.transform(features, clusters), fitted.transform(features, clusters))


def test_the_same_seed_learns_the_same(features: pd.DataFrame) -> None:
    assert Histograms.fit(features, seed=1).to_json() == Histograms.fit(features, seed=1).to_json()


def test_calcifications_without_surroundings_do_not_count_there() -> None:
    table = two_kinds()
    fitted = Histograms.fit(table, words=2)
    table.loc[[0, 1], ["background_a", "background_b"]] = np.nan
    result = fitted.transform(table, [1, 1, *[2] * 28])
    assert (result.loc[1].filter(like="background_share") == 0).all()
    assert result.loc[1].filter(like="foreground_share").sum() == 1
    assert result.loc[2].filter(like="background_share").sum() == 1
    assert Histograms.fit(table, words=2).transform(table, [1] * 30).notna().all(axis=None)


def test_too_few_calcifications_to_learn_from_are_refused() -> None:
    with pytest.raises(ParameterError, match="too few to learn 15"):
        Histograms.fit(two_kinds()[:5])
    with pytest.raises(ParameterError, match="no foreground features"):
        Histograms.fit(two_kinds().filter(like="region"), words=2)


def test_missing_features_and_damaged_descriptions_are_refused(features: pd.DataFrame) -> None:
    fitted = Histograms.fit(features)
    with pytest.raises(ModelError, match="region_solidity is missing"):
        fitted.transform(features.drop(columns="region_solidity"), [1] * len(features))
    stored = fitted.to_json()
    stored["sets"]["region"]["means"] = stored["sets"]["region"]["means"][:-1]
    for damaged in (stored, {}, {"aggregation": "other"}, {"aggregation": "histograms", "sets": {"region": {}}}):
        with pytest.raises(ModelError, match="damaged"):
            aggregation_from_json(damaged)
