"""Studies of lesions that take less time; a conftest.py that imports this has it for all tests of its folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def few_gain_resamples() -> Iterator[None]:
    """Most of the time of a study goes into intervals of gains; tests of these give a count of their own."""
    from MicrocalcElastographyLib.cohort import combinations

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(combinations, "MOST_GAIN_RESAMPLES", 20)
        yield
