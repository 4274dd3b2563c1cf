"""What a reader waits for when calcifications of a real film with a known cluster are edited: CPU milliseconds.

Compiled code is loaded before. Clicks are on every calcification of the analysis and on random places of the breast.

Run from the root of the repository: ``PYTHONPATH=MicrocalcAI:Testing python Testing/benchmarks/editing_benchmark.py``
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from library.known_cluster import film_with_cluster
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.editing.areas import area_around
from MicrocalcAILib.editing.refresh import Findings, refresh
from MicrocalcAILib.editing.specks import LOWEST_CONTRAST, SpeckFinder
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.segmentation.breast import find_breast
from MicrocalcAILib.segmentation.candidates import CandidateFinder
from MicrocalcAILib.segmentation.selection import MeasurementSelector


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
    last = (labels.shape[0] - 1, labels.shape[1] - 1)
    everything = area_around([(0, 0), (0, last[1]), last, (last[0], 0)], labels.shape, mammogram.spacing_mm)
    report(
        "all specks of the image above both thresholds",
        milliseconds(lambda: finder.specks_in(everything, labels, 0.2, 3)),
    )

    removed = int(analysis.calcifications.query("cluster_id == 1")["id"].iloc[0])
    edited = np.where(labels == removed, np.int32(0), labels)
    kept = analysis.calcifications[analysis.calcifications["id"] != removed]
    owners = dict(zip(kept["id"].tolist(), kept["cluster_id"].tolist(), strict=True))
    before = Findings(analysis.calcifications, analysis.clusters, analysis.words)
    report(
        "tables and words after removing one calcification",
        milliseconds(lambda: refresh(finder, edited, owners, before, models)),
    )


if __name__ == "__main__":
    main()
