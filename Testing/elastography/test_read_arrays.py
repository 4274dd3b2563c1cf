"""Maps and echo frames in NumPy, MATLAB and CSV files."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcElastographyLib.commands import elastography
from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.phantom.compression import CompressionParameters, simulate_compression
from MicrocalcElastographyLib.reading import ValueMeaning, read_elastogram

MAP = np.arange(48, dtype=np.float32).reshape(6, 8) + 1.0
GIVEN = ValueMeaning(unit=Unit.KILOPASCAL, spacing_mm=(0.2, 0.1))


def written(folder: Path, suffix: str) -> Path:
    path = folder / f"map{suffix}"
    if suffix == ".npy":
        np.save(path, MAP)
    elif suffix == ".mat":
        savemat(path, {"elasticity": MAP, "comment": "no array"})
    else:
        path.write_text("\n".join(";".join(f"{value:.1f}".replace(".", ",") for value in row) for row in MAP))
    return path


@pytest.mark.parametrize("suffix", [".npy", ".mat", ".csv"])
def test_a_map_of_research_is_read_with_the_unit_and_the_spacing_given(tmp_path: Path, suffix: str) -> None:
    found = read_elastogram(written(tmp_path, suffix), meaning=GIVEN)
    assert found.values == pytest.approx(MAP)
    assert (found.unit, found.spacing_mm, found.place_in_file) == (Unit.KILOPASCAL, (0.2, 0.1), "")


def test_a_stack_says_which_slice_was_read(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.stack([MAP, 2 * MAP, 3 * MAP]))
    assert read_elastogram(path, frame=2, meaning=GIVEN).values == pytest.approx(3 * MAP)
    first = read_elastogram(path, meaning=GIVEN)
    assert first.place_in_file == "slice 0 of 3, counted from 0"
    assert "frame-not-chosen" in [warning.code for warning in first.warnings]
    with pytest.raises(ParameterError, match="no slice 3"):
        read_elastogram(path, frame=3, meaning=GIVEN)


def test_an_array_without_a_unit_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="unit"):
        read_elastogram(written(tmp_path, ".npy"))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.npy", b"\x93NUMPY\x01\x00broken"), ("a.mat", b"nothing"), ("a.csv", b"1,2\n3"), ("b.csv", b"a,b\nc,d")],
)
def test_damaged_arrays_are_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MicrocalcError):
        read_elastogram(tmp_path / name, meaning=GIVEN)


def test_objects_in_an_array_are_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(MicrocalcError):
        read_elastogram(path, meaning=GIVEN)


def test_two_arrays_in_a_matlab_file_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "two.mat"
    savemat(path, {"one": MAP, "other": MAP})
    with pytest.raises(ParameterError, match="one, other"):
        read_elastogram(path, meaning=GIVEN)


def test_the_strain_command_writes_a_map_that_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = CompressionParameters(depth_mm=12.0, lines=24, radius_mm=2.0)
    phantom = simulate_compression(settings)
    np.save(tmp_path / "frames.npy", np.stack([phantom.before, phantom.after]))
    words = ["strain", str(tmp_path / "frames.npy"), "--spacing", str(settings.sample_mm), str(settings.line_mm)]
    parser = argparse.ArgumentParser()
    elastography.add_arguments(parser)
    assert elastography.run(parser.parse_args([*words, "--output", str(tmp_path / "out")])) == 0
    assert "Mean strain" in capsys.readouterr().out
    found = read_elastogram(tmp_path / "out" / "strain.nrrd")
    assert found.unit == Unit.STRAIN
    assert float(np.nanmedian(found.values)) == pytest.approx(settings.strain, rel=0.1)
