"""How long one measurement takes while a region is dragged: outlines read from the scene, measured, shown in it.

PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing python Testing/benchmarks/live_measurement_benchmark.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from stand_ins import application

slicer = application.start()

from benchmarks.turns import loop_seconds  # noqa: E402, needs the stand-ins
from MicrocalcElastographySlicer import sampledata  # noqa: E402
from MicrocalcElastographySlicer.elastogramnodes import elastogramOf, referenceOf  # noqa: E402
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic  # noqa: E402
from MicrocalcElastographySlicer.regions import placePoint  # noqa: E402

REPEATS = 15
_CORNERS = 24


def milliseconds(work: Callable[[int], object]) -> float:
    """Median CPU time of a call, which is told its number."""
    work(0)
    found = []
    for repeat in range(REPEATS):
        start = time.process_time()
        work(repeat)
        found.append(1000.0 * (time.process_time() - start))
    return statistics.median(found)


def outline(valueNode, center: tuple[float, float], radii: tuple[float, float]):
    """An ellipse as a closed curve, as a reader draws it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsClosedCurveNode")
    point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    for angle in np.linspace(0.0, 2.0 * np.pi, _CORNERS, endpoint=False):
        placePoint(point, valueNode, center[0] + radii[0] * np.sin(angle), center[1] + radii[1] * np.cos(angle))
        node.AddControlPointWorld(*point.GetNthControlPointPositionWorld(0))
    slicer.mrmlScene.RemoveNode(point)
    return node


def report(name: str, volumeNode, logic: MicrocalcElastographyLogic) -> None:
    """Print the times of one screen with lesion, fat, skin and chest wall; a corner of the lesion moves each time."""
    converting = milliseconds(lambda _repeat: logic.process(volumeNode))
    valueNode = logic.process(volumeNode).valueNode
    elastogram = elastogramOf(valueNode)
    row, column = elastogram.box.center
    radius = 0.35 * min(elastogram.values.shape)
    drawn = {
        "lesion": outline(valueNode, (row, column), (radius, radius)),
        "fat": outline(valueNode, (row, elastogram.box.left + 12), (10, 10)),
        "skin": outline(valueNode, (elastogram.panel.top + 4, column), (3, 200)),
        "chest_wall": outline(valueNode, (elastogram.panel.bottom - 4, column), (3, 200)),
    }
    spacing = referenceOf(valueNode)[0].GetSpacing()[0]

    def drag(repeat: int) -> None:
        across, down, through = drawn["lesion"].GetNthControlPointPositionWorld(0)
        drawn["lesion"].SetNthControlPointPositionWorld(0, across + spacing * (-1) ** repeat, down, through)

    def measured(repeat: int):
        drag(repeat)
        return logic.assess(valueNode, drawn, confirmed=())

    measuring = milliseconds(measured)
    showing = milliseconds(lambda repeat: logic.showAssessment(measured(repeat), valueNode))
    rows, columns = elastogram.frame.shape[:2]
    print(f"{name} ({rows} × {columns}): converting {converting:.0f} ms, reading the outlines and measuring "
          f"{measuring:.0f} ms, the same and showing it in the scene {showing:.0f} ms (CPU)")  # fmt: skip


def main() -> None:
    print(f"An empty loop of ten million rounds takes {loop_seconds():.2f} s.")
    logic = MicrocalcElastographyLogic()
    report("DICOM screen", sampledata.loadPhantom(), logic)
    report("screen capture", sampledata.loadScreen(), logic)


if __name__ == "__main__":
    main()
