"""What a reader waits for when calcifications of a real film with a known cluster are edited: CPU milliseconds.

Compiled code is loaded before. Clicks are on every calcification of the analysis and on random places of the breast.

Run from the root of the repository: ``PYTHONPATH=MicrocalcAI:Testing python Testing/benchmarks/editing_benchmark.py``
"""

from __future__ import annotations

import itertools
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from library.known_cluster import film_with_cluster
from MicrocalcAILib.analysis import Analysis
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.editing.areas import Area
from MicrocalcAILib.editing.borders import border_lines
from MicrocalcAILib.editing.label_map import PaintedPixels, divide
from MicrocalcAILib.editing.refresh import Findings, refresh
from MicrocalcAILib.editing.specks import LOWEST_CONTRAST, SpeckFinder
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.segmentation.candidates import CandidateFinder
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from references.areas import painted_area
from references.label_map import divide_image


def milliseconds(work: Callable[[], Any], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times))


def report(what: str, times: list[float] | float) -> None:
    values = np.atleast_1d(times)
    largest = "" if len(values) == 1 else f"   longest of {len(values)}: {values.max():.1f} ms"
    print(f"{what:60} {np.median(values):8.2f} ms{largest}")


def report_drawing(finder: SpeckFinder, analysis: Analysis) -> None:
    """A loop around most of the breast: one step of the mouse, its release, and the outlines a moment later."""
    mammogram, labels = finder.mammogram, analysis.labels
    rows, columns = np.nonzero(finder.breast.mask)
    radius = 0.45 * min(np.ptp(rows), np.ptp(columns))
    angles = np.linspace(0, 2 * np.pi, 800)
    path = np.column_stack((rows.mean() + radius * np.sin(angles), columns.mean() + radius * np.cos(angles)))
    width_mm = 0.3
    for thresholds in ((0.2, 3.0), (0.0, 0.0)):
        everything = finder.specks_in(None, None, *thresholds)
        peaks = np.array([speck.peak for speck in everything])

        def step(thresholds=thresholds) -> None:
            specks = finder.specks_in(Area(path, mammogram.spacing_mm, width_mm), labels, *thresholds)
            border_lines([(speck.rows, speck.columns) for speck in specks])

        def painted_step(peaks=peaks, everything=everything) -> None:
            inside = painted_area(path, labels.shape, mammogram.spacing_mm, width_mm)[peaks[:, 0], peaks[:, 1]]
            border_lines([(speck.rows, speck.columns) for speck in itertools.compress(everything, inside)])

        found = len(finder.specks_in(Area(path, mammogram.spacing_mm, width_mm), labels, *thresholds))
        compare(f"step of a drawing around {found} of {len(everything)} specks", step, painted_step)

        def outlines_kept(thresholds=thresholds) -> None:
            finder.specks_in(None, labels, *thresholds)

        def outlines_anew(thresholds=thresholds) -> None:
            finder.specks_in(None, labels, thresholds[0], thresholds[1] + 1e-9)
            finder.specks_in(None, labels, *thresholds)

        report(f"unmarked specks of {len(everything)} after the release", milliseconds(outlines_kept))
        report("   outlined again, as for other thresholds", milliseconds(outlines_anew, 3) / 2)

    masks = []
    for _, members in analysis.calcifications.groupby("cluster_id"):
        ids = members["id"].to_numpy()
        where = np.nonzero(np.isin(labels, ids))
        window = tuple(slice(part.min(), part.max() + 1) for part in where)
        masks.append((window[0].start, window[1].start, np.isin(labels[window], ids)))
    layer = np.zeros(labels.shape, np.int16)  # segments that do not overlap share an image, as in Slicer
    for number, (top, left, mask) in enumerate(masks, start=1):
        layer[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = number

    def read() -> None:
        rows, columns = np.divmod(np.flatnonzero(layer), layer.shape[1])
        pixels = PaintedPixels.of([(rows, columns, layer[rows, columns])], labels.shape[1])
        divide(pixels, labels[pixels.rows, pixels.columns], 1 + int(labels.max()))

    compare("reading all marks after the release", read, lambda: divide_image(masks, labels, 1 + int(labels.max())))


def compare(what: str, way: Callable[[], Any], former: Callable[[], Any]) -> None:
    report(what, milliseconds(way))
    ratio = milliseconds(former, 3) / max(milliseconds(way), 0.01)
    print(f"   former way on arrays of the whole image: {ratio:.1f} times as long", end="")
    print(f"; memory {peak_megabytes(way):.1f} MB, former {peak_megabytes(former):.1f} MB")


def peak_megabytes(work: Callable[[], Any]) -> float:
    tracemalloc.start()
    work()
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return largest / 1e6


def main() -> None:
    mammogram = film_with_cluster().mammogram
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    models = DescriptionModels.load()
    analysis = analyze(mammogram, selector=selector, models=models)
    breast = find_breast(mammogram)
    finder = SpeckFinder(mammogram, breast, selector)
    rows, columns = np.nonzero(breast.mask)
    chosen = np.random.default_rng(0).choice(len(rows), 300, replace=False)
    places = list(zip(rows[chosen].tolist(), columns[chosen].tolist(), strict=True))
    centers = analysis.calcifications[["row", "column"]].to_numpy()
    labels = analysis.labels

    report("judge the image once", milliseconds(lambda: SpeckFinder(mammogram, breast, selector), 3))
    local = CandidateFinder(mammogram.pixels, breast.mask, mammogram.spacing_mm)
    boxes = [(row - 5, row + 6, column - 5, column + 6) for row, column in places]
    report("candidates near a place", [milliseconds(lambda box=box: local.near(box), 1) for box in boxes])
    report("click on a calcification", [milliseconds(lambda c=c: finder.speck_at(*c), 1) for c in centers])
    for lowest in (3.0, LOWEST_CONTRAST):
        times = [milliseconds(lambda p=p, low=lowest: finder.speck_at(*p, labels, low), 1) for p in places]
        report(f"click on a random place, lowest contrast {lowest:g}", times)
    report(
        "all specks of the image above both thresholds", milliseconds(lambda: finder.specks_in(None, labels, 0.2, 3))
    )
    report_drawing(finder, analysis)

    removed = int(analysis.calcifications.query("cluster_id == 1")["id"].iloc[0])
    edited = np.where(labels == removed, np.int32(0), labels)
    kept = analysis.calcifications[analysis.calcifications["id"] != removed]
    owners = dict(zip(kept["id"].tolist(), kept["cluster_id"].tolist(), strict=True))
    before = Findings.of_tables(analysis.calcifications, analysis.clusters, analysis.words)
    report(
        "tables and words after removing one calcification",
        milliseconds(lambda: refresh(finder, edited, owners, before, models)),
    )


if __name__ == "__main__":
    main()
