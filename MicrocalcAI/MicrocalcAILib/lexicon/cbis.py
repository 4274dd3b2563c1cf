"""Reading the calcification tables of CBIS-DDSM (Lee et al., Sci Data 4:170177, 2017) in the lexicon's words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..base.errors import ParameterError
from .vocabulary import words

_COLUMNS = {
    "patient_id": "patient",
    "left or right breast": "side",
    "abnormality id": "abnormality",
    "breast density": "density",
    "calc type": "morphology",
    "calc distribution": "distribution",
    "pathology": "pathology",
}
_MALIGNANT = {"MALIGNANT": True, "BENIGN": False, "BENIGN_WITHOUT_CALLBACK": False}


def read_cbis(path: Path) -> pd.DataFrame:
    """One row per lesion and view.

    BI-RADS assessment and subtlety are not read: they are the radiologist's judgment of the outcome, not a description.

    Parameters
    ----------
    path : Path
        ``calc_case_description_…_set.csv`` or a table of one's own with the same columns; a column ``age`` (years) is
        read when it is there. Cells may hold line breaks.

    Returns
    -------
    DataFrame
        ``patient``; ``lesion`` (patient, side and number: the views of one lesion share it); ``morphology`` and
        ``distribution`` (tuples of the lexicon's words, empty when not recorded); ``density`` (1 to 4, NaN when not
        recorded); ``age`` (NaN when not recorded); ``malignant``; ``called_back`` (False for benign lesions that were
        neither called back nor biopsied).

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column or holds a word that is not known.
    """
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table “{Path(path).name}” cannot be read: {error}.") from error
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        raise ParameterError(f"The table “{Path(path).name}” lacks the column “{missing[0]}”.")
    given = table[list(_COLUMNS)].rename(columns=_COLUMNS).apply(lambda column: column.str.strip())
    unknown = sorted(set(given["pathology"]) - set(_MALIGNANT))
    if unknown:
        raise ParameterError(f"The pathology “{unknown[0]}” is not known; use {', '.join(_MALIGNANT)}.")
    density = pd.to_numeric(given["density"], errors="coerce")
    age = table["age"] if "age" in table else pd.Series(float("nan"), table.index)
    return pd.DataFrame(
        {
            "patient": given["patient"],
            "lesion": given["patient"] + " " + given["side"] + " " + given["abnormality"],
            "morphology": [_translated("morphology", cell) for cell in given["morphology"]],
            "distribution": [_translated("distribution", cell) for cell in given["distribution"]],
            "density": density.where(density.between(1, 4)),
            "age": pd.to_numeric(age, errors="coerce"),
            "malignant": given["pathology"].map(_MALIGNANT).astype(bool),
            "called_back": given["pathology"] != "BENIGN_WITHOUT_CALLBACK",
        }
    )


def _translated(kind: str, cell: object) -> tuple[str, ...]:
    """The lexicon's words for a cell such as ``PLEOMORPHIC-FINE_LINEAR_BRANCHING``, each once."""
    if not isinstance(cell, str) or cell in ("", "N/A"):
        return ()
    names = {cbis: name for name, entry in words(kind).items() for cbis in entry.cbis}
    unknown = [part for part in cell.split("-") if part not in names]
    if unknown:
        raise ParameterError(f"The {kind} “{unknown[0]}” is not known; use {', '.join(sorted(names))}.")
    return tuple(sorted({names[part] for part in cell.split("-")}))
