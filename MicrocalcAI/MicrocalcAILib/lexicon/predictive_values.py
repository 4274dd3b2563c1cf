"""How often lesions described by a word were malignant, in every cohort known, each with its source."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass

import pandas as pd

from ..base.resources import resource_path
from .vocabulary import word

_TABLES = ("Lexicon/predictive_values.csv", "Lexicon/predictive_values_cbis.csv")


@dataclass(frozen=True)
class Cohort:
    """Where a predictive value comes from.

    Parameters
    ----------
    title, source, population : str
    year : int
    lesions : int or None
        Size of the whole cohort, where it is published.
    """

    title: str
    year: int
    lesions: int | None
    source: str
    population: str


@dataclass(frozen=True)
class PredictiveValue:
    """Share of malignant lesions among those described by a word, in one cohort.

    Parameters
    ----------
    percent, low_percent, high_percent : float
        Value and 95 % interval; NaN where no interval is published.
    cases : int or None
        Lesions described by the word, where that is published.
    cohort : Cohort
    note : str
    """

    percent: float
    low_percent: float
    high_percent: float
    cases: int | None
    cohort: Cohort
    note: str

    def __str__(self) -> str:
        interval = ""
        if not math.isnan(self.low_percent):
            interval = f" ({self.low_percent:g} to {self.high_percent:g})"
        cases = f", {self.cases} lesions" if self.cases else ""
        return f"{self.percent:g} %{interval}, {self.cohort.title} {self.cohort.year}{cases}"


def predictive_values(kind: str, name: str) -> tuple[PredictiveValue, ...]:
    """The word's positive predictive value in every cohort that reports it; empty when none does.

    Parameters
    ----------
    kind : {"morphology", "distribution"}
    name : str
        A word of the lexicon.

    Raises
    ------
    ParameterError
        When the lexicon does not hold the word.
    """
    word(kind, name)
    table = _table()
    chosen = table[(table["kind"] == kind) & (table["word"] == name)]
    return tuple(
        PredictiveValue(
            float(row["percent"]),
            float(row["low_percent"]),
            float(row["high_percent"]),
            None if pd.isna(row["cases"]) else int(row["cases"]),
            _cohorts()[row["cohort"]],
            str(row["note"]),
        )
        for row in chosen.to_dict("records")
    )


def predictive_value_sentence(kind: str, name: str) -> str:
    """Range over the cohorts in one sentence that says how much they differ."""
    values = predictive_values(kind, name)
    display = word(kind, name).display
    if not values:
        return f"No cohort reports how often {display} calcifications are malignant."
    lowest, highest = min(value.percent for value in values), max(value.percent for value in values)
    if len(values) == 1:
        return f"{display.capitalize()}: {values[0]}; no other cohort reports it."
    text = f"{display.capitalize()}: {lowest:g} to {highest:g} % malignant in {len(values)} cohorts"
    if highest >= 1.5 * lowest > 0:
        times = highest / lowest
        text += f", which differ {times:.1f}-fold" if times < 2.5 else f", which differ {times:.0f}-fold"
    return text + ": they depend on who was examined and biopsied."


@functools.cache
def _cohorts() -> dict[str, Cohort]:
    content = json.loads(resource_path("Lexicon/cohorts.json").read_text(encoding="utf-8"))
    return {name: Cohort(**entry) for name, entry in content.items()}


@functools.cache
def _table() -> pd.DataFrame:
    table = pd.concat([pd.read_csv(resource_path(name)) for name in _TABLES], ignore_index=True)
    return table.assign(note=table["note"].fillna(""))
