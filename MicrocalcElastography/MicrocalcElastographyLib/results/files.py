"""Writing what was measured, each file whole or not at all; names hold nothing of the input's name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.base.files import replaced_on_success
from MicrocalcAILib.base.provenance import provenance
from MicrocalcAILib.base.volumes import write_volume

from ..assessment import Assessment
from ..elastogram import Elastogram
from ..reading import DIRECTION_KEY, UNIT_KEY
from ..readings import (
    Reading,
    lesion_summary,
    one_row_per_lesion,
    reader_summary,
    records_of,
    table_of,
    write_readings,
    write_table,
)
from .picture import draw_assessment

_COMPRESSION = 2
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def write_assessment(
    assessment: Assessment, folder: Path, name: str, title: str, references: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write ``name_values.nrrd`` (values of the elastography box, NaN without a value) and ``name.png``.

    Parameters
    ----------
    assessment : Assessment
    folder : Path
    name : str
        Stem of the files, e.g. ``acquisition_1``.
    title : str
        Heading of the picture; no patient data.
    references : sequence of mapping
        Published cut-offs for the picture.
    """
    write_map(assessment.measurement.elastogram, folder / f"{name}_values.nrrd")
    picture = draw_assessment(assessment, title, references)
    with replaced_on_success(folder / f"{name}.png") as temporary:
        # Packing a picture of text and speckle harder saves a tenth of its size and takes most of the time.
        picture.save(temporary, "PNG", compress_level=_COMPRESSION)


def write_map(elastogram: Elastogram, path: Path) -> None:
    """Write the values of an elastogram, NaN without a value, with unit and direction, as an NRRD file."""
    write_volume(
        elastogram.values,
        elastogram.spacing_mm or (1.0, 1.0),
        (0.0, 0.0, 0.0),
        _IDENTITY,
        path,
        {UNIT_KEY: str(elastogram.unit), DIRECTION_KEY: str(elastogram.direction)},
    )


def write_quality(correlation: NDArray[np.floating], elastogram: Elastogram, path: Path) -> None:
    """Write a map that lies on the values of an elastogram, pixel by pixel, as an NRRD file."""
    write_volume(
        correlation.astype(np.float32), elastogram.spacing_mm or (1.0, 1.0), (0.0, 0.0, 0.0), _IDENTITY, path, {}
    )


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a JSON record."""
    with replaced_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def write_readings_files(readings: Sequence[Reading], folder: Path) -> list[Path]:
    """Write ``readings.csv`` (one row per reading), ``lesions.csv`` (one row per lesion) and ``readings.json``.

    Parameters
    ----------
    readings : sequence of Reading
    folder : Path
        Files of these names are replaced, others stay.

    Returns
    -------
    list of Path

    Raises
    ------
    ParameterError
        When there is no reading.
    """
    if not readings:
        raise ParameterError("There is no reading to write; store a measurement first.")
    table = table_of(readings)
    lesions = one_row_per_lesion(table)
    paths = [folder / name for name in ("readings.csv", "lesions.csv", "readings.json")]
    write_readings(table, paths[0])
    write_table(lesions, paths[1])
    record = provenance(
        readings=records_of(readings),
        agreement={
            str(lesion): [sentence for _, sentence in lesion_summary(readings, str(lesion))]
            for lesion in lesions["lesion"]
        },
        readers=list(reader_summary(readings)),
    )
    write_record(record, paths[2])
    return paths
