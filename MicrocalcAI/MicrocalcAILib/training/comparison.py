"""Before and after an adaptation in words, from a model's card."""

from __future__ import annotations

import math
from typing import Any


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """Before and after in words."""
    lines = []
    for name, part in comparison.items():
        where = "corrected images it did not learn from" if name == "corrected" else "simulated images"
        lines.append(f"On {part['images']} {where} ({part['patients']} patients):")
        for rate in part["rates"]:
            shown = {key: math.nan if value is None else value for key, value in rate.items()}
            lines.append(
                f"  {shown['false_per_image']:g} false marks per image: sensitivity {shown['before']:.3f} before, "
                f"{shown['after']:.3f} after, gain {shown['gain']:+.3f} "
                f"({shown['gain_low']:+.3f} to {shown['gain_high']:+.3f})"
            )
    return lines
