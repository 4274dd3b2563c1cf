"""Mammograms in NRRD, MetaImage and NIfTI files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from library.dicom_samples import gray_pattern
from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading import Mammogram, read_mammogram

PIXELS = gray_pattern(12)
NAMES = ["a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.nii", "a.nii.gz", "a.hdr"]


def written(folder: Path, name: str, array: np.ndarray = PIXELS[np.newaxis], compressed: bool = False) -> Path:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.08, 0.07, 1.0)[: array.ndim])
    image.SetOrigin((10.0, -20.0, 30.0)[: array.ndim])
    sitk.WriteImage(image, str(folder / name), useCompression=compressed)
    return folder / name


def codes(mammogram: Mammogram) -> set[str]:
    return {warning.code for warning in mammogram.warnings}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compressed", [False, True])
def test_one_slice_keeps_values_and_geometry(tmp_path: Path, name: str, compressed: bool) -> None:
    path = written(tmp_path, name, compressed=compressed)
    mammogram = read_mammogram(path)
    np.testing.assert_array_equal(mammogram.pixels, PIXELS)
    assert mammogram.pixels.dtype == np.float32
    assert mammogram.spacing_mm == pytest.approx((0.07, 0.08))
    assert mammogram.spacing_source.endswith("header")
    image = sitk.ReadImage(str(path))
    assert mammogram.origin_lps_mm == pytest.approx(image.GetOrigin())
    assert mammogram.direction_lps == pytest.approx(image.GetDirection())
    assert mammogram.source["header_spacing_mm"] == pytest.approx([0.07, 0.08])


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii"])
def test_two_dimensional_images_are_read(tmp_path: Path, name: str) -> None:
    mammogram = read_mammogram(written(tmp_path, name, PIXELS))
    np.testing.assert_array_equal(mammogram.pixels, PIXELS)
    assert len(mammogram.origin_lps_mm) == 3
    assert len(mammogram.direction_lps) == 9


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_every_scalar_type_is_read(tmp_path: Path, dtype: str) -> None:
    pixels = gray_pattern(7).astype(dtype)
    np.testing.assert_array_equal(read_mammogram(written(tmp_path, "a.nrrd", pixels)).pixels, pixels)


def test_scaled_integers_of_a_nifti_file_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.nii", PIXELS.astype(np.int16))
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, 10.0], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(content)
    np.testing.assert_allclose(read_mammogram(path).pixels, PIXELS * 0.5 + 10)


def test_spacing_of_one_millimeter_means_unknown(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(PIXELS), str(tmp_path / "a.nrrd"))
    with pytest.raises(ParameterError, match="1 mm"):
        read_mammogram(tmp_path / "a.nrrd")
    mammogram = read_mammogram(tmp_path / "a.nrrd", assumed_spacing_mm=0.1)
    assert "spacing-unknown" in codes(mammogram)
    assert mammogram.source["header_spacing_mm"] == [1.0, 1.0]


def test_several_slices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="3 slices"):
        read_mammogram(written(tmp_path, "a.nrrd", np.stack([PIXELS] * 3)))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="not read"):
        read_mammogram(written(tmp_path, "a.mha", PIXELS.astype(np.complex64)))


def test_gray_stored_as_color_is_reduced_to_one_channel(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.stack([PIXELS] * 3, axis=-1), isVector=True)
    image.SetSpacing((0.07, 0.07))
    sitk.WriteImage(image, str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(read_mammogram(tmp_path / "a.nrrd").pixels, PIXELS)


def test_pixels_that_are_no_numbers_are_masked(tmp_path: Path) -> None:
    pixels = PIXELS.astype(np.float32) + 5
    pixels[3, 4], pixels[5, 6], pixels[7, 8] = np.nan, np.inf, -np.inf
    mammogram = read_mammogram(written(tmp_path, "a.nrrd", pixels))
    assert mammogram.valid is not None
    np.testing.assert_array_equal(np.argwhere(~mammogram.valid), [[3, 4], [5, 6], [7, 8]])
    assert (mammogram.pixels[~mammogram.valid] == 5).all()
    assert "non-finite-pixels" in codes(mammogram)


def test_an_image_without_any_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError):
        read_mammogram(written(tmp_path, "a.nrrd", np.full((50, 40), np.nan, np.float32)))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("lost_bytes", [5, 3000])
def test_files_cut_off_are_refused(tmp_path: Path, name: str, compressed: bool, lost_bytes: int) -> None:
    path = written(tmp_path, name, compressed=compressed)
    path.write_bytes(path.read_bytes()[:-lost_bytes])
    with pytest.raises(UnreadableImageError):
        read_mammogram(path)


@pytest.mark.parametrize("size", [(20000, 20000), (3000, 3000), (0, 20), (4294967297, 4294967297)])
def test_declared_sizes_are_checked_before_memory_is_taken(tmp_path: Path, size: tuple[int, int]) -> None:
    columns, rows = size
    headers = {
        "a.nrrd": f"NRRD0004\ntype: uint16\ndimension: 2\nsizes: {columns} {rows}\nendian: little\nencoding: raw\n\n",
        "b.nrrd": f"NRRD0004\ntype: uint16\ndimension: 2\nsizes: {columns} {rows}\nencoding: gzip\nendian: little\n\n",
        "a.mha": f"ObjectType = Image\nNDims = 2\nDimSize = {columns} {rows}\nElementType = MET_USHORT\n"
        "ElementDataFile = LOCAL\n",
    }
    for name, header in headers.items():
        (tmp_path / name).write_bytes(header.encode() + bytes(1000))
        with pytest.raises(UnreadableImageError):
            read_mammogram(tmp_path / name, spacing_mm=0.07)


@pytest.mark.parametrize("named", ["../secret.raw", "{folder}/secret.raw", "LIST", "slice%03d.raw 1 2 1", "absent.raw"])
def test_headers_naming_data_outside_their_folder_are_refused(tmp_path: Path, named: str) -> None:
    (tmp_path / "secret.raw").write_bytes(PIXELS.tobytes())
    folder = tmp_path / "shared"
    folder.mkdir()
    rows, columns = PIXELS.shape
    named = named.format(folder=tmp_path)
    (folder / "a.mhd").write_text(
        f"ObjectType = Image\nNDims = 2\nDimSize = {columns} {rows}\nElementType = MET_USHORT\n"
        f"ElementDataFile = {named}\n"
    )
    (folder / "a.nhdr").write_text(
        f"NRRD0004\ntype: uint16\ndimension: 2\nsizes: {columns} {rows}\nendian: little\nencoding: raw\n"
        f"data file: {named}\n"
    )
    for name in ("a.mhd", "a.nhdr"):
        with pytest.raises(UnreadableImageError, match="folder"):
            read_mammogram(folder / name, spacing_mm=0.07)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    for name in ("a.nrrd", "a.mha"):
        path = written(tmp_path, name).rename(tmp_path / "Aufnahme ü.dat")
        np.testing.assert_array_equal(read_mammogram(path).pixels, PIXELS)


def test_nifti_file_of_another_name_tells_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path, "a.nii").rename(tmp_path / "a.dat")
    with pytest.raises(UnreadableImageError, match=r"\.nii"):
        read_mammogram(path)
