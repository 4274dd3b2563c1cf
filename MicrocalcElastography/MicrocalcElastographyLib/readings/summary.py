"""The readings of a lesion, and of all lesions read twice, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from MicrocalcAILib.base.errors import ResultError

from ..cohort.readings import is_consensus
from ..cohort.wording import estimate_text, number
from ..protocol import USUAL_LIMITS, ProtocolParameters, Status, check_repeats, repeat_spread
from .agreement import LARGEST_DISCREPANCY, agreement
from .reading import KEY_COLUMNS, Reading, variable_of
from .table import table_of

COMPARED = ("elasticity_mean_kpa", "elasticity_max_kpa", "strain_ratio", "stiffness_ratio")
_REPEATED = {"elasticity_mean_kpa": "mean", "strain_ratio": "mean strain ratio"}
_FEWEST_LESIONS = 3


def next_repeat(readings: Sequence[Reading], lesion: str, reader: str) -> int:
    """Number of the next acquisition of a lesion by a reader, from 1."""
    done = [reading.repeat for reading in readings if (reading.lesion, reading.reader) == (lesion, reader)]
    return max(done, default=0) + 1


def with_reading(readings: Sequence[Reading], reading: Reading) -> tuple[Reading, ...]:
    """The readings and one more.

    Raises
    ------
    ResultError
        When lesion, reader and repeat are among them already.
    """
    key = [getattr(reading, name) for name in KEY_COLUMNS]
    if any([getattr(other, name) for name in KEY_COLUMNS] == key for other in readings):
        raise ResultError(
            f"Repeat {reading.repeat} of lesion “{reading.lesion}” by reader “{reading.reader}” is stored already; "
            "delete it first."
        )
    return (*readings, reading)


def records_of(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """JSON-ready."""
    return [asdict(reading) for reading in readings]


def readings_of_records(records: Sequence[Mapping[str, Any]]) -> tuple[Reading, ...]:
    """The readings of :func:`records_of`; what another version added is left out."""
    known = {field.name for field in fields(Reading)}
    return tuple(Reading(**{name: value for name, value in record.items() if name in known}) for record in records)


def lesion_summary(
    readings: Sequence[Reading], lesion: str, limits: ProtocolParameters = USUAL_LIMITS
) -> tuple[tuple[Status, str], ...]:
    """Repeats of each reader and how the readers agree, each with a status and one sentence.

    Parameters
    ----------
    readings : sequence of Reading
    lesion : str
    limits : ProtocolParameters
        Repeats wanted and their largest spread.
    """
    own = [reading for reading in readings if reading.lesion == lesion]
    if not own:
        return ()
    table = table_of(own)
    found: list[tuple[Status, str]] = []
    quantity = next((name for name in _REPEATED if table[name].notna().any()), None)
    if quantity is not None:
        for reader, repeats in table[table[quantity].notna()].groupby("reader", sort=False):
            found.append(_repeats(str(reader), repeats[quantity].tolist(), quantity, limits))
    for name in COMPARED:
        result = agreement(table, name)
        if result is None or result.discrepancy is None:
            continue
        status = Status.WARN if result.status == "needs consensus" else Status.PASS
        readers = " and ".join(result.readers)
        sentence = (
            f"{variable_of(name).label}: {readers} differ by {result.discrepancy:.0%} "
            f"(limit {LARGEST_DISCREPANCY:.0%}); {result.status}, value {_value(result.value, name)}."
        )
        found.append((status, sentence))
    return tuple(found)


def _repeats(reader: str, values: list[float], quantity: str, limits: ProtocolParameters) -> tuple[Status, str]:
    checks = check_repeats(values, variable_of(quantity).label.lower(), limits)
    spread = repeat_spread(values)
    statuses = [check.status for check in checks]
    status = Status.WARN if Status.WARN in statuses else Status.PASS
    mean = f"{_REPEATED[quantity]} {_value(spread.mean, quantity)}"
    words = f"Reader {reader}: {spread.count} of {limits.repeats} repeats, {mean}"
    if spread.count > 1 and spread.relative_interquartile_range is not None:
        words += f", interquartile range {spread.relative_interquartile_range:.0%} of the median"
        words += f" (limit {limits.spread:.0%})"
    return status, f"{words}."


def reader_summary(readings: Sequence[Reading]) -> tuple[str, ...]:
    """Agreement of the first two readers over all lesions that both read; nothing below three such lesions."""
    from MicrocalcAILib.statistics.agreement import bland_altman, intraclass_correlation

    if not readings:
        return ()
    table = table_of(readings)
    table = table[~is_consensus(table["reader"])]
    sentences = []
    for name in COMPARED:
        means = table.groupby(["lesion", "reader"], sort=False)[name].mean().unstack("reader")
        means = means.dropna(axis=1, how="all")
        if means.shape[1] < 2:
            continue
        both = means.iloc[:, :2].dropna()
        if len(both) < _FEWEST_LESIONS or _is_constant(both):
            continue
        first, second = (str(reader) for reader in both.columns)
        correlation = intraclass_correlation(both.to_numpy())
        limits = bland_altman(both.iloc[:, 0], both.iloc[:, 1])
        sentences.append(
            f"{variable_of(name).label}, {len(both)} lesions read by {first} and {second}: ICC(2,1) "
            f"{estimate_text(correlation)}; bias {_value(limits.bias.value, name)}, limits of agreement "
            f"{number(limits.lower_limit.value)} to {_value(limits.upper_limit.value, name)}."
        )
    return tuple(sentences)


def _is_constant(table: pd.DataFrame) -> bool:
    return bool(table.to_numpy().std() == 0)


def _value(value: float, name: str) -> str:
    return f"{number(value)} {variable_of(name).unit}".rstrip()
