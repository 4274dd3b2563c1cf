"""The picture of an assessment: outlines where they were drawn, every word, nothing of the screen's banner."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from elastography.elastogram_examples import disk, elastogram_of, screen_with_box
from MicrocalcAILib.base.picture_font import picture_font
from MicrocalcElastographyLib.assessment import Assessment, assess
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.measurement import LesionRegions
from MicrocalcElastographyLib.results import draw_assessment
from MicrocalcElastographyLib.results.lines import lines_of

PINK, YELLOW, GRAY, GREEN = (255, 79, 216), (255, 225, 77), (107, 107, 107), (10, 250, 10)
SHAPE = (120, 160)


def assessed(unit: Unit = Unit.KILOPASCAL, value: float = 40.0) -> Assessment:
    values = np.full(SHAPE, value)
    values[10:30, 120:150] = np.nan
    elastogram = elastogram_of(values, unit, value_range=(0.0, 2.0 * value))
    return assess(elastogram, LesionRegions(disk(SHAPE, (60, 70), 20), fat=disk(SHAPE, (60, 120), 10)))


def count(picture: Image.Image, color: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == color).all(axis=-1).sum())


@pytest.mark.parametrize("unit", [Unit.KILOPASCAL, Unit.STRAIN])
def test_box_fat_and_void_are_seen_on_image_and_values(unit: Unit) -> None:
    picture = draw_assessment(assessed(unit), "lesion")
    left, right = picture.crop((0, 0, 800, 800)), picture.crop((800, 0, 1440, 800))
    for part in (left, right):
        assert count(part, PINK) > 100
        assert count(part, YELLOW) > 200
    assert count(right, GRAY) > 1000


def test_nothing_of_the_banner_is_in_the_picture() -> None:
    box, panel = Rectangle(40, 40, 100, 140), Rectangle(30, 30, 110, 150)
    elastogram = screen_with_box((130, 200), box, panel)
    assert elastogram.frame is not None
    elastogram.frame[:20] = GREEN
    picture = draw_assessment(assess(elastogram, LesionRegions(disk((130, 200), (70, 90), 15))), "lesion")
    assert count(picture, GREEN) == 0
    elastogram.frame[60:80, 60:80] = GREEN
    picture = draw_assessment(assess(elastogram, LesionRegions(disk((130, 200), (70, 90), 15))), "lesion")
    assert count(picture, GREEN) > 100


def test_words_stay_in_their_width_and_none_is_lost() -> None:
    font = picture_font(17)
    lines = lines_of(assessed(), [{"quantity": "elasticity_mean_kpa", "cutoff": 62, "name": "a" * 30}] * 9, font, 400)
    assert all(font.getlength(text) <= 400 for text, _, _ in lines)
    words = " ".join(" ".join(text for text, _, _ in lines).split())
    assert words.count("62 " + "a" * 30) == 9
    assert "The chest wall was not marked." in words


def test_the_picture_grows_with_its_words() -> None:
    references = [{"quantity": f"elasticity_{n}", "cutoff": n, "name": "someone"} for n in range(60)]
    assert draw_assessment(assessed(), "lesion", references).height > draw_assessment(assessed(), "lesion").height
