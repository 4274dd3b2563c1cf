"""Checks of the groups: case mix, P values, percentages, correlations, agreement, illustrations, earlier studies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..groups import compare_counts
from ..wording import exact_p_text
from .finding import (
    AGREES,
    CONTRADICTS,
    IMPLIED,
    IMPOSSIBLE,
    UNUSUAL,
    Finding,
    measurements_by_name,
    p_verdict,
    printed_groups,
)
from .implied import Printed, t_test_p_values, within_group_correlation


def check_case_mix(study: dict[str, Any], seed: int) -> list[Finding]:
    malignant, benign = int(study["groups"]["malignant"]), int(study["groups"]["benign"])
    if malignant != benign:
        return []
    return [
        Finding("Case mix", "groups", f"{malignant} malignant, {benign} benign", "", UNUSUAL,
                "Exactly equal groups are chosen, not met: predictive values of this mix hold in no clinic.")
    ]  # fmt: skip


def check_measurements(study: dict[str, Any], seed: int) -> list[Finding]:
    findings = []
    for measurement in study.get("measurements", ()):
        malignant, benign = printed_groups(study, measurement)
        welch = t_test_p_values(malignant, benign, equal_spread=False)
        student = t_test_p_values(malignant, benign, equal_spread=True)
        printed = Printed(measurement["p"])
        verdict = p_verdict(printed, min(welch[1], student[1]), max(welch[2], student[2]))
        error = np.hypot(
            malignant.deviation.value / np.sqrt(malignant.count), benign.deviation.value / np.sqrt(benign.count)
        )
        if not error:
            findings.append(
                Finding("Group comparison", f"{measurement['name']}, SD", "0 in both groups", "no spread", IMPOSSIBLE,
                        "A measurement that never varies cannot be tested.")
            )  # fmt: skip
            continue
        statistic = (malignant.mean.value - benign.mean.value) / error
        findings.append(
            Finding("Group comparison", f"{measurement['name']}, P value", f"P {printed.text}",
                    f"Welch t = {statistic:.2f}, {exact_p_text(welch[0])}; Student {exact_p_text(student[0])}", verdict,
                    "From the printed means, SDs and counts, with every rounding allowed for.")
        )  # fmt: skip
    return findings


def check_categories(study: dict[str, Any], seed: int) -> list[Finding]:
    findings = []
    random = np.random.default_rng(seed)
    for category in study.get("categories", ()):
        counts = np.array(list(category["counts"].values()), dtype=int)
        totals = np.array([study["groups"]["malignant"], study["groups"]["benign"]])
        if (counts.sum(axis=0) != totals).any():
            findings.append(
                Finding("Group comparison", f"{category['name']}, counts", f"sums {tuple(counts.sum(axis=0).tolist())}",
                        f"groups {tuple(totals.tolist())}", CONTRADICTS, "The counts do not add up to the groups.")
            )  # fmt: skip
        wrong = [
            name
            for name, printed in category.get("percent", {}).items()
            for text, count, total in zip(printed, category["counts"][name], totals, strict=True)
            if not Printed(text).overlaps(100 * count / total, 100 * count / total)
        ]
        if "percent" in category:
            findings.append(
                Finding("Group comparison", f"{category['name']}, percentages", "as printed",
                        "wrong for " + ", ".join(wrong) if wrong else "as printed",
                        CONTRADICTS if wrong else AGREES, "Each percentage is its count divided by its group.")
            )  # fmt: skip
        test, p_value = compare_counts(counts, random)
        printed = Printed(category["p"])
        findings.append(
            Finding("Group comparison", f"{category['name']}, P value", f"P {printed.text}",
                    f"{test}, {exact_p_text(p_value)}",
                    p_verdict(printed, p_value, p_value), "From the printed counts.")
        )  # fmt: skip
    return findings


def check_correlations(study: dict[str, Any], seed: int) -> list[Finding]:
    findings = []
    measured = measurements_by_name(study)
    for row in study.get("correlations", ()):
        if row["first"] not in measured or row["second"] not in measured:
            continue
        groups = printed_groups(study, measured[row["first"]]), printed_groups(study, measured[row["second"]])
        inside, between = within_group_correlation(Printed(row["value"]).value, *groups)
        findings.append(
            Finding("Correlation", f"{row['first']} and {row['second']}", f"{row['value']} over both groups",
                    f"{between:.2f} from the distance of the groups alone; {inside:.2f} inside the groups",
                    IMPLIED if abs(inside) <= 1 else IMPOSSIBLE,
                    "Two measurements that differ between the groups correlate even when unrelated inside them.")
        )  # fmt: skip
    return findings


def check_agreement(study: dict[str, Any], seed: int) -> list[Finding]:
    return [
        Finding("Agreement", f"{row['measure']}, {row['statistic']}",
                f"{row['value']} ({' to '.join(row['interval'])})", "not defined", IMPOSSIBLE,
                "Cohen's kappa is for categories; a measurement needs the intraclass correlation.")
        for row in study.get("agreement", ())
        if "kappa" in row["statistic"].lower() and row["scale"] == "continuous"
    ]  # fmt: skip


def check_single_patients(study: dict[str, Any], seed: int) -> list[Finding]:
    measured = measurements_by_name(study)
    findings = []
    for patient in study.get("single_patients", ()):
        values = patient["values"]
        same = [name for name, text in values.items() if measured[name][patient["group"]][0] == text]
        if len(same) == len(values):
            findings.append(
                Finding("Illustrations", patient["name"], ", ".join(f"{name} {text}" for name, text in values.items()),
                        f"equal to the means of the {patient['group']} group", UNUSUAL,
                        "A single patient who has the group's mean in every digit is hardly a measured one.")
            )  # fmt: skip
    return findings


def check_earlier_studies(study: dict[str, Any], seed: int) -> list[Finding]:
    from statsmodels.stats.proportion import proportion_confint

    findings = []
    for row in study.get("earlier_studies", ()):
        shown = []
        for measure in ("sensitivity", "specificity"):
            count, total = row[measure]
            low, high = proportion_confint(count, total, method="beta")
            shown.append(
                f"{measure} {count} of {total} = {100 * count / total:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
            )
        findings.append(
            Finding("Earlier study", row["name"], "cited as agreeing", "; ".join(shown), IMPLIED,
                    "So few lesions leave room for a much better and a much worse test.")
        )  # fmt: skip
    return findings
