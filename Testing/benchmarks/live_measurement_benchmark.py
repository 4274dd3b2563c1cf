"""How long one measurement takes while a region is dragged: library, and with tables and pictures of the scene.

PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing python Testing/benchmarks/live_measurement_benchmark.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from stand_ins import application

slicer = application.start()

from MicrocalcElastographyLib.assessment import assess  # noqa: E402, needs the stand-ins
from MicrocalcElastographyLib.measurement import LesionRegions, ellipse_region  # noqa: E402
from MicrocalcElastographySlicer import sampledata  # noqa: E402
from MicrocalcElastographySlicer.elastogramnodes import elastogramOf  # noqa: E402
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic  # noqa: E402

REPEATS = 15


def milliseconds(work: Callable[[], object]) -> float:
    """Median CPU time of a call."""
    work()
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(1000.0 * (time.process_time() - start))
    return statistics.median(found)


def report(name: str, volumeNode, logic: MicrocalcElastographyLogic) -> None:
    """Print the times of one screen with lesion, fat, skin and chest wall."""
    converting = milliseconds(lambda: logic.process(volumeNode))
    valueNode = logic.process(volumeNode).valueNode
    elastogram = elastogramOf(valueNode)
    row, column = elastogram.box.center
    radius = 0.35 * min(elastogram.values.shape)
    regions = LesionRegions(
        ellipse_region(elastogram, (row, column), (radius, radius)),
        fat=ellipse_region(elastogram, (row, elastogram.box.left + 12), (10, 10)),
        skin=ellipse_region(elastogram, (elastogram.panel.top + 4, column), (4, 200)),
        chest_wall=ellipse_region(elastogram, (elastogram.panel.bottom - 4, column), (4, 200)),
    )
    measuring = milliseconds(lambda: assess(elastogram, regions, confirmed=()))
    showing = milliseconds(lambda: logic.showAssessment(assess(elastogram, regions, confirmed=()), valueNode))
    rows, columns = elastogram.frame.shape[:2]
    print(f"{name} ({rows} × {columns}): converting {converting:.0f} ms, measuring {measuring:.0f} ms, "
          f"measuring and showing in the scene {showing:.0f} ms (CPU)")  # fmt: skip


def main() -> None:
    logic = MicrocalcElastographyLogic()
    report("DICOM screen", sampledata.loadPhantom(), logic)
    report("screen capture", sampledata.loadScreen(), logic)


if __name__ == "__main__":
    main()
