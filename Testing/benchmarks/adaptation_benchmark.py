"""How much a selector learns from 5, 10 and 20 corrected images of another look, chosen by doubt or at random.

The shift: amorphous and punctate calcifications of low contrast, many things that look like them, another gray scale.
The reader is simulated: the corrections are the exact truth. Simulated images of the usual look are rehearsed, and tell
what was forgotten. Prints a table and writes it with a picture.

    python Testing/benchmarks/adaptation_benchmark.py --output DIR [--images 30] [--test 10] [--repeats 2]
"""

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "MicrocalcAI"))

from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.training.adapt import Adaptation, fit, simulated
from MicrocalcAILib.training.comparison import RATES, compared
from MicrocalcAILib.training.corrections import Base, Judge, corrected
from MicrocalcAILib.training.next_image import most_doubtful

SIZES = (5, 10, 20)
FRAME_MM = (40.0, 30.0)
SHIFT = PhantomParameters(
    morphologies=("amorphous", "punctate"), contrast_to_noise=(3.0, 12.0), distractors=(20, 40), clusters=(1, 3)
)


def shifted(base, count, seed):
    """Images of the other look, as the selector sees them."""
    for number in range(count):
        own = [seed, number]
        phantom = simulate(power_law_background(own, BreastParameters(frame_mm=FRAME_MM)), own, SHIFT)
        pixels = phantom.mammogram.pixels
        pixels = np.round(float(pixels.max()) * (pixels / pixels.max()) ** 0.6).astype(np.float32)
        mammogram = dataclasses.replace(phantom.mammogram, pixels=pixels)
        name = f"shifted {seed}-{number}"
        yield corrected(mammogram, phantom.labels, base, name=name, patient=name)


def chosen_by_doubt(base, pool, rehearsed, adaptation):
    """Indices of the pool in the order of their correction; the selector is adapted at each of the sizes."""
    chosen, judge = [], Judge(base.models)
    for size in SIZES:
        rest = [index for index in range(len(pool)) if index not in chosen]
        judged = [pool[index].judged_by(judge) for index in rest]
        added = most_doubtful([pool[index] for index in rest], judged, size - len(chosen))
        chosen += [rest[index] for index in added]
        judge = Judge(fit(base, [pool[index] for index in chosen], rehearsed, adaptation))
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--base", default="SpeckSelector")
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--test", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    start = time.time()
    base, adaptation = Base.load(arguments.base), Adaptation(rehearsal=6, frame_mm=FRAME_MM)
    pool, test = list(shifted(base, arguments.images, 11)), list(shifted(base, arguments.test, 12))
    rehearsed, judging = (list(simulated(base, 6, FRAME_MM, [seed])) for seed in (13, 14))
    print(f"images made after {time.time() - start:.0f} s", flush=True)
    before = {name: _matches(part, base.models) for name, part in (("shifted", test), ("usual", judging))}
    orders = {("by doubt", 0): chosen_by_doubt(base, pool, rehearsed, adaptation)}
    for repeat in range(arguments.repeats):
        orders["at random", repeat] = np.random.default_rng(repeat).permutation(len(pool)).tolist()
    rows = []
    for (choice, repeat), order in orders.items():
        for size in SIZES:
            models = fit(base, [pool[index] for index in order[:size]], rehearsed, adaptation)
            for look, part in (("shifted", test), ("usual", judging)):
                found = compared(before[look], _matches(part, models))
                for rate in found["rates"]:
                    rows.append({"choice": choice, "repeat": repeat, "images": size, "look": look, **rate})
            print(f"{choice} {repeat}, {size} images, after {time.time() - start:.0f} s", flush=True)
    table = pd.DataFrame(rows)
    arguments.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output / "adaptation.csv", index=False)
    means = table.groupby(["look", "choice", "images", "false_per_image"])[["before", "after", "gain"]].mean()
    print(means.round(3).to_string())
    (arguments.output / "settings.json").write_text(json.dumps(vars(arguments), default=str, indent=2), "utf-8")
    _draw(means.reset_index(), arguments.output / "adaptation.png")


def _matches(images, models):
    judge = Judge(models)
    return [image.matches(image.judged_by(judge)) for image in images]


def _draw(means, target):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((7.5, 3.4))
    FigureCanvasAgg(figure)
    for position, look in enumerate(("shifted", "usual")):
        axes = figure.add_subplot(1, 2, position + 1)
        for choice, color in (("by doubt", "#1f5fa8"), ("at random", "#c4571a")):
            own = means[(means["look"] == look) & (means["choice"] == choice) & (means["false_per_image"] == RATES[2])]
            sizes, values = [0, *own["images"]], [own["before"].iloc[0], *own["after"]]
            axes.plot(sizes, values, "o-", color=color, label=f"images chosen {choice}")
        axes.set(title={"shifted": "Another look", "usual": "The usual look"}[look], xlabel="corrected images")
        axes.set_ylim(0, 1)
        axes.set_ylabel(f"sensitivity at {RATES[2]:g} false marks per image")
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
