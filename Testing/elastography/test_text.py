from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.text import read_text


def printed(*lines: str, size: int = 15, gray: int = 200) -> NDArray[np.uint8]:
    image = Image.new("L", (340, 40 * len(lines)))
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), size)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((20, 12 + 40 * number), line, font=font, fill=gray)
    return np.array(image)


@pytest.mark.parametrize("size", [15, 20, 32])
@pytest.mark.parametrize("text", ["180", "0", "62.5", "300 kPa", "7.5 m/s", "O 100 %"])
def test_printed_words_are_read_as_printed(text: str, size: int) -> None:
    (line,) = read_text(printed(text, size=size))
    assert line.text.replace("O", "0") == text.replace("O", "0")
    assert line.confidence > 0.6
    assert len(line.margins) == len(line.text)


@pytest.mark.parametrize("text", ["180", "0", "62.5", "300", "7.5"])
def test_small_numbers_are_read_where_only_numbers_are_possible(text: str) -> None:
    (line,) = read_text(printed(text, size=12), "0123456789.")
    assert line.text == text


def test_every_line_lies_where_it_was_printed() -> None:
    lines = read_text(printed("240", "180", "120"))
    assert sorted(line.text for line in lines) == ["120", "180", "240"]
    for line in lines:
        row = {"240": 0, "180": 40, "120": 80}[line.text]
        assert row + 10 < line.place.top < line.place.bottom < row + 32
        assert 18 <= line.place.left < line.place.right < 60


def test_digits_are_not_read_into_words_with_much_confidence() -> None:
    for word in ("Soft", "Hard", "Gen"):
        for line in read_text(printed(word), "0123456789."):
            assert line.confidence < 0.5


@pytest.mark.parametrize("picture", [np.zeros((30, 60), np.uint8), np.full((30, 60), 255, np.uint8)])
def test_pictures_without_text_give_no_lines(picture: NDArray[np.uint8]) -> None:
    assert [line for line in read_text(picture) if line.confidence > 0.9] == []


def test_a_long_solid_mark_ends_and_is_not_sure() -> None:
    bar = np.zeros((40, 200), np.uint8)
    bar[10:24, 10:100] = 220
    assert all(line.confidence < 0.5 for line in read_text(bar, "0123456789"))


def test_noise_is_not_read_with_confidence() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 200)).astype(np.uint8)
    assert all(line.confidence < 0.5 for line in read_text(noise, "0123456789."))
