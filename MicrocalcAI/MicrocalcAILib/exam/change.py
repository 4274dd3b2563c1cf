"""What changed since the prior: calcifications of the same region of the same view, then and now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .alignment import Alignment
from .marks import Mark

NEW, MORE, UNCHANGED, FEWER, NOT_COMPARABLE = "new", "more", "unchanged", "fewer", "not comparable"
SIGNIFICANCE = 0.05
MARGIN_MM = 4.0
"""Around a cluster, beside what the alignment may be wrong by."""


@dataclass(frozen=True)
class Change:
    """A cluster against the prior image of its view.

    Parameters
    ----------
    call : {"new", "more", "unchanged", "fewer", "not comparable"}
    reason : str
        In one sentence.
    count_before, count_now : int or None
        Calcifications of the region; None where not comparable.
    growth_mm : float or None
        Greatest distance of two calcifications, now minus then; None where there were fewer than two.
    prior_mm : (float, float) or None
        Where in the prior image (y, x) the cluster's place lies; None where not comparable.
    """

    call: str
    reason: str
    count_before: int | None = None
    count_now: int | None = None
    growth_mm: float | None = None
    prior_mm: tuple[float, float] | None = None

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Change:
        """Of ``dataclasses.asdict``, also after JSON; exams of earlier versions do not know ``prior_mm``."""
        prior_mm = record.get("prior_mm")
        return cls(**{**record, "prior_mm": None if prior_mm is None else tuple(prior_mm)})


def not_comparable(why: str) -> Change:
    """A change that cannot be told."""
    return Change(NOT_COMPARABLE, why)


def change_of(mark: Mark, now_mm: NDArray[np.float64], before_mm: NDArray[np.float64], alignment: Alignment) -> Change:
    """Compare a cluster with what the prior shows in its region.

    Parameters
    ----------
    mark : Mark
    now_mm, before_mm : float arrays, shape (calcifications, 2)
        Positions (y, x) of the cluster's calcifications, and of all those of the prior, each in its own image.
    alignment : Alignment
        Of this image to the prior.
    """
    if not alignment.fits:
        return not_comparable(alignment.reason)
    expected = alignment.to_prior(now_mm)
    center = expected.mean(axis=0)
    radius = float(np.linalg.norm(expected - center, axis=1).max()) + MARGIN_MM + alignment.error_mm
    if not alignment.shows(center, radius):
        return not_comparable("The prior does not show this region.")
    inside = before_mm[np.linalg.norm(before_mm - center, axis=1) <= radius] if len(before_mm) else before_mm
    now, before = len(now_mm), len(inside)
    prior_mm = float(center[0]), float(center[1])
    growth = mark.extent_mm - _extent(inside) if before >= 2 else None
    words = f"{now} calcifications, {before} in this region of the prior"
    if before <= max(1, now // 10):
        return Change(NEW, f"{words}.", before, now, None, prior_mm)
    call = _call(before, now)
    difference = "no more" if call == UNCHANGED else "more"
    return Change(call, f"{words}: {difference} difference than chance explains.", before, now, growth, prior_mm)


def gone(before: Sequence[Mark], now_mm: NDArray[np.float64], alignment: Alignment) -> list[Mark]:
    """Clusters of the prior in whose region no calcification is found now; none where the images do not fit."""
    if not alignment.fits:
        return []
    mapped = alignment.to_prior(now_mm) if len(now_mm) else np.zeros((0, 2))
    found = []
    for mark in before:
        away = np.linalg.norm(mapped - (mark.y_mm, mark.x_mm), axis=1)
        if not (away <= mark.extent_mm / 2 + MARGIN_MM + alignment.error_mm).any():
            found.append(mark)
    return found


def _call(before: int, now: int) -> str:
    """Two counts against each other: given their sum, each calcification is as likely then as now (exact test)."""
    from scipy.stats import binomtest

    if binomtest(now, now + before, 0.5).pvalue >= SIGNIFICANCE or abs(now - before) < 3:
        return UNCHANGED
    return MORE if now > before else FEWER


def _extent(points_mm: NDArray[np.float64]) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(points_mm).max()) if len(points_mm) > 1 else math.nan
