"""Stored DICOM values become brighter = more attenuating exactly once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from library.dicom_samples import FOR_PROCESSING, breast_picture, gray_pattern, mammogram_dataset, saved
from MicrocalcAILib.base.errors import UnreadableImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.intensities import intensities_of_dicom


def read(folder: Path, pixels: np.ndarray, bits_stored: int = 12, **attributes: Any) -> Mammogram:
    return read_mammogram(saved(mammogram_dataset(pixels, bits_stored, **attributes), folder))


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


def test_monochrome2_keeps_its_values_as_contiguous_float32(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, pixels)
    assert mammogram.pixels.dtype == np.float32
    assert mammogram.pixels.flags.c_contiguous
    np.testing.assert_array_equal(mammogram.pixels, pixels)
    assert mammogram.valid is None
    assert mammogram.source["intensities"] == "as stored"


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_monochrome1_is_inverted_once_by_bit_depth(tmp_path: Path, bits: int) -> None:
    pixels = gray_pattern(bits)
    pixels[0, 0] = 3  # a data-dependent inversion would use the largest value present
    mammogram = read(
        tmp_path, np.minimum(pixels, 100), bits, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"
    )
    np.testing.assert_array_equal(mammogram.pixels, 2.0**bits - 1 - np.minimum(pixels, 100))
    assert "polarity-contradiction" not in codes(mammogram)


@pytest.mark.parametrize("bits", [12, 16])
def test_signed_monochrome1_is_mirrored_within_its_range(tmp_path: Path, bits: int) -> None:
    pixels = gray_pattern(bits, signed=True)
    mammogram = read(tmp_path, pixels, bits, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(mammogram.pixels, -1.0 - pixels)


@given(
    bits=st.integers(6, 16),
    signed=st.booleans(),
    slope=st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]),
    intercept=st.sampled_from([-1000.0, 0.0, 17.0]),
    data=st.data(),
)
def test_brightness_on_a_display_and_pixel_value_always_have_the_same_order(
    bits: int, signed: bool, slope: float, intercept: float, data: st.DataObject
) -> None:
    lowest = -(1 << bits - 1) if signed else 0
    stored = np.array(data.draw(st.lists(st.integers(lowest, lowest + (1 << bits) - 1), min_size=2, max_size=8)))
    photometric = data.draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"]))
    header = Dataset()
    header.BitsStored, header.BitsAllocated, header.PixelRepresentation = bits, 16, int(signed)
    header.PhotometricInterpretation = photometric
    header.RescaleSlope, header.RescaleIntercept = slope, intercept
    displayed = (stored * slope + intercept) * (-1 if photometric == "MONOCHROME1" else 1)
    pixels = intensities_of_dicom(stored[np.newaxis], header, bits).pixels[0]
    order = np.argsort(displayed, kind="stable")
    assert (np.diff(pixels[order]) >= 0).all()
    np.testing.assert_array_equal(np.diff(displayed[order]) > 0, np.diff(pixels[order]) > 0)


def test_padding_is_masked_before_the_inversion_and_filled_with_the_smallest_valid_value(tmp_path: Path) -> None:
    pixels = breast_picture() + 1
    pixels[:, -10:] = 0
    mammogram = read(
        tmp_path,
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=0,
    )
    assert mammogram.valid is not None
    np.testing.assert_array_equal(mammogram.valid, pixels > 0)
    assert (mammogram.pixels[:, -10:] == 4095 - pixels.max()).all()  # not 4095, the brightest white


@pytest.mark.parametrize(("value", "limit"), [(4000, 4095), (4095, 4000)])
def test_padding_range_limit_masks_every_value_between(tmp_path: Path, value: int, limit: int) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, pixels, PixelPaddingValue=value, PixelPaddingRangeLimit=limit)
    assert mammogram.valid is not None
    np.testing.assert_array_equal(mammogram.valid, pixels < 4000)


def test_negative_padding_value_of_an_unsigned_image_means_the_same_bits(tmp_path: Path) -> None:
    dataset = mammogram_dataset(np.where(gray_pattern(12) > 4000, 63536, gray_pattern(12)).astype(np.uint16))
    dataset.add_new(0x00280120, "SS", -2000)
    mammogram = read_mammogram(saved(dataset, tmp_path))
    assert mammogram.valid is not None
    assert mammogram.pixels.max() <= 4000


def test_an_image_of_padding_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="padding"):
        read(tmp_path, np.zeros((80, 70), np.uint16), PixelPaddingValue=0)


def test_rescale_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, pixels, RescaleSlope=2.5, RescaleIntercept=-100, RescaleType="US")
    np.testing.assert_allclose(mammogram.pixels, pixels * 2.5 - 100, rtol=1e-6)


def test_rescale_slope_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match=r"Rescale Slope \(0028,1053\)"):
        read(tmp_path, gray_pattern(12), RescaleSlope=0, RescaleIntercept=0)


def test_nonlinear_modality_table_is_reported_not_applied(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [4, 0, 16], "OD", [0, 9, 10, 11]
    table["LUTDescriptor"].VR = "US"
    table["LUTData"].VR = "US"
    mammogram = read(tmp_path, gray_pattern(12), ModalityLUTSequence=Sequence([table]))
    assert "modality-lut-ignored" in codes(mammogram)
    np.testing.assert_array_equal(mammogram.pixels, gray_pattern(12))


def test_first_of_several_windows_is_kept_for_display_only(tmp_path: Path) -> None:
    pixels = gray_pattern(12)
    mammogram = read(tmp_path, pixels, WindowCenter=[1800, 2000], WindowWidth=[900, 1200])
    assert mammogram.display_window == (1800, 900)
    np.testing.assert_array_equal(mammogram.pixels, pixels)


@pytest.mark.parametrize("rescale", [(1.0, 0.0), (2.0, -50.0)])
def test_window_follows_the_inversion(tmp_path: Path, rescale: tuple[float, float]) -> None:
    slope, intercept = rescale
    pixels = gray_pattern(12)
    stored_center, stored_width = 1000.0, 200.0
    attributes = {
        "WindowCenter": stored_center * slope + intercept,
        "WindowWidth": stored_width * slope,
        "RescaleSlope": slope,
        "RescaleIntercept": intercept,
    }
    mammogram = read(tmp_path, pixels, PhotometricInterpretation="MONOCHROME1", **attributes)
    assert mammogram.display_window is not None
    center, width = mammogram.display_window
    shown = np.abs(mammogram.pixels - center) <= width / 2
    np.testing.assert_array_equal(shown, np.abs(pixels - stored_center) <= stored_width / 2)


def test_steep_part_of_a_value_of_interest_table_becomes_the_window(tmp_path: Path) -> None:
    entries = np.clip((np.arange(4096) - 1000) / 1000, 0, 1) * 65535
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table["LUTDescriptor"].VR = "US"
    table.add_new(0x00283006, "OW", entries.astype("<u2").tobytes())
    mammogram = read(tmp_path, gray_pattern(12), VOILUTSequence=Sequence([table]))
    assert mammogram.display_window == pytest.approx((1500, 980), abs=5)


def test_windows_without_width_are_no_windows(tmp_path: Path) -> None:
    assert read(tmp_path, gray_pattern(12), WindowCenter=100, WindowWidth=0).display_window is None


def test_contradicting_polarity_is_reported(tmp_path: Path) -> None:
    assert "polarity-contradiction" in codes(read(tmp_path, gray_pattern(12), PresentationLUTShape="INVERSE"))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("sign", [1, -1])
def test_raw_logarithmic_images_follow_the_sign_of_the_intensity_relationship(
    tmp_path: Path, photometric: str, sign: int
) -> None:
    pixels = gray_pattern(12)
    mammogram = read(
        tmp_path,
        pixels,
        SOPClassUID=FOR_PROCESSING,
        PresentationIntentType="FOR PROCESSING",
        PhotometricInterpretation=photometric,
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=sign,
    )
    np.testing.assert_array_equal(mammogram.pixels, 4095.0 - pixels if sign == 1 else pixels)
    assert "for-processing" in codes(mammogram)


@pytest.mark.parametrize("sign", [1, -1])
def test_raw_linear_images_become_proportional_to_attenuation(tmp_path: Path, sign: int) -> None:
    # Two materials of attenuation 0.4 and 0.8 behind each other weaken the beam by exp(-0.4), exp(-0.8), exp(-1.2).
    beam = np.rint(14000 * np.exp([0.0, -0.4, -0.8, -1.2]))
    stored = beam if sign == 1 else 16383 - beam
    pixels = np.tile(stored.astype(np.uint16), (40, 20))
    mammogram = read(
        tmp_path,
        pixels,
        14,
        SOPClassUID=FOR_PROCESSING,
        PixelIntensityRelationship="LIN",
        PixelIntensityRelationshipSign=sign,
    )
    steps = np.diff(mammogram.pixels[0, :4])
    assert steps == pytest.approx([0.4 * 16383 / np.log(16384)] * 3, rel=1e-3)
    assert mammogram.pixels.min() >= 0
    assert mammogram.pixels.max() <= 16383


def test_raw_image_without_relationship_says_so(tmp_path: Path) -> None:
    mammogram = read(tmp_path, gray_pattern(12), PresentationIntentType="FOR PROCESSING")
    (warning,) = (warning for warning in mammogram.warnings if warning.code == "beam-relation-unknown")
    assert "does not say" in warning.message
