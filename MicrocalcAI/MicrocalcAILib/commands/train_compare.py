"""``microcalc train compare``: the papers' tables in one run on identical folds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from . import train_compare_networks
from .terminal import show_progress

if TYPE_CHECKING:
    import pandas as pd

    from ..classification.cases import Cases
    from ..training.compare import Row, Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``train compare``."""
    parser.add_argument("--table", type=Path, metavar="DIR", help="results of microcalc analyze, for clusters")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="image, cluster_id, malignant, patient")
    parser.add_argument("--groups", default="patient_id", metavar="COLUMN", help="of the labels: who the patient is")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="CSV",
        help="image (name in the results), path (relative to this table), and if wanted spacing_mm: adds rows with "
        "features of ResNet-50 and VGG-16 (needs PyTorch)",
    )
    for network in ("resnet50", "vgg16"):
        parser.add_argument(
            f"--{network}-weights",
            type=Path,
            metavar="FILE",
            help="safetensors with torchvision's names of weights (default: random weights, as a control)",
        )
    parser.add_argument(
        "--predictions",
        type=Path,
        nargs="+",
        default=[],
        metavar="CSV",
        help="predictions of models that were trained elsewhere, in columns task, model, "
        "item, patient, outcome, score, and if wanted threshold",
    )
    train_compare_networks.add_arguments(parser)
    parser.add_argument("--grid", choices=("full", "small"), default="full", help="settings of the trees to try")
    parser.add_argument("--sensitivity", type=float, default=0.95, metavar="S", help="of the threshold (default: 0.95)")
    parser.add_argument("--words", type=int, nargs="+", default=[10, 15, 25], metavar="K", help="of the histograms")
    parser.add_argument("--folds", type=int, default=5, help="inner folds (default: 5)")
    parser.add_argument("--outer-folds", type=int, default=4, help="(default: 4)")
    parser.add_argument("--no-canaries", action="store_true", help="leave out the rows on shuffled outcomes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="where report and tables go")


def run(arguments: argparse.Namespace) -> int:
    """Compare, write, print the areas."""
    from ..base.errors import ParameterError
    from ..training.compare import read_predictions
    from ..training.compare_report import save_comparison

    something = (arguments.table, arguments.patches, arguments.lesions, *arguments.predictions)
    if (arguments.table is None) != (arguments.labels is None) or not any(something):
        raise ParameterError(
            "Give --table and --labels to compare classifiers of clusters, --patches or --lesions to train and compare "
            "networks, --predictions, or several of them."
        )
    tasks: list[Task] = []
    notes: list[str] = []
    if arguments.table is not None:
        tasks.append(_clusters(arguments, notes))
    predictions = [*train_compare_networks.network_predictions(arguments, notes), *arguments.predictions]
    if predictions:
        tasks += read_predictions(predictions)
    settings = {
        name: getattr(arguments, name)
        for name in ("grid", "sensitivity", "words", "folds", "outer_folds", "seed")
        if arguments.table is not None
    }
    if arguments.patches is not None:
        settings["architectures"] = arguments.architectures
    if arguments.lesions is not None:
        settings["backbones"] = arguments.backbones
    save_comparison(tasks, arguments.output, settings, notes)
    for task in tasks:
        print(task.name)
        for name, found in task.measures.items():
            area = found.measures["auc"]
            interval = f" ({area.low:.3f} to {area.high:.3f})" if area.low < area.high else ""
            print(f"  {name}: AUC {area.value:.3f}{interval}")
    for note in notes:
        print(f"Note: {note}")
    print(f"\nWritten to {arguments.output / 'report.html'}")
    return 0


def _clusters(arguments: argparse.Namespace, notes: list[str]) -> Task:
    from ..classification.cases import read_cases
    from ..classification.feature_tables import FeatureTables
    from ..networks.heatmap import DEEP_PREFIX
    from ..training.classifier import ClassifierTraining
    from ..training.compare import ROWS, Row, compare_rows

    cases, _ = read_cases(FeatureTables.load(arguments.table), arguments.labels, arguments.groups)
    training = ClassifierTraining(
        words=tuple(arguments.words),
        grid=arguments.grid,
        target_sensitivity=arguments.sensitivity,
        folds=arguments.folds,
        outer_folds=arguments.outer_folds,
        seed=arguments.seed,
    )
    rows: list[Row] = list(ROWS)
    if any(str(name).startswith(DEEP_PREFIX) for name in cases.tables.clusters):
        rows.append(Row("Features of our own networks", {"feature_set": "deep"}))
    else:
        notes.append("Features of our own networks: the results hold none; analyze with --heatmap to compare them.")
    deep: dict[str, pd.DataFrame] = {}
    if arguments.images is None:
        notes.append("Features of ResNet-50 and VGG-16: they need the images; name them with --images.")
    else:
        deep = _deep(arguments, cases, rows)
    return compare_rows(cases, training, rows, deep, canaries=not arguments.no_canaries, progress=show_progress)


def _deep(arguments: argparse.Namespace, cases: Cases, rows: list[Row]) -> dict[str, pd.DataFrame]:
    from ..training.compare import Row
    from ..training.deep_features import NETWORKS, deep_features, feature_network
    from ..training.deep_patches import read_cluster_patches

    patches = read_cluster_patches(arguments.images, arguments.table, cases)
    found = {}
    for name, title in zip(NETWORKS, ("ResNet-50", "VGG-16"), strict=True):
        weights = getattr(arguments, f"{name}_weights")
        found[name] = deep_features(feature_network(name, weights, arguments.seed), patches, name)
        note = "weights from the file that was given" if weights else "random weights: a control, no transfer learning"
        title += "" if weights else ", random weights"
        rows.append(Row(f"Features of {title}", {"feature_set": "deep"}, deep=name, note=note))
    return found
