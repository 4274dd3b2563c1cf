"""The networks of ``microcalc train compare``: each trained and judged as its own command does, on the same split."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import options_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

ARCHITECTURES = {"alexnet": "AlexNet", "resnet18": "ResNet18", "resnet34": "ResNet34"}
BACKBONES = {"light": "Light", "resnet18": "ResNet18", "resnet50": "ResNet50"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the networks are trained with."""
    parser.add_argument(
        "--patches",
        type=Path,
        metavar="DIR",
        help="as --data of train patches: trains the patch networks of Task 1 (microcalcifications or none) and Task 2 "
        "(malignant or benign), needs PyTorch",
    )
    parser.add_argument(
        "--architectures", nargs="+", choices=tuple(ARCHITECTURES), default=list(ARCHITECTURES), help="(default: all)"
    )
    parser.add_argument(
        "--lesions",
        type=Path,
        metavar="CSV",
        help="as of train detector-images, with the splits “train” and “held-out”: trains the lesion detector and "
        "judges it by lesion, breast and exam, needs PyTorch",
    )
    parser.add_argument(
        "--backbones",
        nargs="+",
        choices=tuple(BACKBONES),
        default=["light"],
        help="of the detector (default: light; the others want a graphics card)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="of every network (default: that of its own command)")
    parser.add_argument("--tiles", type=int, metavar="N", help="of the detector's epochs")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def network_predictions(arguments: argparse.Namespace, notes: list[str]) -> list[Path]:
    """Train what is not there yet; gives the tables of predictions on patients that no network learned from.

    A stopped run goes on where it was; finished networks below ``models`` are kept, which a note says.
    """
    models = Path(arguments.output) / "models"
    found = []
    if arguments.patches is not None:
        found += _patch_networks(arguments, models, notes)
    if arguments.lesions is not None:
        found += _detectors(arguments, models / "Detector", notes)
    return found


def _patch_networks(arguments: argparse.Namespace, models: Path, notes: list[str]) -> list[Path]:
    from ..base.errors import ParameterError
    from ..training.patch_network import PREDICTIONS_FILE, TASK_NAMES
    from . import train_patches

    found = []
    for number, (task, title) in enumerate(TASK_NAMES.items(), start=1):
        for architecture in arguments.architectures:
            model = models / f"Task{number}" / ARCHITECTURES[architecture]
            if not _is_kept(model / PREDICTIONS_FILE, notes):
                asked = ["--task", task, "--architecture", architecture, "--data", arguments.patches]
                try:
                    _run(train_patches, [*asked, "--output", model, *_options(arguments)])
                except ParameterError as error:
                    notes.append(f"{title}: not compared. {error}")
                    break
            found.append(model / PREDICTIONS_FILE)
    return found


def _detectors(arguments: argparse.Namespace, folder: Path, notes: list[str]) -> list[Path]:
    from ..base.errors import ParameterError
    from ..training.lesion_images import lesion_rows
    from . import detector_images, evaluate_detector, train_detector

    if "split" not in lesion_rows(arguments.lesions):
        raise ParameterError("The table of lesions needs a column “split” with “train” and “held-out”.")
    images, found = folder / "images", []
    tiles = [] if arguments.tiles is None else ["--tiles", arguments.tiles]
    _run(detector_images, ["--lesions", arguments.lesions, "--output", images])
    for backbone in arguments.backbones:
        model = folder / BACKBONES[backbone]
        judged = folder / f"{model.name}_judged"
        if not _is_kept(judged / "predictions.csv", notes):
            asked = ["--data", images, "--backbone", backbone, "--output", model, *tiles]
            _run(train_detector, [*asked, *_options(arguments)])
            asked = ["--lesions", arguments.lesions, "--model", model, "--device", arguments.device]
            _run(evaluate_detector, [*asked, "--output", judged])
        found.append(judged / "predictions.csv")
    return found


def _options(arguments: argparse.Namespace) -> list[object]:
    epochs = [] if arguments.epochs is None else ["--epochs", arguments.epochs]
    return [*epochs, "--device", arguments.device, "--seed", arguments.seed]


def _is_kept(predictions: Path, notes: list[str]) -> bool:
    if predictions.exists():
        notes.append(f"“{predictions.parent.name}” was trained by an earlier run and kept; remove it to train it anew.")
    return predictions.exists()


def _run(command: ModuleType, options: Sequence[object]) -> None:
    command.run(options_of(command, options))
