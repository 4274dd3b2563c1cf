"""Every number of a study as plain tables, for CSV and JSON files and for Slicer's table nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from MicrocalcAILib.statistics.estimate import Estimate

from .analysis import CohortAnalysis
from .checklists import filled_checklists
from .groups import Comparison, GroupSummary
from .protocol import StudyProtocol
from .readers import Agreement
from .regression import Regression, TermResult
from .verdicts import hypothesis_results
from .wording import file_name

_TABLE_ESTIMATES = (
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
    "accuracy",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
)


def study_tables(analysis: CohortAnalysis) -> dict[str, pd.DataFrame]:
    """Name → table; empty tables are left out."""
    tables = {
        "columns": analysis.cohort.columns,
        "missing": analysis.cohort.missing,
        "groups": pd.DataFrame([row for comparison in analysis.comparisons for row in _group_rows(comparison)]),
        "auc": _auc_table(analysis),
        "cutoffs": _cutoff_table(analysis),
        "roc_points": _curve_table(analysis),
        "auc_comparisons": _comparison_table(analysis),
        "combinations": _combination_table(analysis),
        "strata": _strata_table(analysis),
        "correlations": _correlation_table(analysis),
        **_quality_tables(analysis),
        **_regression_tables(analysis.regression),
        **_agreement_tables(analysis.agreement),
    }
    if analysis.options.protocol is not None:
        tables |= _protocol_tables(analysis, analysis.options.protocol)
    if analysis.points is not None:
        tables |= {"points": analysis.points.rows(), "points_totals": analysis.points.totals}
    return {name: table for name, table in tables.items() if len(table)}


def _protocol_tables(analysis: CohortAnalysis, protocol: StudyProtocol) -> dict[str, pd.DataFrame]:
    hypotheses = [
        {
            "hypothesis": result.hypothesis.text,
            "parameter": result.hypothesis.parameter,
            "measure": result.hypothesis.measure,
            "above": result.hypothesis.above,
            **(_columns("found", result.estimate) if result.estimate is not None else {}),
            "verdict": result.verdict,
        }
        for result in hypothesis_results(analysis, protocol)
    ]
    checklists = {
        f"checklist_{file_name(checklist.title)}": pd.DataFrame([vars(item) for item in checklist.items])
        for checklist in filled_checklists(analysis, protocol)
    }
    return {"hypotheses": pd.DataFrame(hypotheses), **checklists}


def _quality_tables(analysis: CohortAnalysis) -> dict[str, pd.DataFrame]:
    if analysis.quality is None:
        return {}
    doubts = [
        {
            "reason": doubt.reason,
            "malignant": doubt.malignant_count,
            "benign": doubt.benign_count,
            "rows": " ".join(str(number) for rows in analysis.cohort.rows[doubt.lesions] for number in rows),
        }
        for doubt in analysis.quality.doubts
    ]
    effects = [
        {
            "parameter": effect.parameter.name,
            "without": effect.reason,
            "malignant": effect.malignant_count,
            "benign": effect.benign_count,
            **_columns("auc", effect.auc),
            **_columns("sensitivity", effect.table.sensitivity),
            **_columns("specificity", effect.table.specificity),
            "auc_possible_low": np.nan if effect.limits is None else effect.limits[0],
            "auc_possible_high": np.nan if effect.limits is None else effect.limits[1],
            "verdict_open": effect.undecided,
        }
        for effect in analysis.quality.effects
    ]
    return {"measurements_in_doubt": pd.DataFrame(doubts), "without_doubtful": pd.DataFrame(effects)}


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _summary_columns(group: str, summary: GroupSummary) -> dict[str, float]:
    return {
        f"{group}_count": summary.count,
        f"{group}_mean": summary.mean,
        f"{group}_sd": summary.standard_deviation,
        f"{group}_median": summary.median,
        f"{group}_first_quartile": summary.first_quartile,
        f"{group}_third_quartile": summary.third_quartile,
    }


def _group_rows(comparison: Comparison) -> list[dict[str, Any]]:
    test = {
        "test": comparison.test,
        "p_value": comparison.p_value,
        "p_value_holm": comparison.adjusted_p_value,
        "normality_p_malignant": comparison.normality_p_values[0],
        "normality_p_benign": comparison.normality_p_values[1],
    }
    for index, effect in enumerate(comparison.effects, start=1):
        test |= {f"effect_{index}": effect.name, **_columns(f"effect_{index}_value", effect.estimate)}
    head = {"variable": comparison.variable.name, "unit": comparison.variable.unit}
    if comparison.variable.kind != "category":
        groups = {
            name: value
            for group in ("overall", "malignant", "benign")
            for name, value in _summary_columns(group, getattr(comparison, group)).items()
        }
        return [head | {"category": ""} | groups | test]
    rows = []
    for index, (category, _) in enumerate(comparison.overall.shares):
        counts: dict[str, float] = {}
        for group in ("overall", "malignant", "benign"):
            summary = getattr(comparison, group)
            count = summary.shares[index][1]
            counts |= {f"{group}_count": count, f"{group}_percent": _percent(count, summary.count)}
        rows.append(head | {"category": category} | counts | test)
    return rows


def _percent(count: int, total: int) -> float:
    return 100 * count / total if total else float("nan")


def _auc_table(analysis: CohortAnalysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "parameter": performance.variable.name,
                "unit": performance.variable.unit,
                "suspicious": "high" if performance.is_high_suspicious else "low",
                "direction_fixed_beforehand": performance.is_direction_fixed,
                "malignant": performance.malignant_count,
                "benign": performance.benign_count,
                **_columns("auc", performance.auc),
                "interval": performance.auc.method,
            }
            for performance in analysis.performances
        ]
    )


def _cutoff_table(analysis: CohortAnalysis) -> pd.DataFrame:
    rows = []
    for performance in analysis.performances:
        for cutoff in performance.cutoffs:
            row: dict[str, Any] = {
                "parameter": performance.variable.name,
                "rule": cutoff.rule,
                "cutoff": cutoff.value,
                "is_above_only": cutoff.is_exclusive,
                "prespecified": cutoff.is_prespecified,
                "cutoff_low": cutoff.interval[0],
                "cutoff_high": cutoff.interval[1],
                "chosen_on_these_lesions": cutoff.is_chosen_here,
                "true_positive": cutoff.table.true_positive,
                "false_positive": cutoff.table.false_positive,
                "false_negative": cutoff.table.false_negative,
                "true_negative": cutoff.table.true_negative,
            }
            for name in _TABLE_ESTIMATES:
                row |= _columns(name, getattr(cutoff.table, name))
            row |= {f"corrected_{name}": cutoff.corrected.get(name, np.nan)
                    for name in ("sensitivity", "specificity", "accuracy")}  # fmt: skip
            for prevalence in analysis.prevalences:
                positive, negative = cutoff.table.predictive_values_at(prevalence)
                row |= _columns(f"ppv_at_{prevalence:g}", positive) | _columns(f"npv_at_{prevalence:g}", negative)
            rows.append(row | {"source": cutoff.source})
    return pd.DataFrame(rows)


def _curve_table(analysis: CohortAnalysis) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "parameter": name,
                "threshold": curve.thresholds,
                "sensitivity": curve.sensitivity,
                "specificity": curve.specificity,
            }
        )
        for name, curve in (
            *((performance.variable.name, performance.curve) for performance in analysis.performances),
            *((combination.title, combination.curve) for combination in analysis.combinations),
        )
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _comparison_table(analysis: CohortAnalysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "first": pair.first,
                "second": pair.second,
                "lesions": pair.count,
                "first_auc": pair.comparison.first,
                "second_auc": pair.comparison.second,
                **_columns("difference", pair.comparison.difference),
                "p_value": pair.comparison.p_value,
            }
            for pair in analysis.pairs
        ]
    )


def _combination_table(analysis: CohortAnalysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "combination": combination.title,
                "lesions": combination.count,
                **_columns("apparent_auc", combination.apparent_auc),
                **_columns("cross_validated_auc", combination.cross_validated_auc),
                "best_single": combination.best,
                **_columns("gain_over_best", combination.gain),
                "added_value_p_value": combination.added_value_p,
            }
            for combination in analysis.combinations
        ]
    )


def _strata_table(analysis: CohortAnalysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "parameter": part.parameter.name,
                "by": part.by.name,
                "stratum": stratum.name,
                "malignant": stratum.malignant_count,
                "benign": stratum.benign_count,
                **_columns("auc", stratum.auc),
                "cutoff": part.cutoff,
                **_columns("sensitivity", stratum.table.sensitivity),
                **_columns("specificity", stratum.table.specificity),
                "heterogeneity_p_value": part.heterogeneity_p,
            }
            for part in analysis.stratifications
            for stratum in part.strata
        ]
    )


def _correlation_table(analysis: CohortAnalysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "first": found.first.name,
                "second": found.second.name,
                "lesions": found.count,
                **_columns("spearman", found.spearman),
                "p_value": found.p_value,
                **_columns("pearson", found.pearson),
                **_columns("spearman_malignant", found.spearman_malignant),
                **_columns("spearman_benign", found.spearman_benign),
            }
            for found in analysis.correlations
        ]
    )


def _regression_tables(regression: Regression | None) -> dict[str, pd.DataFrame]:
    if regression is None:
        return {}
    univariate = [
        _term_row(result) | {"variable_p_value": single.p_value, "lesions": single.count, "method": single.method}
        for single in regression.univariate
        for result in single.terms
    ]
    model = [
        _term_row(result) | {"variance_inflation": regression.inflation[result.term.variable.title]}
        for result in regression.terms
    ]
    tables = {"univariate_regression": pd.DataFrame(univariate), "regression": pd.DataFrame(model)}
    if regression.imputed is not None:
        found = regression.imputed
        tables["regression_imputed"] = pd.DataFrame(
            [
                _term_row(result) | {"missing_information": share, "imputations": found.imputations}
                for result, share in zip(found.terms, found.missing_information, strict=True)
            ]
        )
    crossed = regression.cross_validation
    if crossed is not None:
        calibration = {"brier_score": crossed.brier}
        if crossed.line is not None:
            calibration |= {
                "calibration_slope": crossed.line.slope,
                "calibration_in_the_large": crossed.line.in_the_large,
            }
        tables["calibration"] = pd.DataFrame(
            [{"measure": name, **_columns("value", estimate)} for name, estimate in calibration.items()]
        )
        tables["decision_curve"] = crossed.decision
    return tables


def _term_row(result: TermResult) -> dict[str, Any]:
    return {
        "variable": result.term.variable.name,
        "category": result.term.category,
        "reference": result.term.reference,
        **_columns("odds_ratio", result.odds_ratio),
        **_columns("odds_ratio_per_sd", result.odds_ratio_per_sd),
        "p_value": result.p_value,
    }


def _agreement_tables(agreement: Agreement | None) -> dict[str, pd.DataFrame]:
    if agreement is None:
        return {}
    numbers: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    repeats: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    consensus: list[pd.DataFrame] = []
    for found in agreement.numbers:
        name = found.variable.name
        row: dict[str, Any] = {"variable": name, "lesions": found.lesion_count, "readers": len(found.readers)}
        for key, estimate in (("icc_2_1", found.absolute_icc), ("icc_3_1", found.consistency_icc)):
            row |= _columns(key, estimate) if estimate is not None else {}
        if found.between_readers is not None:
            row["within_subject_cv_percent"] = 100 * found.between_readers.coefficient_of_variation
        numbers.append(row)
        verdicts.extend(
            {"variable": name, "cutoff": cutoff, **_columns("kappa", kappa)}
            for cutoff, kappa in found.dichotomous_kappa.items()
        )
        for pair in found.pairs:
            for scale, limits in (("absolute", pair.absolute), ("percent of the mean", pair.relative)):
                if limits is not None:
                    differences.append(
                        {
                            "variable": name,
                            "first": pair.first,
                            "second": pair.second,
                            "scale": scale,
                            **_columns("bias", limits.bias),
                            **_columns("lower_limit", limits.lower_limit),
                            **_columns("upper_limit", limits.upper_limit),
                            "pairs": limits.pairs,
                            "one_read_a_part_only": pair.is_partial,
                            **_columns("icc_2_1", pair.absolute_icc),
                            "difference_grows_p_value": pair.proportional_p,
                        }
                    )
        repeats.extend(_repeat_rows(name, found.repeat_icc, found.repeats))
        if len(found.consensus):
            consensus.append(found.consensus.assign(variable=name))
    categories = [
        {
            "variable": found.variable.name,
            "first": found.first,
            "second": found.second,
            "lesions": found.lesion_count,
            "percent_equal": found.percent_equal,
            **_columns("kappa", found.kappa),
            **(_columns("linear_kappa", found.linear_kappa) if found.linear_kappa is not None else {}),
            **(_columns("quadratic_kappa", found.quadratic_kappa) if found.quadratic_kappa is not None else {}),
        }
        for found in agreement.categories
    ]
    several = [
        {
            "variable": found.variable.name,
            "readers": len(found.readers),
            "lesions": found.lesion_count,
            **_columns("fleiss_kappa", found.fleiss),
            **_columns("conger_kappa", found.conger),
        }
        for found in agreement.several
    ]
    return {
        "several_reader_kappa": pd.DataFrame(several),
        "agreement": pd.DataFrame(numbers),
        "bland_altman": pd.DataFrame(differences),
        "repeats": pd.DataFrame(repeats),
        "verdict_kappa": pd.DataFrame(verdicts),
        "kappa": pd.DataFrame(categories),
        "consensus": pd.concat(consensus, ignore_index=True) if consensus else pd.DataFrame(),
    }


def _repeat_rows(name: str, icc: Mapping[str, Estimate], spreads: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return [
        {
            "variable": name,
            "reader": reader,
            **_columns("icc_2_1", estimate),
            "within_subject_sd": spreads[reader].standard_deviation if reader in spreads else np.nan,
            "within_subject_cv_percent": 100 * spreads[reader].coefficient_of_variation
            if reader in spreads
            else np.nan,
            "repeatability": spreads[reader].repeatability if reader in spreads else np.nan,
        }
        for reader, estimate in icc.items()
    ]
