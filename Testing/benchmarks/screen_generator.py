"""Screens of many looks with exact truth: layouts, themes, palettes, fonts, units, opacities, compression, scaling.

They are drawn independently of `MicrocalcElastographyLib.phantom.screen`; only the tissue behind them is the phantom's.
Fonts are those of Debian where they are installed, and those that come with Matplotlib and this extension elsewhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from MicrocalcElastographyLib.color_scale import bundled_color_scale, table_names
from MicrocalcElastographyLib.elastogram import Unit, shear_wave_speed_m_s
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographyLib.phantom import PhantomParameters
from MicrocalcElastographyLib.phantom.tissue import SimulatedTissue, simulate_tissue
from MicrocalcElastographyLib.resources import resource_path

_DEBIAN = Path("/usr/share/fonts")
_FONTS = (
    "truetype/dejavu/DejaVuSans.ttf", "truetype/dejavu/DejaVuSansMono.ttf", "truetype/dejavu/DejaVuSansCondensed.ttf",
    "truetype/liberation/LiberationSans-Regular.ttf", "truetype/liberation/LiberationSans-Bold.ttf",
    "truetype/liberation/LiberationSansNarrow-Regular.ttf", "truetype/liberation/LiberationMono-Regular.ttf",
    "truetype/noto/NotoSansMono-Regular.ttf", "opentype/urw-base35/NimbusSans-Regular.otf",
    "opentype/noto/NotoSansCJK-Regular.ttc",
)  # fmt: skip
_CJK = "opentype/noto/NotoSansCJK-Regular.ttc"
_OTHER_PALETTES = ("gist_rainbow_r", "Spectral_r", "RdYlBu_r", "plasma", "viridis", "gnuplot2")
_THEMES = {
    "black": ((0, 0, 0), (205, 205, 205)),
    "blue": ((14, 18, 30), (225, 230, 240)),
    "gray": ((52, 54, 58), (240, 240, 240)),
    "light": ((232, 233, 235), (25, 25, 30)),
}
_SCALES = {
    Unit.KILOPASCAL: (50, 60, 80, 100, 120, 150, 180, 200, 240, 300),
    Unit.METERS_PER_SECOND: (5, 6, 6.5, 7.7, 8, 10),
    Unit.STRAIN: (1,),
}
_STRAIN_WORDS = (("Soft", "Hard"), ("SOFT", "HARD"), ("Weich", "Hart"), ("Mou", "Dur"), ("软", "硬"))
_GAMMA = 2.2
_OPACITY_TEXTS = ("O {} %", "Opacity {}%", "Op. {} %", "S 5/O {} %/G 79 %")
_BANNER = (
    "B",
    "Gen/H",
    "M 8/65 dB",
    "T 1540 m/s",
    "SC/SR 3",
    "G 54 %",
    "Fr. 19 Hz",
    "MI 0.8  TIs 0.3",
    "4.5 cm",
    "SWE",
)


@dataclass(frozen=True)
class GeneratedScreen:
    """A screen and what is true about it.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
    look : dict
        What was drawn, for tables.
    values : float array
        True values of every pixel of the box, limited to the scale; NaN where void. Strain: 1 soft, 0 hard.
    box, bar : Rectangle
        In the frame as it is.
    values_at_ends : (float, float)
    unit : Unit
    spacing_mm : float
    """

    frame: NDArray[np.uint8]
    look: dict[str, Any]
    values: NDArray[np.float64]
    box: Rectangle
    bar: Rectangle
    values_at_ends: tuple[float, float]
    unit: Unit
    spacing_mm: float


@cache
def fonts() -> tuple[Path, ...]:
    """Fonts that are there."""
    import matplotlib

    found = [_DEBIAN / name for name in _FONTS if (_DEBIAN / name).is_file()]
    own = [
        Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf",
        resource_path("Fonts/Arimo-Regular.woff"),
    ]
    return (*found, *(Path(str(path)) for path in own))


def random_look(seed: int) -> dict[str, Any]:
    """How screen number ``seed`` looks; each number has its own look."""
    random = np.random.default_rng([seed, 20])

    def one_of(choices: Any, chances: Any = None) -> Any:
        return choices[int(random.choice(len(choices), p=chances))]

    unit = one_of(list(_SCALES), (0.62, 0.23, 0.15))
    words = one_of(_STRAIN_WORDS)
    candidates = fonts()
    if unit == Unit.STRAIN and not words[0].isascii():
        candidates = tuple(path for path in candidates if path == _DEBIAN / _CJK)
        words, candidates = (words, candidates) if candidates else (_STRAIN_WORDS[0], fonts())
    bundled = random.random() < 0.8
    return {
        "seed": seed,
        "layout": one_of(("over-under", "side-by-side", "single"), (0.35, 0.35, 0.3)),
        "theme": one_of(list(_THEMES), (0.55, 0.15, 0.15, 0.15)),
        "palette": one_of(table_names() if bundled else _OTHER_PALETTES),
        "bins": one_of((0, 0, 0, 0, 0, 24)),
        "unit": str(unit),
        "high": one_of(_SCALES[unit]),
        "labels": int(random.integers(3, 8)),
        "decimal_comma": bool(random.random() < 0.1),
        "unit_place": one_of(("above", "below", "top label", "every label"), (0.4, 0.2, 0.3, 0.1)),
        "words": words,
        "bar_place": one_of(("right", "left", "bottom", "beside panel")),
        "bar_length": int(random.integers(130, 300)),
        "bar_width": int(random.integers(9, 24)),
        "high_first": bool(random.random() < 0.8),
        "gray_bar": bool(random.random() < 0.3),
        "opacity": float(one_of((1.0, 0.8, 0.7, 0.5, 0.4))),
        "opacity_text": one_of((*_OPACITY_TEXTS, ""), (0.25, 0.2, 0.15, 0.2, 0.2)),
        "font": one_of(candidates).name,
        "font_px": int(random.integers(11, 19)),
        "ruler": bool(random.random() < 0.9),
        "spacing_mm": float(random.uniform(0.075, 0.12)),
        "lesion_kpa": float(random.uniform(30, 260)),
        "void_share": float(one_of((0.0, 0.03, 0.1, 0.25))),
        "scaling": float(one_of((1.0, random.uniform(0.5, 2.0)), (0.35, 0.65))),
        "resampling": one_of(("BILINEAR", "BICUBIC", "LANCZOS")),
        "jpeg": one_of((None, 95, 85, 75), (0.4, 0.2, 0.2, 0.2)),
        "blend": one_of(("display", "linear light", "modulated"), (0.84, 0.08, 0.08)),
    }


def generate_screen(seed: int) -> GeneratedScreen:
    """Screen number ``seed``; the same number always gives the same pixels where the same fonts are installed."""
    return _Drawing(random_look(seed)).finished()


class _Drawing:
    def __init__(self, look: dict[str, Any]) -> None:
        self.look = look
        self.random = np.random.default_rng([look["seed"], 21])
        self.unit = Unit(look["unit"])
        self.high = float(look["high"])
        self.ground, self.ink = _THEMES[look["theme"]]
        path = next(path for path in fonts() if path.name == look["font"])
        self.font = ImageFont.truetype(str(path), look["font_px"])
        self.tissue = simulate_tissue(
            PhantomParameters(
                seed=look["seed"], spacing_mm=look["spacing_mm"], lesion_kpa=look["lesion_kpa"],
                void_share=look["void_share"],
            )
        )  # fmt: skip
        self.colors = self._palette()

    def finished(self) -> GeneratedScreen:
        panel, twin, shape = self._places()
        self.image = Image.new("RGB", shape[::-1], self.ground)
        self.draw = ImageDraw.Draw(self.image)
        bar = self._bar_place(panel, shape)
        ends = (self.high, 0.0) if self.look["high_first"] and bar.height > bar.width else (0.0, self.high)
        self._banner()
        self._labels(bar, ends)
        for place in (panel, twin):
            if place is not None and self.look["ruler"]:
                self._ruler(place)
        frame = np.array(self.image)
        for place in (panel, twin):
            if place is not None:
                frame[place.slices] = self.tissue.b_mode[..., None]
        box = self.tissue.box.shifted(panel.top, panel.left)
        values = self._values(self.tissue)
        frame[box.slices] = self._blended(values)
        along = (np.arange(max(bar.height, bar.width)) + 0.5) / max(bar.height, bar.width)
        line = self._color(ends[0] + (ends[1] - ends[0]) * along)
        frame[bar.slices] = line[:, None] if bar.height > bar.width else line[None]
        if self.look["gray_bar"]:
            gray = bar.shifted(0, -bar.width - 6) if bar.height > bar.width else bar.shifted(-bar.height - 6, 0)
            ramp = np.linspace(255, 0, len(along)).astype(np.uint8)
            frame[gray.slices] = (ramp[:, None] if bar.height > bar.width else ramp[None])[..., None]
        return self._exported(frame, values, box, bar, ends)

    def _palette(self) -> NDArray[np.float64]:
        name = self.look["palette"]
        if name in table_names():
            colors = bundled_color_scale(name, 0.0, 1.0).resampled(256)
        else:
            from matplotlib import colormaps

            colors = 255.0 * colormaps[name](np.linspace(0, 1, 256))[:, :3]
        if self.look["bins"]:
            bins = self.look["bins"]
            middles = ((np.arange(bins) + 0.5) / bins * 256).astype(int)
            colors = colors[middles[(np.arange(256) * bins // 256)]]
        return colors

    def _color(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        index = np.clip(values / self.high * 256, 0, 255).astype(np.intp)
        return np.rint(self.colors[index]).astype(np.uint8)

    def _values(self, tissue: SimulatedTissue) -> NDArray[np.float64]:
        stiffness = tissue.stiffness_kpa[tissue.box.slices]
        if self.unit == Unit.METERS_PER_SECOND:
            stiffness = shear_wave_speed_m_s(stiffness)
        if self.unit == Unit.STRAIN:
            stiffness = 8.0 / (8.0 + stiffness)
        return np.where(tissue.void[tissue.box.slices], np.nan, np.clip(stiffness, 0.0, self.high))

    def _blended(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        gray = self.tissue.b_mode[self.tissue.box.slices][..., None].astype(np.float64)
        opacity = self.look["opacity"]
        color = self._color(np.nan_to_num(values)).astype(np.float64)
        if self.look["blend"] == "linear light":
            linear = (1.0 - opacity) * (gray / 255.0) ** _GAMMA + opacity * (color / 255.0) ** _GAMMA
            color = 255.0 * linear ** (1.0 / _GAMMA)
        elif self.look["blend"] == "modulated":
            color = color * (1.0 - (1.0 - opacity) * (1.0 - gray / 255.0))
        else:
            color = (1.0 - opacity) * gray + opacity * color
        return np.where(np.isnan(values)[..., None], gray, np.rint(color)).astype(np.uint8)

    def _places(self) -> tuple[Rectangle, Rectangle | None, tuple[int, int]]:
        rows, columns = self.tissue.b_mode.shape
        top, left = (int(number) for number in self.random.integers((50, 230), (130, 330)))
        panel = Rectangle(top, left, top + rows, left + columns)
        twin = None
        if self.look["layout"] == "over-under":
            twin = panel.shifted(rows + int(self.random.integers(8, 30)), 0)
        elif self.look["layout"] == "side-by-side":
            twin, panel = panel, panel.shifted(0, columns + 70)
        lowest = max(place.bottom for place in (panel, twin) if place)
        right = max(place.right for place in (panel, twin) if place)
        return panel, twin, (max(lowest + 110, 560), right + 260)

    def _bar_place(self, panel: Rectangle, shape: tuple[int, int]) -> Rectangle:
        length, width, place = self.look["bar_length"], self.look["bar_width"], self.look["bar_place"]
        if place == "bottom":
            top, left = shape[0] - 70, panel.left + 10
            return Rectangle(top, left, top + width, left + length)
        top = {"left": 270, "right": panel.top + 20, "beside panel": panel.top + 40}[place]
        left = {"left": 60, "right": shape[1] - 120, "beside panel": panel.right + 90}[place]
        return Rectangle(top, left, top + length, left + width)

    def _text(self, place: tuple[float, float], text: str, anchor: str) -> None:
        self.draw.text(place, text, font=self.font, fill=self.ink, anchor=anchor)

    def _labels(self, bar: Rectangle, ends: tuple[float, float]) -> None:
        upright = bar.height > bar.width
        count = self.look["labels"] if upright else min(self.look["labels"], 5)
        for fraction in np.linspace(0.0, 1.0, count):
            text = f"{round(ends[0] + fraction * (ends[1] - ends[0]), 1):g}"
            if self.look["decimal_comma"]:
                text = text.replace(".", ",")
            is_first = fraction == 0.0
            if self.unit == Unit.STRAIN:
                soft, hard = self.look["words"]
                text = "" if 0.0 < fraction < 1.0 else soft if (ends[0 if is_first else 1] > 0) else hard
            elif self.look["unit_place"] == "every label" or (self.look["unit_place"] == "top label" and is_first):
                text += f" {self.unit}" if upright else ""
            if upright:
                self._text((bar.right + 7, bar.top + fraction * (bar.height - 1)), text, "lm")
            else:
                self._text((bar.left + fraction * (bar.width - 1), bar.bottom + 5), text, "ma")
        if self.unit == Unit.STRAIN:
            return
        if not upright:
            self._text((bar.right + 24, bar.top), str(self.unit), "la")
        elif self.look["unit_place"] == "above":
            self._text((bar.left, bar.top - 1.1 * self.look["font_px"]), str(self.unit), "ls")
        elif self.look["unit_place"] == "below":
            self._text((bar.left, bar.bottom + 1.1 * self.look["font_px"]), f"({self.unit})", "la")

    def _banner(self) -> None:
        lines = list(_BANNER)
        if self.look["opacity_text"]:
            lines.insert(3, self.look["opacity_text"].format(round(100 * self.look["opacity"])))
        for number, line in enumerate(lines):
            self._text((8, 20 + number * (self.look["font_px"] + 4)), line, "la")

    def _ruler(self, panel: Rectangle) -> None:
        for half in range(int(panel.height * self.look["spacing_mm"] / 5.0) + 1):
            row = panel.top + half * 5.0 / self.look["spacing_mm"]
            whole = half % 2 == 0
            self.draw.line([(panel.right, round(row)), (panel.right + (7 if whole else 4), round(row))], fill=self.ink)
            if whole:
                self._text((panel.right + 12, row), f"{half / 2:.1f}", "lm")

    def _exported(
        self, frame: NDArray[np.uint8], values: NDArray[np.float64], box: Rectangle, bar: Rectangle,
        ends: tuple[float, float],
    ) -> GeneratedScreen:  # fmt: skip
        factor = self.look["scaling"]
        rows, columns = (round(length * factor) for length in frame.shape[:2])
        picture = Image.fromarray(frame)
        if factor != 1.0:
            picture = picture.resize((columns, rows), Image.Resampling[self.look["resampling"]])
        if self.look["jpeg"] is not None:
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=self.look["jpeg"], subsampling="4:2:0")
            picture = Image.open(stream)

        def scaled(place: Rectangle) -> Rectangle:
            return Rectangle(*(round(edge * factor) for edge in place))

        place = scaled(box)
        # The value at the middle of every pixel of the enlarged or reduced box.
        down, right = (
            (np.arange(first, last) + 0.5) / factor - start - 0.5
            for first, last, start in ((place.top, place.bottom, box.top), (place.left, place.right, box.left))
        )
        nearest = [
            np.clip(np.rint(at), 0, length - 1).astype(int)
            for at, length in zip((down, right), values.shape, strict=True)
        ]
        known = ndimage.map_coordinates(
            np.nan_to_num(values), np.meshgrid(down, right, indexing="ij"), order=1, mode="nearest"
        )
        return GeneratedScreen(
            frame=np.array(picture.convert("RGB")),
            look=self.look,
            values=np.where(np.isnan(values)[np.ix_(*nearest)], np.nan, known),
            box=place,
            bar=scaled(bar),
            values_at_ends=ends,
            unit=self.unit,
            spacing_mm=self.look["spacing_mm"] / factor,
        )
