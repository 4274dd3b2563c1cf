"""Everything one analyzed image leaves in its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..analysis import ANALYSIS_FILE, Analysis, save_analysis
from ..base.cost import Meter
from ..base.files import folder_replaced_on_success
from ..base.volumes import write_volume
from ..reading.mammogram import Mammogram
from .heatmap_picture import write_heatmap_picture
from .overlay import write_overlay
from .segmentation import write_clouds, write_segmentation

SEGMENTATION_FILE = "calcifications.seg.nrrd"
CLOUD_SEGMENTATION_FILE = "clouds.seg.nrrd"
OVERLAY_FILE = "overlay.png"
IMAGE_FILE = "mammogram.nrrd"


def write_results(mammogram: Mammogram, analysis: Analysis, folder: Path) -> None:
    """Write all results of an image into a folder that replaces an earlier one; see :func:`fill_folder`."""
    with folder_replaced_on_success(folder, ANALYSIS_FILE) as temporary:
        fill_folder(mammogram, analysis, temporary, folder.name)


def fill_folder(mammogram: Mammogram, analysis: Analysis, folder: Path, name: str) -> None:
    """Write label map, tables, JSON, segmentation and overlay of the image called ``name`` into an empty folder.

    When the image file itself says another pixel spacing than was used (or none), viewers would draw the segmentation
    in the wrong place over it; a copy of the image with the right spacing is written beside the segmentation then.
    """
    with Meter() as writing:
        write_segmentation(analysis, folder / SEGMENTATION_FILE)
        if analysis.clouds:
            write_clouds(analysis, folder / CLOUD_SEGMENTATION_FILE)
        write_overlay(mammogram, analysis, folder / OVERLAY_FILE)
        for heatmap in analysis.heatmaps:
            write_heatmap_picture(mammogram, heatmap, folder / f"heatmap_{heatmap.task}.png", analysis.clusters)
        header_spacing = mammogram.source.get("header_spacing_mm")
        if header_spacing is not None and not np.allclose(header_spacing, mammogram.spacing_mm, rtol=1e-3):
            write_volume(
                smallest_integers(mammogram.pixels),
                mammogram.spacing_mm,
                mammogram.origin_lps_mm,
                mammogram.direction_lps,
                folder / IMAGE_FILE,
            )
        save_analysis(analysis, folder, name, writing)


def smallest_integers(pixels: np.ndarray) -> np.ndarray:
    """The pixels as unsigned 8 or 16 bit integers where that loses nothing, else as they are."""
    lowest, highest = float(pixels.min()), float(pixels.max())
    kind = np.uint8 if highest <= 255 else np.uint16
    if lowest < 0 or highest > 65535:
        return pixels
    whole = pixels.astype(kind)
    return whole if np.array_equal(whole, pixels) else pixels
