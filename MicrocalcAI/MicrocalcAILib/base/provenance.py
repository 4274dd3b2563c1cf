"""Where a result came from: versions, input digest, time."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from functools import cache
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
    return found | {package: version for package in _PACKAGES if (version := _version_of(package)) is not None}


@cache
def _version_of(package: str) -> str | None:
    """Read from the package's files once, which takes a hundredth of a second."""
    from importlib import metadata  # takes a third of the imports of an owner of workers, which needs no versions

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def provenance(**details: Any) -> dict[str, Any]:
    """Versions and the present time (UTC), with the caller's details added."""
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions(), **details}
