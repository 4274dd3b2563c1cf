"""Models with missing values imputed, beside those of complete lesions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_tables import MakeCohort
from MicrocalcElastographyLib.cohort.firth import RegressionError
from MicrocalcElastographyLib.cohort.imputation import IMPUTATIONS, fit_with_imputation
from MicrocalcElastographyLib.cohort.logistic import fit_logistic
from MicrocalcElastographyLib.cohort.regression import regress


def lesions(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Two related measurements; whether the second is missing depends on the first and on the outcome."""
    random = np.random.default_rng(seed)
    first = random.normal(size=count)
    second = 0.6 * first + 0.8 * random.normal(size=count)
    malignant = random.random(count) < 1 / (1 + np.exp(-(0.8 * first + 0.8 * second)))
    design = pd.DataFrame({"first": first, "second": second})
    design.loc[random.random(count) < np.where(malignant & (first > 0), 0.6, 0.1), "second"] = np.nan
    return design, malignant, np.arange(count).astype(str)


def test_without_gaps_imputation_changes_nothing() -> None:
    design, malignant, patients = lesions(80, 1)
    whole = design.assign(second=design["second"].fillna(0.0))
    pooled, plain = fit_with_imputation(whole, whole, malignant, patients), fit_logistic(whole, malignant)
    assert pooled.coefficients == pytest.approx(plain.coefficients)
    assert pooled.missing_information == pytest.approx([0, 0], abs=1e-12)
    assert pooled.imputations == IMPUTATIONS
    assert pooled.high - pooled.low == pytest.approx((plain.high - plain.low) * 1.02, rel=0.02)  # t for normal


@pytest.mark.slow
def test_the_same_seed_imputes_the_same() -> None:
    design, malignant, patients = lesions(80, 2)
    one, again, other = (fit_with_imputation(design, design, malignant, patients, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.coefficients, again.coefficients)
    assert not np.array_equal(one.coefficients, other.coefficients)
    assert (one.missing_information > 0).all()


def test_separated_groups_are_not_pooled() -> None:
    values = pd.DataFrame({"x": [*np.arange(19.0), np.nan]})
    with pytest.raises(RegressionError, match="cannot be pooled"):
        fit_with_imputation(values, values, np.arange(20) >= 10, np.arange(20).astype(str))


@pytest.mark.slow
def test_imputation_repairs_what_leaving_lesions_out_spoils() -> None:
    studies, imputed, complete, covered = 40, [], [], 0
    for seed in range(studies):
        design, malignant, patients = lesions(300, seed)
        known = design.notna().all(axis=1).to_numpy()
        found = fit_with_imputation(design, design, malignant, patients, seed=seed)
        imputed.append(found.coefficients[0])
        complete.append(fit_logistic(design[known], malignant[known]).coefficients[0])
        covered += found.low[0] <= 0.8 <= found.high[0]
    print(f"True 0.8; imputed {np.mean(imputed):.3f}, complete lesions {np.mean(complete):.3f}; covered {covered}")
    assert abs(np.mean(imputed) - 0.8) < abs(np.mean(complete) - 0.8)
    assert covered / studies >= 0.9


def test_a_study_with_gaps_shows_both_models(make_cohort: MakeCohort) -> None:
    design, malignant, _ = lesions(90, 4)
    cohort = make_cohort(
        outcome=np.where(malignant, "malignant", "benign"),
        elasticity_kpa=(60 + 12 * design["first"]).round(1),
        strain_ratio=(2.5 + 0.5 * design["second"]).round(2),
    )
    found = regress(cohort, ("elasticity_kpa", "strain_ratio"))
    assert found.imputed is not None
    assert found.imputed.lesion_count == 90
    assert found.fit.count == 90 - found.dropped_count < 90
    assert len(found.imputed.terms) == len(found.terms) == 2
