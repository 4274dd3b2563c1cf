"""The free-response curve as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..files import replaced_on_success
from .free_response import FreeResponse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOR = "#1f5fa8"


def plot_free_response(calcifications: FreeResponse, clusters: FreeResponse | None, path: Path) -> None:
    """Write the curves with their bands as a PNG; clusters beside the calcifications when there are any."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [("Calcifications", calcifications)]
    if clusters is not None and clusters.truths:
        panels.append(("Clusters", clusters))
    figure = Figure(figsize=(5.6 * len(panels), 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, response) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, response)
        axes.set_title(f"{name}: {response.truths} true, {response.images} images", fontsize=11)
        axes.set_ylabel(f"Sensitivity (share of true {name.lower()} found)")
    with replaced_on_success(path) as temporary:
        figure.savefig(temporary)


def _draw(axes: Axes, response: FreeResponse) -> None:
    from matplotlib.ticker import NullFormatter

    curve = response.curve
    per_image = curve["false_per_image"].to_numpy()
    # a logarithmic axis has no zero: what is found without any false mark is drawn at the left edge
    left = 10.0 ** np.ceil(np.log10(1 / response.images) - 1)
    x = np.maximum(per_image, left)
    axes.set_xscale("log")
    axes.set_xlim(left, max(1.5 * per_image[-1], 1.0))
    axes.set_ylim(0, 1.02)
    axes.step(x, curve["sensitivity"], where="post", color=_COLOR, linewidth=1.8, label="Sensitivity")
    banded = curve["sensitivity_low"].notna()
    if banded.any():
        axes.fill_between(
            x[banded],
            curve["sensitivity_low"][banded],
            curve["sensitivity_high"][banded],
            step="post",
            color=_COLOR,
            alpha=0.18,
            linewidth=0,
            label=f"{response.confidence:.0%} interval (bootstrap over images)",
        )
    axes.plot(x[-1], curve["sensitivity"].iloc[-1], "o", color=_COLOR, markersize=5, label="All marks", clip_on=False)
    axes.set_xlabel("False marks per image")
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
