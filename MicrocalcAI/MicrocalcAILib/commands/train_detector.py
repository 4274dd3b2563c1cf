"""``microcalc train detector``: Faster R-CNN for lesions of calcifications."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..networks.runtime import DEVICES
from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="images made by microcalc train detector-images"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="model folder to write")
    parser.add_argument(
        "--backbone",
        choices=("light", "resnet18", "resnet50"),
        default="light",
        help="light: for computers without a graphics card (default); the others with the published settings",
    )
    parser.add_argument(
        "--initial-weights",
        type=Path,
        metavar="FILE",
        help="start from these: weights.safetensors of a detector, or torchvision's Faster R-CNN of that backbone",
    )
    parser.add_argument("--epochs", type=int, metavar="N")
    parser.add_argument("--tiles", type=int, metavar="N", help="tiles in one epoch")
    parser.add_argument("--batch", type=int, metavar="N", help="tiles in one step")
    parser.add_argument("--learning-rate", type=float, metavar="RATE")
    parser.add_argument("--no-focal-loss", action="store_true", help="plain cross entropy for the classes")
    parser.add_argument("--license", default="not stated", metavar="TEXT", help="for the model's card")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", choices=DEVICES, default="auto")


def run(arguments: argparse.Namespace) -> int:
    """Train, or go on with a training that was stopped."""
    from ..networks.runtime import Runtime
    from ..training.detector import train_detector
    from ..training.detector_images import read_description, read_grid
    from ..training.detector_state import LIGHT, PUBLISHED

    runtime = Runtime.choose(arguments.device)
    training = LIGHT if arguments.backbone == "light" else PUBLISHED
    given = {
        "epochs": arguments.epochs,
        "tiles_per_epoch": arguments.tiles,
        "batch": arguments.batch,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
    }
    architecture = replace(
        training.architecture,
        backbone=arguments.backbone,
        grid_mm=read_grid(arguments.data),
        focal_loss=not arguments.no_focal_loss,
    )
    chosen = {name: value for name, value in given.items() if value is not None}
    training = replace(training, architecture=architecture, **chosen)
    card = {"name": arguments.output.name, "license": arguments.license, **read_description(arguments.data)}
    written = train_detector(
        arguments.data,
        arguments.output,
        training,
        card,
        runtime,
        initial_weights=arguments.initial_weights,
        progress=show_progress,
    )
    last = written["learning_curve"][-1]
    for name, value in last.items():
        print(f"{name}: {value:.3g}")
    return 0
