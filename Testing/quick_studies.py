"""Studies of lesions that take less time; a conftest.py that imports this has it for all tests of its folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def few_repeats() -> Iterator[None]:
    """Most of the time of a study goes into gains and cross-validation; tests of these give a count of their own."""
    from MicrocalcElastographyLib.cohort import combinations
    from MicrocalcElastographyLib.cohort.validation import cross_validated

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(combinations, "MOST_GAIN_RESAMPLES", 20)
        patched.setitem(cross_validated.__kwdefaults__, "repeats", 1)
        yield
