"""Numbers as people write them: decimal comma or point, thousands separators, values beyond a device's limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Decimal = Literal["", "point", "comma"]

_PLAIN = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_GROUPED = {
    "point": re.compile(r"[+-]?[1-9]\d{0,2}([,'’\s]\d{3})+(\.\d*)?"),
    "comma": re.compile(r"[+-]?[1-9]\d{0,2}([.'’\s]\d{3})+(,\d*)?"),
}
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")  # 1,119: a thousand, or a little more than one
_LIMIT = re.compile(r"\s*(>=|<=|[<>≥≤＞＜])\s*(.+)")
_AT_LEAST = (">=", ">", "≥", "＞")
_AT_MOST = ("<=", "<", "≤", "＜")


class AmbiguousNumbers(ValueError):
    """A comma or point in a column may be a decimal mark or a thousands separator; ``text`` is an example."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def as_number(text: str, unit: str = "") -> float | None:
    """Number of a text (decimal point or comma, its unit may follow); None when it is none, or not plainly one."""
    stripped = _without_unit(text, unit)
    if not _PLAIN.fullmatch(stripped) or ("," in stripped and _EITHER.fullmatch(stripped)):
        return None
    return float(stripped.replace(",", "."))


def limit_side(text: str) -> int:
    """1 for “>300” or “≥”, of which only the lower limit is known, -1 for “<5”, 0 for a number that is known."""
    mark = text.strip()
    limit = _LIMIT.fullmatch(mark)
    mark = limit[1] if limit else mark
    return 1 if mark in _AT_LEAST else -1 if mark in _AT_MOST else 0


def looks_like_number(text: str) -> bool:
    """True for everything :func:`read_numbers` may read."""
    limit = _LIMIT.fullmatch(text)
    stripped = limit[2] if limit else text
    return bool(_PLAIN.fullmatch(stripped) or any(pattern.fullmatch(stripped) for pattern in _GROUPED.values()))


def read_numbers(texts: Sequence[str], unit: str = "", decimal: Decimal = "") -> list[float | None]:
    """Numbers of a whole column, which decides together what its commas and points mean; None for what is no number.

    Of “>300” the limit is taken; see :func:`limit_side`.

    Parameters
    ----------
    texts : sequence of str
    unit : str
        May follow the numbers.
    decimal : {"", "point", "comma"}
        What the user said; otherwise found from cells such as “45.7” or “1,119.5”.

    Raises
    ------
    AmbiguousNumbers
        When “1,119” could be either and no other cell tells.
    """
    limits = [_LIMIT.fullmatch(text) for text in texts]
    bare = [_without_unit(limit[2] if limit else text, unit) for text, limit in zip(texts, limits, strict=True)]
    mark = decimal or _decimal_mark(bare)
    return [_value(text, mark) for text in bare]


def _without_unit(text: str, unit: str) -> str:
    return text.removesuffix(unit).strip() if unit else text.strip()


def _decimal_mark(texts: Sequence[str]) -> Literal["point", "comma"]:
    """What the cells of a column that can be read in one way only say; “1.119” alone is one and a bit."""
    only = {
        mark
        for text in texts
        for mark, other in (("point", "comma"), ("comma", "point"))
        if _value(text, mark) is not None and _value(text, other) is None
    }
    unsure = [text for text in texts if _EITHER.fullmatch(text)]
    with_comma = [text for text in unsure if "," in text]
    if only == {"comma"}:
        return "comma"
    if with_comma and only != {"point"}:
        raise AmbiguousNumbers(with_comma[0])
    if len(only) == 2 and unsure:
        raise AmbiguousNumbers(unsure[0])
    return "point"


def _value(text: str, mark: str) -> float | None:
    """The number when ``mark`` is the decimal mark; without thousands groups either mark may be the decimal one."""
    own, other = (".", ",") if mark == "point" else (",", ".")
    if _GROUPED[mark].fullmatch(text):
        return float(re.sub(rf"[{re.escape(other)}'’\s]", "", text).replace(own, "."))
    if _PLAIN.fullmatch(text) and other not in text:
        return float(text.replace(own, "."))
    return None
