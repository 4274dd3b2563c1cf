"""The picture of an analysis: the breast with its clusters marked, beside each cluster enlarged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..analysis import SINGLES, Analysis
from ..base.files import replaced_on_success
from ..base.picture_font import picture_font
from ..lexicon.benign import BENIGN
from ..reading.mammogram import Mammogram
from .segmentation import SINGLES_COLOR, cluster_color

if TYPE_CHECKING:  # many images have none to draw
    from ..lexicon.clouds import Cloud

_LARGEST_OVERVIEW = 4000  # pixels across, also for an image of a few rows
_PAGE_HEIGHT = 1500
_TILE = 480
_TILES_DOWN = 3
_MARGIN = 24
_CAPTION = 34
_DESCRIPTION = 66
BOX_COLOR = (198, 140, 255)  # of the lesion detector; clusters have colors of their own
_LINE, _LETTER = 24, 10  # pixels of a line of notes, and of a letter in it at the most
_LARGEST_TILES = 9
_SMALLEST_TILE_MM = 6.0
_CLUSTER_MARGIN_MM = 1.5
_DASH = 6  # pixels of a dash, and of the gap after it, in the outline of a cloud
BACKGROUND = (18, 18, 20)
TEXT = (235, 235, 235)
QUIET_TEXT = (165, 165, 165)

Box = tuple[int, int, int, int]


def write_overlay(mammogram: Mammogram, analysis: Analysis, path: Path) -> None:
    """Draw the overlay as a PNG.

    Parameters
    ----------
    mammogram : Mammogram
    analysis : Analysis
        Of that mammogram.
    path : Path
        Written under a temporary name and renamed.
    """
    tiles = [
        _cluster_tile(mammogram, analysis, cluster) for _, cluster in analysis.clusters.head(_LARGEST_TILES).iterrows()
    ]
    overview = _overview(mammogram, analysis)
    columns = math.ceil(len(tiles) / _TILES_DOWN)
    width = max(overview.width + _MARGIN * (2 + columns) + columns * _TILE, 900)
    notes = wrap(_footline(mammogram, analysis), (width - 2 * _MARGIN) // _LETTER, break_on_hyphens=False)
    height = _PAGE_HEIGHT + 2 * _MARGIN + 2 * _CAPTION + _LINE * len(notes)
    page = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN - 4), _headline(mammogram, analysis), fill=TEXT, font=picture_font(24))
    top = _MARGIN + _CAPTION
    page.paste(overview, (_MARGIN, top))
    for number, tile in enumerate(tiles):
        x = _MARGIN * 2 + overview.width + (number // _TILES_DOWN) * (_TILE + _MARGIN)
        page.paste(tile, (x, top + (number % _TILES_DOWN) * (_PAGE_HEIGHT // _TILES_DOWN)))
    for number, note in enumerate(notes):
        y = top + _PAGE_HEIGHT + 10 + _LINE * number
        draw.text((_MARGIN, y), note, fill=QUIET_TEXT, font=picture_font(18))
    with replaced_on_success(path) as temporary:
        page.save(temporary, optimize=False, compress_level=1)


def _headline(mammogram: Mammogram, analysis: Analysis) -> str:
    place = " ".join(part for part in (mammogram.laterality, mammogram.view) if part)
    singles = int((analysis.calcifications["cluster_id"] == SINGLES).sum())
    found = (
        f"{len(analysis.calcifications)} calcifications: {len(analysis.clusters)} "
        f"cluster{'s' if len(analysis.clusters) != 1 else ''}, {singles} single"
    )
    return f"{place} · {found}" if place else found


def _footline(mammogram: Mammogram, analysis: Analysis) -> str:
    row_mm, column_mm = mammogram.spacing_mm
    spacing = f"Pixel {row_mm:g} × {column_mm:g} mm, {mammogram.spacing_source}."
    warnings = "; ".join(warning.code for warning in analysis.warnings)
    return f"{spacing} Research software, not for diagnosis.{' Warnings: ' + warnings if warnings else ''}"


def _overview(mammogram: Mammogram, analysis: Analysis) -> Image.Image:
    top, bottom, left, right = analysis.breast_box
    if bottom <= top or right <= left:
        top, left, (bottom, right) = 0, 0, mammogram.pixels.shape
    scale = min(_PAGE_HEIGHT / (bottom - top), _LARGEST_OVERVIEW / (right - left))
    size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
    grey = grey_image(mammogram.pixels, (top, bottom, left, right), shown_window(mammogram, (top, bottom, left, right)))
    picture = grey.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC).convert("RGB")
    draw = ImageDraw.Draw(picture)

    def place(row: float, column: float) -> tuple[float, float]:
        return (column + 0.5 - left) * scale, (row + 0.5 - top) * scale

    for _, single in analysis.calcifications[analysis.calcifications["cluster_id"] == SINGLES].iterrows():
        x, y = place(single["row"], single["column"])
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline=_rgb(SINGLES_COLOR), width=1)
    margin = _CLUSTER_MARGIN_MM / mammogram.spacing_mm[0]
    for _, cluster in analysis.clusters.iterrows():
        color = _rgb(cluster_color(cluster))
        x0, y0 = place(cluster["row_min"] - margin, cluster["column_min"] - margin)
        x1, y1 = place(cluster["row_max"] + margin, cluster["column_max"] + margin)
        draw.rounded_rectangle((x0, y0, x1, y1), radius=10, outline=color, width=3)
        number_at = (min(max(x0, 2), picture.width - 30), y0 - 30 if y0 > 32 else y1 + 2)
        draw.text(
            number_at, str(cluster["id"]), fill=color, font=picture_font(26), stroke_width=2, stroke_fill=(0, 0, 0)
        )
    for _, box in (analysis.boxes if analysis.boxes is not None else pd.DataFrame()).iterrows():
        x0, y0 = place(box["row_min"], box["column_min"])
        x1, y1 = place(box["row_max"], box["column_max"])
        draw.rectangle((x0, y0, x1, y1), outline=BOX_COLOR, width=2)
        caption = f"lesion {box['score']:.0%}"
        caption_at = (min(max(x0, 2), picture.width - 120), y1 + 2)
        draw.text(caption_at, caption, fill=BOX_COLOR, font=picture_font(18), stroke_width=1, stroke_fill=(0, 0, 0))
    scale_bar(draw, picture.size, scale / mammogram.spacing_mm[1], 10)
    return picture


def _cluster_tile(mammogram: Mammogram, analysis: Analysis, cluster: pd.Series) -> Image.Image:
    row_mm, column_mm = mammogram.spacing_mm
    clouds = [cloud for cloud in analysis.clouds if cloud.cluster_id == cluster["id"]]
    corners = [(cluster["row_min"], cluster["column_min"]), (cluster["row_max"], cluster["column_max"])]
    shown = np.concatenate([np.array(corners, np.float64), *(part for cloud in clouds for part in cloud.parts)])
    first, last = shown.min(axis=0), shown.max(axis=0)
    height_mm, width_mm = (last - first + 1) * mammogram.spacing_mm
    side_mm = max(height_mm + 2, width_mm + 2, _SMALLEST_TILE_MM)
    center = (first + last) / 2
    top, bottom = _interval(center[0], side_mm / row_mm, mammogram.pixels.shape[0])
    left, right = _interval(center[1], side_mm / column_mm, mammogram.pixels.shape[1])
    inner = _TILE - _CAPTION - _DESCRIPTION
    scale = inner / max((bottom - top) * row_mm, (right - left) * column_mm)  # screen pixels per mm
    size = (max(round((right - left) * column_mm * scale), 1), max(round((bottom - top) * row_mm * scale), 1))
    box = (top, bottom, left, right)
    grey = grey_image(mammogram.pixels, box, _percentile_window(mammogram.pixels[top:bottom, left:right], 1.0, 99.9))
    picture = grey.resize(size, Image.Resampling.BICUBIC).convert("RGB")
    labels = Image.fromarray(analysis.labels[top:bottom, left:right]).resize(size, Image.Resampling.NEAREST)
    from skimage.segmentation import find_boundaries  # here, because many images have no cluster to draw

    outline = find_boundaries(np.asarray(labels), mode="outer")
    colored = np.asarray(picture).copy()
    color = _rgb(cluster_color(cluster))
    colored[outline] = color
    marked = Image.fromarray(colored)
    draw_clouds(marked, clouds, (top, left), (size[1] / (bottom - top), size[0] / (right - left)), color)
    tile = Image.new("RGB", (_TILE, _TILE), BACKGROUND)
    tile.paste(marked, (0, _CAPTION + _DESCRIPTION))
    draw = ImageDraw.Draw(tile)
    caption = f"{cluster['id']}  ·  {cluster['count']} calcifications  ·  {cluster['extent_mm']:.0f} mm across"
    draw.text((0, 2), caption, fill=color, font=picture_font(20))
    estimates = _estimates(cluster)
    for cloud in clouds:
        estimates[0] += f"; cloud of {cloud.area_mm2(mammogram.spacing_mm):.0f} mm²"
    for line, text in enumerate(estimates):
        draw.text((0, 28 + 22 * line), text, fill=TEXT, font=picture_font(16))
    scale_bar(draw, (size[0], size[1] + _CAPTION + _DESCRIPTION), scale, 2 if side_mm < 20 else 10)
    return tile


def draw_clouds(
    picture: Image.Image,
    clouds: Sequence[Cloud],
    corner: tuple[int, int],
    scale: tuple[float, float],
    color: tuple[int, int, int],
) -> None:
    """Draw clouds into an enlarged part of the image, as thin dashed lines.

    Parameters
    ----------
    picture : Image
        Of the part of the image that begins at the pixel ``corner`` (row, column), ``scale`` (down, across) as large.
    clouds : sequence of Cloud
    corner, scale
    color : (int, int, int)
    """
    draw = ImageDraw.Draw(picture)
    for part in (part for cloud in clouds for part in cloud.parts):
        points = (part + 0.5 - corner) * scale
        along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
        for first in np.arange(0, along[-1], 2 * _DASH):
            last = min(first + _DASH, along[-1])
            places = np.concatenate(([first], along[(along > first) & (along < last)], [last]))
            dash = np.column_stack([np.interp(places, along, values) for values in (points[:, 1], points[:, 0])])
            draw.line([(x, y) for x, y in dash.tolist()], color, 1)


def _estimates(cluster: pd.Series) -> list[str]:
    """The words and the estimates of a described cluster, one line each."""
    if "morphology" not in cluster:
        return []
    words = [
        f"{cluster[kind]} {100 * cluster[f'{kind}_probability']:.0f} %"
        for kind in ("morphology", "distribution")
        if isinstance(cluster[kind], str) and cluster[kind]
    ]
    lines = [", ".join(words)]
    if cluster.get("lexicon_category") == BENIGN:
        lines.append("typically benign by its words (BI-RADS category 2)")
    else:
        lines.append(f"malignant by its words (CBIS-DDSM): {_percent(cluster, 'descriptor_risk')}")
    if "probability_malignant" in cluster and not np.isnan(cluster["probability_malignant"]):
        origin = " (trained on simulation)" if "simulated" in cluster["malignancy_notice"] else ""
        lines.append(f"by its features{origin}: {_percent(cluster, 'probability_malignant')}")
    return lines


def _percent(cluster: pd.Series, name: str) -> str:
    """A probability with its interval, e.g. ``38 % (31–46)``."""
    value, low, high = (100 * cluster[name + end] for end in ("", "_low", "_high"))
    return "unknown" if np.isnan(value) else f"{value:.0f} % ({low:.0f}–{high:.0f})"


def _interval(center: float, length: float, limit: int) -> tuple[int, int]:
    """Whole pixels around a center, moved inside the image where they fit."""
    length = min(math.ceil(length), limit)
    first = min(max(round(center - length / 2), 0), limit - length)
    return first, first + length


def shown_window(mammogram: Mammogram, box: Box) -> tuple[float, float]:
    """Lowest and highest value shown: the file's display window, else percentiles of what is shown."""
    if mammogram.display_window is not None:
        center, width = mammogram.display_window
        if width > 0:
            return center - width / 2, center + width / 2
    return _percentile_window(mammogram.pixels[box[0] : box[1] : 4, box[2] : box[3] : 4], 2.0, 99.8)


def _percentile_window(pixels: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    lowest, highest = np.percentile(pixels, (low, high))
    return float(lowest), float(max(highest, lowest + 1e-6))


def grey_image(pixels: NDArray[np.float32], box: Box, window: tuple[float, float]) -> Image.Image:
    shown = pixels[box[0] : box[1], box[2] : box[3]] - window[0]
    shown *= 255 / (window[1] - window[0])
    return Image.fromarray(np.clip(shown, 0, 255, out=shown).astype(np.uint8))


def scale_bar(draw: ImageDraw.ImageDraw, size: tuple[int, int], pixels_per_mm: float, length_mm: int) -> None:
    x1, y = size[0] - 14, size[1] - 14
    x0 = x1 - length_mm * pixels_per_mm
    draw.line((x0, y, x1, y), fill=TEXT, width=4)
    text = f"{length_mm} mm"
    draw.text(
        ((x0 + x1) / 2, y - 4),
        text,
        fill=TEXT,
        font=picture_font(16),
        anchor="mb",
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )


def _rgb(color: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(part * 255) for part in color)
    return red, green, blue
