"""The pectoral muscle on pictures with known truth and on a real mammogram."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from library.breast_samples import Picture, overlap, picture
from MicrocalcAILib.phantom.power_law import BreastParameters, power_law_background
from MicrocalcAILib.segmentation.breast import find_breast
from real_data import film


@pytest.fixture(scope="module")
def oblique() -> Picture:
    return picture(oblique=True)


@pytest.mark.parametrize("view", ["MLO", "ML", None])
def test_muscle_is_found_on_oblique_and_unknown_views(oblique: Picture, view: str | None) -> None:
    region = find_breast(oblique.mammogram(view=view))
    assert region.pectoral_muscle is not None
    assert overlap(region.pectoral_muscle, oblique.muscle) >= 0.9
    assert overlap(region.mask, oblique.breast) >= 0.98


def test_muscle_is_part_of_the_breast_mask(oblique: Picture) -> None:
    region = find_breast(oblique.mammogram(view="MLO"))
    assert region.pectoral_muscle is not None
    assert not (region.pectoral_muscle & ~region.mask).any()


def test_craniocaudal_view_is_not_searched(oblique: Picture) -> None:
    assert find_breast(oblique.mammogram(view="CC")).pectoral_muscle is None


@pytest.mark.parametrize("view", ["MLO", None])
def test_no_muscle_where_the_breast_does_not_reach_the_upper_border(view: str | None) -> None:
    assert find_breast(picture().mammogram(view=view)).pectoral_muscle is None


@pytest.mark.parametrize("seed", range(4))
def test_no_muscle_in_a_breast_without_one(seed: int) -> None:
    sample = picture(oblique=True, seed=seed)
    sample.pixels[sample.muscle] -= 50
    assert find_breast(sample.mammogram()).pectoral_muscle is None


def test_mirrored_image_gives_mirrored_muscle(oblique: Picture) -> None:
    muscle = find_breast(oblique.mammogram(view="MLO")).pectoral_muscle
    mirrored = dataclasses.replace(oblique, pixels=oblique.pixels[:, ::-1])
    other = find_breast(mirrored.mammogram(view="MLO")).pectoral_muscle
    assert muscle is not None
    assert other is not None
    assert overlap(other[:, ::-1], muscle) >= 0.97


def test_gray_scale_does_not_move_the_muscle(oblique: Picture) -> None:
    muscle = find_breast(oblique.mammogram(view="MLO")).pectoral_muscle
    raw = dataclasses.replace(oblique, pixels=16000 * (1 - np.exp(-oblique.pixels / 80)))
    other = find_breast(raw.mammogram(view="MLO")).pectoral_muscle
    assert muscle is not None
    assert other is not None
    assert overlap(other, muscle) >= 0.95


@pytest.mark.parametrize("spacing_mm", [0.1, 0.15])
def test_spacing_does_not_move_the_muscle(spacing_mm: float) -> None:
    sample = picture(spacing_mm, oblique=True)
    muscle = find_breast(sample.mammogram(view="MLO")).pectoral_muscle
    assert muscle is not None
    assert overlap(muscle, sample.muscle) >= 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_simulated_mammogram(seed: int) -> None:
    sample = power_law_background(seed, BreastParameters(view="MLO", spacing_mm=0.2))
    region = find_breast(sample.mammogram)
    assert overlap(region.mask, sample.breast) >= 0.98
    assert region.pectoral_muscle is not None
    assert sample.excluded is not None
    assert overlap(region.pectoral_muscle, sample.excluded & sample.breast) >= 0.75


def test_real_mammogram_has_its_muscle() -> None:
    region = find_breast(film("rmlo"))
    assert region.pectoral_muscle is not None
    for row, column, is_muscle in (
        (40, 2800, True),  # the upper corner at the chest wall
        (1000, 2600, True),  # just inside its border
        (1000, 2350, False),  # just outside
        (2250, 1900, False),  # glandular tissue
    ):
        assert region.pectoral_muscle[row, column] == is_muscle, (row, column)
    assert 0.17 < region.pectoral_muscle.sum() / region.mask.sum() < 0.23
