"""What has to be known about a screen to turn its colors into values, found on the screen or given by the user."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .color_scale import ColorScale, bundled_color_scale, table_names
from .colorbar import ScaleLabels, color_scale_from_bar, find_color_bars, read_scale_labels
from .elastogram import Unit, impossible_value
from .geometry import Rectangle
from .ground import ground_color
from .screen.choice import best_pair
from .screen.frame import ScreenFrame
from .screen.opacity import read_printed_opacity
from .screen.pairing import find_paired_b_mode
from .screen.panels import brightest_channel, color_mask, find_color_boxes, find_panels, panel_of
from .screen.printed import PrintedValues, read_printed_values
from .screen.ruler import Ruler, read_depth_ruler
from .screen.spacing import spacing_from_regions
from .text import Word, read_enlarged, read_words

GIVEN = "given by the user"
_ON_SCREEN, _IN_REGIONS = "found on the screen", "regions of the DICOM file"
_COLORED_SHARE = 0.2  # of a region that is an elastography box
_FILLED_SHARE = 0.5  # of such a region that the bounds of its colors cover
_WHOLE_SCREEN = 0.9  # a region that covers more of the screen than this says nothing of its panels
_RULER_AGREEMENT = 0.03
_REGION_MARGIN_PX = 4
_AROUND_BAR, _ENLARGED = 0.4, 3  # of its length, around a bar; how often its surroundings are enlarged to be read again


@dataclass(frozen=True)
class Calibration:
    """Everything between the colors of a screen and the values behind them; None where it is not known.

    A user gives any of these; `find_calibration` adds what the screen tells.

    Parameters
    ----------
    box : Rectangle or None
        The elastography box.
    bar : Rectangle or None
        The color bar.
    color_table : str or None
        A bundled color table to be used instead of a bar; its first color is the first end.
    values_at_ends : (float, float) or None
        Values at the top and the bottom end of the bar (left and right of a lying one), in ``unit``. For strain: 1 at
        the soft and 0 at the hard end.
    unit : Unit or None
    opacity : float or None
        0 to 1; None leaves it to the inversion.
    b_mode_offset : (int, int) or None
        Rows and columns from the panel with color to the same B-mode image without color.
    spacing_mm : (float, float) or None
        Between rows, between columns.
    panel : Rectangle or None
        Panel that shows the box; its first row is the surface of the probe.
    printed : PrintedValues or None
        What the scanner printed about its measurement circles; compared with our own values, never used for them.
    sources : dict of str to str
        In words, where each of the above comes from.
    warnings : tuple of WarningRecord
    """

    box: Rectangle | None = None
    bar: Rectangle | None = None
    color_table: str | None = None
    values_at_ends: tuple[float, float] | None = None
    unit: Unit | None = None
    opacity: float | None = None
    b_mode_offset: tuple[int, int] | None = None
    spacing_mm: tuple[float, float] | None = None
    panel: Rectangle | None = None
    printed: PrintedValues | None = None
    sources: dict[str, str] = field(default_factory=dict)
    warnings: tuple[WarningRecord, ...] = ()

    def __post_init__(self) -> None:
        if self.color_table is not None and self.color_table not in table_names():
            raise ParameterError(f"There is no color table “{self.color_table}”; choose {', '.join(table_names())}.")
        if self.values_at_ends is not None and self.values_at_ends[0] == self.values_at_ends[1]:
            raise ParameterError("Both ends of the color bar cannot have the same value; give the values it shows.")
        if self.unit is not None and self.values_at_ends is not None:
            impossible = impossible_value(max(self.values_at_ends), self.unit)
            if impossible is not None:
                raise ParameterError(impossible)
        if self.b_mode_offset == (0, 0):
            raise ParameterError("A panel cannot be its own B-mode image; mark the second panel again.")

    @property
    def missing(self) -> tuple[str, ...]:
        """What still has to be asked for before values can be computed, in words."""
        asked = {
            "the place of the elastography box": self.box,
            "the place of the color bar, or a color table": self.bar or self.color_table,
            "the values at both ends of the color bar": self.values_at_ends,
            "the unit of the color bar (kPa, m/s or strain)": self.unit,
        }
        return tuple(words for words, answer in asked.items() if answer is None)

    def color_scale(self, frame: NDArray[np.uint8]) -> ColorScale:
        """The color scale of a frame.

        Raises
        ------
        ParameterError
            Naming what is missing.
        """
        if self.missing or self.values_at_ends is None or self.unit is None:
            raise ParameterError(
                f"The screen does not tell {' and '.join(self.missing)}; please enter what the scanner shows."
            )
        if self.bar is not None:
            return color_scale_from_bar(frame, self.bar, self.values_at_ends, self.unit)
        first, last = self.values_at_ends
        scale = bundled_color_scale(str(self.color_table), min(first, last), max(first, last), self.unit)
        return scale if first < last else replace(scale, colors=scale.colors[::-1])

    def summary(self) -> dict[str, Any]:
        """JSON-ready record of the calibration and where each part of it comes from."""
        parts = (part.name for part in fields(self) if part.name not in ("printed", "sources", "warnings"))
        return {name: {"value": getattr(self, name), "source": self.sources.get(name, "unknown")} for name in parts}


def find_calibration(frame: ScreenFrame, given: Calibration | None = None) -> Calibration:
    """Complete what the user gave with what the screen and the file's regions tell.

    Nothing is assumed: what neither tells stays None and is named by `Calibration.missing`.
    """
    given = given or Calibration()
    for name, place in (("elastography box", given.box), ("color bar", given.bar)):
        if place is not None and not place.inside_frame(*frame.rgb.shape[:2]):
            raise ParameterError(f"The {name} given lies outside the frame; mark it again.")
    search = _Search(frame, given)
    search.find_bar()
    search.find_panels_and_box()
    search.find_scale()
    search.find_opacity_and_pair()
    search.find_spacing()
    search.find_printed_values()
    return search.result()


class _Search:
    """The state of `find_calibration`: answers so far, where each comes from, and warnings."""

    def __init__(self, frame: ScreenFrame, given: Calibration) -> None:
        self._frame = frame
        self._answers: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self._warnings = list(given.warnings)
        self._panels: list[Rectangle] = []
        self._bars: list[Rectangle] = [given.bar] if given.bar is not None else []
        self._words: tuple[Word, ...] | None = None
        for part in fields(given):
            value = getattr(given, part.name)
            if part.name not in ("sources", "warnings") and value is not None:
                self._set(part.name, value, given.sources.get(part.name, GIVEN))

    def _set(self, name: str, value: Any, source: str) -> None:
        self._answers[name], self._sources[name] = value, source

    def _warn(self, code: str, message: str) -> None:
        self._warnings.append(WarningRecord(code, message))

    @property
    def words(self) -> tuple[Word, ...]:
        """What is printed on the screen, read when it is asked for; nothing, with a warning, when it cannot be read."""
        if self._words is None:
            try:
                self._words = read_words(self._frame.rgb, [*self._panels, *self._bars])
            except ParameterError as error:
                self._words = ()
                self._warn("words-not-read", str(error))
        return self._words

    def result(self) -> Calibration:
        return Calibration(**self._answers, sources=self._sources, warnings=tuple(self._warnings))

    def find_bar(self) -> None:
        if "bar" in self._answers or "color_table" in self._answers:
            return
        bars = self._bars = find_color_bars(self._frame.rgb)
        if not bars:
            return
        named = [region.place.grown(_REGION_MARGIN_PX) for region in self._frame.regions if region.is_color_bar]
        in_region = [bar for bar in bars if any(place.contains(bar) for place in named)]
        self._bars = in_region or bars
        self._set("bar", (in_region or bars)[0], _IN_REGIONS if in_region else _ON_SCREEN)
        if len(bars) > 1 and len(in_region) != 1:
            self._warn(
                "several-color-bars",
                f"The screen shows {len(bars)} color bars; the one with the colors of the box was used, so check it.",
            )

    def find_panels_and_box(self) -> None:
        whole = _WHOLE_SCREEN * self._frame.rgb[..., 0].size
        images = [region.place for region in self._frame.regions if region.is_image and region.place.area < whole]
        # A region inside another one is the elastography box, not a panel.
        panels = [place for place in images if not any(o.contains(place) and o.area > place.area for o in images)]
        panels = [part for place in panels for part in self._beside_bar(place)]
        self._panels = panels or find_panels(self._frame.rgb)
        if "box" not in self._answers:
            inner = [place for place in images if place not in panels and self._is_filled_with_color(place)]
            boxes = inner or find_color_boxes(self._frame.rgb, self._panels, self._bars)
            if not boxes:
                return
            pair = best_pair(self._frame.rgb, boxes, self._bars)
            self._set("box", pair.box, _IN_REGIONS if inner else _ON_SCREEN)
            if pair.bar is not None:
                self._set("bar", pair.bar, self._sources["bar"])
            if pair.is_doubtful:
                self._warn(
                    "several-color-boxes",
                    f"The screen shows {len(boxes)} areas with the colors of the bar; the one that fits best was taken "
                    "for the elastography box, so check it.",
                )
        if "panel" not in self._answers and (panel := panel_of(self._answers["box"], self._panels)):
            self._set("panel", panel, _IN_REGIONS if panels else _ON_SCREEN)

    def _beside_bar(self, panel: Rectangle) -> list[Rectangle]:
        """The panel, or, where a region spans image, bar and labels, the image that is seen inside it."""
        bar = self._answers.get("bar")
        if bar is None or panel.intersection(bar).area == 0:
            return [panel]
        seen = [part.intersection(panel) for part in find_panels(self._frame.rgb)]
        return [part for part in seen if part.area > 0 and part.intersection(bar).area == 0]

    def _is_filled_with_color(self, place: Rectangle) -> bool:
        """Whether a region is an elastography box, and not a panel that holds one."""
        if color_mask(self._frame.rgb[place.slices]).mean() < _COLORED_SHARE:
            return False
        seen = find_color_boxes(self._frame.rgb, [place], [])
        return bool(seen) and seen[0].area >= _FILLED_SHARE * place.area

    def find_scale(self) -> None:
        bar = self._answers.get("bar")
        if bar is None or {"values_at_ends", "unit"} <= self._answers.keys():
            return
        labels: ScaleLabels = read_scale_labels(self.words, bar, self._panels)
        if labels.values_at_ends is None or labels.unit is None:
            labels = self._read_again(labels, bar)
        if labels.values_at_ends is not None and "values_at_ends" not in self._answers:
            self._set("values_at_ends", labels.values_at_ends, f"{labels.agreeing} labels of the color bar")
            if labels.doubtful:
                first, last = labels.values_at_ends
                self._warn(
                    "scale-doubtful",
                    f"The range {min(first, last):g} to {max(first, last):g} was read from few or tiny labels of the "
                    "color bar; compare it with the screen.",
                )
        if labels.unit is not None and "unit" not in self._answers:
            highest = max(self._answers.get("values_at_ends", (0.0,)))
            if impossible := impossible_value(highest, labels.unit):
                self._warn("unit-impossible", f"The labels of the color bar were read as {impossible}")
            else:
                self._set("unit", labels.unit, "labels of the color bar")

    def _read_again(self, labels: ScaleLabels, bar: Rectangle) -> ScaleLabels:
        """The labels with what small print around the bar tells beside them, unless it contradicts."""
        blanked = self._frame.rgb.copy()
        for place in (*self._panels, bar):
            blanked[place.slices] = ground_color(blanked)
        try:
            words = read_enlarged(blanked, bar.grown(round(_AROUND_BAR * max(bar.height, bar.width))), _ENLARGED)
        except ParameterError:
            return labels
        again = read_scale_labels(words, bar, self._panels)
        if labels.values_at_ends is None and labels.unit in (None, again.unit):
            return again
        if again.values_at_ends == labels.values_at_ends:
            return again._replace(doubtful=labels.doubtful or again.doubtful)
        return labels._replace(doubtful=labels.doubtful or again.values_at_ends is not None)

    def find_opacity_and_pair(self) -> None:
        rgb = self._frame.rgb
        if "opacity" not in self._answers:
            opacity = read_printed_opacity(self.words)
            if opacity is not None:
                self._set("opacity", opacity, "printed on the screen")
        if {"box", "panel"} <= self._answers.keys() and "b_mode_offset" not in self._answers:
            pair = find_paired_b_mode(brightest_channel(rgb), self._answers["panel"], self._answers["box"])
            if pair is not None:
                self._set(
                    "b_mode_offset", (pair.rows, pair.columns), f"{_ON_SCREEN}, correlation {pair.correlation:.2f}"
                )

    def find_printed_values(self) -> None:
        # A screen whose words were not needed is not read for this alone.
        if self._words and "printed" not in self._answers and (printed := read_printed_values(self._words)):
            self._set("printed", printed, _ON_SCREEN)

    def find_spacing(self) -> None:
        box, panel = self._answers.get("box"), self._answers.get("panel")
        if box is not None and "spacing_mm" not in self._answers:
            spacing, warnings = spacing_from_regions(self._frame.regions, box)
            self._warnings += warnings
            if spacing is not None:
                self._set("spacing_mm", spacing, _IN_REGIONS)
        if self._frame.spacing_mm is not None and "spacing_mm" not in self._answers:
            self._set("spacing_mm", self._frame.spacing_mm, "Pixel Spacing (0028,0030) of the DICOM file")
            self._warn(
                "spacing-uncertain",
                "The size of a pixel was taken from the file's Pixel Spacing, which does not say for which part of the "
                "screen it holds; compare it with the depth ruler.",
            )
        ruler = None
        if panel is not None:
            ruler = read_depth_ruler(brightest_channel(self._frame.rgb), panel, self.words)
        if ruler is not None and panel is not None:
            self._use_ruler(ruler, panel)
        if "spacing_mm" not in self._answers:
            self._warn(
                "spacing-unknown",
                "Neither the file nor a depth ruler tells the size of a pixel; enter it to measure in millimeters.",
            )

    def _use_ruler(self, ruler: Ruler, panel: Rectangle) -> None:
        if "spacing_mm" not in self._answers:
            self._set(
                "spacing_mm",
                (ruler.spacing_mm, ruler.spacing_mm),
                f"depth ruler on the screen, {ruler.numbers} numbers taken for {ruler.unit}",
            )
            self._warn(
                "spacing-from-ruler",
                f"The size of a pixel ({ruler.spacing_mm:.4f} mm) was read from the depth ruler, whose numbers were "
                f"taken for {ruler.unit}; columns are taken to be as far apart as rows.",
            )
        elif abs(self._answers["spacing_mm"][0] / ruler.spacing_mm - 1.0) > _RULER_AGREEMENT:
            self._warn(
                "ruler-disagrees",
                f"The depth ruler means pixels of {ruler.spacing_mm:.4f} mm, but {self._answers['spacing_mm'][0]:.4f} "
                f"mm is {self._sources['spacing_mm']}; measure a known distance.",
            )
        # The ruler's zero is the surface of the probe, also where the image begins too dark to be seen.
        zero = round(ruler.zero_row)
        if self._sources["panel"] == _ON_SCREEN and 0 <= zero < panel.bottom - panel.height // 2:
            self._set("panel", panel._replace(top=zero), _ON_SCREEN)
