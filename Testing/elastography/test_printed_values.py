"""Values the scanner printed about its circle are compared with our own at that place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from MicrocalcElastographyLib.calibration import find_calibration
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import Layout, PhantomParameters, simulate_screen
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen.printed import only_circle, read_printed_values
from MicrocalcElastographyLib.text import Word


def word(text: str, top: int = 0, left: int = 0) -> Word:
    return Word(text, 0.99, Rectangle(top, left, top + 11, left + 8 * len(text)))


@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_the_printed_mean_is_laid_beside_the_own_one(factor: float) -> None:
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE, void_share=0.0, opacity=1.0))
    image = Image.fromarray(screen.frame)
    draw = ImageDraw.Draw(image)
    row, column, radius = screen.box.top + 100, screen.box.left + 120, 22
    draw.ellipse((column - radius, row - radius, column + radius, row + radius), outline=(255, 255, 255), width=2)
    rows, columns = np.ogrid[: screen.values.shape[0], : screen.values.shape[1]]
    true = screen.values[(rows - 100) ** 2 + (columns - 120) ** 2 <= (radius - 6) ** 2].mean()
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), 15)
    for number, text in enumerate((f"Mean {factor * true:.1f} kPa", "Max 150.0 kPa", "SD 4.1 kPa")):
        draw.text((16, 450 + 24 * number), text, font=font, fill=(200, 200, 200))
    frame = ScreenFrame(np.array(image))
    found = find_calibration(frame)
    assert found.printed is not None
    assert (found.printed.mean, found.printed.maximum) == (pytest.approx(factor * true, abs=0.06), 150.0)
    elastogram = elastogram_of_screen(frame, found)
    record = elastogram.source["printed_on_the_screen"]
    assert record["measured_mean"] == pytest.approx(true, rel=0.02)
    codes = [warning.code for warning in elastogram.warnings]
    assert ("printed-value-differs" in codes) == (factor != 1.0)


def test_names_and_values_may_stand_in_two_columns() -> None:
    found = read_printed_values([word("Mean", 10), word("7,3 m/s", 10, 90), word("Min", 30), word("5,1 m/s", 30, 90)])
    assert found is not None
    assert (found.unit, found.mean, found.minimum, found.maximum) == (Unit.METERS_PER_SECOND, 7.3, 5.1, None)


@pytest.mark.parametrize(
    "texts",
    [
        ("Max 30 kPa",),
        ("Mean 30 kPa", "Mean 40 kPa"),
        ("Mean 30 kPa", "Max 4 m/s"),
        ("Mean 30",),
        ("G 54 %", "T 1540 m/s"),
    ],
)
def test_what_is_not_one_circle_is_not_compared(texts: tuple[str, ...]) -> None:
    assert read_printed_values([word(text, 30 * number) for number, text in enumerate(texts)]) is None


def test_only_one_closed_round_outline_is_a_circle() -> None:
    valid = np.ones((120, 160), dtype=bool)
    assert only_circle(valid) is None
    rows, columns = np.ogrid[:120, :160]
    distance = np.hypot(rows - 60, columns - 50)
    valid[(distance > 18) & (distance < 25)] = False
    circle = only_circle(valid)
    assert circle is not None
    assert circle.sum() == (distance <= 18).sum()
    valid[:, 100:103] = False  # a line is none
    assert only_circle(valid) is not None
    other = np.hypot(rows - 60, columns - 130)
    valid[(other > 12) & (other < 18)] = False
    assert only_circle(valid) is None
