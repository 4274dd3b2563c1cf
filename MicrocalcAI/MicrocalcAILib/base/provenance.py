"""Where a result came from: versions, input digest, time."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__

_PACKAGES = (
    *("numpy", "scipy", "pandas", "scikit-image", "SimpleITK", "numba", "lightgbm", "scikit-learn", "statsmodels"),
    *("pydicom", "torch"),
)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of Microcalc, Python and the packages that decide the numbers."""
    found = {"microcalc": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def provenance(**details: Any) -> dict[str, Any]:
    """Versions and the present time (UTC), with the caller's details added."""
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(), **details}
