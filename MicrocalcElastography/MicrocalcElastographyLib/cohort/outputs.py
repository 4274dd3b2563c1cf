"""A study written into a folder: report, tables, figures, JSON; all of it or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from MicrocalcAILib.base.errors import ResultError, WarningRecord
from MicrocalcAILib.base.files import folder_replaced_on_success
from MicrocalcAILib.base.progress import Progress, no_progress
from MicrocalcAILib.base.tables import write_table

from .. import figures as draw
from ..flow_figure import flow_figure
from .analysis import CohortAnalysis
from .cautions import study_cautions
from .charts import Chart, study_charts
from .report import study_report
from .tables import study_tables
from .verdicts import study_flow
from .wording import file_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "microcalc cohort study"
VERSION = 1
STUDY_FILE = "study.json"


@dataclass(frozen=True)
class StudyRecord:
    """What a study says, as plain tables and charts; the same whether it was just computed or read from its folder.

    Parameters
    ----------
    title : str
    malignant, benign : int
        Number of lesions.
    tables : dict of str to DataFrame
    charts : tuple of Chart
    warnings : tuple of WarningRecord
    """

    title: str
    malignant: int
    benign: int
    tables: dict[str, pd.DataFrame]
    charts: tuple[Chart, ...]
    warnings: tuple[WarningRecord, ...]


def record_of(analysis: CohortAnalysis) -> StudyRecord:
    """The record of a study that was just computed."""
    return StudyRecord(
        title=analysis.options.title,
        malignant=int(analysis.cohort.malignant.sum()),
        benign=int((~analysis.cohort.malignant).sum()),
        tables=study_tables(analysis),
        charts=study_charts(analysis),
        warnings=study_cautions(analysis),
    )


def load_study(folder: Path) -> StudyRecord:
    """The record of a study that :func:`write_study` wrote.

    Raises
    ------
    ResultError
        When the folder holds no such study.
    """
    try:
        content = json.loads((Path(folder) / STUDY_FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ResultError("The folder holds a study of another version of this software; analyze the table again.")
        return StudyRecord(
            title=content["title"],
            malignant=content["malignant"],
            benign=content["benign"],
            tables={name: _table_of(rows) for name, rows in content["tables"].items()},
            charts=tuple(Chart.from_dict(chart) for chart in content["charts"]),
            warnings=tuple(WarningRecord(**warning) for warning in content["warnings"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError("The folder holds no complete study; analyze the table again.") from error


def _table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table that went through :func:`json_ready`."""
    table = pd.DataFrame(rows).replace({"Infinity": math.inf, "-Infinity": -math.inf})
    empty = [name for name in table.columns if table[name].isna().all()]
    return table.astype(dict.fromkeys(empty, float)).infer_objects()


def study_figures(analysis: CohortAnalysis) -> dict[str, Figure]:
    """Name → figure, for everything that can be drawn of the study."""
    figures: dict[str, Figure] = {}
    flow = None if analysis.options.protocol is None else study_flow(analysis, analysis.options.protocol)
    if flow is not None:
        figures["flow"] = flow_figure(flow)
    if analysis.performances:
        figures["roc"] = draw.roc_figure(analysis.performances, analysis.combinations)
    for performance in analysis.performances:
        name = file_name(performance.variable.name)
        figures[f"distribution_{name}"] = draw.distribution_figure(analysis.cohort, performance)
        figures[f"cutoff_{name}"] = draw.cutoff_figure(performance)
        parts = [part for part in analysis.stratifications if part.parameter == performance.variable]
        if parts:
            figures[f"strata_{name}"] = draw.strata_figure(parts)
    measured = [performance for performance in analysis.performances if performance.variable.kind == "continuous"]
    best = sorted(measured, key=lambda performance: -performance.auc.value)[:2]
    if len(best) == 2:
        figures["scatter"] = draw.scatter_figure(analysis.cohort, best[0].variable, best[1].variable)
    if analysis.regression is not None:
        figures["forest"] = draw.forest_figure(analysis.regression)
        figures["calibration"] = draw.calibration_figure(analysis.regression)
        crossed = analysis.regression.cross_validation
        if crossed is not None and len(crossed.decision):
            figures["decision"] = draw.decision_figure(crossed)
    if analysis.points is not None:
        figures["nomogram"] = draw.nomogram_figure(analysis.points)
    for agreement in analysis.agreement.numbers if analysis.agreement is not None else ():
        for pair in agreement.pairs[:1]:
            name = file_name(agreement.variable.name)
            figures[f"bland_altman_{name}"] = draw.bland_altman_figure(agreement, pair)
    return figures


def write_study(analysis: CohortAnalysis, folder: Path, progress: Progress = no_progress) -> None:
    """Write ``report.html``, ``study.json``, ``tables/*.csv``, ``figures/*.png`` and ``figures/*.svg``.

    The folder is replaced as a whole when everything is written; a failure or a cancel leaves the old one untouched.
    """
    with folder_replaced_on_success(Path(folder), STUDY_FILE) as temporary:
        pictures = temporary / "figures"
        pictures.mkdir()
        figures = study_figures(analysis)
        texts = {}
        for number, (name, figure) in enumerate(figures.items()):
            progress("figures", number, len(figures))
            _, svg = draw.save_figure(figure, pictures, name)
            texts[name] = svg.read_text(encoding="utf-8")
        record = record_of(analysis)
        write_tables(record.tables, temporary / "tables")
        (temporary / STUDY_FILE).write_text(study_json(analysis, record), encoding="utf-8")
        (temporary / "report.html").write_text(study_report(analysis, texts), encoding="utf-8")


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """One CSV per table."""
    folder.mkdir()
    for name, table in tables.items():
        write_table(table, folder / f"{name}.csv")


def study_json(analysis: CohortAnalysis, record: StudyRecord) -> str:
    """The study as JSON: counts, every table as records, charts, cautions, provenance."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "title": record.title,
        "malignant": record.malignant,
        "benign": record.benign,
        "options": asdict(analysis.options),
        "warnings": [asdict(warning) for warning in record.warnings],
        "regression_problem": analysis.regression_problem,
        "independence": None if analysis.fusion is None else asdict(analysis.fusion.independence),
        "tables": {name: table.to_dict("records") for name, table in record.tables.items()},
        "charts": [chart.as_dict() for chart in record.charts],
        "provenance": analysis.provenance,
    }
    return json.dumps(json_ready(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def json_ready(value: Any) -> Any:
    """Plain JSON values: numbers that do not exist become null, infinite ones the words Infinity and -Infinity."""
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
