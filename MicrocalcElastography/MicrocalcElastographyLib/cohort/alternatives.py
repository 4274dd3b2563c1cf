"""What each picture of a study shows, in words, for who cannot see it."""

from __future__ import annotations

from typing import Any

from MicrocalcAILib.statistics.estimate import Estimate

from .analysis import CohortAnalysis
from .diagnostics import YOUDEN, Performance
from .readers import ReaderPair
from .regression import Regression, TermResult
from .verdicts import study_flow
from .wording import estimate_text, file_name, number, percent


def alternative_texts(analysis: CohortAnalysis) -> dict[str, str]:
    """Name of a figure (as in :func:`~.outputs.study_figures`) → the result that it shows."""
    texts = {"roc": _roc(analysis)}
    for performance in analysis.performances:
        name = file_name(performance.variable.name)
        texts[f"distribution_{name}"] = _distribution(analysis, performance)
        texts[f"cutoff_{name}"] = _cutoff(performance)
        parts = [part for part in analysis.stratifications if part.parameter == performance.variable]
        texts[f"strata_{name}"] = f"AUC of {performance.variable.label.lower()}: " + "; ".join(
            f"{part.by.label} {stratum.name} {estimate_text(stratum.auc)}" for part in parts for stratum in part.strata
        )
    if analysis.regression is not None:
        texts["forest"] = "Odds ratios in the model: " + "; ".join(
            f"{result.term.title} {estimate_text(_shown(result))}" for result in analysis.regression.terms
        )
        texts["calibration"] = _calibration(analysis.regression)
        texts["decision"] = _decision(analysis.regression)
    if analysis.points is not None:
        texts["nomogram"] = "Points of every value and the probability of every sum, as in the tables below."
    flow = None if analysis.options.protocol is None else study_flow(analysis, analysis.options.protocol)
    if flow is not None:
        left = "; ".join(f"{step.title.lower()} {step.count}" for step in flow.steps)
        texts["flow"] = (
            f"{flow.screened} {flow.unit} screened; {left or 'no one left'}; {flow.analyzed} analyzed. {flow.test}: "
            f"{flow.positive[0]} malignant and {flow.positive[1]} benign lesions; not suspicious: {flow.negative[0]} "
            f"malignant and {flow.negative[1]} benign."
        )
    if len(analysis.correlations):
        first = analysis.correlations[0]
        texts["scatter"] = f"Spearman's correlation of the first two measurements: {estimate_text(first.spearman, 2)}."
    for agreement in analysis.agreement.numbers if analysis.agreement is not None else ():
        if agreement.pairs:
            texts[f"bland_altman_{file_name(agreement.variable.name)}"] = _bland_altman(agreement.pairs[0])
    return texts


def _roc(analysis: CohortAnalysis) -> str:
    single = [f"{found.variable.label} {estimate_text(found.auc)}" for found in analysis.performances]
    together = [f"{found.title} {estimate_text(found.cross_validated_auc)}" for found in analysis.combinations]
    text = "Areas under the ROC curves: " + "; ".join(single)
    return text + (f". Combinations, cross-validated: {'; '.join(together)}" if together else "") + "."


def _distribution(analysis: CohortAnalysis, performance: Performance) -> str:
    found = next(row for row in analysis.comparisons if row.variable.name == performance.variable.name)
    medians = [f"{group} {number(summary.median)} ({number(summary.first_quartile)} to "
               f"{number(summary.third_quartile)})"
               for group, summary in (("malignant", found.malignant), ("benign", found.benign))]  # fmt: skip
    return f"{performance.variable.title}, median and quartiles: {', '.join(medians)}."


def _cutoff(performance: Performance) -> str:
    cutoff = performance.cutoff(YOUDEN)
    return (
        f"At {cutoff.words(performance.is_high_suspicious, performance.variable.unit)} sensitivity and specificity are "
        f"together largest: {percent(cutoff.table.sensitivity.value)} and {percent(cutoff.table.specificity.value)}."
    )


def _calibration(regression: Regression) -> str:
    crossed = regression.cross_validation
    if crossed is None or crossed.line is None:
        return "Predicted against observed share of malignant lesions, on the lesions of the fit."
    slope = estimate_text(crossed.line.slope)
    return f"Predicted against observed share of malignant lesions; calibration slope {slope}."


def _decision(regression: Regression) -> str:
    if regression.cross_validation is None:
        return ""
    found = regression.cross_validation.decision
    shown: list[dict[Any, Any]] = found[found["threshold"].isin((0.1, 0.2, 0.5))].to_dict("records")
    gains = [
        f"{number(row['gain'])} at {row['threshold']:.0%} where {row['prevalence']:.0%} are malignant" for row in shown
    ]
    return f"Gain in net benefit over the better of a biopsy of all and of none: {'; '.join(gains)}."


def _shown(result: TermResult) -> Estimate:
    return result.odds_ratio if result.term.category else result.odds_ratio_per_sd


def _bland_altman(pair: ReaderPair) -> str:
    limits = pair.absolute
    return (
        f"Reader {pair.first} minus reader {pair.second}: bias {estimate_text(limits.bias)}, limits of agreement "
        f"{number(limits.lower_limit.value)} and {number(limits.upper_limit.value)}."
    )
