"""``microcalc train adapt``: the selector of specks learns from corrected images."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="DATASET", help="of “microcalc dataset”, with outlines"
    )
    parser.add_argument("--split", default="", help="only images of this split (default: all)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="model folder to write (default: AdaptedSelector among your models, where the panel lists it)",
    )
    parser.add_argument(
        "--base",
        default="SpeckSelectorNetwork",
        metavar="NAME|DIR",
        help="the selector to adapt (default: %(default)s)",
    )
    parser.add_argument("--trees", type=int, default=80, metavar="N", help="that are added (default: 80)")
    parser.add_argument(
        "--rehearsal",
        type=int,
        default=4,
        metavar="N",
        help="simulated images that are learned along, and as many that tell what was forgotten (default: 4)",
    )
    parser.add_argument(
        "--network",
        type=int,
        nargs="?",
        const=200,
        default=0,
        metavar="STEPS",
        help="the network learns, too, before the trees, in so many steps (default: 200; needs PyTorch); an ended "
        "training goes on in OUTPUT.training",
    )
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> int:
    """Adapt, write, say what it changed."""
    from ..dataset.dataset import read_dataset
    from ..networks.catalogue import user_folder
    from ..training.adapt import adapt_selector
    from ..training.adapt_trees import Adaptation
    from ..training.gone_on import changes_of

    output = arguments.output or user_folder() / "AdaptedSelector"
    card = adapt_selector(
        read_dataset(arguments.dataset, arguments.split),
        output,
        arguments.base,
        Adaptation(
            trees=arguments.trees,
            rehearsal=arguments.rehearsal,
            seed=arguments.seed,
            steps=arguments.network,
        ),
        progress=show_progress,
    )
    print("\n".join(changes_of(card)))
    print(f"Analyze with it: microcalc analyze … --selector {output}")
    return 0
