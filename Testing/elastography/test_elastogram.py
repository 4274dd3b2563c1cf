from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import (
    Direction,
    Elastogram,
    Quality,
    Unit,
    shear_wave_speed_m_s,
    youngs_modulus_kpa,
)
from MicrocalcElastographyLib.geometry import Rectangle


def elastogram(rows: list[list[float]], **changes: Any) -> Elastogram:
    array = np.array(rows, np.float32)
    valid = np.isfinite(array)
    quality = Quality(pixels=array.size, void_fraction=float(1 - valid.mean()))
    return Elastogram(**{"values": array, "valid": valid, "unit": Unit.KILOPASCAL, "quality": quality, **changes})


@pytest.mark.parametrize(("kpa", "speed"), [(50.0, 4.08), (80.0, 5.16), (180.0, 7.75), (300.0, 10.0)])
def test_the_speeds_of_well_known_moduli(kpa: float, speed: float) -> None:
    assert shear_wave_speed_m_s(kpa) == pytest.approx(speed, abs=0.005)
    assert youngs_modulus_kpa(shear_wave_speed_m_s(kpa)) == pytest.approx(kpa)


@given(st.floats(0.01, 500), st.floats(500, 2000))
def test_conversion_and_its_inverse_agree_at_every_density(kpa: float, density: float) -> None:
    assert youngs_modulus_kpa(shear_wave_speed_m_s(kpa, density), density) == pytest.approx(kpa, rel=1e-9)


def test_an_impossible_density_is_refused() -> None:
    with pytest.raises(ParameterError, match="density"):
        youngs_modulus_kpa(3.0, 1.0)


def test_every_pixel_is_converted_before_anything_is_averaged() -> None:
    speeds = elastogram([[1.0, 5.0]], unit=Unit.METERS_PER_SECOND, value_range=(0.0, 10.0))
    stiffness = speeds.in_unit(Unit.KILOPASCAL)
    assert stiffness.values.tolist() == [[3.0, 75.0]]
    assert stiffness.values.mean() != 3.0 * speeds.values.mean() ** 2
    assert stiffness.value_range == (0.0, 300.0)
    assert stiffness.source["density_kg_m3"] == 1000.0


def test_converting_keeps_voids_void() -> None:
    converted = elastogram([[12.0, np.nan]]).in_unit(Unit.METERS_PER_SECOND)
    assert converted.values[0, 0] == pytest.approx(2.0)
    assert np.isnan(converted.values[0, 1])
    assert converted.valid.tolist() == [[True, False]]


@pytest.mark.parametrize(("unit", "wanted"), [(Unit.STRAIN, Unit.KILOPASCAL), (Unit.KILOPASCAL, Unit.STRAIN)])
def test_strain_is_never_converted_to_kilopascals_nor_back(unit: Unit, wanted: Unit) -> None:
    with pytest.raises(ParameterError, match="strain"):
        elastogram([[0.5]], unit=unit).in_unit(wanted)


def test_stiffer_tissue_cannot_have_the_lower_modulus() -> None:
    with pytest.raises(ParameterError, match="higher value"):
        elastogram([[5.0]], direction=Direction.SOFTER_IS_HIGHER)
    assert elastogram([[0.5]], unit=Unit.STRAIN, direction=Direction.SOFTER_IS_HIGHER).unit == Unit.STRAIN


def test_a_pixel_without_a_value_cannot_carry_one() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        elastogram([[0.0, 5.0]], valid=np.array([[False, True]]))


@pytest.mark.parametrize(
    "changes",
    [
        {"valid": np.ones((2, 2), bool)},
        {"b_mode": np.zeros((2, 2), np.uint8)},
        {"values": np.ones((1, 1))},
        {"spacing_mm": (0.0, 0.1)},
        {"spacing_mm": (0.1, float("nan"))},
    ],
)
def test_contradicting_parts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        elastogram([[5.0]], **changes)


def test_depth_is_measured_from_the_surface_of_the_probe() -> None:
    box, panel = Rectangle(160, 10, 170, 20), Rectangle(100, 0, 400, 300)
    placed = elastogram([[5.0]], spacing_mm=(0.1, 0.2), box=box, panel=panel)
    assert placed.depth_mm(0) == pytest.approx(6.0)
    assert placed.depth_mm(5) == pytest.approx(6.5)
    assert elastogram([[5.0]], box=box, panel=panel).depth_mm(0) is None


def test_the_shares_of_a_box_add_up() -> None:
    quality = Quality(100, void_fraction=0.2, off_table_fraction=0.05, border_fraction=0.1, saturated_high_fraction=0.3)
    assert quality.valid_fraction == pytest.approx(0.65)
    assert quality.saturated_fraction == pytest.approx(0.3)
