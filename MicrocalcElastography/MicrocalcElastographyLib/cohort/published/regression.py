"""Checks of a published logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from ..wording import number
from .finding import AGREES, CONTRADICTS, UNUSUAL, Finding, measurements_by_name, printed_groups
from .implied import NORMAL_95, Printed, discriminant_odds_ratios, within_group_correlation


def check_regression(study: dict[str, Any], seed: int) -> list[Finding]:
    """Odds ratios against their intervals and P values, against means and SDs, and against the selection rule."""
    regression = study.get("regression")
    if regression is None:
        return []
    findings = []
    measured = measurements_by_name(study)
    implied = _implied_odds_ratios(study, [term["name"] for term in regression["terms"] if term["name"] in measured])
    for term in regression["terms"]:
        findings.append(_check_term(term))
        if term["name"] in implied:
            alone, together = implied[term["name"]]
            printed = Printed(term["odds_ratio"])
            low, high = (Printed(text).value for text in term["interval"])
            agrees = low <= together <= high or low <= alone <= high
            findings.append(
                Finding("Regression", f"{term['name']}, odds ratio per {term['unit']}",
                        f"{printed.text} ({term['interval'][0]} to {term['interval'][1]})",
                        f"{number(alone)} alone, {number(together)} beside the other measurements",
                        AGREES if agrees else CONTRADICTS,
                        "What normal groups with the printed means, SDs and correlations imply.")
            )  # fmt: skip
    findings.extend(_check_selection(study, regression))
    return findings


def _check_term(term: dict[str, Any]) -> Finding:
    odds_ratio, low, high, p_value = (Printed(text) for text in (term["odds_ratio"], *term["interval"], term["p"]))
    ratios = (odds_ratio.low, odds_ratio.value, odds_ratio.high)
    possible = [
        2 * float(stats.norm.sf(abs(np.log(ratio)) / (np.log(upper / lower) / (2 * NORMAL_95))))
        for ratio in ratios
        for lower in (low.low, low.value, low.high)
        for upper in (high.low, high.value, high.high)
    ]
    centers = np.sqrt(low.low * high.low), np.sqrt(low.high * high.high)
    verdict = UNUSUAL
    if odds_ratio.overlaps(*centers) and p_value.overlaps(min(possible), max(possible)):
        verdict = AGREES
    elif not (0.9 < odds_ratio.value / np.sqrt(low.value * high.value) < 1.1) or not p_value.overlaps(
        min(possible) / 2, max(possible) * 2
    ):
        verdict = CONTRADICTS
    return Finding("Regression", f"{term['name']}, interval and P value",
                   f"{odds_ratio.text} ({low.text} to {high.text}), P {p_value.text}",
                   f"center {np.sqrt(low.value * high.value):.2f}, P {min(possible):.2g} to {max(possible):.2g}",
                   verdict, "A Wald interval is symmetric on the log scale and fixes the P value.")  # fmt: skip


def _implied_odds_ratios(study: dict[str, Any], names: list[str]) -> dict[str, tuple[float, float]]:
    """For each name: odds ratio per unit alone, and beside the other names."""
    measured = measurements_by_name(study)
    groups = [printed_groups(study, measured[name]) for name in names]
    if not groups:
        return {}
    correlations = np.eye(len(names))
    for row in study.get("correlations", ()):
        if row["first"] in names and row["second"] in names:
            one, other = names.index(row["first"]), names.index(row["second"])
            inside, _ = within_group_correlation(Printed(row["value"]).value, groups[one], groups[other])
            correlations[one, other] = correlations[other, one] = inside
    differences = np.array([malignant.mean.value - benign.mean.value for malignant, benign in groups])
    malignant_sds = np.array([malignant.deviation.value for malignant, _ in groups])
    benign_sds = np.array([benign.deviation.value for _, benign in groups])
    counts = groups[0][0].count, groups[0][1].count
    together = discriminant_odds_ratios(differences, malignant_sds, benign_sds, correlations, counts)
    alone = discriminant_odds_ratios(differences, malignant_sds, benign_sds, np.eye(len(names)), counts)
    return {name: (float(alone[index]), float(together[index])) for index, name in enumerate(names)}


def _check_selection(study: dict[str, Any], regression: dict[str, Any]) -> list[Finding]:
    if "selection_p" not in regression:
        return []
    limit = Printed(regression["selection_p"]).value
    printed = {row["name"]: Printed(row["p"]) for row in (*study.get("measurements", ()), *study.get("categories", ()))}
    used = {term["name"] for term in regression["terms"]}
    left_out = [name for name, p_value in printed.items() if p_value.value < limit and name not in used]
    brought_in = [name for name, p_value in printed.items() if p_value.value >= limit and name in used]
    if not left_out and not brought_in:
        return []
    return [
        Finding("Regression", "choice of variables", f"univariate P < {regression['selection_p']}",
                "; ".join(
                    text for text, names in ((f"left out: {', '.join(left_out)}", left_out),
                                             (f"used all the same: {', '.join(brought_in)}", brought_in)) if names),
                CONTRADICTS, "By the printed univariate P values the rule chooses other variables.")
    ]  # fmt: skip
