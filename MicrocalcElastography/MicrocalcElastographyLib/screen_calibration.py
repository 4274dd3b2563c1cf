"""Finding on a screen what has to be known to turn its colors into values."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from MicrocalcAILib.base.errors import ParameterError, WarningRecord

from .calibration import GIVEN, Calibration
from .colorbar import (
    ScaleLabels,
    continued_to,
    find_color_bars,
    labeled_part,
    read_scale_labels,
    stands_beside,
)
from .elastogram import impossible_value
from .geometry import Rectangle
from .ground import ground_color
from .profiles import CORRECTABLE, Profile
from .screen.choice import best_pair
from .screen.frame import ScreenFrame
from .screen.opacity import read_printed_opacity
from .screen.pairing import find_paired_b_mode
from .screen.panels import brightest_channel, color_mask, find_color_boxes, find_panels, panel_of
from .screen.printed import read_printed_values
from .screen.ruler import Ruler, read_depth_ruler
from .screen.spacing import spacing_from_regions
from .text import Word, read_enlarged, read_words

_ON_SCREEN, _IN_REGIONS = "found on the screen", "regions of the DICOM file"
_COLORED_SHARE = 0.2  # of a region that is an elastography box
_FILLED_SHARE = 0.5  # of such a region that the bounds of its colors cover
_WHOLE_SCREEN = 0.9  # a region that covers more of the screen than this says nothing of its panels
_RULER_AGREEMENT = 0.03
_REGION_MARGIN_PX = 4
_AROUND_BAR, _ENLARGED = 0.4, 3  # of its length, around a bar; how often its surroundings are enlarged to be read again


def find_calibration(frame: ScreenFrame, given: Calibration | None = None) -> Calibration:
    """Complete what the user gave with what the screen and the file's regions tell.

    Nothing is assumed: what neither tells stays None and is named by `Calibration.missing`.
    """
    given = given or Calibration()
    for name, place in (("elastography box", given.box), ("color bar", given.bar)):
        if place is not None and not place.inside_frame(*frame.rgb.shape[:2]):
            raise ParameterError(f"The {name} given lies outside the frame; mark it again.")
    search = _Search(frame, given)
    found = search.found()
    for profile in given.profiles:
        if profile.may_fit(frame) and profile.fits(frame, search.words):
            return _with_profile(profile, frame, given, search)
    return found


def profile_of(name: str, frame: ScreenFrame, given: Calibration) -> Profile:
    """A profile of what the user gave for a screen, for all screens of its layout.

    Raises
    ------
    ParameterError
        When nothing was given, or the layout cannot be recognized again.
    """
    search = _Search(frame, Calibration())
    read = search.found()
    return Profile.of_screen(name, frame, search.words, _parts(given), _parts(read))


def _parts(calibration: Calibration) -> dict[str, Any]:
    return {part: getattr(calibration, part) for part in CORRECTABLE}


def _with_profile(profile: Profile, frame: ScreenFrame, given: Calibration, search: _Search) -> Calibration:
    """The screen with the corrections of a profile, unless what is read without them contradicts it."""
    found = search.found()
    read = {part: value for part, value in _parts(found).items() if getattr(given, part) is None}
    if contradiction := profile.contradiction(frame, read):
        refused = WarningRecord(
            "profile-refused",
            f"The profile “{profile.name}” fits the layout but was not applied: {contradiction}; check which is right.",
        )
        return replace(found, warnings=(*found.warnings, refused))
    source = f"profile “{profile.name}”"
    used = {part: value for part, value in profile.answers(frame).items() if getattr(given, part) is None}
    if not used:
        return found
    parts = ", ".join(CORRECTABLE[part] for part in used)
    applied = WarningRecord(
        "profile-applied", f"The profile “{profile.name}” gave the {parts}; compare with the screen."
    )
    known = replace(
        given,
        **used,
        profile=profile.name,
        sources={**given.sources, **dict.fromkeys((*used, "profile"), source)},
        warnings=(*given.warnings, applied),
    )
    return _Search(frame, known, search.words).found()


class _Search:
    """The state of `find_calibration`: answers so far, where each comes from, and warnings."""

    def __init__(self, frame: ScreenFrame, given: Calibration, words: tuple[Word, ...] | None = None) -> None:
        self._frame = frame
        self._answers: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self._warnings = list(given.warnings)
        self._panels: list[Rectangle] = []
        self._bars: list[Rectangle] = [given.bar] if given.bar is not None else []
        self._words = words
        self._is_done = False
        for part in fields(given):
            value = getattr(given, part.name)
            if part.name not in ("profiles", "sources", "warnings") and value is not None:
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

    def found(self) -> Calibration:
        """Everything that is looked for, once."""
        if not self._is_done:
            self.find_bar()
            self.find_panels_and_box()
            self.find_scale()
            self.find_opacity_and_pair()
            self.find_spacing()
            self.find_printed_values()
            self._is_done = True
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
        bar = self._up_to_its_labels(bar)
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

    def _up_to_its_labels(self, bar: Rectangle) -> Rectangle:
        """The bar, longer where its labels and its colors go on beyond the part that was found."""
        whole = bar
        if self._sources["bar"] == _ON_SCREEN:
            whole = continued_to(self._frame.rgb, bar, labeled_part(self.words, bar, self._panels))
            self._set("bar", whole, _ON_SCREEN)
        return whole

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
            bar = self._answers.get("bar")
            words = [word for word in self.words if bar is None or not stands_beside(word, bar)]
            ruler = read_depth_ruler(brightest_channel(self._frame.rgb), panel, words)
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
