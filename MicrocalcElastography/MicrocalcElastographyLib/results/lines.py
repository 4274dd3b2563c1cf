"""The words beside the pictures of an assessment: what was measured, scores, protocol, warnings, published cut-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..assessment import Assessment
from ..elastogram import Unit
from ..measurement import RegionStatistics
from ..protocol import Check, Status
from .sheet import INK, QUIET

if TYPE_CHECKING:
    from PIL import ImageFont

_STATUS_COLORS = {Status.PASS: "#6cc38b", Status.WARN: "#ffb347", Status.CANNOT_TELL: QUIET}

Line = tuple[str, str, bool]
"""Text, color, and whether it is bold."""


def lines_of(
    assessment: Assessment, references: Sequence[Mapping[str, Any]], font: ImageFont.FreeTypeFont, width_px: int
) -> list[Line]:
    """What was measured, scores, protocol, warnings and published cut-offs, in lines no wider than ``width_px``."""
    paragraphs = [*_paragraphs(assessment), *_of_references(references)]
    return [(line, color, bold) for text, color, bold in paragraphs for line in _wrapped(text, font, width_px)]


def _paragraphs(assessment: Assessment) -> list[Line]:
    measurement = assessment.measurement
    unit = "" if measurement.elastogram.unit == Unit.STRAIN else f" {measurement.elastogram.unit}"
    lines: list[Line] = [("Measured", INK, True)]

    def add(text: str, color: str = INK) -> None:
        lines.append((text, color, False))

    for name, statistics, speed in (
        ("Box", measurement.box_statistics, measurement.box_speed),
        ("Lesion", measurement.lesion_statistics, measurement.lesion_speed),
        ("Ring", measurement.ring_statistics, None),
        ("Fat", measurement.fat_statistics, None),
    ):
        if statistics is not None:
            in_speed = "" if speed is None or speed.mean is None else f"; mean {speed.mean:.2f} m/s"
            add(f"{name}: {_numbers(statistics, unit)}{in_speed}")
    if measurement.box_speed is not None:
        density = measurement.parameters.density_kg_m3
        add(f"E = 3ρc², ρ = {density:g} kg/m³: soft tissue taken as isotropic, elastic, incompressible", QUIET)
    if measurement.box_statistics is None:
        add("Box: no value: void", _STATUS_COLORS[Status.WARN])
    elif measurement.box_inside_share is not None:
        add(f"{measurement.box_inside_share:.0%} of the box inside the lesion")
    if (block := measurement.block) is not None:
        decimals = 3 if block.mean < 1 else 1
        add(
            f"Box over the slices ({block.words}): mean {block.mean:.{decimals}f} ± "
            f"{block.standard_deviation:.{decimals}f}{unit}, {block.minimum:.{decimals}f}–{block.maximum:.{decimals}f}"
        )
    if measurement.is_lower_bound:
        add("≥: the lesion may be stiffer than measured (end of the scale, or void)", _STATUS_COLORS[Status.WARN])
    if measurement.stiffness_ratio is not None:
        add(f"Stiffness ratio box / fat: {measurement.stiffness_ratio:.2f}")
    if measurement.strain_ratio is not None:
        add(f"Strain ratio fat / lesion: {measurement.strain_ratio:.2f}")
    if measurement.sizes is not None:
        add(f"Size elastogram / B-mode: length {measurement.sizes.length:.2f}, area {measurement.sizes.area:.2f}")
    depth = "" if measurement.lesion_depth_mm is None else f", {measurement.lesion_depth_mm:.1f} mm deep"
    add(f"Lesion {measurement.lesion_length_mm:.1f} mm long{depth}")
    lines += [("", INK, False), ("Scores (rules and limits are parameters)", INK, True)]
    for score in assessment.scores:
        value = "–" if score.value is None else str(score.value)
        stiff = f", {score.shares['stiff']:.0%} stiff" if "stiff" in score.shares else ""
        add(f"{value}  {score.definition}: {score.reason}{stiff}")
    for descriptor in assessment.descriptors:
        add(f"{descriptor.name}: {descriptor.value or 'cannot tell'} ({descriptor.reason})")
    lines += [("", INK, False), ("Protocol", INK, True)]
    for status in (Status.WARN, Status.CANNOT_TELL):
        for check in assessment.checks:
            if check.status is status:
                add(f"{status}: {check.message}", _STATUS_COLORS[status])
    if passed := [_passed(check) for check in assessment.checks if check.status is Status.PASS]:
        add(f"pass: {'; '.join(passed)}", _STATUS_COLORS[Status.PASS])
    if profile := assessment.measurement.elastogram.profile:
        add(f"Profile of the scanner: {profile}")
    if warnings := dict.fromkeys(warning.code for warning in assessment.warnings):
        lines += [("", INK, False), ("Warnings", INK, True)]
        add(", ".join(warnings), _STATUS_COLORS[Status.WARN])
    return lines


def _of_references(references: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Published cut-offs, one paragraph per quantity."""
    if not references:
        return []
    lines: list[Line] = [("", INK, False), ("Published cut-offs (for reference only)", INK, True)]
    for quantity in dict.fromkeys(entry["quantity"] for entry in references):
        named = "; ".join(
            f"{entry['cutoff']:g} {entry['name']}" for entry in references if entry["quantity"] == quantity
        )
        lines.append((f"{quantity.replace('_kpa', '').replace('_', ' ')}: {named}", QUIET, False))
    return lines


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """The text in lines of that width, later ones indented."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and font.getlength(longer) > width_px:
            lines.append(line)
            longer = f"    {word}"
        line = longer
    return [*lines, line]


def _passed(check: Check) -> str:
    measured = "" if check.measured is None else f" {check.measured:.3g} {check.unit}".rstrip()
    return f"{check.title}{measured}"


def _numbers(statistics: RegionStatistics, unit: str) -> str:
    if statistics.mean is None or statistics.minimum is None or statistics.maximum is None:
        return "no value"
    decimals = 1 if abs(statistics.mean) >= 10 else 3 if abs(statistics.mean) < 1 else 2
    spread = "" if statistics.standard_deviation is None else f" ± {statistics.standard_deviation:.{decimals}f}"
    low, high = statistics.mean_interval or (statistics.mean, statistics.mean)
    interval = "" if statistics.mean_interval is None else f" (95 % {low:.{decimals}f}–{high:.{decimals}f})"
    void = f", {statistics.void_share:.0%} without value" if statistics.void_share >= 0.005 else ""
    return (
        f"mean {statistics.mean:.{decimals}f}{spread}{unit}{interval}, "
        f"{statistics.minimum:.{decimals}f}–{statistics.maximum:.{decimals}f}{void}"
    )
