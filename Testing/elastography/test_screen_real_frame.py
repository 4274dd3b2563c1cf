"""One real shear-wave frame (SuperSonic Mach 30, muscle): everything on it is found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.conversion import elastogram_of_screen
from MicrocalcElastographyLib.elastogram import Elastogram, Unit
from MicrocalcElastographyLib.reading import read_elastogram, read_screen
from MicrocalcElastographyLib.screen.frame import ScreenFrame
from MicrocalcElastographyLib.screen.panels import find_panels
from MicrocalcElastographyLib.screen_calibration import find_calibration
from real_data import more_data


@pytest.fixture(scope="module")
def frame() -> ScreenFrame:
    return read_screen(more_data("swe/mach30_frame.png"))


@pytest.fixture(scope="module")
def found(frame: ScreenFrame) -> Calibration:
    return find_calibration(frame)


@pytest.fixture(scope="module")
def elastogram() -> Elastogram:
    return read_elastogram(more_data("swe/mach30_frame.png"))


def test_the_bar_and_its_range_are_found(found: Calibration) -> None:
    assert found.bar is not None
    assert found.bar == pytest.approx((138, 1379, 358, 1401), abs=2)
    assert found.values_at_ends == (300.0, 0.0)
    assert found.unit == Unit.KILOPASCAL


def test_the_printed_opacity_is_read(found: Calibration) -> None:
    assert found.opacity == 1.0
    assert found.sources["opacity"] == "printed on the screen"


def test_both_panels_are_found_and_paired(frame: ScreenFrame, found: Calibration) -> None:
    panels = sorted(find_panels(frame.rgb))
    assert len(panels) == 2
    assert panels[0] == pytest.approx((138, 401, 578, 991), abs=3)
    assert panels[1] == pytest.approx((588, 401, 1028, 991), abs=3)
    assert found.b_mode_offset == (450, 0)


def test_the_depth_ruler_gives_the_spacing(found: Calibration) -> None:
    """One centimeter is 115.4 rows of this capture, measured between the ticks 0.0 and 3.0."""
    assert found.spacing_mm is not None
    assert 10.0 / found.spacing_mm[0] == pytest.approx(115.4, abs=0.4)
    assert found.panel is not None
    assert found.panel.top == pytest.approx(138, abs=2)


def test_the_box_is_found_and_not_the_outline_in_the_other_panel(found: Calibration) -> None:
    assert found.box == pytest.approx((267, 632, 379, 747), abs=2)


def test_nothing_is_left_to_ask_for(found: Calibration) -> None:
    assert found.missing == ()
    assert [warning.code for warning in found.warnings] == ["spacing-from-ruler"]


def test_relaxed_muscle_has_a_plausible_stiffness(elastogram: Elastogram) -> None:
    inner = elastogram.values[30:90, 30:90]
    assert np.isfinite(inner).mean() > 0.95
    assert 15.0 < np.nanmean(inner) < 40.0
    assert np.nanmax(elastogram.values) < 60.0


def test_the_outline_drawn_inside_the_box_carries_no_value(elastogram: Elastogram, frame: ScreenFrame) -> None:
    assert elastogram.box is not None
    box = frame.rgb[elastogram.box.slices].astype(int)
    green = box[..., 1] > box[..., 2] + 40
    assert green.sum() > 1000
    assert not elastogram.valid[green].any()


def test_the_paired_b_mode_confirms_the_printed_opacity(elastogram: Elastogram) -> None:
    assert "opacity-disagrees" not in [warning.code for warning in elastogram.warnings]


def test_the_depth_of_the_box_is_measured_from_the_surface_of_the_probe(elastogram: Elastogram) -> None:
    assert elastogram.depth_mm(0) == pytest.approx((267 - 138) / 115.4 * 10, abs=0.3)


@pytest.mark.parametrize("factor", [0.4, 0.5, 0.75, 0.9, 1.1, 1.5, 2.0])
def test_the_frame_is_read_at_any_size_it_may_be_exported_in(frame: ScreenFrame, factor: float) -> None:
    rows, columns = (round(length * factor) for length in frame.rgb.shape[:2])
    resized = Image.fromarray(frame.rgb).resize((columns, rows), Image.Resampling.BICUBIC)
    found = find_calibration(ScreenFrame(np.array(resized)))
    assert found.box is not None
    assert found.bar is not None
    tolerance = max(2.0, 2.0 / factor)
    # The outline drawn around the box may be taken with it; it carries no value.
    assert [edge / factor for edge in found.box] == pytest.approx((267, 632, 379, 747), abs=6.0)
    assert [edge / factor for edge in found.bar] == pytest.approx((138, 1380, 358, 1400), abs=max(3.0, tolerance))
    assert (found.values_at_ends, found.unit) == ((300.0, 0.0), Unit.KILOPASCAL)
    assert found.opacity in (1.0, None)  # where it is not read, the paired B-mode tells
    assert found.opacity is not None or found.b_mode_offset is not None
    if factor > 0.5:
        assert found.b_mode_offset is not None
        assert [offset / factor for offset in found.b_mode_offset] == pytest.approx((450, 0), abs=tolerance)
    assert found.spacing_mm is not None
    assert 10.0 / found.spacing_mm[0] / factor == pytest.approx(115.4, abs=1.0)
    inner = elastogram_of_screen(ScreenFrame(np.array(resized)), found).values
    middle = inner[tuple(slice(round(0.3 * length), round(0.8 * length)) for length in inner.shape)]
    assert 15.0 < np.nanmean(middle) < 40.0
