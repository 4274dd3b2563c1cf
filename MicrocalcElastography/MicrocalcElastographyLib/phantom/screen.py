"""Drawing a simulated elastography screen: panels, color box, bar with labels, depth ruler and text."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from MicrocalcAILib.base.picture_font import picture_font

from ..color_scale import bundled_color_scale
from ..elastogram import Unit, shear_wave_speed_m_s
from ..geometry import Rectangle
from .parameters import BarPlace, Layout, PhantomParameters
from .tissue import SimulatedTissue, simulate_tissue

SCREEN_ROWS, SCREEN_COLUMNS = 800, 1060
_TEXT_GRAY, _LINE_GRAY = (200, 200, 200), (170, 170, 170)
_FONT_PX = 15
_BAR_LENGTH, _BAR_WIDTH = 220, 18
_LABELS = 5  # numbers along the bar, both ends included
_RULER_WIDTH = 60  # right of a panel


@dataclass(frozen=True)
class SimulatedScreen:
    """A screen and everything that is true about it.

    Parameters
    ----------
    frame : uint8 array, shape (rows, columns, 3)
        After JPEG compression when that was asked for.
    jpeg : bytes or None
        The compressed screen.
    values : float array
        True values of the box in the unit of the phantom, limited to the scale as a scanner shows them.
    void, lesion : bool arrays of the box's shape
    b_mode : uint8 array of the box's shape
    box, bar, color_panel : Rectangle
    b_mode_panel : Rectangle or None
    values_at_ends : (float, float)
        Value at the top and the bottom (left and right) end of the bar.
    """

    parameters: PhantomParameters
    frame: NDArray[np.uint8]
    jpeg: bytes | None
    values: NDArray[np.float64]
    void: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    b_mode: NDArray[np.uint8]
    box: Rectangle
    bar: Rectangle
    color_panel: Rectangle
    b_mode_panel: Rectangle | None
    values_at_ends: tuple[float, float]


def simulate_screen(parameters: PhantomParameters) -> SimulatedScreen:
    """A simulated screen; the same parameters always give the same pixels."""
    return draw_screen(parameters, simulate_tissue(parameters))


def draw_screen(parameters: PhantomParameters, tissue: SimulatedTissue) -> SimulatedScreen:
    """The screen that shows a given tissue."""
    color_panel, b_mode_panel = _panels(parameters, tissue)
    shape = _screen_shape((color_panel, b_mode_panel))
    image = Image.new("RGB", shape[::-1])
    draw = ImageDraw.Draw(image)
    bar = _bar_place(parameters, shape)
    values_at_ends = _values_at_ends(parameters)
    _draw_bar_labels(draw, bar, values_at_ends, parameters)
    _draw_banner(draw, parameters)
    for panel in (color_panel, b_mode_panel):
        if panel is not None:
            _draw_ruler(draw, panel, parameters.spacing_mm)

    frame = np.array(image)
    values = _values(parameters, tissue)
    void = tissue.void[tissue.box.slices]
    box = tissue.box.shifted(color_panel.top, color_panel.left)
    for panel in (color_panel, b_mode_panel):
        if panel is not None:
            frame[panel.slices] = tissue.b_mode[..., None]
    frame[box.slices] = _blend(parameters, values, void, tissue.b_mode[tissue.box.slices])
    frame[bar.slices] = _bar_colors(parameters, bar, values_at_ends)
    jpeg = None
    if parameters.jpeg_quality is not None:
        jpeg = _jpeg(frame, parameters.jpeg_quality)
        frame = np.array(Image.open(io.BytesIO(jpeg)))
    return SimulatedScreen(
        parameters=parameters,
        frame=frame,
        jpeg=jpeg,
        values=np.clip(values, *parameters.scale),
        void=void,
        lesion=tissue.lesion[tissue.box.slices],
        b_mode=tissue.b_mode[tissue.box.slices],
        box=box,
        bar=bar,
        color_panel=color_panel,
        b_mode_panel=b_mode_panel,
        values_at_ends=values_at_ends,
    )


def _values(parameters: PhantomParameters, tissue: SimulatedTissue) -> NDArray[np.float64]:
    stiffness = tissue.stiffness_kpa[tissue.box.slices]
    if parameters.unit == Unit.METERS_PER_SECOND:
        return shear_wave_speed_m_s(stiffness)
    if parameters.unit == Unit.STRAIN:
        return 8.0 / (8.0 + stiffness)  # strain falls with stiffness; arbitrary units between 0 and 1
    return stiffness


def _blend(
    parameters: PhantomParameters, values: NDArray[np.float64], void: NDArray[np.bool_], b_mode: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    scale = bundled_color_scale(parameters.color_table, *parameters.scale, parameters.unit)
    gray = b_mode[..., None].astype(np.float64)
    blended = (1.0 - parameters.opacity) * gray + parameters.opacity * scale.colors_of(values)
    return np.where(void[..., None], gray, np.rint(blended)).astype(np.uint8)


def _panels(parameters: PhantomParameters, tissue: SimulatedTissue) -> tuple[Rectangle, Rectangle | None]:
    rows, columns = tissue.b_mode.shape
    if parameters.layout == Layout.SIDE_BY_SIDE:
        b_mode_panel = Rectangle(170, 120, 170 + rows, 120 + columns)
        return b_mode_panel.shifted(0, columns + _RULER_WIDTH), b_mode_panel
    panel = Rectangle(60, 260, 60 + rows, 260 + columns)
    return panel, panel.shifted(rows + 11, 0) if parameters.layout == Layout.OVER_UNDER else None


def _screen_shape(panels: tuple[Rectangle, Rectangle | None]) -> tuple[int, int]:
    bottom = max(panel.bottom for panel in panels if panel is not None)
    right = max(panel.right for panel in panels if panel is not None)
    return max(SCREEN_ROWS, bottom + 80), max(SCREEN_COLUMNS, right + _RULER_WIDTH + 120)


def _bar_place(parameters: PhantomParameters, shape: tuple[int, int]) -> Rectangle:
    if parameters.bar_place == BarPlace.BOTTOM:
        top, left = shape[0] - 50, (shape[1] - _BAR_LENGTH) // 2
        return Rectangle(top, left, top + _BAR_WIDTH, left + _BAR_LENGTH)
    left = 24 if parameters.bar_place == BarPlace.LEFT else shape[1] - 90
    return Rectangle(300, left, 300 + _BAR_LENGTH, left + _BAR_WIDTH)


def _values_at_ends(parameters: PhantomParameters) -> tuple[float, float]:
    low, high = parameters.scale
    high_first = parameters.high_at_top and parameters.bar_place != BarPlace.BOTTOM
    return (high, low) if high_first else (low, high)


def _bar_colors(parameters: PhantomParameters, bar: Rectangle, ends: tuple[float, float]) -> NDArray[np.uint8]:
    scale = bundled_color_scale(parameters.color_table, *parameters.scale, parameters.unit)
    values = ends[0] + (ends[1] - ends[0]) * (np.arange(_BAR_LENGTH) + 0.5) / _BAR_LENGTH
    along = np.rint(scale.colors_of(values)).astype(np.uint8)
    line = along[None] if bar.width > bar.height else along[:, None]
    return np.broadcast_to(line, (bar.height, bar.width, 3))


def _draw_bar_labels(
    draw: ImageDraw.ImageDraw, bar: Rectangle, ends: tuple[float, float], parameters: PhantomParameters
) -> None:
    upright = bar.height > bar.width
    fractions = np.linspace(0.0, 1.0, _LABELS)
    texts = [f"{ends[0] + fraction * (ends[1] - ends[0]):g}" for fraction in fractions]
    if parameters.unit == Unit.STRAIN:
        texts = [
            "Soft" if ends[0] > ends[1] else "Hard",
            *[""] * (_LABELS - 2),
            "Hard" if ends[0] > ends[1] else "Soft",
        ]
    for fraction, text in zip(fractions, texts, strict=True):
        if upright:
            place, anchor = (bar.right + 7, bar.top + fraction * (bar.height - 1)), "lm"
        else:
            place, anchor = (bar.left + fraction * (bar.width - 1), bar.bottom + 4), "ma"
        draw.text(place, text, font=picture_font(_FONT_PX), fill=_TEXT_GRAY, anchor=anchor)
    if parameters.unit != Unit.STRAIN:
        place = (bar.left, bar.top - 34) if upright else (bar.right + 30, bar.top - 1)
        draw.text(place, str(parameters.unit), font=picture_font(_FONT_PX), fill=_TEXT_GRAY)


def _draw_ruler(draw: ImageDraw.ImageDraw, panel: Rectangle, spacing_mm: float) -> None:
    """Ticks every 5 mm, numbers in cm every 10 mm, on the right of the panel; its first row is depth 0."""
    for half_centimeter in range(int(panel.height * spacing_mm / 5.0) + 1):
        row = panel.top + half_centimeter * 5.0 / spacing_mm
        whole = half_centimeter % 2 == 0
        draw.line([(panel.right, round(row)), (panel.right + (7 if whole else 4), round(row))], fill=_LINE_GRAY)
        if whole:
            text = f"{half_centimeter / 2:.1f}"
            draw.text((panel.right + 12, row), text, font=picture_font(_FONT_PX), fill=_TEXT_GRAY, anchor="lm")


def _draw_banner(draw: ImageDraw.ImageDraw, parameters: PhantomParameters) -> None:
    technique = "Strain" if parameters.unit == Unit.STRAIN else "SWE"
    lines = ["SIMULATED", "no patient", technique, f"S 5/O {parameters.opacity:.0%}/G 70%".replace("%", " %")]
    for number, line in enumerate(lines):
        draw.text((16, 40 + 22 * number), line, font=picture_font(_FONT_PX), fill=_TEXT_GRAY)


def _jpeg(frame: NDArray[np.uint8], quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    return stream.getvalue()
