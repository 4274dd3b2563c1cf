"""The report's sections on models, correlations, agreement and the combined risk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from MicrocalcAILib.statistics.agreement import BlandAltman
from MicrocalcAILib.statistics.estimate import Estimate

from .analysis import CohortAnalysis
from .page import Figure, Page
from .readers import NumberAgreement
from .regression import FIXED, CrossValidation, Regression, TermResult
from .wording import cutoff_text, estimate_text, file_name, number, p_cell, p_text, percent

DECISIONS_SHOWN = (0.02, 0.1, 0.2, 0.3, 0.5)
Pictures = Mapping[str, tuple[str, str]]  # name of a figure → SVG text, alternative text


def picture(pictures: Pictures, name: str, caption: str, *, is_tall: bool = False) -> Figure:
    """The figure of this name for the page."""
    svg, alternative = pictures[name]
    return Figure(svg, caption, alternative or caption, is_tall)


def add_combinations(page: Page, analysis: CohortAnalysis) -> None:
    """Parameters together, judged on lesions they were not fitted to."""
    if not analysis.combinations:
        return
    page.section("Parameters together")
    page.explain(
        "Each combination is a logistic model. Its AUC on the lesions of the fit flatters it; the cross-validated AUC "
        "comes from models that never saw the lesion. The gain is how much better the combination ranks lesions than "
        "its best part, less what fitting alone gains (bootstrap by patient). Whether there is a gain and whether the "
        "added parameter carries information are the same question, so there is one P value."
    )
    page.table(
        "",
        ("Combination", "Lesions", "AUC, on the fit", "AUC, cross-validated", "Gain over the best part", "P"),
        [
            (combination.title, str(combination.count), estimate_text(combination.apparent_auc),
             estimate_text(combination.cross_validated_auc),
             f"{estimate_text(combination.gain)} over {combination.best.lower()}",
             p_cell(combination.added_value_p))
            for combination in analysis.combinations
        ],
    )  # fmt: skip


def add_regression(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
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
    if regression.imputed is not None:
        page.table(
            f"The same with missing values imputed {regression.imputed.imputations} times "
            f"({regression.imputed.lesion_count} lesions; Rubin's rules)",
            ("Variable", "Odds ratio", "Per SD", "P", "Information missing"),
            [
                (*_term_cells(result), p_cell(result.p_value), percent(share))
                for result, share in zip(regression.imputed.terms, regression.imputed.missing_information, strict=True)
            ],
        )
        page.explain(
            "The first model leaves lesions with a missing value out, which is right when values are missing by "
            "chance; the second also when missing depends on what was measured. Where they disagree, neither is safe."
        )
    if regression.left_out:
        reasons = "; ".join(f"{title} ({reason})" for title, reason in regression.left_out.items())
        page.explain(f"Not offered to the model: {reasons}.")
    page.figures(picture(pictures, "forest", "Odds ratios in the model and of each variable alone."))
    crossed = regression.cross_validation
    anew = ", with the variables chosen anew each time" if regression.rule != FIXED else ""
    unseen = "" if crossed is None else f", {estimate_text(crossed.auc)} cross-validated{anew}"
    page.paragraph(
        f"AUC of the model: {estimate_text(regression.apparent_auc)} on the lesions it was fitted to{unseen}."
    )
    _add_fit(page, regression, pictures)
    _add_points(page, analysis, pictures)


def _univariate_rows(regression: Regression) -> list[tuple[str, ...]]:
    return [
        (*_term_cells(result), p_cell(single.p_value) if index == 0 else "")
        for single in regression.univariate
        for index, result in enumerate(single.terms)
    ]


def _term_cells(result: TermResult) -> tuple[str, str, str]:
    per_sd = "–" if result.term.category else estimate_text(result.odds_ratio_per_sd)
    return result.term.title, estimate_text(result.odds_ratio), per_sd


def _add_fit(page: Page, regression: Regression, pictures: Pictures) -> None:
    page.heading("Do the probabilities mean what they say?")
    test = regression.hosmer_lemeshow
    if test is not None:
        page.paragraph(
            f"Hosmer–Lemeshow test: chi-square {test.statistic:.1f} on {test.degrees_of_freedom} degrees of freedom, "
            f"{p_text(test.p_value)}. A large P value is no proof of a good fit, least of all in a small cohort."
        )
    crossed = regression.cross_validation
    if crossed is not None:
        rows = [("Brier score", estimate_text(crossed.brier), "Mean squared error of the probability; 0 is best.")]
        if crossed.line is not None:
            rows += [
                ("Calibration in the large", estimate_text(crossed.line.in_the_large),
                 "0 is right; above 0 malignancy is more frequent than predicted."),
                ("Calibration slope", estimate_text(crossed.line.slope),
                 "1 is right; below 1 the probabilities are too extreme, above 1 too timid."),
            ]  # fmt: skip
        page.table("On lesions that the model never saw", ("Measure", "Value", "How to read it"), rows)
    caption = "Predicted against observed share of malignant lesions; on the line both agree."
    page.figures(picture(pictures, "calibration", caption))
    if crossed is not None and len(crossed.decision):
        _add_decision(page, crossed, pictures)


def _add_decision(page: Page, crossed: CrossValidation, pictures: Pictures) -> None:
    page.heading("Is it worth acting on the probability?")
    page.explain(
        "Net benefit counts the cancers biopsied per lesion, less the benign biopsies at the price of the threshold: "
        "who sends lesions to biopsy from 10 % on accepts 9 benign biopsies for one cancer. A model is of use where it "
        "gains over the better of a biopsy of all lesions and of none; the interval is by patient."
    )
    chosen = crossed.decision["threshold"].isin(DECISIONS_SHOWN)
    shown: list[dict[Any, Any]] = crossed.decision[chosen].to_dict("records")
    page.table(
        "Net benefit of the model on lesions it never saw",
        ("Malignant where used", "Biopsy from", "Model", "Biopsy of all", "Gain"),
        [
            (percent(row["prevalence"], 0), percent(row["threshold"], 0),
             estimate_text(Estimate(row["net_benefit"], row["low"], row["high"])), number(row["act_on_all"]),
             estimate_text(Estimate(row["gain"], row["gain_low"], row["gain_high"])))
            for row in shown
        ],
    )  # fmt: skip
    page.figures(picture(pictures, "decision", "Net benefit over the probability from which on a biopsy is done."))


def _add_points(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
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
    page.figures(picture(pictures, "nomogram", "The model as a nomogram."))
    page.table(
        "Points",
        ("Variable", "Value: points"),
        [
            (scale.title, ", ".join(f"{v}: {p:.0f}" for v, p in zip(scale.values, scale.points, strict=True)))
            for scale in points.scales
        ],
    )
    is_steep = points.totals["points"].round().duplicated().any()
    page.table(
        "Sum of points",
        ("Points", "Probability of malignancy"),
        [
            (f"{sum_:.1f}" if is_steep else f"{sum_:.0f}", percent(float(chance), 0))
            for sum_, chance in points.totals.itertuples(index=False, name=None)
        ],
    )


def add_correlations(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
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
    if "scatter" in pictures:
        page.figures(picture(pictures, "scatter", "The two best parameters, each lesion one dot."))


def add_agreement(page: Page, analysis: CohortAnalysis, pictures: Pictures) -> None:
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
        _add_number_agreement(page, found, pictures)
    if analysis.agreement.several:
        page.heading("All readers together on categories and scores")
        page.table(
            "",
            ("Variable", "Readers", "Lesions", "Fleiss' kappa", "Conger's kappa"),
            [
                (found.variable.label, ", ".join(found.readers), str(found.lesion_count),
                 estimate_text(found.fleiss, 2), estimate_text(found.conger, 2))
                for found in analysis.agreement.several
            ],
        )  # fmt: skip
    if analysis.agreement.categories:
        page.heading("Categories and scores, two readers at a time")
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


def _add_number_agreement(page: Page, found: NumberAgreement, pictures: Pictures) -> None:
    page.heading(found.variable.title)
    if found.absolute_icc is not None and found.consistency_icc is not None:
        variation = "–" if found.between_readers is None else percent(found.between_readers.coefficient_of_variation)
        page.paragraph(
            f"{len(found.readers)} readers together, {found.lesion_count} lesions. ICC(2,1) "
            f"{estimate_text(found.absolute_icc)}, ICC(3,1) {estimate_text(found.consistency_icc)}; variation between "
            f"readers {variation} of the value."
        )
    rows: list[tuple[str, ...]] = []
    for pair in found.pairs:
        readers = f"{pair.first} − {pair.second}, {len(pair.means)} lesions"
        readers += " (one read a part only)" if pair.is_partial else ""
        agreed = estimate_text(pair.absolute_icc)
        rows.append((*_limits_row(readers, found.variable.unit or "units", pair.absolute), agreed))
        if pair.relative is not None:
            rows.append((*_limits_row(readers, "% of the mean", pair.relative), ""))
    if rows:
        header = ("Readers", "In", "Bias", "Lower limit", "Upper limit", "ICC(2,1) of the two")
        page.table("Limits of agreement, each pair on the lesions both read", header, rows)
    figure = f"bland_altman_{file_name(found.variable.name)}"
    if figure in pictures:
        page.figures(picture(pictures, figure, "Difference of two readers against their mean."))
    if found.repeat_icc:
        repeats = []
        for reader, icc in found.repeat_icc.items():
            spread = found.repeats.get(reader)
            variation = "–" if spread is None else percent(spread.coefficient_of_variation)
            largest = "–" if spread is None else f"{number(spread.repeatability)} {found.variable.unit}"
            repeats.append((reader, estimate_text(icc), variation, largest))
        columns = ("Reader", "ICC(2,1)", "Variation", "95 % of repeats differ by less than")
        page.table("Repeats of the same reader", columns, repeats)
    verdicts = [
        (cutoff_text(cutoff, found.variable.unit), estimate_text(kappa, 2))
        for cutoff, kappa in found.dichotomous_kappa.items()
        if math.isfinite(kappa.value)
    ]
    if verdicts:
        page.table("Do the readers' verdicts agree, suspicious or not?", ("Cut-off", "Kappa"), verdicts)
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
