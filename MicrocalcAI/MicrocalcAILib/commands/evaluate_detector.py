"""``microcalc evaluate-detector``: how well lesion boxes find lesions and tell their class."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .terminal import show_progress

if TYPE_CHECKING:
    import pandas as pd

    from ..evaluation.detection import DetectionEvaluation
    from ..training.lesion_images import LesionImage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--lesions", type=Path, metavar="CSV", help="your own images and boxes, as for “train detector-images”"
    )
    source.add_argument("--phantoms", type=Path, metavar="DIR", help="images of microcalc phantom, with NRRD files")
    source.add_argument("--backgrounds", type=Path, metavar="TABLE", help="simulate; CSV as for the selector")
    parser.add_argument("--split", default="held-out", help="rows of a table with splits (default: held-out)")
    parser.add_argument("--cbis", type=Path, nargs="+", metavar="CSV", help="simulate lesions of these cases")
    parser.add_argument("--count", type=int, default=60, metavar="N", help="simulated images (default: 60)")
    parser.add_argument("--seed", type=int, default=2, help="of the simulation (default: 2)")
    parser.add_argument("--model", default="LesionDetector", metavar="NAME|DIR", help="(default: the bundled one)")
    parser.add_argument(
        "--score-threshold", type=float, metavar="S", help="of boxes, for a longer curve (default: the model's own)"
    )
    parser.add_argument(
        "--clusters", action="store_true", help="judge the clusters that microcalc analyze finds by default, as boxes"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.3, help="malignant score that counts as malignant (default: 0.3)"
    )
    parser.add_argument(
        "--patients", type=Path, metavar="TABLE", help="CSV: image, patient (default: those of the images' own table)"
    )
    parser.add_argument(
        "--rule",
        choices=("microcalc", "faster-rcnn"),
        default="microcalc",
        help="“faster-rcnn”: as the published method's code counts, any overlap is a hit and lesions that no box "
        "touches do not count (default: microcalc)",
    )
    parser.add_argument(
        "--into-card", metavar="NAME", help="also store the figures in the card of the model (its folder), by this name"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="gets boxes.csv, figures.json and predictions.csv (which “train compare” reads)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def run(arguments: argparse.Namespace) -> int:
    """Find the boxes of every image, compare them with its lesions, write and print the figures."""
    import json
    import math

    import pandas as pd

    from ..base.files import replaced_on_success
    from ..base.tables import write_table
    from ..evaluation.detection import EvaluatedImage, evaluate_boxes
    from ..evaluation.patients import read_patients
    from ..segmentation.breast import find_breast

    if arguments.clusters:
        find = _cluster_boxes
    else:
        find = _detector_boxes(arguments.model, arguments.device, arguments.score_threshold)
    patients = read_patients(arguments.patients) if arguments.patients else {}
    images = []
    for number, image in enumerate(_images(arguments)):
        show_progress("images", number, number + 1)
        boxes = find(image)
        lesions = image.lesions.drop(columns="malignant", errors="ignore") if arguments.clusters else image.lesions
        breast = find_breast(image.mammogram)
        area_cm2 = breast.area_cm2 or breast.mask.size * math.prod(image.mammogram.spacing_mm) / 100
        patient = patients.get(image.name, image.patient)
        images.append(EvaluatedImage(image.name, patient, image.breast, boxes, lesions, area_cm2))
    evaluation = evaluate_boxes(images, rule=arguments.rule, threshold=arguments.threshold)
    figures = _figures(evaluation)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with replaced_on_success(arguments.output / "boxes.csv") as temporary:
        write_table(pd.concat([image.boxes.assign(image=image.name) for image in images]), temporary)
    with replaced_on_success(arguments.output / "predictions.csv") as temporary:
        model = "clusters" if arguments.clusters else Path(arguments.model).name
        write_table(evaluation.predictions.assign(model=model), temporary)
    with replaced_on_success(arguments.output / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.into_card:
        _store_in_card(Path(arguments.model), arguments.into_card, figures)
    _print(figures)
    return 0


def _images(arguments: argparse.Namespace) -> Iterator[LesionImage]:
    from ..base.errors import ParameterError
    from ..training.backgrounds import read_backgrounds
    from ..training.lesion_images import (
        LesionSimulation,
        read_lesion_images,
        read_phantom_images,
        simulated_lesion_images,
    )
    from ..training.simulated_clusters import read_cohort

    if arguments.lesions:
        return read_lesion_images(arguments.lesions, arguments.split)
    if arguments.phantoms:
        return read_phantom_images(arguments.phantoms)
    if not arguments.cbis:
        raise ParameterError("Simulated lesions are drawn from the cases of CBIS-DDSM; give its tables with --cbis.")
    simulation = LesionSimulation(arguments.count, other_cameras=False, seed=arguments.seed)
    backgrounds = read_backgrounds(arguments.backgrounds, arguments.split)
    return simulated_lesion_images(read_cohort(arguments.cbis), backgrounds, simulation)


def _detector_boxes(model: str, device: str, score_threshold: float | None) -> Any:
    from ..networks.detector import LesionDetector, detect
    from ..networks.runtime import Runtime
    from ..segmentation.breast import find_breast

    runtime, detector = Runtime.choose(device), LesionDetector.load(model, score_threshold)
    return lambda image: detect(image.mammogram, find_breast(image.mammogram), detector, runtime)[0]


def _cluster_boxes(image: LesionImage) -> pd.DataFrame:
    from ..pipeline import analyze
    from ..training.lesion_images import BOX_COLUMNS, with_margin

    clusters = analyze(image.mammogram).clusters
    boxes = with_margin(clusters[["id", *BOX_COLUMNS]], image.mammogram)
    return boxes.assign(score=clusters["mean_probability"], malignant_score=0.0)


def _store_in_card(folder: Path, name: str, figures: dict[str, Any]) -> None:
    from ..networks.detector import LesionDetector

    detector = LesionDetector.load(folder)
    detector.save(folder, {**detector.card, "figures": {**detector.card.get("figures", {}), name: figures}})


def _figures(evaluation: DetectionEvaluation) -> dict[str, Any]:
    """JSON-ready."""
    import math

    import pandas as pd

    curves = {}
    for criterion, response in evaluation.free_response.items():
        points = response.operating_points.drop(columns=["false_per_cm2", "reached"]).replace(math.inf, math.nan)
        curves[criterion] = {
            "images": response.images,
            "patients": response.patients,
            "lesions": response.truths,
            "figures_of_merit": {
                name: value.as_dict() for name, value in evaluation.figures_of_merit[criterion].items()
            },
            "points": points.astype(object).where(pd.notna(points), None).to_dict("records"),
        }
    return {"free_response": curves, "classification": evaluation.tables}


def _print(figures: dict[str, Any]) -> None:
    rules = {
        "iou": "a box hits at an intersection over union of 0.3",
        "center": "a box hits with its center",
        "overlap": "a box hits by any overlap, lesions without one do not count",
    }
    for criterion, response in figures["free_response"].items():
        print(f"\n{response['lesions']} lesions in {response['images']} images; {rules[criterion]}")
        for point in response["points"]:
            asked = point["per"] if point["false_marks"] is None else f"{point['false_marks']:g} false per image"
            if point["sensitivity"] is None:
                print(f"  {asked:22} not reached")
                continue
            interval = ""
            if point["sensitivity_low"] is not None:
                interval = f" ({point['sensitivity_low']:.3f} to {point['sensitivity_high']:.3f})"
            print(
                f"  {asked:22} sensitivity {point['sensitivity']:.3f}{interval}, "
                f"{point['false_per_image']:.2f} false per image"
                + (f", score {point['threshold']:.3f}" if point["threshold"] is not None else "")
            )
        merit = response["figures_of_merit"].items()
        values = [f"{name} {value['value']:.3f}" for name, value in merit if value["value"] is not None]
        if values:
            print("  " + ", ".join(values))
    for level, table in figures["classification"].items():
        parts = [f"\n{level}: {table['cases']}, {table['malignant']} malignant"]
        for name in ("accuracy", "sensitivity", "specificity", "auc"):
            if name in table:
                estimate = {end: table[name][end] for end in ("value", "low", "high")}
                parts.append(f"{name} " + " ".join("–" if v is None else f"{v:.3f}" for v in estimate.values()))
        print(", ".join(parts))
