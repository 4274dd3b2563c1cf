"""``microcalc train detector-images``: the training images of the lesion detector."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--lesions",
        type=Path,
        metavar="CSV",
        help="your own images: image, patient, row_min, row_max, column_min, column_max, class (benign or malignant; "
        "empty cells for an image without a lesion), and breast, spacing_mm, split where known",
    )
    source.add_argument("--backgrounds", type=Path, metavar="TABLE", help="simulate; CSV as for the selector")
    parser.add_argument(
        "--split", default="train", help="rows of the backgrounds, or of your table when it has splits (default: train)"
    )
    parser.add_argument("--cbis", type=Path, nargs="+", metavar="CSV", help="simulate lesions of these cases")
    parser.add_argument("--count", type=int, default=240, metavar="N", help="simulated images (default: 240)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--grid", type=float, default=0.1, metavar="MM", help="pixel size for the detector (default: 0.1)"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="finished images in it are kept")


def run(arguments: argparse.Namespace) -> int:
    """Make the images that are not there yet."""
    from ..base.errors import ParameterError
    from ..training.backgrounds import read_backgrounds
    from ..training.detector_images import store_images, stored_names, write_description
    from ..training.lesion_images import (
        LesionSimulation,
        described,
        lesion_rows,
        read_lesion_images,
        simulated_lesion_images,
        simulated_name,
    )
    from ..training.simulated_clusters import read_cohort

    if arguments.lesions:
        total = lesion_rows(arguments.lesions, arguments.split)["image"].nunique()
        write_description(arguments.output, {"simulated": False, "training_data": f"table {arguments.lesions.name}"})
        images = read_lesion_images(arguments.lesions, arguments.split)
        stored = store_images(images, arguments.output, arguments.grid, total, show_progress)
    elif arguments.cbis:
        simulation = LesionSimulation(images=arguments.count, seed=arguments.seed)
        cohort, backgrounds = read_cohort(arguments.cbis), read_backgrounds(arguments.backgrounds, arguments.split)
        write_description(arguments.output, described(simulation, cohort, backgrounds))
        there = stored_names(arguments.output)
        missing = [number for number in range(arguments.count) if simulated_name(simulation, number) not in there]
        made = simulated_lesion_images(cohort, backgrounds, simulation, missing)
        stored = store_images(made, arguments.output, arguments.grid, len(missing), show_progress)
    else:
        raise ParameterError("Simulated lesions are drawn from the cases of CBIS-DDSM; give its tables with --cbis.")
    print(f"{stored} images → {arguments.output}")
    return 0
