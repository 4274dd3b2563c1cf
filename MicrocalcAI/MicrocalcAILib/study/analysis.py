"""The results of a study: agreement of the readers on every question, and what the results of the analysis changed."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..base.errors import ParameterError, WarningRecord
from ..base.files import replaced_on_success, temporary_folder
from ..base.provenance import provenance
from ..base.tables import write_table
from ..evaluation.reader_study_report import save_reader_study
from ..evaluation.reading_table import read_readings, reader_study
from ..statistics.agreement import cohen_kappa, intraclass_correlation, several_reader_kappa
from ..statistics.estimate import Estimate, proportion
from .collect import Collected, collect, save_collected
from .plan import ADJUDICATION, CATEGORY, MARKS, NUMERIC, TEXT, Question

REPORT_FILE = "study.txt"


def analyze_study(study: Path, folder: Path) -> str:
    """Collect a study's answers, analyze them, and write everything; return the short text.

    Beside the tables of :func:`~.collect.save_collected`: ``agreement.csv`` (each question, condition and pair of
    readers, and all readers together), a folder ``reader_study_<question>`` for each question that rates when the study
    has two conditions and readers (Obuchowski–Rockette), ``marks_found.csv`` (what each reader's marks found),
    ``times_by_condition.csv``, ``study.json``, ``study.txt``.

    Raises
    ------
    ParameterError, ResultError
        When the study cannot be read, or nobody has finished a case.
    """
    found = collect(study)
    if not len(found.times):
        raise ParameterError("Nobody has finished a case of this study; there is nothing to analyze.")
    folder = Path(folder)
    save_collected(found, folder)
    agreement = agreement_of(found)
    write_table(agreement, folder / "agreement.csv", float_format="%.6g")
    counted = found.times[found.times["training"] == 0]
    times = counted.groupby(["reader", "condition"])["seconds"].agg(["count", "median", "sum"]).reset_index()
    write_table(times, folder / "times_by_condition.csv", float_format="%.6g")
    warnings = list(found.warnings)
    hits = marks_found(found)
    write_table(hits, folder / "marks_found.csv", float_format="%.6g")
    lines = [f"{found.plan.title}: {found.plan.mode} reading of {_counted(found)} cases", ""]
    lines += [f"{row.reader}: {row.finished} of {row.tasks} readings finished" for row in found.progress.itertuples()]
    lines += ["", *(_agreement_line(row) for row in agreement.to_dict("records") if row["readers"] == "all")]
    lines += ["", *(_marks_line(row) for row in hits.to_dict("records"))] if len(hits) else []
    for name, table in found.readings.items():
        try:
            lines += ["", f"“{found.plan.question(name).text}”", _compared(found.plan.question(name), table, folder)]
        except ParameterError as error:
            warnings.append(WarningRecord("reader-study-impossible", f"“{name}” is not compared: {error}"))
    lines += ["", *(f"Warning: {warning.message}" for warning in warnings)]
    text = "\n".join(lines).rstrip() + "\n"
    record = {
        "title": found.plan.title,
        "mode": found.plan.mode,
        "plan_sha256": found.plan.digest,
        "readers": found.progress.to_dict("records"),
        "warnings": [vars(warning) for warning in warnings],
        "provenance": provenance(),
    }
    for name, content in ((REPORT_FILE, text), ("study.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")):
        with replaced_on_success(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return text


def agreement_of(found: Collected) -> pd.DataFrame:
    """Agreement on every question but marks and free text: kappa of words (quadratic weights for categories), ICC(2,1)
    of numbers; of each pair of readers and of all together, on the cases that all of them answered.

    Returns
    -------
    DataFrame
        ``question``, ``condition``, ``readers``, ``measure``, ``cases``, ``value``, ``low``, ``high``.
    """
    rows: list[dict[str, Any]] = []
    counted = found.answers[(found.answers["training"] == 0) & (found.answers["condition"] != ADJUDICATION)]
    for question in found.plan.questions:
        if question.kind in (TEXT, MARKS):
            continue
        for condition, own in counted[counted["question"] == question.name].groupby("condition"):
            table = own.pivot(index="case", columns="reader", values="answer")
            sets = {" and ".join(pair): list(pair) for pair in itertools.combinations(table.columns, 2)}
            if sets:
                sets["all"] = list(table.columns)
            for name, readers in sets.items():
                together = table[readers].dropna()
                measure, estimate = _agreement(question, together)
                rows.append(
                    {
                        "question": question.name,
                        "condition": condition,
                        "readers": name,
                        "measure": measure,
                        "cases": len(together),
                        "value": estimate.value,
                        "low": estimate.low,
                        "high": estimate.high,
                    }
                )
    return pd.DataFrame(rows, columns=["question", "condition", "readers", "measure", "cases", "value", "low", "high"])


def marks_found(found: Collected) -> pd.DataFrame:
    """What each reader's marks found in each condition, whatever their scores.

    Returns
    -------
    DataFrame
        ``question``, ``reader``, ``condition``, ``cases``, ``lesions``, ``hit``, ``sensitivity`` with its interval
        ``low``, ``high`` (Wilson; lesions of one patient count as if they were of several), ``false_marks``,
        ``false_per_case``.
    """
    rows: list[dict[str, Any]] = []
    for name, table in found.readings.items():
        if found.plan.question(name).kind != MARKS:
            continue
        for (reader, condition), own in table.groupby(["reader", "modality"], sort=False):
            lesions = int(own.drop_duplicates("case")["truth"].sum())
            hit = len(own.loc[own["lesion"] != "", ["case", "lesion"]].drop_duplicates())
            false_marks = int((own["rating"].notna() & (own["lesion"] == "")).sum())
            share = proportion(hit, lesions)
            cases = own["case"].nunique()
            of_reader = {"question": name, "reader": reader, "condition": condition, "cases": cases}
            ends = {"sensitivity": share.value, "low": share.low, "high": share.high}
            rates = {"false_marks": false_marks, "false_per_case": false_marks / cases}
            rows.append(of_reader | {"lesions": lesions, "hit": hit} | ends | rates)
    return pd.DataFrame(rows)


def _marks_line(row: Mapping[Any, Any]) -> str:
    found = f"{row['hit']} of {row['lesions']} lesions"
    return f"{row['reader']}, {row['condition']}: marked {found}, {row['false_per_case']:.2f} false marks per case"


def _agreement(question: Question, table: pd.DataFrame) -> tuple[str, Estimate]:
    nothing = Estimate(math.nan, math.nan, math.nan, 0.95, "")
    if question.kind in NUMERIC:
        try:
            return "ICC(2,1)", intraclass_correlation(table.to_numpy(float))
        except ParameterError:  # too few cases, or all the same
            return "ICC(2,1)", nothing
    if table.shape[1] > 2:
        value = several_reader_kappa(table.to_numpy(str), kind="Fleiss") if len(table) else math.nan
        return "Fleiss' kappa", Estimate(value, math.nan, math.nan, 0.95, "")
    is_ordered = question.kind == CATEGORY
    measure = "kappa, quadratic weights" if is_ordered else "kappa"
    if not len(table):
        return measure, nothing
    first, second = (table[name].to_numpy(str) for name in table.columns)
    return measure, cohen_kappa(
        first, second, weights="quadratic" if is_ordered else "none", categories=np.array(question.answers)
    )


def _agreement_line(row: Mapping[Any, Any]) -> str:
    value, low, high = row["value"], row["low"], row["high"]
    interval = f" ({low:.2f} to {high:.2f})" if low < high else ""
    shown = "does not exist" if math.isnan(value) else f"{value:.2f}{interval}"
    cases = "1 case" if row["cases"] == 1 else f"{row['cases']} cases"
    return f"Agreement on “{row['question']}”, {row['condition']}: {row['measure']} {shown}, {cases}"


def _compared(question: Question, table: pd.DataFrame, folder: Path) -> str:
    """The comparison of the conditions by one question, written into a folder of its own."""
    figure = "wafroc" if question.kind == MARKS else "auc"
    with temporary_folder() as temporary:
        write_table(table, temporary / "readings.csv")
        readings = read_readings(temporary / "readings.csv")
    study, method, units = reader_study(readings, figure)
    return save_reader_study(
        study,
        folder / f"reader_study_{question.name}",
        figure=figure,
        method=method,
        units=units,
        settings={"question": question.name, "cases": len(readings.lesions)},
        warnings=readings.warnings,
    )


def _counted(found: Collected) -> int:
    return int(found.times.loc[found.times["training"] == 0, "case"].nunique())
