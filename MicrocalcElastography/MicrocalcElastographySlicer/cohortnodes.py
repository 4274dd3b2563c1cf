"""A study's statistics as MRML nodes: its tables, and its pictures as plot charts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import ParameterError, WarningRecord
from MicrocalcSlicerShared.nodes import fillTable, nothingLeftBehind, removeNode

from .nodes import recall, remember

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd

    from MicrocalcElastographyLib.cohort.charts import Chart, Series
    from MicrocalcElastographyLib.cohort.outputs import StudyRecord

_STUDY, _KEY, _WARNINGS, _COUNTS = "Study", "Key", "Warnings", "Counts"
_NODE_CLASSES = ("vtkMRMLTableNode", "vtkMRMLPlotSeriesNode", "vtkMRMLPlotChartNode")
_TABLE, _CHART = "table", "chart"
_LEGEND_FONT_SIZE = 11  # Slicer's 16 covers curves


@dataclasses.dataclass(frozen=True)
class CohortNodes:
    """The nodes that show one study.

    Parameters
    ----------
    tableNodes : dict
        By name.
    chartNodes : dict
        By kind and column, ``ROC`` or ``boxes elasticity_kpa``; what the study does not allow is missing.
    malignant, benign : int
    warnings : tuple of WarningRecord
    """

    tableNodes: dict[str, object]
    chartNodes: dict[str, object]
    malignant: int
    benign: int
    warnings: tuple[WarningRecord, ...]


def tableOfNode(tableNode) -> pd.DataFrame:
    """Content of a table node; empty cells are missing values.

    Raises
    ------
    ParameterError
        When there is nothing in it.
    """
    import pandas as pd

    table = None if tableNode is None else tableNode.GetTable()
    if table is None or not table.GetNumberOfRows() or not table.GetNumberOfColumns():
        raise ParameterError("The table of the cohort is empty; select one with a row for each lesion.")
    columns = {}
    for index in range(table.GetNumberOfColumns()):
        column = table.GetColumn(index)
        name = column.GetName() or f"column {index + 1}"
        columns[name] = [column.GetVariantValue(row).ToString() for row in range(table.GetNumberOfRows())]
    return pd.DataFrame(columns).replace(["", "-", "nan"], np.nan)


def findStudy(study: str | None = None) -> CohortNodes | None:
    """The nodes of a study, of any when none is named; None when there is none. Works after a scene was reopened."""
    marker = next((node for node in _studyNodes() if recall(node, _COUNTS) and _isOf(node, study)), None)
    if marker is None:
        return None
    study = recall(marker, _STUDY)
    found: dict[str, dict[str, object]] = {_TABLE: {}, _CHART: {}}
    for node in _studyNodes():
        key = recall(node, _KEY)
        if key is not None and recall(node, _STUDY) == study:
            found[key[0]][key[1]] = node
    malignant, benign = recall(marker, _COUNTS)
    warnings = tuple(WarningRecord(**record) for record in recall(marker, _WARNINGS))
    return CohortNodes(found[_TABLE], found[_CHART], malignant, benign, warnings)


def showStudy(record: StudyRecord, study: str, title: str) -> CohortNodes:
    """Show a study; what an earlier analysis of the same study showed is replaced.

    Parameters
    ----------
    record : StudyRecord
    study : str
        What tells one study from another.
    title : str
        For the names of the nodes.
    """
    earlier = [node for node in _studyNodes() if recall(node, _STUDY) == study]
    with nothingLeftBehind() as created:
        for name, frame in record.tables.items():
            node = _addTable(f"{title} {name.replace('_', ' ')}", frame, created)
            remember(node, _KEY, [_TABLE, name])
        marker = created[0]
        for chart in record.charts:
            node = _addChart(chart, f"{title} {chart.title}", created)
            remember(node, _KEY, [_CHART, f"{chart.kind} {chart.variable}".strip()])
        for node in created:
            remember(node, _STUDY, study)
        remember(marker, _COUNTS, [record.malignant, record.benign])
        remember(marker, _WARNINGS, [dataclasses.asdict(warning) for warning in record.warnings])
    for node in earlier:
        removeNode(node)
    return findStudy(study)


def _studyNodes() -> list:
    nodes = [node for className in _NODE_CLASSES for node in slicer.util.getNodesByClass(className)]
    return [node for node in nodes if recall(node, _STUDY) is not None]


def _isOf(node, study: str | None) -> bool:
    return study is None or recall(node, _STUDY) == study


def _add(className: str, name: str, created: list):
    node = slicer.mrmlScene.AddNewNodeByClass(className, name)  # names may repeat: series are called so in the legend
    created.append(node)
    return node


def _addTable(name: str, frame: pd.DataFrame, created: list):
    node = _add("vtkMRMLTableNode", name, created)
    fillTable(node, frame)
    return node


def _addChart(chart: Chart, name: str, created: list):
    """The chart after its series: a plot view that reads a scene drops a series which comes after its chart."""
    seriesNodes = [_addSeries(series, f"{name} {series.name}", created) for series in chart.series]
    chartNode = _add("vtkMRMLPlotChartNode", name, created)
    chartNode.SetTitle(name)
    chartNode.SetXAxisTitle(chart.x_title)
    chartNode.SetYAxisTitle(chart.y_title)
    chartNode.SetXAxisLogScale(chart.is_x_logarithmic)
    chartNode.SetLegendFontSize(_LEGEND_FONT_SIZE)
    if chart.x_range is not None:
        chartNode.SetXAxisRangeAuto(False)
        chartNode.SetXAxisRange(*chart.x_range)
    if chart.y_range is not None:
        chartNode.SetYAxisRangeAuto(False)
        chartNode.SetYAxisRange(*chart.y_range)
    for node in seriesNodes:
        chartNode.AddAndObservePlotSeriesNodeID(node.GetID())
    return chartNode


def _addSeries(series: Series, tableName: str, created: list):
    import pandas as pd

    frame = pd.DataFrame({"x": series.x, "y": series.y}, dtype=float)
    if series.labels:
        frame = frame.assign(label=series.labels)
    tableNode = _addTable(tableName, frame, created)
    node = _add("vtkMRMLPlotSeriesNode", series.name, created)
    node.SetAndObserveTableNodeID(tableNode.GetID())
    node.SetXColumnName("x")
    node.SetYColumnName("y")
    if series.labels:
        node.SetLabelColumnName("label")
    node.SetPlotType(node.PlotTypeScatter)
    node.SetColor(*series.color)
    if series.style == "points":
        node.SetLineStyle(node.LineStyleNone)
        node.SetMarkerStyle(node.MarkerStyleCircle)
    else:
        node.SetMarkerStyle(node.MarkerStyleNone)
        node.SetLineStyle(node.LineStyleDash if series.style == "dashed" else node.LineStyleSolid)
    return node
