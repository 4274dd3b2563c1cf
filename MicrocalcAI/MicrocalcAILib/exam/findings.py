"""Findings of an exam: one for each lesion of a breast, with the views it is seen in, and one risk."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..lexicon.vocabulary import Category, categories
from .change import Change
from .identity import ImageIdentity
from .marks import Mark
from .matching import Match, match_marks
from .place import Clock, clock_of

MIRROR_MM = 15.0
"""Places this near to each other on mirrored views are the same place of the two breasts."""


@dataclass(frozen=True)
class Finding:
    """One lesion of a breast.

    Parameters
    ----------
    number : int
        From 1, the highest risk first; the same in every view.
    laterality : {"L", "R"}
    marks : tuple of Mark
        The cluster in each view it is seen in, cranio-caudal first.
    match : Match or None
        Why the clusters of two views are one lesion; None for a finding of one view.
    clock : Clock or None
        None for a finding of one view, or where the hanging does not tell.
    risk, risk_low, risk_high : float
        Probability of malignancy by the words; NaN where it is not known.
    category : Category or None
        The assessment category whose likelihood holds the risk: information, not advice.
    changes : dict
        Image to what changed there since the prior.
    mirror : str
        What the other breast shows at the mirrored place, in a sentence.
    """

    number: int
    laterality: str
    marks: tuple[Mark, ...]
    match: Match | None = None
    clock: Clock | None = None
    risk: float = math.nan
    risk_low: float = math.nan
    risk_high: float = math.nan
    category: Category | None = None
    changes: dict[str, Change] = field(default_factory=dict)
    mirror: str = ""

    @property
    def words(self) -> dict[str, str]:
        """Kind of word to the most probable one over all views."""
        found = {}
        for kind in ("morphology", "distribution"):
            total: dict[str, float] = {}
            for name, value in itertools.chain.from_iterable(mark.words.get(kind, {}).items() for mark in self.marks):
                total[name] = total.get(name, 0.0) + value
            if total:
                found[kind] = max(total, key=total.__getitem__)
        return found

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Finding:
        """Of ``dataclasses.asdict``, also after JSON."""
        values = dict(record)
        values["marks"] = tuple(Mark.from_dict(mark) for mark in record["marks"])
        if record["match"] is not None:
            values["match"] = Match(record["match"]["probability"], tuple(record["match"]["reasons"]))
        values["clock"] = None if record["clock"] is None else Clock(**record["clock"])
        values["category"] = None if record["category"] is None else Category(**record["category"])
        values["changes"] = {image: Change(**change) for image, change in record["changes"].items()}
        for name in ("risk", "risk_low", "risk_high"):
            values[name] = math.nan if record[name] is None else record[name]
        return cls(**values)


def findings_of(
    marks: Mapping[str, Sequence[Mark]], images: Sequence[ImageIdentity], changes: Mapping[tuple[str, int], Change]
) -> tuple[Finding, ...]:
    """All findings of an exam.

    Clusters of a breast's first cranio-caudal and first oblique view are matched; those of other views (a second
    image, XCCL, ML beside MLO, magnification) join nothing and stay findings of one view.

    Parameters
    ----------
    marks : mapping
        Image to its clusters.
    images : sequence of ImageIdentity
        Whole views first, as :class:`~.grouping.ExamGroup` has them.
    changes : mapping
        (image, cluster id) to what changed.
    """
    found: list[Finding] = []
    for side in ("R", "L"):
        own = [image for image in images if image.laterality == side]
        first = next((image for image in own if image.is_craniocaudal and image.is_whole), None)
        second = next((image for image in own if image.is_oblique and image.is_whole), None)
        paired: set[tuple[str, int]] = set()
        if first is not None and second is not None:
            above, beside = marks[first.name], marks[second.name]
            for (i, j), match in match_marks(above, beside).items():
                pair = above[i], beside[j]
                paired |= {(mark.image, mark.cluster_id) for mark in pair}
                places = pair[0].place, pair[1].place
                clock = None
                if places[0] is not None and places[1] is not None:
                    clock = clock_of(places[0], places[1], side, second)
                found.append(Finding(0, side, pair, match, clock))
        found += [
            Finding(0, side, (mark,))
            for image in own
            for mark in marks[image.name]
            if (mark.image, mark.cluster_id) not in paired
        ]
    with_risks = [_completed(finding, changes) for finding in found]
    with_risks.sort(key=lambda one: (-1.0 if math.isnan(one.risk) else -one.risk - 1, -len(one.marks), one.laterality))
    numbered = [replace(finding, number=number) for number, finding in enumerate(with_risks, start=1)]
    return tuple(replace(finding, mirror=_mirror(finding, numbered, images)) for finding in numbered)


def category_of(risk: float) -> Category | None:
    """The assessment category whose range of likelihood holds a risk (2, 10, 50 and 95 % part them); None for NaN.

    Category 2 has no likelihood and is never derived from a number.
    """
    if math.isnan(risk):
        return None
    name = next((name for name, most in (("3", 0.02), ("4A", 0.1), ("4B", 0.5), ("4C", 0.95)) if risk <= most), "5")
    return next(category for category in categories() if category.name == name)


def combined_risk(marks: Sequence[Mark]) -> tuple[float, float, float]:
    """One risk of a lesion in several views: mean of the log odds; the interval spans those of the views.

    The views show the same calcifications, so that they do not add up as independent evidence would.
    """
    known = [mark for mark in marks if not math.isnan(mark.risk)]
    if not known:
        return math.nan, math.nan, math.nan
    odds = [math.log(p / (1 - p)) for p in (min(max(mark.risk, 1e-6), 1 - 1e-6) for mark in known)]
    risk = 1 / (1 + math.exp(-sum(odds) / len(odds)))
    return risk, min(mark.risk_low for mark in known), max(mark.risk_high for mark in known)


def _completed(finding: Finding, changes: Mapping[tuple[str, int], Change]) -> Finding:
    risk, low, high = combined_risk(finding.marks)
    own = {mark.image: changes[key] for mark in finding.marks if (key := (mark.image, mark.cluster_id)) in changes}
    return replace(finding, risk=risk, risk_low=low, risk_high=high, category=category_of(risk), changes=own)


def _mirror(finding: Finding, findings: Sequence[Finding], images: Sequence[ImageIdentity]) -> str:
    """What lies at the mirrored place of the other breast: likeness makes chance and benign change likelier."""
    views = {image.name: image for image in images}
    others = [other for other in findings if other.laterality != finding.laterality]
    compared = False
    for mark in finding.marks:
        view = views[mark.image]
        compared |= any(
            image.laterality != finding.laterality and image.is_whole and image.view == view.view for image in images
        )
        for other in others:
            for candidate in other.marks:
                if views[candidate.image].view != view.view or mark.place is None or candidate.place is None:
                    continue
                apart = math.hypot(
                    mark.place.along_mm - candidate.place.along_mm, mark.place.across_mm - candidate.place.across_mm
                )
                if apart < MIRROR_MM:
                    return f"Finding {other.number} lies at the mirrored place of the other breast ({view.view})."
    return "Nothing at the mirrored place of the other breast." if compared else ""
