"""The same lesion in two views: clusters at one distance from the nipple, with like counts, sizes and words.

The distance of a lesion from the nipple changes little from view to view, so that it lies on an arc in the other view.
Each likeness is a likelihood ratio between the same lesion and two lesions of a breast; their product gives the
probability. The spreads are choices that stand here, not fitted to patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from ..lexicon.vocabulary import words
from .correspondences import NOTHING_SAID, Correspondences
from .marks import Mark
from .place import ROLL_MM

OTHER_LESION_MM = 30.0
"""Spread of the difference in nipple distance of two lesions of a breast."""
SAME_COUNT, OTHER_COUNT = 0.5, 1.1
"""Spread of the logarithm of the ratio of counts of the same lesion in two views, and of two lesions."""
SAME_EXTENT, OTHER_EXTENT = 0.45, 0.9
WORDS_WEIGHT = math.log(4.0)
"""The most that like or unlike words change the odds."""
PRIOR_ODDS = 1.0
LEAST_PROBABILITY = 0.5
_CERTAIN = 1e6  # more than any log odds


@dataclass(frozen=True)
class Match:
    """Two clusters that may be one lesion.

    Parameters
    ----------
    probability : float
        That they are the same lesion.
    reasons : tuple of str
        What speaks for and against it, in sentences.
    """

    probability: float
    reasons: tuple[str, ...]


BY_READER = Match(1.0, ("A reader said that this is one lesion.",))


def match_marks(
    lesions: Sequence[Sequence[Mark]], marks: Sequence[Mark], said: Correspondences = NOTHING_SAID
) -> dict[tuple[int, int], Match]:
    """Pairs of a lesion, as other views show it, and a cluster of one more view; each in at most one pair.

    Parameters
    ----------
    lesions : sequence of sequences of Mark
        The clusters of each lesion, one view each.
    marks : sequence of Mark
        Clusters of one image that none of the lesions has yet.
    said : Correspondences
        What a reader said; it goes before any likelihood.

    Returns
    -------
    dict
        (index of the lesion, index in ``marks``) to Match, only those that are more probably one lesion than two;
        together they are the most probable pairing.
    """
    matches = {
        (i, j): match
        for i, lesion in enumerate(lesions)
        for j, mark in enumerate(marks)
        if (match := _match(lesion, mark, said)) is not None
    }
    if not matches:
        return {}
    gain = np.zeros((len(lesions), len(marks)))
    for pair, match in matches.items():
        gain[pair] = max(_log_odds(match.probability) - _log_odds(LEAST_PROBABILITY), 0.0)
        if match is BY_READER:
            gain[pair] = _CERTAIN
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return {(int(i), int(j)): matches[int(i), int(j)] for i, j in zip(rows, columns, strict=True) if gain[i, j] > 0}


def _match(lesion: Sequence[Mark], mark: Mark, said: Correspondences) -> Match | None:
    """How likely a lesion and a cluster are one; None where a reader denied it, or places are not known.

    The views of a lesion show the same calcifications: their log odds are averaged, not added up.
    """
    words = [said.says(own.key, mark.key) for own in lesion]
    if True in words:
        return BY_READER
    placed = [own for own in lesion if own.place is not None]
    if False in words or mark.place is None or not placed:
        return None
    compared = [compare(own, mark) for own in placed]
    odds = sum(_log_odds(one.probability) for one in compared) / len(compared)
    return Match(1 / (1 + math.exp(-odds)), max(compared, key=lambda one: one.probability).reasons)


def compare(one: Mark, other: Mark) -> Match:
    """The probability that two clusters with known places are one lesion, with reasons."""
    if one.place is None or other.place is None:
        return Match(0.0, ("Without places in the breast, clusters of two views cannot be compared.",))
    error_mm = math.hypot(ROLL_MM, math.hypot(one.place.error_mm, other.place.error_mm))
    distances = one.place.nipple_mm, other.place.nipple_mm
    difference = distances[0] - distances[1]
    log_ratio = _log_ratio(difference, error_mm, math.hypot(OTHER_LESION_MM, error_mm))
    reasons = [f"{distances[0]:.0f} and {distances[1]:.0f} mm from the nipple (give or take {error_mm:.0f} mm)."]
    log_ratio += _log_ratio(math.log(one.count / other.count), SAME_COUNT, OTHER_COUNT)
    reasons.append(f"{one.count} and {other.count} calcifications.")
    sizes = max(one.extent_mm, 1.0), max(other.extent_mm, 1.0)
    log_ratio += _log_ratio(math.log(sizes[0] / sizes[1]), SAME_EXTENT, OTHER_EXTENT)
    reasons.append(f"{one.extent_mm:.0f} and {other.extent_mm:.0f} mm across.")
    for kind in ("morphology", "distribution"):
        likeness = _likeness(kind, one, other)
        if likeness is None:
            continue
        log_ratio += min(max(likeness, -WORDS_WEIGHT), WORDS_WEIGHT)
        first, second = (max(mark.words[kind], key=mark.words[kind].__getitem__) for mark in (one, other))
        reasons.append(f"Both {first}." if first == second else f"{first.capitalize()} in one, {second} in the other.")
    return Match(1 / (1 + math.exp(-log_ratio) / PRIOR_ODDS), tuple(reasons))


def _likeness(kind: str, one: Mark, other: Mark) -> float | None:
    """Logarithm of how much more often two draws from the words agree than two draws of any words; None without."""
    if not (one.words.get(kind) and other.words.get(kind)):
        return None
    agreement = sum(value * other.words[kind].get(name, 0.0) for name, value in one.words[kind].items())
    return math.log(max(agreement * len(words(kind)), 1e-3))


def _log_ratio(difference: float, same: float, different: float) -> float:
    return float(norm.logpdf(difference, scale=same) - norm.logpdf(difference, scale=different))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-12), 1 - 1e-12)
    return math.log(bounded / (1 - bounded))
