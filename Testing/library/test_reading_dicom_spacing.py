"""The pixel spacing in the breast, and who said so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from library.dicom_samples import (
    COMPUTED_RADIOGRAPHY,
    FOR_PRESENTATION,
    SECONDARY_CAPTURE,
    TOMOSYNTHESIS,
    breast_picture,
    code,
    mammogram_dataset,
    saved,
)
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.reading import Mammogram, read_mammogram


def written(folder: Path, **attributes: Any) -> Path:
    dataset = mammogram_dataset(breast_picture(rows=900, columns=700), 12, ImagerPixelSpacing=None)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return saved(dataset, folder)


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize(
    ("attributes", "spacing_mm", "source"),
    [
        ({"ImagerPixelSpacing": [0.07, 0.08]}, (0.07, 0.08), "no magnification factor"),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 1.6},
            (0.0625, 0.0625),
            "magnification factor 1.6",
        ),
        (
            {"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [0.09, 0.09], "PixelSpacingCalibrationType": "GEOMETRY"},
            (0.09, 0.09),
            "GEOMETRY",
        ),
        ({"PixelSpacing": [0.05, 0.06], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.05, 0.06), "FIDUCIAL"),
        ({"ImagerPixelSpacing": [0.1, 0.1], "PixelSpacing": [0.05, 0.05]}, (0.1, 0.1), "Imager Pixel Spacing"),
        ({"NominalScannedPixelSpacing": [0.043, 0.043]}, (0.043, 0.043), "digitized film"),
        ({"ImagerPixelSpacing": [0, 0], "NominalScannedPixelSpacing": [0.05, 0.05]}, (0.05, 0.05), "digitized film"),
    ],
)
def test_spacing_follows_the_rule(
    tmp_path: Path, attributes: dict[str, Any], spacing_mm: tuple[float, float], source: str
) -> None:
    mammogram = read_mammogram(written(tmp_path, **attributes))
    assert mammogram.spacing_mm == pytest.approx(spacing_mm)
    assert source in mammogram.spacing_source
    assert not codes(mammogram) & {"spacing-uncertain", "spacing-unknown"}


@pytest.mark.parametrize(
    ("attributes", "spacing_mm"),
    [
        ({"PixelSpacing": [0.07, 0.07]}, 0.07),  # not calibrated
        ({"ImagerPixelSpacing": [0.1, 0.1], "EstimatedRadiographicMagnificationFactor": 0.0}, 0.1),
        (
            {
                "ImagerPixelSpacing": [0.1, 0.1],
                "EstimatedRadiographicMagnificationFactor": 1.5,
                "PixelSpacing": [0.1, 0.1],
                "PixelSpacingCalibrationType": "GEOMETRY",
            },
            0.1 / 1.5,
        ),
    ],
)
def test_doubtful_spacing_is_used_with_a_warning(tmp_path: Path, attributes: dict[str, Any], spacing_mm: float) -> None:
    mammogram = read_mammogram(written(tmp_path, **attributes))
    assert mammogram.spacing_mm == pytest.approx((spacing_mm, spacing_mm))
    assert "spacing-uncertain" in codes(mammogram)


def test_magnification_view_without_factor_is_doubtful(tmp_path: Path) -> None:
    magnified = code("399163009", "SCT", "Magnification")
    view = code("399162004", "SCT", "cranio-caudal", ViewModifierCodeSequence=Sequence([magnified]))
    mammogram = read_mammogram(written(tmp_path, ImagerPixelSpacing=[0.1, 0.1], ViewCodeSequence=Sequence([view])))
    assert {"magnification-view", "spacing-uncertain"} <= codes(mammogram)


@pytest.mark.parametrize("attributes", [{}, {"ImagerPixelSpacing": [1, 1]}, {"PixelSpacing": [0.07, 0]}])
def test_unknown_spacing_is_refused_unless_the_caller_assumes_one(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = written(tmp_path, **attributes)
    with pytest.raises(ParameterError, match="millimeters"):
        read_mammogram(path)
    mammogram = read_mammogram(path, assumed_spacing_mm=0.07)
    assert mammogram.spacing_mm == (0.07, 0.07)
    assert mammogram.spacing_source == "assumed"
    assert "spacing-unknown" in codes(mammogram)


def test_assumed_spacing_is_ignored_when_the_file_knows(tmp_path: Path) -> None:
    mammogram = read_mammogram(written(tmp_path, ImagerPixelSpacing=[0.07, 0.07]), assumed_spacing_mm=0.1)
    assert mammogram.spacing_mm == (0.07, 0.07)


@pytest.mark.parametrize(("given", "expected"), [(0.05, (0.05, 0.05)), ((0.05, 0.06), (0.05, 0.06))])
def test_spacing_given_by_the_user_wins_and_a_contradiction_is_reported(
    tmp_path: Path, given: float | tuple[float, float], expected: tuple[float, float]
) -> None:
    mammogram = read_mammogram(written(tmp_path, ImagerPixelSpacing=[0.1, 0.1]), spacing_mm=given)
    assert mammogram.spacing_mm == expected
    assert mammogram.spacing_source == "given by the user"
    assert "spacing-differs-from-file" in codes(mammogram)


def test_spacing_given_by_the_user_that_agrees_is_no_warning(tmp_path: Path) -> None:
    mammogram = read_mammogram(written(tmp_path, ImagerPixelSpacing=[0.1, 0.1]), spacing_mm=0.095)
    assert "spacing-differs-from-file" not in codes(mammogram)


@pytest.mark.parametrize("given", [0.0, -0.07, float("nan"), float("inf"), 30.0, (0.07, 0.0)])
def test_impossible_spacing_given_by_the_user_is_refused(tmp_path: Path, given: float) -> None:
    with pytest.raises(ParameterError):
        read_mammogram(written(tmp_path), spacing_mm=given)


@pytest.mark.parametrize("sop_class", [FOR_PRESENTATION, COMPUTED_RADIOGRAPHY, SECONDARY_CAPTURE])
@pytest.mark.parametrize(
    "attributes",
    [
        {"ImagerPixelSpacing": [0.07, 0.08], "EstimatedRadiographicMagnificationFactor": 1.5},
        {"PixelSpacing": [0.05, 0.06]},
        {"NominalScannedPixelSpacing": [0.04, 0.03]},
        {"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06]},
        {"ImagePositionPatient": [10, -20, 5], "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]},
        {},
    ],
)
def test_header_spacing_origin_and_direction_are_those_of_an_itk_reader(
    tmp_path: Path, sop_class: str, attributes: dict[str, Any]
) -> None:
    path = written(tmp_path, SOPClassUID=sop_class, **attributes)
    image = sitk.ReadImage(str(path))
    mammogram = read_mammogram(path, assumed_spacing_mm=0.1)
    assert mammogram.source["header_spacing_mm"] == pytest.approx(list(image.GetSpacing()[1::-1]))
    assert mammogram.origin_lps_mm == pytest.approx(image.GetOrigin())
    assert mammogram.direction_lps == pytest.approx(image.GetDirection())


def test_functional_groups_of_an_enhanced_object_of_one_frame_are_read(tmp_path: Path) -> None:
    measures, anatomy, window = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.085, 0.085]
    anatomy.FrameLaterality = "R"
    window.WindowCenter, window.WindowWidth = 2000, 800
    shared, own = Dataset(), Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.FrameAnatomySequence = Sequence([anatomy])
    own.FrameVOILUTSequence = Sequence([window])
    dataset = mammogram_dataset(
        breast_picture(rows=900, columns=700),
        12,
        ImagerPixelSpacing=None,
        ImageLaterality=None,
        SOPClassUID=TOMOSYNTHESIS,
        NumberOfFrames=1,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([own]),
    )
    mammogram = read_mammogram(saved(dataset, tmp_path))
    assert mammogram.spacing_mm == (0.085, 0.085)
    assert mammogram.laterality == "R"
    assert mammogram.display_window == (2000, 800)
    assert "tomosynthesis-slice" in codes(mammogram)


def test_a_spacing_that_makes_the_image_a_meter_long_is_doubted(tmp_path: Path) -> None:
    assert "unusual-size" in codes(read_mammogram(written(tmp_path), spacing_mm=1.2))
    assert "unusual-size" not in codes(read_mammogram(written(tmp_path), spacing_mm=0.1))
