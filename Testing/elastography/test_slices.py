"""A measurement box over the slices of a volume, beside the one in the slice that was chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from elastography.elastogram_examples import disk, elastogram_of
from MicrocalcAILib.base.picture_font import picture_font
from MicrocalcAILib.cli import main
from MicrocalcElastographyLib.assessment import assess
from MicrocalcElastographyLib.elastogram import Direction, Unit
from MicrocalcElastographyLib.elastogram_volume import ElastogramVolume
from MicrocalcElastographyLib.measurement import BoxShape, LesionRegions, MeasurementParameters, measure
from MicrocalcElastographyLib.results.lines import lines_of

SHAPE, SPACING = (12, 60, 70), (0.5, 0.25, 0.25)
LESION = disk(SHAPE[1:], (30, 35), 12)


def tissue(seed: int = 0) -> NDArray[np.float32]:
    """Soft tissue with a stiff spot in slice 7, two slices beside the one that is measured."""
    values = np.random.default_rng(seed).uniform(10, 40, SHAPE)
    values[6:9, 26:32, 30:36] += 60
    return values.astype(np.float32)


def volume_of(values: NDArray[np.float32], number: int = 5) -> ElastogramVolume:
    return ElastogramVolume(values, Unit.KILOPASCAL, Direction.STIFFER_IS_HIGHER, number, SPACING)


def by_brute_force(volume: ElastogramVolume, solid: NDArray[np.bool_], middles: range) -> float:
    """Largest mean of a block whose middle lies in one of the slices, and within 1 mm of the lesion."""
    thick, high, wide = solid.shape
    rows, columns = np.nonzero(LESION.mask)
    best = 0.0
    for middle in middles:
        top = middle - (thick - 1) // 2
        for row in range(SHAPE[1] - high + 1):
            for column in range(SHAPE[2] - wide + 1):
                at = row + (high - 1) // 2, column + (wide - 1) // 2
                inside = LESION.mask[row : row + high, column : column + wide][solid[(thick - 1) // 2]]
                near = np.hypot(rows - at[0], columns - at[1]).min() * SPACING[1] <= 1.0
                if near and 0 <= top <= SHAPE[0] - thick and inside.mean() >= 0.25:
                    part = volume.values[top : top + thick, row : row + high, column : column + wide]
                    best = max(best, float(part[solid].mean(dtype=float)))
    return best


@pytest.mark.parametrize("shape", list(BoxShape))
def test_the_stiffest_block_is_the_exact_extreme(shape: BoxShape) -> None:
    volume = volume_of(tissue())
    measured = measure(
        elastogram_of(volume.values[5]), LesionRegions(LESION), MeasurementParameters(box_shape=shape), volume=volume
    )
    solid = np.ones((4, 8, 8), dtype=bool)
    if shape is BoxShape.CIRCLE:
        along = [((np.arange(n) + 0.5) / n * 2 - 1) ** 2 for n in solid.shape]
        solid = along[0][:, None, None] + along[1][:, None] + along[2] <= 1
    assert measured.block is not None
    assert measured.block.mean == pytest.approx(by_brute_force(volume, solid, range(1, 10)))
    assert measured.block.solid == {"square": "cube", "circle": "sphere"}[shape]
    assert measured.block.center[0] == pytest.approx(7.0, abs=1.0)
    assert measured.box_statistics is not None
    assert measured.box_statistics.mean < 40 < measured.block.mean


def test_a_stiff_spot_beyond_the_lesion_s_thickness_does_not_count() -> None:
    values = tissue()
    values[:, :, :] = 20.0
    values[11, 20:40, 25:45] = 300.0
    far = ElastogramVolume(values, Unit.KILOPASCAL, Direction.STIFFER_IS_HIGHER, 2, (1.0, 0.25, 0.25))
    small = disk(SHAPE[1:], (30, 35), 6)  # 3 mm long: slices 1 to 3
    measured = measure(elastogram_of(values[2]), LesionRegions(small), volume=far)
    assert measured.block is not None
    assert measured.block.maximum == 20.0
    assert measured.block.searched == (1, 3)


def test_void_and_thick_slices_leave_no_block_and_say_so() -> None:
    values = tissue()
    elastogram = elastogram_of(values[5])
    void = volume_of(np.full(SHAPE, np.nan, np.float32))
    thick = ElastogramVolume(values, Unit.KILOPASCAL, Direction.STIFFER_IS_HIGHER, 5, (3.0, 0.25, 0.25))
    for volume in (void, thick):
        measured = measure(elastogram, LesionRegions(LESION), volume=volume)
        assert measured.block is None
        assert "no-box-over-slices" in {warning.code for warning in measured.warnings}


def test_speeds_are_converted_before_they_are_averaged() -> None:
    speeds = np.full(SHAPE, 2.0, np.float32)
    speeds[:, :, ::2] = 4.0
    volume = ElastogramVolume(speeds, Unit.METERS_PER_SECOND, Direction.STIFFER_IS_HIGHER, 5, SPACING)
    measured = measure(elastogram_of(speeds[5], Unit.METERS_PER_SECOND), LesionRegions(LESION), volume=volume)
    assert measured.block is not None
    assert measured.block.mean == pytest.approx(3 * (4 + 16) / 2)


def test_every_output_says_slice_and_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = sitk.GetImageFromArray(tissue())
    image.SetSpacing(SPACING[::-1])
    sitk.WriteImage(image, str(tmp_path / "volume.nrrd"))
    asked = ["measure", str(tmp_path / "volume.nrrd"), "--unit", "kPa", "--lesion", "35,30,12,12", "--frame", "5"]
    assert main(["elastography", *asked, "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "measurement.json").read_text("utf-8"))["acquisitions"][0]
    row = pd.read_csv(tmp_path / "out" / "readings.csv").iloc[0]
    block = record["measurement"]["box_over_slices"]
    assert block["solid"] == "cube"
    assert row["volume_box_mean_kpa"] == pytest.approx(block["mean"], abs=1e-4)
    assert f"over the slices mean {block['mean']:.1f} kPa" in printed
    assert "slice 5 of 12" in printed
    assert "outline-in-all-slices" in row["warnings"]
    volume = volume_of(tissue())
    words = lines_of(
        assess(elastogram_of(volume.values[5]), LesionRegions(LESION), volume=volume), [], picture_font(17), 560
    )
    assert any("stiffest 2.0 mm cube over the slices" in line for line, _, _ in words)


def test_slices_of_unknown_distance_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "volume.npy", tissue())
    asked = ["elastography", "measure", str(tmp_path / "volume.npy"), "--unit", "kPa", "--spacing", "0.25", "--frame"]
    asked += ["5", "--lesion", "35,30,12,12", "--output", str(tmp_path / "out")]
    assert main(asked) == 0
    assert "--slice-spacing" in capsys.readouterr().out
    assert main([*asked, "--slice-spacing", "0.5"]) == 0
    assert "over the slices mean" in capsys.readouterr().out
