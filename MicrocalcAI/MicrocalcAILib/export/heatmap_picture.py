"""The picture of a heatmap: the mammogram, beside it the same with the probabilities of its patches, and the legend."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..base.files import replaced_on_success
from ..base.picture_font import picture_font
from ..networks.heatmap import LEVELS, TASKS, Heatmap
from ..reading.mammogram import Mammogram
from .overlay import BACKGROUND, QUIET_TEXT, TEXT, Box, grey_image, scale_bar, shown_window

_HEIGHT = 1500
_MARGIN = 24
_CAPTION = 34
_LEGEND = 190
_LETTER = 10  # mean width of a letter of the notes, generously
_OPACITY = (0.16, 0.5)  # of the lowest and of the highest level: tissue stays visible
_GROUND_MM = 3.0  # shown around the patches


def write_heatmap_picture(
    mammogram: Mammogram, heatmap: Heatmap, path: Path, clusters: pd.DataFrame | None = None
) -> None:
    """Draw a heatmap as a PNG.

    Parameters
    ----------
    mammogram : Mammogram
    heatmap : Heatmap
        Of that mammogram.
    path : Path
        Written under a temporary name and renamed.
    clusters : DataFrame, optional
        Marked in both pictures; ``row_min``, ``row_max``, ``column_min``, ``column_max`` as in
        :class:`~MicrocalcAILib.analysis.Analysis`.
    """
    box = _shown(mammogram, heatmap)
    scale = _HEIGHT / (box[1] - box[0])  # screen pixels per row
    width = max(round((box[3] - box[2]) * scale * mammogram.spacing_mm[1] / mammogram.spacing_mm[0]), 1)
    grey = grey_image(mammogram.pixels, box, shown_window(mammogram, box))
    plain = grey.resize((width, _HEIGHT), Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    plain = plain.convert("RGB")
    colored = _colored(plain, heatmap, box, mammogram)
    for picture in (plain, colored):
        draw = ImageDraw.Draw(picture)
        if clusters is not None:
            _mark_clusters(draw, clusters, box, (scale, width / (box[3] - box[2])))
        scale_bar(draw, picture.size, scale / mammogram.spacing_mm[0], 10)
    page_width = 2 * width + 4 * _MARGIN + _LEGEND
    notes = [line for text in _footlines(heatmap) for line in wrap(text, (page_width - 2 * _MARGIN) // _LETTER)]
    page = Image.new("RGB", (page_width, _HEIGHT + 2 * _MARGIN + _CAPTION + 26 * len(notes)), BACKGROUND)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN - 4), _headline(mammogram, heatmap), fill=TEXT, font=picture_font(24))
    top = _MARGIN + _CAPTION
    page.paste(plain, (_MARGIN, top))
    page.paste(colored, (2 * _MARGIN + width, top))
    _legend(draw, (3 * _MARGIN + 2 * width, top), heatmap)
    for line, text in enumerate(notes):
        draw.text((_MARGIN, top + _HEIGHT + 10 + 26 * line), text, fill=QUIET_TEXT, font=picture_font(18))
    with replaced_on_success(path) as temporary:
        page.save(temporary, optimize=False, compress_level=3)


def _shown(mammogram: Mammogram, heatmap: Heatmap) -> Box:
    """Rows and columns of the image around the cells, which cover the breast; the whole image where there is none."""
    if heatmap.probabilities.size == 1:
        return 0, mammogram.pixels.shape[0], 0, mammogram.pixels.shape[1]
    ends: list[int] = []
    for axis, length in enumerate(mammogram.pixels.shape):
        step, pixel_mm = heatmap.spacing_mm[axis], mammogram.spacing_mm[axis]
        low = heatmap.first_center_mm[axis] - 0.5 * step - _GROUND_MM
        high = low + heatmap.probabilities.shape[axis] * step + 2 * _GROUND_MM
        ends += [max(int(low / pixel_mm), 0), min(int(high / pixel_mm) + 1, length)]
    return ends[0], ends[1], ends[2], ends[3]


def _colored(plain: Image.Image, heatmap: Heatmap, box: Box, mammogram: Mammogram) -> Image.Image:
    """The picture with each cell tinted by its level; the higher the probability, the stronger."""
    levels = heatmap.labels
    cells = []
    for axis, length in enumerate((plain.height, plain.width)):
        screen_mm = (box[2 * axis + 1] - box[2 * axis]) * mammogram.spacing_mm[axis] / length
        positions_mm = (box[2 * axis] - 0.5) * mammogram.spacing_mm[axis] + (np.arange(length) + 0.5) * screen_mm
        cells.append(np.rint((positions_mm - heatmap.first_center_mm[axis]) / heatmap.spacing_mm[axis]).astype(int))
    inside = [(index >= 0) & (index < count) for index, count in zip(cells, levels.shape, strict=True)]
    rows, columns = (np.clip(index, 0, count - 1) for index, count in zip(cells, levels.shape, strict=True))
    shown = levels[np.ix_(rows, columns)] * np.outer(*inside)
    edges = np.zeros(shown.shape, bool)
    edges[np.flatnonzero(np.diff(rows)) + 1, :] = True
    edges[:, np.flatnonzero(np.diff(columns)) + 1] = True
    colors = np.array([(0, 0, 0), *(color for _, color in LEVELS)], np.float32)
    opacity = np.array([0, *np.linspace(*_OPACITY, len(LEVELS))], np.float32)[shown]
    if heatmap.spacing_mm[0] >= 0.9 * heatmap.patch_mm:  # cells are patches: their borders are worth showing
        opacity = np.where(edges & (shown > 0), opacity + 0.12, opacity)
    gray: NDArray[np.float32] = np.asarray(plain, np.float32)
    mixed = gray * (1 - opacity[..., np.newaxis]) + colors[shown] * opacity[..., np.newaxis]
    return Image.fromarray(mixed.round().astype(np.uint8))


def _mark_clusters(draw: ImageDraw.ImageDraw, clusters: pd.DataFrame, box: Box, scale: tuple[float, float]) -> None:
    for _, cluster in clusters.iterrows():
        y0, y1 = ((cluster[f"row_{end}"] - box[0]) * scale[0] for end in ("min", "max"))
        x0, x1 = ((cluster[f"column_{end}"] - box[2]) * scale[1] for end in ("min", "max"))
        draw.rounded_rectangle((x0 - 12, y0 - 12, x1 + 12, y1 + 12), radius=8, outline=TEXT, width=2)


def _headline(mammogram: Mammogram, heatmap: Heatmap) -> str:
    place = " ".join(part for part in (mammogram.laterality, mammogram.view) if part)
    title = f"Probability of {TASKS[heatmap.task]}, patch by patch"
    highest = "no patch judged" if np.isnan(heatmap.maximum) else f"highest {100 * heatmap.maximum:.0f} %"
    return " · ".join(part for part in (place, title, highest) if part)


def _footlines(heatmap: Heatmap) -> list[str]:
    step = "" if heatmap.spacing_mm[0] >= 0.9 * heatmap.patch_mm else f", one every {heatmap.spacing_mm[0]:.1f} mm"
    marked = "" if heatmap.threshold is None else f" {heatmap.positive_patches()} at or above the threshold."
    counted = int(np.isfinite(heatmap.probabilities).sum())
    patches = f"{counted} patches of {heatmap.patch_mm:.1f} mm{step}.{marked} Network: {heatmap.model}."
    return [f"{patches} Research software, not for diagnosis.", heatmap.notice]


def _legend(draw: ImageDraw.ImageDraw, corner: tuple[int, int], heatmap: Heatmap) -> None:
    """Levels from high to low, with the network's threshold between them."""
    x, y = corner
    for number, (name, color) in enumerate(reversed(LEVELS)):
        draw.rectangle((x, y + 40 * number, x + 40, y + 40 * number + 39), fill=color)
        draw.text((x + 52, y + 40 * number + 8), name, fill=TEXT, font=picture_font(18))
    if heatmap.threshold is not None:
        level = y + 40 * len(LEVELS) * (1 - heatmap.threshold)
        draw.line((x - 6, level, x + 46, level), fill=TEXT, width=3)
        text = f"threshold {100 * heatmap.threshold:.0f} %"
        draw.text((x, y + 40 * len(LEVELS) + 12), f"— {text}", fill=TEXT, font=picture_font(18))
