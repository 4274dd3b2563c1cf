"""Breasts and clusters as small arrays, for tests of exams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.exam.coarse import CoarseBreast
from MicrocalcAILib.exam.correspondences import NOTHING_SAID, Correspondences
from MicrocalcAILib.exam.exam import Exam
from MicrocalcAILib.exam.examine import ExamImage, examine
from MicrocalcAILib.exam.grouping import group_images
from MicrocalcAILib.exam.identity import ImageIdentity
from MicrocalcAILib.exam.place import frame_of
from MicrocalcAILib.reading import Mammogram
from MicrocalcAILib.report.pictures import write_pictures

CELL_MM = 0.8
HEIGHT_MM, WIDTH_MM = 200.0, 130.0
CLUSTER_COLUMNS = ["id", "count", "y_mm", "x_mm", "extent_mm", "row_min", "row_max", "column_min", "column_max"]
NIPPLE_MM = {"CC": (100.0, 80.0), "MLO": (120.0, 80.0), "ML": (120.0, 80.0), "XCCL": (100.0, 80.0)}


def identity(laterality="L", view="CC", **more) -> ImageIdentity:
    """Of one image; its name is side, view and date."""
    values = {"patient": "p", "study": "s", "date": "2026-01-01", "evidence": ("Patient ID (0010,0020)",), **more}
    name = f"{laterality}-{view}-{values['date']}"
    return ImageIdentity(**{"name": name, "laterality": laterality, "view": view, **values})


def breast(laterality="L", view="CC", bump_mm=4.0, seed=0) -> CoarseBreast:
    """Half an ellipse with a nipple at ``NIPPLE_MM`` (left breast); an oblique one has a muscle."""
    y, x = np.mgrid[0:HEIGHT_MM:CELL_MM, 0:WIDTH_MM:CELL_MM]
    middle, reach = NIPPLE_MM[view]
    edge = reach * np.sqrt(np.maximum(1 - ((y - middle) / 75.0) ** 2, 0))
    edge = np.where(edge > 0, edge + bump_mm * np.exp(-(((y - middle) / 4.0) ** 2)), 0)
    if view == "MLO":
        edge = np.where(y < middle, np.maximum(edge, 45.0), edge)
    mask = x < edge
    muscle = mask & (x < 45 * (1 - y / 90)) if view == "MLO" else np.zeros_like(mask)
    skin = ndimage.distance_transform_edt(np.pad(mask, ((1, 1), (1, 0)), mode="edge"), sampling=CELL_MM)[1:-1, 1:]
    texture = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=mask.shape), 5)
    pixels = np.where(mask, 100 + 2000 * texture + 3 * np.minimum(skin, 20), 0).astype(np.float32)
    left = CoarseBreast(pixels, mask, muscle, skin.astype(np.float32), (CELL_MM, CELL_MM), (0.0, 0.0), "left")
    return left if laterality == "L" else left.mirrored()


def width_mm() -> float:
    """Of the grid, from the first to the last column."""
    return float(CELL_MM * (len(np.arange(0, WIDTH_MM, CELL_MM)) - 1))


def image(who: ImageIdentity, clusters=(), tissue: CoarseBreast | None = None) -> ExamImage:
    """An analyzed image with clusters ``(y_mm, x_mm, count, extent_mm)``: evenly spread on circles."""
    tissue = tissue or breast(who.laterality, who.view)
    specks, rows = [], []
    for number, (y_mm, x_mm, count, extent_mm) in enumerate(clusters, start=1):
        turn = 2 * np.pi * np.arange(count) / count
        specks += [(number, y_mm + extent_mm / 2 * np.sin(a), x_mm + extent_mm / 2 * np.cos(a)) for a in turn]
        box = {"row_min": y_mm - extent_mm / 2, "row_max": y_mm + extent_mm / 2}
        box |= {"column_min": x_mm - extent_mm / 2, "column_max": x_mm + extent_mm / 2}
        box = {name: round(value / CELL_MM) for name, value in box.items()}
        rows.append({"id": number, "count": count, "y_mm": y_mm, "x_mm": x_mm, "extent_mm": extent_mm, **box})
    table = pd.DataFrame(specks, columns=["cluster_id", "y_mm", "x_mm"])
    table.insert(0, "id", np.arange(1, len(table) + 1))
    analysis = Analysis(
        labels=np.zeros(tissue.mask.shape, np.int32),
        calcifications=table,
        clusters=pd.DataFrame(rows, columns=CLUSTER_COLUMNS),
        spacing_mm=tissue.cell_mm,
        breast_area_cm2=100.0,
        provenance={"spacing_source": "simulated"},
    )
    frame, warnings = frame_of(tissue, who)
    return ExamImage(who, analysis, tissue, frame, "", warnings)


def examined(
    clusters,
    priors=None,
    tissue=None,
    pictures: Path | None = None,
    modifiers=None,
    said: Correspondences = NOTHING_SAID,
    **more,
) -> Exam:
    """An exam of images with clusters ``{(side, view): [...]}``, and of priors two years before.

    ``pictures`` is a folder for those of the report; ``modifiers`` are those of views, ``{(side, view): (...)}``.
    """
    images = {}
    for date, found in (("2026-01-01", clusters), ("2024-01-01", priors or {})):
        for (side, view), rows in found.items():
            who = identity(side, view, date=date, modifiers=(modifiers or {}).get((side, view), ()), **more)
            images[who.name] = image(who, rows, (tissue or {}).get((side, view, date)))
    group = group_images([one.identity for one in images.values()])[-1]
    for number, one in enumerate((*group.images, *group.priors) if pictures else (), start=1):
        own = images[one.name]
        write_pictures(Mammogram(own.breast.pixels, (CELL_MM, CELL_MM)), own.analysis, pictures, number)
    return examine(group, images, said=said)
