"""The admission card: what kind of image a file holds, and what it says about itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from library.dicom_samples import (
    FOR_PROCESSING,
    SECONDARY_CAPTURE,
    TOMOSYNTHESIS,
    breast_picture,
    code,
    gray_pattern,
    mammogram_dataset,
    saved,
)
from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.admission import AdmissionCard
from MicrocalcAILib.reading.carried_fields import fields_of
from MicrocalcAILib.reading.kinds import ANALYZED, KINDS, REFUSED, SIGNS, SIGNS_IN_FREE_TEXT

BREAST_PROJECTION = "1.2.840.10008.5.1.4.1.1.13.1.4"
SPOT = Sequence([code("399055006", "SCT", "Spot Compression")])


def read(folder: Path, **attributes: Any) -> Mammogram:
    picture = breast_picture(rows=900, columns=700)
    return read_mammogram(saved(mammogram_dataset(picture, 12, **attributes), folder))


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({}, "presentation"),
        ({"SOPClassUID": FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}, "processing"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"]}, "synthetic"),
        ({"SOPClassUID": TOMOSYNTHESIS, "ImageType": ["DERIVED", "PRIMARY", "", "GENERATED_2D"]}, "synthetic"),
        ({"SeriesDescription": "L CC C-View"}, "synthetic"),
        ({"ProtocolName": "Intelligent 2D"}, "synthetic"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"]}, "tomosynthesis-slice"),
        ({"SOPClassUID": TOMOSYNTHESIS, "NumberOfFrames": 1}, "tomosynthesis-slice"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "STEREO_PLUS"]}, "stereotactic"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "POSTMARKER"]}, "stereotactic"),
        ({"EstimatedRadiographicMagnificationFactor": 1.8}, "magnification"),
        ({"ViewCodeSequence": Sequence([code("399162004", "SCT", "", ViewModifierCodeSequence=SPOT)])}, "spot"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "POST_CONTRAST", "", "LOW_ENERGY"]}, "contrast-low-energy"),
        ({"ContrastBolusAgent": "Jane's iodine"}, "contrast"),
        ({"ViewCodeSequence": Sequence([code("127457009", "SCT", "specimen")])}, "specimen"),
        ({"SOPClassUID": SECONDARY_CAPTURE, "PresentationIntentType": None, "ConversionType": "DF"}, "film"),
        ({"SOPClassUID": SECONDARY_CAPTURE, "PresentationIntentType": None}, "secondary-capture"),
        ({"SOPClassUID": "1.2.3", "PresentationIntentType": None, "Modality": "DX"}, "other"),
    ],
)
def test_the_kind_of_an_image_is_named_and_treated_by_the_table(
    tmp_path: Path, attributes: dict[str, Any], kind: str
) -> None:
    mammogram = read(tmp_path, **attributes)
    assert mammogram.admission.kind == kind
    assert (KINDS[kind].treatment == ANALYZED) == (KINDS[kind].code not in codes(mammogram))
    assert any(KINDS[kind].words in sentence for sentence in mammogram.admission.sentences())


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TOMO_PROJ", "LEFT"]}, "tomosynthesis-projection"),
        ({"SOPClassUID": BREAST_PROJECTION}, "tomosynthesis-projection"),
        ({"ImageType": ["DERIVED", "PRIMARY", "POST_CONTRAST", "SUBTRACTION"]}, "contrast-subtraction"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "POST_CONTRAST", "", "HIGH_ENERGY"]}, "contrast-high-energy"),
    ],
)
def test_kinds_that_are_no_plain_mammogram_are_refused_with_what_to_choose(
    tmp_path: Path, attributes: dict[str, Any], kind: str
) -> None:
    assert KINDS[kind].treatment == REFUSED
    with pytest.raises(UnsupportedImageError) as refusal:
        read(tmp_path, **attributes)
    assert str(refusal.value) == KINDS[kind].message


def test_a_description_alone_never_refuses_an_image(tmp_path: Path) -> None:
    mammogram = read(tmp_path, SeriesDescription="L CC Tomosynthesis Projection")
    assert mammogram.admission.kind == "tomosynthesis-projection"
    assert "tomosynthesis-projection" in codes(mammogram)


def test_every_sign_leads_to_a_kind_and_every_treatment_but_analysis_has_its_sentence() -> None:
    assert {sign.kind for sign in (*SIGNS, *SIGNS_IN_FREE_TEXT)} <= KINDS.keys()
    for kind in KINDS.values():
        assert (kind.treatment == ANALYZED) == (not kind.message) == (not kind.code)


def test_a_magnified_spot_view_is_both(tmp_path: Path) -> None:
    modifiers = Sequence([code("399163009", "SCT", "Magnification"), *SPOT])
    view = code("399162004", "SCT", "cranio-caudal", ViewModifierCodeSequence=modifiers)
    found = codes(read(tmp_path, ViewCodeSequence=Sequence([view]), EstimatedRadiographicMagnificationFactor=1.6))
    assert {"magnification-view", "spot-compression"} <= found


@pytest.mark.parametrize(
    "attributes",
    [
        {"Laterality": "R"},
        {"ViewPosition": "RCC"},
        {"AnatomicRegionSequence": Sequence([code("76752008", "SCT", "Breast")])},
    ],
)
def test_a_side_that_the_file_contradicts_is_not_believed(tmp_path: Path, attributes: dict[str, Any]) -> None:
    for region in attributes.get("AnatomicRegionSequence", []):
        region.AnatomicRegionModifierSequence = Sequence([code("24028007", "SCT", "Right")])
    mammogram = read(tmp_path, **attributes)
    assert mammogram.laterality is None
    assert "laterality-conflict" in codes(mammogram)
    assert mammogram.admission.side_conflict
    assert [statement.value for statement in mammogram.admission.side_statements] == ["L", "R"]


def test_the_coded_view_is_followed_and_its_contradiction_reported(tmp_path: Path) -> None:
    mammogram = read(tmp_path, ViewPosition="MLO")
    assert mammogram.view == "CC"
    assert "view-conflict" in codes(mammogram)
    assert mammogram.admission.view_conflict


def test_the_card_has_no_word_of_the_file(tmp_path: Path) -> None:
    mammogram = read(
        tmp_path,
        SeriesDescription="Doe^Jane C-View",
        ContrastBolusAgent="Doe^Jane",
        ImageType=["Doe", "Jane"],
        ViewPosition="Jane",
        Laterality="J",
    )
    card = mammogram.admission
    assert "jane" not in json.dumps([card.to_dict(), card.columns(), card.sentences()]).lower()


def test_the_card_survives_json_and_a_volume_file(tmp_path: Path) -> None:
    mammogram = read(tmp_path, ImageType=["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D"], Laterality="R")
    card = mammogram.admission
    assert AdmissionCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card
    path = tmp_path / "image.nrrd"
    identity = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    write_volume(mammogram.pixels, mammogram.spacing_mm, (0, 0, 0), identity, path, fields_of(mammogram))
    again = read_mammogram(path).admission
    assert replace(again, integrity=card.integrity) == card


def test_columns_are_flat_and_the_same_for_every_image(tmp_path: Path) -> None:
    cards = [AdmissionCard(), read(tmp_path).admission]
    Image.fromarray(gray_pattern(8)).save(tmp_path / "RMLO.png")
    cards.append(read_mammogram(tmp_path / "RMLO.png", 0.1).admission)
    assert len({tuple(card.columns()) for card in cards}) == 1
    assert all(isinstance(value, str | float | int) for card in cards for value in card.columns().values())
    assert cards[-1].columns()["side_sources"] == "file name: R"
    assert cards[1].columns()["row_spacing_mm"] == 0.07


def test_bits_padding_and_polarity_are_on_the_card(tmp_path: Path) -> None:
    picture = breast_picture(rows=900, columns=700)
    picture[:90] = 0
    dataset = mammogram_dataset(picture, 12, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    card = read_mammogram(saved(dataset, tmp_path)).admission
    assert (card.bits.allocated, card.bits.stored, card.bits.high_bit) == (16, 12, 11)
    assert (card.bits.lowest, card.bits.highest) == (60, 3200)
    assert (card.padding, card.polarity) == ("value 0", "inverted")
    assert card.padding_share == pytest.approx(0.1)


def test_a_private_element_that_holds_a_stack_makes_the_picture_a_stand_in(tmp_path: Path) -> None:
    dataset = mammogram_dataset(breast_picture(), 12, SOPClassUID=SECONDARY_CAPTURE)
    block = dataset.private_block(0x7E01, "HOLOGIC, Inc.", create=True)
    block.add_new(0x10, "OB", bytes(4096))
    with pytest.raises(UnsupportedImageError, match="stand-in"):
        read_mammogram(saved(dataset, tmp_path))
    other = mammogram_dataset(breast_picture(), 12)
    other.private_block(0x0099, "SOME MAKER", create=True).add_new(0x01, "OB", np.zeros(60000, np.uint8).tobytes())
    with pytest.raises(UnsupportedImageError, match="stand-in"):
        read_mammogram(saved(other, tmp_path))


def test_small_private_elements_and_curves_are_no_stack(tmp_path: Path) -> None:
    item = Dataset()
    item.PixelData = bytes(30000)
    item["PixelData"].VR = "OB"
    dataset = mammogram_dataset(breast_picture(rows=900, columns=700), 12, IconImageSequence=Sequence([item]))
    dataset.private_block(0x0019, "LORAD Selenia", create=True).add_new(0x01, "OB", bytes(500))
    assert read_mammogram(saved(dataset, tmp_path)).admission.kind == "presentation"
