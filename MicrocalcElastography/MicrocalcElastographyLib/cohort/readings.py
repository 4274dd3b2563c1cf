"""Single readings (readers, repeats) and the one value per lesion made from them."""

from __future__ import annotations

import pandas as pd

from MicrocalcAILib.base.errors import WarningRecord

from .columns import ColumnMapping, Variable
from .table import TableError, name_rows
from .wording import lesions_text

DISCREPANCY = 0.20  # of the mean; beyond, a third reader decides (Yan & Fang 2025)
_PART_OF_THE_LESIONS = 0.5
_MOSTLY = 0.8
CONSENSUS_WORDS = frozenset({"consensus", "joint", "joint review", "joint reading", "agreed"})


def is_consensus(readers: pd.Series) -> pd.Series:
    """True where the reading is the agreed one of a joint review, not one of an independent reader."""
    return readers.str.casefold().isin(CONSENSUS_WORDS)


def partial_readers(readings: pd.DataFrame) -> tuple[str, ...]:
    """Readers of less than half as many lesions as the busiest one, when at least two others read more."""
    independent = readings[~is_consensus(readings["reader"])]
    counts = independent.groupby("reader", sort=False)["lesion"].nunique()
    if counts.empty:
        return ()
    few = counts < _PART_OF_THE_LESIONS * counts.max()
    return tuple(str(reader) for reader in counts.index[few]) if (~few).sum() >= 2 else ()


def adjudicators(readings: pd.DataFrame, variables: tuple[Variable, ...]) -> tuple[str, ...]:
    """Partial readers who were shown what the others disagree on.

    In four of five lesions they read, the other readers differ by more than 20 % of their mean in a number, by a step
    of a score, or in a category.
    """
    found = []
    partial = partial_readers(readings)
    others = readings[~readings["reader"].isin(partial) & ~is_consensus(readings["reader"])]
    disputed: set[str] = set()
    for variable in variables:
        by_lesion = others.groupby("lesion")
        if variable.kind == "continuous":
            means = others.groupby(["lesion", "reader"])[variable.name].mean().groupby(level="lesion")
            apart = (means.max() - means.min()) / means.mean().abs() > DISCREPANCY
        else:
            apart = by_lesion[variable.name].nunique() > 1
        disputed |= set(apart.index[apart])
    for reader in partial:
        own = set(readings.loc[readings["reader"] == reader, "lesion"])
        if len(own & disputed) >= _MOSTLY * len(own):
            found.append(reader)
    return tuple(found)


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

    So does the reading of an adjudicator, see :func:`adjudicators`.

    A category is the value read most often, the first one at a tie; differing readings are added to ``warnings``.
    """
    lesions = pd.unique(readings["lesion"])
    deciding = adjudicators(readings, variables)
    joint = is_consensus(readings["reader"]) | readings["reader"].isin(deciding)
    for reader in deciding:
        count = readings.loc[readings["reader"] == reader, "lesion"].nunique()
        message = (
            f"Reader {reader} read {lesions_text(count)} on which the others disagree, and was taken as the "
            "adjudicating reader: this reading replaces the mean of the others and stays out of their agreement."
        )
        warnings.append(WarningRecord("adjudicating-reader", message))
    for reader in sorted(set(partial_readers(readings)) - set(deciding)):
        count = readings.loc[readings["reader"] == reader, "lesion"].nunique()
        message = f"Reader {reader} read {lesions_text(count)} of {len(lesions)} only."
        warnings.append(WarningRecord("partial-reader", message))
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
