"""Before and after a training on the same images, in numbers for a model's card, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..evaluation.free_response import free_response_curve, sensitivity_gain
from ..evaluation.matching import Matches

RATES = (1.0, 2.0, 5.0, 10.0)  # false marks per image at which before and after are compared
_PLACES = {
    "corrected": "corrected images it did not learn from",
    "simulated": "simulated images",
    "test": "images of patients it did not learn from",
}


def compared(before: Sequence[Matches], after: Sequence[Matches], rates: Sequence[float] = RATES) -> dict[str, Any]:
    """Sensitivity before and after at rates of false marks per image, and the gain with its interval over patients."""
    curves = [free_response_curve(matches, false_per_image=rates, false_per_cm2=()) for matches in (before, after)]
    points = [curve.operating_points[curve.operating_points["per"] == "image"] for curve in curves]
    gain = sensitivity_gain(after, before, false_per_image=rates)
    rows = []
    for index, rate in enumerate(rates):
        row = gain.iloc[index]
        values = {"gain": row["gain"], "gain_low": row["gain_low"], "gain_high": row["gain_high"]}
        for name, of in zip(("before", "after"), points, strict=True):
            values[name] = of["sensitivity"].iloc[index]
        rows.append({"false_per_image": rate, **{key: _json(value) for key, value in values.items()}})
    mean = float(gain["gain"].mean())
    return {"images": len(before), "patients": curves[0].patients, "rates": rows, "mean_gain": _json(mean)}


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """Before and after in words."""
    lines = []
    for name, part in comparison.items():
        lines.append(f"On {part['images']} {_PLACES[name]} ({part['patients']} patients):")
        for rate in part["rates"]:
            shown = {key: math.nan if value is None else value for key, value in rate.items()}
            lines.append(
                f"  {shown['false_per_image']:g} false marks per image: sensitivity {shown['before']:.3f} before, "
                f"{shown['after']:.3f} after, gain {shown['gain']:+.3f} "
                f"({shown['gain_low']:+.3f} to {shown['gain_high']:+.3f})"
            )
    return lines


def _json(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
