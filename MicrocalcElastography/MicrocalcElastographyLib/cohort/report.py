"""A study in words, tables and pictures for a clinician: one page, nothing to install, nothing fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping

from MicrocalcAILib.statistics.sample_size import auc_sample_size

from .alternatives import alternative_texts
from .analysis import CohortAnalysis
from .cautions import study_cautions
from .diagnostics import GIVEN, YOUDEN, Cutoff, Performance
from .groups import Comparison, GroupSummary
from .page import Page
from .report_models import (
    Pictures,
    add_agreement,
    add_combinations,
    add_correlations,
    add_fusion,
    add_regression,
    picture,
)
from .report_protocol import add_checklists, add_protocol
from .report_quality import add_quality
from .wording import cutoff_text, estimate_text, file_name, number, p_cell, percent, share_text

EXCLUDED_AUC = 0.75


def study_report(analysis: CohortAnalysis, figures: Mapping[str, str]) -> str:
    """The report as HTML.

    Parameters
    ----------
    figures : mapping
        Name → SVG text, as made by :func:`~.outputs.study_figures`.
    """
    cohort = analysis.cohort
    malignant, benign = int(cohort.malignant.sum()), int((~cohort.malignant).sum())
    alternatives = alternative_texts(analysis)
    pictures = {name: (svg, alternatives.get(name, "")) for name, svg in figures.items()}
    page = Page(
        analysis.options.title,
        f"{malignant + benign} lesions, {malignant} malignant and {benign} benign. Research report, not for diagnosis. "
        f"{analysis.provenance['created'][:10]}, Microcalc {analysis.provenance['versions']['microcalc']}.",
    )
    page.box("In short", _in_short(analysis), "short")
    page.box("Keep in mind", [caution.message for caution in study_cautions(analysis)], "caution")
    add_protocol(page, analysis, pictures)
    _add_groups(page, analysis)
    _add_diagnostics(page, analysis, pictures)
    add_quality(page, analysis)
    add_combinations(page, analysis)
    _add_strata(page, analysis, pictures)
    add_regression(page, analysis, pictures)
    add_correlations(page, analysis, pictures)
    add_agreement(page, analysis, pictures)
    add_fusion(page, analysis)
    _add_planning(page, analysis)
    add_checklists(page, analysis)
    _add_data(page, analysis)
    return page.render()


def _in_short(analysis: CohortAnalysis) -> list[str]:
    lines = []
    best = analysis.best
    if best is None:
        return ["Each group needs at least five lesions with a measurement before cut-offs can be judged."]
    cutoff = best.cutoff(YOUDEN)
    side = "or more" if best.is_high_suspicious else "or less"
    lines.append(
        f"Best single parameter: {best.variable.label}. In {percent(best.auc.value)} of pairs of a malignant and a "
        f"benign lesion it ranks the malignant one higher (AUC {estimate_text(best.auc)})."
    )
    lines.append(
        f"Best cut-off in this cohort: {cutoff_text(cutoff.value, best.variable.unit)} {side}; it finds "
        f"{percent(cutoff.table.sensitivity.value, 0)} of the cancers and clears "
        f"{percent(cutoff.table.specificity.value, 0)} of the benign lesions. On new lesions expect about "
        f"{percent(cutoff.corrected['sensitivity'], 0)} and {percent(cutoff.corrected['specificity'], 0)}."
    )
    for prevalence in analysis.prevalences:
        positive, negative = cutoff.table.predictive_values_at(prevalence)
        lines.append(
            f"Where {percent(prevalence, 0)} of such lesions are malignant, a lesion beyond the cut-off is malignant "
            f"with {percent(positive.value, 0)} probability, and one within it is benign with "
            f"{percent(negative.value)}."
        )
    if analysis.regression is not None:
        independent = [result for result in analysis.regression.terms if result.p_value < 0.05]
        names = ", ".join(dict.fromkeys(result.term.variable.label for result in independent)) or "none"
        lines.append(f"Variables that add to the others in the model (P below 0.05): {names}.")
    if analysis.agreement is not None:
        for found in analysis.agreement.numbers:
            if found.absolute_icc is not None:
                lines.append(f"Readers on {found.variable.label.lower()}: ICC {estimate_text(found.absolute_icc)}.")
    return lines


def _add_groups(page: Page, analysis: CohortAnalysis) -> None:
    page.section("Benign against malignant")
    page.explain(
        "Numbers are mean ± standard deviation, or median with quartiles where a rank test was used; categories are "
        "counts with percentages. A small P value says that a difference this large would be rare if there were none; "
        "the size of the difference says whether it matters. Holm's P allows for testing many variables at once."
    )
    malignant, benign = int(analysis.cohort.malignant.sum()), int((~analysis.cohort.malignant).sum())
    rows = [row for comparison in analysis.comparisons for row in _group_rows(comparison, malignant + benign)]
    groups = (f"All ({malignant + benign})", f"Malignant ({malignant})", f"Benign ({benign})", "Missing")
    header = ("Variable", *groups, "Difference", "Effect size", "P", "P (Holm)", "Test")
    page.table("", header, rows)
    page.explain(
        "Hedges' g is the difference in standard deviations: about 0.2 is small, 0.5 middling, 0.8 and more large. "
        "Cramér's V does the same for categories, from 0 (unrelated) to 1. Intervals are 95 %."
    )


def _group_rows(comparison: Comparison, lesions: int) -> list[tuple[str, ...]]:
    effects = {effect.name: effect.estimate for effect in comparison.effects}
    sizes = [f"{name} {estimate_text(effects[name], 2)}" for name in ("Hedges' g", "Cramér's V") if name in effects]
    differences = [
        f"{name} {estimate_text(estimate)}" for name, estimate in effects.items() if f"{name} " not in "".join(sizes)
    ]
    tested = ("; ".join(differences), "; ".join(sizes), p_cell(comparison.p_value), p_cell(comparison.adjusted_p_value))
    test = comparison.test or ("describes the outcome, not tested" if comparison.variable.describes_outcome else "–")
    title = comparison.variable.title
    groups = comparison.overall, comparison.malignant, comparison.benign
    absent = lesions - comparison.overall.count
    missing = f"{absent} ({percent(absent / lesions)})" if absent else "0"
    if comparison.variable.kind != "category":
        by_ranks = comparison.test.startswith(("Mann", "rank"))
        return [(title, *(_number_text(group, by_ranks) for group in groups), missing, *tested, test)]
    rows: list[tuple[str, ...]] = [(title, "", "", "", missing, *tested, test)]
    for shares in zip(*(group.shares for group in groups), strict=True):
        cells = [_count_text(count, group.count) for (_, count), group in zip(shares, groups, strict=True)]
        rows.append((f"\u2003{shares[0][0]}", *cells, *[""] * 6))
    return rows


def _number_text(summary: GroupSummary, by_ranks: bool) -> str:
    if not summary.count:
        return "–"
    if by_ranks:
        quartiles = f"{number(summary.first_quartile)} to {number(summary.third_quartile)}"
        return f"{number(summary.median)} ({quartiles})"
    return f"{number(summary.mean)} ± {number(summary.standard_deviation)}"


def _count_text(count: int, total: int) -> str:
    return f"{count} ({percent(count / total) if total else '–'})"


def _add_diagnostics(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
    if not analysis.performances:
        return
    page.section("How well each parameter tells them apart")
    page.explain(
        "The area under the ROC curve (AUC) is the chance that a malignant lesion has the more suspicious value: 0.5 "
        "is a coin toss, 1 is perfect. Filled dots mark the best cut-off of each parameter."
    )
    rows = [
        (
            performance.variable.title,
            "high values" if performance.is_high_suspicious else "low values",
            f"{performance.malignant_count} / {performance.benign_count}",
            estimate_text(performance.auc),
        )
        for performance in analysis.performances
    ]
    page.table("", ("Parameter", "Suspicious", "Malignant / benign", "AUC (95 % interval)"), rows)
    caption = "ROC curves of the parameters (solid) and of their combinations (dashed, cross-validated)."
    page.figures(picture(pictures, "roc", caption))
    if analysis.pairs:
        page.table(
            "Two parameters on the same lesions (DeLong's test)",
            ("First", "Second", "Lesions", "AUC", "Difference (95 % interval)", "P"),
            [
                (pair.first, pair.second, str(pair.count),
                 f"{pair.comparison.first:.3f} / {pair.comparison.second:.3f}",
                 estimate_text(pair.comparison.difference), p_cell(pair.comparison.p_value))
                for pair in analysis.pairs
            ],
        )  # fmt: skip
    page.section("Cut-offs")
    page.explain(
        "Sensitivity is the share of cancers found, specificity the share of benign lesions cleared. A cut-off chosen "
        "on these lesions looks better than it is; the corrected figures subtract the optimism found by repeating the "
        "choice in bootstrap samples. Published cut-offs were fixed elsewhere, so they need no correction, but they "
        "belong to their own device and statistic. A likelihood ratio multiplies the odds of malignancy."
    )
    for performance in analysis.performances:
        _add_cutoffs(page, analysis, performance, pictures)


def _add_cutoffs(page: Page, analysis: CohortAnalysis, performance: Performance, pictures: Pictures) -> None:
    unit = performance.variable.unit
    page.heading(performance.variable.title)
    rows, predictive, sources = [], [], []
    for cutoff in performance.cutoffs:
        table = cutoff.table
        low, high = cutoff.interval
        spread = f" ({cutoff_text(low)} to {cutoff_text(high)})" if math.isfinite(low) else ""
        corrected = "–"
        if cutoff.is_chosen_here:
            corrected = f"{percent(cutoff.corrected['sensitivity'])} / {percent(cutoff.corrected['specificity'])}"
        rows.append(
            (
                _cutoff_name(cutoff, analysis.options.protocol is not None),
                cutoff.words(performance.is_high_suspicious, unit) + spread,
                f"{table.true_positive}/{table.false_negative}/{table.false_positive}/{table.true_negative}",
                share_text(table.sensitivity),
                share_text(table.specificity),
                corrected,
                share_text(table.accuracy),
                estimate_text(table.positive_likelihood_ratio, 2),
                estimate_text(table.negative_likelihood_ratio, 2),
            )
        )
        shown = [
            (percent(prevalence, 0), *table.predictive_values_at(prevalence)) for prevalence in analysis.prevalences
        ]
        shown.append(("this cohort's mix", table.positive_predictive_value, table.negative_predictive_value))
        names = (_cutoff_name(cutoff, analysis.options.protocol is not None), cutoff_text(cutoff.value, unit))
        predictive += [
            (*(names if index == 0 else ("", "")), where, share_text(positive), share_text(negative))
            for index, (where, positive, negative) in enumerate(shown)
        ]
        if cutoff.source:
            sources.append(f"{cutoff.rule}: {cutoff.source}")
    page.table(
        "Cut-offs and what they give",
        ("Cut-off", "Suspicious", "TP/FN/FP/TN", "Sensitivity", "Specificity",
         "Corrected: sens. / spec.", "Accuracy", "LR if suspicious", "LR if not"),
        rows,
    )  # fmt: skip
    page.table(
        "Predictive values: how often a suspicious lesion is malignant (PPV), and one that is not is benign (NPV)",
        ("Cut-off", "Value", "Malignant where used", "PPV", "NPV"),
        predictive,
    )
    name = file_name(performance.variable.name)
    page.figures(
        picture(pictures, f"distribution_{name}", f"{performance.variable.label} of every lesion, with the cut-offs."),
        picture(pictures, f"cutoff_{name}", "Sensitivity and specificity for every cut-off."),
    )
    if sources:
        with page.details("Where the published cut-offs come from"):
            for source in sources:
                page.explain(source)


def _cutoff_name(cutoff: Cutoff, has_protocol: bool) -> str:
    if cutoff.rule != GIVEN:
        return f"{cutoff.rule} (exploratory)" if has_protocol and cutoff.is_chosen_here else cutoff.rule
    if cutoff.is_prespecified:
        return "prespecified" if has_protocol else "given, fixed beforehand"
    return "given, not in the protocol"


def _add_strata(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
    if not analysis.stratifications:
        return
    page.section("In parts of the cohort")
    page.explain(
        "The same parameter and the same cut-off (the best one of the whole cohort) in each part. The P value asks "
        "whether the AUC differs between the parts; a small study can hardly show such a difference."
    )
    for performance in analysis.performances:
        if performance is analysis.best:
            page.heading(performance.variable.title)
            _add_parts(page, analysis, performance, pictures)
        else:
            with page.details(performance.variable.title):
                _add_parts(page, analysis, performance, pictures)


def _add_parts(page: Page, analysis: CohortAnalysis, performance: Performance, pictures: Pictures) -> None:
    protocol = analysis.options.protocol
    fixed = set() if protocol is None else {analysis.cohort.variable(name).name for name in protocol.subgroups}
    name = performance.variable.name
    parts = [part for part in analysis.stratifications if part.parameter.name == name]
    rows = []
    for part in parts:
        for index, stratum in enumerate(part.strata):
            rows.append(
                ((part.by.label + (" (prespecified)" if part.by.name in fixed else "")) if index == 0 else "",
                 stratum.name,
                 f"{stratum.malignant_count} / {stratum.benign_count}", estimate_text(stratum.auc),
                 share_text(stratum.table.sensitivity), share_text(stratum.table.specificity),
                 p_cell(part.heterogeneity_p) if index == 0 else "")
            )  # fmt: skip
    page.table(
        f"At {cutoff_text(parts[0].cutoff, performance.variable.unit)}",
        ("By", "Part", "Malignant / benign", "AUC", "Sensitivity", "Specificity", "P, AUCs differ"),
        rows,
    )
    if f"strata_{file_name(name)}" in pictures:
        caption = f"AUC of {performance.variable.label.lower()} in each part."
        page.figures(picture(pictures, f"strata_{file_name(name)}", caption))


def _add_planning(page: Page, analysis: CohortAnalysis) -> None:
    best = analysis.best
    if best is None or not EXCLUDED_AUC < best.auc.value < 1:
        return
    page.section("Planning the next study")
    page.explain(
        f"Lesions that a new study needs to show with 90 % power (two-sided, 5 %) that {best.variable.label.lower()} "
        f"does better than an AUC of {EXCLUDED_AUC:g} (Obuchowski 1994). An AUC is usually overestimated at first; "
        "plan with the lower end of its interval."
    )
    rows = []
    for text, area in (("as seen here", best.auc.value), ("lower end of its interval", best.auc.low)):
        if area > EXCLUDED_AUC:
            needed = auc_sample_size(area, null_auc=EXCLUDED_AUC, power=0.9)
            rows.append((f"{area:.3f}, {text}", str(needed.diseased), str(needed.healthy)))
    page.table("", ("If the true AUC is", "Malignant", "Benign"), rows)


def _add_data(page: Page, analysis: CohortAnalysis) -> None:
    page.section("Data and methods")
    columns = analysis.cohort.columns
    page.table("How the columns were read", ("Column", "Read as"), list(columns.itertuples(index=False, name=None)))
    missing = analysis.cohort.missing
    page.table(
        "Missing values",
        ("Variable", "Lesions without a value", "Share"),
        [(str(row.variable), str(row.missing), f"{row.percent:.1f} %") for row in missing.itertuples()],
    )
    page.paragraph(
        "Intervals are 95 %. Shares: Wilson's interval; AUC: logit interval with DeLong's variance. When patients have "
        "several lesions: Obuchowski's variance for AUCs, Wilson's interval with the effective number of lesions for "
        "shares, sandwich errors by patient for group comparisons and odds ratios, jackknife by patient for "
        "correlations and limits of agreement, bootstrap by patient for kappa and intraclass correlation. Normality: "
        "Lilliefors' test by simulation; predictive values: logit interval at a prevalence taken as known; likelihood "
        "ratios: log interval; odds ratios: Wald, or profile of Firth's penalized likelihood; correlations: "
        "Bonett–Wright; intraclass correlation: Shrout–Fleiss; limits of agreement: Bland–Altman. Tests are two-sided."
    )
    versions = ", ".join(f"{name} {version}" for name, version in analysis.provenance["versions"].items())
    inputs = "; ".join(f"{name} {value}" for name, value in analysis.provenance["inputs"].items())
    page.explain(
        f"Seed {analysis.options.seed}, {analysis.options.resamples} bootstrap samples. {versions}. Input: "
        f"{inputs or '–'}."
    )
