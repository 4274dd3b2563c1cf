"""Do readers and repeats agree? Intraclass correlation, Bland–Altman, kappa, variation, and who needs a third look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.statistics.agreement import (
    BlandAltman,
    WithinSubject,
    bland_altman,
    cohen_kappa,
    intraclass_correlation,
    several_reader_kappa,
    within_subject,
)
from MicrocalcAILib.statistics.clustered import is_clustered
from MicrocalcAILib.statistics.estimate import Estimate
from MicrocalcAILib.statistics.resampling import bootstrap_estimate, jackknife_errors

from .columns import Variable
from .lesions import Cohort
from .readings import DISCREPANCY, is_consensus, partial_readers
from .table import name_rows

Array = NDArray[np.float64]
_RESAMPLES = 1000  # of the intervals over patients


@dataclass(frozen=True)
class ReaderPair:
    """Two readers on the lesions both measured (first − second).

    Parameters
    ----------
    first, second : str
    is_partial : bool
        True when one of them read a part of the lesions only, perhaps the difficult ones.
    absolute_icc : Estimate
        ICC(2,1) of the two.
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
    is_partial: bool
    absolute_icc: Estimate
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
        Measured by every one of ``readers``.
    readers : tuple of str
        Who read all lesions, or most; not an adjudicator or another reader of a part.
    absolute_icc, consistency_icc : Estimate or None
        ICC(2,1) and ICC(3,1) of single readers (mean over their repeats), all ``readers`` together; None with one.
    between_readers : WithinSubject or None
    pairs : tuple of ReaderPair
        Every two readers, each pair on the lesions both read.
    repeats : dict
        Reader → spread of the reader's repeats.
    repeat_icc : dict
        Reader → ICC(2,1) of the reader's single repeats.
    consensus : DataFrame
        Lesions whose readers differ by more than 20 % of their mean: ``rows`` (numbers in the table, so that no
        patient is named), one column per reader, ``discrepancy_percent``.
    dichotomous_kappa : dict
        Cut-off → agreement of ``readers`` on above and below: Cohen's kappa of two, Conger's of more.
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
class SeveralReaderAgreement:
    """Agreement of three or more readers on categories: Fleiss' and Conger's kappa on the lesions all of them read."""

    variable: Variable
    readers: tuple[str, ...]
    lesion_count: int
    fleiss: Estimate
    conger: Estimate


@dataclass(frozen=True)
class Agreement:
    """Agreement on everything that was read more than once."""

    numbers: tuple[NumberAgreement, ...]
    categories: tuple[CategoryAgreement, ...]
    several: tuple[SeveralReaderAgreement, ...] = ()


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
    partial = partial_readers(readings)
    patients = pd.Series(cohort.patients, index=cohort.values.index)
    numbers, categories, several = [], [], []
    for variable in cohort.variables:
        if variable.name not in readings.columns or not _is_reread(readings, variable.name):
            continue
        if variable.kind == "continuous":
            numbers.append(_numbers(readings, variable, cutoffs.get(variable.name, ()), partial, patients))
            continue
        categories.extend(_categories(readings, variable, patients))
        together = _several(readings, variable, partial, patients)
        several += [together] if together is not None else []
    return Agreement(tuple(numbers), tuple(categories), tuple(several)) if numbers or categories else None


def _is_reread(readings: pd.DataFrame, name: str) -> bool:
    """False for what only describes the lesion: the same in every one of its readings."""
    return bool((readings.groupby("lesion")[name].nunique() > 1).any())


def _by_patient(measure: Callable[[Any], Estimate], table: Any, patients: NDArray[np.str_]) -> Estimate:
    """The measure of the rows of a table, its interval by bootstrap over patients when they have several lesions."""
    found = measure(table)
    if not is_clustered(patients):
        return found

    def value(rows: NDArray[np.intp]) -> float:
        try:
            return measure(table[rows]).value
        except ParameterError:
            return float("nan")

    try:
        spread = bootstrap_estimate(value, patients, resamples=_RESAMPLES, method="percentile")
    except ParameterError:
        return Estimate(found.value, np.nan, np.nan, found.confidence, found.method)
    return Estimate(found.value, spread.low, spread.high, found.confidence, f"{found.method}, bootstrap by patient")


def _absolute_icc(table: Any) -> Estimate:
    return intraclass_correlation(table, form="ICC(2,1)")


def _consistency_icc(table: Any) -> Estimate:
    return intraclass_correlation(table, form="ICC(3,1)")


def _verdict_kappa(verdicts: Any) -> Estimate:
    if verdicts.shape[1] == 2:
        return cohen_kappa(verdicts[:, 0], verdicts[:, 1])
    return Estimate(several_reader_kappa(verdicts, kind="Conger"), np.nan, np.nan, method="Conger")


def _numbers(
    readings: pd.DataFrame,
    variable: Variable,
    cutoffs: tuple[float, ...],
    partial: tuple[str, ...],
    patients: pd.Series,
) -> NumberAgreement:
    """Mean of each reader's repeats, lesions × readers; all readers together on the lesions none of them left out."""
    everyone = readings.groupby(["lesion", "reader"], sort=False)[variable.name].mean().unstack("reader")
    table = everyone[[reader for reader in everyone.columns if reader not in partial]].dropna()
    owners = patients[table.index].to_numpy(dtype=str)
    several = table.shape[1] > 1 and len(table) > 2 and np.ptp(table.to_numpy()) > 0
    positive = bool((readings[variable.name].dropna() > 0).all())
    repeats: dict[str, WithinSubject] = {}
    repeat_icc: dict[str, Estimate] = {}
    for reader, part in readings.groupby("reader", sort=False):
        repeated = part.pivot(index="lesion", columns="repeat", values=variable.name).dropna()
        if repeated.shape[1] > 1 and len(repeated) > 2:
            own = patients[repeated.index].to_numpy(dtype=str)
            repeat_icc[str(reader)] = _by_patient(_absolute_icc, repeated.to_numpy(), own)
            if positive:
                repeats[str(reader)] = within_subject(repeated.to_numpy())
    pairs = [
        _pair(both, *readers, is_partial=bool(set(readers) & set(partial)), patients=patients)
        for readers in combinations(everyone.columns, 2)
        if len(both := everyone[list(readers)].dropna()) > 2 and np.ptp(both.to_numpy()) > 0
    ]
    return NumberAgreement(
        variable=variable,
        lesion_count=len(table),
        readers=tuple(str(reader) for reader in table.columns),
        absolute_icc=_by_patient(_absolute_icc, table.to_numpy(), owners) if several else None,
        consistency_icc=_by_patient(_consistency_icc, table.to_numpy(), owners) if several else None,
        between_readers=within_subject(table.to_numpy()) if several and positive else None,
        pairs=tuple(pairs),
        repeats=repeats,
        repeat_icc=repeat_icc,
        consensus=needs_consensus(table, readings["lesion"]),
        dichotomous_kappa={
            cutoff: _by_patient(_verdict_kappa, (table >= cutoff).to_numpy(), owners) for cutoff in cutoffs if several
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
    chosen = discrepancy[discrepancy > DISCREPANCY].sort_values(ascending=False, kind="stable")
    found = table.loc[chosen.index].rename(columns=lambda reader: f"reader {reader}").rename_axis(None, axis=1)
    found.insert(0, "rows", [name_rows(lesions.index[lesions == lesion]) for lesion in chosen.index])
    return found.assign(discrepancy_percent=100 * chosen).reset_index(drop=True)


def _pair(table: pd.DataFrame, first: str, second: str, *, is_partial: bool, patients: pd.Series) -> ReaderPair:
    one, other = table[first].to_numpy(dtype=float), table[second].to_numpy(dtype=float)
    differences, means = one - other, (one + other) / 2
    varies = np.ptp(differences) > 0 and np.ptp(means) > 0
    owners = patients[table.index].to_numpy(dtype=str)
    return ReaderPair(
        first=str(first),
        second=str(second),
        is_partial=is_partial,
        absolute_icc=_by_patient(_absolute_icc, table.to_numpy(), owners),
        differences=differences,
        means=means,
        absolute=_limits(one, other, owners),
        relative=_limits(100 * one / means, 100 * other / means, owners) if (means > 0).all() else None,
        proportional_p=float(stats.pearsonr(differences, means).pvalue) if varies else float("nan"),
    )


def _limits(first: Array, second: Array, patients: NDArray[np.str_]) -> BlandAltman:
    """Limits of agreement; their intervals by jackknife over patients when these have several lesions."""
    found = bland_altman(first, second)
    if not is_clustered(patients):
        return found

    def parts(limits: BlandAltman) -> list[float]:
        return [limits.bias.value, limits.lower_limit.value, limits.upper_limit.value]

    values, errors = jackknife_errors(lambda rows: parts(bland_altman(first[rows], second[rows])), patients)
    half = float(stats.t.ppf(0.975, len(np.unique(patients)) - 1)) * errors
    bias, lower, upper = (
        Estimate(float(value), float(value - reach), float(value + reach), method="jackknife by patient")
        for value, reach in zip(values, half, strict=True)
    )
    return replace(found, bias=bias, lower_limit=lower, upper_limit=upper)


def _categories(readings: pd.DataFrame, variable: Variable, patients: pd.Series) -> list[CategoryAgreement]:
    """Kappa of every two readers on the lesions both read; of a reader's repeats the first counts."""
    table = _first_readings(readings, variable)
    found = []
    for one, other in combinations(table.columns, 2):
        pair = table[[one, other]].dropna().astype(object)
        if len(pair) < 3:
            continue
        levels = sorted(pd.unique(pair.to_numpy().ravel()))
        if variable.kind == "ordinal":
            levels = list(np.arange(min(levels), max(levels) + 1)) if _whole(levels) else levels
        ordered = variable.kind == "ordinal" or variable.key in ("birads", "density")
        owners = patients[pair.index].to_numpy(dtype=str)

        def kappa(weights: Any, pair: Any = pair, levels: Any = levels, owners: Any = owners) -> Estimate:
            def measure(rows: Any) -> Estimate:
                return cohen_kappa(rows[:, 0], rows[:, 1], weights=weights, categories=levels)

            return _by_patient(measure, pair.to_numpy(), owners)

        found.append(
            CategoryAgreement(
                variable=variable,
                first=str(one),
                second=str(other),
                lesion_count=len(pair),
                percent_equal=float(100 * (pair[one] == pair[other]).mean()),
                kappa=kappa("none"),
                linear_kappa=kappa("linear") if ordered else None,
                quadratic_kappa=kappa("quadratic") if ordered else None,
                counts=pd.crosstab(pair[one], pair[other]).reindex(index=levels, columns=levels, fill_value=0),
            )
        )
    return found


def _first_readings(readings: pd.DataFrame, variable: Variable) -> pd.DataFrame:
    first = readings.drop_duplicates(["lesion", "reader"])
    return first.pivot(index="lesion", columns="reader", values=variable.name)


def _several(
    readings: pd.DataFrame, variable: Variable, partial: tuple[str, ...], patients: pd.Series
) -> SeveralReaderAgreement | None:
    """Three or more readers together; None with fewer."""
    table = _first_readings(readings, variable)
    table = table[[reader for reader in table.columns if reader not in partial]].dropna().astype(object)
    if table.shape[1] < 3 or len(table) < 3:
        return None
    owners = patients[table.index].to_numpy(dtype=str)
    ratings = table.to_numpy()

    def kappa(kind: Literal["Fleiss", "Conger"]) -> Estimate:
        def value(rows: NDArray[np.intp]) -> float:
            return several_reader_kappa(ratings[rows], kind=kind)

        try:
            return bootstrap_estimate(value, owners, resamples=_RESAMPLES, method="percentile")
        except ParameterError:
            return Estimate(value(np.arange(len(ratings))), np.nan, np.nan, method=kind)

    readers = tuple(str(reader) for reader in table.columns)
    return SeveralReaderAgreement(variable, readers, len(table), kappa("Fleiss"), kappa("Conger"))


def _whole(levels: list[float]) -> bool:
    return all(float(level).is_integer() for level in levels)
