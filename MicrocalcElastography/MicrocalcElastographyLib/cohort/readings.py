"""Single readings (readers, repeats) and the one value per lesion made from them."""

from __future__ import annotations

import pandas as pd

from MicrocalcAILib.base.errors import WarningRecord

from .columns import ColumnMapping, Variable
from .table import TableError, name_rows
from .wording import lesions_text

CONSENSUS_WORDS = frozenset({"consensus", "joint", "joint review", "joint reading", "agreed"})


def is_consensus(readers: pd.Series) -> pd.Series:
    """True where the reading is the agreed one of a joint review, not one of an independent reader."""
    return readers.str.casefold().isin(CONSENSUS_WORDS)


def collect_readings(
    table: pd.DataFrame, values: pd.DataFrame, lesions: pd.Series, mapping: ColumnMapping
) -> pd.DataFrame:
    """One row per single reading: ``lesion``, ``reader``, ``repeat`` and the values.

    Raises
    ------
    TableError
        When the same lesion, reader and repeat stands in more than one row.
    """
    readings = values.copy()
    readings.insert(0, "lesion", lesions)
    readings.insert(1, "reader", table[mapping.reader].fillna("") if mapping.reader is not None else "")
    readings.insert(2, "repeat", table[mapping.repeat].fillna("") if mapping.repeat is not None else "")
    keys = readings[["lesion", "reader", "repeat"]]
    repeated = keys.duplicated(keep=False)
    if repeated.any():
        remedy = (
            "please name the column that tells readers or repeats apart"
            if mapping.reader is None and mapping.repeat is None
            else "please remove the surplus rows"
        )
        raise TableError(f"The same lesion and reading stands in {name_rows(keys.index[repeated])}; {remedy}.")
    return readings


def same_in_lesion(column: pd.Series, lesions: pd.Series, what: str) -> pd.Series:
    """The value all rows of a lesion share, in order of first appearance.

    Raises
    ------
    TableError
        When rows of one lesion differ.
    """
    grouped = column.groupby(lesions.to_numpy(), sort=False)
    differing = grouped.nunique(dropna=False)
    wrong = set(differing.index[differing > 1])
    if wrong:
        rows = column.index[lesions.isin(wrong)]
        raise TableError(f"The {what} differs between rows of the same lesion: {name_rows(rows)}.")
    return grouped.first()


def one_value_per_lesion(
    readings: pd.DataFrame, variables: tuple[Variable, ...], warnings: list[WarningRecord]
) -> pd.DataFrame:
    """The paper's rule: mean over a reader's repeats, then over readers; a joint reading replaces the mean.

    A category is the value read most often, the first one at a tie; differing readings are added to ``warnings``.
    """
    lesions = pd.unique(readings["lesion"])
    joint = is_consensus(readings["reader"])
    result = pd.DataFrame(index=lesions)
    for variable in variables:
        column = readings[variable.name]
        decided = joint & column.notna()
        settled = readings["lesion"].isin(set(readings.loc[decided, "lesion"]))
        used = readings[decided | ~settled]
        if variable.kind == "category":
            categories = column.cat.categories
            counts = pd.crosstab(used["lesion"], used[variable.name])
            counts = counts.reindex(index=lesions, columns=categories, fill_value=0)
            most = counts.idxmax(axis=1).where(counts.sum(axis=1) > 0)
            result[variable.name] = pd.Categorical(most, categories=categories)
            differing = int(((counts > 0).sum(axis=1) > 1).sum())
            if differing:
                message = (
                    f"“{variable.name}” differs between readings of {lesions_text(differing)}; the most frequent is "
                    "used."
                )
                warnings.append(WarningRecord("category-differs", message))
        else:
            per_reader = used.groupby(["lesion", "reader"], sort=False)[variable.name].mean()
            result[variable.name] = per_reader.groupby(level="lesion", sort=False).mean().reindex(lesions)
    return result
