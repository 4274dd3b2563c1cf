"""``microcalc cohort …``: the statistics of an elastography study, from a table to a report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.base.progress import Cancelled, Progress

if TYPE_CHECKING:
    from ..cohort.analysis import CohortAnalysis
    from ..cohort.columns import ColumnChoices

_DESCRIPTION_ANALYZE = (
    "Read a table with one row per lesion (or per reader and repeat) and write a report: group comparison, ROC curves "
    "and cut-offs, logistic regression, agreement of readers. Columns are recognized by their headings; say otherwise "
    "below."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_analyze(
        actions.add_parser("analyze", help="from a table of lesions to a report", description=_DESCRIPTION_ANALYZE)
    )
    _add_risk(actions.add_parser("risk", help="mammographic probability and stiffness of one lesion as one risk"))
    _add_check(actions.add_parser("check-published", help="what the printed figures of a study imply and contradict"))
    _add_plan(actions.add_parser("plan", help="lesions needed for a study of an AUC, or its power"))
    _add_simulate(actions.add_parser("simulate", help="a simulated cohort after Yan & Fang 2025 (no patients)"))


def run(arguments: argparse.Namespace) -> int:
    """Run one sub-command."""
    actions = {
        "analyze": _analyze,
        "risk": _risk,
        "check-published": _check,
        "plan": _plan,
        "simulate": _simulate,
    }
    return actions[arguments.action](arguments)


def _add_columns(parser: argparse.ArgumentParser) -> None:
    columns = parser.add_argument_group("columns (guessed when not given)")
    columns.add_argument("--outcome", metavar="COLUMN", help="column that says benign or malignant")
    columns.add_argument("--malignant", nargs="+", default=[], metavar="VALUE", help="values of it that mean malignant")
    columns.add_argument("--lesion", metavar="COLUMN", help="column that names the lesion")
    columns.add_argument("--patient", metavar="COLUMN", help="column that names the patient")
    columns.add_argument("--reader", metavar="COLUMN", help="column that names the reader")
    columns.add_argument("--repeat", metavar="COLUMN", help="column that counts repeated measurements")
    columns.add_argument("--parameter", nargs="+", default=[], metavar="COLUMN", help="columns tested as parameters")
    columns.add_argument("--ignore", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    columns.add_argument(
        "--map",
        nargs="+",
        default=[],
        metavar="COLUMN=QUANTITY",
        help="what a column measures (E1=elasticity)",
    )
    columns.add_argument("--decimal", choices=("point", "comma"), default="", help="decimal mark of the numbers")
    columns.add_argument("--sheet", metavar="NAME", help="sheet of an XLSX workbook (default: the first)")


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", nargs="+", type=Path, metavar="TABLE", help="CSV, TSV or XLSX; several are joined")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for report, tables, figures")
    parser.add_argument("--title", default="Elastography cohort", help="heading of the report")
    _add_columns(parser)
    study = parser.add_argument_group("study")
    study.add_argument(
        "--protocol", type=Path, metavar="FILE", help="what was fixed beforehand, and participants' flow (TOML or JSON)"
    )
    study.add_argument(
        "--model", nargs="+", default=[], metavar="COLUMN", help="variables of the model (default: by P)"
    )
    study.add_argument("--stratify", nargs="+", default=[], metavar="COLUMN", help="columns to stratify by")
    study.add_argument(
        "--cutoff",
        nargs="+",
        default=[],
        metavar="COLUMN=VALUE",
        help="cut-offs fixed beforehand; “COLUMN>VALUE” when the value itself is not suspicious",
    )
    study.add_argument(
        "--low-suspicious", nargs="+", default=[], metavar="COLUMN", help="parameters whose low values are suspicious"
    )
    study.add_argument(
        "--prevalence", type=float, metavar="SHARE", help="share of malignant lesions in the clinic, 0 to 1"
    )
    study.add_argument("--resamples", type=int, default=1000, help="bootstrap samples (default: 1000)")
    study.add_argument("--seed", type=int, default=0, help="of every random step (default: 0)")
    parser.add_argument("--json-progress", action="store_true", help="report progress as JSON lines (for programs)")


def _choices(arguments: argparse.Namespace) -> ColumnChoices:
    from ..cohort.columns import ColumnChoices

    return ColumnChoices(
        outcome=arguments.outcome,
        malignant_values=tuple(arguments.malignant),
        lesion=arguments.lesion,
        patient=arguments.patient,
        reader=arguments.reader,
        repeat=arguments.repeat,
        parameters=tuple(arguments.parameter),
        ignored=tuple(arguments.ignore),
        quantities=_quantities(arguments.map),
        decimal=arguments.decimal,
    )


def _quantities(texts: list[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in texts]
    for text, (column, _, key) in zip(texts, pairs, strict=True):
        if not column or not key:
            raise ParameterError(f"“{text}” maps nothing; write COLUMN=QUANTITY, such as E1=elasticity_mean.")
    return {column: key for column, _, key in pairs}


def _analyze(arguments: argparse.Namespace) -> int:
    if not arguments.json_progress:
        analysis = _analyze_and_write(arguments, _show_progress)
        _clear_progress()
        _report(analysis, arguments.output)
        return 0
    from MicrocalcAILib.base.json_progress import JsonProgress

    progress = JsonProgress()
    try:
        analysis = _analyze_and_write(arguments, progress)
    except Cancelled:
        raise
    except MicrocalcError as error:
        progress.say(error=str(error))
        return 2
    progress.say(result=str(arguments.output), lesions=len(analysis.cohort.malignant))
    return 0


def _analyze_and_write(arguments: argparse.Namespace, progress: Progress) -> CohortAnalysis:
    from MicrocalcAILib.base.provenance import sha256_of_file

    from ..cohort.analysis import StudyOptions, analyze_cohort
    from ..cohort.diagnostics import given_cutoffs
    from ..cohort.lesions import read_cohort
    from ..cohort.outputs import write_study
    from ..cohort.protocol import read_protocol

    options = StudyOptions(
        title=arguments.title,
        model=tuple(arguments.model),
        strata=tuple(arguments.stratify),
        cutoffs=given_cutoffs(arguments.cutoff),
        low_is_suspicious=tuple(arguments.low_suspicious),
        prevalence=arguments.prevalence,
        resamples=arguments.resamples,
        seed=arguments.seed,
        protocol=None if arguments.protocol is None else read_protocol(arguments.protocol),
    )
    progress("reading", 0, 1)
    cohort = read_cohort(arguments.table, _choices(arguments), arguments.sheet)
    digests = {f"SHA-256 of table {number}": sha256_of_file(path) for number, path in enumerate(arguments.table, 1)}
    if arguments.protocol is not None:
        digests["SHA-256 of the protocol"] = sha256_of_file(arguments.protocol)
    analysis = analyze_cohort(cohort, options, inputs=digests, progress=progress)
    write_study(analysis, arguments.output, progress)
    return analysis


def _report(analysis: CohortAnalysis, folder: Path) -> None:
    from ..cohort.cautions import study_cautions
    from ..cohort.wording import cutoff_text, estimate_text

    malignant = analysis.cohort.malignant
    print(f"{len(malignant)} lesions, {int(malignant.sum())} malignant.")
    for performance in analysis.performances:
        best = performance.cutoffs[0]
        print(
            f"{performance.variable.title}: AUC {estimate_text(performance.auc)}; best cut-off here "
            f"{cutoff_text(best.value)}"
        )
    for caution in study_cautions(analysis):
        print(f"Note: {caution.message}")
    print(f"Report: {folder / 'report.html'}")


def _show_progress(stage: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{stage} {done}/{total}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _add_risk(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--probability", required=True, type=float, help="mammographic probability of malignancy, 0 to 1"
    )
    parser.add_argument(
        "--probability-interval", nargs=2, type=float, metavar=("LOW", "HIGH"), help="its 95 %% interval"
    )
    parser.add_argument("--probability-source", default="not stated", help="model or reader it comes from")
    parser.add_argument("--stiffness", required=True, type=float, help="measured value, in the parameter's unit")
    evidence = parser.add_mutually_exclusive_group(required=True)
    evidence.add_argument(
        "--reference", metavar="NAME", help="published cut-off with counts, such as “Yan & Fang 2025”"
    )
    evidence.add_argument("--table", nargs="+", type=Path, metavar="TABLE", help="cohort to take the evidence from")
    parser.add_argument("--stiffness-column", metavar="COLUMN", help="parameter in the table (default: the first)")
    parser.add_argument("--prevalence", type=float, metavar="SHARE", help="share of malignant lesions where it is used")
    parser.add_argument("--void-percent", type=float, default=0.0, help="share of the measured region without a value")
    parser.add_argument("--low-quality", action="store_true", help="the map is unreliable there")
    parser.add_argument("--dense-calcification", action="store_true", help="measured over dense calcification")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result as JSON")
    _add_columns(parser)


def _risk(arguments: argparse.Namespace) -> int:
    import json

    from MicrocalcAILib.base.files import replaced_on_success

    from ..fusion import MammographicProbability, MapQuality, combine, published_likelihood_ratio

    low, high = arguments.probability_interval or (None, None)
    mammographic = MammographicProbability(arguments.probability, low, high, arguments.probability_source)
    quality = MapQuality(arguments.void_percent, arguments.low_quality, arguments.dense_calcification)
    if arguments.reference is not None:
        from ..cohort.reference_cutoffs import find_reference_cutoff

        if arguments.prevalence is not None:
            raise ParameterError("A prevalence needs a cohort; with a published cut-off give the probability as it is.")
        reference = find_reference_cutoff(arguments.reference)
        result = combine(mammographic, published_likelihood_ratio(reference, arguments.stiffness), quality)
    else:
        from ..cohort.fusion_model import risk_from_cohort
        from ..cohort.lesions import read_cohort

        cohort = read_cohort(arguments.table, _choices(arguments), arguments.sheet)
        result = risk_from_cohort(
            cohort, mammographic, arguments.stiffness, quality, arguments.stiffness_column, arguments.prevalence
        )
    print("\n".join(result.sentences()))
    if arguments.output is not None:
        with replaced_on_success(arguments.output) as temporary:
            temporary.write_text(json.dumps(result.as_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "study", nargs="?", type=Path, metavar="FILE", help="figures as JSON (default: the bundled example)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for report, table and JSON")


def _check(arguments: argparse.Namespace) -> int:
    from ..cohort.published.report import write_published_check
    from ..cohort.published.study import check_published, example_study, load_published_study

    path = arguments.study or example_study()
    check = check_published(load_published_study(path))
    print(f"{check.title}\n{check.source}\n")
    for finding in check.findings:
        print(f"{finding.verdict.upper():12} {finding.item}: printed {finding.printed}; implied {finding.implied}")
    print("\n" + ", ".join(f"{count} × {verdict}" for verdict, count in check.verdict_counts().items()))
    if arguments.output is not None:
        write_published_check(check, arguments.output)
        print(f"Report: {arguments.output / 'report.html'}")
    return 0


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--auc", required=True, type=float, help="AUC that is expected")
    parser.add_argument("--exclude", type=float, default=0.5, help="AUC to be excluded (default: 0.5, a coin toss)")
    parser.add_argument("--power", type=float, default=0.9, help="chance to show it (default: 0.9)")
    parser.add_argument("--significance", type=float, default=0.05, help="two-sided (default: 0.05)")
    parser.add_argument("--benign-per-malignant", type=float, default=1.0, help="benign lesions for each malignant one")
    parser.add_argument(
        "--lesions", nargs=2, type=int, metavar=("MALIGNANT", "BENIGN"), help="give the power of this size"
    )


def _plan(arguments: argparse.Namespace) -> int:
    from MicrocalcAILib.statistics import auc_power, auc_sample_size

    question = f"AUC {arguments.auc:g} against {arguments.exclude:g}, two-sided {arguments.significance:g}"
    if arguments.lesions is not None:
        malignant, benign = arguments.lesions
        power = auc_power(
            arguments.auc, malignant, benign, null_auc=arguments.exclude, significance=arguments.significance
        )
        print(f"{question}: {malignant} malignant and {benign} benign lesions have a power of {power:.1%}.")
        return 0
    size = auc_sample_size(
        arguments.auc,
        null_auc=arguments.exclude,
        power=arguments.power,
        significance=arguments.significance,
        healthy_per_diseased=arguments.benign_per_malignant,
    )
    print(f"{question}, power {arguments.power:g}: {size.diseased} malignant and {size.healthy} benign lesions.")
    return 0


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="CSV file to write")
    parser.add_argument("--malignant-count", type=int, default=150, help="malignant lesions (default: 150)")
    parser.add_argument("--benign-count", type=int, default=150, help="benign lesions (default: 150)")
    parser.add_argument("--exact", action="store_true", help="means, SDs and shares exactly as published")
    parser.add_argument("--readers", type=int, default=0, help="readers with measurement error (default: none)")
    parser.add_argument("--repeats", type=int, default=1, help="repeats of each reader (default: 1)")
    parser.add_argument("--mammographic-auc", type=float, metavar="AUC", help="add a mammographic probability")
    parser.add_argument("--protocol", type=Path, metavar="FILE", help="also write a protocol of such a study (TOML)")
    parser.add_argument("--seed", type=int, default=0, help="(default: 0)")


def _simulate(arguments: argparse.Namespace) -> int:
    from MicrocalcAILib.base.files import replaced_on_success
    from MicrocalcAILib.base.tables import write_table

    from ..simulated_cohort import simulate_cohort

    cohort = simulate_cohort(
        arguments.malignant_count,
        arguments.benign_count,
        seed=arguments.seed,
        exact_moments=arguments.exact,
        readers=arguments.readers,
        repeats=arguments.repeats,
        mammographic_auc=arguments.mammographic_auc,
    )
    with replaced_on_success(arguments.output) as temporary:
        write_table(cohort, temporary)
    print(f"{len(cohort)} rows of simulated lesions: {arguments.output}")
    if arguments.protocol is not None:
        from ..cohort.protocol import example_protocol

        with replaced_on_success(arguments.protocol) as temporary:
            temporary.write_text(example_protocol(cohort["lesion"].nunique()), encoding="utf-8")
        print(f"Protocol: {arguments.protocol}")
    return 0
