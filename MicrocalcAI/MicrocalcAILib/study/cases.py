"""The cases of a study: images, results of the analysis that may be shown, and the truth that is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..base.tables import read_table, write_table
from .plan import PLAN_FILE, plan_of

CASES_FILE, TRUTH_FILE, LESIONS_FILE = "cases.csv", "truth.csv", "lesions.csv"
_SEPARATOR = ";"
BOX = ("row_min", "row_max", "column_min", "column_max")


@dataclass(frozen=True)
class Case:
    """One case as it is read.

    Parameters
    ----------
    name, patient : str
    images : tuple of Path
        Mammograms of one exam, or an elastogram.
    results : tuple of Path
        Folders of ``microcalc analyze``, one for each image; empty when there are none to show.
    is_training : bool
        Read first, with feedback, and not counted.
    """

    name: str
    patient: str
    images: tuple[Path, ...]
    results: tuple[Path, ...] = ()
    is_training: bool = False


@dataclass(frozen=True)
class Truth:
    """What is known of a case and hidden from its readers.

    Parameters
    ----------
    diseased : bool
    feedback : str
        Shown after a training case was read.
    lesions : DataFrame
        One row for each outline of a lesion in an image: ``image`` (0, 1, …), ``lesion`` (name) and its bounding box in
        pixels, widened by what a mark may be beside it: ``row_min``, ``row_max``, ``column_min``, ``column_max``.
    """

    diseased: bool
    feedback: str = ""
    lesions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["image", "lesion", *BOX]))


def read_cases(folder: Path) -> dict[str, Case]:
    """The cases of a study by their names.

    ``cases.csv`` has the columns ``case``, ``images`` (paths from the study's folder, joined by “;”) and optionally
    ``patient``, ``results`` (as ``images``) and ``training`` (1 or 0).

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column, or names a case twice.
    """
    folder = Path(folder)
    table = _table(folder / CASES_FILE, ("case", "images"))
    cases = {}
    for row in table.to_dict("records"):
        name = row["case"]
        images, results = (_paths(folder, row.get(column, "")) for column in ("images", "results"))
        if name in cases or not name or not images:
            raise ParameterError(f"Every case of “{CASES_FILE}” has a name of its own and images; see “{name:.40}”.")
        if results and len(results) != len(images):
            raise ParameterError(f"The case “{name:.40}” has {len(images)} image(s) and {len(results)} result(s).")
        training = row.get("training", "") or "0"
        if training not in ("0", "1"):
            raise ParameterError(f"“training” of the case “{name:.40}” is 1 or 0, not “{training:.40}”.")
        cases[name] = Case(name, row.get("patient", "") or name, images, results, training == "1")
    if not cases:
        raise ParameterError(f"“{CASES_FILE}” has no case.")
    return cases


def write_cases(folder: Path, cases: Sequence[Case]) -> None:
    """Write ``cases.csv``; paths below the study's folder are written from there."""
    rows = [
        {
            "case": case.name,
            "patient": case.patient,
            "images": _SEPARATOR.join(_written(folder, path) for path in case.images),
            "results": _SEPARATOR.join(_written(folder, path) for path in case.results),
            "training": int(case.is_training),
        }
        for case in cases
    ]
    write_table(pd.DataFrame(rows), Path(folder) / CASES_FILE)


def read_truth(folder: Path) -> dict[str, Truth]:
    """The truth by case: ``truth.csv`` (``case``, ``diseased``, perhaps ``feedback``) and, for marks, ``lesions.csv``.

    Empty when there is none: a reader's copy of a study holds that of the training cases alone.

    Raises
    ------
    ParameterError
    """
    folder = Path(folder)
    if not (folder / TRUTH_FILE).is_file():
        return {}
    lesions = pd.DataFrame(columns=["case", "image", "lesion", *BOX])
    if (folder / LESIONS_FILE).is_file():
        lesions = _table(folder / LESIONS_FILE, tuple(lesions.columns))
        try:
            lesions = lesions.astype({"image": int, **dict.fromkeys(BOX, float)})
        except ValueError as error:
            raise ParameterError(f"“{LESIONS_FILE}” holds a word in a column of numbers.") from error
    known = {}
    for row in _table(folder / TRUTH_FILE, ("case", "diseased")).to_dict("records"):
        if row["diseased"] not in ("0", "1"):
            raise ParameterError(f"“diseased” of the case “{row['case']:.40}” is 1 or 0.")
        own = lesions[lesions["case"] == row["case"]].drop(columns="case").reset_index(drop=True)
        known[row["case"]] = Truth(row["diseased"] == "1", row.get("feedback", ""), own)
    return known


def write_truth(folder: Path, truth: Mapping[str, Truth]) -> None:
    """Write ``truth.csv`` and ``lesions.csv``."""
    rows = [{"case": name, "diseased": int(one.diseased), "feedback": one.feedback} for name, one in truth.items()]
    write_table(pd.DataFrame(rows, columns=["case", "diseased", "feedback"]), Path(folder) / TRUTH_FILE)
    lesions = [one.lesions.assign(case=name) for name, one in truth.items() if len(one.lesions)]
    columns = ["case", "image", "lesion", *BOX]
    table = pd.concat(lesions)[columns] if lesions else pd.DataFrame(columns=columns)
    write_table(table, Path(folder) / LESIONS_FILE)


def write_study(folder: Path, record: Mapping[str, object], cases: Sequence[Case], truth: Mapping[str, Truth]) -> None:
    """Write a new study's plan and tables.

    Parameters
    ----------
    folder : Path
        Must not hold a study yet.
    record : mapping
        The plan, see :func:`~.plan.read_plan`.
    cases : sequence of Case
    truth : mapping, case -> Truth

    Raises
    ------
    ParameterError
        When there is a study already, or the plan is not sound.
    """
    folder = Path(folder)
    if (folder / PLAN_FILE).exists():
        raise ParameterError(f"“{folder.name}” holds a study already; choose another folder.")
    plan_of(dict(record))
    folder.mkdir(parents=True, exist_ok=True)
    write_cases(folder, cases)
    write_truth(folder, truth)
    with replaced_on_success(folder / PLAN_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = read_table(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ParameterError(f"The study's table “{path.name}” cannot be read.") from error
    for column in columns:
        if column not in table:
            raise ParameterError(f"The study's table “{path.name}” lacks the column “{column}”.")
    return table


def _paths(folder: Path, text: str) -> tuple[Path, ...]:
    return tuple(folder / part.strip() for part in text.split(_SEPARATOR) if part.strip())


def _written(folder: Path, path: Path) -> str:
    path, folder = Path(path).resolve(), Path(folder).resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
