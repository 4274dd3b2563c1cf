"""Elasticity stored as values, in research formats and in DICOM objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcElastographyLib.elastogram import Direction, Elastogram, Unit
from MicrocalcElastographyLib.reading import DIRECTION_KEY, UNIT_KEY, ValueMeaning, read_elastogram

KILOPASCAL = ValueMeaning(unit=Unit.KILOPASCAL)
MAP = np.array([[10.0, 20.0, 0.0], [np.nan, 35.5, -1.0]], np.float32)
ENHANCED_US_VOLUME, PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.6.2", "1.2.840.10008.5.1.4.1.1.30"


def saved(
    values: NDArray[Any], path: Path, spacing: tuple[float, ...] = (0.2, 0.1), fields: dict[str, str] | None = None
) -> Path:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((*spacing, 1.0)[: image.GetDimension()])
    for key, value in (fields or {}).items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path))
    return path


def check_map(elastogram: Elastogram) -> None:
    """Zero, negative and missing values are void, and void is not a value."""
    assert elastogram.valid.tolist() == [[True, True, False], [False, True, False]]
    assert elastogram.values[elastogram.valid].tolist() == [10.0, 20.0, 35.5]
    assert np.isnan(elastogram.values[~elastogram.valid]).all()
    assert elastogram.quality.void_fraction == pytest.approx(0.5)
    assert elastogram.spacing_mm == pytest.approx((0.1, 0.2))


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nii.gz"])
def test_research_formats_are_read_with_rows_and_columns_in_place(tmp_path: Path, ending: str) -> None:
    check_map(read_elastogram(saved(MAP, tmp_path / f"map.{ending}"), meaning=KILOPASCAL))


def test_the_unit_is_asked_for_when_the_file_does_not_name_it(tmp_path: Path) -> None:
    path = saved(MAP, tmp_path / "map.nrrd")
    with pytest.raises(ParameterError, match="unit"):
        read_elastogram(path)


def test_the_unit_and_direction_in_the_header_are_used(tmp_path: Path) -> None:
    fields = {UNIT_KEY: "strain", DIRECTION_KEY: "softer is higher"}
    elastogram = read_elastogram(saved(MAP, tmp_path / "map.nrrd", fields=fields))
    assert (elastogram.unit, elastogram.direction) == (Unit.STRAIN, Direction.SOFTER_IS_HIGHER)
    assert read_elastogram(saved(MAP, tmp_path / "map.nrrd", fields=fields), meaning=KILOPASCAL).unit == Unit.KILOPASCAL


def test_the_direction_of_strain_is_asked_for(tmp_path: Path) -> None:
    path = saved(MAP, tmp_path / "map.nrrd")
    with pytest.raises(ParameterError, match="softer"):
        read_elastogram(path, meaning=ValueMeaning(unit=Unit.STRAIN))
    turned = ValueMeaning(unit=Unit.STRAIN, direction=Direction.STIFFER_IS_HIGHER, void_value=None)
    assert read_elastogram(path, meaning=turned).valid.sum() == 5  # strain may be zero and negative


def test_a_spacing_of_one_millimeter_is_what_programs_write_that_know_none(tmp_path: Path) -> None:
    path = saved(MAP, tmp_path / "map.nrrd", spacing=(1.0, 1.0))
    elastogram = read_elastogram(path, meaning=KILOPASCAL)
    assert elastogram.spacing_mm is None
    assert [warning.code for warning in elastogram.warnings] == ["spacing-unknown"]
    given = ValueMeaning(unit=Unit.KILOPASCAL, spacing_mm=(0.3, 0.4))
    assert read_elastogram(path, meaning=given).spacing_mm == (0.3, 0.4)


def test_one_slice_of_a_volume_is_read(tmp_path: Path) -> None:
    volume = np.stack([MAP, MAP + 100.0, MAP + 200.0])
    path = saved(volume, tmp_path / "map.nrrd")
    assert read_elastogram(path, frame=2, meaning=KILOPASCAL).values[1, 1] == 235.5
    assert read_elastogram(path, meaning=KILOPASCAL).values[1, 1] == 35.5
    with pytest.raises(ParameterError, match="3 slices"):
        read_elastogram(path, frame=3, meaning=KILOPASCAL)


def test_colors_in_a_research_format_are_not_values(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((10, 10, 3), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "colors.nrrd"))
    with pytest.raises(UnsupportedImageError, match="colors"):
        read_elastogram(tmp_path / "colors.nrrd", meaning=KILOPASCAL)


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    path = saved(np.ones((100, 100), np.float32), tmp_path / "map.mha")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(UnreadableImageError, match="cut off"):
        read_elastogram(path, meaning=KILOPASCAL)


def test_a_header_that_declares_more_than_the_budget_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.nrrd").write_bytes(
        b"NRRD0004\ntype: float\ndimension: 2\nsizes: 200000 200000\nencoding: raw\nendian: little\n\n" + bytes(100)
    )
    with pytest.raises(UnreadableImageError, match="MiB"):
        read_elastogram(tmp_path / "map.nrrd", meaning=KILOPASCAL)


# --- DICOM ------------------------------------------------------------------------------------------------------------


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def real_world(
    unit: str, slope: float | None = None, intercept: float = 0.0, table: list[float] | None = None
) -> Dataset:
    item = Dataset()
    item.MeasurementUnitsCodeSequence = [code(unit, "UCUM", unit)]
    if table is not None:
        item.RealWorldValueLUTData = table
        item.add_new(0x00409216, "US", 0)  # Real World Value First Value Mapped
        item.add_new(0x00409211, "US", len(table) - 1)
    else:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    return item


def functional_group(**sequences: Dataset) -> Dataset:
    group = Dataset()
    for keyword, item in sequences.items():
        setattr(group, keyword, [item])
    return group


def measures() -> Dataset:
    item = Dataset()
    item.PixelSpacing = [0.1, 0.2]
    return item


def data_type(name: str) -> Dataset:
    item = Dataset()
    item.DataType = name
    return item


def dicom_object(sop_class: str, stored: NDArray[Any], shared: Dataset, per_frame: list[Dataset], path: Path) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = sop_class, pydicom.uid.generate_uid()
    image.Modality = "US"
    image.NumberOfFrames, image.Rows, image.Columns = stored.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = 8 * stored.dtype.itemsize
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], per_frame
    if stored.dtype.kind == "f":
        keyword = "FloatPixelData" if stored.dtype.itemsize == 4 else "DoubleFloatPixelData"
        setattr(image, keyword, stored.tobytes())
    else:
        image.BitsStored, image.HighBit = image.BitsAllocated, image.BitsAllocated - 1
        image.PixelRepresentation = 0
        image.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
        image["PixelData"].VR = "OW"
    image.save_as(path, enforce_file_format=True)
    return path


def enhanced_volume(path: Path, mapping: Dataset | None) -> Path:
    """Two frames of tissue intensity, then one of elasticity."""
    stored = np.full((3, 4, 6), 7, np.uint16)
    stored[2] = np.arange(24).reshape(4, 6) * 10
    groups = {"PixelMeasuresSequence": measures(), **({"RealWorldValueMappingSequence": mapping} if mapping else {})}
    names = ("TISSUE_INTENSITY", "TISSUE_INTENSITY", "ELASTICITY")
    frames = [functional_group(ImageDataTypeSequence=data_type(name)) for name in names]
    return dicom_object(ENHANCED_US_VOLUME, stored, functional_group(**groups), frames, path)


def test_the_elasticity_frame_of_an_enhanced_volume_is_found_and_scaled(tmp_path: Path) -> None:
    path = enhanced_volume(tmp_path / "volume.dcm", real_world("kPa", slope=0.5, intercept=2.0))
    elastogram = read_elastogram(path)
    assert (elastogram.unit, elastogram.source["frame"]) == (Unit.KILOPASCAL, 2)
    assert elastogram.spacing_mm == (0.1, 0.2)
    assert elastogram.values[3, 5] == 117.0
    # A stored zero is void, although it maps to 2 kPa, which would be very soft.
    assert np.isnan(elastogram.values[0, 0])


@pytest.mark.parametrize(
    ("unit", "slope", "factor"), [("Pa", 1.0, 0.001), ("kPa", 1.0, 1.0), ("m/s", 0.05, 1.0), ("cm/s", 1.0, 0.01)]
)
def test_the_units_of_dicom_become_those_of_the_field(tmp_path: Path, unit: str, slope: float, factor: float) -> None:
    elastogram = read_elastogram(enhanced_volume(tmp_path / "volume.dcm", real_world(unit, slope=slope)))
    assert elastogram.unit == (Unit.KILOPASCAL if "Pa" in unit else Unit.METERS_PER_SECOND)
    assert elastogram.values[3, 5] == pytest.approx(230.0 * slope * factor)


def test_values_that_no_tissue_reaches_are_refused(tmp_path: Path) -> None:
    path = enhanced_volume(tmp_path / "volume.dcm", real_world("m/s", slope=1.0))
    with pytest.raises(ParameterError, match="230 m/s is impossible"):
        read_elastogram(path)


def test_a_table_of_real_world_values_is_looked_up(tmp_path: Path) -> None:
    table = [stored**2 / 100 for stored in range(300)]
    elastogram = read_elastogram(enhanced_volume(tmp_path / "volume.dcm", real_world("kPa", table=table)))
    assert elastogram.values[0, 3] == 9.0


def test_without_real_world_values_the_unit_is_asked_for(tmp_path: Path) -> None:
    path = enhanced_volume(tmp_path / "volume.dcm", None)
    with pytest.raises(ParameterError, match="unit"):
        read_elastogram(path)
    assert read_elastogram(path, meaning=KILOPASCAL).values[3, 5] == 230.0


def test_a_frame_of_another_data_type_is_refused(tmp_path: Path) -> None:
    path = enhanced_volume(tmp_path / "volume.dcm", real_world("kPa", slope=1.0))
    with pytest.raises(UnsupportedImageError, match="ELASTICITY"):
        read_elastogram(path, frame=0)
    with pytest.raises(ParameterError, match="3 frames"):
        read_elastogram(path, frame=3)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floating_point_parametric_maps_are_read(tmp_path: Path, kind: type[np.floating[Any]]) -> None:
    shared = functional_group(
        PixelMeasuresSequence=measures(), RealWorldValueMappingSequence=real_world("kPa", slope=1.0)
    )
    path = dicom_object(PARAMETRIC_MAP, MAP[None].astype(kind), shared, [Dataset()], tmp_path / "map.dcm")
    check_map(read_elastogram(path))


def test_a_parametric_map_cut_off_is_refused(tmp_path: Path) -> None:
    shared = functional_group(RealWorldValueMappingSequence=real_world("kPa", slope=1.0))
    values = np.ones((1, 60, 60), np.float32)
    path = dicom_object(PARAMETRIC_MAP, values, shared, [Dataset()], tmp_path / "map.dcm")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(MicrocalcError):
        read_elastogram(path)
