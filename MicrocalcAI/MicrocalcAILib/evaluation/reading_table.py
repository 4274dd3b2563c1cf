"""Readings of a reader study, from a table with one row per rating or mark, and the study they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError, WarningRecord
from ..statistics.reader_study import ReaderStudy, analyze_reader_study, delong_covariance, jackknife_covariance
from .figures_of_merit import Figure, MarkedImages, figure_of_merit

OF_RATINGS = ("auc", "sensitivity", "specificity")
OF_MARKS: dict[str, Figure] = {"wafroc": "wAFROC", "afroc": "AFROC", "hr-auc": "HrAUC", "lroc": "LROC"}
_KEYS = ["reader", "modality", "case"]


@dataclass(frozen=True)
class Readings:
    """Every case read by every reader with every modality.

    Parameters
    ----------
    modalities, readers : tuple of str
        In the order of the table.
    patients : str array, shape (cases,)
    lesions : int array, shape (cases,)
        0 without disease.
    ratings : float array, shape (modalities, readers, cases)
        Of whole cases; for marks the highest of the case (−∞: none).
    marks : tuple of tuple of MarkedImages, or None
        By modality and reader; None for ratings of whole cases.
    warnings : tuple of WarningRecord
    """

    modalities: tuple[str, ...]
    readers: tuple[str, ...]
    patients: NDArray[np.str_]
    lesions: NDArray[np.int64]
    ratings: NDArray[np.float64]
    marks: tuple[tuple[MarkedImages, ...], ...] | None
    warnings: tuple[WarningRecord, ...]


def read_readings(path: Path) -> Readings:
    """Read a table of ratings or marks.

    Parameters
    ----------
    path : Path
        CSV. Ratings: ``reader``, ``modality``, ``case``, ``truth`` (0 or 1), ``rating``, one row for each. Marks have
        the column ``lesion`` besides, one row for each mark: the name of the lesion it hits, empty for a false mark;
        ``truth`` is then the case's number of lesions, and a case in which nothing was marked has one row with an empty
        ``rating``. ``patient`` is optional: whose the case is, by default its own.

    Raises
    ------
    ParameterError
        When the table cannot be read, lacks a column, or contradicts itself.
    """
    try:
        names = dict.fromkeys([*_KEYS, "patient", "lesion"], str)
        table = pd.read_csv(path, dtype=names, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table of readings cannot be read: {error}.") from error
    missing = [column for column in (*_KEYS, "truth", "rating") if column not in table]
    if missing:
        raise ParameterError(
            f"The table of readings lacks the column “{missing[0]}”; it has: {', '.join(map(str, table.columns))}."
        )
    if "patient" not in table:
        table["patient"] = table["case"]
    if table[[*_KEYS, "patient"]].isna().any(axis=None):
        raise ParameterError("Every row of the table of readings names its reader, modality, case and patient.")
    for column in ("truth", "rating"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        wrong = numbers.isna() & (table[column].notna() if column == "rating" else True)
        if wrong.any():
            value = table[column][wrong].iloc[0]
            raise ParameterError(f"“{value}” in the column “{column}” of the table of readings is not a number.")
        table[column] = numbers
    if (table["truth"] < 0).any() or (table["truth"] % 1 != 0).any():
        raise ParameterError("The column “truth” is 0 for a case without disease, else its number of lesions.")
    of_case = table.groupby("case", sort=False)
    for column in ("truth", "patient"):
        contradicting = of_case[column].nunique() > 1
        if contradicting.any():
            name = contradicting.index[contradicting][0]
            raise ParameterError(f"The rows of case “{name}” differ in the column “{column}”.")
    table, warnings = _completely_read(table)
    cases = table.groupby("case", sort=False).first()
    marked = "lesion" in table
    _check_rows(table, marked)
    modalities, readers = (tuple(table[column].unique()) for column in ("modality", "reader"))
    highest = table.groupby(["modality", "reader", "case"], sort=False)["rating"].max().fillna(-np.inf)
    order = pd.MultiIndex.from_product([modalities, readers, cases.index])
    ratings = highest.reindex(order).to_numpy(float).reshape(len(modalities), len(readers), len(cases))
    marks = None
    if marked:
        groups = dict(list(table.groupby(["modality", "reader"], sort=False)))
        marks = tuple(tuple(_marked_images(groups[m, r], cases["truth"]) for r in readers) for m in modalities)
    return Readings(
        modalities=modalities,
        readers=readers,
        patients=cases["patient"].to_numpy(str),
        lesions=cases["truth"].to_numpy(np.int64),
        ratings=ratings,
        marks=marks,
        warnings=tuple(warnings),
    )


def reader_study(readings: Readings, figure: str, threshold: float | None = None) -> tuple[ReaderStudy, str, int]:
    """Analyze readings by a figure of merit.

    Parameters
    ----------
    readings : Readings
    figure : str
        ``auc``, ``sensitivity``, ``specificity``; of marks also ``wafroc``, ``afroc``, ``hr-auc``, ``lroc``.
    threshold : float, optional
        Rating from which a case counts as positive; for sensitivity and specificity.

    Returns
    -------
    study : ReaderStudy
    method : str
        How the covariance was estimated: DeLong's for the area under the curve when every patient has one case, the
        jackknife over patients otherwise.
    units : int
        Cases or patients that the covariance was estimated from.

    Raises
    ------
    ParameterError
        When the figure does not fit the readings, or there are too few of them.
    """
    diseased = readings.lesions > 0
    single = len(np.unique(readings.patients)) == len(readings.patients)
    shape = readings.ratings.shape[:2]
    if figure == "auc" and single:
        figures, covariance = delong_covariance(diseased, readings.ratings)
        method, units = "DeLong", len(diseased)
    else:
        chosen, measured = _measured(readings, figure, threshold, shape)
        figures, covariance = jackknife_covariance(measured, readings.patients[chosen])
        method, units = "jackknife over patients", len(np.unique(readings.patients[chosen]))
    return analyze_reader_study(readings.modalities, readings.readers, figures, covariance), method, units


def _measured(
    readings: Readings, figure: str, threshold: float | None, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], Callable[[NDArray[np.intp]], NDArray[np.float64]]]:
    """Cases that matter for the figure, and the figure of a choice of them."""
    diseased = readings.lesions > 0
    everyone = np.arange(len(diseased))
    if figure in ("sensitivity", "specificity"):
        if threshold is None:
            raise ParameterError(f"A {figure} needs the rating from which a case counts as positive; give --threshold.")
        chosen = everyone[diseased == (figure == "sensitivity")]
        right = (readings.ratings[..., chosen] >= threshold) == (figure == "sensitivity")
        return chosen, lambda cases: np.asarray(right[..., cases].mean(axis=-1))
    if figure == "auc":
        images = [[_whole(row, readings.lesions) for row in rows] for rows in readings.ratings]
        name: Figure = "HrAUC"
    elif figure in OF_MARKS and readings.marks is not None:
        images, name = [list(row) for row in readings.marks], OF_MARKS[figure]
    elif figure in OF_MARKS:
        raise ParameterError(f"{figure} judges marks; the table of readings has no column “lesion”.")
    else:
        raise ParameterError(f"“{figure}” is not a figure of merit; choose {', '.join((*OF_RATINGS, *OF_MARKS))}.")

    def measured(cases: NDArray[np.intp]) -> NDArray[np.float64]:
        weights = np.bincount(cases, minlength=len(diseased)).astype(np.float64)
        return np.array([[figure_of_merit(one, name, weights) for one in row] for row in images]).reshape(shape)

    return everyone, measured


def _whole(ratings: NDArray[np.float64], lesions: NDArray[np.int64]) -> MarkedImages:
    """Ratings of whole cases as marks: the highest mark of a diseased case hits."""
    diseased = np.flatnonzero(lesions > 0)
    return MarkedImages(np.where(lesions > 0, -np.inf, ratings), diseased, ratings[diseased])


def _completely_read(table: pd.DataFrame) -> tuple[pd.DataFrame, list[WarningRecord]]:
    """The rows of cases that every reader read with every modality."""
    wanted = table["reader"].nunique() * table["modality"].nunique()
    readings = table[_KEYS].drop_duplicates().groupby("case")["reader"].size()
    incomplete = readings.index[readings < wanted]
    warnings = []
    if len(incomplete):
        message = f"{len(incomplete)} of {len(readings)} cases were not read by every reader with every modality; "
        warnings.append(WarningRecord("cases-not-read", message + "they are left out."))
    table = table[~table["case"].isin(incomplete)]
    if table.empty:
        raise ParameterError("No case was read by every reader with every modality; the analysis needs such cases.")
    return table, warnings


def _check_rows(table: pd.DataFrame, marked: bool) -> None:
    if not marked:
        if table["rating"].isna().any():
            raise ParameterError(
                "A rating is missing; without a column “lesion” every reader rates every case with every modality."
            )
        if table.duplicated(_KEYS).any():
            raise ParameterError("A reader rated a case twice with one modality; keep one row for each.")
        return
    if (table["lesion"].notna() & (table["rating"].isna() | (table["truth"] == 0))).any():
        raise ParameterError("A mark that hits a lesion has a rating, and lies in a case with lesions (“truth”).")
    hit = table[table["lesion"].notna()]
    found = hit.groupby("case")["lesion"].nunique()
    if (found > hit.groupby("case")["truth"].first()).any():
        raise ParameterError("More lesions were hit in a case than its “truth” says; correct the table of readings.")


def _marked_images(marks: pd.DataFrame, lesions: pd.Series) -> MarkedImages:
    """Highest false mark of each case, highest mark of each lesion."""
    number = pd.Series(np.arange(len(lesions)), index=lesions.index)
    is_false = marks["lesion"].isna() & marks["rating"].notna()
    false = marks[is_false].groupby("case")["rating"].max().reindex(lesions.index).fillna(-np.inf).to_numpy(float)
    images = np.repeat(np.arange(len(lesions)), lesions.to_numpy(int))
    ratings = np.full(len(images), -np.inf)
    first = np.concatenate([[0], np.cumsum(lesions.to_numpy(int))])
    hits = marks[marks["lesion"].notna()].groupby(["case", "lesion"], sort=False)["rating"].max().reset_index()
    place = first[number[hits["case"]]] + hits.groupby("case").cumcount()
    ratings[place] = hits["rating"]
    return MarkedImages(false, images, ratings)
