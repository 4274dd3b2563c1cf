"""A study's statistics as MRML nodes: its tables, and its pictures as plot charts."""

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
    from MicrocalcElastographyLib.cohort.readers import NumberAgreement, ReaderPair
    from MicrocalcElastographyLib.cohort.regression import Regression

_STUDY = "Study"
_NODE_CLASSES = ("vtkMRMLTableNode", "vtkMRMLPlotSeriesNode", "vtkMRMLPlotChartNode")
# Okabe and Ito's colors, told apart by everybody.
_COLORS = ((0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.84, 0.37, 0.0), (0.80, 0.47, 0.65))
_GRAY = (0.5, 0.5, 0.5)
_GROUPS = (("benign", 1.0, (0.0, 0.45, 0.70)), ("malignant", 2.0, (0.84, 0.37, 0.0)))
_HALF_BOX, _HALF_WHISKER = 0.25, 0.12
_ODDS_RATIOS_SHOWN = (1e-3, 1e5)  # beyond, as with separated groups, the others would crowd in one place


@dataclasses.dataclass(frozen=True)
class CohortNodes:
    """The nodes that show one study; charts are None or missing where the study does not allow them.

    Parameters
    ----------
    tableNodes : dict
        By name.
    rocChartNode, calibrationChartNode, oddsRatioChartNode : vtkMRMLPlotChartNode or None
        The last two are of the multivariable model.
    boxChartNodes, blandAltmanChartNodes : dict
        By column; the latter of the first two readers.
    warnings : tuple of WarningRecord
    """

    tableNodes: dict[str, object]
    rocChartNode: object | None
    boxChartNodes: dict[str, object]
    calibrationChartNode: object | None
    oddsRatioChartNode: object | None
    blandAltmanChartNodes: dict[str, object]
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
        regression = analysis.regression
        calibrationChart = _calibrationChart(regression, title, created) if regression is not None else None
        oddsRatioChart = _oddsRatioChart(regression, title, created) if regression is not None else None
        blandAltmanCharts = {
            agreement.variable.name: _blandAltmanChart(agreement, agreement.pairs[0], title, created)
            for agreement in (analysis.agreement.numbers if analysis.agreement is not None else ())
            if agreement.pairs
        }
        for node in created:
            remember(node, _STUDY, study)
    for node in earlier:
        removeNode(node)
    return CohortNodes(
        tableNodes=tableNodes,
        rocChartNode=rocChart,
        boxChartNodes=boxCharts,
        calibrationChartNode=calibrationChart,
        oddsRatioChartNode=oddsRatioChart,
        blandAltmanChartNodes=blandAltmanCharts,
        warnings=study_cautions(analysis),
    )


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
    _showShares(chart)
    for index, performance in enumerate(performances):
        variable, auc = performance.variable, performance.auc
        legend = f"{variable.label}: AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
        places = (f"{variable.name} 1 - specificity", f"{variable.name} sensitivity")
        _addLine(chart, tableNode, legend, places, _COLORS[index % len(_COLORS)], created)
    _addLine(chart, tableNode, "chance", ("chance", "chance"), _GRAY, created)
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
    chart = _addChart(name, "benign (left), malignant (right)", variable.title, created)
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


def _calibrationChart(regression: Regression, title: str, created: list):
    """Observed share against predicted probability, on the lesions of the fit and cross-validated."""
    import pandas as pd

    from MicrocalcAILib.evaluation.calibration import reliability_bins

    name = f"{title} calibration"
    chart = _addChart(name, "predicted probability of malignancy", "observed share of malignant lesions", created)
    _showShares(chart)
    shown = {"fitted": regression}
    if regression.cross_validation is not None:
        shown["cross-validated"] = regression.cross_validation
    for (kind, model), color in zip(shown.items(), _COLORS, strict=False):
        tableNode = _addTable(f"{name} {kind}", reliability_bins(model.malignant, model.probability), created)
        _addPoints(chart, tableNode, kind, ("predicted", "observed"), color, created)
    tableNode = _addTable(f"{name} line", pd.DataFrame({"predicted": [0.0, 1.0], "observed": [0.0, 1.0]}), created)
    _addLine(chart, tableNode, "perfect calibration", ("predicted", "observed"), _GRAY, created)
    return chart


def _oddsRatioChart(regression: Regression, title: str, created: list):
    """Odds ratios of the model with their interval ends, first term on top; Slicer has no names along an axis."""
    import pandas as pd

    terms, kinds = regression.terms, ("estimate", "low", "high")
    estimates = [result.odds_ratio if result.term.category else result.odds_ratio_per_sd for result in terms]
    labels = [f"{result.term.title}{'' if result.term.category else ', per SD'}" for result in terms]
    frame = pd.DataFrame(
        [(estimate.value, estimate.low, estimate.high) for estimate in estimates], columns=kinds, dtype=float
    )
    frame = frame.where((frame >= _ODDS_RATIOS_SHOWN[0]) & (frame <= _ODDS_RATIOS_SHOWN[1]))
    places = range(len(terms), 0, -1)
    name = f"{title} odds ratios"
    tableNode = _addTable(name, frame.assign(place=places, term=labels), created)
    fromBelow = "; ".join(f"{place} {label}" for place, label in sorted(zip(places, labels, strict=True)))
    chart = _addChart(name, "odds ratio of malignancy (95 % interval)", fromBelow, created)
    chart.SetXAxisLogScale(True)
    chart.SetYAxisRangeAuto(False)
    ends = (0.5, len(terms) + 0.5)
    chart.SetYAxisRange(*ends)
    for kind, color in zip(kinds, _COLORS, strict=False):
        series = _addPoints(chart, tableNode, kind, (kind, "place"), color, created)
        series.SetLabelColumnName("term")
    tableNode = _addTable(f"{name} line", pd.DataFrame({"odds ratio": [1.0, 1.0], "place": ends}), created)
    _addLine(chart, tableNode, "no effect", ("odds ratio", "place"), _GRAY, created)
    return chart


def _blandAltmanChart(agreement: NumberAgreement, pair: ReaderPair, title: str, created: list):
    """Difference against mean of two readers, with bias and limits of agreement."""
    import pandas as pd

    from MicrocalcElastographyLib.cohort.wording import estimate_text

    variable, limits = agreement.variable, pair.absolute
    name = f"{title} {variable.label} Bland–Altman"
    unit = f" ({variable.unit})" if variable.unit else ""
    chart = _addChart(
        name,
        f"{variable.label}, mean of both readers{unit}",
        f"reader {pair.first} − reader {pair.second}{unit}",
        created,
    )
    tableNode = _addTable(
        f"{name} lesions", pd.DataFrame({"mean": pair.means, "difference": pair.differences}), created
    )
    _addPoints(chart, tableNode, "lesions", ("mean", "difference"), _COLORS[0], created)
    lines = {"upper limit": limits.upper_limit, "bias": limits.bias, "lower limit": limits.lower_limit}
    frame = pd.DataFrame({"mean": [pair.means.min(), pair.means.max()]})
    frame = frame.assign(**{line: estimate.value for line, estimate in lines.items()})
    tableNode = _addTable(f"{name} lines", frame, created)
    for line, estimate in lines.items():
        series = _addLine(chart, tableNode, f"{line} {estimate_text(estimate)}", ("mean", line), _GRAY, created)
        if line != "bias":
            series.SetLineStyle(series.LineStyleDash)
    return chart


def _addChart(name: str, across: str, up: str, created: list):
    chart = _add("vtkMRMLPlotChartNode", name, created)
    chart.SetTitle(name)
    chart.SetXAxisTitle(across)
    chart.SetYAxisTitle(up)
    return chart


def _showShares(chart) -> None:
    chart.SetXAxisRangeAuto(False)
    chart.SetYAxisRangeAuto(False)
    chart.SetXAxisRange(0.0, 1.0)
    chart.SetYAxisRange(0.0, 1.0)


def _addLine(chart, tableNode, name: str, places: tuple[str, str], color, created: list):
    series = _addSeries(chart, tableNode, name, places, color, created)
    series.SetMarkerStyle(series.MarkerStyleNone)
    return series


def _addPoints(chart, tableNode, name: str, places: tuple[str, str], color, created: list):
    series = _addSeries(chart, tableNode, name, places, color, created)
    series.SetLineStyle(series.LineStyleNone)
    series.SetMarkerStyle(series.MarkerStyleCircle)
    return series


def _addSeries(chart, tableNode, name: str, places: tuple[str, str], color, created: list):
    series = _add("vtkMRMLPlotSeriesNode", name, created)
    series.SetAndObserveTableNodeID(tableNode.GetID())
    series.SetXColumnName(places[0])
    series.SetYColumnName(places[1])
    series.SetPlotType(series.PlotTypeScatter)
    series.SetColor(*color)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    return series
