"""Elastography readings of the lesions of an exam: which finding each belongs to, as a reader says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import ParameterError, ResultError
from ..base.tables import read_table

# Columns of `microcalc elastography measure --readings`: what each is called on the page, and its decimals.
QUANTITIES = (
    ("elasticity_max_kpa", "elasticity_max", 0),
    ("elasticity_mean_kpa", "elasticity_mean", 0),
    ("stiffness_ratio", "stiffness_ratio", 1),
    ("strain_ratio", "strain_ratio", 1),
    ("size_ratio", "size_ratio", 2),
    ("tsukuba_score", "tsukuba_score", 0),
    ("elasticity_score", "elasticity_score", 0),
)
_BOUNDED = {"elasticity_max_kpa", "elasticity_mean_kpa", "stiffness_ratio", "strain_ratio"}


@dataclass(frozen=True)
class StiffnessReading:
    """What one reader measured in one acquisition of a finding.

    Parameters
    ----------
    finding : int
        Number of the finding.
    lesion, reader : str
        As in the table of readings.
    repeat : int
    values : dict
        Key of the page's words to the value as text, ``≥`` in front where it is a lower bound.
    doubts : str
        Codes of warnings and of protocol checks that did not pass, separated by blanks.
    """

    finding: int
    lesion: str
    reader: str
    repeat: int
    values: dict[str, str]
    doubts: str


def read_stiffness(path: Path, findings: Mapping[str, int]) -> list[StiffnessReading]:
    """The readings of a table that belong to findings.

    Parameters
    ----------
    path : Path
        CSV that ``microcalc elastography measure`` wrote: a row for each lesion, reader and repeat.
    findings : mapping
        Name of a lesion in the table to the number of the finding that it is.

    Raises
    ------
    ResultError
        When it is no such table.
    ParameterError
        When the table has no lesion of a name.
    """
    name = Path(path).name
    try:
        table = read_table(Path(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")
        rows = [{str(column): str(cell).strip() for column, cell in row.items()} for row in table.to_dict("records")]
        if missing := [column for column in ("lesion", "reader", "repeat") if column not in table.columns]:
            raise ResultError(f"“{name}” is not a table of readings: it has no column “{missing[0]}”.")
        found = [_reading(row, findings[row["lesion"]]) for row in rows if row["lesion"] in findings]
    except (OSError, ValueError) as error:
        raise ResultError(f"“{name}” cannot be read as a table of readings; save it as CSV again.") from error
    if unknown := findings.keys() - {reading.lesion for reading in found}:
        lesions = ", ".join(dict.fromkeys(row["lesion"] for row in rows))
        raise ParameterError(f"There is no reading of “{sorted(unknown)[0]}”; the table has {lesions or 'none'}.")
    return found


def _reading(row: dict[str, Any], finding: int) -> StiffnessReading:
    is_bound = row.get("bound") == ">="
    values = {
        key: f"{'≥ ' if is_bound and column in _BOUNDED else ''}{float(row[column]):.{decimals}f}"
        for column, key, decimals in QUANTITIES
        if row.get(column)
    }
    doubts = " ".join(filter(None, (row.get("warnings", ""), row.get("protocol_warnings", ""))))
    return StiffnessReading(finding, row["lesion"], row["reader"], int(row["repeat"]), values, doubts)
