"""What other software reads is read: no preamble, no transfer syntax, stray tags, decimal commas, gray maps."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid

from library.dicom_samples import breast_picture, gray_pattern, mammogram_dataset, saved
from MicrocalcAILib.base.errors import UnreadableImageError
from MicrocalcAILib.reading import read_mammogram

STRAYS = (0xFFFEE00D, 0xFFFEE0DD)


def codes(path: Path) -> set[str]:
    return {warning.code for warning in read_mammogram(path).warnings}


def test_meta_information_without_a_preamble_is_read(tmp_path: Path) -> None:
    path = saved(mammogram_dataset(gray_pattern(12), 12), tmp_path)
    path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_mammogram(path).pixels, gray_pattern(12))


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
@pytest.mark.parametrize("has_meta", [True, False])
def test_a_missing_transfer_syntax_is_found_by_trying(tmp_path: Path, syntax: uid.UID, has_meta: bool) -> None:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    if syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = gray_pattern(12).astype(">u2").tobytes()
    path = tmp_path / "image"
    meta = dataset.file_meta
    del dataset.file_meta
    pydicom.dcmwrite(path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    if has_meta:
        named = str(meta.TransferSyntaxUID).encode()
        version = struct.pack("<HH2sH", 2, 0x13, b"SH", 8) + b"WRITER 1"
        assert named not in version
        path.write_bytes(bytes(128) + b"DICM" + version + path.read_bytes())
    np.testing.assert_array_equal(read_mammogram(path).pixels, gray_pattern(12))
    assert ("transfer-syntax-missing" in codes(path)) == has_meta


def test_compressed_pixels_without_a_transfer_syntax_are_refused_with_the_reason(tmp_path: Path) -> None:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    dataset.compress(uid.JPEGLSLossless)
    path = saved(dataset, tmp_path)
    named, claimed = (str(syntax).encode() for syntax in (uid.JPEGLSLossless, uid.ExplicitVRLittleEndian))
    path.write_bytes(path.read_bytes().replace(named, claimed.ljust(len(named), b"\0")))
    with pytest.raises(UnreadableImageError, match="compressed"):
        read_mammogram(path)


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("implicit", [True, False])
def test_stray_ends_of_items_are_passed_over(tmp_path: Path, stray: int, implicit: bool) -> None:
    syntax = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
    dataset = mammogram_dataset(gray_pattern(12), 12)
    dataset.file_meta.TransferSyntaxUID = syntax
    path = saved(dataset, tmp_path)
    whole = path.read_bytes()
    for tag in (0x00180015, 0x00280010, 0x7FE00010):
        place = whole.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
        path.write_bytes(whole[:place] + struct.pack("<HHL", stray >> 16, stray & 0xFFFF, 0) + whole[place:])
        np.testing.assert_array_equal(read_mammogram(path).pixels, gray_pattern(12))


def test_decimal_commas_are_read(tmp_path: Path) -> None:
    dataset = mammogram_dataset(breast_picture(rows=900, columns=700), 12, ImagerPixelSpacing=[0.07, 0.08])
    path = saved(dataset, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"0.07\\0.08", b"0,07\\0,08"))
    assert read_mammogram(path).spacing_mm == (0.07, 0.08)


@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("is_text", [True, False])
def test_portable_gray_maps_keep_their_values(tmp_path: Path, bits: int, is_text: bool) -> None:
    pixels = gray_pattern(bits)
    rows, columns = pixels.shape
    head = f"P{2 if is_text else 5}\n# mini-MIAS\n{columns} {rows}\n{(1 << bits) - 1}\n".encode()
    samples = pixels if bits <= 8 else pixels.astype(">u2")
    body = " ".join(map(str, pixels.ravel())).encode() if is_text else samples.tobytes()
    path = tmp_path / "LMLO.pgm"
    path.write_bytes(head + body)
    mammogram = read_mammogram(path, spacing_mm=0.2)
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert (mammogram.laterality, mammogram.view) == ("L", "MLO")
    for wrong in (
        head + body[: len(body) // 2],
        head[:6],
        head.replace(b"mini", b"\xff").replace(b"\n8", b"\nx") + body,
    ):
        path.write_bytes(wrong)
        with pytest.raises(UnreadableImageError, match="PGM"):
            read_mammogram(path, spacing_mm=0.2)
