"""Checks of sensitivity, specificity, predictive values, ROC curves and their comparison."""

from __future__ import annotations

import math
from typing import Any

from scipy import optimize, stats

from MicrocalcAILib.statistics import auc_sample_size, hanley_mcneil_standard_error

from ..wording import percent
from .confusion import check_f1
from .finding import AGREES, CONTRADICTS, IMPLIED, IMPOSSIBLE, UNUSUAL, Finding, printed_groups
from .implied import (
    NORMAL_95,
    Printed,
    binormal_auc,
    binormal_youden_cutoff,
    counts_that_print_as,
    simulated_performance,
)

STATED_PREVALENCES = (0.1, 0.25)
_INTERVAL_METHODS = {"beta": "Clopper–Pearson", "wilson": "Wilson", "agresti_coull": "Agresti–Coull", "normal": "Wald",
                     "jeffreys": "Jeffreys"}  # fmt: skip


def check_accuracy(study: dict[str, Any], seed: int) -> list[Finding]:
    """Counts behind sensitivity and specificity; accuracy, predictive values, likelihood ratios and intervals."""
    findings = []
    totals = int(study["groups"]["malignant"]), int(study["groups"]["benign"])
    for row in study.get("accuracy", ()):
        name = f"{row['parameter']} at {row['cutoff']}"
        counts = []
        for measure, total in zip(("sensitivity", "specificity"), totals, strict=True):
            printed = Printed(row[measure])
            possible = counts_that_print_as(printed, total)
            if not possible:
                findings.append(
                    Finding("Accuracy", f"{name}, {measure}", f"{printed.text} %", f"no count of {total} gives it",
                            IMPOSSIBLE, "A share of whole lesions cannot be printed like this.")
                )  # fmt: skip
                counts.append(round(printed.value / 100 * total))
                continue
            counts.append(possible[0])
            if f"{measure}_interval" in row:
                findings.append(_check_interval(name, measure, counts[-1], total, row[f"{measure}_interval"]))
        findings.extend(_check_counts(name, row, (counts[0], counts[1]), totals))
    return findings


def _check_interval(name: str, measure: str, count: int, total: int, printed: list[str]) -> Finding:
    from statsmodels.stats.proportion import proportion_confint

    bounds = Printed(printed[0]), Printed(printed[1])
    intervals = {
        label: tuple(100 * float(bound) for bound in proportion_confint(count, total, method=method))
        for method, label in _INTERVAL_METHODS.items()
    }
    matching = [
        label
        for label, interval in intervals.items()
        if all(bound.overlaps(value, value) for bound, value in zip(bounds, interval, strict=True))
    ]
    exact = intervals["Clopper–Pearson"]
    far = max(abs(bound.value - value) for bound, value in zip(bounds, exact, strict=True))
    return Finding(
        "Accuracy",
        f"{name}, interval of {measure}",
        f"{printed[0]} to {printed[1]} %",
        f"{exact[0]:.1f} to {exact[1]:.1f} % (Clopper–Pearson, {count} of {total})",
        AGREES if matching else UNUSUAL if far < 1 else CONTRADICTS,
        f"It is the {matching[0]} interval."
        if matching
        else "No usual method (Clopper–Pearson, Wilson, Agresti–Coull, Wald, Jeffreys) gives these bounds.",
    )


def _check_counts(name: str, row: dict[str, Any], right: tuple[int, int], totals: tuple[int, int]) -> list[Finding]:
    true_positive, true_negative = right
    false_negative, false_positive = totals[0] - true_positive, totals[1] - true_negative
    findings = []
    accuracy = (true_positive + true_negative) / sum(totals)
    if "accuracy" in row:
        printed = Printed(row["accuracy"])
        verdict = AGREES if printed.overlaps(100 * accuracy, 100 * accuracy) else CONTRADICTS
        explanation = f"{true_positive} true positives and {true_negative} true negatives of {sum(totals)} lesions."
        if printed.low > max(Printed(row["sensitivity"]).high, Printed(row["specificity"]).high):
            verdict = IMPOSSIBLE
            explanation += " An accuracy is an average of sensitivity and specificity and cannot exceed both."
        findings.append(
            Finding("Accuracy", f"{name}, accuracy", f"{printed.text} %", percent(accuracy), verdict, explanation)
        )
    sensitivity, specificity = true_positive / totals[0], true_negative / totals[1]
    implied = {
        "ppv": ("positive predictive value", true_positive, false_positive),
        "npv": ("negative predictive value", true_negative, false_negative),
    }
    for key, (label, correct, wrong) in implied.items():
        printed_text = f"{row[key]} %" if key in row else "not printed"
        if not correct + wrong:
            findings.append(
                Finding("Accuracy", f"{name}, {label}", printed_text, "not defined: no such result",
                        IMPOSSIBLE if key in row else IMPLIED,
                        "Every lesion is on the same side of the cut-off, so the other side has no predictive value.")
            )  # fmt: skip
            continue
        value = correct / (correct + wrong)
        elsewhere = [(_predictive(key, sensitivity, specificity, share), share) for share in STATED_PREVALENCES]
        at = "; ".join(f"{percent(predictive)} when {share:.0%} are malignant" for predictive, share in elsewhere)
        verdict = IMPLIED
        if key in row:
            verdict = AGREES if Printed(row[key]).overlaps(100 * value, 100 * value) else CONTRADICTS
        findings.append(
            Finding("Accuracy", f"{name}, {label}", printed_text, f"{percent(value)} in this mix; {at}", verdict,
                    "A predictive value belongs to a share of malignant lesions; the clinic's share is what counts.")
        )  # fmt: skip
    findings += check_f1(name, row, (true_positive, false_positive, false_negative, true_negative))
    if false_positive and true_negative:
        positive, negative = sensitivity / (1 - specificity), (1 - sensitivity) / specificity
        findings.append(
            Finding("Accuracy", f"{name}, likelihood ratios", "not printed",
                    f"positive {positive:.1f}, negative {negative:.2f}", IMPLIED,
                    "Odds of malignancy are multiplied by these after a result above or below the cut-off.")
        )  # fmt: skip
    return findings


def _predictive(key: str, sensitivity: float, specificity: float, prevalence: float) -> float:
    """NaN when no result of that side occurs."""
    if key == "ppv":
        right, wrong = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    else:
        right, wrong = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return right / (right + wrong) if right + wrong else math.nan


def check_curve(study: dict[str, Any], seed: int) -> list[Finding]:
    """AUC, sensitivity, specificity and optimum that two normal groups with the printed means and SDs would have."""
    findings = []
    accuracy = {row["parameter"]: row for row in study.get("accuracy", ())}
    for measurement in study.get("measurements", ()):
        if not measurement.get("is_parameter"):
            continue
        name = measurement["name"]
        malignant, benign = printed_groups(study, measurement)
        moments = (malignant.mean.value, malignant.deviation.value), (benign.mean.value, benign.deviation.value)
        auc = binormal_auc(*moments[0], *moments[1])
        row = accuracy.get(name, {})
        if "auc" not in row:
            findings.append(
                Finding("ROC curve", f"{name}, AUC", "not printed", f"{auc:.3f}", IMPLIED,
                        "From means and SDs, if values are about normal in both groups.")
            )  # fmt: skip
            continue
        cutoff = float(row["cutoff"])
        ranges = simulated_performance((*moments[0], malignant.count), (*moments[1], benign.count), cutoff, seed)
        values = {
            "auc": auc,
            "sensitivity": float(stats.norm.sf(cutoff, *moments[0])),
            "specificity": float(stats.norm.cdf(cutoff, *moments[1])),
        }
        for key, value in values.items():
            scale = 1 if key == "auc" else 100
            printed = Printed(row[key])
            low, high = (bound * scale for bound in ranges[key])
            shown = f"{value:.3f} (studies of this size: {low:.3f} to {high:.3f})"
            if key != "auc":
                shown = f"{100 * value:.1f} % (studies of this size: {low:.1f} to {high:.1f} %)"
            label = "AUC" if key == "auc" else f"{key} at {row['cutoff']}"
            findings.append(
                Finding("ROC curve", f"{name}, {label}", f"{printed.text}{'' if key == 'auc' else ' %'}", shown,
                        AGREES if printed.overlaps(low, high) else CONTRADICTS,
                        "What normal groups with the printed means and SDs give; very uneven groups could differ.")
            )  # fmt: skip
        if row.get("is_youden_optimum"):
            best = binormal_youden_cutoff(*moments[0], *moments[1])
            findings.append(
                Finding("ROC curve", f"{name}, best cut-off", row["cutoff"], f"{best:.1f}",
                        AGREES if abs(best - cutoff) < 0.25 * benign.deviation.value else UNUSUAL,
                        "Largest sensitivity + specificity of two normal curves with the printed means and SDs.")
            )  # fmt: skip
        if "auc_interval" in row:
            findings.append(_check_auc_interval(name, row, (malignant.count, benign.count)))
    return findings


def _check_auc_interval(name: str, row: dict[str, Any], counts: tuple[int, int]) -> Finding:
    auc = Printed(row["auc"]).value
    half = NORMAL_95 * hanley_mcneil_standard_error(auc, *counts)
    low, high = (Printed(text) for text in row["auc_interval"])
    tolerance = 0.01
    agrees = low.overlaps(auc - half - tolerance, auc - half + tolerance) and high.overlaps(
        min(auc + half, 1) - tolerance, min(auc + half, 1) + tolerance
    )
    return Finding("ROC curve", f"{name}, interval of the AUC", f"{low.text} to {high.text}",
                   f"{auc - half:.3f} to {min(auc + half, 1):.3f} (Hanley–McNeil)", AGREES if agrees else CONTRADICTS,
                   "From the AUC and the two counts alone.")  # fmt: skip


def check_auc_comparisons(study: dict[str, Any], seed: int) -> list[Finding]:
    """The correlation of the two AUCs that the printed P value needs."""
    findings = []
    counts = int(study["groups"]["malignant"]), int(study["groups"]["benign"])
    for row in study.get("auc_comparisons", ()):
        first, second, p_value = (Printed(row[key]) for key in ("first", "second", "p"))
        errors = [hanley_mcneil_standard_error(area.value, *counts) for area in (first, second)]
        needed = abs(first.value - second.value) / float(stats.norm.isf(p_value.value / 2))
        correlation = (errors[0] ** 2 + errors[1] ** 2 - needed**2) / (2 * errors[0] * errors[1])
        findings.append(
            Finding("ROC curve", row["name"], f"{first.text} against {second.text}, P {p_value.text}",
                    f"needs a correlation of {correlation:.2f} between the two AUCs",
                    AGREES if -0.2 <= correlation <= 0.99 else CONTRADICTS,
                    "Two tests on the same lesions usually correlate by 0.3 to 0.9.")
        )  # fmt: skip
    return findings


def check_sample_size(study: dict[str, Any], seed: int) -> list[Finding]:
    """How many lesions the stated plan needs, and which AUC to exclude would need as many as were planned."""
    plan = study.get("sample_size")
    if plan is None:
        return []
    expected, power, significance = (Printed(plan[key]).value for key in ("auc", "power", "alpha"))
    null = Printed(plan.get("null_auc", "0.5")).value
    needed = auc_sample_size(expected, null_auc=null, power=power, significance=significance).diseased
    planned = int(plan["per_group"])

    def surplus(excluded: float) -> float:
        plan_for = auc_sample_size(expected, null_auc=excluded, power=power, significance=significance)
        return plan_for.diseased - planned

    excluded = float(optimize.brentq(surplus, 0.5, expected - 0.005, xtol=1e-4)) if surplus(0.5) < 0 else float("nan")
    return [
        Finding("Sample size", f"AUC {plan['auc']}, power {plan['power']}, significance {plan['alpha']}",
                f"{planned} in each group",
                f"{needed} to exclude an AUC of {null:g}; {planned} would exclude {excluded:.3f}",
                AGREES if needed == planned else UNUSUAL,
                "The AUC to be excluded decides the size; without it the plan cannot be repeated (Obuchowski 1994).")
    ]  # fmt: skip
