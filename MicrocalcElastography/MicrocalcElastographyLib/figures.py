"""Figures of a study. Every function returns a Matplotlib figure; :func:`save_figure` writes PNG and SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from MicrocalcAILib.base.files import replaced_on_success
from MicrocalcAILib.statistics.calibration import reliability_bins

from .cohort.columns import Variable
from .cohort.combinations import Combination
from .cohort.diagnostics import YOUDEN, Performance
from .cohort.lesions import Cohort
from .cohort.points import PointsTable
from .cohort.readers import NumberAgreement, ReaderPair
from .cohort.regression import CrossValidation, Regression
from .cohort.strata import Stratification
from .cohort.wording import estimate_text, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MALIGNANT_COLOR = "#b5442e"
BENIGN_COLOR = "#1f5fa8"
CURVE_COLORS = ("#1f5fa8", "#b5442e", "#2f8f5b", "#8a5bb5", "#c78a1a", "#4a4a4a", "#2aa3a3", "#b53d84")
GRAY = "0.45"
DOTS_PER_INCH = 200
MANY_LESIONS = 1500  # from here on dots are drawn as pixels, or the SVG would grow without use
_CHINESE_FONTS = {  # name → beginning of its file's name
    "Noto Sans CJK SC": "notosanscjk",
    "Noto Sans CJK JP": "notosanscjk",
    "Microsoft YaHei": "msyh",
    "SimHei": "simhei",
    "PingFang SC": "pingfang",
    "Heiti SC": "stheiti",
    "WenQuanYi Zen Hei": "wqy-zenhei",
    "Arial Unicode MS": "arial unicode",
}
_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "microcalc",
    "text.parse_math": False,  # a heading with a dollar sign is no formula
}


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure of a study, while it is drawn and saved."""
    from matplotlib import rc_context

    with rc_context(_STYLE | {"font.family": ["DejaVu Sans", *_chinese_fonts()]}):
        yield


@cache
def _chinese_fonts() -> tuple[str, ...]:
    """Installed fonts with Chinese characters, for headings in that script; empty where there are none."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    if not _CHINESE_FONTS.keys() & {font.name for font in fontManager.ttflist}:
        for path in findSystemFonts():  # Matplotlib's own list is as old as its cache
            if any(Path(path).name.lower().startswith(start) for start in _CHINESE_FONTS.values()):
                fontManager.addfont(path)
    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _CHINESE_FONTS if name in installed)


def lacks_glyphs(text: str) -> bool:
    """True when the figures cannot draw a Chinese character of the text on this computer."""
    return any("\u3400" <= character <= "\u9fff" for character in text) and not _chinese_fonts()


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write ``name.png`` (200 dots per inch) and ``name.svg``; returns both paths."""
    paths = folder / f"{name}.png", folder / f"{name}.svg"
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # laid out once: Matplotlib would do it again for each file, at most of the time
        for path, metadata in zip(paths, ({"Software": None}, {"Date": None}), strict=True):
            with replaced_on_success(path) as temporary:
                figure.savefig(temporary, metadata=metadata)
    return paths


def roc_figure(performances: Sequence[Performance], combinations: Sequence[Combination]) -> Figure:
    """ROC curves with their AUC; the Youden optimum of each parameter is marked."""
    with style():
        figure = new_figure(8.4, 4.8)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color="0.75", linewidth=1, linestyle="--")
        for performance, color in zip(performances, CURVE_COLORS, strict=False):
            curve = performance.curve
            axes.plot(1 - curve.specificity, curve.sensitivity, color=color, linewidth=1.8,
                      label=f"{performance.variable.label}: {estimate_text(performance.auc)}")  # fmt: skip
            best = performance.cutoff(YOUDEN).table
            axes.plot(1 - best.specificity.value, best.sensitivity.value, "o", color=color, markersize=6,
                      markeredgecolor="white")  # fmt: skip
        rest = CURVE_COLORS[len(performances) :] or CURVE_COLORS
        for combination, color in zip(combinations, rest, strict=False):
            curve, area = combination.curve, estimate_text(combination.cross_validated_auc)
            axes.plot(1 - curve.specificity, curve.sensitivity, color=color, linewidth=1.4, linestyle=(0, (4, 1.5)),
                      label=f"{combination.title}:\n{area}, cross-validated")  # fmt: skip
        axes.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal", xlabel="1 − specificity (false alarms)",
                 ylabel="Sensitivity (cancers found)")  # fmt: skip
        axes.grid(alpha=0.25)
        figure.legend(loc="outside right upper", fontsize=7.5, title="AUC (95 % interval)", alignment="left")
        return figure


def distribution_figure(cohort: Cohort, performance: Performance) -> Figure:
    """Violin, box and every lesion of both groups, with the cut-offs as lines."""
    values = cohort.values[performance.variable.name].to_numpy(dtype=float)
    groups = [values[cohort.malignant == malignant] for malignant in (False, True)]
    groups = [group[np.isfinite(group)] for group in groups]
    random = np.random.default_rng(0)
    with style():
        figure = new_figure(5.6, 4.4)
        axes = figure.add_subplot()
        for position, (group, color) in enumerate(zip(groups, (BENIGN_COLOR, MALIGNANT_COLOR), strict=True)):
            if np.ptp(group) > 0 and performance.variable.kind == "continuous":
                body = axes.violinplot(group, positions=[position], widths=0.8, showextrema=False)["bodies"][0]  # type: ignore[index]
                body.set(facecolor=color, alpha=0.2)
            jitter = random.uniform(-0.13, 0.13, len(group))
            spread = random.uniform(-0.12, 0.12, len(group)) if performance.variable.kind == "ordinal" else 0.0
            axes.plot(
                position + jitter, group + spread, "o", color=color, markersize=2.6, alpha=0.45, markeredgewidth=0
            )
            axes.boxplot(group, positions=[position], widths=0.22, showfliers=False,
                         medianprops={"color": "black"}, manage_ticks=False)  # fmt: skip
        names = [f"{name}\n({len(group)})" for name, group in zip(("Benign", "Malignant"), groups, strict=True)]
        axes.set_xticks([0, 1], names)
        axes.set(xlim=(-0.6, 2.0), ylabel=performance.variable.title)
        _cutoff_lines(axes, performance)
        return figure


def _cutoff_lines(axes: Axes, performance: Performance) -> None:
    """Cut-offs as lines whose names stand apart even when the cut-offs are close."""
    shown: dict[float, str] = {}
    for cutoff in sorted(performance.cutoffs, key=lambda cutoff: cutoff.value):
        name = "best here (Youden)" if cutoff.rule == YOUDEN else cutoff.rule
        same = shown.get(cutoff.value)
        shown[cutoff.value] = f"{same}; {name}" if same else name
    low, high = axes.get_ylim()
    inside = {value: name for value, name in shown.items() if low <= value <= high}
    places = _spread_out(list(inside), 0.05 * (high - low))
    for (value, name), place in zip(inside.items(), places, strict=True):
        is_best = "best here" in name
        color, width, dash = ("black", 1.1, "-") if is_best else (GRAY, 0.7, ":")
        axes.plot([-0.5, 1.48], [value, value], color=color, linewidth=width, linestyle=dash)
        axes.plot([1.48, 1.54], [value, place], color=color, linewidth=0.5)
        axes.annotate(f"{value:.3g} {name}", (1.56, place), fontsize=6.5, va="center", color=color,
                      annotation_clip=False)  # fmt: skip


def _spread_out(values: Sequence[float], gap: float) -> list[float]:
    """Places near the rising values, at least ``gap`` apart: neighbors are pushed apart until they fit."""
    places = np.array(values, dtype=float)
    for _ in range(200):
        overlap = np.maximum(gap - np.diff(places), 0)
        if not overlap.any():
            break
        places[:-1] -= overlap / 2
        places[1:] += overlap / 2
    return [float(place) for place in places]


def cutoff_figure(performance: Performance) -> Figure:
    """Sensitivity and specificity over the cut-off, with the bootstrap interval of Youden's optimum."""
    curve = performance.curve
    finite = np.isfinite(curve.thresholds)
    best = performance.cutoff(YOUDEN)
    with style():
        figure = new_figure(5.6, 3.4)
        axes = figure.add_subplot()
        axes.axvspan(*best.interval, color="0.88", label=f"95 % interval of the best cut-off: "
                     f"{best.interval[0]:.3g} to {best.interval[1]:.3g}")  # fmt: skip
        axes.axvline(best.value, color="black", linewidth=1)
        for values, color, name in (
            (curve.sensitivity, MALIGNANT_COLOR, "Sensitivity"),
            (curve.specificity, BENIGN_COLOR, "Specificity"),
        ):
            axes.plot(curve.thresholds[finite], values[finite], color=color, linewidth=1.8, label=name,
                      drawstyle="steps-post")  # fmt: skip
        side = "from here on" if performance.is_high_suspicious else "down to here"
        axes.set(ylim=(0, 1.02), xlabel=f"Cut-off: suspicious {side}, {performance.variable.title}", ylabel="Share")
        axes.grid(alpha=0.25)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        return figure


def forest_figure(regression: Regression) -> Figure:
    """Odds ratios on a log scale: per standard deviation for numbers, against the reference for categories."""
    from matplotlib.ticker import LogLocator

    alone = {result.term.name: result for single in regression.univariate for result in single.terms}
    rows = list(regression.terms)
    with style():
        figure = new_figure(6.8, 1.5 + 0.42 * len(rows))
        axes = figure.add_subplot()
        ends: list[float] = []
        for position, result in enumerate(reversed(rows)):
            for offset, source, color, fill in (
                (0.0, result, "black", "black"),
                (-0.25, alone.get(result.term.name), GRAY, "white"),
            ):
                if source is None:
                    continue
                estimate = source.odds_ratio if result.term.category else source.odds_ratio_per_sd
                low, high = max(estimate.low, 1e-6), min(estimate.high, 1e9)
                axes.plot([low, high], [position + offset] * 2, color=color, linewidth=1.3)
                axes.plot(estimate.value, position + offset, "s", color=color, markerfacecolor=fill, markersize=5.5)
                ends.extend([low, high])
        labels = [f"{result.term.title}{'' if result.term.category else ', per SD'}" for result in reversed(rows)]
        axes.set_yticks(range(len(rows)), labels)
        axes.axvline(1, color="0.6", linewidth=1, linestyle="--")
        axes.set(xscale="log", xlim=(max(min([0.5, *ends]) / 1.3, 1e-3), min(max([2.0, *ends]) * 1.3, 1e5)),
                 ylim=(-0.6, len(rows) - 0.4), xlabel="Odds ratio of malignancy (95 % interval)")  # fmt: skip
        axes.plot([], [], "s-", color="black", markersize=5.5, label="in the model")
        axes.plot([], [], "s-", color=GRAY, markerfacecolor="white", markersize=5.5, label="alone")
        low, high = axes.get_xlim()
        is_narrow = high / low < 100
        axes.xaxis.set_major_locator(LogLocator(numticks=7))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if is_narrow and f"{value:e}"[0] in "25" else "")
        axes.grid(axis="x", alpha=0.25)
        figure.legend(loc="outside lower right", ncols=2, fontsize=8)
        return figure


def calibration_figure(regression: Regression) -> Figure:
    """Predicted against observed share of malignant lesions, on the lesions of the fit and cross-validated."""
    with style():
        figure = new_figure(5.2, 5.6)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
        shown = {"fitted": (regression.malignant, regression.probability, GRAY)}
        if regression.cross_validation is not None:
            crossed = regression.cross_validation
            shown["cross-validated"] = (crossed.malignant, crossed.probability, BENIGN_COLOR)
        for name, (malignant, probability, color) in shown.items():
            bins = reliability_bins(malignant, probability)
            errors = np.abs(bins[["observed_low", "observed_high"]].to_numpy() - bins[["observed"]].to_numpy()).T
            axes.errorbar(bins["predicted"], bins["observed"], yerr=errors, fmt="o", markersize=5, capsize=2.5,
                          color=color, linewidth=1, label=name)  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="Observed share of malignant lesions")
        axes.grid(alpha=0.25)
        axes.legend(loc="upper left")
        malignant, probability, _ = list(shown.values())[-1]
        edges = np.linspace(0, 1, 21)
        groups = [probability[~malignant], probability[malignant]]
        below.hist(groups, edges, stacked=True, color=[BENIGN_COLOR, MALIGNANT_COLOR], label=["benign", "malignant"])
        below.set(xlabel="Predicted probability of malignancy", ylabel="Lesions")
        below.legend(fontsize=7.5, loc="upper center", ncols=2)
        return figure


def decision_figure(crossed: CrossValidation) -> Figure:
    """Decision curves: net benefit over the threshold, one panel per stated prevalence."""
    prevalences = list(dict.fromkeys(crossed.decision["prevalence"]))
    with style():
        figure = new_figure(4.4 * len(prevalences), 3.6)
        panels = figure.subplots(1, len(prevalences), squeeze=False)[0]
        for axes, prevalence in zip(panels, prevalences, strict=True):
            part = crossed.decision[crossed.decision["prevalence"] == prevalence]
            axes.fill_between(part["threshold"], part["low"], part["high"], color=BENIGN_COLOR, alpha=0.15,
                              linewidth=0)  # fmt: skip
            axes.plot(part["threshold"], part["net_benefit"], color=BENIGN_COLOR, linewidth=1.8, label="model")
            axes.plot(part["threshold"], part["act_on_all"], color=GRAY, linewidth=1, label="biopsy of all")
            axes.axhline(0, color="black", linewidth=1, linestyle="--", label="biopsy of none")
            axes.set(xlabel="Biopsy from this probability on", ylabel="Net benefit", ylim=(-0.05, 1.15 * prevalence),
                     xlim=(0, float(part["threshold"].max())),
                     title=f"{prevalence:.0%} of the lesions malignant")  # fmt: skip
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            axes.grid(alpha=0.25)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
        return figure


def bland_altman_figure(agreement: NumberAgreement, pair: ReaderPair) -> Figure:
    """Difference against mean of two readers, with bias, limits of agreement and their intervals."""
    limits = pair.absolute
    with style():
        figure = new_figure(6.2, 4.0)
        axes = figure.add_subplot()
        axes.plot(pair.means, pair.differences, "o", color=BENIGN_COLOR, markersize=4, alpha=0.6, markeredgewidth=0)
        right = float(pair.means.max() + 0.02 * np.ptp(pair.means))
        for estimate, name in (
            (limits.upper_limit, "upper limit"),
            (limits.bias, "bias"),
            (limits.lower_limit, "lower limit"),
        ):
            axes.axhspan(estimate.low, estimate.high, color="0.9", zorder=0)
            axes.axhline(estimate.value, color="black", linewidth=1, linestyle="-" if name == "bias" else "--")
            axes.annotate(f"{name} {number(estimate.value)}\n({number(estimate.low)} to {number(estimate.high)})",
                          (right, estimate.value), fontsize=7.5, va="center", annotation_clip=False)  # fmt: skip
        axes.axhline(0, color="0.7", linewidth=0.8)
        axes.set_xlim(float(pair.means.min() - 0.04 * np.ptp(pair.means)), right)
        unit = f" ({agreement.variable.unit})" if agreement.variable.unit else ""
        axes.set(xlabel=f"{agreement.variable.label}, mean of both readers{unit}",
                 ylabel=f"Reader {pair.first} − reader {pair.second}{unit}")  # fmt: skip
        return figure


def scatter_figure(cohort: Cohort, first: Variable, second: Variable) -> Figure:
    """Two measurements against each other, groups in color."""
    with style():
        figure = new_figure(4.6, 4.0)
        axes = figure.add_subplot()
        for malignant, color, name in ((False, BENIGN_COLOR, "benign"), (True, MALIGNANT_COLOR, "malignant")):
            part = cohort.values[cohort.malignant == malignant]
            axes.plot(part[first.name], part[second.name], "o", color=color, markersize=3.6, alpha=0.6, label=name,
                      markeredgewidth=0, rasterized=len(cohort.values) > MANY_LESIONS)  # fmt: skip
        axes.set(xlabel=first.title, ylabel=second.title)
        axes.grid(alpha=0.25)
        axes.legend(loc="best", fontsize=8)
        return figure


def strata_figure(stratifications: Sequence[Stratification]) -> Figure:
    """AUC of one parameter in every stratum, with intervals."""
    rows = [(part.by.label, stratum) for part in stratifications for stratum in part.strata]
    with style():
        figure = new_figure(6.4, 1.0 + 0.32 * len(rows))
        axes = figure.add_subplot()
        for position, (_, stratum) in enumerate(reversed(rows)):
            estimate = stratum.auc
            if np.isfinite(estimate.value):
                low, high = (
                    (estimate.low, estimate.high) if np.isfinite(estimate.low) else (estimate.value, estimate.value)
                )
                axes.plot([low, high], [position] * 2, color=BENIGN_COLOR, linewidth=1.4)
                axes.plot(estimate.value, position, "s", color=BENIGN_COLOR, markersize=5.5)
            else:
                axes.annotate("too few lesions", (0.5, position), fontsize=7.5, va="center", color=GRAY)
        labels = [f"{by}: {stratum.name} ({stratum.malignant_count}/{stratum.benign_count})" for by, stratum in rows]
        axes.set_yticks(range(len(rows)), labels[::-1])
        lowest = min([0.9, *(stratum.auc.low for _, stratum in rows if np.isfinite(stratum.auc.low))])
        parameter = stratifications[0].parameter.label
        axes.set(xlim=(max(lowest - 0.05, 0), 1.005), ylim=(-0.6, len(rows) - 0.4),
                 xlabel=f"{parameter}: AUC (95 % interval)\nIn brackets: malignant/benign lesions")  # fmt: skip
        axes.grid(axis="x", alpha=0.25)
        return figure


def nomogram_figure(points: PointsTable) -> Figure:
    """The points table as a nomogram: draw a line up from each value, add the points, read the probability."""
    scales = [("Points", tuple(f"{p}" for p in range(0, 101, 10)), tuple(float(p) for p in range(0, 101, 10)))]
    scales += [(scale.title, scale.values, scale.points) for scale in points.scales]
    with style():
        figure = new_figure(7.4, 1.2 + 0.55 * (len(scales) + 2))
        upper, lower = figure.subplots(2, 1, height_ratios=[len(scales), 2])
        for axes, rows, limit in (
            (upper, scales, 100.0),
            (lower, _total_scales(points), float(sum(max(scale.points) for scale in points.scales))),
        ):
            for position, (title, values, places) in enumerate(reversed(rows)):
                axes.plot([min(places), max(places)], [position] * 2, color="black", linewidth=1)
                for index in _readable(places, 0.05 * limit):
                    axes.plot([places[index]] * 2, [position, position + 0.14], color="black", linewidth=1)
                    axes.annotate(values[index], (places[index], position + 0.2), fontsize=7, ha="center")
                if np.ptp(places) < 0.05 * limit:  # too short for its ticks: name the ends
                    order = np.argsort(places, kind="stable")
                    axes.annotate(f"  {values[order[0]]} → {values[order[-1]]}", (max(places), position), fontsize=7,
                                  va="center")  # fmt: skip
                axes.annotate(title, (-0.02 * limit, position), fontsize=8.5, ha="right", va="center",
                              annotation_clip=False)  # fmt: skip
            axes.set(xlim=(-0.005 * limit, 1.01 * limit), ylim=(-0.6, len(rows) - 0.35))
            axes.axis("off")
        return figure


def _readable(places: Sequence[float], gap: float) -> list[int]:
    """Positions of ticks that keep ``gap`` between them, the ends first; none when the whole scale is shorter."""
    order = [int(index) for index in np.argsort(places, kind="stable")]
    if places[order[-1]] - places[order[0]] < gap:
        return []
    kept = [order[0], order[-1]]
    for index in order[1:-1]:
        if min(abs(places[index] - places[other]) for other in kept) >= gap:
            kept.append(index)
    return kept


def _total_scales(points: PointsTable) -> list[tuple[str, tuple[str, ...], tuple[float, ...]]]:
    highest = sum(max(scale.points) for scale in points.scales)
    step = next(step for step in (5, 10, 20, 25, 50, 100) if highest / step <= 12)
    ticks = np.arange(0, highest + 1e-9, step)
    probabilities = points.totals
    return [
        ("Sum of points", tuple(f"{tick:g}" for tick in ticks), tuple(float(tick) for tick in ticks)),
        (
            "Probability of malignancy",
            tuple(f"{value:.0%}" for value in probabilities["probability"]),
            tuple(float(value) for value in probabilities["points"]),
        ),
    ]
