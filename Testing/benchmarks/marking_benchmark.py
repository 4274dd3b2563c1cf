"""How long the window is blocked by each mark of the segment-editor effect, on a real film in a real MRML scene.

Everything that Slicer runs in its main thread is timed: the click itself (press, release, undo state, segment, marks
read again), the update of rows and outlines a moment later, and the words of changed clusters when the hand rests; of
marks, of undo and redo, of marks that are removed, and of marks that are moved to another segment (grouped again).
Milliseconds of CPU, which on an idle computer are those of the clock; drawing on the screen is Slicer's own and is no
part of it.

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
_TURNS = 4  # of undo, redo and removing; the segment editor remembers a few states
_DESCRIBED = 6  # times that the hand rests
_BLOCKED_MS = 100.0  # longest that a reader may wait for a mark, in all


def milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def main() -> None:
    mammogram = film_with_cluster().mammogram
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    analysis = analyze(mammogram, selector=selector, models=DescriptionModels.load())
    down, across = mammogram.spacing_mm
    matrix = np.diag([-across, -down, 1.0, 1.0])
    volumeNode = slicer.util.addVolumeFromArray(mammogram.pixels[np.newaxis].astype(np.int16), matrix, "Right MLO")
    shown = results.showResults(analysis, volumeNode)
    session = editing.sessionFor(volumeNode, shown.segmentationNode)
    loop = milliseconds(lambda: [None for _ in range(10_000_000)])
    print(f"10 million steps of an empty loop: {loop:.0f} ms (some 250 on an idle computer of 2024)")
    rows, columns = mammogram.pixels.shape
    print(f"image of {rows} × {columns}, {len(analysis.calcifications)} calcifications")
    editor = Editor(session, center=tuple(analysis.clusters[["row", "column"]].to_numpy(float)[0]))
    place = tuple(np.array(session.shape) / 2)
    print(f"effect opened, image judged once: {milliseconds(lambda: editor.event('MouseMove', place)):.0f} ms")
    cluster = analysis.clusters[["row", "column"]].to_numpy(float)[0]
    specks = unmarked_specks(session, lowest_probability=0.2, lowest_contrast=3.0)  # those that the effect shows
    likely = [speck.peak for speck in specks][:_MARKS]
    near = sorted((speck.peak for speck in specks), key=lambda peak: float(np.hypot(*(peak - cluster))))[:_MARKS]
    print(f"{len(specks)} unmarked specks are outlined")
    for what, places in (("likely specks anywhere", likely), ("specks at a cluster, which is described anew", near)):
        report(editor, what, [lambda peak=peak: editor.click(peak) for peak in places], describes=True)
    marked = list(session.marks.pixels.values())[-_TURNS:]
    report(editor, "undo", [editor.undo] * _TURNS)
    report(editor, "redo", [editor.redo] * _TURNS)
    centers = [(int(rows[len(rows) // 2]), int(columns[len(rows) // 2])) for rows, columns in marked]
    report(editor, "marks removed", [lambda place=place: editor.click(place, shift=True) for place in centers])
    editor.effect.onNewCluster()
    report(
        editor, "marks put into the selected segment", [lambda place=place: editor.click(place) for place in centers]
    )
    report(
        editor, "marks moved: all grouped again, undone, redone", [editor.effect.onGroupAgain, editor.undo, editor.redo]
    )


def report(editor: Editor, what: str, edits: list[Callable[[], object]], describes: bool = False) -> None:
    """Print what each edit and the update after it take, and the words a moment later."""
    session = editor.session
    edited, updates, words = [], [], []
    for edit in edits:
        spent = milliseconds(edit)
        if not editor.effect._timer.isActive():
            continue  # nothing was changed, for example because a click nearby had marked it
        edited.append(spent)
        updates.append(milliseconds(editor.effect.onMarksChanged))
        if describes and session.lacksWords and len(words) < _DESCRIBED:
            words.append(milliseconds(editor.effect.onHandRests))
    if not edited:
        print(f"{what}: none")
        return
    blocked = np.add(edited, updates)
    print(f"{what}: first {edited[0]:.0f} + {updates[0]:.0f} ms")
    print(f"   {len(edited)} edits: {np.median(edited):.0f} ms, update {np.median(updates):.0f} ms (medians)")
    print(f"   in all: median {np.median(blocked):.0f} ms, longest {blocked.max():.0f} ms")
    if words:
        print(f"   words when the hand rests: first {words[0]:.0f} ms, then median {np.median(words[1:]):.0f} ms")
    print(f"   within {_BLOCKED_MS:g} ms: {np.mean(blocked <= _BLOCKED_MS):.0%}")


if __name__ == "__main__":
    main()
