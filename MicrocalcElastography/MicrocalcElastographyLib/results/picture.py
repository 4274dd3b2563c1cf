"""The annotated picture: the panel as the scanner showed it, the value map, what was measured and checked.

Only the panel is taken from a screen, never its banner, which can hold names.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..assessment import Assessment
from ..elastogram import Direction, Elastogram, Unit
from ..geometry import Rectangle
from ..measurement import Region, RegionStatistics
from ..measurement.regions import box_of, image_shape, origin_px, spacing_of
from ..protocol import Check, Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
_BACKGROUND, _TEXT, _QUIET = "#121214", "#ebebeb", "#a5a5a5"
_STATUS_COLORS = {Status.PASS: "#6cc38b", Status.WARN: "#ffb347", Status.CANNOT_TELL: _QUIET}
_LESION, _BOX, _FAT, _MARK = "#ffffff", "#ff4fd8", "#ffe14d", "#59e0ff"
_WIDTH_OF_TEXT = 58
_VOID_GRAY = 0.42
_FOOTER = (
    "Research software, not for diagnosis. Published cut-offs belong to their device, statistic and lesions; "
    "they are no verdict."
)

Line = tuple[str, str, str]
"""Text, color and weight."""


def draw_assessment(assessment: Assessment, title: str, references: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """A Matplotlib figure with the image, the value map and the numbers.

    Parameters
    ----------
    assessment : Assessment
    title : str
        Lesion, reader, acquisition; no patient data.
    references : sequence of mapping
        Published cut-offs as from `references_beside`; shown with their names, never compared.
    """
    from matplotlib import rc_context

    with rc_context({"font.size": 9, "text.color": _TEXT, "axes.labelcolor": _TEXT, "axes.edgecolor": _QUIET,
                     "xtick.color": _TEXT, "ytick.color": _TEXT}):  # fmt: skip
        return _figure(assessment, title, references)


def _figure(assessment: Assessment, title: str, references: Sequence[Mapping[str, Any]]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    elastogram = assessment.measurement.elastogram
    figure = Figure(figsize=(15.0, 7.4), facecolor=_BACKGROUND, layout="constrained")
    FigureCanvasAgg(figure)
    image, values, words = figure.subplots(1, 3, width_ratios=(1.15, 1.0, 0.85))
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    figure.supxlabel(_FOOTER, fontsize=8, color=_QUIET, x=0.01, ha="left")
    shown, background = _background(elastogram)
    _show_image(image, elastogram, shown, background)
    _show_values(figure, values, assessment)
    for axes in (image, values):
        _outline(axes, assessment)
        axes.set_anchor("N")
    image.legend(loc="upper left", bbox_to_anchor=(0.0, -0.12), ncols=2, fontsize=8.5, facecolor=_BACKGROUND,
                 edgecolor=_BACKGROUND)  # fmt: skip
    _write_text(words, [*_lines(assessment), *_reference_lines(references)])
    return figure


def _background(elastogram: Elastogram) -> tuple[Rectangle, NDArray[Any] | None]:
    """The part of the image shown on the left, and its pixels; None when there is neither screen nor B-mode."""
    whole = Rectangle(0, 0, *image_shape(elastogram))
    if elastogram.frame is not None:
        shown = elastogram.panel or box_of(elastogram)
        return shown, elastogram.frame[shown.slices]
    return whole, elastogram.b_mode


def _extent(elastogram: Elastogram, place: Rectangle) -> tuple[float, float, float, float]:
    """Left, right, bottom, top in mm from the panel's corner, pixel edges."""
    (top, left), (row_mm, column_mm) = origin_px(elastogram), spacing_of(elastogram)
    return (
        (place.left - 0.5 - left) * column_mm,
        (place.right - 0.5 - left) * column_mm,
        (place.bottom - 0.5 - top) * row_mm,
        (place.top - 0.5 - top) * row_mm,
    )


def _show_image(axes: Axes, elastogram: Elastogram, shown: Rectangle, background: NDArray[Any] | None) -> None:
    axes.set_facecolor("black")
    extent = _extent(elastogram, shown)
    if background is not None:
        axes.imshow(background, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="bilinear")
    left, right, bottom, top = extent
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="mm", ylabel=_depth_words(elastogram), aspect="equal")
    axes.set_title("As recorded" if elastogram.frame is not None else "B-mode", fontsize=10)


def _show_values(figure: Figure, axes: Axes, assessment: Assessment) -> None:
    from matplotlib import colormaps

    elastogram, box = assessment.measurement.elastogram, box_of(assessment.measurement.elastogram)
    axes.set_facecolor(str(_VOID_GRAY))
    low, high = _shown_range(elastogram)
    shown = axes.imshow(elastogram.values, cmap=colormaps["turbo"], vmin=low, vmax=high,
                        extent=_extent(elastogram, box), interpolation="nearest")  # fmt: skip
    bar = figure.colorbar(shown, cax=axes.inset_axes((0.0, -0.24, 1.0, 0.05)), orientation="horizontal")
    unit = "strain (arbitrary units)" if elastogram.unit == Unit.STRAIN else str(elastogram.unit)
    stiff = "red" if elastogram.direction is Direction.STIFFER_IS_HIGHER else "blue"
    bar.set_label(f"{unit}; {stiff} = stiff; gray = no value")
    statistics = assessment.measurement.box_statistics
    if statistics and statistics.mean is not None:
        if statistics.mean_interval is not None:
            bar.ax.plot(statistics.mean_interval, [1.0, 1.0], color=_BOX, clip_on=False, linewidth=3)
        bar.ax.plot([statistics.mean], [1.0], marker="v", color=_BOX, clip_on=False, markersize=7)
        bar.ax.annotate("mean of the box", (statistics.mean, 1.0), (0, 7), textcoords="offset points", ha="center",
                        color=_BOX, fontsize=8)  # fmt: skip
    axes.set(xlabel="mm", aspect="equal")
    axes.set_title("Values in the elastography box", fontsize=10)


def _shown_range(elastogram: Elastogram) -> tuple[float, float]:
    """The part of the scale that holds the values, in steps of a tenth of it, so that soft maps are not one color."""
    if not elastogram.valid.any():
        return elastogram.value_range or (0.0, 1.0)
    highest = float(np.nanmax(elastogram.values))
    if elastogram.value_range is None:
        return min(float(np.nanmin(elastogram.values)), 0.0), highest
    low, high = elastogram.value_range
    step = (high - low) / 10.0
    return low, min(low + step * np.ceil((highest - low) / step), high) if highest > low else high


def _outline(axes: Axes, assessment: Assessment) -> None:
    measurement = assessment.measurement
    elastogram, regions = measurement.elastogram, measurement.regions
    marked: list[tuple[str, Region | None, str, str]] = [
        ("Lesion", regions.lesion, _LESION, "-"),
        (f"Ring of {measurement.parameters.ring_mm:g} mm", _outer_edge(assessment), _LESION, ":"),
        ("Lesion on the elastogram", regions.lesion_on_elastogram, _LESION, "--"),
        ("Fat", regions.fat, _FAT, "-"),
        ("Calcification", regions.calcification, _MARK, "-"),
        ("Skin", regions.skin, _MARK, "--"),
        ("Chest wall", regions.chest_wall, _MARK, "-."),
    ]
    whole = _extent(elastogram, Rectangle(0, 0, *image_shape(elastogram)))
    for name, region, color, style in marked:
        if region is not None:
            _draw(axes, region.mask, whole, color, style, name)
    if measurement.box is not None:
        name = "Stiffest" if measurement.box.automatic else "Box by hand,"
        height, width = measurement.box.size_mm
        _draw(axes, measurement.box.mask, _extent(elastogram, box_of(elastogram)), _BOX, "-",
              f"{name} {height:.1f} × {width:.1f} mm {measurement.box.shape}")  # fmt: skip


def _outer_edge(assessment: Assessment) -> Region:
    measurement = assessment.measurement
    return Region(measurement.ring.mask | measurement.regions.lesion.mask, "lesion and ring")


def _draw(
    axes: Axes, mask: NDArray[np.bool_], extent: tuple[float, float, float, float], color: str, style: str, name: str
) -> None:
    """The outline of a mask along its pixel edges, on a dark halo so that it is seen on every color."""
    from matplotlib.patheffects import Normal, Stroke
    from skimage.measure import find_contours

    left, right, bottom, top = extent
    rows, columns = mask.shape
    halo = [Stroke(linewidth=3.2, foreground="black", alpha=0.7), Normal()]
    for number, line in enumerate(find_contours(np.pad(mask, 1).astype(float), 0.5)):
        x = left + (line[:, 1] - 0.5) / columns * (right - left)
        y = top + (line[:, 0] - 0.5) / rows * (bottom - top)
        axes.plot(x, y, style, color=color, linewidth=1.4, path_effects=halo, scalex=False, scaley=False,
                  label=name if number == 0 else None)  # fmt: skip


def _write_text(axes: Axes, lines: Sequence[Line]) -> None:
    axes.axis("off")
    height = 1.0
    step = min(1.0 / (len(lines) + 1), 0.03)
    for text, color, weight in lines:
        axes.text(0.0, height, text, color=color, weight=weight, fontsize=8.2, va="top", transform=axes.transAxes)
        height -= step


def _lines(assessment: Assessment) -> list[Line]:
    measurement = assessment.measurement
    unit = "" if measurement.elastogram.unit == Unit.STRAIN else f" {measurement.elastogram.unit}"
    lines: list[Line] = [("Measured", _TEXT, "bold")]

    def add(text: str, color: str = _TEXT) -> None:
        lines.extend(_wrapped(text, color))

    for name, statistics, speed in (
        ("Box", measurement.box_statistics, measurement.box_speed),
        ("Lesion", measurement.lesion_statistics, measurement.lesion_speed),
        ("Ring", measurement.ring_statistics, None),
        ("Fat", measurement.fat_statistics, None),
    ):
        if statistics is not None:
            in_speed = "" if speed is None or speed.mean is None else f"; mean {speed.mean:.2f} m/s"
            add(f"{name}: {_numbers(statistics, unit)}{in_speed}")
    if measurement.box_speed is not None:
        density = measurement.parameters.density_kg_m3
        add(f"E = 3ρc², ρ = {density:g} kg/m³: soft tissue taken as isotropic, elastic, incompressible", _QUIET)
    if measurement.box_statistics is None:
        add("Box: no value: void", _STATUS_COLORS[Status.WARN])
    elif measurement.box_inside_share is not None:
        add(f"{measurement.box_inside_share:.0%} of the box inside the lesion")
    if measurement.is_lower_bound:
        add("≥: the lesion may be stiffer than measured (end of the scale, or void)", _STATUS_COLORS[Status.WARN])
    if measurement.stiffness_ratio is not None:
        add(f"Stiffness ratio box / fat: {measurement.stiffness_ratio:.2f}")
    if measurement.strain_ratio is not None:
        add(f"Strain ratio fat / lesion: {measurement.strain_ratio:.2f}")
    if measurement.sizes is not None:
        add(f"Size elastogram / B-mode: length {measurement.sizes.length:.2f}, area {measurement.sizes.area:.2f}")
    depth = "" if measurement.lesion_depth_mm is None else f", {measurement.lesion_depth_mm:.1f} mm deep"
    add(f"Lesion {measurement.lesion_length_mm:.1f} mm long{depth}")
    lines += [("", _TEXT, "normal"), ("Scores (rules and limits are parameters)", _TEXT, "bold")]
    for score in assessment.scores:
        value = "–" if score.value is None else str(score.value)
        stiff = f", {score.shares['stiff']:.0%} stiff" if "stiff" in score.shares else ""
        add(f"{value}  {score.definition}: {score.reason}{stiff}")
    for descriptor in assessment.descriptors:
        add(f"{descriptor.name}: {descriptor.value or 'cannot tell'} ({descriptor.reason})")
    lines += [("", _TEXT, "normal"), ("Protocol", _TEXT, "bold")]
    for status in (Status.WARN, Status.CANNOT_TELL):
        for check in assessment.checks:
            if check.status is status:
                add(f"{status}: {check.message}", _STATUS_COLORS[status])
    if passed := [_passed(check) for check in assessment.checks if check.status is Status.PASS]:
        add(f"pass: {'; '.join(passed)}", _STATUS_COLORS[Status.PASS])
    if profile := assessment.measurement.elastogram.profile:
        add(f"Profile of the scanner: {profile}")
    if warnings := dict.fromkeys(warning.code for warning in assessment.warnings):
        lines += [("", _TEXT, "normal"), ("Warnings", _TEXT, "bold")]
        add(", ".join(warnings), _STATUS_COLORS[Status.WARN])
    return lines


def _reference_lines(references: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Published cut-offs, one paragraph per quantity."""
    if not references:
        return []
    lines: list[Line] = [("", _TEXT, "normal"), ("Published cut-offs (for reference only)", _TEXT, "bold")]
    for quantity in dict.fromkeys(entry["quantity"] for entry in references):
        named = "; ".join(
            f"{entry['cutoff']:g} {entry['name']}" for entry in references if entry["quantity"] == quantity
        )
        lines += _wrapped(f"{quantity.replace('_kpa', '').replace('_', ' ')}: {named}", _QUIET)
    return lines


def _wrapped(text: str, color: str) -> list[Line]:
    return [(line, color, "normal") for line in textwrap.wrap(text, _WIDTH_OF_TEXT, subsequent_indent="    ")]


def _passed(check: Check) -> str:
    measured = "" if check.measured is None else f" {check.measured:.3g} {check.unit}".rstrip()
    return f"{check.title}{measured}"


def _numbers(statistics: RegionStatistics, unit: str) -> str:
    if statistics.mean is None or statistics.minimum is None or statistics.maximum is None:
        return "no value"
    decimals = 1 if abs(statistics.mean) >= 10 else 3 if abs(statistics.mean) < 1 else 2
    spread = "" if statistics.standard_deviation is None else f" ± {statistics.standard_deviation:.{decimals}f}"
    low, high = statistics.mean_interval or (statistics.mean, statistics.mean)
    interval = "" if statistics.mean_interval is None else f" (95 % {low:.{decimals}f}–{high:.{decimals}f})"
    void = f", {statistics.void_share:.0%} without value" if statistics.void_share >= 0.005 else ""
    return (
        f"mean {statistics.mean:.{decimals}f}{spread}{unit}{interval}, "
        f"{statistics.minimum:.{decimals}f}–{statistics.maximum:.{decimals}f}{void}"
    )


def _depth_words(elastogram: Elastogram) -> str:
    return "depth below the probe (mm)" if elastogram.panel is not None else "mm"
