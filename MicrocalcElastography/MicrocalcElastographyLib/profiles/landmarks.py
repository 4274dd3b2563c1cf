"""Words by which the layout of a screen is recognized: terms of ultrasound only, never what may be a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..text import Word

_TERMS = frozenset(
    [
        *("b-mode", "box", "bx", "cm", "db", "depth", "dr", "elasto", "elastography", "elasticity", "fps", "fr"),
        *("freq", "frq", "gain", "gen", "gn", "hard", "high", "hz", "kpa", "low", "map", "med", "mhz", "mi", "mm"),
        *("mode", "opacity", "opt", "pan", "pen", "persist", "pwr", "quality", "res", "sc", "shear", "size", "soft"),
        *("sr", "std", "stiffness", "strain", "swe", "tib", "tic", "tis", "velocity", "wave", "zoom"),
        *("不透明度", "增益", "深度", "弹性"),
    ]
)
_SURE = 0.9
_NEAR = 0.012  # of the longer side of the screen
_SHARE = 0.6  # of the landmarks that are seen again; settings change some


class Landmark(NamedTuple):
    """Terms printed on a screen, and where: middle row and left column as shares of the screen's longer side."""

    text: str
    row: float
    column: float


def landmarks_of(words: Iterable[Word], size: tuple[int, int]) -> tuple[Landmark, ...]:
    """The landmarks among the words of a screen.

    Parameters
    ----------
    words : iterable of Word
    size : (int, int)
        Rows and columns of the screen.
    """
    longer = max(size)
    found = []
    for word in words:
        terms = [part for part in re.split(r"[^\w-]|[\d_]", word.text.casefold()) if part.strip("-")]
        long = [part for part in terms if len(part) > 1]
        if word.confidence >= _SURE and long and _TERMS.issuperset(long):
            row, column = word.place.center[0] / longer, word.place.left / longer
            found.append(Landmark(" ".join(terms), round(row, 4), round(column, 4)))
    return tuple(found)


def are_seen(landmarks: Iterable[Landmark], seen: Iterable[Landmark]) -> bool:
    """Whether most landmarks stand where they stood; also when there are none."""
    wanted, there = list(landmarks), list(seen)
    again = sum(
        any(
            mark.text == other.text and abs(mark.row - other.row) < _NEAR and abs(mark.column - other.column) < _NEAR
            for other in there
        )
        for mark in wanted
    )
    return again >= _SHARE * len(wanted)
