"""``microcalc train detector``: Faster R-CNN for lesions of calcifications."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..networks.runtime import DEVICES
from .terminal import show_progress

if TYPE_CHECKING:
    from ..networks.runtime import Runtime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="images made by microcalc train detector-images")
    source.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="of “microcalc dataset”: training goes on from a detector, stops early, and compares before and after",
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
    parser.add_argument(
        "--start",
        default="LesionDetector",
        metavar="NAME|DIR",
        help="the detector that goes on learning from a dataset (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="with a dataset at most so many")
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
    if arguments.dataset:
        return _update(arguments, runtime)
    training = LIGHT if arguments.backbone == "light" else PUBLISHED
    architecture = replace(
        training.architecture,
        backbone=arguments.backbone,
        grid_mm=read_grid(arguments.data),
        focal_loss=not arguments.no_focal_loss,
    )
    training = replace(training, architecture=architecture, **_chosen(arguments))
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


def _update(arguments: argparse.Namespace, runtime: Runtime) -> int:
    from ..dataset.dataset import read_dataset
    from ..training.detector_update import UPDATE, update_detector
    from ..training.gone_on import changes_of

    card = update_detector(
        read_dataset(arguments.dataset),
        arguments.output,
        replace(UPDATE, **_chosen(arguments)),
        arguments.start,
        {"license": arguments.license},
        runtime,
        show_progress,
    )
    print("\n".join(changes_of(card)))
    print(f"Analyze with it: microcalc analyze … --detector {arguments.output}")
    return 0


def _chosen(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given."""
    given = {
        "epochs": arguments.epochs,
        "tiles_per_epoch": arguments.tiles,
        "batch": arguments.batch,
        "learning_rate": arguments.learning_rate,
        "seed": arguments.seed,
    }
    return {name: value for name, value in given.items() if value is not None}
