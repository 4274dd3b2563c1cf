"""Every printed line of a screen, read by RapidOCR (PP-OCR models, which its package brings; nothing is downloaded)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from MicrocalcAILib.base.errors import ParameterError

from ..geometry import Rectangle, rectangle_of
from ..ground import ground_color

if TYPE_CHECKING:
    from rapidocr import RapidOCR

_REMEMBERED = 8  # screens whose words are kept: a screen is looked at again with every value that is corrected
_READ_SHORTER_SIDE_PX = 736  # smaller screens are enlarged, as the models were trained on larger print
_EMPTY = 24  # gray levels above the noise of compression
_MARGIN_SHARE = 0.03  # of the shorter side, around print: wider than any blank of a line
_INK = 0.5  # of the largest difference from the ground
_SMALLEST_PX = 8  # frames with a shorter side hold no text


class Word(NamedTuple):
    """A printed line as read.

    Parameters
    ----------
    text : str
    confidence : float
        0 to 1.
    place : Rectangle
        Tight around its ink.
    """

    text: str
    confidence: float
    place: Rectangle

    @property
    def compact(self) -> str:
        """The text without blanks."""
        return "".join(self.text.split())


_words: OrderedDict[bytes, tuple[Word, ...]] = OrderedDict()


def read_words(rgb: NDArray[np.uint8], blanked: Iterable[Rectangle] = ()) -> tuple[Word, ...]:
    """Every line of text on a screen, bright or dark, Latin or Chinese, from top to bottom.

    The words of the last few screens are remembered; what is blanked may change.

    Parameters
    ----------
    rgb : uint8 array, shape (rows, columns, 3)
    blanked : iterable of Rectangle
        Panels of image and color bars, in which nothing is read: speckle looks like text, and hides what is beside it.

    Raises
    ------
    ParameterError
        When the packages that read text are not installed.
    """
    if min(rgb.shape[:2]) < _SMALLEST_PX:
        return ()
    ground = ground_color(rgb)
    rgb = rgb.copy()
    for place in blanked:
        rgb[place.intersection(Rectangle(0, 0, *rgb.shape[:2])).slices] = ground
    key = blake2b(np.ascontiguousarray(rgb).tobytes(), person=f"{rgb.shape[0]}x{rgb.shape[1]}".encode()[:16]).digest()
    if key not in _words:
        _words[key] = _read(rgb)
        while len(_words) > _REMEMBERED:
            _words.popitem(last=False)
    _words.move_to_end(key)
    return _words[key]


def read_enlarged(rgb: NDArray[np.uint8], place: Rectangle, factor: int) -> tuple[Word, ...]:
    """The words of a part of a screen, enlarged before they are read: small print that was missed at first.

    Parameters
    ----------
    rgb : uint8 array, shape (rows, columns, 3)
    place : Rectangle
        Where to look; as far as it lies on the screen.
    factor : int
    """
    place = place.intersection(Rectangle(0, 0, *rgb.shape[:2]))
    part = Image.fromarray(rgb[place.slices])
    large = part.resize((factor * part.width, factor * part.height), Image.Resampling.BICUBIC)
    found = []
    for word in read_words(np.array(large)):
        top, left, bottom, right = word.place
        small = Rectangle(top // factor, left // factor, -(-bottom // factor), -(-right // factor))
        found.append(word._replace(place=small.shifted(place.top, place.left)))
    return tuple(found)


def _read(rgb: NDArray[np.uint8]) -> tuple[Word, ...]:
    rows, columns = _inked(rgb)
    if not rows.size or not columns.size:
        return ()
    part = rgb[np.ix_(rows, columns)]
    factor = max(1.0, _READ_SHORTER_SIDE_PX / min(rgb.shape[:2]))
    picture = Image.fromarray(part)
    if factor > 1.0:
        picture = picture.resize(
            (round(part.shape[1] * factor), round(part.shape[0] * factor)), Image.Resampling.BICUBIC
        )
    found = _engine()(np.ascontiguousarray(np.asarray(picture)[..., ::-1]))  # it takes blue, green, red
    if found.txts is None or found.boxes is None or found.scores is None:
        return ()
    words = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        corners = corners / factor
        (left, top), (right, bottom) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) - 1
        place = Rectangle(_at(rows, top), _at(columns, left), _at(rows, bottom) + 1, _at(columns, right) + 1)
        if place.area > 0:
            words.append(Word(str(text), float(score), _tight(rgb, place)))
    return tuple(sorted(words, key=lambda word: word.place))


def _inked(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns on or near which anything is printed; what lies between is empty and takes time to read."""
    difference = np.abs(rgb.astype(np.int16) - ground_color(rgb)).max(axis=2) > _EMPTY
    near = np.ones(2 * round(_MARGIN_SHARE * min(rgb.shape[:2])) + 1)
    rows, columns = (np.flatnonzero(np.convolve(difference.any(axis=axis), near, "same")) for axis in (1, 0))
    return rows, columns


def _at(kept: NDArray[np.intp], place: float) -> int:
    return int(kept[int(np.clip(place, 0, len(kept) - 1))])


def _tight(rgb: NDArray[np.uint8], place: Rectangle) -> Rectangle:
    """The part of a place that holds ink: what differs from the ground, bright on dark or dark on bright."""
    part = rgb[place.slices].astype(np.float32)
    difference = np.abs(part - np.median(part, axis=(0, 1))).max(axis=2)
    ink = difference > _INK * difference.max()
    if not ink.any():
        return place
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = rectangle_of((slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)))
    return tight.shifted(place.top, place.left)


@cache
def _engine() -> RapidOCR:
    try:
        import onnxruntime  # noqa: F401
        from rapidocr import RapidOCR
    except ImportError as error:
        raise ParameterError(
            "The words on the screen cannot be read because a package is missing; install it with "
            "“pip install rapidocr onnxruntime”."
        ) from error
    # One thread: screens of a study are read by several processes. Lines of a screen stand upright.
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Det.limit_side_len": 32,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
