"""Checks of machine-learning figures: confusion tables, F1 of either class, precision and recall by all their names.

A two-by-two table is ``tp``, ``fp``, ``fn``, ``tn``. F1 = 2·TP/(2·TP + FP + FN) depends on which class counts as
positive; papers on benign-heavy data often print the one of the benign class without saying so.
"""

from __future__ import annotations

import math
from typing import Any

from MicrocalcAILib.statistics.diagnostic import DiagnosticTable

from ..wording import percent
from .finding import AGREES, CONTRADICTS, IMPLIED, IMPOSSIBLE, UNUSUAL, Finding
from .implied import Printed

_NAMES = {
    "sensitivity": "sensitivity",
    "recall": "sensitivity",
    "specificity": "specificity",
    "ppv": "positive_predictive_value",
    "precision": "positive_predictive_value",
    "npv": "negative_predictive_value",
    "accuracy": "accuracy",
    "f1": "f1",
}
Counts = tuple[int, int, int, int]  # TP, FP, FN, TN


def check_confusion_tables(study: dict[str, Any], seed: int) -> list[Finding]:
    """Every figure printed beside a confusion table, and the totals of its groups.

    A row has ``name``, the four counts, and any of the measures as printed; shares as ``0.35`` or, with
    ``"in_percent": true``, as ``35``.
    """
    findings = []
    for row in study.get("confusion_tables", ()):
        counts: Counts = (int(row["tp"]), int(row["fp"]), int(row["fn"]), int(row["tn"]))
        findings += _check_totals(study, row, counts)
        table = DiagnosticTable(*counts)
        for key, attribute in _NAMES.items():
            if key not in row or key == "f1":
                continue
            scale = 100 if row.get("in_percent") else 1
            estimate = getattr(table, attribute)
            printed = Printed(row[key])
            item = f"{row['name']}, {key}"
            if math.isnan(estimate.value):
                findings.append(Finding("Confusion table", item, printed.text, "not defined", IMPOSSIBLE,
                                        "The counts leave nothing to divide by."))  # fmt: skip
                continue
            agrees = printed.overlaps(scale * estimate.value, scale * estimate.value)
            cut_off = is_cut_off(printed, scale * estimate.value)
            verdict = AGREES if agrees else UNUSUAL if cut_off else CONTRADICTS
            findings.append(
                Finding("Confusion table", item, printed.text,
                        f"{percent(estimate.value)} ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})", verdict,
                        "Cut off instead of rounded." if verdict == UNUSUAL else "From the four counts; Wilson.")
            )  # fmt: skip
        findings += check_f1(row["name"], row, counts)
    return findings


def _check_totals(study: dict[str, Any], row: dict[str, Any], counts: Counts) -> list[Finding]:
    true_positive, false_positive, false_negative, true_negative = counts
    sums = true_positive + false_negative, false_positive + true_negative
    totals = int(study["groups"]["malignant"]), int(study["groups"]["benign"])
    if sums == totals or row.get("is_part"):
        return []
    return [
        Finding("Confusion table", f"{row['name']}, totals", f"{sums[0]} malignant, {sums[1]} benign",
                f"{totals[0]} malignant, {totals[1]} benign", CONTRADICTS,
                "The counts do not add up to the groups of the study.")
    ]  # fmt: skip


def check_f1(name: str, row: dict[str, Any], counts: Counts) -> list[Finding]:
    """F1 of the malignant class, and whether a printed one belongs to the benign class or was cut off.

    Parameters
    ----------
    counts : (int, int, int, int)
        TP, FP, FN, TN.
    """
    true_positive, false_positive, false_negative, true_negative = counts
    wrong = false_positive + false_negative
    of_class = {
        label: 2 * right / (2 * right + wrong) if right + wrong else math.nan
        for label, right in (("malignant", true_positive), ("benign", true_negative))
    }
    implied = ", ".join(f"{value:.3f} of the {label} class" for label, value in of_class.items())
    topic, item = "Confusion table", f"{name}, F1"
    if "f1" not in row:
        return [Finding(topic, item, "not printed", implied, IMPLIED, "F1 does not count the true negatives.")]
    printed = Printed(row["f1"])
    if printed.overlaps(of_class["malignant"], of_class["malignant"]):
        return [Finding(topic, item, printed.text, implied, AGREES, "From the four counts.")]
    for label, value in of_class.items():
        rounded = printed.overlaps(value, value)
        if rounded or is_cut_off(printed, value):
            how = "" if rounded else ", cut off instead of rounded"
            text = f"It is the F1 of the {label} class{how}; say which class counts as positive."
            return [Finding(topic, item, printed.text, implied, UNUSUAL, text)]
    return [Finding(topic, item, printed.text, implied, CONTRADICTS, "Neither class gives it.")]


def is_cut_off(printed: Printed, value: float) -> bool:
    """True when the printed digits are the value's own, cut off instead of rounded."""
    if not math.isfinite(value):
        return False
    return math.isclose(math.floor(value * 10**printed.decimals) / 10**printed.decimals, printed.value)
