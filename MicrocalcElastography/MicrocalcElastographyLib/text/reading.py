"""Finding lines of bright text on a dark screen and reading them with a confidence."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Rectangle, rectangle_of
from .glyphs import INK, GlyphShapes, glyph_bank, glyph_picture

FloatArray = NDArray[np.float32]

_DARK = 50  # gray levels a text pixel must at least have
_HEIGHTS = (5, 60)  # of a character, in pixels
_SPACE = 0.30  # a gap wider than this share of the digit height separates words
_DIGIT_WIDTH = 0.65  # of a digit that touches the next, in digit heights
_TOUCHING_PX = 14  # characters lower than this touch so closely that no thin place shows between them
_WIDEST = 1.5  # digit heights
_GAP_INSIDE = 0.1  # a gap wider than this share separates characters
_LINE_GAP = 1.6  # and a gap wider than this separates lines
_PER_CHARACTER = 0.06  # cost of one more character, against splitting wide ones into many narrow ones
_BETTER_RIVAL = 3.0  # cost of a character outside the allowed alphabet that is more like it, per likeness
_LOOK_ALIKES = ("0Oo", "1lIt", "5Ss", "2Zz", ".,")
_PLACE_WEIGHT = 0.5  # cost of a character that stands too high, too low, or is too wide, per digit height


class TextLine(NamedTuple):
    """A line as read.

    Parameters
    ----------
    text : str
    confidence : float
        0 to 1, of the least sure character: its likeness to a known shape, lowered when a character outside the allowed
        alphabet would be more like it.
    margins : tuple of float
        For each character of ``text``, how much less any other character is like it (spaces: 1).
    place : Rectangle
    """

    text: str
    confidence: float
    margins: tuple[float, ...]
    place: Rectangle


def read_text(gray: NDArray[np.uint8], alphabet: str | None = None) -> list[TextLine]:
    """Every line of bright text on dark ground in a part of a screen.

    Parameters
    ----------
    gray : uint8 array, shape (rows, columns)
        Brightest channel of the screen; panels of image should be blanked (set to 0).
    alphabet : str or None
        Only these characters are possible; None allows all that are known.
    """
    characters = glyph_bank().characters
    allowed = np.isin(characters, list(alphabet)) if alphabet is not None else np.ones(len(characters), dtype=bool)
    lines = (_read_line(gray, place, allowed) for place in _line_places(gray))
    return [line for line in lines if line is not None]


def _line_places(gray: NDArray[np.uint8]) -> list[Rectangle]:
    """Rectangles of neighboring bright marks of about one height."""
    labels, _ = ndimage.label(gray > _DARK, np.ones((3, 3)))
    marks = [rectangle_of(found) for found in ndimage.find_objects(labels)]
    tall = sorted(
        (mark for mark in marks if _HEIGHTS[0] <= mark.height <= _HEIGHTS[1] and mark.width <= 8 * mark.height),
        key=lambda mark: mark.left,
    )
    lines: list[Rectangle] = []
    for mark in tall:
        for number, line in enumerate(lines):
            height = max(mark.height, line.height)
            overlap = min(mark.bottom, line.bottom) - max(mark.top, line.top)
            if overlap > 0.5 * min(mark.height, line.height) and mark.left - line.right < _LINE_GAP * height:
                lines[number] = Rectangle(
                    min(line.top, mark.top),
                    min(line.left, mark.left),
                    max(line.bottom, mark.bottom),
                    max(line.right, mark.right),
                )
                break
        else:
            lines.append(mark)
    return [line for line in lines if line.height <= _HEIGHTS[1]]


def _read_line(gray: NDArray[np.uint8], place: Rectangle, allowed: NDArray[np.bool_]) -> TextLine | None:
    strip = gray[place.slices].astype(np.float32)
    strip /= max(float(np.quantile(strip, 0.98)), 1.0)
    strip = np.minimum(strip, 1.0)
    ink = strip > INK
    base, digit_height = _base_line(ink)
    if digit_height < _HEIGHTS[0]:
        return None
    segments = _segments(strip, ink, digit_height)
    if not segments:
        return None
    shapes = _shapes(strip, ink, segments, base, digit_height)
    scores = _scores(shapes, glyph_bank().shapes)
    return _best_line(segments, scores, allowed, digit_height, place)


class _Segment(NamedTuple):
    """Columns ``left`` to ``right`` of a line that may hold one character: its pieces ``first`` to ``last``.

    ``ink`` is its share of the brightness of the whole line.
    """

    first: int
    last: int
    left: int
    right: int
    ink: float


def _base_line(ink: NDArray[np.bool_]) -> tuple[int, int]:
    """Row below the feet of most characters, and the height of digits and capitals above it."""
    columns = np.flatnonzero(ink.any(axis=0))
    if columns.size == 0:
        return 0, 0
    bottoms = ink.shape[0] - ink[::-1].argmax(axis=0)[columns]
    tops = ink.argmax(axis=0)[columns]
    runs = np.split(np.arange(columns.size), np.flatnonzero(np.diff(columns) > 1) + 1)
    feet = np.array([bottoms[run].max() for run in runs])
    heads = np.array([tops[run].min() for run in runs])
    base = int(np.median(feet[feet - heads >= 0.5 * (feet - heads).max()]))
    heights = base - heads
    return base, int(np.median(heights[heights >= 0.75 * heights.max()]))


def _segments(strip: FloatArray, ink: NDArray[np.bool_], digit_height: int) -> list[_Segment]:
    """Every stretch of columns that may be one character: runs of ink, and runs cut where the ink is thin."""
    amount = strip.sum(axis=0)
    filled = np.flatnonzero(ink.any(axis=0))
    pieces: list[tuple[int, int]] = []
    for run in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        left, right = int(run[0]), int(run[-1]) + 1
        cuts = _cuts(amount[left:right], digit_height)
        pieces += [(left + start, left + stop) for start, stop in pairwise([0, *cuts, right - left])]
    segments = []
    for first, (left, _) in enumerate(pieces):
        for last in range(first, len(pieces)):
            right = pieces[last][1]
            too_wide = right - left > _WIDEST * digit_height
            # A piece alone always counts, so that every line can be read to its end.
            if last > first and (too_wide or pieces[last][0] - pieces[last - 1][1] > _GAP_INSIDE * digit_height):
                break
            segments.append(_Segment(first, last, left, right, float(amount[left:right].sum() / amount.sum())))
    return segments


def _cuts(amount: FloatArray, digit_height: int) -> list[int]:
    """Columns at which a run of ink may be two characters: where it is thin, and in small print at each digit width."""
    width = len(amount)
    if width <= 0.5 * digit_height:
        return []
    inner = amount[1:-1]
    thin = 1 + np.flatnonzero((inner <= amount[:-2]) & (inner <= amount[2:]) & (inner < 0.5 * amount.max()))
    digits = round(width / (_DIGIT_WIDTH * digit_height)) if digit_height < _TOUCHING_PX else 1
    evenly = [round(width * part / digits) for part in range(1, digits)]
    cuts: list[int] = []
    for column in sorted({*thin.tolist(), *evenly}):
        if column - (cuts[-1] if cuts else 0) >= 2 and width - column >= 2:
            cuts.append(column)
    return cuts


def _shapes(strip: FloatArray, ink: NDArray[np.bool_], segments: list[_Segment], base: int, height: int) -> GlyphShapes:
    pictures, top, bottom, width = [], [], [], []
    for segment in segments:
        rows = np.flatnonzero(ink[:, segment.left : segment.right].any(axis=1))
        first, last = int(rows[0]), int(rows[-1]) + 1
        pictures.append(glyph_picture(strip[first:last, segment.left : segment.right]))
        top.append((base - first) / height)
        bottom.append((base - last) / height)
        width.append((segment.right - segment.left) / height)
    places = (np.array(part, dtype=np.float32) for part in (top, bottom, width))
    return GlyphShapes(np.array(pictures), *places)


def _scores(shapes: GlyphShapes, known: GlyphShapes) -> FloatArray:
    """Likeness of every segment to every known shape, 1 at best; shape (segments, known shapes)."""
    likeness: FloatArray = shapes.pictures @ known.pictures.T
    for own, other in zip(shapes[1:], known[1:], strict=True):
        likeness -= _PLACE_WEIGHT * np.abs(own[:, None] - other[None])
    return likeness


def _look_alike(characters: NDArray[np.str_], character: str) -> NDArray[np.bool_]:
    """Which characters differ from one only in case, or by the font."""
    group = next((group for group in _LOOK_ALIKES if character in group), character + character.swapcase())
    return np.isin(characters, list(group))


def _best_line(
    segments: list[_Segment], scores: FloatArray, allowed: NDArray[np.bool_], height: int, place: Rectangle
) -> TextLine:
    """The sequence of segments that covers the line with the best likeness, weighted by ink."""
    characters = glyph_bank().characters
    best_shape = np.where(allowed, scores, -np.inf).argmax(axis=1)
    likeness = scores[np.arange(len(segments)), best_shape]
    count = segments[-1].last + 1
    cost = _PER_CHARACTER * height / place.width
    totals = [0.0] + [-np.inf] * count
    chosen = [0] * (count + 1)  # every piece alone is a segment, so each end is reached
    for number in sorted(range(len(segments)), key=lambda k: segments[k].last):
        segment = segments[number]
        gain = segment.ink * float(likeness[number]) - cost
        if totals[segment.first] + gain > totals[segment.last + 1]:
            totals[segment.last + 1] = totals[segment.first] + gain
            chosen[segment.last + 1] = number
    read: list[int] = []
    end = count
    while end > 0:
        read.insert(0, chosen[end])
        end = segments[read[0]].first
    text, margins = "", []
    for position, number in enumerate(read):
        if position and segments[number].left - segments[read[position - 1]].right > _SPACE * height:
            text += " "
            margins.append(1.0)
        text += str(characters[best_shape[number]])
        margins.append(float(likeness[number] - scores[number][~_look_alike(characters, text[-1])].max()))
    confidence = min(
        float(likeness[number]) + _BETTER_RIVAL * min(0.0, margin)
        for number, margin in zip(read, (m for m, c in zip(margins, text, strict=True) if c != " "), strict=True)
    )
    return TextLine(text, max(0.0, confidence), tuple(margins), place)
