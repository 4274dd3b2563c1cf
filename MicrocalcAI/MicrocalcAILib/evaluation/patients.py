"""Whose image each is: the unit of every interval, because the images of a patient are alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..base.errors import ParameterError, WarningRecord

UNKNOWN = WarningRecord(
    "patients-unknown",
    "Nobody said which images are of one patient; every image counts as its own, and intervals are too narrow where "
    "patients have several. Name them with --patients.",
)


def read_patients(table: Path) -> dict[str, str]:
    """Patient by image, from a CSV with the columns ``image`` (name of its folder or file) and ``patient``.

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column or a name, or gives an image two patients.
    """
    try:
        rows = pd.read_csv(table, dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table of patients cannot be read: {error}.") from error
    for column in ("image", "patient"):
        if column not in rows:
            raise ParameterError(f"The table of patients lacks the column “{column}”.")
        if rows[column].isna().any():
            raise ParameterError("Every row of the table of patients names an image and its patient.")
    if (rows.groupby("image")["patient"].nunique() > 1).any():
        raise ParameterError("The table of patients gives an image two patients; keep one row for each image.")
    return dict(zip(rows["image"], rows["patient"], strict=True))


def patient_of(record: Mapping[str, Any]) -> str:
    """Patient that a JSON record names in ``patient``, or in that of a simulation's background; empty for none."""
    background = record.get("background")
    own = record.get("patient") or (background.get("patient") if isinstance(background, Mapping) else None)
    return "" if own is None else str(own)
