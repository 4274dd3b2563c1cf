"""Numbers in words a reader expects: P values, percentages, intervals."""

from __future__ import annotations

import math
import re

from MicrocalcAILib.statistics.estimate import Estimate


def number(value: float, digits: int = 3) -> str:
    """A number with about three significant digits, without exponents in the usual range; – when there is none."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if -4 <= size < 6:
        return f"{value:.{max(digits - 1 - size, 0)}f}"
    return f"{value:.{digits - 1}e}"


def percent(share: float, decimals: int = 1) -> str:
    """A share of 1 as a percentage."""
    return "–" if math.isnan(share) else f"{100 * share:.{decimals}f} %"


def p_text(value: float) -> str:
    """A P value as journals print it: ``P = 0.031``, ``P < 0.001``; – when nothing was tested."""
    if math.isnan(value):
        return "–"
    return f"P = {value:.3f}" if value >= 0.001 else "P < 0.001"


def p_cell(value: float) -> str:
    """A P value for a table cell: ``0.031``, ``< 0.001``."""
    return p_text(value).removeprefix("P = ").removeprefix("P ")


def exact_p_text(value: float) -> str:
    """A P value however small: ``P = 3e-11``."""
    return p_text(value) if math.isnan(value) or value >= 0.001 else f"P = {value:.0e}"


def file_name(text: str) -> str:
    """A heading as part of a file name: ``Strain ratio (R1)`` → ``strain_ratio_r1``."""
    return re.sub(r"\W+", "_", text.lower()).strip("_")


def lesions_text(count: int) -> str:
    """``1 lesion``, ``5 lesions``."""
    return f"{count} lesion{'' if count == 1 else 's'}"


def cutoff_text(value: float, unit: str = "") -> str:
    """A cut-off without needless zeros: ``62 kPa``, ``1.888``."""
    return f"{value:.4g} {unit}".rstrip()


def estimate_text(estimate: Estimate, digits: int = 3) -> str:
    """A number with its interval: ``0.95 (0.92 to 0.98)``; the number alone when there is no interval."""
    if not math.isfinite(estimate.low) and not math.isfinite(estimate.high):
        return number(estimate.value, digits)
    ends = [abs(end) for end in (estimate.value, estimate.low, estimate.high) if math.isfinite(end) and end]
    decimals = max(digits - 1 - math.floor(math.log10(ends[0])), 0) if ends else 0
    decimals = min(decimals, 4)
    texts = [_fixed(end, decimals) for end in (estimate.value, estimate.low, estimate.high)]
    while len(set(texts)) == 1 and estimate.low < estimate.high and decimals < 6:
        decimals += 1  # an interval that rounds away would look like certainty
        texts = [_fixed(end, decimals) for end in (estimate.value, estimate.low, estimate.high)]
    value, low, high = texts
    return f"{value} ({low} to {high})"


def _fixed(value: float, decimals: int) -> str:
    """So many decimals, none above 100; the whole story of huge numbers is their size."""
    if not math.isfinite(value):
        return number(value)
    if abs(value) >= 1e6:
        return f"{value:.0e}"
    text = f"{value:.{decimals if abs(value) < 100 else 0}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def share_text(estimate: Estimate) -> str:
    """A share as a percentage with its interval: ``88.0 % (81.8 to 92.3)``."""
    if not math.isfinite(estimate.low):
        return percent(estimate.value)
    return f"{percent(estimate.value)} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"
