"""Tests neither read nor change the profiles of scanners that whoever runs them has kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_profiles_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty folder of profiles."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MICROCALC_PROFILES", str(tmp_path_factory.mktemp("profiles")))
        yield
