"""Laterality, view, chest wall, and what is special about an image."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping

from library.dicom_samples import SECONDARY_CAPTURE, TOMOSYNTHESIS, breast_picture, code, mammogram_dataset, saved
from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.chest_wall import _otsu_threshold
from MicrocalcAILib.reading.views import MODIFIER_OF_CODE, VIEW_OF_CODE, View, view_from_words


def read(folder: Path, side: str = "left", **attributes: Any) -> Mammogram:
    return read_mammogram(saved(mammogram_dataset(breast_picture(side, 900, 700), 12, **attributes), folder))


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize(("group", "table"), [(4014, VIEW_OF_CODE), (4015, MODIFIER_OF_CODE)])
def test_every_code_of_the_standard_is_known_in_both_snomed_versions(group: int, table: dict[str, str]) -> None:
    for name in cid_concepts[group]["SCT"]:
        for value, (meaning, groups) in concepts["SCT"][name].items():
            if group in groups:
                assert table[value] == table[mapping["SCT"][value]]
                if group == 4015:
                    assert table[value].lower() == meaning.lower()


@pytest.mark.parametrize(
    ("value", "scheme", "view"),
    [
        ("399162004", "SCT", "CC"),
        ("R-10242", "SRT", "CC"),
        ("R-10226", "SNM3", "MLO"),
        ("399260004", "SCT", "ML"),
        ("Y-X1770", "SNM3", "XCCL"),
    ],
)
def test_view_codes_of_old_and_new_files_are_read(tmp_path: Path, value: str, scheme: str, view: str) -> None:
    mammogram = read(tmp_path, ViewCodeSequence=Sequence([code(value, scheme, "a view")]))
    assert (mammogram.laterality, mammogram.view) == ("L", view)
    assert not codes(mammogram) & {"view-unknown", "view-from-text", "laterality-unknown"}


@pytest.mark.parametrize(
    ("value", "modifier", "warning"),
    [
        ("399163009", "Magnification", "magnification-view"),
        ("R-102D7", "Spot Compression", "spot-compression"),
        ("399209000", "Implant Displaced", "implant-displaced"),
        ("R-102D2", "Cleavage", None),
    ],
)
def test_view_modifiers_are_read_and_special_views_reported(
    tmp_path: Path, value: str, modifier: str, warning: str | None
) -> None:
    item = code("R-10226", "SRT", "MLO", ViewModifierCodeSequence=Sequence([code(value, "SRT", "modifier")]))
    mammogram = read(tmp_path, ViewCodeSequence=Sequence([item]), EstimatedRadiographicMagnificationFactor=1.0)
    assert mammogram.view_modifiers == (modifier,)
    special = {"magnification-view", "spot-compression", "implant-displaced"}
    assert codes(mammogram) & special == ({warning} if warning else set())


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("LEFT_CC", View("L", "CC")),
        ("Calc-Test_P_00038_LEFT_CC", View("L", "CC")),
        ("Mass-Training_P_00001_RIGHT_MLO_1", View("R", "MLO")),
        ("R MLO", View("R", "MLO")),
        ("MG_L_ML_ANON", View("L", "ML")),
        ("RXCCL", View("R", "XCCL")),
        ("LMLO", View("L", "MLO")),
        ("LML", View("L", "ML")),
        ("RMCC", View("R", "CC", ("Magnification",))),
        ("L CCID", View("L", "CC", ("Implant Displaced",))),
        ("mammogram_right_mlo", View("R", "MLO")),
        ("left", View("L")),
        ("left and right CC", View(None, "CC")),
        ("R CC + MLO", View("R", None)),
        ("Patient L. Smith", View()),
        ("ID 12 RCC", View("R", "CC")),
        ("", View()),
    ],
)
def test_view_is_found_in_words(text: str, view: View) -> None:
    assert view_from_words(text) == view


SCANNED_FILM: dict[str, Any] = {"SOPClassUID": SECONDARY_CAPTURE, "ImageLaterality": None, "ViewCodeSequence": None}


@pytest.mark.parametrize("keyword", ["SeriesDescription", "PatientID", "ProtocolName"])
def test_scanned_film_tells_its_view_in_free_text(tmp_path: Path, keyword: str) -> None:
    mammogram = read(tmp_path, **SCANNED_FILM, **{keyword: "Calc-Test_P_00038_RIGHT_MLO"})
    assert (mammogram.laterality, mammogram.view) == ("R", "MLO")
    assert "view-from-text" in codes(mammogram)


def test_codes_outweigh_words(tmp_path: Path) -> None:
    mammogram = read(tmp_path, SeriesDescription="R MLO SPOT", ViewPosition="CC")
    assert (mammogram.laterality, mammogram.view, mammogram.view_modifiers) == ("L", "CC", ())
    assert codes(mammogram) == {"description-disagrees"}


def test_words_that_name_the_view_name_its_modifiers(tmp_path: Path) -> None:
    mammogram = read(tmp_path, ViewCodeSequence=None, ViewPosition="MCC", EstimatedRadiographicMagnificationFactor=1.0)
    assert (mammogram.view, mammogram.view_modifiers) == ("CC", ("Magnification",))
    assert codes(mammogram) == {"magnification-view"}


def test_cbis_writes_the_view_into_patient_orientation(tmp_path: Path) -> None:
    mammogram = read(tmp_path, **SCANNED_FILM, Laterality="L", PatientOrientation="MLO")
    assert (mammogram.laterality, mammogram.view) == ("L", "MLO")
    assert "view-from-text" not in codes(mammogram)


def test_directions_in_patient_orientation_are_not_taken_for_a_side(tmp_path: Path) -> None:
    mammogram = read(tmp_path, **SCANNED_FILM, ViewPosition="CC", PatientOrientation=["A", "R"])
    assert mammogram.laterality is None
    assert "laterality-unknown" in codes(mammogram)


def test_missing_view_is_reported(tmp_path: Path) -> None:
    mammogram = read(tmp_path, ViewCodeSequence=None)
    assert mammogram.view is None
    assert "view-unknown" in codes(mammogram)


@pytest.mark.parametrize(("orientation", "side"), [(["A", "R"], "left"), (["P", "L"], "right"), (["P", "FL"], "right")])
def test_chest_wall_side_of_patient_orientation_is_confirmed_by_the_pixels(
    tmp_path: Path, orientation: list[str], side: str
) -> None:
    mammogram = read(tmp_path, side, PatientOrientation=orientation)
    assert mammogram.chest_wall_side == side
    assert "chest-wall-disagreement" not in codes(mammogram)


def test_pixels_win_when_patient_orientation_is_wrong(tmp_path: Path) -> None:
    mammogram = read(tmp_path, "left", PatientOrientation=["P", "L"])
    assert mammogram.chest_wall_side == "left"
    assert "chest-wall-disagreement" in codes(mammogram)


def test_undecided_pixels_leave_the_word_to_patient_orientation(tmp_path: Path) -> None:
    flat = mammogram_dataset(breast_picture() * 0 + 7, 12, PatientOrientation=["P", "L"])
    assert read_mammogram(saved(flat, tmp_path)).chest_wall_side == "right"


@pytest.mark.parametrize("seed", range(4))
def test_bright_and_dark_are_parted_where_itk_parts_them(seed: int) -> None:
    chance = np.random.default_rng(seed)
    air, breast = chance.normal(60, 5 + seed, 900), chance.gamma(9, 100, 700 * seed + 5)
    values = np.concatenate([air, breast]).astype(np.float32)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfHistogramBins(256)
    otsu.Execute(sitk.GetImageFromArray(values[np.newaxis]))
    assert _otsu_threshold(values) == pytest.approx(otsu.GetThreshold(), rel=1e-5)


def test_a_negative_is_noticed(tmp_path: Path) -> None:
    negative = read_mammogram(saved(mammogram_dataset(4095 - breast_picture("right"), 12), tmp_path))
    assert "looks-inverted" in codes(negative)
    assert negative.chest_wall_side == "right"
    assert "looks-inverted" not in codes(read(tmp_path))


@pytest.mark.parametrize(
    ("attributes", "warning"),
    [
        ({"BreastImplantPresent": "YES"}, "implant-present"),
        ({"PartialView": "YES"}, "partial-view"),
        ({"LossyImageCompression": "01"}, "lossy-compression"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, "synthetic-2d"),
        ({"BurnedInAnnotation": "YES"}, "burned-in-annotation"),
        ({"QualityControlImage": "YES"}, "quality-control-image"),
        ({"BodyPartExamined": "CHEST"}, "other-body-part"),
        ({"EstimatedRadiographicMagnificationFactor": 1.4}, "magnification-view"),
        ({"ViewCodeSequence": Sequence([code("G-8310", "SRT", "specimen")])}, "specimen"),
    ],
)
def test_what_is_special_about_an_image_is_reported(tmp_path: Path, attributes: dict[str, Any], warning: str) -> None:
    assert codes(read(tmp_path, **attributes)) == {warning}


def test_an_ordinary_mammogram_has_no_warning(tmp_path: Path) -> None:
    assert read(tmp_path, BreastImplantPresent="NO", BurnedInAnnotation="NO").warnings == ()


@pytest.mark.parametrize(("modality", "words"), [("US", "ultrasound"), ("CT", "CT"), ("MR", "MR"), ("XX", "modality")])
def test_other_modalities_are_refused(tmp_path: Path, modality: str, words: str) -> None:
    with pytest.raises(UnsupportedImageError, match=words):
        read(tmp_path, Modality=modality)


@pytest.mark.parametrize("modality", ["MG", "CR", "DX", "OT", ""])
def test_radiographs_of_every_modality_are_read(tmp_path: Path, modality: str) -> None:
    assert read(tmp_path, Modality=modality).view == "CC"


def test_tomosynthesis_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="60 frames"):
        read(tmp_path, SOPClassUID=TOMOSYNTHESIS, NumberOfFrames=60)


def test_dicomdir_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="DICOMDIR"):
        read(tmp_path, DirectoryRecordSequence=Sequence([Dataset()]))


def test_nothing_of_the_patient_or_the_path_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "Doe_Jane"
    folder.mkdir()
    mammogram = read(folder, PatientID="Secret-4711", SeriesDescription="Secret-4711", BodyPartExamined="SECRET")
    kept = {
        field.name: getattr(mammogram, field.name)
        for field in dataclasses.fields(mammogram)
        if field.name not in ("pixels", "valid")
    }
    written = json.dumps(kept, default=str).lower()
    assert "secret" not in written
    assert "jane" not in written
    assert len(mammogram.source["sha256"]) == 64
