"""Do readers and repeats agree? Intraclass correlation, Bland–Altman, kappa, variation, and who needs a third look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from MicrocalcAILib.statistics.agreement import (
    BlandAltman,
    WithinSubject,
    bland_altman,
    cohen_kappa,
    intraclass_correlation,
    within_subject,
)
from MicrocalcAILib.statistics.estimate import Estimate

from .columns import Variable
from .lesions import Cohort
from .readings import is_consensus
from .table import name_rows

CONSENSUS_DISCREPANCY = 0.20


@dataclass(frozen=True)
class ReaderPair:
    """Two readers on the lesions both measured (first − second).

    Parameters
    ----------
    first, second : str
    differences, means : float arrays, shape (lesions,)
    absolute : BlandAltman
        In the variable's unit.
    relative : BlandAltman or None
        In percent of the mean of both; None for steps.
    proportional_p : float
        Does the difference grow with the size (Pearson's correlation of difference and mean)? Below 0.05 the relative
        limits are the ones to read.
    """

    first: str
    second: str
    differences: NDArray[np.float64]
    means: NDArray[np.float64]
    absolute: BlandAltman
    relative: BlandAltman | None
    proportional_p: float


@dataclass(frozen=True)
class NumberAgreement:
    """Agreement on one measurement.

    Parameters
    ----------
    variable : Variable
    lesion_count : int
        Measured by every reader.
    readers : tuple of str
    absolute_icc, consistency_icc : Estimate or None
        ICC(2,1) and ICC(3,1) of single readers (mean over their repeats); None with one reader.
    between_readers : WithinSubject or None
    pairs : tuple of ReaderPair
    repeats : dict
        Reader → spread of the reader's repeats.
    repeat_icc : dict
        Reader → ICC(2,1) of the reader's single repeats.
    consensus : DataFrame
        Lesions whose readers differ by more than 20 % of their mean: ``rows`` (numbers in the table, so that no
        patient is named), one column per reader, ``discrepancy_percent``.
    dichotomous_kappa : dict
        Cut-off → kappa of the two first readers on above and below.
    """

    variable: Variable
    lesion_count: int
    readers: tuple[str, ...]
    absolute_icc: Estimate | None
    consistency_icc: Estimate | None
    between_readers: WithinSubject | None
    pairs: tuple[ReaderPair, ...]
    repeats: Mapping[str, WithinSubject]
    repeat_icc: Mapping[str, Estimate]
    consensus: pd.DataFrame
    dichotomous_kappa: Mapping[float, Estimate]


@dataclass(frozen=True)
class CategoryAgreement:
    """Agreement of two readers on steps or categories; weighted kappas are None for categories without an order."""

    variable: Variable
    first: str
    second: str
    lesion_count: int
    percent_equal: float
    kappa: Estimate
    linear_kappa: Estimate | None
    quadratic_kappa: Estimate | None
    counts: pd.DataFrame


@dataclass(frozen=True)
class Agreement:
    """Agreement on everything that was read more than once."""

    numbers: tuple[NumberAgreement, ...]
    categories: tuple[CategoryAgreement, ...]


def assess_agreement(cohort: Cohort, cutoffs: Mapping[str, tuple[float, ...]]) -> Agreement | None:
    """Agreement of readers and repeats; None when every lesion was read once.

    Parameters
    ----------
    cutoffs : mapping
        Variable name → cut-offs at which the readers' verdicts are compared by kappa.
    """
    if cohort.readings is None:
        return None
    readings = cohort.readings[~is_consensus(cohort.readings["reader"])]
    numbers, categories = [], []
    for variable in cohort.variables:
        if variable.name not in readings.columns or not _is_reread(readings, variable.name):
            continue
        if variable.kind == "continuous":
            numbers.append(_numbers(readings, variable, cutoffs.get(variable.name, ())))
        else:
            categories.extend(_categories(readings, variable))
    return Agreement(tuple(numbers), tuple(categories)) if numbers or categories else None


def _is_reread(readings: pd.DataFrame, name: str) -> bool:
    """False for what only describes the lesion: the same in every one of its readings."""
    return bool((readings.groupby("lesion")[name].nunique() > 1).any())


def _by_reader(readings: pd.DataFrame, name: str) -> pd.DataFrame:
    """Mean of each reader's repeats: lesions × readers, lesions measured by all readers only."""
    return readings.groupby(["lesion", "reader"], sort=False)[name].mean().unstack("reader").dropna()


def _numbers(readings: pd.DataFrame, variable: Variable, cutoffs: tuple[float, ...]) -> NumberAgreement:
    table = _by_reader(readings, variable.name)
    several = table.shape[1] > 1 and len(table) > 2
    positive = bool((readings[variable.name].dropna() > 0).all())
    repeats: dict[str, WithinSubject] = {}
    repeat_icc: dict[str, Estimate] = {}
    for reader, part in readings.groupby("reader", sort=False):
        repeated = part.pivot(index="lesion", columns="repeat", values=variable.name).dropna()
        if repeated.shape[1] > 1 and len(repeated) > 2:
            repeat_icc[str(reader)] = intraclass_correlation(repeated.to_numpy(), form="ICC(2,1)")
            if positive:
                repeats[str(reader)] = within_subject(repeated.to_numpy())
    return NumberAgreement(
        variable=variable,
        lesion_count=len(table),
        readers=tuple(str(reader) for reader in table.columns),
        absolute_icc=intraclass_correlation(table.to_numpy(), form="ICC(2,1)") if several else None,
        consistency_icc=intraclass_correlation(table.to_numpy(), form="ICC(3,1)") if several else None,
        between_readers=within_subject(table.to_numpy()) if several and positive else None,
        pairs=tuple(_pair(table, *readers) for readers in combinations(table.columns, 2)) if several else (),
        repeats=repeats,
        repeat_icc=repeat_icc,
        consensus=needs_consensus(table, readings["lesion"]),
        dichotomous_kappa={
            cutoff: cohen_kappa(*((table[reader] >= cutoff).to_numpy() for reader in table.columns[:2]))
            for cutoff in cutoffs
            if several
        },
    )


def needs_consensus(table: pd.DataFrame, lesions: pd.Series) -> pd.DataFrame:
    """Lesions whose readers differ by more than 20 % of their mean (Yan & Fang 2025), the largest difference first.

    Parameters
    ----------
    table : DataFrame, lesions × readers
    lesions : Series
        Lesion of each reading; the index is the row number in the user's table.
    """
    discrepancy = (table.max(axis=1) - table.min(axis=1)) / table.mean(axis=1).abs()
    chosen = discrepancy[discrepancy > CONSENSUS_DISCREPANCY].sort_values(ascending=False, kind="stable")
    found = table.loc[chosen.index].rename(columns=lambda reader: f"reader {reader}").rename_axis(None, axis=1)
    found.insert(0, "rows", [name_rows(lesions.index[lesions == lesion]) for lesion in chosen.index])
    return found.assign(discrepancy_percent=100 * chosen).reset_index(drop=True)


def _pair(table: pd.DataFrame, first: str, second: str) -> ReaderPair:
    one, other = table[first].to_numpy(dtype=float), table[second].to_numpy(dtype=float)
    differences, means = one - other, (one + other) / 2
    varies = np.ptp(differences) > 0 and np.ptp(means) > 0
    return ReaderPair(
        first=str(first),
        second=str(second),
        differences=differences,
        means=means,
        absolute=bland_altman(one, other),
        relative=bland_altman(100 * one / means, 100 * other / means) if (means > 0).all() else None,
        proportional_p=float(stats.pearsonr(differences, means).pvalue) if varies else float("nan"),
    )


def _categories(readings: pd.DataFrame, variable: Variable) -> list[CategoryAgreement]:
    """Kappa of every two readers; of a reader's repeats the first counts."""
    first_repeat = readings.drop_duplicates(["lesion", "reader"])
    table = first_repeat.pivot(index="lesion", columns="reader", values=variable.name).dropna()
    found = []
    for one, other in combinations(table.columns, 2):
        pair = table[[one, other]].astype(object)
        if len(pair) < 3:
            continue
        levels = sorted(pd.unique(pair.to_numpy().ravel()))
        if variable.kind == "ordinal":
            levels = list(np.arange(min(levels), max(levels) + 1)) if _whole(levels) else levels
        ordered = variable.kind == "ordinal" or variable.key in ("birads", "density")
        readers = pair[one].to_numpy(), pair[other].to_numpy()
        counts = pd.crosstab(pair[one], pair[other]).reindex(index=levels, columns=levels, fill_value=0)
        found.append(
            CategoryAgreement(
                variable=variable,
                first=str(one),
                second=str(other),
                lesion_count=len(pair),
                percent_equal=float(100 * (readers[0] == readers[1]).mean()),
                kappa=cohen_kappa(*readers, categories=levels),
                linear_kappa=cohen_kappa(*readers, weights="linear", categories=levels) if ordered else None,
                quadratic_kappa=cohen_kappa(*readers, weights="quadratic", categories=levels) if ordered else None,
                counts=counts,
            )
        )
    return found


def _whole(levels: list[float]) -> bool:
    return all(float(level).is_integer() for level in levels)
