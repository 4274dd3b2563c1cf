"""A study's statistics as MRML nodes: its tables, ROC curves and box plots."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.errors import ParameterError, WarningRecord

from .nodes import fillTable, nothingLeftBehind, recall, remember, removeNode

if TYPE_CHECKING:  # pandas need not be installed yet
    import pandas as pd

    from MicrocalcElastographyLib.cohort.analysis import CohortAnalysis
    from MicrocalcElastographyLib.cohort.diagnostics import Performance

_STUDY = "Study"
_NODE_CLASSES = ("vtkMRMLTableNode", "vtkMRMLPlotSeriesNode", "vtkMRMLPlotChartNode")
# Okabe and Ito's colors, told apart by everybody.
_COLORS = ((0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.84, 0.37, 0.0), (0.80, 0.47, 0.65))
_CHANCE_COLOR = (0.5, 0.5, 0.5)
_GROUPS = (("benign", 1.0, (0.0, 0.45, 0.70)), ("malignant", 2.0, (0.84, 0.37, 0.0)))
_HALF_BOX, _HALF_WHISKER = 0.25, 0.12


@dataclasses.dataclass(frozen=True)
class CohortNodes:
    """The nodes that show one study: table nodes by name, the ROC chart, box plot charts by column."""

    tableNodes: dict[str, object]
    rocChartNode: object | None
    boxChartNodes: dict[str, object]
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
    return pd.DataFrame(columns).replace(["", "nan"], np.nan)


def showStudy(analysis: CohortAnalysis, study: str, title: str) -> CohortNodes:
    """Show a study; what an earlier analysis of the same study showed is replaced.

    Parameters
    ----------
    analysis : CohortAnalysis
    study : str
        What tells one study from another.
    title : str
        For the names of the nodes.
    """
    from MicrocalcElastographyLib.cohort.cautions import study_cautions
    from MicrocalcElastographyLib.cohort.tables import study_tables

    earlier = [
        node
        for className in _NODE_CLASSES
        for node in slicer.util.getNodesByClass(className)
        if recall(node, _STUDY) == study
    ]
    with nothingLeftBehind() as created:
        tableNodes = {}
        for name, frame in study_tables(analysis).items():
            tableNodes[name] = _addTable(f"{title} {name.replace('_', ' ')}", frame, created)
        rocChart = _rocChart(analysis.performances, title, created) if analysis.performances else None
        boxCharts = {
            performance.variable.name: _boxChart(analysis, performance, title, created)
            for performance in analysis.performances
        }
        for node in created:
            remember(node, _STUDY, study)
    for node in earlier:
        removeNode(node)
    return CohortNodes(tableNodes, rocChart, boxCharts, study_cautions(analysis))


def _add(className: str, name: str, created: list):
    node = slicer.mrmlScene.AddNewNodeByClass(className, name)  # names may repeat: series are called so in the legend
    created.append(node)
    return node


def _addTable(name: str, frame: pd.DataFrame, created: list):
    node = _add("vtkMRMLTableNode", name, created)
    fillTable(node, frame)
    return node


def _rocChart(performances: tuple[Performance, ...], title: str, created: list):
    import pandas as pd

    longest = max(len(performance.curve.sensitivity) for performance in performances)
    columns = {}
    for performance in performances:
        curve, name = performance.curve, performance.variable.name
        missing = (0, longest - len(curve.sensitivity))  # the last point, (1, 1), is repeated
        columns[f"{name} 1 - specificity"] = np.pad(1.0 - curve.specificity, missing, mode="edge")
        columns[f"{name} sensitivity"] = np.pad(curve.sensitivity, missing, mode="edge")
    columns |= {"chance": np.linspace(0.0, 1.0, longest)}
    tableNode = _addTable(f"{title} ROC curves", pd.DataFrame(columns), created)
    chart = _addChart(f"{title} ROC", "1 - specificity", "sensitivity", created)
    chart.SetXAxisRangeAuto(False)
    chart.SetYAxisRangeAuto(False)
    chart.SetXAxisRange(0.0, 1.0)
    chart.SetYAxisRange(0.0, 1.0)
    for index, performance in enumerate(performances):
        variable, auc = performance.variable, performance.auc
        legend = f"{variable.label}: AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
        places = (f"{variable.name} 1 - specificity", f"{variable.name} sensitivity")
        _addLine(chart, tableNode, legend, places, _COLORS[index % len(_COLORS)], created)
    _addLine(chart, tableNode, "chance", ("chance", "chance"), _CHANCE_COLOR, created)
    return chart


def _boxChart(analysis: CohortAnalysis, performance: Performance, title: str, created: list):
    """Quartiles, and whiskers to the farthest value within 1.5 interquartile ranges, drawn as one line per group."""
    import pandas as pd
    from matplotlib.cbook import boxplot_stats

    variable = performance.variable
    values = analysis.cohort.values[variable.name].to_numpy(float)
    columns = {}
    for group, center, _ in _GROUPS:
        isInGroup = analysis.cohort.malignant == (group == "malignant")
        (found,) = boxplot_stats(values[isInGroup & np.isfinite(values)])
        columns[f"{group} place"], columns[f"{group} value"] = _boxOutline(found, center)
    name = f"{title} {variable.label}"
    tableNode = _addTable(f"{name} boxes", pd.DataFrame(columns), created)
    axis = f"{variable.label} ({variable.unit})" if variable.unit else variable.label
    chart = _addChart(name, "benign (left), malignant (right)", axis, created)
    chart.SetXAxisRangeAuto(False)
    chart.SetXAxisRange(0.5, 2.5)
    for group, _, color in _GROUPS:
        _addLine(chart, tableNode, group, (f"{group} place", f"{group} value"), color, created)
    return chart


def _boxOutline(found: dict, center: float) -> tuple[list[float], list[float]]:
    left, right = center - _HALF_BOX, center + _HALF_BOX
    low, q1, median, q3, high = (found[key] for key in ("whislo", "q1", "med", "q3", "whishi"))
    whisker = (center - _HALF_WHISKER, center + _HALF_WHISKER)
    points = [
        (whisker[0], low), (whisker[1], low), (center, low), (center, q1), (left, q1), (left, median),
        (right, median), (left, median), (left, q3), (center, q3), (center, high), (whisker[0], high),
        (whisker[1], high), (center, high), (center, q3), (right, q3), (right, q1), (center, q1),
    ]  # fmt: skip
    return [place for place, _ in points], [float(value) for _, value in points]


def _addChart(name: str, across: str, up: str, created: list):
    chart = _add("vtkMRMLPlotChartNode", name, created)
    chart.SetTitle(name)
    chart.SetXAxisTitle(across)
    chart.SetYAxisTitle(up)
    return chart


def _addLine(chart, tableNode, name: str, places: tuple[str, str], color, created: list) -> None:
    series = _add("vtkMRMLPlotSeriesNode", name, created)
    series.SetAndObserveTableNodeID(tableNode.GetID())
    series.SetXColumnName(places[0])
    series.SetYColumnName(places[1])
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    series.SetColor(*color)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
