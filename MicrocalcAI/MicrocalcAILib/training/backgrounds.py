"""The table of images that training and evaluation insert simulated calcifications into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from ..base.errors import ParameterError
from ..phantom import Background, image_background, power_law_background
from ..reading.mammogram import Mammogram
from ..reading.reader import read_mammogram

_COLUMNS = ("image", "spacing_mm", "patient", "split")
_PACKAGE = "package:"


@dataclass(frozen=True)
class BackgroundImage:
    """One row of the table: where the image is, its (assumed) spacing, who it shows and which split it belongs to."""

    path: Path
    spacing_mm: float
    patient: str
    split: str

    def read(self) -> Mammogram:
        """The image with the spacing of the table."""
        return read_mammogram(self.path, spacing_mm=self.spacing_mm)


def read_backgrounds(table: Path, split: str) -> list[BackgroundImage]:
    """Rows of a CSV table that belong to a split.

    Parameters
    ----------
    table : Path
        Columns ``image`` (a path relative to the table, or ``package:NAME/path`` for a file of an installed Python
        package), ``spacing_mm``, ``patient``, ``split``.
    split : str
        For example ``train`` or ``held-out``.

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column, names a missing image or has no row of that split.
    """
    try:
        rows = pd.read_csv(table, dtype={"patient": str})
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table of backgrounds cannot be read: {error}.") from error
    missing = [column for column in _COLUMNS if column not in rows]
    if missing:
        raise ParameterError(f"The table of backgrounds lacks the column “{missing[0]}”.")
    rows = rows[rows["split"] == split]
    if rows.empty:
        raise ParameterError(f"The table of backgrounds has no image of the split “{split}”.")
    images = [
        BackgroundImage(_locate(str(row["image"]), Path(table).parent), float(row["spacing_mm"]), row["patient"], split)
        for _, row in rows.iterrows()
    ]
    for image in images:
        if not image.path.is_file():
            raise ParameterError(f"The background “{image.path.name}” of the table does not exist.")
    return images


def numbered_backgrounds(
    images: Sequence[BackgroundImage], simulated: int, seed: int
) -> Iterator[tuple[int, Background, str]]:
    """Real images, then simulated breasts, each with its number and whose it is; made one at a time.

    Parameters
    ----------
    images : sequence of BackgroundImage
    simulated : int
        Power-law backgrounds to add.
    seed : int
        Of the simulated ones, together with their number.
    """
    for number, image in enumerate(images):
        yield number, image_background(image.read()), image.patient
    for number in range(len(images), len(images) + simulated):
        yield number, power_law_background([seed, number]), f"simulated {number}"


def _locate(image: str, folder: Path) -> Path:
    if not image.startswith(_PACKAGE):
        return folder / image
    package, _, inside = image.removeprefix(_PACKAGE).partition("/")
    try:
        return Path(str(resources.files(package))) / inside
    except ModuleNotFoundError as error:
        raise ParameterError(f"Backgrounds come from the Python package “{package}”; install it with pip.") from error
