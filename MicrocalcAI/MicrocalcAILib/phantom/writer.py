"""A phantom as files: the image as DICOM and NRRD, the truth as label map, tables and a record."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..base.files import folder_replaced_on_success
from ..base.provenance import versions
from ..base.tables import write_table
from ..base.volumes import write_volume
from ..reading.mammogram import Mammogram
from .dicom_writer import write_dicom
from .phantom import Phantom

FORMATS = ("dicom", "nrrd")
LABEL_RULE = (
    "A pixel belongs to a calcification when at least 50 % of its area lies where the calcification is at least 30 % "
    "as thick as at its thickest, before any blur; the pixel with the largest share always belongs to it."
)


def write_phantom(
    folder: Path,
    name: str,
    phantom: Phantom,
    formats: Collection[str] = FORMATS,
    bright_specks: Sequence[tuple[int, int, int, int]] = (),
) -> None:
    """Write ``dicom/NAME.dcm``, ``nrrd/NAME.nrrd`` and ``truth/NAME/`` into a folder.

    ``bright_specks`` (see :attr:`~.backgrounds.Background.bright_specks`) go into the record of the truth.

    Where the image does not say which breast and view it is, the DICOM file takes the usual hanging: chest wall at the
    left is a left breast, CC; its comment says so.

    Raises
    ------
    ParameterError
        When the pixels do not fit into a DICOM file.
    """
    folder, mammogram = Path(folder), phantom.mammogram
    if "dicom" in formats:
        placed, comment = _with_position(mammogram)
        write_dicom(folder / "dicom" / f"{name}.dcm", placed, name.replace("_", "-").upper(), comment)
    if "nrrd" in formats:
        whole = np.array_equal(mammogram.pixels, np.round(mammogram.pixels)) and mammogram.pixels.min() >= 0
        pixels = mammogram.pixels.astype(np.uint16) if whole and mammogram.pixels.max() < 65536 else mammogram.pixels
        write_volume(
            pixels,
            mammogram.spacing_mm,
            mammogram.origin_lps_mm,
            mammogram.direction_lps,
            folder / "nrrd" / f"{name}.nrrd",
            {"simulated": "true"},
        )
    with folder_replaced_on_success(folder / "truth" / name, "phantom.json") as truth:
        write_volume(
            phantom.labels,
            mammogram.spacing_mm,
            mammogram.origin_lps_mm,
            mammogram.direction_lps,
            truth / "labels.nrrd",
        )
        write_table(phantom.calcifications, truth / "calcifications.csv", float_format="%.7g")
        write_table(phantom.clusters, truth / "clusters.csv", float_format="%.7g")
        record = {
            **phantom.parameters,
            "bright_specks": list(bright_specks),
            "label_rule": LABEL_RULE,
            "versions": versions(),
        }
        (truth / "phantom.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _with_position(mammogram: Mammogram) -> tuple[Mammogram, str]:
    """The image with laterality and view, and the comment that says what was assumed."""
    assumed = [
        word for word, value in (("laterality", mammogram.laterality), ("view", mammogram.view)) if value is None
    ]
    side = mammogram.chest_wall_side or "left"
    placed = replace(
        mammogram,
        chest_wall_side=side,
        laterality=mammogram.laterality or ("L" if side == "left" else "R"),
        view=mammogram.view or "CC",
    )
    comment = "Simulated calcifications, not a patient's findings."
    return placed, comment + (f" Assumed: {' and '.join(assumed)}." if assumed else "")
