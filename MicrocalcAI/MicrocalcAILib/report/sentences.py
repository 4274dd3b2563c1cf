"""What is said about a finding, in the words of the page: used by it and by whoever lists findings elsewhere."""

from __future__ import annotations

import json
import math

from ..base.resources import resource_path
from ..exam.change import NOT_COMPARABLE
from ..exam.exam import Exam
from ..exam.findings import Finding
from ..exam.marks import Mark
from ..lexicon.vocabulary import word

STRINGS = "Reports/exam.en.json"
_RANK = ("new", "more", "fewer", "unchanged", NOT_COMPARABLE)


def strings() -> dict[str, str]:
    """The words of the page, by their keys."""
    found: dict[str, str] = json.loads(resource_path(STRINGS).read_text(encoding="utf-8"))
    return found


def words_said(finding: Finding, text: dict[str, str]) -> str:
    """Morphology and distribution."""
    return ", ".join(word(kind, name).display for kind, name in finding.words.items()) or text["unknown"]


def size_said(mark: Mark, text: dict[str, str]) -> str:
    """How many calcifications and how far across, and the area of the outline around those that are amorphous."""
    size = f"{mark.count} {text['calcifications']}, {mark.extent_mm:.0f} {text['across']}"
    return size if mark.cloud_mm2 is None else f"{size}, {text['cloud']} {mark.cloud_mm2:.0f} mm²"


def place_said(finding: Finding, text: dict[str, str]) -> str:
    """Quadrant and clock face by two views, else the half that one view tells; depth and distance from the nipple."""
    place = finding.marks[0].place
    if place is None:
        return text["unknown"]
    depth = f"{place.depth} {text['third']}, {place.nipple_mm:.0f} {text['from_nipple']}"
    if finding.clock is not None:
        clock = finding.clock
        if clock.hour is None:
            return f"{text['central']}, {depth}"
        sure = f"{text['probability']} {percent(clock.probability)}"
        return f"{clock.quadrant}, {clock.hour} {text['o_clock']} ({sure}), {depth}"
    if not place.half:
        return depth
    sure = "" if math.isnan(place.half_probability) else f" ({text['probability']} {percent(place.half_probability)})"
    return f"{place.half}{sure}, {depth}"


def seen_said(finding: Finding, exam: Exam, text: dict[str, str]) -> str:
    """In which views it is seen."""
    views = [exam.view(mark.image).identity.view or "?" for mark in finding.marks]
    return f"{text['seen_in']} {', '.join(views)}{'' if len(views) > 1 else ' ' + text['only']}"


def risk_said(finding: Finding, text: dict[str, str]) -> str:
    """Risk by words with its interval, or why there is none."""
    if finding.is_typically_benign:
        return text["risk_benign"]
    if math.isnan(finding.risk):
        return text["risk_unknown"]
    return f"{finding.risk:.0%} ({finding.risk_low:.0%} – {finding.risk_high:.0%})"


def change_said(finding: Finding, exam: Exam) -> str:
    """What changed since the prior, the gravest first, with the views where these differ; empty without a prior."""
    views: dict[str, list[str]] = {}
    for image, change in finding.changes.items():
        views.setdefault(change.call, []).append(exam.view(image).identity.view or "?")
    if len(views) < 2:
        return "".join(views)
    return ", ".join(f"{call} ({', '.join(views[call])})" for call in sorted(views, key=_RANK.index))


def percent(probability: float) -> str:
    """A probability; no estimate is certain."""
    return "over 99 %" if probability > 0.99 else f"{probability:.0%}"
