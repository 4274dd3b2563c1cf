"""The command that measures a selector's operating points on images without known calcifications."""

from __future__ import annotations

import argparse
from pathlib import Path

from .terminal import show_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``microcalc train operating-points``."""
    parser.add_argument("--selector", required=True, type=Path, metavar="DIR", help="model folder; its card is changed")
    parser.add_argument(
        "--images",
        required=True,
        type=Path,
        metavar="TABLE",
        help="CSV: image, spacing_mm, patient, split; images in which no calcification is known",
    )
    parser.add_argument("--split", default="held-out", help="rows of the table to use (default: held-out)")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the card, and print what was measured."""
    from ..base.parameters import SelectionParameters
    from ..training.backgrounds import read_backgrounds
    from ..training.operating_points import measure_operating_points, measured_rates

    images = read_backgrounds(arguments.images, arguments.split)
    judged, points = measure_operating_points(images, arguments.selector, show_progress)
    default = SelectionParameters().false_marks_per_cm2
    for point in points:
        rate, threshold = point["false_marks_per_cm2"], point["threshold"]
        print(f"{rate:g} false marks per cm²: threshold {threshold:.3f}")
        if rate == default:
            print(measured_rates(judged, threshold).to_string(index=False, float_format="{:.3f}".format))
    return 0
