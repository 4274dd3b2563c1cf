"""The opacity of the color overlay as printed on the screen."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..geometry import Rectangle
from ..text import read_text
from .panels import brightest_channel

# "O 100 %", "Opacity 50%", "Op. 80 %"; zero and the letter O look alike.
_OPACITY = re.compile(r"(?:^|[\s/|lI])[O0o](?:p\.?|pacity)?[ :]{0,2}([1-9][\dOo]{1,2}) ?%")
_SURE, _DISTINCT = 0.5, 0.03  # likeness of the characters, and how much less any other is like them


def read_printed_opacity(frame: NDArray[np.uint8], blanked: list[Rectangle]) -> float | None:
    """Opacity (0 to 1) printed as ``O 50 %`` or ``Opacity 50 %``; None when it is not there or not sure.

    Only this pattern is looked for, and no other text of the screen is kept. ``blanked`` names the panels and bars, in
    which nothing is read.
    """
    gray = brightest_channel(frame).copy()
    for place in blanked:
        gray[place.intersection(Rectangle(0, 0, *gray.shape)).slices] = 0
    found = {
        int(re.sub("[Oo]", "0", match.group(1)))
        for line in read_text(gray)
        if line.confidence >= _SURE
        and (match := _OPACITY.search(line.text))
        and min(line.margins[match.start() : match.end()]) >= _DISTINCT
    }
    if len(found) != 1:
        return None
    percent = found.pop()
    return percent / 100.0 if 10 <= percent <= 100 else None
