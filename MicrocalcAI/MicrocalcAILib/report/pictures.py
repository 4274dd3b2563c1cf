"""Pictures of an exam's images: each breast small, each cluster enlarged with its outlines; kept beside the exam."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries

from ..analysis import Analysis
from ..export.overlay import draw_clouds, grey_image, scale_bar, shown_window
from ..reading.mammogram import Mammogram

VIEW_HEIGHT, CROP_SIDE = 900, 360
_LEAST_CROP_MM, _CROP_MARGIN_MM = 8.0, 3.0
_OUTLINE = (255, 204, 0)


class Window(NamedTuple):
    """The part of an image that its small picture shows: pixels of the image."""

    top: int
    bottom: int
    left: int
    right: int


def shown_part(
    shape: tuple[int, int], breast_box: tuple[int, int, int, int], spacing_mm: tuple[float, float]
) -> Window:
    """The breast with 5 mm of air; the whole image where no breast was found."""
    top, bottom, left, right = breast_box
    if bottom <= top or right <= left:
        return Window(0, shape[0], 0, shape[1])
    rows, columns = (round(5.0 / length) for length in spacing_mm)
    return Window(
        max(0, top - rows), min(shape[0], bottom + rows), max(0, left - columns), min(shape[1], right + columns)
    )


def view_file(number: int) -> str:
    """Name of the small picture of the exam's image of a number."""
    return f"view_{number:02d}.png"


def crop_file(number: int, cluster_id: int) -> str:
    """Name of the enlarged picture of a cluster."""
    return f"view_{number:02d}_cluster_{cluster_id}.png"


def write_pictures(mammogram: Mammogram, analysis: Analysis, folder: Path, number: int) -> None:
    """Write the small picture of an image and the enlarged ones of its clusters, as PNG, into an existing folder."""
    window = shown_part(mammogram.pixels.shape, analysis.breast_box, mammogram.spacing_mm)
    row_mm, column_mm = mammogram.spacing_mm
    scale = VIEW_HEIGHT / ((window.bottom - window.top) * row_mm)  # picture pixels per mm
    size = (max(1, round((window.right - window.left) * column_mm * scale)), VIEW_HEIGHT)
    grey_image(mammogram.pixels, window, shown_window(mammogram, window)).resize(size, Image.Resampling.BOX).save(
        folder / view_file(number), optimize=True
    )
    for cluster in analysis.clusters.to_dict("records"):
        _crop(mammogram, analysis, cluster).save(folder / crop_file(number, int(cluster["id"])), optimize=True)


def _crop(mammogram: Mammogram, analysis: Analysis, cluster: dict) -> Image.Image:
    """The cluster as it is, and beside it the same with the outlines of what was found."""
    row_mm, column_mm = mammogram.spacing_mm
    extents = (
        (cluster["row_max"] - cluster["row_min"] + 1) * row_mm,
        (cluster["column_max"] - cluster["column_min"] + 1) * column_mm,
    )
    side_mm = max(_LEAST_CROP_MM, *extents) + 2 * _CROP_MARGIN_MM
    sides = []
    for middle, length, limit in (
        ((cluster["row_min"] + cluster["row_max"]) / 2, side_mm / row_mm, mammogram.pixels.shape[0]),
        ((cluster["column_min"] + cluster["column_max"]) / 2, side_mm / column_mm, mammogram.pixels.shape[1]),
    ):
        first = int(np.clip(round(middle - length / 2), 0, max(limit - length, 0)))
        sides += [first, min(limit, first + math.ceil(length))]
    box = Window(*sides)
    part = mammogram.pixels[box.top : box.bottom, box.left : box.right]
    low, high = np.percentile(part, (1, 99.9))
    scale = CROP_SIDE / side_mm
    size = (
        max(1, round((box.right - box.left) * column_mm * scale)),
        max(1, round((box.bottom - box.top) * row_mm * scale)),
    )
    plain = grey_image(mammogram.pixels, box, (float(low), float(max(high, low + 1e-6))))
    plain = plain.resize(size, Image.Resampling.BICUBIC).convert("RGB")
    labels = Image.fromarray(analysis.labels[box.top : box.bottom, box.left : box.right].astype(np.int32))
    outlines = np.asarray(plain).copy()
    outlines[find_boundaries(np.asarray(labels.resize(size, Image.Resampling.NEAREST)), mode="outer")] = _OUTLINE
    page = Image.new("RGB", (2 * size[0] + 8, size[1]), (255, 255, 255))
    page.paste(plain, (0, 0))
    marked = Image.fromarray(outlines)
    enlarged = (size[1] / (box.bottom - box.top), size[0] / (box.right - box.left))
    clouds = [cloud for cloud in analysis.clouds if cloud.cluster_id == cluster["id"]]
    draw_clouds(marked, clouds, (box.top, box.left), enlarged, _OUTLINE)
    page.paste(marked, (size[0] + 8, 0))
    from PIL import ImageDraw

    scale_bar(ImageDraw.Draw(page), size, scale, 2 if side_mm < 25 else 10)
    return page
