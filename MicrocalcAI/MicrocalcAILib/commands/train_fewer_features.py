"""The command that writes a selector whose network costs less."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``microcalc train fewer-features``."""
    parser.add_argument("--selector", required=True, metavar="DIR|NAME", help="a selector with one network")
    parser.add_argument("--backgrounds", required=True, type=Path, metavar="TABLE", help="as for the selector")
    parser.add_argument("--split", default="train", help="rows of the table to use (default: train)")
    parser.add_argument("--features", type=int, metavar="N", help="features that remain (default: 8)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--output", required=True, type=Path, help="model folder to write")


def run(arguments: argparse.Namespace) -> int:
    """Reduce, and print what is lost."""
    from ..networks.runtime import require_torch

    require_torch()
    from ..training.backgrounds import read_backgrounds
    from ..training.fewer_features import FewerFeatures, reduce_selector

    given = {"features": arguments.features, "seed": arguments.seed}
    card = reduce_selector(
        arguments.selector,
        read_backgrounds(arguments.backgrounds, arguments.split),
        arguments.output,
        FewerFeatures(**{name: value for name, value in given.items() if value is not None}),
        progress=show_progress,
    )
    lost = card["regressor"]["reduction"]["lost_share"]
    print(f"{card['regressor']['architecture']['features']} features, {100 * lost:.2f} % lost → {arguments.output}")
    return 0
