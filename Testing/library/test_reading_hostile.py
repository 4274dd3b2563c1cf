"""Damaged and hostile DICOM files end in one sentence: no crash, no huge allocation, no half image."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate, generate_frames

from library.dicom_samples import gray_pattern, mammogram_dataset, saved
from MicrocalcAILib.base.errors import MicrocalcError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.codestreams import DeclaredSize, declared_size

COMPRESSED = [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]


def written(folder: Path, **attributes: Any) -> Path:
    return saved(mammogram_dataset(gray_pattern(12), 12, **attributes), folder)


def compressed(syntax: str) -> pydicom.Dataset:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    dataset.compress(syntax)
    return dataset


def frame_of(dataset: pydicom.Dataset) -> bytes:
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


@pytest.mark.parametrize(
    ("keyword", "name"),
    [
        ("Rows", "Rows (0028,0010)"),
        ("Columns", "Columns (0028,0011)"),
        ("BitsAllocated", "Bits Allocated (0028,0100)"),
        ("BitsStored", "Bits Stored (0028,0101)"),
        ("SamplesPerPixel", "Samples per Pixel (0028,0002)"),
        ("PixelRepresentation", "Pixel Representation (0028,0103)"),
        ("PhotometricInterpretation", "Photometric Interpretation (0028,0004)"),
        ("PixelData", "Pixel Data (7FE0,0010)"),
    ],
)
def test_missing_attribute_is_named(tmp_path: Path, keyword: str, name: str) -> None:
    with pytest.raises(UnreadableImageError) as refusal:
        read_mammogram(written(tmp_path, **{keyword: None}))
    assert name in str(refusal.value)
    assert "export" in str(refusal.value)


@pytest.mark.parametrize("attributes", [{"Rows": 0}, {"BitsStored": 17}, {"SamplesPerPixel": 3}, {"BitsStored": 0}])
def test_contradictory_pixel_description_is_refused(tmp_path: Path, attributes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableImageError):
        read_mammogram(written(tmp_path, **attributes))


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"BitsAllocated": 32}, "32 bits"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"NumberOfFrames": 2**31 - 1}, "frames"),
    ],
)
def test_unsupported_pixel_description_is_refused(tmp_path: Path, attributes: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedImageError, match=words):
        read_mammogram(written(tmp_path, **attributes))


def test_image_beyond_the_byte_budget_is_refused_before_decoding(tmp_path: Path) -> None:
    for dataset in (mammogram_dataset(gray_pattern(12), 12), *(compressed(syntax) for syntax in COMPRESSED)):
        dataset.Rows = dataset.Columns = 65535
        with pytest.raises(UnreadableImageError, match="MiB"):
            read_mammogram(saved(dataset, tmp_path))
    with pytest.raises(UnreadableImageError, match="MiB"):
        read_mammogram(written(tmp_path), byte_budget=1000)


@pytest.mark.parametrize("lost", [0.02, 0.5, 0.9])
def test_file_cut_off_anywhere_is_refused(tmp_path: Path, lost: float) -> None:
    for dataset in (mammogram_dataset(gray_pattern(12), 12), *(compressed(syntax) for syntax in COMPRESSED)):
        path = saved(dataset, tmp_path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * (1 - lost))])
        with pytest.raises(UnreadableImageError):
            read_mammogram(path)


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_codestream_cut_off_inside_a_sound_file_is_refused(tmp_path: Path, syntax: str) -> None:
    dataset = compressed(syntax)
    frame = frame_of(dataset)
    dataset.PixelData = encapsulate([frame[: int(len(frame) * 0.9)]])
    with pytest.raises(UnreadableImageError, match="decoded"):
        read_mammogram(saved(dataset, tmp_path))


def test_native_pixel_data_shorter_than_the_header_says_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="cut off"):
        read_mammogram(written(tmp_path, Rows=97))


@pytest.mark.parametrize("segments", [0, 1, 3, 15])
def test_run_length_code_with_another_number_of_segments_is_refused(tmp_path: Path, segments: int) -> None:
    dataset = compressed(uid.RLELossless)
    dataset.PixelData = encapsulate([struct.pack("<L", segments) + frame_of(dataset)[4:]])
    with pytest.raises(UnreadableImageError, match="contradict"):
        read_mammogram(saved(dataset, tmp_path))


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("rows", [48, 192])
def test_codestream_of_another_size_than_the_header_is_refused(tmp_path: Path, syntax: str, rows: int) -> None:
    dataset = compressed(syntax)
    dataset.Rows = rows
    with pytest.raises(UnreadableImageError, match="96 × 80"):
        read_mammogram(saved(dataset, tmp_path))


def test_pixel_data_that_are_no_codestream_are_refused(tmp_path: Path) -> None:
    for syntax in (uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1, uid.JPEG2000, uid.RLELossless):
        for junk in (b"\0" * 500, b"\xff\xd8" + b"\xff" * 500, b"\xff\x4f\xff\x51" + b"\0" * 30, b"\xff\xd8\0\0"):
            dataset = mammogram_dataset(gray_pattern(12), 12)
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.PixelData = encapsulate([junk])
            dataset["PixelData"].is_undefined_length = True
            with pytest.raises(UnreadableImageError):
                read_mammogram(saved(dataset, tmp_path))


def test_deflated_files_are_refused_without_inflating_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    dataset.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    path = saved(dataset, tmp_path)

    def inflated(*_arguments: object) -> bytes:
        raise AssertionError("the file was inflated")

    monkeypatch.setattr(zlib, "decompress", inflated)
    with pytest.raises(UnsupportedImageError, match="Deflated"):
        read_mammogram(path)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.201"])
def test_other_transfer_syntaxes_are_refused(tmp_path: Path, syntax: str) -> None:
    dataset = compressed(uid.JPEG2000Lossless)
    dataset.file_meta.TransferSyntaxUID = syntax
    with pytest.raises(UnsupportedImageError, match="transfer syntax"):
        read_mammogram(saved(dataset, tmp_path))


def test_length_field_beyond_the_end_of_the_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = path.read_bytes()
    for tag, value_representation in ((b"\xe0\x7f\x10\x00", b"OW"), (b"\x54\x00\x20\x02", b"SQ")):
        start = content.index(tag + value_representation)
        changed = content[: start + 8] + struct.pack("<I", 0xFFFFFFF0) + content[start + 12 :]
        path.write_bytes(changed)
        with pytest.raises(UnreadableImageError):
            read_mammogram(path)


def test_numbers_that_are_none_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = written(tmp_path, WindowCenter=7531, WindowWidth=200, EstimatedRadiographicMagnificationFactor=1.05)
    path.write_bytes(path.read_bytes().replace(b"7531", b"7,5e").replace(b"1.05", b"none"))
    mammogram = read_mammogram(path)
    assert mammogram.display_window is None
    assert mammogram.spacing_mm == (0.07, 0.07)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, *COMPRESSED])
@pytest.mark.parametrize("part", ["header", "everywhere"])
def test_random_damage_gives_an_image_or_one_sentence(tmp_path: Path, syntax: str, part: str) -> None:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    if syntax != uid.ExplicitVRLittleEndian:
        dataset.compress(syntax)
    path = saved(dataset, tmp_path)
    whole = path.read_bytes()
    chance = random.Random(f"{syntax} {part}")
    outcomes: list[Mammogram | MicrocalcError] = []
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            position = chance.randrange(900 if part == "header" else len(damaged))
            length = chance.choice([1, 1, 2, 4])
            damaged[position : position + length] = chance.choice(
                [bytes([chance.randrange(256)]), b"\xff" * length, b""]
            )
        path.write_bytes(damaged)
        try:
            outcomes.append(read_mammogram(path, assumed_spacing_mm=0.07))
        except MicrocalcError as refusal:
            outcomes.append(refusal)
    images = [outcome for outcome in outcomes if isinstance(outcome, Mammogram)]
    assert len(images) < len(outcomes)
    assert all(np.isfinite(image.pixels).all() for image in images)
    assert all(str(outcome).endswith(".") for outcome in outcomes if isinstance(outcome, MicrocalcError))


def test_missing_and_empty_files_and_folders_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.touch()
    for path, words in ((tmp_path / "absent.dcm", "no such file"), (empty, "empty"), (tmp_path, "folder")):
        with pytest.raises(UnreadableImageError, match=words):
            read_mammogram(path)


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague, " * 40)
    with pytest.raises(UnsupportedImageError, match="DICOM"):
        read_mammogram(path)


def test_declared_size_of_a_jpeg_survives_fill_bytes_and_thumbnails() -> None:
    frame_header = struct.pack(">BBHBHHB", 0xFF, 0xC3, 17, 12, 96, 80, 1) + b"\0" * 9
    thumbnail = struct.pack(">BBHBHHB", 0xFF, 0xC0, 17, 8, 9999, 9999, 3)
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    for between in (b"", b"\xff\xff", comment):
        assert declared_size(b"\xff\xd8" + between + frame_header) == DeclaredSize(96, 80, 1, 12)
