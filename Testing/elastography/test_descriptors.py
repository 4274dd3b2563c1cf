"""Words for stiffness: every rule, its limits, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elastography.elastogram_examples import disk, elastogram_of
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.assessment import Assessment, AssessmentParameters, assess
from MicrocalcElastographyLib.cohort.quantities import MEASUREMENT_KEYS, recognize
from MicrocalcElastographyLib.descriptors import DescriptorParameters
from MicrocalcElastographyLib.elastogram import Elastogram, Unit
from MicrocalcElastographyLib.measurement import LesionRegions
from MicrocalcElastographyLib.readings import read_readings, reading_of, table_of, write_readings

SHAPE = (120, 120)
LESION = disk(SHAPE, (60, 60), 20)  # 5 mm radius
AROUND = disk(SHAPE, (60, 60), 32)  # and 3 mm more


def tissue(inside: float, ring: float, beyond: float) -> NDArray[np.float64]:
    values = np.full(SHAPE, float(beyond))
    values[AROUND.mask] = ring
    values[LESION.mask] = inside
    return values


def words(elastogram: Elastogram, **limits: float) -> tuple[str | None, str | None]:
    parameters = AssessmentParameters(descriptors=DescriptorParameters(**limits))  # type: ignore[arg-type]
    elasticity, rim, *_ = assessment_of(elastogram, parameters).descriptors
    return elasticity.value, rim.value


def assessment_of(elastogram: Elastogram, parameters: AssessmentParameters | None = None) -> Assessment:
    return assess(elastogram, LesionRegions(lesion=LESION), parameters or AssessmentParameters())


@pytest.mark.parametrize(
    ("kpa", "word"), [(30, "soft"), (80, "soft"), (81, "intermediate"), (159, "intermediate"), (160, "hard")]
)
def test_the_largest_value_of_the_box_tells_soft_from_hard(kpa: float, word: str) -> None:
    assert words(elastogram_of(tissue(kpa, 20, 20)))[0] == word
    assert words(elastogram_of(tissue(kpa, 20, 20)), soft_up_to_kpa=10, hard_from_kpa=20)[0] == "hard"


def test_a_map_of_speeds_gets_the_word_of_its_elasticity() -> None:
    speeds = np.sqrt(tissue(170, 20, 20) / 3.0)
    assert words(elastogram_of(speeds, Unit.METERS_PER_SECOND))[0] == "hard"


def test_a_void_lesion_is_neither_soft_nor_without_a_rim() -> None:
    elasticity, rim = assessment_of(elastogram_of(tissue(np.nan, 90, 20))).descriptors
    assert (elasticity.value, rim.value) == (None, None)
    assert rim.numbers["ring"] == pytest.approx(90)


def test_a_lesion_at_the_end_of_the_scale_is_never_called_soft() -> None:
    low, high = (
        elastogram_of(tissue(50, 20, 20), value_range=(0.0, 50.0)),
        elastogram_of(tissue(180, 20, 20), value_range=(0.0, 180.0)),
    )
    elasticity, rim = assessment_of(low).descriptors
    assert (elasticity.value, rim.value) == (None, None)
    assert "at least soft" in elasticity.reason
    assert words(high)[0] == "hard"


@pytest.mark.parametrize(("lesion", "word"), [(0.6, "soft"), (0.1, "hard")])
def test_the_tsukuba_score_decides_on_a_strain_map(lesion: float, word: str) -> None:
    assert words(elastogram_of(tissue(lesion, 0.6, 0.6), Unit.STRAIN, value_range=(0.0, 1.0)))[0] == word


@pytest.mark.parametrize(
    ("inside", "ring", "beyond", "word"),
    [
        (40, 60, 20, "present"),
        (40, 51, 20, "absent"),
        (60, 40, 20, "absent"),
        (10, 20, 20, "absent"),  # a soft lesion: everything around it is stiffer
    ],
)
def test_a_stiff_rim_is_stiffer_than_the_inside_and_than_the_tissue_beyond(
    inside: float, ring: float, beyond: float, word: str
) -> None:
    assert words(elastogram_of(tissue(inside, ring, beyond)))[1] == word


def test_in_strain_the_stiff_rim_is_the_one_that_strains_less() -> None:
    assert words(elastogram_of(tissue(0.4, 0.2, 0.8), Unit.STRAIN))[1] == "present"
    assert words(elastogram_of(tissue(0.2, 0.4, 0.8), Unit.STRAIN))[1] == "absent"


def layered(*softness: float) -> Elastogram:
    """A strain map whose lesion has layers from the probe down."""
    values = np.full(SHAPE, 0.6)
    rows = np.arange(SHAPE[0])[:, None]
    for number, value in enumerate(softness):
        part = (rows >= 40 + number * 41 // len(softness)) & (rows < 40 + (number + 1) * 41 // len(softness))
        values[part & LESION.mask] = value
    return elastogram_of(values, Unit.STRAIN, value_range=(0.0, 1.0))


@pytest.mark.parametrize(
    ("softness", "word"),
    [((0.1, 0.5, 0.9), "present"), ((0.9, 0.5, 0.1), "absent"), ((0.1, 0.1, 0.1), "absent"), ((0.1, 0.9), "absent")],
)
def test_a_cyst_is_hard_middle_and_soft_from_the_probe_down(softness: tuple[float, ...], word: str) -> None:
    found = assessment_of(layered(*softness)).descriptors[2]
    assert found.value == word
    assert f"{found.numbers['upper']:.0%} of its upper third" in found.reason


def test_layers_of_a_cyst_are_not_looked_for_in_kpa_and_not_told_of_a_void_lesion() -> None:
    assert len(assessment_of(elastogram_of(tissue(90, 20, 20))).descriptors) == 2
    void = np.where(LESION.mask, np.nan, 0.5)
    assert assessment_of(elastogram_of(void, Unit.STRAIN, value_range=(0.0, 1.0))).descriptors[2].value is None


def test_limits_that_cross_are_refused() -> None:
    with pytest.raises(ParameterError):
        DescriptorParameters(soft_up_to_kpa=100, hard_from_kpa=90)
    with pytest.raises(ParameterError):
        DescriptorParameters(soft_up_to_score=3, hard_from_score=3)


def test_words_and_speeds_travel_with_the_reading_and_are_no_predictors(tmp_path: Path) -> None:
    found = assessment_of(elastogram_of(tissue(75, 20, 20)))
    reading = reading_of(found.measurement, found.scores, found.checks, "L1", descriptors=found.descriptors)
    path = tmp_path / "readings.csv"
    write_readings(table_of([reading]), path)
    row = read_readings(path).iloc[0]
    assert (row["elasticity_assessment"], row["stiff_rim"]) == ("soft", "absent")
    assert row["box_speed_mean_m_s"] == pytest.approx(5.0)  # 75 kPa = 3 · 1000 kg/m³ · (5 m/s)²
    keys = {recognize(name).key for name in ("box_speed_mean_m_s", "elasticity_assessment")}  # type: ignore[union-attr]
    assert keys <= MEASUREMENT_KEYS
