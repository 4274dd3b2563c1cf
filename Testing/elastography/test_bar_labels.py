"""Labels of a color bar: rounded values, numbers read in one, and bars that go on where their labels do."""

from __future__ import annotations

import numpy as np
import pytest

from MicrocalcElastographyLib.colorbar import continued_to, labeled_part, read_scale_labels, stands_beside
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.text import Word

BAR = Rectangle(100, 300, 300, 316)
TALL_PX = 12
PARTS = np.linspace(0.0, 1.0, 4)


def beside(texts: dict[float, str], bar: Rectangle = BAR) -> list[Word]:
    """Labels to the right of an upright bar, by their place along it."""
    rows = {place: bar.top + round(place * (bar.height - 1)) for place in texts}
    return [
        Word(text, 0.99, Rectangle(rows[place] - 6, bar.right + 7, rows[place] + TALL_PX - 6, bar.right + 40))
        for place, text in texts.items()
    ]


def test_rounded_values_are_read_when_both_ends_are_named() -> None:
    labels = read_scale_labels(beside(dict(zip(PARTS, ("5 m/s", "3.3", "1.7", "0"), strict=True))), BAR, [])
    assert labels.values_at_ends == (5.0, 0.0)
    assert labels.unit == Unit.METERS_PER_SECOND


def test_a_misread_value_among_even_ones_is_still_asked_for() -> None:
    """100 read as 190: no rounding moves a label that far, and without it one end has no name."""
    labels = read_scale_labels(beside({0.0: "190 kPa", 0.25: "75", 0.5: "50", 0.75: "25"}), BAR, [])
    assert labels.values_at_ends != (190.0, 0.0)


def test_an_apostrophe_read_for_the_slash_of_a_unit_is_understood() -> None:
    labels = read_scale_labels(beside(dict(zip(PARTS, ("9 m's", "6 m/s", "3 m/s", "0 m's"), strict=True))), BAR, [])
    assert labels[:2] == ((9.0, 0.0), Unit.METERS_PER_SECOND)


def test_numbers_that_were_read_as_one_line_are_taken_apart() -> None:
    lying = Rectangle(200, 100, 210, 300)
    line = Word("0   75  150  225  300", 0.99, Rectangle(214, 95, 224, 310))
    assert read_scale_labels([line], lying, []).values_at_ends == (0.0, 300.0)


def test_a_bar_goes_on_to_its_outermost_label_where_its_colors_do() -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    frame[BAR.slices] = np.linspace((200, 30, 30), (30, 30, 200), BAR.height)[:, None]
    found = BAR._replace(bottom=240)
    words = beside(dict(zip(np.linspace(0, 1, 5), ("200", "150", "100", "50", "0"), strict=True)))
    part = labeled_part(words, found, [])
    assert part == pytest.approx((0.0, 200 / 140), abs=0.05)
    assert continued_to(frame, found, part) == pytest.approx(BAR, abs=2)
    frame[240:] = 0
    assert continued_to(frame, found, part) == found


def test_two_labels_do_not_lengthen_a_bar() -> None:
    assert labeled_part(beside({0.0: "200", 1.4: "0"}), BAR, []) == (0.0, 1.0)


def test_labels_of_the_bar_are_told_from_numbers_farther_away() -> None:
    near, far = Word("30", 0.99, Rectangle(150, 320, 162, 335)), Word("3.0", 0.99, Rectangle(150, 360, 162, 380))
    assert [stands_beside(word, BAR) for word in (near, far)] == [True, False]
