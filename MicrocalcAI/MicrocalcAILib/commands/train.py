"""``microcalc train MODEL``: make the models that the analysis uses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "Train a model (selector)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one sub-command per model."""
    models = parser.add_subparsers(dest="model", required=True, metavar="MODEL")
    selector = models.add_parser("selector", help="the selector of candidate specks, on simulated calcifications")
    selector.add_argument(
        "--backgrounds", required=True, type=Path, metavar="TABLE", help="CSV: image, spacing_mm, patient, split"
    )
    selector.add_argument("--split", default="train", help="rows of the table to use (default: train)")
    selector.add_argument("--output", required=True, type=Path, help="model folder to write")
    selector.add_argument("--phantoms", type=int, metavar="N", help="simulated mammograms per background")
    selector.add_argument("--simulated-backgrounds", type=int, metavar="N", help="power-law backgrounds to add")
    selector.add_argument("--seed", type=int)
    selector.set_defaults(train=_train_selector)


def run(arguments: argparse.Namespace) -> int:
    """Train the chosen model."""
    return int(arguments.train(arguments))


def _train_selector(arguments: argparse.Namespace) -> int:
    from ..training.backgrounds import read_backgrounds
    from ..training.selector import SelectorTraining, train_selector

    given = {
        "phantoms_per_background": arguments.phantoms,
        "simulated_backgrounds": arguments.simulated_backgrounds,
        "seed": arguments.seed,
    }
    training = SelectorTraining(**{name: value for name, value in given.items() if value is not None})
    card = train_selector(
        read_backgrounds(arguments.backgrounds, arguments.split), arguments.output, training, progress=_show
    )
    print(f"{card['calcifications']} calcification candidates, {card['other_candidates']} others → {arguments.output}")
    for point in card["operating_points"]:
        print(
            f"  {point['false_marks_per_cm2']:g} false marks per cm²: threshold {point['threshold']:.3f}, "
            f"{100 * point['share_of_matching_candidates']:.1f} % of the matching candidates"
        )
    return 0


def _show(stage: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{stage} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
