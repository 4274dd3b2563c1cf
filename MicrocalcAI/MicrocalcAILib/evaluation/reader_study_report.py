"""Writing a reader study to a folder: numbers, tables, a picture and a short text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..base.errors import WarningRecord
from ..base.files import replaced_on_success
from ..base.provenance import provenance
from ..base.tables import write_table
from ..statistics.reader_study import BOTH_RANDOM, CASES_RANDOM, READERS_RANDOM, Comparison, ReaderStudy, study_as_dict
from ..statistics.reader_study_power import required_cases

STUDY_FILE = "reader_study.json"
_NAMES = {
    "auc": "area under the ROC curve",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "wafroc": "wAFROC figure of merit",
    "afroc": "AFROC figure of merit",
    "hr-auc": "area under the inferred ROC curve (highest mark)",
    "lroc": "area under the LROC curve",
}
_MEANING = {
    BOTH_RANDOM: "for readers and patients like these",
    CASES_RANDOM: "for these readers and patients like these",
    READERS_RANDOM: "for readers like these and these patients",
}
_PLANNED_READERS = (3, 4, 5, 6, 8, 10, 12, 15, 20)
_COLORS = ("#1f5fa8", "#c4571a", "#3c8d40", "#7a4fa3")


def save_reader_study(
    study: ReaderStudy,
    folder: Path,
    *,
    figure: str,
    method: str,
    units: int,
    planned_difference: float | None = None,
    settings: dict[str, Any] | None = None,
    warnings: Sequence[WarningRecord] = (),
) -> str:
    """Write the study and return its short text.

    * ``reader_study.json``: everything, with settings, warnings and provenance.
    * ``figures.csv``: the figure of merit of every reader and modality; ``comparisons.csv``: every difference.
    * ``plan.csv``: cases that the next study of two modalities needs for 80 % power, by its number of readers.
    * ``reader_study.png``, ``reader_study.txt``.

    Parameters
    ----------
    study : ReaderStudy
    folder : Path
    figure : str
        As the readings were analyzed by.
    method, units
        Of the covariance, see :func:`~.reading_table.reader_study`.
    planned_difference : float, optional
        That the next study is to find; that of the first two modalities by default.
    settings : dict, optional
        JSON-ready.
    warnings : sequence of WarningRecord
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plan, difference = _plan(study, units, planned_difference)
    text = _text(study, figure, method, plan, difference, warnings)
    record = {
        "figure_of_merit": figure,
        "covariance": {"method": method, "units": units},
        "settings": settings or {},
        **study_as_dict(study),
        "plan": {"difference": difference, "power": 0.8, "alpha": 0.05, "studies": _json_rows(plan)},
        "warnings": [vars(warning) for warning in warnings],
        "provenance": provenance(),
    }
    with replaced_on_success(folder / STUDY_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    figures = pd.DataFrame(study.figures.T, index=pd.Index(study.readers, name="reader"), columns=study.modalities)
    for name, table in (("figures", figures.reset_index()), ("comparisons", _comparisons(study)), ("plan", plan)):
        with replaced_on_success(folder / f"{name}.csv") as temporary:
            write_table(table, temporary)
    with replaced_on_success(folder / "reader_study.txt") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    _draw(study, figure, folder / "reader_study.png")
    return text


def _plan(study: ReaderStudy, units: int, planned: float | None) -> tuple[pd.DataFrame, float]:
    """Cases by number of readers, readers and cases random; empty where no difference is known."""
    difference = abs(study.analyses[BOTH_RANDOM].comparisons[0].difference.value) if planned is None else abs(planned)
    rows = []
    for readers in _PLANNED_READERS:
        study_needed = required_cases(study.variances, units, difference, readers) if difference else None
        cases, power = (None, None) if study_needed is None else (study_needed.cases, study_needed.power)
        rows.append((readers, cases, power))
    table = pd.DataFrame(rows, columns=["readers", "cases", "power"])
    return table.astype({"cases": "Int64", "power": "Float64"}), difference


def _json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _comparisons(study: ReaderStudy) -> pd.DataFrame:
    rows = []
    named = [(name, "", pair) for name, analysis in study.analyses.items() for pair in analysis.comparisons]
    named += [("one reader", reader, pair) for reader, pairs in study.by_reader.items() for pair in pairs]
    for analysis, reader, pair in named:
        rows.append(
            {
                "analysis": analysis,
                "reader": reader,
                "first": pair.first,
                "second": pair.second,
                "difference": pair.difference.value,
                "low": pair.difference.low,
                "high": pair.difference.high,
                "standard_error": pair.standard_error,
                "degrees_of_freedom": pair.degrees_of_freedom,
                "p_value": pair.p_value,
            }
        )
    return pd.DataFrame(rows)


def _text(
    study: ReaderStudy,
    figure: str,
    method: str,
    plan: pd.DataFrame,
    difference: float,
    warnings: Sequence[WarningRecord],
) -> str:
    lines = [f"{len(study.readers)} readers, {len(study.modalities)} modalities; {_NAMES[figure]}.", ""]
    for modality, mean in study.analyses[BOTH_RANDOM].modalities.items():
        lines.append(f"{modality}: {mean.value:.3f} ({_interval(mean.low, mean.high)})")
    for name, analysis in study.analyses.items():
        letter = "chi-square" if math.isinf(analysis.degrees_of_freedom[1]) else "F"
        lines += ["", f"{name[0].upper()}{name[1:]} ({_MEANING[name]}):"]
        lines += [f"  {_pair(pair)}" for pair in analysis.comparisons]
        degrees = ", ".join(f"{df:.1f}".removesuffix(".0") for df in analysis.degrees_of_freedom if math.isfinite(df))
        lines.append(f"  {letter}({degrees}) = {analysis.statistic:.2f}, {_p(analysis.p_value)}")
    lines += ["", f"The next study, to find a difference of {difference:.3f} with 80 % power at 5 %:"]
    for readers, cases in plan[["readers", "cases"]].itertuples(index=False):
        lines.append(
            f"  {readers:2} readers: " + ("not with any number of cases" if pd.isna(cases) else f"{cases} cases")
        )
    lines += ["", f"Obuchowski–Rockette analysis with Hillis' degrees of freedom; covariance over cases: {method}."]
    lines += [f"Note: {warning.message}" for warning in warnings]
    return "\n".join(lines)


def _pair(pair: Comparison) -> str:
    difference = pair.difference
    text = f"{pair.first} − {pair.second}: {difference.value:+.3f} ({_interval(difference.low, difference.high, '+')})"
    return f"{text}, {_p(pair.p_value)}"


def _interval(low: float, high: float, sign: str = "") -> str:
    return "no interval" if math.isnan(low) else f"95 % interval {low:{sign}.3f} to {high:{sign}.3f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "no test"
    return "P < .001" if value < 0.001 else f"P = {value:.3f}"


def _draw(study: ReaderStudy, figure: str, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(10.5, 4.4), dpi=150, layout="constrained")
    FigureCanvasAgg(drawing)
    left, right = drawing.subplots(1, 2)
    places = range(len(study.modalities))
    for j, reader in enumerate(study.readers):
        left.plot(places, study.figures[:, j], "o-", color="#8a8f98", linewidth=1, markersize=4)
        left.annotate(reader, (places[-1], study.figures[-1, j]), xytext=(6, 0), textcoords="offset points", fontsize=8)
    for place, mean in zip(places, study.analyses[BOTH_RANDOM].modalities.values(), strict=True):
        color = _COLORS[place % len(_COLORS)]
        left.plot(place - 0.12, mean.value, "s", color=color, markersize=7)
        left.vlines(place - 0.12, mean.low, mean.high, color=color, linewidth=2)
    left.set_xticks(places, study.modalities)
    left.set_xlim(-0.5, places[-1] + 0.6)
    left.set_ylabel(_NAMES[figure][0].upper() + _NAMES[figure][1:])
    left.set_title("Each reader, and the mean with its 95 % interval", fontsize=10)
    rows = [(name, pair) for name, analysis in study.analyses.items() for pair in analysis.comparisons]
    for place, (_, pair) in enumerate(reversed(rows)):
        right.plot(pair.difference.value, place, "s", color=_COLORS[0])
        right.hlines(place, pair.difference.low, pair.difference.high, color=_COLORS[0], linewidth=2)
    labels = [f"{name}\n{pair.first} − {pair.second}" for name, pair in reversed(rows)]
    right.set_yticks(range(len(rows)), labels, fontsize=8)
    right.axvline(0, color="#555555", linewidth=1, linestyle="--")
    right.set_ylim(-0.6, len(rows) - 0.4)
    right.set_xlabel("Difference with its 95 % interval")
    with replaced_on_success(path) as temporary:
        drawing.savefig(temporary)
