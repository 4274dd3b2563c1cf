"""Reporting checklists (STARD 2015, TRIPOD+AI, CLAIM) filled from a study; every item left to the author is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from MicrocalcAILib.base.errors import ResultError

from ..resources import resource_path
from .analysis import CohortAnalysis
from .cautions import study_cautions
from .diagnostics import Performance
from .protocol import MEASURES, StudyProtocol
from .regression import FIXED
from .verdicts import hypothesis_results, interval_text, primary_cutoff, study_flow
from .wording import cutoff_text, estimate_text, number, percent, share_text

FILES = ("stard_2015.json", "tripod_ai.json", "claim.json")
FORMAT = "microcalc reporting checklist"
FOR_THE_AUTHOR = "left to the author"
_OF_PROTOCOL = frozenset(  # answers that the protocol states; all others are computed from the data
    {"design", "sampling", "setting", "sample_size", "registration", "protocol", "exclusions", "indeterminate",
     "adverse_events"}
)  # fmt: skip


@dataclass(frozen=True)
class ChecklistItem:
    """One item: its number, what it asks for in short, the answer (empty: left to the author), and who gave it."""

    number: str
    section: str
    item: str
    answer: str
    origin: str


@dataclass(frozen=True)
class Checklist:
    """A filled checklist; the published wording counts, the items here are in short."""

    title: str
    source: str
    items: tuple[ChecklistItem, ...]

    @property
    def open_items(self) -> tuple[str, ...]:
        """Numbers of the items left to the author."""
        return tuple(item.number for item in self.items if not item.answer)


def filled_checklists(analysis: CohortAnalysis, protocol: StudyProtocol) -> tuple[Checklist, ...]:
    """All three checklists.

    Raises
    ------
    ResultError
        When a checklist that comes with the module is damaged.
    """
    answers = _answers(analysis, protocol)
    return tuple(_filled(name, answers, protocol.checklist) for name in FILES)


def _filled(name: str, answers: Mapping[str, str], authors: Mapping[str, str]) -> Checklist:
    try:
        content = json.loads(resource_path(f"Checklists/{name}").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError
        title, items = str(content["title"]), []
        for entry in content["items"]:
            computed = answers.get(entry.get("answer", ""), "")
            stated = authors.get(f"{title} {entry['number']}", "")
            own = "protocol" if entry.get("answer") in _OF_PROTOCOL else "data"
            origin = " and ".join(who for who, text in (("authors", stated), (own, computed)) if text)
            answer = "; ".join(text for text in (stated, computed) if text)
            items.append(
                ChecklistItem(entry["number"], entry["section"], entry["item"], answer, origin or FOR_THE_AUTHOR)
            )
        return Checklist(title, str(content["source"]), tuple(items))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(
            f"The checklist “{name}” of this installation is damaged; please install it again."
        ) from error


def _answers(analysis: CohortAnalysis, protocol: StudyProtocol) -> dict[str, str]:
    """Key of an item → what the study itself says."""
    texts = protocol.texts
    return {
        **{key: texts.get(key, "") for key in ("design", "sampling", "setting", "sample_size", "registration")},
        "protocol": texts.get("document", ""),
        **_of_protocol(analysis, protocol),
        **_of_data(analysis),
        **_of_model(analysis),
    }


def _of_protocol(analysis: CohortAnalysis, protocol: StudyProtocol) -> dict[str, str]:
    hypotheses = [
        f"{result.hypothesis.text or result.hypothesis.parameter}: {MEASURES[result.hypothesis.measure]} above "
        f"{result.hypothesis.above:g}, {result.verdict}"
        for result in hypothesis_results(analysis, protocol)
    ]
    excluded = [
        f"{step.title.lower()}: " + ", ".join(f"{reason} ({count})" for reason, count in step.reasons.items())
        for step in protocol.steps
    ]
    inconclusive = [step for step in protocol.steps if "inconclusive" in step.title]
    flow = study_flow(analysis, protocol)
    subgroups = dict.fromkeys(part.by.label for part in analysis.stratifications)
    fixed = {analysis.cohort.variable(name).label for name in protocol.subgroups}
    return {
        "hypotheses": "; ".join(hypotheses),
        "exclusions": "; ".join(text for text in (protocol.texts.get("criteria", ""), *excluded) if text),
        "indeterminate": "; ".join(f"{step.title.lower()}: {step.count}, left out" for step in inconclusive),
        "flow": "" if flow is None else f"diagram in this report; {flow.screened} screened, {flow.analyzed} analyzed",
        "interval": interval_text(analysis, protocol),
        "adverse_events": "; ".join(
            f"{test.replace('_', ' ')}: {events}" for test, events in protocol.adverse_events.items()
        ),
        "subgroups": "; ".join(
            f"{label} ({'prespecified' if label in fixed else 'exploratory'})" for label in subgroups
        ),
        "cutoffs": "; ".join(_cutoffs(performance) for performance in analysis.performances),
    }


def _cutoffs(performance: Performance) -> str:
    unit = performance.variable.unit
    parts = [
        f"{cutoff_text(cutoff.value, unit)} ({'prespecified' if cutoff.is_prespecified else cutoff.rule})"
        for cutoff in performance.cutoffs
        if cutoff.is_prespecified or cutoff.is_chosen_here
    ]
    direction = "high" if performance.is_high_suspicious else "low"
    return f"{performance.variable.label}, {direction} values suspicious: {', '.join(parts)}"


def _of_data(analysis: CohortAnalysis) -> dict[str, str]:
    cohort = analysis.cohort
    malignant, benign = int(cohort.malignant.sum()), int((~cohort.malignant).sum())
    missing = cohort.missing[cohort.missing["missing"] > 0]
    absent = ", ".join(f"{row.variable} {row.missing}" for row in missing.itertuples())
    best = analysis.best
    cutoff = None if best is None else primary_cutoff(best) or best.cutoffs[0]
    accuracy = "" if best is None else f"{best.variable.label}: AUC {estimate_text(best.auc)}"
    table = errors = ""
    if best is not None and cutoff is not None:
        counts = cutoff.table
        accuracy += f"; sensitivity {share_text(counts.sensitivity)}, specificity {share_text(counts.specificity)}"
        table = (
            f"TP {counts.true_positive}, FN {counts.false_negative}, FP {counts.false_positive}, "
            f"TN {counts.true_negative}"
        )
        errors = f"cancers missed: {counts.false_negative}; benign lesions called suspicious: {counts.false_positive}"
    outcome = cohort.columns.loc[cohort.columns["role"].str.startswith("outcome:"), "role"]
    agreement = analysis.agreement
    icc = [] if agreement is None else [
        f"{found.variable.label} ICC {estimate_text(found.absolute_icc)}"
        for found in agreement.numbers
        if found.absolute_icc is not None
    ]  # fmt: skip
    return {
        "missing": ("complete lesions, and multiple imputation beside them; " if absent else "")
        + (f"missing values: {absent}" if absent else "no value is missing"),
        "baseline": f"table “Benign against malignant”; {malignant} malignant and {benign} benign lesions",
        "reference_categories": "; ".join(outcome),
        **{f"histology_{group}": _histology(analysis, group) for group in ("malignant", "benign")},
        "accuracy": accuracy,
        "cross_table": table,
        "errors": errors,
        "index_test": ", ".join(variable.title for variable in cohort.parameters)
        + " (columns; device and technique are for the author)",
        "methods": "section “Data and methods” of this report",
        "cautions": "; ".join(dict.fromkeys(caution.code.replace("-", " ") for caution in study_cautions(analysis))),
        "columns": "table “How the columns were read”",
        "software": ", ".join(f"{name} {version}" for name, version in analysis.provenance["versions"].items()),
        "deidentification": "no name of a patient or lesion is written into the report",
        "agreement": "; ".join(icc),
    }


def _histology(analysis: CohortAnalysis, group: str) -> str:
    for comparison in analysis.comparisons:
        if comparison.variable.key == "histology":
            shares = getattr(comparison, group).shares
            return ", ".join(f"{name} {count}" for name, count in shares if count)
    return ""


def _of_model(analysis: CohortAnalysis) -> dict[str, str]:
    regression = analysis.regression
    if regression is None:
        return {}
    fit, crossed = regression.fit, regression.cross_validation
    formula = f"log odds = {number(fit.intercept)}" + "".join(
        f" + {number(coefficient)} × {result.term.title}"
        for coefficient, result in zip(fit.coefficients, regression.terms, strict=True)
    )
    performance = f"AUC {estimate_text(regression.apparent_auc)} on the fit"
    if crossed is not None:
        performance += f", {estimate_text(crossed.auc)} cross-validated; Brier score {estimate_text(crossed.brier)}"
        if crossed.line is not None:
            performance += f"; calibration slope {estimate_text(crossed.line.slope)}"
    chosen = "fixed beforehand" if regression.rule == FIXED else f"chosen by {regression.rule}"
    prevalences = ", ".join(percent(share, 0) for share in analysis.prevalences)
    return {
        "candidates": ", ".join(single.variable.label for single in regression.univariate),
        "validation": "five times repeated tenfold cross-validation; no external data",
        "partition_level": "patient",
        "model_form": f"numbers linear, categories against their first value; variables {chosen}",
        "model_methods": f"logistic regression, {fit.method}",
        "performance_measures": "AUC, Brier score, calibration in the large, slope, net benefit",
        "imbalance": f"no resampling; probabilities also moved to a prevalence of {prevalences}",
        "fairness": "AUC in each part of the cohort" if analysis.stratifications else "",
        "model_output": "probability of malignancy; net benefit by threshold",
        "events": f"{fit.count} lesions, {fit.event_count} malignant, {number(regression.events_per_coefficient)} of "
        "the smaller group per coefficient",
        "model_formula": formula,
        "model_performance": performance,
    }
