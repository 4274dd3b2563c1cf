"""The pictures of a study as plain numbers, for programs that draw by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .analysis import CohortAnalysis
from .columns import Variable
from .diagnostics import Performance
from .readers import NumberAgreement, ReaderPair
from .regression import Regression
from .wording import estimate_text

Color = tuple[float, float, float]

# Okabe and Ito's colors, told apart by everybody.
_COLORS: tuple[Color, ...] = ((0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.84, 0.37, 0.0),
                              (0.80, 0.47, 0.65))  # fmt: skip
_GRAY: Color = (0.5, 0.5, 0.5)
_GROUPS = (("benign", 1.0, _COLORS[0]), ("malignant", 2.0, _COLORS[3]))
_HALF_BOX, _HALF_WHISKER = 0.25, 0.12
_ODDS_RATIOS_SHOWN = (1e-3, 1e5)  # beyond, as with separated groups, the others would crowd in one place
_SHARES = (0.0, 1.0)


@dataclass(frozen=True)
class Series:
    """One line or cloud of points.

    Parameters
    ----------
    name : str
        For the legend.
    x, y : tuple of float
        Equally long; NaN for a point that is not drawn.
    color : (float, float, float)
        Red, green, blue, 0 to 1.
    style : str
        ``line``, ``dashed`` or ``points``.
    labels : tuple of str
        Of the points; may be empty.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    color: Color
    style: str = "line"
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart with two axes.

    Parameters
    ----------
    kind : str
        ``ROC``, ``boxes``, ``scatter``, ``calibration``, ``odds ratios`` or ``Bland–Altman``.
    title, x_title, y_title : str
    series : tuple of Series
    variable : str
        Column it belongs to; empty for the study as a whole.
    x_range, y_range : (float, float) or None
        None fits the axis to the data.
    is_x_logarithmic : bool
    """

    kind: str
    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    variable: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    is_x_logarithmic: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready but for NaN."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Chart:
        """The chart of a record that went through JSON."""
        series = tuple(
            Series(
                name=part["name"],
                x=_numbers(part["x"]),
                y=_numbers(part["y"]),
                color=tuple(part["color"]),
                style=part["style"],
                labels=tuple(part["labels"]),
            )
            for part in record["series"]
        )
        ranges = {name: tuple(record[name]) if record[name] else None for name in ("x_range", "y_range")}
        return cls(**{**record, **ranges, "series": series})


def study_charts(analysis: CohortAnalysis) -> tuple[Chart, ...]:
    """Everything of a study that can be drawn with two axes; what the study does not allow is left out."""
    charts = [_roc(analysis.performances)] if analysis.performances else []
    charts += [_boxes(analysis, performance) for performance in analysis.performances]
    measured = [performance for performance in analysis.performances if performance.variable.kind == "continuous"]
    best = sorted(measured, key=lambda performance: -performance.auc.value)[:2]
    if len(best) == 2:
        charts.append(_scatter(analysis, best[0].variable, best[1].variable))
    if analysis.regression is not None:
        charts += [_calibration(analysis.regression), _odds_ratios(analysis.regression)]
    for agreement in analysis.agreement.numbers if analysis.agreement is not None else ():
        charts += [_bland_altman(agreement, pair) for pair in agreement.pairs[:1]]
    return tuple(charts)


def _numbers(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(float("nan") if value is None else float(value) for value in values)


def _series(name: str, x: Any, y: Any, color: Color, style: str = "line", labels: tuple[str, ...] = ()) -> Series:
    return Series(name, _numbers(np.asarray(x)), _numbers(np.asarray(y)), color, style, labels)


def _roc(performances: tuple[Performance, ...]) -> Chart:
    series = []
    for index, performance in enumerate(performances):
        variable, auc, curve = performance.variable, performance.auc, performance.curve
        name = f"{variable.label}: AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})"
        series.append(_series(name, 1.0 - curve.specificity, curve.sensitivity, _COLORS[index % len(_COLORS)]))
    series.append(_series("chance", _SHARES, _SHARES, _GRAY, "dashed"))
    return Chart("ROC", "ROC", "1 - specificity", "sensitivity", tuple(series), x_range=_SHARES, y_range=_SHARES)


def _boxes(analysis: CohortAnalysis, performance: Performance) -> Chart:
    """Quartiles, and whiskers to the farthest value within 1.5 interquartile ranges, drawn as one line per group."""
    from matplotlib.cbook import boxplot_stats

    variable = performance.variable
    series = []
    for group, center, color in _GROUPS:
        (found,) = boxplot_stats(_values_of(analysis, variable, group))
        series.append(_series(group, *_box_outline(found, center), color))
    across = "benign (left), malignant (right)"
    return Chart(
        "boxes", variable.label, across, variable.title, tuple(series), variable=variable.name, x_range=(0.5, 2.5)
    )


def _values_of(analysis: CohortAnalysis, variable: Variable, group: str) -> NDArray[np.float64]:
    values = analysis.cohort.values[variable.name].to_numpy(float)
    chosen: NDArray[np.float64] = values[(analysis.cohort.malignant == (group == "malignant")) & np.isfinite(values)]
    return chosen


def _box_outline(found: dict[str, float], center: float) -> tuple[list[float], list[float]]:
    left, right = center - _HALF_BOX, center + _HALF_BOX
    low, q1, median, q3, high = (found[key] for key in ("whislo", "q1", "med", "q3", "whishi"))
    whisker = (center - _HALF_WHISKER, center + _HALF_WHISKER)
    points = [
        (whisker[0], low), (whisker[1], low), (center, low), (center, q1), (left, q1), (left, median),
        (right, median), (left, median), (left, q3), (center, q3), (center, high), (whisker[0], high),
        (whisker[1], high), (center, high), (center, q3), (right, q3), (right, q1), (center, q1),
    ]  # fmt: skip
    return [place for place, _ in points], [float(value) for _, value in points]


def _scatter(analysis: CohortAnalysis, across: Variable, up: Variable) -> Chart:
    """The two best measured parameters of every lesion."""
    values = analysis.cohort.values[[across.name, up.name]].to_numpy(float)
    known = np.isfinite(values).all(axis=1)
    series = []
    for group, _, color in _GROUPS:
        of_group = values[known & (analysis.cohort.malignant == (group == "malignant"))]
        series.append(_series(group, of_group[:, 0], of_group[:, 1], color, "points"))
    return Chart("scatter", f"{across.label} and {up.label}", across.title, up.title, tuple(series))


def _calibration(regression: Regression) -> Chart:
    """Observed share against predicted probability, on the lesions of the fit and cross-validated."""
    from MicrocalcAILib.statistics.calibration import reliability_bins

    shown = [("fitted", regression.malignant, regression.probability)]
    if regression.cross_validation is not None:
        crossed = regression.cross_validation
        shown.append(("cross-validated", crossed.malignant, crossed.probability))
    series = []
    for (kind, malignant, probability), color in zip(shown, _COLORS, strict=False):
        bins = reliability_bins(malignant, probability)
        labels = tuple(f"{count} lesions" for count in bins["count"])
        series.append(_series(kind, bins["predicted"], bins["observed"], color, "points", labels))
    series.append(_series("perfect calibration", _SHARES, _SHARES, _GRAY))
    return Chart(
        "calibration",
        "calibration",
        "predicted probability of malignancy",
        "observed share of malignant lesions",
        tuple(series),
        x_range=_SHARES,
        y_range=_SHARES,
    )


def _odds_ratios(regression: Regression) -> Chart:
    """Odds ratios of the model with their interval ends, first term on top."""
    terms, kinds = regression.terms, ("estimate", "low", "high")
    estimates = [result.odds_ratio if result.term.category else result.odds_ratio_per_sd for result in terms]
    labels = [f"{result.term.title}{'' if result.term.category else ', per SD'}" for result in terms]
    ratios = np.array([(found.value, found.low, found.high) for found in estimates], dtype=float)
    ratios[(ratios < _ODDS_RATIOS_SHOWN[0]) | (ratios > _ODDS_RATIOS_SHOWN[1])] = np.nan
    places = list(range(len(terms), 0, -1))
    series = [
        _series(kind, column, places, color, "points", tuple(labels))
        for kind, column, color in zip(kinds, ratios.T, _COLORS, strict=False)
    ]
    ends = (0.5, len(terms) + 0.5)
    series.append(_series("no effect", (1.0, 1.0), ends, _GRAY))
    from_below = "; ".join(f"{place} {label}" for place, label in sorted(zip(places, labels, strict=True)))
    return Chart(
        "odds ratios",
        "odds ratios",
        "odds ratio of malignancy (95 % interval)",
        from_below,
        tuple(series),
        y_range=ends,
        is_x_logarithmic=True,
    )


def _bland_altman(agreement: NumberAgreement, pair: ReaderPair) -> Chart:
    """Difference against mean of two readers, with bias and limits of agreement."""
    variable, limits = agreement.variable, pair.absolute
    unit = f" ({variable.unit})" if variable.unit else ""
    series = [_series("lesions", pair.means, pair.differences, _COLORS[0], "points")]
    ends = (float(pair.means.min()), float(pair.means.max()))
    lines = {"upper limit": limits.upper_limit, "bias": limits.bias, "lower limit": limits.lower_limit}
    for line, estimate in lines.items():
        height = (estimate.value, estimate.value)
        style = "line" if line == "bias" else "dashed"
        series.append(_series(f"{line} {estimate_text(estimate)}", ends, height, _GRAY, style))
    return Chart(
        "Bland–Altman",
        f"{variable.label} Bland–Altman",
        f"{variable.label}, mean of both readers{unit}",
        f"reader {pair.first} − reader {pair.second}{unit}",
        tuple(series),
        variable=variable.name,
    )
