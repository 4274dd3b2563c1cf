"""``microcalc train MODEL``: make the models that the analysis uses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..base.errors import ParameterError
from . import (
    detector_images,
    train_adapt,
    train_compare,
    train_detector,
    train_fewer_features,
    train_operating_points,
    train_patches,
)
from .terminal import show_progress


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
    selector.add_argument(
        "--regressor",
        type=Path,
        metavar="DIR",
        help="networks that look at the candidates: of “train regressor”, or of another selector",
    )
    selector.add_argument("--seed", type=int)
    selector.set_defaults(train=_train_selector)

    points = models.add_parser("operating-points", help="a selector's thresholds, on images without calcifications")
    train_operating_points.add_arguments(points)
    points.set_defaults(train=train_operating_points.run)

    regressor = models.add_parser("regressor", help="the networks that look at candidate specks (needs PyTorch)")
    regressor.add_argument("--backgrounds", required=True, type=Path, metavar="TABLE", help="as for the selector")
    regressor.add_argument("--split", default="train", help="rows of the table to use (default: train)")
    regressor.add_argument("--output", required=True, type=Path, help="model folder to write")
    regressor.add_argument("--phantoms", type=int, metavar="N", help="simulated mammograms per background")
    regressor.add_argument(
        "--teacher",
        type=Path,
        metavar="DIR",
        help="train one network in place of those of this regressor: taught by their mean, and by the truth where "
        "they are wrong, on simulated windows in many looks; an ended training goes on in OUTPUT.training",
    )
    regressor.add_argument("--windows", type=int, metavar="N", help="with --teacher: windows per background")
    regressor.add_argument("--steps", type=int, metavar="N", help="optimizer steps of each network")
    regressor.add_argument("--seed", type=int)
    regressor.set_defaults(train=_train_regressor)

    fewer = models.add_parser("fewer-features", help="a selector's network at a lower cost, its trees as they are")
    train_fewer_features.add_arguments(fewer)
    fewer.set_defaults(train=train_fewer_features.run)

    simulated_patches = models.add_parser("simulated-patches", help="the training data of the bundled patch networks")
    train_patches.add_data_arguments(simulated_patches)
    simulated_patches.set_defaults(train=train_patches.run_data)

    patches = models.add_parser("patches", help="a patch network for heatmaps: AlexNet or ResNet (needs PyTorch)")
    train_patches.add_arguments(patches)
    patches.set_defaults(train=train_patches.run)

    images = models.add_parser("detector-images", help="the training data of the bundled lesion detector")
    detector_images.add_arguments(images)
    images.set_defaults(train=detector_images.run)

    detector = models.add_parser("detector", help="a lesion detector: Faster R-CNN (needs PyTorch and torchvision)")
    train_detector.add_arguments(detector)
    detector.set_defaults(train=train_detector.run)

    lexicon = models.add_parser("words", help="the model that suggests BI-RADS words, on simulated calcifications")
    source = lexicon.add_mutually_exclusive_group(required=True)
    source.add_argument("--backgrounds", type=Path, metavar="TABLE", help="as for the selector")
    source.add_argument(
        "--dataset", type=Path, metavar="DATASET", help="go on from the bundled model with clusters that readers named"
    )
    lexicon.add_argument(
        "--start", type=Path, metavar="MODEL", help="with --backgrounds: add trees to this model, fit none anew"
    )
    lexicon.add_argument("--output", required=True, type=Path, help="model folder to write")
    lexicon.set_defaults(train=_train_words)

    classifier = models.add_parser("classifier", help="the classifier of clusters, on your own cases")
    source = classifier.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", type=Path, metavar="DIR", help="results of microcalc analyze")
    source.add_argument(
        "--dataset",
        type=Path,
        metavar="DATASET",
        help="analyze its images, and go on from the bundled classifier with lesions of known outcome",
    )
    classifier.add_argument("--labels", type=Path, metavar="CSV", help="image, cluster_id, malignant, patient, split")
    classifier.add_argument(
        "--groups", default="patient_id", metavar="COLUMN", help="of the labels: who the patient is"
    )
    classifier.add_argument("--output", required=True, type=Path, help="model folder to write")
    classifier.add_argument("--aggregation", choices=("histograms", "moments"), default="histograms")
    classifier.add_argument(
        "--features", choices=("all", "measured", "deep"), default="all", help="“deep”: those of patch networks alone"
    )
    classifier.add_argument("--resampling", choices=("smote-enn", "none"), default="smote-enn")
    classifier.add_argument("--seed", type=int, default=1)
    classifier.set_defaults(train=_train_classifier)

    adapted = models.add_parser("adapt", help="a selector of specks that learns from corrected images")
    train_adapt.add_arguments(adapted)
    adapted.set_defaults(train=train_adapt.run)

    compare = models.add_parser("compare", help="the papers' tables: ways to make a classifier, on identical folds")
    train_compare.add_arguments(compare)
    compare.set_defaults(train=train_compare.run)

    clusters = models.add_parser("simulated-clusters", help="the training data of the bundled classifier")
    clusters.add_argument("--backgrounds", required=True, type=Path, metavar="TABLE", help="as for the selector")
    clusters.add_argument("--cbis-training", required=True, type=Path, metavar="CSV")
    clusters.add_argument("--cbis-test", required=True, type=Path, metavar="CSV")
    clusters.add_argument("--output", required=True, type=Path, help="folder for the tables and labels.csv")
    clusters.set_defaults(train=_simulate_clusters)

    descriptors = models.add_parser("descriptors", help="the risk model on CBIS-DDSM's descriptors")
    descriptors.add_argument(
        "--table", required=True, type=Path, help="training CSV of CBIS-DDSM's calcification cases"
    )
    descriptors.add_argument("--test-table", required=True, type=Path, help="its test CSV")
    descriptors.add_argument("--output", required=True, type=Path, help="model folder to write")
    descriptors.add_argument(
        "--predictive-values", type=Path, metavar="CSV", help="also write the share of malignant lesions of each word"
    )
    descriptors.set_defaults(train=_train_descriptors)


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
        read_backgrounds(arguments.backgrounds, arguments.split),
        arguments.output,
        training,
        regressor_folder=arguments.regressor,
        progress=show_progress,
    )
    print(f"{card['calcifications']} calcification candidates, {card['other_candidates']} others → {arguments.output}")
    for point in card["operating_points"]:
        print(
            f"  {point['false_marks_per_cm2']:g} false marks per cm²: threshold {point['threshold']:.3f}, "
            f"{100 * point['share_of_matching_candidates']:.1f} % of the matching candidates"
        )
    return 0


def _train_regressor(arguments: argparse.Namespace) -> int:
    from ..networks.runtime import require_torch

    require_torch()
    if arguments.teacher is not None:
        return _distill_regressor(arguments)
    from ..base.resources import resource_path
    from ..segmentation.selection import MeasurementSelector
    from ..training.backgrounds import read_backgrounds
    from ..training.regressor import RegressorTraining, train_regressor

    given = {"phantoms_per_background": arguments.phantoms, "steps": arguments.steps, "seed": arguments.seed}
    card = train_regressor(
        read_backgrounds(arguments.backgrounds, arguments.split),
        arguments.output,
        MeasurementSelector.load(resource_path("Models/SpeckSelector")),
        RegressorTraining(**{name: value for name, value in given.items() if value is not None}),
        progress=show_progress,
    )
    for number, fold in enumerate(card["folds"], 1):
        print(f"network {number}: loss {fold['loss'][-1]:.3f}, on patients it did not see {fold['unseen_loss']:.3f}")
    return 0


def _distill_regressor(arguments: argparse.Namespace) -> int:
    from ..training.backgrounds import read_backgrounds
    from ..training.distillation import Distillation, distill_regressor

    given = {"windows_per_background": arguments.windows, "steps": arguments.steps, "seed": arguments.seed}
    card = distill_regressor(
        read_backgrounds(arguments.backgrounds, arguments.split),
        arguments.teacher,
        arguments.output,
        Distillation(**{name: value for name, value in given.items() if value is not None}),
        progress=show_progress,
    )
    print(f"one network: loss {card['folds'][0]['loss'][-1]:.3f} → {arguments.output}")
    return 0


def _train_words(arguments: argparse.Namespace) -> int:
    from ..training.gone_on import changes_of

    if arguments.dataset:
        from ..dataset.dataset import read_dataset
        from ..training.words_update import update_words

        card = update_words(read_dataset(arguments.dataset), arguments.output, progress=show_progress)
        print("\n".join(changes_of(card)))
        print(f"Analyze with it: microcalc analyze … --words {arguments.output}")
        return 0
    from ..training.words import accuracy_text, train_words

    card = train_words(arguments.backgrounds, arguments.output, start=arguments.start, progress=show_progress)
    print(accuracy_text(card) if arguments.start is None else "\n".join(changes_of(card)))
    return 0


def _train_classifier(arguments: argparse.Namespace) -> int:
    if arguments.dataset:
        from ..dataset.dataset import read_dataset
        from ..training.classifier_update import update_classifier
        from ..training.gone_on import changes_of

        dataset = read_dataset(arguments.dataset)
        card = update_classifier(dataset, arguments.output, seed=arguments.seed, progress=show_progress)
        print("\n".join(changes_of(card)))
        print(f"Analyze with it: microcalc analyze … --classifier {arguments.output}")
        return 0
    if arguments.labels is None:
        raise ParameterError("Clusters need their outcomes; give the table of labels with --labels.")
    from ..classification.cases import read_cases, read_description
    from ..classification.feature_tables import FeatureTables
    from ..training.classifier import ClassifierTraining, train_classifier

    cases, held_out = read_cases(FeatureTables.load(arguments.table), arguments.labels, arguments.groups)
    training = ClassifierTraining(
        aggregation=arguments.aggregation,
        feature_set=arguments.features,
        resampling=arguments.resampling,
        seed=arguments.seed,
    )
    description = read_description(arguments.table)
    card = train_classifier(cases, arguments.output, training, held_out, description, progress=show_progress)
    for name, figures in card["figures"].items():
        area = figures["auc"]
        print(f"{name.replace('_', ' ')}: AUC {area['value']:.3f} ({area['low']:.3f} to {area['high']:.3f})")
    return 0


def _simulate_clusters(arguments: argparse.Namespace) -> int:
    from ..training.simulated_clusters import write_training_data

    cohorts = {"train": [arguments.cbis_training], "test": [arguments.cbis_test]}
    write_training_data(arguments.backgrounds, cohorts, arguments.output, progress=show_progress)
    print(f"Simulated clusters → {arguments.output}")
    return 0


def _train_descriptors(arguments: argparse.Namespace) -> int:
    from ..training.descriptors import cbis_predictive_values, train_descriptor_model

    if arguments.predictive_values:
        cbis_predictive_values([arguments.table, arguments.test_table], arguments.predictive_values)
    card = train_descriptor_model(arguments.table, arguments.test_table, arguments.output, progress=show_progress)
    figures = {name: card[name] for name in ("comparison", "cross_validation", "test")}
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0
