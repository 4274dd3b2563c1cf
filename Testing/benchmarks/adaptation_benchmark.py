"""How much a selector learns from 5, 10 and 20 corrected images of another look, chosen at random or by a criterion.

The shift: amorphous and punctate calcifications of low contrast, many things that look like them, another gray scale.
The reader is simulated: the corrections are the exact truth. Simulated images of the usual look are rehearsed, and tell
what was forgotten. Prints a table and writes it with a picture. Every learning curve is on the disk when it is done: a
run that was stopped goes on, and one with more repeats adds them.

    python Testing/benchmarks/adaptation_benchmark.py --output DIR [--images 40] [--pool 30] [--test 12] [--repeats 6]
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

from MicrocalcAILib.base.resources import resource_path
from MicrocalcAILib.phantom import BreastParameters, PhantomParameters, power_law_background, simulate
from MicrocalcAILib.segmentation.selection import MeasurementSelector
from MicrocalcAILib.training.adapt import simulated
from MicrocalcAILib.training.adapt_trees import Adaptation, fit
from MicrocalcAILib.training.comparison import RATES, compared
from MicrocalcAILib.training.corrections import Base, Judge, corrected
from MicrocalcAILib.training.next_image import most_doubtful

SIZES = (5, 10, 20)
COLORS = {
    "at random": "#c4571a",
    "by doubt": "#1f5fa8",
    "by disagreement": "#4a8f3c",
    "by doubt and variety": "#8e5aa8",
}
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


def at_random(pool, chosen, judged, others, count):
    """The order of the pool, which was drawn at random."""
    return [index for index in range(len(pool)) if index not in chosen][:count]


def by_mistakes(pool, chosen, judged, others, count):
    """The images with the most expected mistakes: what the panel proposes."""
    rest = [index for index in range(len(pool)) if index not in chosen]
    found = most_doubtful([pool[index] for index in rest], [judged[index] for index in rest], count)
    return [rest[index] for index in found]


def by_disagreement(pool, chosen, judged, others, count):
    """The images about which the adapted selector and the bundled one on measurements alone disagree most."""
    disputed = np.array([np.abs(own - other).sum() for own, other in zip(judged, others, strict=True)])
    disputed[chosen] = -1
    return [int(index) for index in np.argsort(-disputed, kind="stable")[:count]]


def by_variety(pool, chosen, judged, others, count):
    """By turns the largest product of doubt and disagreement with the distance from what is corrected already.

    The distance is that between the mean measurements of the candidates, weighted by their doubt, in standard
    deviations over the pool.
    """
    doubts = [np.minimum(own, 1 - own) for own in judged]
    worth = np.array([d.sum() + np.abs(a - b).sum() for d, a, b in zip(doubts, judged, others, strict=True)])
    places = np.array([d @ i.values.to_numpy(float) / max(d.sum(), 1e-9) for d, i in zip(doubts, pool, strict=True)])
    places = (places - places.mean(axis=0)) / np.maximum(places.std(axis=0), 1e-9)
    taken = list(chosen)
    while len(taken) < len(chosen) + count:
        apart = np.ones(len(pool))
        if taken:
            apart = np.linalg.norm(places[:, None] - places[None, taken], axis=2).min(axis=1)
        product = worth * apart
        product[taken] = -1
        taken.append(int(product.argmax()))
    return taken[len(chosen) :]


CRITERIA = {
    "at random": at_random,
    "by doubt": by_mistakes,
    "by disagreement": by_disagreement,
    "by doubt and variety": by_variety,
}


def learning_curve(criterion, base, pool, rehearsed, adaptation, other):
    """Sizes, and the ensembles adapted to that many images of the pool, each batch chosen by those before."""
    chosen, models = [], base.models
    for size in SIZES:
        judged, others = ([judge_of(image) for image in pool] for judge_of in (judging_by(models), other))
        chosen += criterion(pool, chosen, judged, others, size - len(chosen))
        models = fit(base, [pool[index] for index in chosen], rehearsed, adaptation)
        yield size, models


def judging_by(models):
    """What a selector with these trees says about an image."""
    judge = Judge(models)
    return lambda image: image.judged_by(judge)


def measurements_alone():
    """What the bundled selector on measurements says about an image."""
    selector = MeasurementSelector.load(resource_path("Models/SpeckSelector"))
    judge = Judge(selector.models)
    names = selector.card["measurements"]
    return lambda image: judge.probabilities(image.values[names].to_numpy(float), image.positions_mm)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--base", default="SpeckSelectorNetwork")
    parser.add_argument("--images", type=int, default=40, help="corrected images there could be")
    parser.add_argument("--pool", type=int, default=30, help="of them in each repeat, drawn anew")
    parser.add_argument("--test", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=6)
    arguments = parser.parse_args()
    settings = {name: value for name, value in vars(arguments).items() if name not in ("output", "repeats")}
    arguments.output.mkdir(parents=True, exist_ok=True)
    settings_file, table_file = arguments.output / "settings.json", arguments.output / "adaptation.csv"
    if settings_file.is_file() and json.loads(settings_file.read_text("utf-8")) != settings:
        parser.error(f"{arguments.output} holds a run with other settings; choose another folder.")
    settings_file.write_text(json.dumps(settings, indent=2), "utf-8")
    rows = pd.read_csv(table_file).to_dict("records") if table_file.is_file() else []
    done = {(row["repeat"], row["choice"]) for row in rows}
    if not done >= {(repeat, choice) for repeat in range(arguments.repeats) for choice in CRITERIA}:
        for found in _measured(arguments, done):
            rows += found
            pd.DataFrame(rows).to_csv(table_file, index=False)
    table = pd.DataFrame(rows)
    table = table[table["repeat"] < arguments.repeats]
    for choice in list(CRITERIA)[1:]:
        print(_against_random(table, choice))
    groups = table.groupby(["look", "choice", "images", "false_per_image"])
    means = groups[["before", "after", "gain"]].mean().assign(spread=groups["after"].std())
    print(means.round(3).to_string())
    _draw(means.reset_index(), arguments.output / "adaptation.png")


def _measured(arguments, done):
    """The rows of one learning curve after the other."""
    start = time.time()
    base, adaptation = Base.load(arguments.base), Adaptation(rehearsal=6, frame_mm=FRAME_MM)
    images, test = list(shifted(base, arguments.images, 11)), list(shifted(base, arguments.test, 12))
    rehearsed, judging = (list(simulated(base, 6, FRAME_MM, [seed])) for seed in (13, 14))
    other = measurements_alone()
    print(f"images made after {time.time() - start:.0f} s", flush=True)
    before = {name: _matches(part, base.models) for name, part in (("shifted", test), ("usual", judging))}
    for repeat in range(arguments.repeats):
        drawn = np.random.default_rng([7, repeat]).permutation(len(images))[: arguments.pool]
        pool = [images[index] for index in drawn]
        for choice, criterion in CRITERIA.items():
            if (repeat, choice) in done:
                continue
            rows = []
            for size, models in learning_curve(criterion, base, pool, rehearsed, adaptation, other):
                for look, part in (("shifted", test), ("usual", judging)):
                    found = compared(before[look], _matches(part, models))
                    rows += [
                        {"choice": choice, "repeat": repeat, "images": size, "look": look, **rate}
                        for rate in found["rates"]
                    ]
            print(f"{choice}, repeat {repeat}, after {time.time() - start:.0f} s", flush=True)
            yield rows


def _against_random(table, choice):
    """Mean difference to a random choice over the rates, in pairs of the same pool, with its standard error."""
    means = table[table["look"] == "shifted"].groupby(["choice", "images", "repeat"])["after"].mean()
    parts = []
    for size in SIZES:
        apart = (means[choice, size] - means["at random", size]).dropna()
        error = apart.std() / np.sqrt(len(apart))
        parts.append(f"{size} images {apart.mean():+.3f} ± {error:.3f}")
    return f"{choice}, against at random: {', '.join(parts)} ({len(apart)} repeats)"


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
        for choice, color in COLORS.items():
            own = means[(means["look"] == look) & (means["choice"] == choice) & (means["false_per_image"] == RATES[2])]
            sizes, values = [0, *own["images"]], [own["before"].iloc[0], *own["after"]]
            axes.plot(sizes, values, "o-", color=color, label=f"images chosen {choice}")
        axes.set(title={"shifted": "Another look", "usual": "The usual look"}[look], xlabel="corrected images")
        axes.set_ylim(0.2, 0.8)
        axes.set_ylabel(f"sensitivity at {RATES[2]:g} false marks per image")
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
