"""The protocol's checks: pass, warn, cannot tell, and the value they measured."""

from __future__ import annotations

import numpy as np
import pytest

from elastography.elastogram_examples import disk, elastogram_of, screen_with_box
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.assessment import assess
from MicrocalcElastographyLib.elastogram import Elastogram, Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.measurement import LesionRegions, Region, measure
from MicrocalcElastographyLib.measurement.regions import rows_region
from MicrocalcElastographyLib.protocol import (
    OPERATOR_RULES,
    Check,
    ProtocolParameters,
    Status,
    check_acquisition,
    check_operator,
    check_repeats,
)

FRAME = (200, 240)
PANEL = Rectangle(0, 0, 200, 240)
BOX = Rectangle(40, 40, 160, 200)  # 30 mm × 40 mm
LESION = disk(FRAME, (100, 120), 16)
FAT = disk(FRAME, (100, 70), 8)


def checks_of(elastogram: Elastogram, regions: LesionRegions, precompression: float | None = None) -> dict[str, Check]:
    return {check.code: check for check in check_acquisition(measure(elastogram, regions), precompression)}


def screen(**changes: object) -> Elastogram:
    return screen_with_box(FRAME, BOX, PANEL, **changes)  # type: ignore[arg-type]


def test_a_measurement_by_the_book_passes_every_check() -> None:
    elastogram = screen()
    wall = rows_region(elastogram, 45.0, below=True)
    marked = disk(FRAME, (150, 50), 2)  # calcification far from the box
    found = checks_of(elastogram, LesionRegions(LESION, FAT, calcification=marked, chest_wall=wall), precompression=2)
    assert {code: str(check.status) for code, check in found.items() if check.status is not Status.PASS} == {}
    assert len(found) == 13


def test_what_nobody_told_cannot_be_told() -> None:
    found = checks_of(elastogram_of(np.full((120, 160), 20.0)), LesionRegions(disk((120, 160), (60, 80), 10)))
    unknown = {code for code, check in found.items() if check.status is Status.CANNOT_TELL}
    assert unknown == {
        "skin-distance",
        "chest-wall-distance",
        "fat-depth",
        "lesion-saturation",
        "measurement-box-saturation",
        "precompression",
        "fat-stiffness",
        "calcification",
    }
    assert all(found[code].measured is None for code in unknown)


@pytest.mark.parametrize(
    ("center", "margin_px", "side"),
    [
        ((100, 76), 20, "left of"),
        ((100, 74), 18, "left of"),
        ((100, 163), 20, "right of"),
        ((100, 170), 13, "right of"),
        ((70, 120), 14, "above"),
        ((128, 120), 15, "below"),
    ],
)
def test_the_box_has_to_reach_five_millimeters_beyond_the_lesion(
    center: tuple[int, int], margin_px: int, side: str
) -> None:
    found = checks_of(screen(), LesionRegions(disk(FRAME, center, 16)))["box-margin"]
    assert found.measured == pytest.approx(margin_px * 0.25)
    assert found.status is (Status.PASS if margin_px >= 20 else Status.WARN)
    assert side in found.message


def test_the_box_of_a_larger_map_is_the_part_with_values() -> None:
    values = np.full((160, 200), np.nan)
    values[40:120, 40:160] = 20.0
    found = checks_of(elastogram_of(values), LesionRegions(disk((160, 200), (80, 70), 10)))["box-margin"]
    assert found.measured == pytest.approx(5.0)


def test_a_lesion_reaching_out_of_the_box_has_a_negative_margin() -> None:
    found = checks_of(screen(), LesionRegions(disk(FRAME, (100, 50), 16)))["box-margin"]
    assert (found.status, found.measured) == (Status.WARN, pytest.approx(-1.5))


def test_the_skin_is_the_surface_of_the_probe_unless_it_is_marked() -> None:
    elastogram = screen_with_box(FRAME, Rectangle(4, 40, 160, 200), PANEL)
    high = LesionRegions(disk(FRAME, (26, 120), 10))
    surface = checks_of(elastogram, high)["skin-distance"]
    assert (surface.status, surface.measured) == (Status.PASS, pytest.approx(16 * 0.25))  # the lesion begins in row 16
    marked = LesionRegions(high.lesion, skin=rows_region(elastogram, 2.5, below=False))
    skin = checks_of(elastogram, marked)["skin-distance"]
    assert (skin.status, skin.measured) == (Status.WARN, pytest.approx(7 * 0.25))  # its last row is 9


@pytest.mark.parametrize(("depth_mm", "status"), [(33.0, Status.PASS), (31.0, Status.WARN)])
def test_the_chest_wall_has_to_be_three_millimeters_away(depth_mm: float, status: Status) -> None:
    elastogram = screen()
    wall = rows_region(elastogram, depth_mm, below=True)
    found = checks_of(elastogram, LesionRegions(LESION, chest_wall=wall))["chest-wall-distance"]
    assert found.status is status
    assert found.measured == pytest.approx(depth_mm - 29.0, abs=0.6)


def test_the_fat_has_to_lie_at_the_depth_of_the_lesion() -> None:
    deep = disk(FRAME, (130, 70), 8)
    found = checks_of(screen(), LesionRegions(LESION, deep))["fat-depth"]
    assert (found.status, found.measured) == (Status.WARN, 7.5)


def test_void_and_saturation_are_measured_in_every_region() -> None:
    values = np.full((BOX.height, BOX.width), 10.0, np.float32)
    values[:, : 70 - 40] = np.nan  # half of the fat
    values[:, 80:] = 180.0  # right half of the lesion
    elastogram = screen(values=values, valid=np.isfinite(values))
    found = checks_of(elastogram, LesionRegions(LESION, FAT))
    assert found["fat-region-void"].status is Status.WARN
    assert found["fat-region-void"].measured == pytest.approx(47, abs=5)
    assert found["lesion-void"].status is Status.PASS
    assert found["lesion-saturation"].status is Status.WARN
    assert found["lesion-saturation"].measured == pytest.approx(50, abs=5)
    assert found["measurement-box-saturation"].measured == 100.0
    assert found["fat-region-saturation"].status is Status.PASS


@pytest.mark.parametrize(
    ("level", "status"),
    [(None, Status.CANNOT_TELL), (1, Status.WARN), (2, Status.PASS), (3, Status.PASS), (4, Status.WARN)],
)
def test_the_precompression_has_to_be_entered(level: float | None, status: Status) -> None:
    found = checks_of(screen(), LesionRegions(LESION), level)["precompression"]
    assert (found.status, found.measured) == (status, level)


def test_stiff_fat_points_to_pressure() -> None:
    found = checks_of(screen(value=45.0), LesionRegions(LESION, FAT))["fat-stiffness"]
    assert (found.status, found.measured) == (Status.WARN, pytest.approx(45.0))
    strain = elastogram_of(np.full((120, 160), 0.5), Unit.STRAIN)
    regions = LesionRegions(disk((120, 160), (60, 80), 10), disk((120, 160), (60, 30), 8))
    assert checks_of(strain, regions)["fat-stiffness"].status is Status.CANNOT_TELL


def test_marked_calcification_under_the_box_is_a_warning() -> None:
    values = np.full((BOX.height, BOX.width), 10.0, np.float32)
    values[56:64, 76:84] = 90.0
    elastogram = screen(values=values)
    under = Region(np.zeros(FRAME, dtype=bool), "calcification")
    under.mask[96:104, 116:120] = True  # half of the stiffest box
    found = checks_of(elastogram, LesionRegions(LESION, calcification=under))["calcification"]
    assert (found.status, found.measured) == (Status.WARN, pytest.approx(50.0))
    assert "may be that of the calcification" in found.message


def test_bright_specks_warn_but_their_absence_proves_nothing() -> None:
    gray = np.random.default_rng(0).integers(30, 60, (BOX.height, BOX.width)).astype(np.uint8)
    values = np.full((BOX.height, BOX.width), 10.0, np.float32)
    values[56:64, 76:84] = 90.0
    plain = checks_of(screen(values=values, b_mode=gray), LesionRegions(LESION))["calcification"]
    assert (plain.status, plain.measured) == (Status.CANNOT_TELL, 0.0)
    specks = gray.copy()
    specks[58:60, 78:80] = 230
    bright = checks_of(screen(values=values, b_mode=specks), LesionRegions(LESION))["calcification"]
    assert (bright.status, bright.measured) == (Status.WARN, pytest.approx(100 * 4 / 64))


def test_three_repeats_with_little_spread_pass() -> None:
    number, spread = check_repeats([60.0, 62.0, 65.0], "mean elasticity")
    assert (number.status, spread.status) == (Status.PASS, Status.PASS)
    assert spread.measured == pytest.approx(100 * 2.5 / 62)


def test_few_or_scattered_repeats_warn() -> None:
    number, spread = check_repeats([60.0], "mean elasticity")
    assert (number.status, spread.status) == (Status.WARN, Status.CANNOT_TELL)
    assert check_repeats([30.0, 60.0, 90.0], "mean elasticity")[1].status is Status.WARN
    wide = ProtocolParameters(spread=0.6)
    assert check_repeats([30.0, 60.0, 90.0], "mean elasticity", wide)[1].status is Status.PASS


@pytest.mark.parametrize("changes", [{"spread": 2.0}, {"box_margin_mm": -1.0}, {"highest_precompression": 1.0}])
def test_impossible_limits_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        ProtocolParameters(**changes)  # type: ignore[arg-type]


def test_what_the_examiner_confirms_passes_and_the_rest_cannot_be_told() -> None:
    found = {check.code: check for check in check_operator(["breath-hold"])}
    assert list(found) == list(OPERATOR_RULES)
    assert found["breath-hold"].status is Status.PASS
    assert {check.status for code, check in found.items() if code != "breath-hold"} == {Status.CANNOT_TELL}
    assert all(check.message.endswith(".") and check.limit for check in found.values())


def test_confirming_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ParameterError, match="no rule “warm-room”"):
        check_operator(["warm-room"])


def test_an_assessment_asks_the_examiner_only_when_told_to() -> None:
    lesion = LesionRegions(LESION)
    asked = {check.code for check in assess(screen(), lesion, confirmed=()).checks}
    unasked = {check.code for check in assess(screen(), lesion).checks}
    assert asked - unasked == set(OPERATOR_RULES)
