"""The STARD diagram: participants from screening to the final diagnosis."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from .cohort.verdicts import Flow
from .figures import new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT = 0.3, 0.78  # middles of the main line and of those who left, in axes' width
_LINE = 0.2  # inches


def flow_figure(flow: Flow) -> Figure:
    """Boxes from top to bottom; those who left stand to the right with their reasons."""
    left_out = [f"{step.title} ({step.count})\n" + "\n".join(f"{reason}: {count}" for reason, count in
                step.reasons.items()) for step in flow.steps]  # fmt: skip
    heights = [max(3, text.count("\n") + 2) * _LINE for text in left_out]
    total = 1.0 + sum(height + 0.35 for height in heights) + 3.8
    with style():
        figure = new_figure(7.2, total)
        axes = figure.add_subplot()
        axes.set(xlim=(0, 1), ylim=(-total, 0))
        axes.axis("off")
        remaining, place = flow.screened, -0.4
        _box(axes, _LEFT, place, f"Potentially eligible {flow.unit} ({remaining})")
        for step, text, height in zip(flow.steps, left_out, heights, strict=True):
            middle = place - 0.3 - height / 2
            remaining -= step.count
            below = middle - height / 2 - 0.3
            _arrow(axes, (_LEFT, place - 0.17), (_LEFT, below + 0.17))
            _arrow(axes, (_LEFT, middle), (_RIGHT - 0.15, middle))
            _box(axes, _RIGHT, middle, text)
            place = below
            _box(axes, _LEFT, place, f"Remaining ({remaining})")
        analyzed = place - 0.7
        _arrow(axes, (_LEFT, place - 0.17), (_LEFT, analyzed + 0.17))
        _box(axes, _LEFT, analyzed, f"Analyzed {flow.unit} ({flow.analyzed})")
        for middle, title, (malignant, benign) in (
            (0.25, f"{flow.test}", flow.positive),
            (0.75, "Not suspicious", flow.negative),
        ):
            _arrow(axes, (_LEFT, analyzed - 0.17), (middle, analyzed - 0.75))
            _box(axes, middle, analyzed - 1.0, fill(title, 34) + f"\n({malignant + benign} lesions)")
            _arrow(axes, (middle, analyzed - 1.3), (middle, analyzed - 1.8))
            _box(axes, middle, analyzed - 2.15, f"Final diagnosis\nmalignant: {malignant}\nbenign: {benign}")
        return figure


def _box(axes: Axes, across: float, up: float, text: str) -> None:
    axes.annotate(text, (across, up), ha="center", va="center", fontsize=8.5,
                  bbox={"boxstyle": "square,pad=0.45", "facecolor": "white", "edgecolor": "0.35"})  # fmt: skip


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.35", "shrinkA": 0, "shrinkB": 0})
