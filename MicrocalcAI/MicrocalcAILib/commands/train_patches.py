"""``microcalc train patches`` and ``microcalc train simulated-patches``: networks that judge patches."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..networks.patch_networks import PatchInput
    from ..reading.mammogram import Mammogram
    from ..training.patches import PatchSet

_BUNDLED = {"detection": "PatchDetection", "malignancy": "PatchMalignancy"}
_FRESH = "fresh"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``train patches``."""
    parser.add_argument("--task", required=True, choices=("detection", "malignancy"))
    parser.add_argument(
        "--architecture",
        choices=("alexnet", "resnet18", "resnet34"),
        help="(default: that of the network training starts from, else alexnet)",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="images.csv (image, patient, spacing_mm, labels, malignant, split) with annotations.csv (image, row, "
        "column or row_min, row_max, column_min, column_max, malignant, group) or label maps; or phantoms; or patches "
        "of “simulated-patches”",
    )
    source.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="of “microcalc dataset”: training goes on from the bundled network, and the card says before and after",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="model folder to write")
    parser.add_argument(
        "--width", type=int, default=4096, metavar="N", help="of AlexNet's fully connected layers (default: 4096)"
    )
    parser.add_argument(
        "--pooled", type=int, default=6, metavar="N", help="squares per side that AlexNet pools to (default: 6)"
    )
    parser.add_argument(
        "--start",
        metavar="MODEL",
        help="model folder (or name) whose weights training starts from (default: with --dataset the bundled network "
        "of the task; “fresh”: none)",
    )
    parser.add_argument("--epochs", type=int, default=40, help="at most (default: 40)")
    parser.add_argument(
        "--patience", type=int, default=6, help="epochs without progress on validation before the end (default: 6)"
    )
    parser.add_argument("--batch", type=int, default=16, help="patches per step (default: 16)")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="of Adam (default: 0.0001)")
    parser.add_argument("--no-augmentation", action="store_true", help="leave the patches as they are")
    parser.add_argument("--balanced", action="store_true", help="weight both classes equally")
    parser.add_argument(
        "--only-where",
        metavar="NAME",
        help="detection network of the catalogue: heatmaps show a malignancy network only where that one sees "
        "microcalcifications",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument(
        "--without-calcifications",
        type=Path,
        metavar="TABLE",
        help="CSV of images (image, spacing_mm, patient, split) in which no microcalcifications are known: the patches "
        "marked in its “held-out” images are counted",
    )
    parser.add_argument("--json-progress", action="store_true", help="report progress as lines of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Train, and print the paper's table of the test."""
    from ..networks.patch_networks import Architecture, PatchInput, PatchModel
    from ..networks.runtime import Runtime
    from ..training.patch_figures import figures_text
    from ..training.patch_learning import PatchTraining
    from ..training.patch_network import train_patch_network

    runtime = Runtime.choose(arguments.device)
    start = arguments.start or (_BUNDLED[arguments.task] if arguments.dataset else None)
    start = None if start == _FRESH else start
    begun = {} if start is None else PatchModel.load(start).card
    seen = PatchInput(**begun["input"]) if begun else None
    if begun and arguments.architecture is None:
        architecture = Architecture(**begun["architecture"])
    else:
        architecture = Architecture(arguments.architecture or "alexnet", arguments.width, arguments.pooled)
    training = PatchTraining(
        architecture=architecture,
        start=start,
        epochs=arguments.epochs,
        patience=arguments.patience,
        batch=arguments.batch,
        learning_rate=arguments.learning_rate,
        augment=not arguments.no_augmentation,
        balanced=arguments.balanced,
        only_where=arguments.only_where,
        seed=arguments.seed,
    )
    show = _Shown(arguments.json_progress)
    images = _held_out(arguments.without_calcifications) if arguments.without_calcifications else None
    card = train_patch_network(
        _patches(arguments, seen, show), arguments.task, arguments.output, training, runtime, images, show
    )
    figures = card["figures"]
    if "before" in figures:
        print(f"Before, {Path(str(training.start)).name}. {figures_text(figures['before'])}\n\nAfter.", end=" ")
    print(figures_text(figures["test"]))
    for name in (name for name in figures if name.startswith("test_")):
        print(f"\n{name.removeprefix('test_')} images. {figures_text(figures[name])}")
    for row in figures.get("images_without_known_calcifications", []):
        print(f"{row['image']}: {row['marked']} of {row['patches']} patches marked")
    print(f"\nWritten to {arguments.output}")
    return 0


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``train simulated-patches``."""
    parser.add_argument(
        "--backgrounds", required=True, type=Path, metavar="TABLE", help="CSV: image, spacing_mm, patient, split"
    )
    parser.add_argument("--cbis-training", required=True, type=Path, metavar="CSV")
    parser.add_argument("--cbis-test", required=True, type=Path, metavar="CSV")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the patches")
    parser.add_argument("--images", type=int, default=160, metavar="N", help="for training and validation")
    parser.add_argument("--test-images", type=int, default=40, metavar="N")
    parser.add_argument(
        "--simulated-backgrounds", type=int, default=40, metavar="N", help="for training and validation"
    )
    parser.add_argument("--test-simulated-backgrounds", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=1, help="of training and validation; the test takes the next")
    parser.add_argument("--json-progress", action="store_true", help="report progress as lines of JSON")


def run_data(arguments: argparse.Namespace) -> int:
    """Simulate patches and write them."""
    from ..training.simulated_patches import PatchSimulation, simulate_patches

    patches = simulate_patches(
        arguments.backgrounds,
        {"train": arguments.cbis_training, "test": arguments.cbis_test},
        {
            "train": PatchSimulation(arguments.images, arguments.simulated_backgrounds, seed=arguments.seed),
            "test": PatchSimulation(
                arguments.test_images, arguments.test_simulated_backgrounds, seed=arguments.seed + 1
            ),
        },
        progress=_Shown(arguments.json_progress),
    )
    patches.save(arguments.output)
    print(f"{len(patches)} patches → {arguments.output}")
    return 0


def _patches(arguments: argparse.Namespace, seen: PatchInput | None, show: _Shown) -> PatchSet:
    from ..base.errors import ParameterError
    from ..dataset.dataset import read_dataset
    from ..training.annotations import read_annotated_images
    from ..training.dataset_images import annotated_images, is_dataset, training_data_of
    from ..training.patches import PATCHES_FILE, PatchSet, cut_patches

    if arguments.dataset:
        dataset = read_dataset(arguments.dataset)
        description = {"training_data": f"Patches of {training_data_of(dataset)}"}
        return cut_patches(annotated_images(dataset, show), arguments.seed, seen=seen, description=description)
    if is_dataset(arguments.data):
        raise ParameterError(f"“{arguments.data.name}” is a dataset; give it with --dataset.")
    if (arguments.data / PATCHES_FILE).is_file():
        return PatchSet.load(arguments.data)
    description = {"training_data": "Patches of annotated mammograms given by the user."}
    images = read_annotated_images(arguments.data, show)
    return cut_patches(images, arguments.seed, seen=seen, description=description)


def _held_out(table: Path) -> list[tuple[str, Mammogram]]:
    from ..training.backgrounds import read_backgrounds

    return [(image.path.name, image.read()) for image in read_backgrounds(table, "held-out")]


class _Shown:
    """Progress on the terminal, or as lines of JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self.as_json:
            print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)
        elif sys.stderr.isatty():
            print(f"\r\033[K{stage} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
