"""Images that other software reads wrongly, through the whole way from file to result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from MicrocalcAILib.analysis import ANALYSIS_FILE, Analysis, load_analysis, save_analysis
from MicrocalcAILib.base.errors import MicrocalcError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.pipeline import analyze, load_selector
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.segmentation.selection import Selector

CASES = Path(__file__).parents[1] / "Data" / "cases" / "reading"
SPECKS = np.array([(150, 70), (158, 78), (165, 66), (172, 82), (180, 74), (240, 110), (300, 60)])


@pytest.fixture(scope="module")
def selector() -> Selector:
    return load_selector()


def read(name: str) -> Mammogram:
    return read_mammogram(CASES / name, 0.1 if name.endswith((".png", ".pgm")) else None)


def codes(result: Mammogram | Analysis) -> set[str]:
    return {warning.code for warning in result.warnings}


def specks_found(analysis: Analysis) -> int:
    """How many of the seven specks are found; anything else that is found fails."""
    found = analysis.calcifications[["row", "column"]].to_numpy()
    distances = np.linalg.norm(found[:, None] - SPECKS, axis=2)
    assert (distances.min(axis=1) < 3).all()
    assert sorted(set(analysis.labels.ravel()) - {0}) == analysis.calcifications["id"].tolist()
    return int((distances.min(axis=0) < 3).sum())


@pytest.mark.parametrize(
    ("name", "least", "warning"),
    [
        ("01_reference.dcm", 7, None),
        ("02_LCC_burned_in_rectangle.png", 5, "drawn-lines"),
        ("03_LCC_yellow_arrow.png", 7, "color-marks"),
        ("04_stream16_header12.dcm", 7, "values-exceed-bits-stored"),
        ("05_stored10_values12.dcm", 7, "values-exceed-bits-stored"),
        ("16_meta_without_preamble.dcm", 7, None),
        ("18_cbis_layout/Calc-Test_P_00001_LEFT_CC/full/1-1.dcm", 7, None),
        ("19_mdb001.pgm", 7, "few-gray-levels"),
    ],
)
def test_the_seven_specks_are_found(selector: Selector, name: str, least: int, warning: str | None) -> None:
    analysis = analyze(read(name), selector=selector)
    assert specks_found(analysis) >= least
    assert warning is None or warning in codes(analysis)
    if least == 7:
        assert analysis.clusters["count"].tolist() == [5]
    if name.startswith("01"):
        assert codes(analysis) == set()


def test_the_card_travels_into_the_saved_analysis(selector: Selector, tmp_path: Path) -> None:
    mammogram = read("10_synthetic_named_only.dcm")
    analysis = analyze(mammogram, selector=selector)
    save_analysis(analysis, tmp_path)
    assert load_analysis(tmp_path).admission == mammogram.admission
    assert json.loads((tmp_path / ANALYSIS_FILE).read_text())["admission"]["kind"] == "synthetic"
    assert "synthetic-2d" in codes(analysis)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"), [("04_stream16_header12.dcm", 481, 45088), ("05_stored10_values12.dcm", 33, 3077)]
)
def test_values_that_do_not_fit_the_header_are_not_wrapped(name: str, lowest: float, highest: float) -> None:
    pixels = read(name).pixels
    assert (pixels.min(), pixels.max()) == (lowest, highest)


@pytest.mark.parametrize(
    ("name", "refusal", "words"),
    [
        ("06_contrast_subtraction.dcm", UnsupportedImageError, "subtraction"),
        ("07_tomo_projection.dcm", UnsupportedImageError, "low-dose projection"),
        ("14_private_stack_behind_placeholder.dcm", UnsupportedImageError, "stand-in"),
        ("15_three_frames_undeclared.dcm", UnsupportedImageError, "3 images"),
        ("23_columns_80_of_100.dcm", UnreadableImageError, "longer than the header says"),
    ],
)
def test_what_is_no_single_mammogram_is_refused_with_the_reason(
    name: str, refusal: type[MicrocalcError], words: str
) -> None:
    with pytest.raises(refusal, match=words):
        read(name)


@pytest.mark.parametrize(
    ("name", "kind", "warning"),
    [
        ("08_tomo_slice_as_mg.dcm", "tomosynthesis-slice", "tomosynthesis-slice"),
        ("09_tomo_one_slice_bto.dcm", "tomosynthesis-slice", "tomosynthesis-slice"),
        ("10_synthetic_named_only.dcm", "synthetic", "synthetic-2d"),
        ("11_laterality_conflict.dcm", "presentation", "laterality-conflict"),
        ("12_view_conflict.dcm", "presentation", "view-conflict"),
        ("13_sid_sod_no_ermf.dcm", "magnification", "magnification-view"),
        ("17_no_transfer_syntax.dcm", "presentation", "transfer-syntax-missing"),
    ],
)
def test_what_is_doubtful_is_read_with_a_warning(name: str, kind: str, warning: str) -> None:
    mammogram = read(name)
    assert mammogram.admission.kind == kind
    assert warning in codes(mammogram)


def test_side_view_and_size_are_right() -> None:
    plain = read("01_reference.dcm")
    assert (plain.laterality, plain.view, plain.spacing_mm, plain.chest_wall_side) == ("L", "CC", (0.1, 0.1), "left")
    assert read("11_laterality_conflict.dcm").laterality is None
    magnified = read("13_sid_sod_no_ermf.dcm")
    assert magnified.spacing_mm == pytest.approx((0.1 * 366.6667 / 660,) * 2)
    assert magnified.admission.magnification == pytest.approx(1.8, abs=1e-4)
    untold = read("17_no_transfer_syntax.dcm")
    assert (untold.pixels.shape, untold.spacing_mm) == ((200, 120), (0.2, 0.2))
    sides = [read(f"18_cbis_layout/Calc-Test_P_00001_{side}_CC/full/1-1.dcm").laterality for side in ("LEFT", "RIGHT")]
    assert sides == ["L", "R"]
