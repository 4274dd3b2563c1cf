"""Printed words are read as they were printed: small and large, bright and dark, in Latin and Chinese letters."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom import PhantomParameters, simulate_screen
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen_calibration import find_calibration
from MicrocalcElastographyLib.text import read_words, words

TEXTS = ("180", "62.5", "300 kPa", "7.5 m/s", "O 100 %", "Soft")


def printed(*lines: str, size: int = 15, ink: int = 200, ground: int = 0) -> NDArray[np.uint8]:
    image = Image.new("RGB", (340, 40 * len(lines)), (ground,) * 3)
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), size)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((20, 10 + 40 * number), line, font=font, fill=(ink,) * 3)
    return np.array(image)


def alike(text: str) -> str:
    return text.casefold().replace("o", "0")


@pytest.mark.parametrize(("size", "ink", "ground"), [(11, 200, 0), (15, 200, 0), (15, 30, 235), (24, 120, 10)])
def test_printed_words_are_read_as_printed(size: int, ink: int, ground: int) -> None:
    found = read_words(printed(*TEXTS, size=size, ink=ink, ground=ground))
    # Zero and O look alike, and so do the small and the capital letters of some fonts.
    assert [alike(word.compact) for word in found] == [alike(text.replace(" ", "")) for text in TEXTS]
    assert all(word.confidence > 0.8 for word in found)


def test_every_line_lies_tightly_where_it_was_printed() -> None:
    picture = printed("240", "180", "120")
    for number, word in enumerate(read_words(picture)):
        rows, columns = np.nonzero(picture[40 * number : 40 * number + 40].max(axis=2) > 100)
        rows += 40 * number
        assert word.place == pytest.approx((rows.min(), columns.min(), rows.max() + 1, columns.max() + 1), abs=1)


@pytest.mark.parametrize("value", [0, 255])
def test_pictures_without_text_give_no_words(value: int) -> None:
    assert read_words(np.full((60, 120, 3), value, np.uint8)) == ()
    assert read_words(np.full((5, 3, 3), value, np.uint8)) == ()


def test_a_screen_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = printed("240", "180")
    first = read_words(picture)
    monkeypatch.setattr(words, "_engine", lambda: pytest.fail("read again"))
    assert read_words(picture.copy()) == first


def test_without_the_package_the_screen_asks_for_what_is_printed_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words._engine.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    screen = simulate_screen(PhantomParameters(seed=991))
    with pytest.raises(ParameterError, match="pip install rapidocr"):
        read_words(screen.frame)
    found = find_calibration(ScreenFrame(screen.frame))
    assert "words-not-read" in [warning.code for warning in found.warnings]
    assert found.box == screen.box
    assert found.values_at_ends is None
    given = find_calibration(
        ScreenFrame(screen.frame), found.__class__(values_at_ends=(180.0, 0.0), unit=Unit.KILOPASCAL)
    )
    assert given.missing == ()
