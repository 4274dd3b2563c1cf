"""``microcalc prepare``: compile the calculations for this computer, so that no analysis waits for it."""

from __future__ import annotations

import argparse
import time

_FRAME_MM = (90.0, 60.0)
_SEED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json-progress", action="store_true", help="report progress as lines of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Analyze a small simulated image, and pick and measure its specks as the segment-editor effect does."""
    from ..base.json_progress import JsonProgress
    from ..base.kernel_cache import COMPILING, compiling, remember_compiled
    from .terminal import show_progress

    progress = JsonProgress() if arguments.json_progress else show_progress
    start, compiled = time.monotonic(), 0

    def tell(count: int) -> None:
        nonlocal compiled
        compiled = count
        progress(COMPILING, count, 0)

    with compiling(tell):
        _use_everything()
    show_progress.close()
    remember_compiled()
    if isinstance(progress, JsonProgress):
        progress.say(result="", compiled=compiled)
    elif compiled:
        print(f"{compiled} calculations compiled for this computer in {time.monotonic() - start:.0f} s; they are kept.")
    else:
        print("Everything is compiled for this computer.")
    return 0


def _use_everything() -> None:
    from ..base.parameters import SIMULATED_CLASSIFIER
    from ..base.resources import resource_path
    from ..classification.description import DescriptionModels
    from ..editing.refresh import refresh
    from ..editing.specks import LOWEST_CONTRAST, SpeckFinder
    from ..phantom import BreastParameters, PhantomParameters, power_law_background, simulate
    from ..pipeline import analyze
    from ..segmentation.breast import find_breast
    from ..segmentation.selection import MeasurementSelector

    breast = BreastParameters(frame_mm=_FRAME_MM, laterality="L")
    parameters = PhantomParameters(
        clusters=(2, 2), singles=(1, 1), morphologies=("fine pleomorphic",), distributions=("grouped",)
    )  # easily found, so that clusters are described
    mammogram = simulate(power_law_background(_SEED, breast), _SEED, parameters).mammogram
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    analysis = analyze(mammogram, selector=selector, models=DescriptionModels.load(SIMULATED_CLASSIFIER))
    finder = SpeckFinder(mammogram, find_breast(mammogram), selector)
    rows = analysis.calcifications
    clusters = dict(zip(rows["id"].tolist(), rows["cluster_id"].tolist(), strict=True))
    refresh(finder, analysis.labels, clusters)
    finder.speck_at(mammogram.pixels.shape[0] / 2, mammogram.pixels.shape[1] / 4, None, LOWEST_CONTRAST)
