"""Typically benign descriptions: what the lexicon puts into category 2 has no computed risk.

The model of the risk is a regularized fit to a cohort that was enriched with cancers. It draws rare words toward the
mean of that cohort: sure skin calcifications, none of them malignant there, would get 11 %, milk of calcium 17 %.
Beside a predictive value of 0 such a number is a contradiction. Therefore the lexicon speaks where words are sure to be
typically benign; where they are not sure, the number counts every suggested word, and the category is doubted.
"""

from __future__ import annotations

from collections.abc import Mapping

from .vocabulary import word

SURE = 0.9
"""Probability of the typically benign descriptions together from which no risk is computed.

Of 141 held-out simulated clusters of other words none reached it (upper limit 2.7 %), of 39 typically benign ones 15;
two and 20 reached 0.8 (``Testing/benchmarks/words_benchmark.py``).
"""
BENIGN = "2"
_BENIGN_WHEN_DIFFUSE = ("round", "punctate")  # BI-RADS Atlas, 5th edition: “almost always benign” when diffuse


def is_benign(morphology: str, distribution: str = "") -> bool:
    """Whether the lexicon puts lesions of these words into category 2.

    Parameters
    ----------
    morphology, distribution : str
        Words of the lexicon; an empty one is not known.

    Raises
    ------
    ParameterError
        When the lexicon does not hold the morphology.
    """
    if not morphology:
        return False
    if distribution == "diffuse" and morphology in _BENIGN_WHEN_DIFFUSE:
        return True
    return word("morphology", morphology).category == BENIGN


def benign_share(morphologies: Mapping[str, float], distributions: Mapping[str, float]) -> float:
    """Probability that the lexicon puts a lesion into category 2, in [0, 1].

    Parameters
    ----------
    morphologies, distributions : mapping
        Word to probability; each empty when not known.
    """
    return sum(
        first * second
        for morphology, first in morphologies.items()
        for distribution, second in (distributions or {"": 1.0}).items()
        if is_benign(morphology, distribution)
    )


def category_by_words(morphologies: Mapping[str, float], distributions: Mapping[str, float]) -> str:
    """The category that the lexicon names for the most probable words; empty without a morphology.

    ``2`` only where typically benign descriptions are sure together; ``2?`` where the first words are such a
    description and are not sure.
    """
    if not morphologies:
        return ""
    if not _starts_benign(morphologies, distributions):
        return word("morphology", _first(morphologies)).category
    return BENIGN if benign_share(morphologies, distributions) >= SURE else f"{BENIGN}?"


def benign_statement(morphologies: Mapping[str, float], distributions: Mapping[str, float]) -> str:
    """Why no risk is computed, in a sentence; empty where these words do not settle it."""
    if category_by_words(morphologies, distributions) != BENIGN:
        return ""
    share = benign_share(morphologies, distributions)
    return (
        f"Typically benign words (BI-RADS category 2) hold {share:.0%} of the probability: no risk is computed, the "
        "words' own predictive values hold."
    )


def _starts_benign(morphologies: Mapping[str, float], distributions: Mapping[str, float]) -> bool:
    return is_benign(_first(morphologies), _first(distributions))


def _first(probabilities: Mapping[str, float]) -> str:
    """The most probable word; empty without any."""
    return max(probabilities, key=probabilities.__getitem__, default="")
