"""The cases that R and the tests compute with: ``python statistics_cases.py`` writes ``statistics_cases.csv``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CASES = Path(__file__).with_name("statistics_cases.csv")


def cases() -> pd.DataFrame:
    """80 lesions of 32 patients: outcome, two scores, three readers' measurements and categories, separated columns."""
    random = np.random.default_rng(16)
    patient = np.repeat(np.arange(32), [2, 3] * 16)
    tendency, level = random.normal(0, 1.2, 32)[patient], random.normal(0, 0.8, 32)[patient]
    outcome = (random.normal(tendency) > 0).astype(int)
    first = 1.1 * outcome + level + random.normal(0, 0.8, 80)
    second = 0.8 * outcome + level + random.normal(0, 1.0, 80)
    truth = 50 + 20 * first
    readers = truth[:, None] + random.normal([0, 2, -1], 4, (80, 3))
    categories = np.clip(np.round(readers / 25), 1, 5).astype(int)
    return pd.DataFrame(
        {
            "patient": patient,
            "outcome": outcome,
            "first": first.round(2),
            "second": second.round(1),
            **{f"reader{number + 1}": readers[:, number].round(1) for number in range(3)},
            **{f"category{number + 1}": categories[:, number] for number in range(3)},
            "separated": (first + 3 * outcome).round(1),
        }
    )


if __name__ == "__main__":
    cases().to_csv(CASES, index=False)
