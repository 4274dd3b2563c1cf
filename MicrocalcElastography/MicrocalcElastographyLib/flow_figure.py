"""The STARD diagram: participants from screening to the final diagnosis."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from .cohort.verdicts import Flow
from .figures import new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT = 0.27, 0.75  # middles of the main line and of what stands beside it, in axes' width
_LINE, _PAD, _GAP = 0.17, 0.2, 0.3  # inches: a line of text, a box around its lines, the arrow between boxes


def flow_figure(flow: Flow) -> Figure:
    """Boxes from top to bottom; those who left stand to the right with their reasons."""
    remaining = flow.screened
    rows: list[tuple[str, str]] = [(f"Potentially eligible {flow.unit} ({remaining})", "")]
    for step in flow.steps:
        remaining -= step.count
        reasons = [fill(f"{reason}: {count}", 38) for reason, count in step.reasons.items()]
        rows.append((f"Remaining ({remaining})", "\n".join([f"{step.title} ({step.count})", *reasons])))
    rows.append((f"Analyzed {flow.unit} ({flow.analyzed})", ""))
    groups = ((flow.test, flow.positive), ("Not suspicious", flow.negative))
    tests = [fill(title, 34) + f"\n({sum(counts)} lesions)" for title, counts in groups]
    ends = [f"Final diagnosis\nmalignant: {malignant}\nbenign: {benign}" for _, (malignant, benign) in groups]
    total = 0.1 + sum(_height(left) + _above(beside) for left, beside in rows)
    total += 1.5 * _GAP + max(map(_height, tests)) + _GAP + max(map(_height, ends))
    with style():
        figure = new_figure(6.6, total)
        axes = figure.add_subplot()
        axes.set(xlim=(0, 1), ylim=(-total, 0))
        axes.axis("off")
        bottom = _GAP - 0.05  # of a box above the first one
        for index, (left, beside) in enumerate(rows):
            top = bottom - _above(beside)
            if index:
                _arrow(axes, (_LEFT, bottom), (_LEFT, top))
            if beside:
                middle = (bottom + top) / 2
                _arrow(axes, (_LEFT, middle), (_RIGHT - 0.22, middle))
                _box(axes, _RIGHT, middle + _height(beside) / 2, beside, at_least=0.44)
            bottom = _box(axes, _LEFT, top, left)
        fork = bottom - _GAP / 2
        axes.plot([_LEFT, _LEFT], [bottom, fork], color="0.35", linewidth=1)
        axes.plot([_LEFT, _RIGHT], [fork, fork], color="0.35", linewidth=1)
        for across, test, end in zip((_LEFT, _RIGHT), tests, ends, strict=True):
            _arrow(axes, (across, fork), (across, fork - _GAP))
            below = _box(axes, across, fork - _GAP, test)
            _arrow(axes, (across, below), (across, below - _GAP))
            _box(axes, across, below - _GAP, end)
        return figure


def _height(text: str) -> float:
    """Of a box, inches."""
    return (text.count("\n") + 1) * _LINE + _PAD


def _above(beside: str) -> float:
    """Way from the box above, inches; longer when participants leave on it."""
    return _GAP + (_height(beside) + _GAP / 2 if beside else 0.0)


def _box(axes: Axes, across: float, top: float, text: str, at_least: float = 0.4) -> float:
    """Draw a box that hangs from ``top``; returns where it ends."""
    from matplotlib.patches import Rectangle

    bottom = top - _height(text)
    axes.add_patch(Rectangle((across - at_least / 2, bottom), at_least, top - bottom, facecolor="white",
                             edgecolor="0.35", linewidth=1))  # fmt: skip
    axes.annotate(text, (across, (top + bottom) / 2), ha="center", va="center", fontsize=8.5)
    return bottom


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.35", "shrinkA": 0, "shrinkB": 0})
