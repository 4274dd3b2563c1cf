"""Values the scanner printed about its circle are compared with our own at that place."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from MicrocalcElastographyLib.commands import elastography
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import Layout, PhantomParameters, simulate_screen
from MicrocalcElastographyLib.resources import resource_path
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen.printed import PrintedValues, circles, compared, read_printed_values
from MicrocalcElastographyLib.screen_calibration import find_calibration
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
    records = {record["quantity"]: record for record in elastogram.source["printed_on_the_screen"]}
    assert list(records) == ["mean", "maximum", "standard deviation"]
    assert (records["mean"]["printed"], records["mean"]["unit"]) == (found.printed.mean, "kPa")
    assert records["mean"]["measured"] == pytest.approx(true, rel=0.02)
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


def outlined(*rings: tuple[int, int]) -> np.ndarray:
    """Valid pixels of a map with outlines of a radius around a column."""
    valid = np.ones((120, 200), dtype=bool)
    rows, columns = np.ogrid[:120, :200]
    for column, radius in rings:
        valid[np.abs(np.hypot(rows - 60, columns - column) - radius) < 2] = False
    return valid


def test_only_closed_round_outlines_are_circles() -> None:
    assert circles(outlined()) == []
    valid = outlined((50, 20))
    (circle,) = circles(valid)
    rows, columns = np.ogrid[:120, :200]
    assert circle.sum() == (np.hypot(rows - 60, columns - 50) <= 18).sum()
    valid[:, 100:103] = False  # a line is none
    assert len(circles(valid)) == 1
    valid[60, 60:80] = True  # an outline with a gap is none
    assert circles(valid) == []
    assert len(circles(outlined((50, 20), (140, 15)))) == 2


@pytest.mark.parametrize(("diameter", "warned"), [(4.0, False), (4.2, False), (5.0, True)])
def test_the_printed_diameter_is_compared_with_the_drawn_one(diameter: float, warned: bool) -> None:
    printed = PrintedValues(Unit.KILOPASCAL, 50.0, diameter_mm=diameter)
    records, warnings = compared(
        printed, np.full((120, 200), 50.0), outlined((50, 20)), Unit.KILOPASCAL, 180.0, (0.1, 0.1)
    )
    assert [record["quantity"] for record in records] == ["mean", "diameter"]
    assert records[1]["measured"] == pytest.approx(4.0, abs=0.1)
    assert [warning.code for warning in warnings] == ["printed-value-differs"] * warned


@pytest.mark.parametrize(("ratio", "warned"), [(4.0, False), (2.5, True)])
def test_the_printed_ratio_is_compared_with_that_of_two_circles(ratio: float, warned: bool) -> None:
    values = np.full((120, 200), 20.0)
    values[:, :100] = 80.0
    printed = read_printed_values([word("Mean 80 kPa"), word("Mean 20 kPa", 30), word(f"Q-Box Ratio {ratio}", 60)])
    assert printed == PrintedValues(ratio=ratio)
    valid = outlined((50, 20), (140, 15))
    (record,), warnings = compared(printed, values, valid, Unit.KILOPASCAL, 180.0, None)
    assert (record["quantity"], record["measured"]) == ("ratio", pytest.approx(4.0))
    assert [warning.code for warning in warnings] == ["printed-value-differs"] * warned
    assert compared(printed, values, outlined((50, 20)), Unit.KILOPASCAL, 180.0, None) == ([], [])
    assert compared(printed, values, valid, Unit.METERS_PER_SECOND, 10.0, None) == ([], [])


def test_a_diameter_is_read_in_millimeters_and_is_no_unit_of_the_values() -> None:
    found = read_printed_values([word("Mean 45.0 kPa"), word("Diam 0.3 cm", 30)])
    assert found == PrintedValues(Unit.KILOPASCAL, 45.0, diameter_mm=pytest.approx(3.0))


def test_the_measurement_shows_printed_beside_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    screen = simulate_screen(PhantomParameters(layout=Layout.SINGLE, void_share=0.0, opacity=1.0))
    image = Image.fromarray(screen.frame)
    draw = ImageDraw.Draw(image)
    row, column = screen.box.top + 100, screen.box.left + 120
    draw.ellipse((column - 22, row - 22, column + 22, row + 22), outline=(255, 255, 255), width=2)
    font = ImageFont.truetype(resource_path("Fonts/Arimo-Regular.woff"), 15)
    draw.text((16, 450), "Mean 45.0 kPa", font=font, fill=(200, 200, 200))
    image.save(tmp_path / "screen.png")
    parser = argparse.ArgumentParser()
    elastography.add_arguments(parser)
    words = ["measure", str(tmp_path / "screen.png"), "--lesion", f"{column},{row},40,40"]
    assert elastography.run(parser.parse_args([*words, "--output", str(tmp_path / "out")])) == 0
    (line,) = csv.DictReader((tmp_path / "out" / "printed.csv").open())
    assert (line["acquisition"], line["quantity"], line["printed"], line["unit"]) == ("1", "mean", "45.0", "kPa")
    assert f"printed on the screen 45 kPa, measured here {float(line['measured']):.4g} kPa" in capsys.readouterr().out
    (record,) = json.loads((tmp_path / "out" / "measurement.json").read_text())["acquisitions"]
    (said,) = record["source"]["printed_on_the_screen"]
    assert said["measured"] == pytest.approx(float(line["measured"]))
