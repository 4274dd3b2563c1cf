"""Repeated acquisitions of one lesion by one reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from MicrocalcAILib.base.errors import ParameterError

from .check import USUAL_LIMITS, Check, ProtocolParameters, Status


@dataclass(frozen=True)
class RepeatSpread:
    """Repeated measurements of one lesion: number, mean, median, interquartile range, and it over the median."""

    count: int
    mean: float
    median: float
    interquartile_range: float
    relative_interquartile_range: float | None


def repeat_spread(values: Sequence[float]) -> RepeatSpread:
    """Mean, median and interquartile range of repeats; the mean is what Yan & Fang 2025 analyze.

    Raises
    ------
    ParameterError
        Without values, or when one is not finite.
    """
    repeats = np.asarray(values, dtype=np.float64)
    if not repeats.size or not np.isfinite(repeats).all():
        raise ParameterError("A spread needs repeats that were measured.")
    first, median, third = (float(value) for value in np.percentile(repeats, (25, 50, 75)))
    relative = (third - first) / median if median > 0 else None
    return RepeatSpread(len(repeats), float(repeats.mean()), median, third - first, relative)


def check_repeats(
    values: Sequence[float], quantity: str, limits: ProtocolParameters = USUAL_LIMITS
) -> tuple[Check, ...]:
    """Check the repeated acquisitions of one lesion by one reader.

    Parameters
    ----------
    values : sequence of float
        One value per acquisition.
    quantity : str
        What it is, in words, e.g. ``mean elasticity``.
    limits : ProtocolParameters
    """
    enough = len(values) >= limits.repeats
    number = Check(
        "repeats",
        "Repeated acquisitions",
        Status.PASS if enough else Status.WARN,
        float(len(values)),
        "",
        f"≥ {limits.repeats}",
        f"{len(values)} of {limits.repeats} acquisitions of {quantity}.",
    )
    title, limit = "Spread of the repeats (interquartile range / median)", f"≤ {limits.spread:.0%}"
    if len(values) < 2:
        message = "One acquisition has no spread."
        return number, Check("repeat-spread", title, Status.CANNOT_TELL, None, "%", limit, message)
    spread = repeat_spread(values).relative_interquartile_range
    if spread is None:
        message = "The median of the repeats is zero."
        return number, Check("repeat-spread", title, Status.CANNOT_TELL, None, "%", limit, message)
    message = f"The interquartile range of {quantity} is {spread:.0%} of its median."
    status = Status.PASS if spread <= limits.spread else Status.WARN
    return number, Check("repeat-spread", title, status, 100.0 * spread, "%", limit, message)
