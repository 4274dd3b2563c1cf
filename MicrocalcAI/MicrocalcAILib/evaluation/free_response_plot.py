"""The free-response curve as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.files import replaced_on_success
from .free_response import FreeResponse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = ("#1f5fa8", "#c4571a", "#3c8d40", "#7a4fa3")


def plot_free_response(curves: Mapping[str, tuple[FreeResponse, FreeResponse | None]], path: Path) -> None:
    """Write curves with their bands as a PNG; clusters beside the calcifications when there are any.

    Parameters
    ----------
    curves : mapping, name -> (calcifications, clusters or None)
        One to four methods on the same images.
    path : Path
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    levels = {
        "Calcifications": {name: calcifications for name, (calcifications, _) in curves.items()},
        "Clusters": {name: clusters for name, (_, clusters) in curves.items() if clusters and clusters.truths},
    }
    panels = [(level, responses) for level, responses in levels.items() if responses]
    figure = Figure(figsize=(5.6 * len(panels), 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (level, responses) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for (name, response), color in zip(responses.items(), _COLORS, strict=False):
            _draw(axes, name, response, color)
        _label(axes, list(responses.values()))
        axes.set_title(f"{level}: {response.truths} true, {response.images} images", fontsize=11)
        axes.set_ylabel(f"Sensitivity (share of true {level.lower()} found)")
    with replaced_on_success(path) as temporary:
        figure.savefig(temporary)


def _draw(axes: Axes, name: str, response: FreeResponse, color: str) -> None:
    curve = response.curve
    per_image = curve["false_per_image"].to_numpy()
    x = np.maximum(per_image, _left_edge(response))
    axes.step(x, curve["sensitivity"], where="post", color=color, linewidth=1.8, label=name)
    banded = curve["sensitivity_low"].notna()
    if banded.any():
        axes.fill_between(
            x[banded],
            curve["sensitivity_low"][banded],
            curve["sensitivity_high"][banded],
            step="post",
            color=color,
            alpha=0.18,
            linewidth=0,
        )
    axes.plot(x[-1], curve["sensitivity"].iloc[-1], "o", color=color, markersize=5, clip_on=False)


def _left_edge(response: FreeResponse) -> float:
    """A logarithmic axis has no zero: what is found without any false mark is drawn at the left edge."""
    return float(10.0 ** np.ceil(np.log10(1 / response.images) - 1))


def _label(axes: Axes, responses: list[FreeResponse]) -> None:
    from matplotlib.ticker import NullFormatter

    response = responses[0]
    farthest = max(float(other.curve["false_per_image"].iloc[-1]) for other in responses)
    axes.set_xscale("log")
    axes.set_xlim(_left_edge(response), max(1.5 * farthest, 1.0))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"False marks per image ({response.confidence:.0%} bands over patients; dot: all marks)")
    area_per_image_cm2 = response.breast_area_cm2 / response.images
    above = axes.secondary_xaxis(
        "top",
        functions=(
            lambda per_image: np.asarray(per_image) / area_per_image_cm2,
            lambda per_cm2: np.asarray(per_cm2) * area_per_image_cm2,
        ),
    )
    above.set_xlabel("False marks per cm² of breast")
    for axis in (axes.xaxis, above.xaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", alpha=0.35)
    axes.grid(which="minor", axis="x", alpha=0.12)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
