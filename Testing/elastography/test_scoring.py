"""Five-point scores: every rule, its limits, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from elastography.elastogram_examples import disk, elastogram_of
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import Direction, Unit
from MicrocalcElastographyLib.measurement import Region
from MicrocalcElastographyLib.scoring import (
    ColorShareParameters,
    TsukubaParameters,
    color_share_score,
    tsukuba_score,
)

SHAPE = (80, 80)
LESION = disk(SHAPE, (40, 40), 16)  # 4 mm radius
SOFT, HARD = 0.6, 0.1


def strain_with_hard_share(share: float) -> NDArray[np.float64]:
    """A strain map whose lesion is hard in this share of its pixels."""
    values = np.full(SHAPE, SOFT)
    pixels = np.argwhere(LESION.mask)
    for row, column in pixels[: round(share * len(pixels))]:
        values[row, column] = HARD
    return values


@pytest.mark.parametrize(
    ("hard_share", "score"),
    [(0.0, 1), (0.04, 1), (0.06, 2), (0.30, 2), (0.36, 3), (0.65, 3), (0.68, 4), (0.94, 4), (0.96, 5), (1.0, 5)],
)
def test_the_color_share_score_follows_the_share_of_hard_pixels(hard_share: float, score: int) -> None:
    found = color_share_score(
        elastogram_of(strain_with_hard_share(hard_share), Unit.STRAIN, value_range=(0.0, 1.0)), LESION
    )
    assert found.value == score
    assert found.shares["stiff"] == pytest.approx(hard_share, abs=0.005)
    assert found.warnings == ()


def test_the_hard_end_of_a_strain_map_follows_its_direction() -> None:
    values = np.full(SHAPE, 0.1)
    softer = elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0))
    stiffer = elastogram_of(values, Unit.STRAIN, Direction.STIFFER_IS_HIGHER, value_range=(0.0, 1.0))
    assert color_share_score(softer, LESION).value == 5
    assert color_share_score(stiffer, LESION).value == 1


def test_the_limit_of_hard_colors_is_a_parameter_and_is_reported() -> None:
    elastogram = elastogram_of(np.full(SHAPE, 100.0), value_range=(0.0, 180.0))
    usual = color_share_score(elastogram, LESION)
    half = color_share_score(elastogram, LESION, ColorShareParameters(hard_share_of_scale=0.5))
    assert (usual.value, usual.stiff_beyond) == (1, pytest.approx(112.5))
    assert (half.value, half.stiff_beyond) == (5, pytest.approx(90.0))
    assert [warning.code for warning in usual.warnings] == ["score-of-shear-waves"]


def test_void_pixels_do_not_count_as_soft() -> None:
    values = np.full(SHAPE, HARD)
    rows = np.arange(SHAPE[0])
    values[rows < 30] = np.nan  # a part of the lesion
    found = color_share_score(elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0)), LESION)
    assert found.value == 5
    assert found.shares["stiff"] == 1.0
    assert found.shares["without_value"] > 0.1
    values[rows < 42] = np.nan
    for score in (
        color_share_score(elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0)), LESION),
        tsukuba_score(elastogram_of(values, Unit.STRAIN), LESION),
    ):
        assert score.value is None
        assert "void is not soft" in score.reason


def test_a_lesion_half_outside_the_box_gets_no_score() -> None:
    values = np.full(SHAPE, HARD)
    values[:, :40] = np.nan
    assert color_share_score(elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0)), LESION).value is None


def test_without_a_scale_there_is_no_color_share_score() -> None:
    found = color_share_score(elastogram_of(strain_with_hard_share(1.0), Unit.STRAIN), LESION)
    assert found.value is None
    assert "no color scale" in found.reason


def tsukuba_map(hard: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(hard, HARD, SOFT)


DEPTH_MM = distance_transform_edt(LESION.mask, sampling=0.25)
AROUND_MM = distance_transform_edt(~LESION.mask, sampling=0.25)
CHECKERED = (np.indices(SHAPE) // 4).sum(axis=0) % 2 == 0


@pytest.mark.parametrize(
    ("hard", "score"),
    [
        (np.zeros(SHAPE, dtype=bool), 1),
        (LESION.mask & CHECKERED, 2),
        (LESION.mask & CHECKERED & (np.indices(SHAPE)[0] < 40), 2),  # a quarter
        (DEPTH_MM > 1.8, 3),
        (LESION.mask, 4),
        (AROUND_MM <= 1.6, 5),
    ],
)
def test_the_tsukuba_score_follows_its_patterns(hard: NDArray[np.bool_], score: int) -> None:
    found = tsukuba_score(elastogram_of(tsukuba_map(hard), Unit.STRAIN), LESION)
    assert found.value == score
    assert found.stiff_beyond == pytest.approx(SOFT / 2)
    assert set(found.shares) == {"stiff", "stiff_core", "stiff_rim", "stiff_ring", "without_value"}


def test_the_tsukuba_score_works_on_stiffness_too() -> None:
    values = np.where(LESION.mask, 90.0, 20.0)
    found = tsukuba_score(elastogram_of(values, value_range=(0.0, 180.0)), LESION)
    assert (found.value, found.stiff_beyond) == (4, 40.0)


def test_a_stronger_contrast_can_be_asked_for() -> None:
    values = np.where(LESION.mask, 50.0, 20.0)
    assert tsukuba_score(elastogram_of(values), LESION).value == 4
    assert tsukuba_score(elastogram_of(values), LESION, TsukubaParameters(stiff_factor=3.0)).value == 1


def test_surroundings_too_stiff_for_the_scale_give_no_tsukuba_score() -> None:
    found = tsukuba_score(elastogram_of(np.full(SHAPE, 170.0), value_range=(0.0, 180.0)), LESION)
    assert found.value is None
    assert "scale" in found.reason


def test_without_surroundings_there_is_no_tsukuba_score() -> None:
    everything = Region(np.ones(SHAPE, dtype=bool), "everything")
    found = tsukuba_score(elastogram_of(np.full(SHAPE, 50.0)), everything)
    assert found.value is None
    assert "around the lesion" in found.reason


def test_a_lesion_of_one_pixel_is_scored() -> None:
    one = Region(np.zeros(SHAPE, dtype=bool), "one pixel")
    one.mask[40, 40] = True
    values = np.full(SHAPE, 20.0)
    values[40, 40] = 100.0
    assert tsukuba_score(elastogram_of(values), one).value == 4


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (ColorShareParameters, {"mostly": 0.4}),
        (ColorShareParameters, {"mostly": 0.9, "entirely": 0.8}),
        (TsukubaParameters, {"stiff_factor": 1.0}),
        (TsukubaParameters, {"soft_share": 0.95}),
    ],
)
def test_impossible_rules_are_refused(
    kind: type[ColorShareParameters | TsukubaParameters], changes: dict[str, float]
) -> None:
    with pytest.raises(ParameterError):
        kind(**changes)
