"""Mammograms in PNG, TIFF and JPEG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from library.dicom_samples import breast_picture, gray_pattern
from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram
from real_data import film

GRAY_8, GRAY_16 = gray_pattern(8), gray_pattern(16)


def read(path: Path) -> Mammogram:
    return read_mammogram(path, assumed_spacing_mm=0.07)


def written(folder: Path, name: str, array: np.ndarray, **options: Any) -> Path:
    path = folder / name
    Image.fromarray(array).save(path, **options)
    return path


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize(("array", "bits"), [(GRAY_8, 8), (GRAY_16, 16)])
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.tif", {}), ("a.tif", {"compression": "tiff_lzw"}), ("a.tif", {"compression": "tiff_deflate"})],
)
def test_gray_pictures_keep_their_values(
    tmp_path: Path, name: str, options: dict[str, Any], array: np.ndarray, bits: int
) -> None:
    mammogram = read(written(tmp_path, name, array, **options))
    assert mammogram.pixels.dtype == np.float32
    assert mammogram.pixels.flags.c_contiguous
    np.testing.assert_array_equal(mammogram.pixels, array)
    assert mammogram.source["bits_stored"] == bits
    assert ("few-gray-levels" in codes(mammogram)) == (bits == 8)
    assert "lossy-compression" not in codes(mammogram)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_gray_stored_as_color_is_reduced_to_one_channel(tmp_path: Path, name: str, channels: int) -> None:
    colors = np.stack([GRAY_8] * 3 + [np.full_like(GRAY_8, 255)] * (channels - 3), axis=-1)
    np.testing.assert_array_equal(read(written(tmp_path, name, colors)).pixels, GRAY_8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_stored_as_color_are_all_kept(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.image"
    image = sitk.GetImageFromArray(np.stack([GRAY_16] * 3, axis=-1), isVector=True)
    sitk.WriteImage(image, str(path), imageIO=f"{kind}ImageIO")
    np.testing.assert_array_equal(read(path).pixels, GRAY_16)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_palette_of_grays_is_looked_up(tmp_path: Path, name: str) -> None:
    picture = Image.fromarray(GRAY_8)
    picture.putpalette([value for level in range(256) for value in [255 - level] * 3])
    picture.save(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path / name).pixels, 255 - GRAY_8)


def test_jpeg_of_gray_and_color_is_read_with_its_loss_reported(tmp_path: Path) -> None:
    smooth = (gray_pattern(8, 200, 160) // 2 + 20)[:, :]
    for array in (smooth, np.stack([smooth] * 3, axis=-1)):
        mammogram = read(written(tmp_path, "a.jpg", array, quality=95))
        assert np.median(np.abs(mammogram.pixels - smooth)) <= 2
        assert {"lossy-compression", "few-gray-levels"} <= codes(mammogram)


def test_really_colored_pictures_are_refused(tmp_path: Path) -> None:
    colors = np.stack([GRAY_8, GRAY_8 // 2, GRAY_8 // 4], axis=-1)
    with pytest.raises(UnsupportedImageError, match="color"):
        read(written(tmp_path, "a.png", colors))


def test_small_colored_marks_are_masked(tmp_path: Path) -> None:
    colors = np.stack([GRAY_8] * 3, axis=-1)
    colors[40:44, 50:54] = (250, 10, 10)
    mammogram = read(written(tmp_path, "a.png", colors))
    assert mammogram.valid is not None
    np.testing.assert_array_equal(np.argwhere(~mammogram.valid)[[0, -1]], [[40, 50], [43, 53]])
    assert "color-marks" in codes(mammogram)


def test_transparent_pixels_are_masked(tmp_path: Path) -> None:
    opaque = np.full_like(GRAY_8, 255)
    opaque[:, :10] = 0
    mammogram = read(written(tmp_path, "a.png", np.stack([GRAY_8, opaque], axis=-1)))
    assert mammogram.valid is not None
    np.testing.assert_array_equal(mammogram.valid, opaque > 0)


@pytest.mark.parametrize("array", [GRAY_8, GRAY_16])
def test_tiff_whose_zero_is_white_is_inverted_once(tmp_path: Path, array: np.ndarray) -> None:
    path = written(tmp_path, "a.tif", array)
    content = bytearray(path.read_bytes())
    position = content.index((262).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00")
    content[position + 8] = 0  # Photometric Interpretation: WhiteIsZero
    path.write_bytes(content)
    mammogram = read(path)
    np.testing.assert_array_equal(mammogram.pixels, np.iinfo(array.dtype).max - array.astype(int))
    assert mammogram.source["intensities"] == "inverted"


@pytest.mark.parametrize("dots_per_inch", [72, 96, 300, 508])
def test_resolution_tags_are_never_used_to_measure(tmp_path: Path, dots_per_inch: int) -> None:
    for name in ("a.png", "a.tif", "a.jpg"):
        path = written(tmp_path, name, GRAY_8, dpi=(dots_per_inch, dots_per_inch))
        with pytest.raises(ParameterError) as refusal:
            read_mammogram(path)
        assert (f"{dots_per_inch} dots per inch" in str(refusal.value)) == (dots_per_inch > 100)
        mammogram = read(path)
        assert mammogram.spacing_mm == (0.07, 0.07)
        assert "spacing-unknown" in codes(mammogram)
        itk_spacing = list(sitk.ReadImage(str(path)).GetSpacing()[::-1])
        assert mammogram.source["header_spacing_mm"] == pytest.approx(itk_spacing)


def test_several_pages_are_refused(tmp_path: Path) -> None:
    page = Image.fromarray(GRAY_16)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    with pytest.raises(UnsupportedImageError, match="2 pages"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["1", "CMYK"])
def test_pictures_that_cannot_be_mammograms_are_refused(tmp_path: Path, mode: str) -> None:
    Image.fromarray(GRAY_8).convert(mode).save(tmp_path / "a.tif")
    with pytest.raises(UnsupportedImageError):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.95])
def test_files_cut_off_are_refused(tmp_path: Path, name: str, kept: float) -> None:
    path = written(tmp_path, name, GRAY_8)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UnreadableImageError):
        read(path)


def test_declared_size_is_checked_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("L", (12000, 12000)).save(path)  # 144 million pixels in some 140 kB
    with pytest.raises(UnreadableImageError, match="MiB"):
        read_mammogram(path, spacing_mm=0.07, byte_budget=100 * 2**20)
    content = bytearray(path.read_bytes())
    for position in (16, 20):
        content[position : position + 4] = (60000).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError):
        read(path)


def test_orientation_tag_is_reported(tmp_path: Path) -> None:
    picture = Image.fromarray(GRAY_8)
    turned = Image.Exif()
    turned[274] = 6
    picture.save(tmp_path / "a.jpg", exif=turned)
    assert "orientation-tag-ignored" in codes(read(tmp_path / "a.jpg"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_chest_wall_and_view_come_from_pixels_and_name(tmp_path: Path, side: str) -> None:
    mammogram = read(written(tmp_path, "P_00038_LEFT_CC.png", breast_picture(side)))
    assert mammogram.chest_wall_side == side
    assert (mammogram.laterality, mammogram.view) == ("L", "CC")
    assert "view-from-text" in codes(mammogram)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = written(tmp_path, "乳腺.png", GRAY_16)
    path = path.rename(tmp_path / "乳腺 ä.dcm")
    np.testing.assert_array_equal(read(path).pixels, GRAY_16)


def test_a_real_mammogram_in_a_jpeg_file_is_read(tmp_path: Path) -> None:
    gray = np.round(film("rmlo").pixels / 256).astype(np.uint8)
    mammogram = read(written(tmp_path, "film_right_mlo.jpg", gray, quality=95))
    np.testing.assert_allclose(mammogram.pixels, gray, atol=12)
    assert (mammogram.laterality, mammogram.view, mammogram.chest_wall_side) == ("R", "MLO", "right")
    assert codes(mammogram) == {"spacing-unknown", "lossy-compression", "few-gray-levels", "view-from-text"}
