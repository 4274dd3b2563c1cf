"""Measurements as sentences: why a word was suggested, and by which calcifications."""

from __future__ import annotations

import re

import pandas as pd

from .arrangement import OF_SPECKS
from .vocabulary import Word

_MOST_REASONS = 3
_MOST_NAMED = 5
_STATISTIC = re.compile(r"^(?P<name>.+)_(?P<statistic>median|high|low|variation)$")

# measurement of a calcification -> (what it is, unit, decimals)
_SPECK_WORDS = {
    "length_mm": ("length", " mm", 2),
    "width_mm": ("width", " mm", 2),
    "aspect": ("length / width", "", 1),
    "solidity": ("fullness of the outline", "", 2),
    "contrast": ("contrast over noise", "", 1),
    "sharpness_per_mm": ("sharpness of the margin", " /mm", 1),
    "unevenness": ("unevenness inside", "", 2),
    "peakedness": ("peak over mean brightness", "", 2),
    "lucency": ("lucency of the center", "", 2),
    "winding": ("winding", "", 2),
}
# measurement of the cluster -> sentence with {value}
_CLUSTER_WORDS = {
    "branched_share": "{value:.0%} branched",
    "elongated_share": "{value:.0%} elongated",
    "small_share": "{value:.0%} below 0.5 mm",
    "top_heaviness_mean": "flat upper edge (centroid {value:.2f} of the height above the middle)",
    "count": "{value:.0f} calcifications",
    "extent_mm": "{value:.1f} mm across",
    "hull_area_mm2": "area {value:.0f} mm²",
    "hull_circularity": "roundness of the area {value:.2f} (1 round)",
    "density_per_cm2": "{value:.0f} per cm²",
    "axis_minor_mm": "{value:.1f} mm wide across its main axis",
    "linearity": "linearity {value:.2f} (1 a line)",
    "nearest_neighbor_mean_mm": "{value:.1f} mm from neighbor to neighbor",
    "nearest_neighbor_cv": "distances between neighbors vary by {value:.0%}",
    "tree_edge_max_mm": "largest gap {value:.1f} mm",
    "tree_path_share": "chain-likeness {value:.2f} (1 one chain)",
    "nipple_angle_deg": "main axis {value:.0f}° from the direction to the nipple",
    "nipple_distance_mm": "{value:.0f} mm from the nipple",
    "parallel": "long axes parallel to {value:.0%}",
    "in_line_with_neighbor": "long axes point to the next calcification to {value:.0%}",
    "course_residual_mm": "{value:.1f} mm beside a common curve",
    "two_tracks": "two-track pattern {value:.2f}",
    "beside_parallel": "{value:.0%} beside a parallel one, as on the two walls of a vessel",
    "circle_residual": "distance from a common circle {value:.0%} of its radius",
    "circle_diameter_mm": "common circle of {value:.1f} mm",
    "covered_mm2": "calcium covers {value:.1f} mm²",
    "covered_share": "calcium fills {value:.0%} of the ground",
    "sector_deg": "sector of {value:.0f}° seen from the nipple",
    "sector_depth_mm": "{value:.0f} mm deep toward the nipple",
    "sector_ratio": "depth toward the nipple {value:.1f} times the width",
    "breast_share": "{value:.1%} of the breast's area",
    "tiles_share": "calcifications in {value:.0%} of the breast",
    "others": "{value:.0f} other calcifications",
    "others_per_member": "{value:.1f} others per member",
    "others_within_20mm": "{value:.1f} others per member within 20 mm",
    "others_in_sector": "{value:.1f} others per member in the same sector",
}


def summary_sentence(members: pd.DataFrame, measurements: pd.Series) -> str:
    """Number, size and extent in one sentence."""
    lengths = members["length_mm"]
    if len(members) == 1:
        return f"One calcification, {lengths.iloc[0]:.2f} mm long, {members['width_mm'].iloc[0]:.2f} mm wide."
    return (
        f"{len(members)} calcifications, {lengths.min():.2f} to {lengths.max():.2f} mm long "
        f"(median {lengths.median():.2f} mm), {measurements['extent_mm']:.0f} mm across."
    )


def evidence_sentences(
    chosen: Word, measurements: pd.Series, contributions: pd.Series, members: pd.DataFrame
) -> list[str]:
    """What spoke most for a word, strongest first, as one sentence; empty when nothing did.

    Parameters
    ----------
    chosen : Word
    measurements, contributions : Series
        Of one cluster, by name of the measurement; contributions above 0 speak for the word.
    members : DataFrame
        The calcifications' measurements, index ``id``.
    """
    reasons: list[str] = []
    used: set[str] = set()
    for name in contributions.sort_values(ascending=False).index:
        base, statistic = _parts(name)
        if contributions[name] <= 0 or len(reasons) == _MOST_REASONS:
            break
        if base in used or pd.isna(measurements[name]):
            continue
        used.add(base)
        reasons.append(_reason(base, statistic, float(measurements[name]), members))
    return [f"For {chosen.display}: {'; '.join(reasons)}."] if reasons else []


def _parts(name: str) -> tuple[str, str]:
    match = _STATISTIC.match(name)
    return (match["name"], match["statistic"]) if match and match["name"] in OF_SPECKS else (name, "")


def _reason(base: str, statistic: str, value: float, members: pd.DataFrame) -> str:
    if not statistic:
        sentence = _CLUSTER_WORDS[base].format(value=value)
        shown = {"branched_share": members["ends"] >= 3, "small_share": members["length_mm"] < 0.5}.get(base)
        return sentence + (_named(members.index[shown]) if shown is not None and 0 < shown.sum() < len(members) else "")
    what, unit, decimals = _SPECK_WORDS[base]
    column = members[base]
    if len(members) == 1:
        return f"{what} {column.iloc[0]:.{decimals}f}{unit}"
    if statistic == "variation":
        return f"{what} varies by {value:.0%} ({column.min():.{decimals}f} to {column.max():.{decimals}f}{unit})"
    if statistic == "median":
        return f"median {what} {value:.{decimals}f}{unit}"
    end = column.nlargest(3) if statistic == "high" else column.nsmallest(3)
    direction = "up" if statistic == "high" else "down"
    return f"{what} {direction} to {end.iloc[0]:.{decimals}f}{unit}{_named(end.index)}"


def _named(ids: pd.Index) -> str:
    names = ", ".join(str(identifier) for identifier in ids[:_MOST_NAMED])
    return f" (calcification{'s' if len(ids) > 1 else ''} {names}{' …' if len(ids) > _MOST_NAMED else ''})"
