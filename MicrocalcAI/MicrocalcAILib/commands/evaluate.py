"""``microcalc evaluate``: compare analyses with the truth."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..evaluation.free_response import FreeResponse
    from ..statistics.estimate import Estimate


MARKS = {
    "required": ("required",),
    "presented": ("required", "optional"),
    "all": ("required", "optional", "not for presentation"),
}
_OUTLINES = {"matched": "", "matched_larger_than_one_pixel": " of more than one pixel (IoU per object of HDoGReg)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="DIR",
        help="folder with one folder per image as “microcalc analyze” writes it (or one such folder), or with "
        "Mammography CAD SR documents of any maker (or one such file); not needed for a dataset, whose images are "
        "analyzed then, into “analyses” of the output",
    )
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument(
        "--dataset", type=Path, metavar="DATASET", help="of “microcalc dataset”: images, outlines and patients"
    )
    truth.add_argument(
        "--truth",
        type=Path,
        metavar="DIR",
        help="folder with one folder of the same name per image as “microcalc phantom” writes it (or one such folder); "
        "“labels.nrrd” is enough",
    )
    parser.add_argument("--split", default="", help="of the dataset, for example “test” (default: all images)")
    parser.add_argument(
        "--selector", default="auto", metavar="NAME|DIR", help="who judges the candidates of a dataset's images"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the tables and the curve go")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="the DICOM images that CAD documents are about; each is called as the folder of its truth",
    )
    parser.add_argument(
        "--marks",
        choices=MARKS,
        default="presented",
        help="which marks of CAD documents count, by their rendering intent: those that must be shown at the "
        "document's operating point, also those that may be shown, or all (default: presented)",
    )
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="other analyses of the same images; their curves are drawn beside the first",
    )
    parser.add_argument(
        "--ignore-bright-specks",
        action="store_true",
        help="marks on specks that a real background showed before calcifications were inserted are not counted",
    )
    parser.add_argument(
        "--patients",
        type=Path,
        metavar="TABLE",
        help="CSV: image, patient; intervals are by patient (default: the patient that truth or analysis name)",
    )
    parser.add_argument(
        "--rule",
        choices=("microcalc", "hdogreg", "calc-det"),
        default="microcalc",
        help="who takes which mark: the surest marks choose first; or as the code of Marasinou 2021: each truth takes "
        "the nearest mark, and every other mark is false; or as calc-det, the published curve on INbreast: a mark hits "
        "every calcification within 0.49 mm of its center (default: microcalc)",
    )
    parser.add_argument(
        "--pieces-are-false",
        action="store_true",
        help="a second mark on a true calcification counts as a false one (default: not at all)",
    )
    parser.add_argument(
        "--max-distance-mm",
        type=float,
        metavar="MM",
        help="a mark matches a true calcification when their centers are at most this far apart … (default: the "
        "rule's, 0.35)",
    )
    parser.add_argument(
        "--min-iou",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="… or their outlines overlap at least this much, intersection over union (default: 0.3)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, write the results, print the main numbers."""
    from ..base.errors import ParameterError
    from ..dataset.dataset import TRUTH_FOLDER, read_dataset
    from ..evaluation.folders import evaluate_folders
    from ..evaluation.free_response import sensitivity_gain
    from ..evaluation.matching import RULES
    from ..evaluation.patients import read_patients
    from ..evaluation.report import save_evaluation
    from .evaluate_dataset import analyze_dataset
    from .terminal import show_progress, shown_name

    named = RULES[arguments.rule]
    rule = replace(
        named,
        max_distance_mm=named.max_distance_mm if arguments.max_distance_mm is None else arguments.max_distance_mm,
        min_iou=arguments.min_iou,
        pieces_are_false=named.pieces_are_false or arguments.pieces_are_false,
    )
    patients = read_patients(arguments.patients) if arguments.patients else None
    truth, predictions, only = arguments.truth, arguments.predictions, None
    if arguments.dataset is not None:
        dataset = read_dataset(arguments.dataset, arguments.split)
        truth, only = arguments.dataset / TRUTH_FOLDER, {image.name for image in dataset.outlined}
        patients = patients or {image.name: image.patient for image in dataset.images}
        if not only:
            raise ParameterError("The dataset outlines no single calcifications, which is what is compared here.")
        if predictions is None:
            predictions = arguments.output / "analyses"
            analyze_dataset(dataset, predictions, arguments.selector, show_progress)
    if predictions is None:
        raise ParameterError("Say what is to be compared with the truth: give --predictions.")
    evaluation, *others = (
        evaluate_folders(
            folder,
            truth,
            rule=rule,
            ignore_bright_specks=arguments.ignore_bright_specks,
            patients=patients,
            images=arguments.images,
            intents=MARKS[arguments.marks],
            only=only,
        )
        for folder in (predictions, *arguments.compare)
    )
    names = [folder.name for folder in arguments.compare]
    save_evaluation(evaluation, arguments.output, predictions.name, dict(zip(names, others, strict=True)))
    for warning in evaluation.warnings:
        print(f"Warning: {shown_name(warning.message)}")
    _print_points("calcifications", evaluation.free_response)
    print_figures(evaluation.figures_of_merit["calcification"])
    if evaluation.cluster_free_response is not None:
        _print_points("clusters", evaluation.cluster_free_response)
        print_figures(evaluation.figures_of_merit["cluster"])
    for name, words in _OUTLINES.items():
        matched = evaluation.overlap[name]
        if matched["count"]:
            means = f"mean IoU {matched['iou']['mean']:.3f}, Dice {matched['dice']['mean']:.3f}"
            print(f"\nOutlines of {matched['count']} hits{words}: {means}")
    _print_clouds(evaluation.clouds)
    for name, other in zip(names, others, strict=True):
        print(f"\nFor comparison, {shown_name(name)}:")
        _print_points("calcifications", other.free_response)
        print(f"\nWhat {shown_name(predictions.name)} finds more than {shown_name(name)}, paired by patient:")
        for _, row in sensitivity_gain(evaluation.calcifications, other.calcifications).iterrows():
            print(
                f"  {row['false_per_image']:g} false per image".ljust(23)
                + f"{row['gain']:+.3f} ({row['gain_low']:+.3f} to {row['gain_high']:+.3f})"
            )
    print(f"\nWritten to {arguments.output}")
    return 0


def _print_clouds(clouds: dict[str, Any] | None) -> None:
    """One line about the outlines around amorphous clusters; none where there are neither true nor found ones."""
    if clouds is None or not clouds["true"] + clouds["found"]:
        return
    dice = "" if clouds["dice"]["mean"] is None else f" (mean Dice of all {clouds['dice']['mean']:.3f})"
    outlined = f"{clouds['outlined']} of {clouds['true']} amorphous clusters outlined{dice}"
    print(f"\nClouds: {outlined}, {clouds['false']} of {clouds['found']} clouds on none of them")


def print_figures(figures: Mapping[str, Estimate]) -> None:
    """One line with the figures of merit that exist."""
    known = [
        f"{name} {value.value:.3f}" + (f" ({value.low:.3f} to {value.high:.3f})" if value.low < value.high else "")
        for name, value in figures.items()
        if not math.isnan(value.value)
    ]
    if known:
        print("  " + ", ".join(known))


def _print_points(name: str, response: FreeResponse) -> None:
    area = f"{response.breast_area_cm2:.0f} cm² of breast"
    print(f"\n{response.truths} true {name} in {response.images} images of {response.patients} patients, {area}")
    units = {"image": "false per image", "cm2": "false per cm²"}
    for _, point in response.operating_points.iterrows():
        unit = units.get(str(point["per"]))
        asked = f"{point['false_marks']:g} {unit}" if unit else str(point["per"])
        if not point["reached"]:
            print(f"  {asked:20} not reached")
            continue
        low, high = point["sensitivity_low"], point["sensitivity_high"]
        interval = f" ({low:.3f} to {high:.3f})" if low < high else ""
        print(
            f"  {asked:20} sensitivity {point['sensitivity']:.3f}{interval}, "
            f"{point['false_per_image']:.2f} false per image, {point['false_per_cm2']:.3f} per cm²"
        )
