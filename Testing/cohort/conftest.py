"""Tables and cohorts for the tests of the cohort statistics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_tables import MakeCohort, as_cells
from MicrocalcElastographyLib.cohort.columns import ColumnChoices
from MicrocalcElastographyLib.cohort.lesions import Cohort, build_cohort
from MicrocalcElastographyLib.simulated_cohort import simulate_cohort
from quick_studies import few_repeats  # noqa: F401


@pytest.fixture
def make_cohort() -> MakeCohort:
    """Build a cohort from columns: ``make_cohort(outcome=[…], elasticity_kpa=[…])``."""

    def make(choices: ColumnChoices = ColumnChoices(), **columns: object) -> Cohort:  # noqa: B008
        return build_cohort(as_cells(pd.DataFrame(columns)), choices)

    return make


@pytest.fixture(scope="session")
def published_cohort() -> Cohort:
    """150 malignant and 150 benign simulated lesions with exactly the published means, SDs and shares."""
    return build_cohort(as_cells(simulate_cohort(exact_moments=True, seed=3)))


@pytest.fixture(scope="session")
def reader_cohort() -> Cohort:
    """60 simulated lesions read three times by each of two readers, with a mammographic probability."""
    table = simulate_cohort(30, 30, seed=5, readers=2, repeats=3, mammographic_auc=0.8)
    return build_cohort(as_cells(table))


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str], Path]:
    """Write text as a CSV file and return its path."""

    def write(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)
