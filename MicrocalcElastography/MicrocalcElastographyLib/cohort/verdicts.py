"""A protocol beside its data: hypotheses, flow of participants, days between the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.statistics.estimate import Estimate

from .analysis import CohortAnalysis
from .diagnostics import Cutoff, Performance
from .protocol import FlowStep, Hypothesis, StudyProtocol

MET, NOT_MET, NOT_TESTABLE = "shown", "not shown", "cannot be tested"


@dataclass(frozen=True)
class HypothesisResult:
    """A hypothesis and what became of it: shown when the lower end of the 95 % interval lies above the value."""

    hypothesis: Hypothesis
    estimate: Estimate | None
    verdict: str


@dataclass(frozen=True)
class Flow:
    """Participants from screening to the final diagnosis, for the STARD diagram.

    Parameters
    ----------
    screened : int
    steps : tuple of FlowStep
    analyzed : int
        In the table, in the unit of the protocol.
    unit : str
    test : str
        The index test and its cut-off.
    positive, negative : (int, int)
        Lesions beyond and within the cut-off: malignant and benign.
    """

    screened: int
    steps: tuple[FlowStep, ...]
    analyzed: int
    unit: str
    test: str
    positive: tuple[int, int]
    negative: tuple[int, int]


def hypothesis_results(analysis: CohortAnalysis, protocol: StudyProtocol) -> tuple[HypothesisResult, ...]:
    """Every hypothesis of the protocol with its estimate."""
    return tuple(_judge(analysis, hypothesis) for hypothesis in protocol.hypotheses)


def _judge(analysis: CohortAnalysis, hypothesis: Hypothesis) -> HypothesisResult:
    name = analysis.cohort.variable(hypothesis.parameter).name
    performance = next((found for found in analysis.performances if found.variable.name == name), None)
    estimate = None
    if performance is not None and hypothesis.measure == "auc":
        estimate = performance.auc
    elif performance is not None and (cutoff := primary_cutoff(performance)) is not None:
        estimate = getattr(cutoff.table, hypothesis.measure)
    if estimate is None or not np.isfinite(estimate.low):
        return HypothesisResult(hypothesis, estimate, NOT_TESTABLE)
    return HypothesisResult(hypothesis, estimate, MET if estimate.low > hypothesis.above else NOT_MET)


def primary_cutoff(performance: Performance) -> Cutoff | None:
    """The first cut-off that the protocol fixed."""
    return next((cutoff for cutoff in performance.cutoffs if cutoff.is_prespecified), None)


def study_flow(analysis: CohortAnalysis, protocol: StudyProtocol) -> Flow | None:
    """The flow, with the first parameter that has a prespecified cut-off; None without counts or such a cut-off."""
    if protocol.screened is None:
        return None
    for performance in analysis.performances:
        cutoff = primary_cutoff(performance)
        if cutoff is not None:
            words = cutoff.words(performance.is_high_suspicious, performance.variable.unit)
            table = cutoff.table
            return Flow(
                screened=protocol.screened,
                steps=protocol.steps,
                analyzed=analyzed_count(analysis, protocol),
                unit=protocol.unit,
                test=f"{performance.variable.label} {words}",
                positive=(table.true_positive, table.false_positive),
                negative=(table.false_negative, table.true_negative),
            )
    return None


def analyzed_count(analysis: CohortAnalysis, protocol: StudyProtocol) -> int:
    """Patients or lesions in the table, whichever the protocol counts."""
    cohort = analysis.cohort
    return len(np.unique(cohort.patients)) if protocol.unit == "patients" else len(cohort.patients)


def interval_text(analysis: CohortAnalysis, protocol: StudyProtocol) -> str:
    """Days between index test and reference standard: from the column, or as the protocol says; empty if unknown."""
    if not protocol.interval_column:
        return protocol.interval_text
    days = analysis.cohort.values[analysis.cohort.variable(protocol.interval_column).name].dropna().astype(float)
    if not len(days):
        return ""
    first, median, third = np.percentile(days, [25, 50, 75])
    return f"median {median:g} days (quartiles {first:g} to {third:g}, range {days.min():g} to {days.max():g})"


def protocol_cautions(analysis: CohortAnalysis, protocol: StudyProtocol) -> Iterator[WarningRecord]:
    """Where the data and the protocol do not fit."""
    expected, found = protocol.expected, analyzed_count(analysis, protocol)
    if expected is not None and expected != found:
        yield WarningRecord(
            "flow-does-not-add-up",
            f"By the protocol's counts {expected} {protocol.unit} should be analyzed, but the table holds {found}.",
        )
    given = {name for name in protocol.cutoffs if name}
    tested = {name for found in analysis.performances for name in (found.variable.name, found.variable.label)}
    for name in sorted(given):
        variable = analysis.cohort.variable(name)
        if variable.name not in tested:
            yield WarningRecord(
                "prespecified-not-tested",
                f"The protocol fixes a cut-off of {variable.label}, but too few lesions have it to test it.",
            )
