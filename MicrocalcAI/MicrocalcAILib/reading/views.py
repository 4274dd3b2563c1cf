"""Laterality and view of a mammogram, from DICOM codes or from words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

# Context group 4014 of DICOM PS3.16, with the names of the ACR Mammography Quality Control Manual: SNOMED CT,
# then SNOMED RT (designators SRT, SNM3, 99SDM), then codes of earlier editions.
VIEW_OF_CODE = {
    "399260004": "ML", "R-10224": "ML",
    "399368009": "MLO", "R-10226": "MLO",
    "399352003": "LM", "R-10228": "LM",
    "399099002": "LMO", "R-10230": "LMO",
    "399162004": "CC", "R-10242": "CC",
    "399196006": "FB", "R-10244": "FB",
    "399188001": "SIO", "R-102D0": "SIO",
    "441555000": "ISO", "R-40AAA": "ISO",
    "399192008": "XCCL", "R-1024A": "XCCL", "Y-X1770": "XCCL",
    "399101009": "XCCM", "R-1024B": "XCCM", "Y-X1771": "XCCM",
    "R-102CF": "XCC",
    "127457009": "specimen", "G-8310": "specimen",
}  # fmt: skip

# Context group 4015, code meanings in one spelling.
MODIFIER_OF_CODE = {
    "399161006": "Cleavage", "R-102D2": "Cleavage",
    "399011000": "Axillary Tail", "R-102D1": "Axillary Tail",
    "399197002": "Rolled Lateral", "R-102D3": "Rolled Lateral",
    "399226006": "Rolled Medial", "R-102D4": "Rolled Medial",
    "414493004": "Rolled Inferior", "R-102CA": "Rolled Inferior",
    "415670009": "Rolled Superior", "R-102C9": "Rolled Superior",
    "399209000": "Implant Displaced", "R-102D5": "Implant Displaced",
    "399163009": "Magnification", "R-102D6": "Magnification",
    "399055006": "Spot Compression", "R-102D7": "Spot Compression",
    "399110001": "Tangential", "R-102C2": "Tangential",
    "442581004": "Nipple in profile", "R-40AB3": "Nipple in profile",
    "441752004": "Anterior compression", "P2-00161": "Anterior compression",
    "442593008": "Infra-mammary fold", "R-40ABE": "Infra-mammary fold",
    "442580003": "Axillary tissue", "R-40AB2": "Axillary tissue",
}  # fmt: skip

# Prefixes and suffixes of the ACR names, and words that stand alone.
_MODIFIER_OF_SIGN = {
    "M": "Magnification", "S": "Spot Compression",
    "CV": "Cleavage", "AT": "Axillary Tail", "RL": "Rolled Lateral", "RM": "Rolled Medial", "RI": "Rolled Inferior",
    "RS": "Rolled Superior", "ID": "Implant Displaced", "NP": "Nipple in profile", "AC": "Anterior compression",
    "IMF": "Infra-mammary fold", "AX": "Axillary tissue",
}  # fmt: skip
_MODIFIER_OF_WORD = {"MAG": "Magnification", "MAGNIFICATION": "Magnification", "SPOT": "Spot Compression"}
_SIDES = {"LEFT": "L", "RIGHT": "R", "L": "L", "R": "R"}
_VIEW_WORD = re.compile(
    r"(?P<side>[LR])?(?P<before>[MS]*)(?P<view>XCC[LM]?|MLO|LMO|SIO|CC|ML|LM|FB)"
    r"(?P<after>(?:CV|AT|R[LMIS]|ID|NP|AC|IMF|AX)*)"
)


class View(NamedTuple):
    """Laterality ("L", "R" or None), view (ACR name or None) and modifiers (words of context group 4015)."""

    laterality: str | None = None
    view: str | None = None
    modifiers: tuple[str, ...] = ()


def view_from_codes(view_codes: Iterable[str], modifier_codes: Iterable[str]) -> View:
    """View and modifiers of the code values in View Code Sequence (0054,0220) and its modifiers (0054,0222)."""
    view = next((VIEW_OF_CODE[code] for code in view_codes if code in VIEW_OF_CODE), None)
    modifiers = dict.fromkeys(MODIFIER_OF_CODE[code] for code in modifier_codes if code in MODIFIER_OF_CODE)
    return View(None, view, tuple(modifiers))


def view_from_words(text: str) -> View:
    """Laterality and view named in a description or a file name.

    Understands ``LEFT_CC``, ``Calc-Test_P_00038_RIGHT_MLO``, ``R MLO``, ``RMLO``, ``L CCID`` (ACR names with their
    prefixes and suffixes). Words that contradict each other count as not said.

    Examples
    --------
    >>> view_from_words("Mass-Training_P_00001_LEFT_MLO")
    View(laterality='L', view='MLO', modifiers=())
    """
    sides: set[str] = set()
    views: set[str] = set()
    modifiers: dict[str, None] = {}
    words = re.split(r"[^A-Z0-9]+", text.upper())
    for word in words:
        if match := _VIEW_WORD.fullmatch(word):
            views.add(match["view"])
            if match["side"]:
                sides.add(match["side"])
            signs = [*match["before"], *re.findall(r"IMF|..", match["after"])]
            modifiers |= dict.fromkeys(_MODIFIER_OF_SIGN[sign] for sign in signs)
        elif word in ("LEFT", "RIGHT"):
            sides.add(_SIDES[word])
        elif word in _MODIFIER_OF_WORD:
            modifiers[_MODIFIER_OF_WORD[word]] = None
    if views:  # beside a view, a single letter names the side
        sides |= {_SIDES[word] for word in words if word in _SIDES}
    return View(sides.pop() if len(sides) == 1 else None, views.pop() if len(views) == 1 else None, tuple(modifiers))
