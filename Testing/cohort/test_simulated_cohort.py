"""The simulated cohort follows the published tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort

MOMENTS = {
    "elasticity_kpa": ((88.3, 16.2), (45.7, 9.8)),
    "strain_ratio": ((2.35, 0.50), (1.15, 0.35)),
    "lesion_size_mm": ((7.4, 2.1), (5.8, 1.9)),
    "age_years": ((51.3, 10.2), (49.7, 9.8)),
}


def test_exact_cohort_has_the_printed_means_sds_and_counts() -> None:
    cohort = simulate_cohort(exact_moments=True, seed=1)
    for name, moments in MOMENTS.items():
        for group, (mean, deviation) in zip(("malignant", "benign"), moments, strict=True):
            values = cohort.loc[cohort["outcome"] == group, name]
            assert values.mean() == pytest.approx(mean, abs=0.05)
            assert values.std(ddof=1) == pytest.approx(deviation, abs=0.05)
    counts = pd.crosstab(cohort["birads"], cohort["outcome"])
    assert counts["malignant"].tolist() == [20, 65, 65]
    assert counts["benign"].tolist() == [60, 70, 20]


def test_large_cohort_has_the_pooled_rank_correlations_of_the_paper() -> None:
    cohort = simulate_cohort(20_000, 20_000, seed=2)
    for name, expected in (("strain_ratio", 0.75), ("lesion_size_mm", 0.41)):
        assert stats.spearmanr(cohort["elasticity_kpa"], cohort[name]).statistic == pytest.approx(expected, abs=0.015)


def test_large_cohort_has_the_mean_and_sd_of_the_score() -> None:
    score = simulate_cohort(20_000, 20_000, seed=2).groupby("outcome")["elasticity_score"].agg(["mean", "std"])
    assert score.loc["malignant"].tolist() == pytest.approx([4.2, 0.6], abs=0.02)
    assert score.loc["benign"].tolist() == pytest.approx([2.1, 0.7], abs=0.02)


def test_every_value_is_possible() -> None:
    cohort = simulate_cohort(3000, 3000, seed=3)
    assert cohort["elasticity_kpa"].min() > 0
    assert cohort["strain_ratio"].min() > 0
    assert cohort["lesion_size_mm"].min() >= 3
    assert cohort["elasticity_score"].isin([1, 2, 3, 4, 5]).all()


def test_the_same_seed_gives_the_same_cohort_and_another_another() -> None:
    pd.testing.assert_frame_equal(simulate_cohort(seed=4), simulate_cohort(seed=4))
    assert not simulate_cohort(seed=4).equals(simulate_cohort(seed=5))


def test_readers_and_repeats_give_one_row_each_around_the_lesion_s_value() -> None:
    cohort = simulate_cohort(20, 20, seed=6, readers=2, repeats=3)
    assert len(cohort) == 40 * 6
    assert not cohort.duplicated(["lesion", "reader", "repeat"]).any()
    assert (cohort.groupby("lesion")["age_years"].nunique() == 1).all()
    assert (cohort.groupby("lesion")["elasticity_kpa"].nunique() > 1).all()


def test_mammographic_probability_has_the_auc_asked_for_and_is_calibrated() -> None:
    cohort = simulate_cohort(20_000, 20_000, seed=7, mammographic_auc=0.8)
    malignant = cohort["outcome"] == "malignant"
    probability = cohort["mammographic_probability"]
    assert roc_auc_score(malignant, probability) == pytest.approx(0.8, abs=0.01)
    for low in np.arange(0.1, 0.9, 0.2):
        inside = probability.between(low, low + 0.2)
        assert malignant[inside].mean() == pytest.approx(probability[inside].mean(), abs=0.02)


def test_mammographic_correlation_lies_inside_the_groups() -> None:
    cohort = simulate_cohort(10_000, 10_000, seed=8, mammographic_auc=0.8, mammographic_correlation=0.5)
    for _, part in cohort.groupby("outcome"):
        found = stats.spearmanr(part["mammographic_probability"], part["elasticity_kpa"]).statistic
        assert found == pytest.approx(0.48, abs=0.03)


@pytest.mark.parametrize(
    "arguments",
    [
        {"malignant_count": 2},
        {"readers": -1},
        {"repeats": 0},
        {"mammographic_auc": 0.5},
        {"mammographic_correlation": 1.0},
    ],
)
def test_impossible_parameters_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        simulate_cohort(**arguments)  # type: ignore[arg-type]
