"""Findings of an exam: one for each lesion of a breast, with the views it is seen in, and one risk."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..lexicon.benign import BENIGN, category_by_words
from ..lexicon.vocabulary import KINDS, Category, categories
from .change import Change
from .correspondences import NOTHING_SAID, Correspondences, MarkKey
from .identity import ImageIdentity
from .marks import Mark
from .matching import Match, match_marks
from .place import Clock, clock_of, view_angle

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
        The cluster in each view it is seen in, cranio-caudal and oblique first.
    match : Match or None
        Why the clusters of its views are one lesion; None for a finding of one view.
    clock : Clock or None
        None for a finding of one view, or where the hanging does not tell.
    risk, risk_low, risk_high : float
        Probability of malignancy by the words; NaN where it is not known, or the words are typically benign.
    category : Category or None
        The assessment category whose likelihood holds the risk, or that of typically benign words: information, not
        advice.
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
        shares = {kind: self._shares(kind) for kind in KINDS}
        return {kind: max(of_kind, key=of_kind.__getitem__) for kind, of_kind in shares.items() if of_kind}

    @property
    def is_typically_benign(self) -> bool:
        """Whether its words over all views are surely typically benign, so that no risk is computed."""
        return category_by_words(*map(self._shares, KINDS)) == BENIGN

    def _shares(self, kind: str) -> dict[str, float]:
        """Word to its mean probability over the views that have a word of this kind."""
        said = [mark.words[kind] for mark in self.marks if mark.words.get(kind)]
        names = dict.fromkeys(itertools.chain.from_iterable(said))
        return {name: sum(words.get(name, 0.0) for words in said) / len(said) for name in names}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Finding:
        """Of ``dataclasses.asdict``, also after JSON."""
        values = dict(record)
        values["marks"] = tuple(Mark.from_dict(mark) for mark in record["marks"])
        if record["match"] is not None:
            values["match"] = Match(record["match"]["probability"], tuple(record["match"]["reasons"]))
        values["clock"] = None if record["clock"] is None else Clock(**record["clock"])
        values["category"] = None if record["category"] is None else Category(**record["category"])
        values["changes"] = {image: Change.from_dict(change) for image, change in record["changes"].items()}
        for name in ("risk", "risk_low", "risk_high"):
            values[name] = math.nan if record[name] is None else record[name]
        return cls(**values)


def findings_of(
    marks: Mapping[str, Sequence[Mark]],
    images: Sequence[ImageIdentity],
    changes: Mapping[MarkKey, Change],
    said: Correspondences = NOTHING_SAID,
) -> tuple[Finding, ...]:
    """All findings of an exam.

    Clusters of a breast's first cranio-caudal and first oblique view are matched first, then those of its other whole
    views (a second image, XCCL, ML beside MLO) with what these made. Magnified and spot views show no nipple: they
    join by a reader's word alone.

    Parameters
    ----------
    marks : mapping
        Image to its clusters.
    images : sequence of ImageIdentity
        Whole views first, as :class:`~.grouping.ExamGroup` has them.
    changes : mapping
        (image, cluster id) to what changed.
    said : Correspondences
        What a reader said about clusters of two images.
    """
    views = {image.name: image for image in images}
    found = [
        Finding(0, side, lesion.marks, lesion.match, _clock(lesion.marks, side, views))
        for side in ("R", "L")
        for lesion in _lesions([image for image in images if image.laterality == side], marks, said)
    ]
    with_risks = [_completed(finding, changes) for finding in found]
    with_risks.sort(key=lambda one: (-1.0 if math.isnan(one.risk) else -one.risk - 1, -len(one.marks), one.laterality))
    numbered = [replace(finding, number=number) for number, finding in enumerate(with_risks, start=1)]
    return tuple(replace(finding, mirror=_mirror(finding, numbered, images)) for finding in numbered)


@dataclass(frozen=True)
class _Lesion:
    """Clusters of a breast's views that are one, and why."""

    marks: tuple[Mark, ...]
    match: Match | None = None

    def with_mark(self, mark: Mark, match: Match, label: str) -> _Lesion:
        """Also seen in one more view; it is one lesion only as sure as its least sure match."""
        if self.match is None:
            return _Lesion((*self.marks, mark), match)
        reasons = (*self.match.reasons, f"{label}:", *match.reasons)
        return _Lesion((*self.marks, mark), Match(min(self.match.probability, match.probability), reasons))


def _lesions(
    images: Sequence[ImageIdentity], marks: Mapping[str, Sequence[Mark]], said: Correspondences
) -> list[_Lesion]:
    """The clusters of a breast, joined view by view."""
    whole = [image for image in images if image.is_whole]
    first = [next((image for image in whole if image.is_craniocaudal), None)]
    first.append(next((image for image in whole if image.is_oblique), None))
    lesions: list[_Lesion] = []
    for image in dict.fromkeys((*filter(None, first), *images)):
        own = marks[image.name]
        judged = own if image.is_whole else [replace(mark, place=None) for mark in own]
        pairs = match_marks([lesion.marks for lesion in lesions], judged, said)
        for (i, j), match in pairs.items():
            lesions[i] = lesions[i].with_mark(own[j], match, image.label)
        joined = {j for _, j in pairs}
        lesions += [_Lesion((mark,)) for j, mark in enumerate(own) if j not in joined]
    return lesions


def _clock(marks: Sequence[Mark], side: str, views: Mapping[str, ImageIdentity]) -> Clock | None:
    """By a cranio-caudal view and a lateral one, which sees upper and lower as they are, else an oblique one."""
    placed = [(views[mark.image], mark.place) for mark in marks if mark.place is not None]
    above = next((place for view, place in placed if view.is_craniocaudal), None)
    beside = sorted(((view, place) for view, place in placed if view.is_oblique), key=lambda one: view_angle(one[0]))
    if above is None or not beside:
        return None
    return clock_of(above, beside[0][1], side, beside[0][0])


def category_of(risk: float) -> Category | None:
    """The assessment category whose range of likelihood holds a risk (2, 10, 50 and 95 % part them); None for NaN.

    Category 2 has no likelihood and is never derived from a number.
    """
    if math.isnan(risk):
        return None
    return _category(
        next((name for name, most in (("3", 0.02), ("4A", 0.1), ("4B", 0.5), ("4C", 0.95)) if risk <= most), "5")
    )


def _category(name: str) -> Category:
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


def _completed(finding: Finding, changes: Mapping[MarkKey, Change]) -> Finding:
    own = {mark.image: changes[mark.key] for mark in finding.marks if mark.key in changes}
    if finding.is_typically_benign:
        return replace(finding, category=_category(BENIGN), changes=own)
    risk, low, high = combined_risk(finding.marks)
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
