"""The words of the BI-RADS lexicon for calcifications, with their codes and what they usually mean."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from ..base.errors import ParameterError
from ..base.resources import resource_path

KINDS = ("morphology", "distribution")
AMORPHOUS = "amorphous"  # the morphology whose clusters are outlined as clouds


@dataclass(frozen=True)
class Code:
    """A coded concept of DICOM CID 6010 (morphology) or CID 6012 (distribution).

    Parameters
    ----------
    value, scheme, meaning : str
        For example ``129760005``, ``SCT``, ``Amorphous calcification``.
    """

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Word:
    """One word of the lexicon.

    Parameters
    ----------
    name : str
        Stable name, as in tables and files.
    kind : {"morphology", "distribution"}
    display : str
        As shown to readers.
    group : str
        ``suspicious``, ``typically benign`` and the like.
    category : str
        The assessment category that the lexicon names for it; information, empty for distributions.
    code : Code
    meaning : str
        What the word stands for.
    cbis : tuple of str
        What CBIS-DDSM's tables call it; empty when they do not use it.
    """

    name: str
    kind: str
    display: str
    group: str
    category: str
    code: Code
    meaning: str
    cbis: tuple[str, ...]

    @property
    def typically_benign(self) -> bool:
        """Whether the lexicon lists it among the typically benign patterns."""
        return self.group == "typically benign"


@dataclass(frozen=True)
class Category:
    """A BI-RADS assessment category: its likelihood of malignancy and what usually follows. Information only."""

    name: str
    likelihood: str
    meaning: str
    usual: str
    source: str


def words(kind: str) -> dict[str, Word]:
    """All words of a kind by their names.

    Raises
    ------
    ParameterError
        When the kind is neither morphology nor distribution.
    """
    if kind not in KINDS:
        raise ParameterError(f"“{kind}” is no kind of word; choose morphology or distribution.")
    return _words()[kind]


def word(kind: str, name: str) -> Word:
    """One word.

    Raises
    ------
    ParameterError
        When the lexicon does not hold it.
    """
    known = words(kind)
    if name not in known:
        raise ParameterError(f"“{name}” is no {kind} of the lexicon; choose from: {', '.join(known)}.")
    return known[name]


def in_cbis(kind: str, name: str) -> str:
    """The word that stands for this one in CBIS-DDSM's tables, whose edition of the lexicon had fewer words.

    ``fine linear branching`` for ``fine linear``, which those tables do not tell apart; any other word itself.
    """
    spelling = word(kind, name).cbis
    return [other.name for other in words(kind).values() if other.cbis == spelling][-1] if spelling else name


def categories() -> tuple[Category, ...]:
    """The assessment categories 2 to 5, lowest first."""
    content = _content()
    return tuple(Category(**entry, source=content["categories_source"]) for entry in content["categories"])


@functools.cache
def _words() -> dict[str, dict[str, Word]]:
    content = _content()
    return {
        kind: {
            entry["name"]: Word(**entry | {"kind": kind, "code": Code(*entry["code"]), "cbis": tuple(entry["cbis"])})
            for entry in content[kind]
        }
        for kind in KINDS
    }


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(resource_path("Lexicon/words.json").read_text(encoding="utf-8"))
    return content
