"""What a reader of a study has to keep in mind, found from the study itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

from MicrocalcAILib.base.errors import WarningRecord

from ..figures import lacks_glyphs
from .analysis import CohortAnalysis
from .verdicts import protocol_cautions
from .wording import cutoff_text, percent

SMALL_GROUP = 30
NOTABLE_MISSING_PERCENT = 5.0
EXTREME_SHARE = 0.03
_ROUND_RATIOS = (1.0, 2.0, 3.0, 0.5, 1 / 3)


def study_cautions(analysis: CohortAnalysis) -> tuple[WarningRecord, ...]:
    """Everything that makes the study's numbers look better, or surer, than they are."""
    return (
        *analysis.cohort.warnings,
        *_about_design(analysis),
        *_about_cutoffs(analysis),
        *(analysis.regression.warnings if analysis.regression is not None else ()),
        *_about_agreement(analysis),
        *(protocol_cautions(analysis, analysis.options.protocol) if analysis.options.protocol is not None else ()),
    )


def _about_design(analysis: CohortAnalysis) -> Iterator[WarningRecord]:
    cohort = analysis.cohort
    malignant, benign = int(cohort.malignant.sum()), int((~cohort.malignant).sum())
    if min(malignant, benign) < SMALL_GROUP:
        yield WarningRecord(
            "small-group",
            f"Only {min(malignant, benign)} lesions in the smaller group: every number is uncertain, and the intervals "
            "matter more than the numbers.",
        )
    chosen = any(abs(malignant - ratio * benign) < 1e-9 for ratio in _ROUND_RATIOS) and min(malignant, benign) >= 20
    stated = analysis.options.prevalence
    if chosen:
        yield WarningRecord(
            "case-control-mix",
            f"{malignant} malignant and {benign} benign lesions are a round ratio, as in a case-control study. "
            "Predictive values and accuracy of this mix hold in no clinic; read those for a stated prevalence.",
        )
    if stated is None:
        yield WarningRecord(
            "prevalence-not-stated",
            "No prevalence was stated. State the share of malignant lesions where the test will be used to get "
            "predictive values that apply there.",
        )
    elif abs(stated - malignant / (malignant + benign)) > 0.05:
        yield WarningRecord(
            "other-mix",
            f"{percent(malignant / (malignant + benign), 0)} of the lesions of this cohort are malignant, but "
            f"{percent(stated, 0)} in the stated clinic; use the predictive values for the stated prevalence.",
        )
    if len(set(cohort.patients)) < len(cohort.patients):
        yield WarningRecord(
            "several-lesions-per-patient",
            "Some patients have several lesions, which are alike: all tests and intervals are judged between patients, "
            "where that is not possible (tests of normality, Hosmer–Lemeshow, spread of repeats) lesions count as "
            "independent.",
        )
    labels = [variable.title for variable in cohort.variables]
    if any(lacks_glyphs(label) for label in labels):
        yield WarningRecord(
            "no-chinese-font",
            "This computer has no font with Chinese characters, so headings in the figures show boxes; install one, "
            "such as Noto Sans CJK, and analyze again.",
        )
    missing = cohort.missing[cohort.missing["percent"] > NOTABLE_MISSING_PERCENT]
    if len(missing):
        names = ", ".join(f"{row.variable} ({row.percent:.0f} %)" for row in missing.itertuples())
        yield WarningRecord(
            "missing-values", f"Values are missing: {names}. Lesions without a value are left out where it is needed."
        )


def _about_cutoffs(analysis: CohortAnalysis) -> Iterator[WarningRecord]:
    for performance in analysis.performances:
        label = performance.variable.label
        if performance.auc.value == 1:
            yield WarningRecord(
                "complete-separation",
                f"{label} separates the groups completely here; a larger cohort will not repeat it.",
            )
        if not performance.is_direction_fixed:
            side = "high" if performance.is_high_suspicious else "low"
            yield WarningRecord(
                "direction-from-data",
                f"{label}: {side} values were taken as suspicious because they go with malignancy here; state the "
                "direction beforehand, or an AUC below 0.5 cannot show.",
            )
        elif performance.auc.high < 0.5:
            side = "high" if performance.is_high_suspicious else "low"
            yield WarningRecord(
                "against-the-direction",
                f"{label}: {side} values were expected in cancers, but in this cohort it is the other way round.",
            )
        for cutoff in performance.cutoffs:
            table = cutoff.table
            flagged = (table.true_positive + table.false_positive) / (table.positives + table.negatives)
            if cutoff.source and not EXTREME_SHARE < flagged < 1 - EXTREME_SHARE:
                yield WarningRecord(
                    "reference-does-not-fit",
                    f"The published cut-off “{cutoff.rule}” calls {percent(flagged, 0)} of these lesions suspicious: "
                    f"it was made for another device or another way to measure {label.lower()}.",
                )
    best = analysis.best
    if best is not None:
        chosen = next(cutoff for cutoff in best.cutoffs if cutoff.is_chosen_here)
        seen, corrected = chosen.table, chosen.corrected
        yield WarningRecord(
            "optimistic-cutoff",
            f"The best cut-offs were chosen on the lesions they are tested on. {best.variable.label} at "
            f"{cutoff_text(chosen.value, best.variable.unit)}: sensitivity {percent(seen.sensitivity.value)} as seen, "
            f"{percent(corrected['sensitivity'])} corrected; specificity {percent(seen.specificity.value)} as seen, "
            f"{percent(corrected['specificity'])} corrected.",
        )


def _about_agreement(analysis: CohortAnalysis) -> Iterator[WarningRecord]:
    if analysis.agreement is None:
        return
    for number in analysis.agreement.numbers:
        label = number.variable.label
        if len(number.consensus) and number.variable.is_parameter:
            yield WarningRecord(
                "needs-consensus",
                f"{label}: readers differ by more than 20 % of their mean in {len(number.consensus)} of "
                f"{number.lesion_count} lesions; these need a joint review.",
            )
        for pair in number.pairs:
            if math.isfinite(pair.proportional_p) and pair.proportional_p < 0.05:
                yield WarningRecord(
                    "proportional-difference",
                    f"{label}: the difference of readers {pair.first} and {pair.second} changes with the value "
                    "(P < 0.05); read the limits of agreement in percent.",
                )
