"""The opacity of the color overlay as printed on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..text import Word

# "O 100 %", "S 5/O 100 %/G 79 %", "Opacity 50%", "Op. 80 %"; zero and the letter O look alike.
_OPACITY = re.compile(
    r"(?:^|[\s/|,;])(?:[O0o](?:p\.?|pac\.?|pacity)?|不透明度)[ :：=]{0,2}([1-9][\dOo]{1,2}) ?[%％]", re.IGNORECASE
)
_SURE = 0.8


def read_printed_opacity(words: Iterable[Word]) -> float | None:
    """Opacity (0 to 1) printed as ``O 50 %`` or ``Opacity 50 %``; None when it is not sure or there twice."""
    found = {
        int(re.sub("[Oo]", "0", match.group(1)))
        for word in words
        if word.confidence >= _SURE
        for match in _OPACITY.finditer(word.text)
    }
    if len(found) != 1:
        return None
    percent = found.pop()
    return percent / 100.0 if 10 <= percent <= 100 else None
