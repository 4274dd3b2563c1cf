"""Every transfer syntax of mammography is decoded, by GDCM alone and by what is faster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.pixels import get_decoder

from library.dicom_samples import (
    COMPUTED_RADIOGRAPHY,
    FOR_PRESENTATION,
    FOR_PROCESSING,
    SECONDARY_CAPTURE,
    gray_pattern,
    mammogram_dataset,
    saved,
)
from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.base.guarded import ISOLATED_VARIABLE
from MicrocalcAILib.reading import dicom_pixels, read_mammogram

GOLDEN = Path(__file__).parents[1] / "Data" / "reading"
DEPTHS = [(8, False), (10, False), (12, False), (14, False), (16, False), (12, True), (16, True)]


@pytest.fixture(params=["quick decoders", "GDCM alone"])
def decoders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "GDCM alone":
        monkeypatch.setattr(dicom_pixels, "_QUICK_SYNTAXES", ())


@pytest.mark.parametrize(("bits", "signed"), DEPTHS)
@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_lossless_syntaxes_give_the_exact_pixels(
    tmp_path: Path, syntax: str, bits: int, signed: bool, photometric: str, decoders: None
) -> None:
    pixels = gray_pattern(bits, signed=signed)
    dataset = mammogram_dataset(pixels, bits, PhotometricInterpretation=photometric)
    if syntax != uid.ExplicitVRLittleEndian:
        dataset.compress(syntax)
    expected = pixels.astype(float)
    if photometric == "MONOCHROME1":
        expected = -1 - expected if signed else 2**bits - 1 - expected
    np.testing.assert_array_equal(read_mammogram(saved(dataset, tmp_path)).pixels, expected)


@pytest.mark.parametrize("sop_class", [FOR_PRESENTATION, FOR_PROCESSING, COMPUTED_RADIOGRAPHY, SECONDARY_CAPTURE])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"ImagerPixelSpacing": [0.0712345678901, 0.08]},
        {"PixelSpacing": [0.05, 0.06]},
        {"NominalScannedPixelSpacing": [0.03, 0.04]},
        {"ImagerPixelSpacing": [0.07, 0.08], "PixelSpacing": [0.05, 0.06], "NominalScannedPixelSpacing": [0.03, 0.04]},
        {"ImagerPixelSpacing": [0.07, 0]},
        {"ImagerPixelSpacing": [0.07, 0.08], "ImagePositionPatient": [1, 2, 3]},
    ],
)
def test_the_image_lies_where_itk_places_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sop_class: str, geometry: dict[str, list[float]]
) -> None:
    attributes = {"ImagerPixelSpacing": None, **geometry, "SOPClassUID": sop_class}
    path = saved(mammogram_dataset(gray_pattern(12), 12, **attributes), tmp_path)

    def placed() -> tuple[Any, ...]:
        mammogram = read_mammogram(path, 0.07)
        return mammogram.source["header_spacing_mm"], mammogram.origin_lps_mm, mammogram.direction_lps

    by_rule = placed()
    monkeypatch.setattr(dicom_pixels, "_plain_geometry", lambda attributes: None)
    assert by_rule == placed()


def test_implicit_and_big_endian_syntaxes_are_read(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    implicit = mammogram_dataset(pixels, 12)
    implicit.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    big_endian = mammogram_dataset(pixels.astype(">u2"), 12)
    big_endian.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    for dataset in (implicit, big_endian):
        mammogram = read_mammogram(saved(dataset, tmp_path))
        np.testing.assert_array_equal(mammogram.pixels, pixels)
        assert mammogram.view == "CC"


def test_lossless_jpeg_with_first_order_prediction_gives_the_exact_pixels(tmp_path: Path) -> None:
    pixels = gray_pattern(16)
    image = sitk.GetImageFromArray(pixels[np.newaxis])
    image.SetMetaData("0008|0060", "MG")
    path = tmp_path / "image.dcm"
    sitk.WriteImage(image, str(path), useCompression=True, imageIO="GDCMImageIO", compressor="JPEG")
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == uid.JPEGLosslessSV1
    np.testing.assert_array_equal(read_mammogram(path, spacing_mm=0.07).pixels, pixels)


def test_lossless_jpeg_with_any_prediction_gives_the_exact_pixels() -> None:
    mammogram = read_mammogram(GOLDEN / "jpeg_lossless_process_14.dcm")
    assert "Process 14" in mammogram.source["transfer_syntax"]
    np.testing.assert_array_equal(mammogram.pixels, gray_pattern(12))
    assert "lossy-compression" not in {warning.code for warning in mammogram.warnings}


def test_extended_jpeg_keeps_its_12_bits() -> None:
    mammogram = read_mammogram(GOLDEN / "jpeg_extended_12_bit.dcm")
    difference = np.abs(mammogram.pixels - gray_pattern(12))
    assert difference.max() < 60  # quality 98 of 100, around single bright pixels
    assert np.median(difference) < 8
    assert "lossy-compression" in {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize(
    ("syntax", "options", "largest_difference"),
    [(uid.JPEGLSNearLossless, {"jls_error": 4}, 4), (uid.JPEG2000, {"j2k_cr": [4]}, 200)],
)
def test_lossy_syntaxes_are_decoded_and_reported(
    tmp_path: Path, syntax: str, options: dict[str, Any], largest_difference: int, decoders: None
) -> None:
    pixels = gray_pattern(12)
    dataset = mammogram_dataset(pixels, 12)
    dataset.compress(syntax, **options)
    mammogram = read_mammogram(saved(dataset, tmp_path))
    assert np.abs(mammogram.pixels - pixels).max() <= largest_difference
    assert "lossy-compression" in {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize("high_bit", [11, 15])
def test_unused_high_bits_are_not_gray(tmp_path: Path, high_bit: int) -> None:
    pixels = gray_pattern(12)
    dataset = mammogram_dataset(pixels | 0x8000, 12, HighBit=high_bit)  # an old overlay lies in the free bits
    np.testing.assert_array_equal(read_mammogram(saved(dataset, tmp_path)).pixels, pixels)


def test_gray_stored_as_rgb_is_reduced_to_one_channel(tmp_path: Path) -> None:
    gray = gray_pattern(8)
    by_pixel = mammogram_dataset(np.stack([gray] * 3, axis=-1), 8)
    by_plane = mammogram_dataset(np.stack([gray] * 3, axis=-1), 8, PlanarConfiguration=1)
    by_plane.PixelData = np.stack([gray] * 3).tobytes()
    compressed = mammogram_dataset(np.stack([gray] * 3, axis=-1), 8)
    compressed.compress(uid.RLELossless)
    for dataset in (by_pixel, by_plane, compressed):
        np.testing.assert_array_equal(read_mammogram(saved(dataset, tmp_path)).pixels, gray)


def test_colored_pictures_are_refused(tmp_path: Path) -> None:
    gray = gray_pattern(8)
    dataset = mammogram_dataset(np.stack([gray, gray // 2, gray // 3], axis=-1), 8)
    with pytest.raises(UnsupportedImageError, match="color"):
        read_mammogram(saved(dataset, tmp_path))


class Panic(BaseException):
    """What decoders written in Rust raise where they end."""


@pytest.mark.parametrize("plugin", ["pyjpegls", "pylibjpeg", "pydicom"])
def test_a_quick_decoder_that_refuses_leaves_the_file_to_gdcm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: str
) -> None:
    syntax = uid.JPEGLSLossless if plugin == "pyjpegls" else uid.RLELossless
    pixels = gray_pattern(12)
    dataset = mammogram_dataset(pixels, 12)
    dataset.compress(syntax)
    path = saved(dataset, tmp_path)
    used = []

    def refuse(_frame: bytes, _runner: object) -> bytearray:
        used.append(plugin)
        raise Panic

    monkeypatch.setenv(ISOLATED_VARIABLE, "1")
    monkeypatch.setattr(dicom_pixels, "_QUICK_PLUGINS", (plugin,))
    monkeypatch.setitem(get_decoder(syntax)._available, plugin, refuse)
    np.testing.assert_array_equal(read_mammogram(path).pixels, pixels)
    assert used == [plugin]


def test_files_of_other_writers_agree_with_pydicom(tmp_path: Path) -> None:
    for name in ("JPEG2000.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "693_J2KI.dcm"):
        dataset = pydicom.dcmread(get_testdata_file(name))
        expected = dataset.pixel_array
        dataset.Modality = "OT"
        mammogram = read_mammogram(saved(dataset, tmp_path), spacing_mm=0.1)
        expected = expected * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
        image = ... if mammogram.valid is None else mammogram.valid
        np.testing.assert_allclose(mammogram.pixels[image], expected[image], atol=1)


def test_data_sets_without_preamble_are_read(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    for implicit in (True, False):
        path = tmp_path / "bare"
        pydicom.dcmwrite(path, _without_meta(mammogram_dataset(pixels, 12)), implicit_vr=implicit, little_endian=True)
        np.testing.assert_array_equal(read_mammogram(path).pixels, pixels)


def _without_meta(dataset: pydicom.Dataset) -> pydicom.Dataset:
    del dataset.file_meta
    return dataset


def test_suffix_and_letters_of_the_path_do_not_matter(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    dataset = mammogram_dataset(pixels, 12)
    for name in ("IM000001", "乳腺 Brust ä.dcm", "wrong.png"):
        np.testing.assert_array_equal(read_mammogram(saved(dataset, tmp_path, name)).pixels, pixels)
