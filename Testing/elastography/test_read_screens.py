"""Screens in DICOM and picture files: every way of storing color gives the same pixels, hostile files one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcElastographyLib.calibration import Calibration
from MicrocalcElastographyLib.elastogram import Direction, Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import (
    Content,
    Layout,
    PhantomParameters,
    SimulatedScreen,
    simulate_cine,
    simulate_screen,
    write_dicom,
)
from MicrocalcElastographyLib.reading import elastography_frames, read_elastogram, read_screen


@pytest.fixture(scope="module")
def screen() -> SimulatedScreen:
    return simulate_screen(PhantomParameters())


@pytest.fixture
def dataset(screen: SimulatedScreen, tmp_path: Path) -> pydicom.Dataset:
    write_dicom([screen], tmp_path / "original.dcm")
    return pydicom.dcmread(tmp_path / "original.dcm")


def saved(dataset: pydicom.Dataset, folder: Path) -> Path:
    path = folder / "changed.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def with_pixels(dataset: pydicom.Dataset, photometric: str, pixels: bytes, **attributes: Any) -> pydicom.Dataset:
    dataset.PhotometricInterpretation = photometric
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def jpeg(frame: NDArray[np.uint8], quality: int = 95) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=quality, subsampling="4:2:2")
    return stream.getvalue()


def luminance_and_color_differences(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    converted: NDArray[np.uint8] = convert_color_space(frame, "RGB", "YBR_FULL")
    return converted


def test_rgb_is_read_unchanged_with_its_regions(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path
) -> None:
    read = read_screen(saved(dataset, tmp_path))
    assert np.array_equal(read.rgb, screen.frame)
    assert [region.place for region in read.regions] == [screen.color_panel, screen.box, screen.b_mode_panel]
    assert all(region.spacing_mm == pytest.approx((0.1, 0.1)) for region in read.regions)
    assert read.warnings == ()


def test_color_by_plane_is_the_same_picture(screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path) -> None:
    planes = screen.frame.transpose(2, 0, 1).tobytes()
    path = saved(with_pixels(dataset, "RGB", planes, PlanarConfiguration=1), tmp_path)
    assert np.array_equal(read_screen(path).rgb, screen.frame)


def test_ybr_full_is_converted_once(screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path) -> None:
    pixels = luminance_and_color_differences(screen.frame).tobytes()
    read = read_screen(saved(with_pixels(dataset, "YBR_FULL", pixels), tmp_path)).rgb
    assert np.abs(read.astype(int) - screen.frame).max() <= 3


def test_uncompressed_ybr_full_422_is_converted_once(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path
) -> None:
    ybr = luminance_and_color_differences(screen.frame).astype(int)
    pairs = np.stack([ybr[:, 0::2, 0], ybr[:, 1::2, 0], ybr[:, 0::2, 1], ybr[:, 0::2, 2]], axis=2).astype(np.uint8)
    read = read_screen(saved(with_pixels(dataset, "YBR_FULL_422", pairs.tobytes()), tmp_path)).rgb
    assert np.median(np.abs(read.astype(int) - screen.frame)) == 0
    inside = tuple(slice(s.start + 4, s.stop - 4) for s in screen.box.slices)
    assert np.abs(read[inside].astype(int) - screen.frame[inside]).mean() < 3


def test_jpeg_in_ybr_full_422_is_converted_once(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path
) -> None:
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    path = saved(with_pixels(dataset, "YBR_FULL_422", encapsulate([jpeg(screen.frame)])), tmp_path)
    assert np.abs(read_screen(path).rgb.astype(int) - screen.frame).mean() < 4


def test_ybr_pixels_called_rgb_are_recognized_by_their_black(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path
) -> None:
    pixels = luminance_and_color_differences(screen.frame).tobytes()
    read = read_screen(saved(with_pixels(dataset, "RGB", pixels), tmp_path))
    assert np.abs(read.rgb.astype(int) - screen.frame).max() <= 3
    assert [warning.code for warning in read.warnings] == ["color-space-corrected"]


@pytest.mark.parametrize("bits", [8, 16])
def test_palette_colors_are_looked_up(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path, bits: int
) -> None:
    paletted = Image.fromarray(screen.frame).quantize(256)
    palette = np.array(paletted.getpalette("RGB"), np.uint8).reshape(-1, 3)
    index = np.array(paletted)
    for channel, name in enumerate(("Red", "Green", "Blue")):
        entries = np.zeros(256, np.uint16)
        entries[: len(palette)] = palette[:, channel].astype(np.uint16) * (257 if bits == 16 else 1)
        descriptor = [256, 0, bits]
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", descriptor)
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        packed = entries.tobytes() if bits == 16 else entries.astype(np.uint8).tobytes()
        setattr(dataset, f"{name}PaletteColorLookupTableData", packed)
    dataset.SamplesPerPixel = 1
    del dataset.PlanarConfiguration
    path = saved(with_pixels(dataset, "PALETTE COLOR", index.tobytes()), tmp_path)
    assert np.array_equal(read_screen(path).rgb, palette[index])


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless])
def test_losslessly_compressed_frames_are_read(
    screen: SimulatedScreen, dataset: pydicom.Dataset, tmp_path: Path, syntax: str
) -> None:
    dataset.compress(syntax)
    assert np.array_equal(read_screen(saved(dataset, tmp_path)).rgb, screen.frame)


def test_any_frame_of_a_cine_is_read_alone(tmp_path: Path) -> None:
    screens = simulate_cine(PhantomParameters(opacity=0.5), frames=4, refreshed_every=2)
    for name, quality in (("native", None), ("jpeg", 90)):
        cine = simulate_cine(PhantomParameters(opacity=0.5, jpeg_quality=quality), frames=4, refreshed_every=2)
        write_dicom(cine, tmp_path / f"{name}.dcm")
        third = read_screen(tmp_path / f"{name}.dcm", frame=2)
        assert np.abs(third.rgb.astype(int) - cine[2].frame).mean() < 1.0
        assert third.source["frames"] == 4
        with pytest.raises(ParameterError, match="4 frames"):
            read_screen(tmp_path / f"{name}.dcm", frame=4)
    assert not np.array_equal(screens[0].frame, screens[1].frame)


@pytest.mark.parametrize("quality", [None, 75])
def test_a_cine_tells_the_frames_with_a_new_elastogram(tmp_path: Path, quality: int | None) -> None:
    """The B-mode image moves in every frame; under half opacity every pixel of the box changes with it."""
    cine = simulate_cine(PhantomParameters(opacity=0.5, jpeg_quality=quality), frames=8, refreshed_every=3)
    write_dicom(cine, tmp_path / "cine.dcm")
    assert elastography_frames(tmp_path / "cine.dcm") == [0, 3, 6]


def test_a_single_frame_is_its_own_elastogram(screen: SimulatedScreen, tmp_path: Path) -> None:
    write_dicom([screen], tmp_path / "one.dcm")
    assert elastography_frames(tmp_path / "one.dcm") == [0]


@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("unit", [Unit.KILOPASCAL, Unit.METERS_PER_SECOND, Unit.STRAIN])
def test_an_elastogram_comes_out_of_a_dicom_file_as_it_went_in(tmp_path: Path, quality: int | None, unit: Unit) -> None:
    scale = {Unit.KILOPASCAL: (0.0, 180.0), Unit.METERS_PER_SECOND: (0.0, 8.0), Unit.STRAIN: (0.0, 1.0)}[unit]
    truth = simulate_screen(PhantomParameters(unit=unit, scale=scale, jpeg_quality=quality))
    write_dicom([truth], tmp_path / "screen.dcm")
    elastogram = read_elastogram(tmp_path / "screen.dcm")
    assert (elastogram.unit, elastogram.box, elastogram.value_range) == (unit, truth.box, scale)
    wanted = Direction.SOFTER_IS_HIGHER if unit == Unit.STRAIN else Direction.STIFFER_IS_HIGHER
    assert elastogram.direction == wanted
    assert elastogram.spacing_mm == pytest.approx((0.1, 0.1))
    assert elastogram.spacing_source == "regions of the DICOM file"
    error = np.abs(elastogram.values - truth.values)[elastogram.valid] / scale[1]
    assert error.mean() < (0.003 if quality is None else 0.014)
    assert not elastogram.valid[truth.void].any()
    assert elastogram.quality.valid_fraction > 0.85
    assert elastogram.warnings == ()


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_a_screen_capture_is_read_without_regions(screen: SimulatedScreen, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"capture.{ending}"
    Image.fromarray(screen.frame).save(path, quality=95)
    elastogram = read_elastogram(path)
    assert elastogram.box is not None
    assert max(abs(a - b) for a, b in zip(elastogram.box, screen.box, strict=True)) <= 1
    assert elastogram.spacing_mm == pytest.approx((0.1, 0.1), rel=0.005)
    assert elastogram.spacing_source.startswith("depth ruler")


def test_transparency_and_palettes_of_pictures_are_resolved(screen: SimulatedScreen, tmp_path: Path) -> None:
    rgba = np.dstack([screen.frame, np.full(screen.frame.shape[:2], 255, np.uint8)])
    rgba[:30, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "transparent.png")
    read = read_screen(tmp_path / "transparent.png").rgb
    assert not read[:30].any()
    assert np.array_equal(read[30:], screen.frame[30:])


def test_what_the_screen_does_not_tell_is_asked_for(screen: SimulatedScreen, tmp_path: Path) -> None:
    frame = screen.frame.copy()
    frame[:, screen.bar.left - 30 :] = 0
    Image.fromarray(frame).save(tmp_path / "no_bar.png")
    with pytest.raises(ParameterError, match="color bar") as refusal:
        read_elastogram(tmp_path / "no_bar.png")
    assert "unit" in str(refusal.value)
    given = Calibration(color_table="supersonic", values_at_ends=(0.0, 180.0), unit=Unit.KILOPASCAL)
    elastogram = read_elastogram(tmp_path / "no_bar.png", given=given)
    assert np.abs(elastogram.values - screen.values)[elastogram.valid].mean() < 0.5


def test_a_bundled_table_can_run_from_stiff_to_soft(screen: SimulatedScreen, tmp_path: Path) -> None:
    frame = screen.frame.copy()
    frame[:, screen.bar.left - 30 :] = 0
    Image.fromarray(frame).save(tmp_path / "no_bar.png")
    turned = Calibration(color_table="supersonic", values_at_ends=(180.0, 0.0), unit=Unit.KILOPASCAL)
    elastogram = read_elastogram(tmp_path / "no_bar.png", given=turned)
    assert np.abs(elastogram.values - (180.0 - screen.values))[elastogram.valid].mean() < 0.5


def test_regions_outside_the_frame_are_left_out_with_a_warning(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    dataset.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 60_000
    del dataset.SequenceOfUltrasoundRegions[2].RegionLocationMinY0
    read = read_screen(saved(dataset, tmp_path))
    assert len(read.regions) == 1
    assert [warning.code for warning in read.warnings] == ["ultrasound-region-impossible"]


def test_regions_that_disagree_about_the_pixel_size_are_reported(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    dataset.SequenceOfUltrasoundRegions[0].PhysicalDeltaX = 0.02
    elastogram = read_elastogram(saved(dataset, tmp_path))
    assert elastogram.spacing_mm == pytest.approx((0.1, 0.1))
    assert "ultrasound-regions-disagree" in [warning.code for warning in elastogram.warnings]


def test_rows_and_columns_may_differ_in_size(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    for region in dataset.SequenceOfUltrasoundRegions:
        region.PhysicalDeltaY, region.PhysicalDeltaX = 0.01, -0.012
    assert read_elastogram(saved(dataset, tmp_path)).spacing_mm == pytest.approx((0.1, 0.12))


def test_regions_in_other_units_give_no_spacing(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    for region in dataset.SequenceOfUltrasoundRegions:
        region.PhysicalUnitsXDirection = 4
    elastogram = read_elastogram(saved(dataset, tmp_path))
    assert elastogram.spacing_source.startswith("depth ruler")


def test_an_elastogram_alone_in_a_frame_without_regions_of_its_own_is_found_by_color(
    dataset: pydicom.Dataset, screen: SimulatedScreen, tmp_path: Path
) -> None:
    del dataset.SequenceOfUltrasoundRegions
    elastogram = read_elastogram(saved(dataset, tmp_path))
    assert elastogram.box == screen.box


@pytest.mark.parametrize("compressed", [False, True])
def test_private_blocks_are_named_and_not_read(dataset: pydicom.Dataset, tmp_path: Path, compressed: bool) -> None:
    """Both before the pixel data and, as one vendor does, behind it."""
    before = dataset.private_block(0x200D, "Philips US Imaging DD 036", create=True)
    before.add_new(0x01, "OB", b"\0" * 10)
    behind = dataset.private_block(0x8FF1, "Vendor Rich Group", create=True)
    behind.add_new(0x01, "OB", b"\1" * 2_000_000)
    if compressed:
        dataset.compress(uid.RLELossless)
    read = read_screen(saved(dataset, tmp_path))
    assert read.source["private_creators"] == ["Philips US Imaging DD 036", "Vendor Rich Group"]
    (warning,) = read.warnings
    assert warning.code == "private-data-not-read"
    assert "Vendor Rich Group" in warning.message


def test_no_patient_data_and_no_path_reach_the_record(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    dataset.PatientName, dataset.PatientID = "Secret^Name", "SECRETID"
    elastogram = read_elastogram(saved(dataset, tmp_path))
    record = repr((elastogram.source, elastogram.warnings))
    assert "Secret" not in record
    assert "SECRETID" not in record
    assert str(tmp_path) not in record


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 0},
        {"Rows": 65535, "Columns": 65535},
        {"NumberOfFrames": 2**31 - 1},
        {"NumberOfFrames": 50},
        {"BitsStored": 17},
        {"SamplesPerPixel": 1},
        {"PhotometricInterpretation": "HSV"},
    ],
)
def test_impossible_descriptions_end_in_one_sentence(
    dataset: pydicom.Dataset, tmp_path: Path, attributes: dict[str, Any]
) -> None:
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    with pytest.raises((UnreadableImageError, UnsupportedImageError)) as refusal:
        read_screen(saved(dataset, tmp_path))
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("kept", [0, 10, 200, 2000, 100_000])
def test_files_cut_off_anywhere_end_in_one_sentence(dataset: pydicom.Dataset, tmp_path: Path, kept: int) -> None:
    path = saved(dataset, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MicrocalcError):
        read_elastogram(path)


def test_a_jpeg_larger_than_its_header_says_is_refused_before_decoding(
    dataset: pydicom.Dataset, tmp_path: Path
) -> None:
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    huge = jpeg(np.zeros((2000, 3000, 3), np.uint8))
    with pytest.raises(UnreadableImageError, match="2000 × 3000"):
        read_screen(saved(with_pixels(dataset, "YBR_FULL_422", encapsulate([huge])), tmp_path))


def test_deflated_files_are_refused_before_inflating(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    path = saved(dataset, tmp_path)
    content = path.read_bytes()
    start = 144 + struct.unpack("<L", content[140:144])[0]
    header = content[:start].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99\0\0\0\0")
    deflater = zlib.compressobj(wbits=-15)
    path.write_bytes(header + deflater.compress(content[start:]) + deflater.flush())
    with pytest.raises(MicrocalcError):
        read_screen(path)


def test_random_damage_never_crashes(dataset: pydicom.Dataset, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    path = saved(dataset, tmp_path)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(40):
        damaged = content.copy()
        damaged[random.integers(128, 3000, 6)] = random.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        try:
            read_screen(path)
        except MicrocalcError:
            continue


def test_pictures_larger_than_the_budget_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (600, 500)).save(tmp_path / "large.png")
    with pytest.raises(UnreadableImageError, match="MiB"):
        read_screen(tmp_path / "large.png", byte_budget=1_000_000)


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 100])
def test_files_that_are_no_images_end_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(MicrocalcError):
        read_elastogram(tmp_path / "file")
    with pytest.raises(UnreadableImageError, match="no such file"):
        read_elastogram(tmp_path / "absent.dcm")


def test_a_manual_box_and_bar_replace_what_is_found(screen: SimulatedScreen, tmp_path: Path) -> None:
    Image.fromarray(screen.frame).save(tmp_path / "screen.png")
    part = Rectangle(screen.box.top + 40, screen.box.left + 40, screen.box.bottom - 60, screen.box.right - 40)
    elastogram = read_elastogram(tmp_path / "screen.png", given=Calibration(box=part, bar=screen.bar))
    assert elastogram.box == part
    truth = screen.values[40:-60, 40:-40]
    assert np.abs(elastogram.values - truth)[elastogram.valid].mean() < 0.5


def test_a_gray_elastogram_is_refused(tmp_path: Path) -> None:
    """A single gray panel has no color box at all."""
    truth = simulate_screen(PhantomParameters(layout=Layout.SINGLE, content=Content.LESION))
    gray = np.repeat(truth.frame.mean(axis=2).astype(np.uint8)[..., None], 3, axis=2)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    with pytest.raises(ParameterError, match="elastography box"):
        read_elastogram(tmp_path / "gray.png")
    given = Calibration(box=truth.box, bar=truth.bar, values_at_ends=(180.0, 0.0), unit=Unit.KILOPASCAL)
    with pytest.raises(UnsupportedImageError, match="gray"):
        read_elastogram(tmp_path / "gray.png", given=given)
