"""The report's sections on models, correlations, agreement and the combined risk."""

from __future__ import annotations

import math
from collections.abc import Mapping

from MicrocalcAILib.statistics.agreement import BlandAltman

from .analysis import CohortAnalysis
from .page import Page
from .readers import NumberAgreement
from .regression import FIXED, Regression, TermResult
from .wording import cutoff_text, estimate_text, file_name, number, p_cell, p_text, percent


def add_combinations(page: Page, analysis: CohortAnalysis) -> None:
    """Parameters together, judged on lesions they were not fitted to."""
    if not analysis.combinations:
        return
    page.section("Parameters together")
    page.explain(
        "Each combination is a logistic model. Its AUC on the lesions of the fit flatters it; the cross-validated AUC "
        "comes from models that never saw the lesion. Two questions are asked: does the combination rank lesions "
        "better than its best part (difference of AUCs), and does the added parameter carry any information at all "
        "(added value)."
    )
    page.table(
        "",
        ("Combination", "Lesions", "AUC, on the fit", "AUC, cross-validated", "Difference to the best part", "P",
         "Added value, P"),
        [
            (combination.title, str(combination.count), estimate_text(combination.apparent_auc),
             estimate_text(combination.cross_validated_auc),
             f"{estimate_text(combination.against_best.difference)} to {combination.best.lower()}",
             p_cell(combination.against_best.p_value), p_cell(combination.added_value_p))
            for combination in analysis.combinations
        ],
    )  # fmt: skip


def add_regression(page: Page, analysis: CohortAnalysis, figures: Mapping[str, str]) -> None:
    """Univariate and multivariable odds ratios, fit, calibration and the points table."""
    page.section("Several variables at once")
    regression = analysis.regression
    if regression is None:
        page.paragraph(f"There is no model: {analysis.regression_problem}")
        return
    page.explain(
        "An odds ratio says by how much the odds of malignancy are multiplied per unit (or against the reference "
        "category) while the other variables stay the same; 1 means no effect. Per standard deviation (SD) the "
        "variables can be compared with each other."
    )
    page.table("Each variable alone", ("Variable", "Odds ratio", "Per SD", "P"), _univariate_rows(regression))
    page.table(
        f"Together ({regression.rule}; {regression.fit.count} lesions, {regression.fit.event_count} malignant; "
        f"{regression.fit.method})",
        ("Variable", "Odds ratio", "Per SD", "P", "Variance inflation"),
        [
            (*_term_cells(result), p_cell(result.p_value), number(regression.inflation[result.term.variable.title], 2))
            for result in regression.terms
        ],
    )
    if regression.left_out:
        reasons = "; ".join(f"{title} ({reason})" for title, reason in regression.left_out.items())
        page.explain(f"Not offered to the model: {reasons}.")
    page.figure(figures["forest"], "Odds ratios in the model and of each variable alone.")
    crossed = regression.cross_validation
    anew = ", with the variables chosen anew each time" if regression.rule != FIXED else ""
    unseen = "" if crossed is None else f", {estimate_text(crossed.auc)} cross-validated{anew}"
    page.paragraph(
        f"AUC of the model: {estimate_text(regression.apparent_auc)} on the lesions it was fitted to{unseen}."
    )
    _add_fit(page, regression, figures)
    _add_points(page, analysis, figures)


def _univariate_rows(regression: Regression) -> list[tuple[str, ...]]:
    return [
        (*_term_cells(result), p_cell(single.p_value) if index == 0 else "")
        for single in regression.univariate
        for index, result in enumerate(single.terms)
    ]


def _term_cells(result: TermResult) -> tuple[str, str, str]:
    per_sd = "–" if result.term.category else estimate_text(result.odds_ratio_per_sd)
    return result.term.title, estimate_text(result.odds_ratio), per_sd


def _add_fit(page: Page, regression: Regression, figures: Mapping[str, str]) -> None:
    page.heading("Do the probabilities mean what they say?")
    test = regression.hosmer_lemeshow
    if test is not None:
        page.paragraph(
            f"Hosmer–Lemeshow test: chi-square {test.statistic:.1f} on {test.degrees_of_freedom} degrees of freedom, "
            f"{p_text(test.p_value)}. A large P value is no proof of a good fit, least of all in a small cohort."
        )
    slope = None if regression.cross_validation is None else regression.cross_validation.slope
    if slope is not None and math.isfinite(slope.value):
        page.paragraph(
            f"Calibration slope, cross-validated: {estimate_text(slope)}. Below 1 the probabilities are too extreme, "
            "as they are when a model was fitted to few lesions; above 1 too timid."
        )
    page.figure(
        figures["calibration"], "Predicted against observed share of malignant lesions; on the line both agree."
    )


def _add_points(page: Page, analysis: CohortAnalysis, figures: Mapping[str, str]) -> None:
    points = analysis.points
    if points is None:
        return
    page.heading("Points table")
    stated = analysis.options.prevalence is not None
    page.explain(
        "Read the points of each value on the top line, add them up, and read the probability below the sum. The "
        f"probabilities are for a clinic where {percent(points.prevalence, 0)} of the lesions are malignant"
        f"{' (stated)' if stated else ' (the mix of this cohort)'}. Not validated on other lesions."
    )
    page.figure(figures["nomogram"], "The model as a nomogram.")
    page.table(
        "Points",
        ("Variable", "Value: points"),
        [
            (scale.title, ", ".join(f"{v}: {p:.0f}" for v, p in zip(scale.values, scale.points, strict=True)))
            for scale in points.scales
        ],
    )
    page.table(
        "Sum of points",
        ("Points", "Probability of malignancy"),
        [
            (f"{sum_:.0f}", percent(float(chance), 0))
            for sum_, chance in points.totals.itertuples(index=False, name=None)
        ],
    )


def add_correlations(page: Page, analysis: CohortAnalysis, figures: Mapping[str, str]) -> None:
    """Correlations over all lesions and inside the groups."""
    if not analysis.correlations:
        return
    page.section("Which measurements go together")
    page.explain(
        "Over all lesions two measurements correlate as soon as both are higher in cancers. What they share beyond "
        "that is the correlation inside each group; only there does a high value mean that one measurement could "
        "replace the other."
    )
    page.table(
        "",
        ("First", "Second", "Lesions", "Spearman, all", "P", "Pearson, all", "Spearman, malignant", "Spearman, benign"),
        [
            (found.first.label, found.second.label, str(found.count), estimate_text(found.spearman, 2),
             p_cell(found.p_value), estimate_text(found.pearson, 2), estimate_text(found.spearman_malignant, 2),
             estimate_text(found.spearman_benign, 2))
            for found in analysis.correlations
        ],
    )  # fmt: skip
    if "scatter" in figures:
        page.figure(figures["scatter"], "The two best parameters, each lesion one dot.")


def add_agreement(page: Page, analysis: CohortAnalysis, figures: Mapping[str, str]) -> None:
    """Readers and repeats."""
    if analysis.agreement is None:
        return
    page.section("Do readers and repeats agree?")
    page.explain(
        "The intraclass correlation (ICC) is the share of the spread that belongs to the lesions and not to the "
        "readers; ICC(2,1) counts a constant difference between readers as disagreement, ICC(3,1) does not. Limits of "
        "agreement say how far two readers differ in 95 % of lesions. Kappa is the agreement on categories beyond "
        "chance."
    )
    for found in analysis.agreement.numbers:
        _add_number_agreement(page, found, figures)
    if analysis.agreement.categories:
        page.heading("Categories and scores")
        page.table(
            "",
            ("Variable", "Readers", "Lesions", "Equal", "Kappa", "Linear weights", "Quadratic weights"),
            [
                (found.variable.label, f"{found.first} and {found.second}", str(found.lesion_count),
                 f"{found.percent_equal:.1f} %", estimate_text(found.kappa, 2),
                 "–" if found.linear_kappa is None else estimate_text(found.linear_kappa, 2),
                 "–" if found.quadratic_kappa is None else estimate_text(found.quadratic_kappa, 2))
                for found in analysis.agreement.categories
            ],
        )  # fmt: skip


def _add_number_agreement(page: Page, found: NumberAgreement, figures: Mapping[str, str]) -> None:
    page.heading(found.variable.title)
    if found.absolute_icc is not None and found.consistency_icc is not None:
        variation = "–" if found.between_readers is None else percent(found.between_readers.coefficient_of_variation)
        page.paragraph(
            f"{len(found.readers)} readers, {found.lesion_count} lesions. ICC(2,1) "
            f"{estimate_text(found.absolute_icc)}, ICC(3,1) {estimate_text(found.consistency_icc)}; variation between "
            f"readers {variation} of the value."
        )
    rows = []
    for pair in found.pairs:
        rows.append(_limits_row(f"{pair.first} − {pair.second}", found.variable.unit or "units", pair.absolute))
        if pair.relative is not None:
            rows.append(_limits_row(f"{pair.first} − {pair.second}", "% of the mean", pair.relative))
    if rows:
        page.table("Limits of agreement", ("Readers", "In", "Bias", "Lower limit", "Upper limit"), rows)
    figure = f"bland_altman_{file_name(found.variable.name)}"
    if figure in figures:
        page.figure(figures[figure], "Difference of two readers against their mean.")
    if found.repeat_icc:
        rows = []
        for reader, icc in found.repeat_icc.items():
            spread = found.repeats.get(reader)
            variation = "–" if spread is None else percent(spread.coefficient_of_variation)
            largest = "–" if spread is None else f"{number(spread.repeatability)} {found.variable.unit}"
            rows.append((reader, estimate_text(icc), variation, largest))
        header = ("Reader", "ICC(2,1)", "Variation", "95 % of repeats differ by less than")
        page.table("Repeats of the same reader", header, rows)
    if found.dichotomous_kappa:
        verdicts = "; ".join(
            f"at {cutoff_text(cutoff, found.variable.unit)} {estimate_text(kappa, 2)}"
            for cutoff, kappa in found.dichotomous_kappa.items()
        )
        page.paragraph(f"Kappa of the readers' verdicts, suspicious or not: {verdicts}.")
    if len(found.consensus):
        page.table(
            f"For a joint review: {len(found.consensus)} lesions whose readers differ by more than 20 % (15 largest "
            "shown)",
            tuple(str(column).replace("discrepancy_percent", "difference, %") for column in found.consensus.columns),
            [tuple(cell if isinstance(cell, str) else number(cell) for cell in row)
             for row in found.consensus.head(15).itertuples(index=False, name=None)],
        )  # fmt: skip


def _limits_row(readers: str, unit: str, limits: BlandAltman) -> tuple[str, ...]:
    return (
        readers,
        unit,
        estimate_text(limits.bias),
        estimate_text(limits.lower_limit),
        estimate_text(limits.upper_limit),
    )


def add_fusion(page: Page, analysis: CohortAnalysis) -> None:
    """Mammographic probability together with stiffness."""
    if analysis.fusion is None:
        return
    fusion = analysis.fusion
    page.section("Mammogram and stiffness as one risk")
    page.paragraph(
        f"The cohort has a mammographic probability and {fusion.parameter.label.lower()} of the same lesions. "
        f"{fusion.independence.statement}"
    )
    if fusion.joint is None:
        page.paragraph("There are too few lesions for a joint model; odds × likelihood ratio is what is left.")
        return
    log_odds, stiffness = fusion.joint.coefficients
    page.paragraph(
        f"Joint logistic model ({fusion.joint.method}): log odds = {fusion.joint.intercept:.3g} + {log_odds:.3g} × "
        f"mammographic log odds + {stiffness:.3g} × {fusion.parameter.title}."
    )
