"""What an NRRD file carries about a mammogram beside its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from library.dicom_samples import breast_picture
from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.reading.carried_fields import FIELDS, fields_of

MAMMOGRAM = Mammogram(
    breast_picture(rows=480, columns=400).astype(np.float32),
    (0.1, 0.12),
    "Imager Pixel Spacing / magnification factor 1.05",
    laterality="L",
    view="MLO",
    view_modifiers=("Spot Compression", "Nipple in profile"),
    warnings=(
        WarningRecord("partial-view", 'A “part” = of: "it"; \\ done.'),
        WarningRecord("spacing-uncertain", "Perhaps 0.1 mm."),
    ),
    source={"kind": "DICOM", "sha256": "0" * 64, "bits_stored": 12},
)


def written(folder: Path, fields: dict[str, str], name: str = "image.nrrd") -> Path:
    path = folder / name
    identity = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    write_volume(MAMMOGRAM.pixels, MAMMOGRAM.spacing_mm, (0, 0, 0), identity, path, fields)
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    seen = read_mammogram(written(tmp_path, fields_of(MAMMOGRAM)))
    for name in ("laterality", "view", "view_modifiers", "spacing_source"):
        assert getattr(seen, name) == getattr(MAMMOGRAM, name)
    assert set(seen.warnings) == set(MAMMOGRAM.warnings)
    assert seen.source["loaded_from"] == MAMMOGRAM.source


def test_fields_win_over_the_name_of_the_file(tmp_path: Path) -> None:
    seen = read_mammogram(written(tmp_path, fields_of(MAMMOGRAM), "right_CC.nrrd"))
    assert (seen.laterality, seen.view) == ("L", "MLO")
    assert "view-from-text" not in {warning.code for warning in seen.warnings}


def test_name_of_the_file_is_used_when_the_fields_do_not_say(tmp_path: Path) -> None:
    silent = replace(MAMMOGRAM, laterality=None, view=None, view_modifiers=())
    seen = read_mammogram(written(tmp_path, fields_of(silent), "right_CC.nrrd"))
    assert (seen.laterality, seen.view) == ("R", "CC")


def test_padding_is_masked_by_its_value(tmp_path: Path) -> None:
    seen = read_mammogram(written(tmp_path, fields_of(MAMMOGRAM, padding_value=60)))
    assert seen.valid is not None
    np.testing.assert_array_equal(seen.valid, MAMMOGRAM.pixels != 60)
    assert seen.pixels.min() == MAMMOGRAM.pixels[MAMMOGRAM.pixels != 60].min()


def test_doubts_about_the_spacing_end_when_it_is_given(tmp_path: Path) -> None:
    seen = read_mammogram(written(tmp_path, fields_of(MAMMOGRAM)), spacing_mm=(0.1, 0.12))
    assert [warning.code for warning in seen.warnings] == ["partial-view"]
    assert seen.spacing_source == "given by the user"


def test_file_without_fields_is_read_as_before(tmp_path: Path) -> None:
    seen = read_mammogram(written(tmp_path, {}))
    assert (seen.laterality, seen.view, seen.spacing_source) == (None, None, "NRRD header")
    assert "loaded_from" not in seen.source


@pytest.mark.parametrize("nonsense", ["", "nan", "[1, 2", '{"a": 1}', "[[1, 2], 3]", "[" * 100000, "0 0", "NaN 1e999"])
@pytest.mark.parametrize("name", FIELDS)
def test_malformed_field_counts_as_not_said(tmp_path: Path, name: str, nonsense: str) -> None:
    seen = read_mammogram(written(tmp_path, {name: nonsense}))
    assert (seen.laterality, seen.view, seen.view_modifiers) == (None, None, ())
    assert seen.spacing_mm == (0.1, 0.12)
    assert seen.valid is None
    assert {warning.code for warning in seen.warnings} == {"laterality-unknown", "view-unknown"}


def test_fields_are_plain_key_value_pairs(tmp_path: Path) -> None:
    image = sitk.ReadImage(str(written(tmp_path, fields_of(MAMMOGRAM))))
    assert image.GetMetaData("Microcalc.Laterality") == "L"
    assert image.GetMetaData("Microcalc.SpacingMm") == "0.1 0.12"
