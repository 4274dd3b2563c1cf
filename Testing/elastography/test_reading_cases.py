"""Ultrasound screens whose regions or sizes other software reads wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from MicrocalcElastographyLib.reading import read_screen
from MicrocalcElastographyLib.screen_calibration import find_calibration

CASES = Path(__file__).parents[1] / "Data" / "cases" / "reading"


@pytest.mark.parametrize(
    ("name", "source", "warning"),
    [
        ("20_us_region_max_is_columns.dcm", "regions of the DICOM file", None),
        ("21_us_pixel_spacing_only.dcm", "Pixel Spacing (0028,0030) of the DICOM file", "spacing-uncertain"),
        ("22_us_region_covers_the_bar.dcm", "regions of the DICOM file", None),
    ],
)
def test_scale_and_pixel_size_are_found(name: str, source: str, warning: str | None) -> None:
    screen = read_screen(CASES / name)
    calibration = find_calibration(screen)
    assert calibration.values_at_ends == (180.0, 0.0)
    assert calibration.spacing_mm == pytest.approx((0.1, 0.1))
    assert calibration.sources["spacing_mm"] == source
    codes = {record.code for record in (*screen.warnings, *calibration.warnings)}
    assert warning is None or warning in codes
    assert not codes & {"ultrasound-region-impossible", "spacing-unknown", "ruler-disagrees"}
