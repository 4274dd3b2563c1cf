"""Reading single DICOM attributes that may be missing, empty or malformed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def values(header: Dataset, keyword: str) -> list[Any]:
    """All values of an attribute; an empty list when it is missing, empty or unreadable."""
    try:
        value = header.get(keyword)
    except Exception:  # pydicom converts on access, and a malformed value raises almost anything
        return []
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]


def text(header: Dataset, keyword: str) -> str:
    """First value as upper-case text; empty when there is none."""
    return str(next(iter(values(header, keyword)), "")).strip().upper()


def numbers(header: Dataset, keyword: str) -> list[float]:
    """All values as finite numbers, also with a decimal comma; an empty list when one of them is none."""
    try:
        found = [
            float(value.replace(",", ".") if isinstance(value, str) else value) for value in values(header, keyword)
        ]
    except (TypeError, ValueError):
        return []
    return found if all(math.isfinite(value) for value in found) else []


def number(header: Dataset, keyword: str) -> float | None:
    """First value as a finite number, or None."""
    return next(iter(numbers(header, keyword)), None)


def pair(header: Dataset, keyword: str) -> tuple[float, float] | None:
    """Two numbers, or None."""
    found = numbers(header, keyword)
    return (found[0], found[1]) if len(found) == 2 else None
