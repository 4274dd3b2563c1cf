"""How long the window is blocked by each mark of the segment-editor effect, on a real film in a real MRML scene.

Everything that Slicer runs in its main thread is timed: the click itself (press, release, undo state, segment, marks
read again) and the update of tables, words and outlines a moment later. Wall-clock milliseconds; drawing on the screen
is Slicer's own and is not part of it.

Run from the root of the repository:
``PYTHONPATH=MicrocalcAI:MicrocalcElastography:Testing:Testing/library python Testing/benchmarks/marking_benchmark.py``
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from library.known_cluster import film_with_cluster
from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.classification.description import DescriptionModels
from MicrocalcAILib.pipeline import analyze
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from stand_ins import application

slicer = application.startWithWidgets()

from MicrocalcAISlicer import editing, results  # noqa: E402, they need Slicer
from mrml.editor_scene import Editor, unmarked_specks  # noqa: E402

_MARKS = 25
_BLOCKED_MS = 100.0  # longest that a reader may wait for a mark, in all


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    mammogram = film_with_cluster().mammogram
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    analysis = analyze(mammogram, selector=selector, models=DescriptionModels.load())
    down, across = mammogram.spacing_mm
    matrix = np.diag([-across, -down, 1.0, 1.0])
    volumeNode = slicer.util.addVolumeFromArray(mammogram.pixels[np.newaxis].astype(np.int16), matrix, "Right MLO")
    shown = results.showResults(analysis, volumeNode)
    session = editing.sessionFor(volumeNode, shown.segmentationNode)
    print(f"image of {mammogram.pixels.shape[0]} × {mammogram.pixels.shape[1]}, {analysis.labels.max()} calcifications")
    editor = Editor(session, center=tuple(analysis.clusters[["row", "column"]].to_numpy(float)[0]))
    place = tuple(np.array(session.shape) / 2)
    print(f"effect opened, image judged once: {milliseconds(lambda: editor.event('MouseMove', place)):.0f} ms")
    places = [speck.peak for speck in unmarked_specks(session, lowest_probability=0.1, lowest_contrast=3.0)][:_MARKS]
    blocked = []
    for number, peak in enumerate(places):
        editor.event("MouseMove", peak)
        click = milliseconds(lambda peak=peak: editor.click(peak))
        update = milliseconds(editor.update_tables)
        blocked.append(click + update)
        if number == 0:
            print(f"first mark: {click:.0f} ms + {update:.0f} ms")
    print(f"{len(blocked)} marks, blocked in all: median {np.median(blocked):.0f} ms, longest {max(blocked):.0f} ms")
    undo = []
    for _ in places[:5]:
        editor.undo()
        undo.append(milliseconds(editor.update_tables))
    print(f"undo of a mark: median {np.median(undo):.0f} ms")
    within = float(np.mean(np.array(blocked) <= _BLOCKED_MS))
    print(f"within {_BLOCKED_MS:g} ms: {within:.0%}")


if __name__ == "__main__":
    main()
