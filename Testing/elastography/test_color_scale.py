from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError
from MicrocalcElastographyLib.color_scale import ColorScale, bundled_color_scale, table_names
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.resources import resource_path

RAMP = np.linspace(0.0, 255.0, 64)


def scale_of(red: Any, green: Any, blue: Any, low: float = 0.0, high: float = 180.0) -> ColorScale:
    return ColorScale(np.stack(np.broadcast_arrays(red, green, blue), axis=1).astype(float), low, high, Unit.KILOPASCAL)


@pytest.mark.parametrize("table", table_names())
@pytest.mark.parametrize("with_b_mode", [True, False])
def test_every_bundled_table_can_be_turned_back_into_values(table: str, with_b_mode: bool) -> None:
    bundled_color_scale(table, 0.0, 180.0).check_usable(with_b_mode)


def test_every_bundled_table_names_its_source_and_license() -> None:
    tables = json.loads(resource_path("ColorTables/tables.json").read_text(encoding="utf-8"))
    assert all(entry["source"] and entry["license"] for entry in tables.values())
    assert {path.stem for path in resource_path("ColorTables").glob("*.csv")} == set(tables)


@pytest.mark.parametrize("with_b_mode", [True, False])
@pytest.mark.parametrize("tint", [0.0, 10.0])
def test_gray_and_nearly_gray_tables_are_refused(with_b_mode: bool, tint: float) -> None:
    with pytest.raises(UnsupportedImageError, match="gray"):
        scale_of(RAMP, RAMP, np.maximum(RAMP - tint, 0)).check_usable(with_b_mode)


def test_the_two_gray_ends_of_a_hot_table_need_the_b_mode_image() -> None:
    hot = scale_of(np.clip(3 * RAMP, 0, 255), np.clip(3 * RAMP - 255, 0, 255), np.clip(3 * RAMP - 510, 0, 255))
    ambiguous = hot.ambiguous(with_b_mode=False)
    assert ambiguous[0]
    assert ambiguous[-1]
    assert not ambiguous[32:96].any()
    assert not hot.ambiguous(with_b_mode=True).any()


def test_a_table_that_shows_a_color_twice_is_refused_even_with_the_b_mode_image() -> None:
    back_and_forth = np.concatenate([RAMP, RAMP[::-1]])
    with pytest.raises(UnsupportedImageError, match="ambiguous"):
        scale_of(back_and_forth, 0.0, 255.0 - back_and_forth).check_usable(with_b_mode=True)


def test_resampling_keeps_the_color_of_every_entry_at_the_middle_of_its_values() -> None:
    scale = scale_of(RAMP, 0.0, 255.0 - RAMP)
    assert scale.resampled(64) == pytest.approx(scale.colors)
    fine = scale.resampled(640)[:, 0]
    inside = slice(5, -5)  # the half entries at the ends continue in a straight line, as far as colors go
    assert np.diff(fine)[inside] == pytest.approx(255.0 / 63 / 10)
    assert np.all(np.diff(fine) >= 0)
    assert (fine.min(), fine.max()) == (0.0, 255.0)


def test_values_beyond_the_scale_are_painted_with_its_end_colors() -> None:
    scale = bundled_color_scale("jet", 10.0, 50.0)
    painted = scale.colors_of(np.array([-5.0, 10.0, 50.0, 500.0, 30.0]))
    assert painted[0].tolist() == painted[1].tolist() == scale.colors[0].tolist()
    assert painted[2].tolist() == painted[3].tolist() == scale.colors[-1].tolist()
    assert painted[4].tolist() == scale.colors[len(scale.colors) // 2].tolist()


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.0), (10.0, 0.0), (0.0, float("nan"))])
def test_an_impossible_range_is_refused(low: float, high: float) -> None:
    with pytest.raises(ParameterError, match="impossible"):
        bundled_color_scale("jet", low, high)


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="supersonic"):
        bundled_color_scale("nobody", 0.0, 180.0)
