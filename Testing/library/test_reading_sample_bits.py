"""Sample values that do not fit their header: shifted, followed with a warning, or refused; never wrapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames

from library.dicom_samples import gray_pattern, mammogram_dataset, saved
from MicrocalcAILib.base.errors import UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.sample_bits import values_of_samples


def read(folder: Path, dataset: Dataset) -> Mammogram:
    return read_mammogram(saved(dataset, folder), assumed_spacing_mm=0.1)


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize("syntax", [None, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_values_beyond_bits_stored_are_followed_with_a_warning(
    tmp_path: Path, syntax: str | None, photometric: str
) -> None:
    pixels = gray_pattern(14)
    dataset = mammogram_dataset(pixels, 16, PhotometricInterpretation=photometric)
    if syntax:
        dataset.compress(syntax)
    dataset.BitsStored, dataset.HighBit = 10, 9
    mammogram = read(tmp_path, dataset)
    expected = pixels if photometric == "MONOCHROME2" else 16383.0 - pixels
    np.testing.assert_array_equal(mammogram.pixels, expected)
    assert "values-exceed-bits-stored" in codes(mammogram)
    assert mammogram.admission.bits.stored == 14


def test_values_at_the_high_bit_are_shifted_down(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, mammogram_dataset(pixels << 4, 12, HighBit=15))
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert not codes(mammogram) & {"high-bit-contradiction", "values-exceed-bits-stored"}


def test_a_high_bit_that_the_values_contradict_is_reported(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, mammogram_dataset(pixels, 12, HighBit=15))
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert "high-bit-contradiction" in codes(mammogram)


def test_an_embedded_overlay_is_no_gray(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    drawn = pixels.copy()
    drawn[10:20, 10:60] |= 1 << 12
    dataset = mammogram_dataset(drawn, 12)
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)
    mammogram = read(tmp_path, dataset)
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert not codes(mammogram) & {"unused-bits-set", "values-exceed-bits-stored"}


def test_scattered_bits_above_the_value_are_left_out_with_a_warning(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    drawn = pixels.copy()
    drawn[10:20, 10:60] |= 1 << 15
    mammogram = read(tmp_path, mammogram_dataset(drawn, 12))
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert "unused-bits-set" in codes(mammogram)


@pytest.mark.parametrize("extended", [True, False])
def test_signed_values_keep_their_sign_with_and_without_its_extension(extended: bool) -> None:
    values = np.array([[-2048, -1, 0, 2047]], np.int16)
    raw = values.view(np.uint16) if extended else values.view(np.uint16) & 0x0FFF
    header = mammogram_dataset(values, 12)
    found = values_of_samples(raw, header)
    np.testing.assert_array_equal(found.values, values)
    assert (found.bits, found.warnings) == (12, [])


def test_signed_values_beyond_bits_stored_are_followed_with_a_warning() -> None:
    values = np.array([[-9000, -1, 0, 9000]], np.int16)
    found = values_of_samples(values.view(np.uint16), mammogram_dataset(values, 12))
    np.testing.assert_array_equal(found.values, values)
    assert [warning.code for warning in found.warnings] == ["values-exceed-bits-stored"]


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_a_stream_of_8_bits_in_a_header_of_16_is_read(tmp_path: Path, syntax: str) -> None:
    pixels = gray_pattern(8)
    dataset = mammogram_dataset(pixels, 8)
    dataset.compress(syntax)
    dataset.BitsAllocated = 16
    np.testing.assert_array_equal(read(tmp_path, dataset).pixels, pixels)


@pytest.mark.parametrize("change", [{"Columns": 64}, {"Rows": 80}, {"Rows": 95, "Columns": 79}])
def test_native_pixel_data_longer_than_the_header_says_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableImageError, match="longer than the header says"):
        read(tmp_path, mammogram_dataset(gray_pattern(12), 12, **change))


def test_several_images_in_one_are_refused(tmp_path: Path) -> None:
    native = mammogram_dataset(gray_pattern(12), 12)
    native.PixelData *= 3
    compressed = mammogram_dataset(gray_pattern(12), 12)
    compressed.compress(uid.JPEGLSLossless)
    frame = next(generate_frames(compressed.PixelData, number_of_frames=1))
    with_table, without = compressed, mammogram_dataset(gray_pattern(12), 12)
    without.compress(uid.JPEGLSLossless)
    with_table.PixelData = encapsulate([frame] * 3)
    without.PixelData = encapsulate([frame] * 3, has_bot=False)
    for dataset in (native, with_table, without):
        with pytest.raises(UnsupportedImageError, match="3 images"):
            read(tmp_path, dataset)


def test_one_codestream_in_several_fragments_is_one_image(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    dataset = mammogram_dataset(pixels, 12)
    dataset.compress(uid.JPEGLSLossless)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([frame], fragments_per_frame=4)
    np.testing.assert_array_equal(read(tmp_path, dataset).pixels, pixels)
